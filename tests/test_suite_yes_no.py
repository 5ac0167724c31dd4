"""The suite of yes-or-no questions: its answers are right, and both answers are due equally often."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from harness.suites import load_suite
from probes._make import yes_no as make
from probes._make.writing import FOLDER

SUITE = load_suite(FOLDER / make.NAME)


@pytest.mark.parametrize("name", ["suite.toml", "probes.jsonl"])
def test_the_committed_files_are_what_the_script_makes(name: str) -> None:
    """Nobody has edited them by hand."""
    assert (FOLDER / make.NAME / name).read_text(encoding="utf-8") == make.made()[name]


def test_both_answers_are_due_equally_often() -> None:
    """In every family and on every rung."""
    counts = Counter((probe.family, probe.difficulty, probe.target[0]) for probe in SUITE.probes)
    assert len(counts) == 4 * make.RUNGS * 2
    assert set(counts.values()) == {make.PER_SIDE}


def test_every_target_is_right() -> None:
    """Each question, read from its text, has the answer that the suite says."""
    for probe in SUITE.probes:
        text = probe.messages[-1].content
        numbers = [int(number) for number in re.findall(r"\d+", text)]
        right = {
            "primes": lambda n: all(pow(base, n[0] - 1, n[0]) == 1 for base in (2, 3, 5, 7) if n[0] % base),
            "divisibility": lambda n: n[0] % n[1] == 0,
            "sums": lambda n: n[0] + n[1] > n[2],
            "order": lambda n: n == sorted(n),
        }[probe.family](numbers)
        assert probe.target == ("yes" if right else "no",), text
