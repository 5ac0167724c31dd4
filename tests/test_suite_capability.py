"""The full capability suite: ladders without gaps, targets found a second time in another way, fresh draws that hold."""

from __future__ import annotations

import re
from collections import Counter, defaultdict

import pytest

from harness.graders import GRADERS, grade
from harness.records import Probe
from harness.suites import load_suite
from harness.suites.fresh import render
from probes._make import capability as make
from probes._make.capability_tasks import Task
from probes._make.writing import FOLDER

SUITE = load_suite(FOLDER / make.NAME)
TASKS = list(make.tasks())
LONG = "long-context"


def text(probe: Probe) -> str:
    return probe.messages[-1].content


@pytest.mark.parametrize("name", ["suite.toml", "probes.jsonl"])
def test_the_committed_files_are_what_the_script_makes(name: str) -> None:
    """Nobody has edited them by hand."""
    assert (FOLDER / make.NAME / name).read_text(encoding="utf-8") == make.made()[name]


def test_every_family_is_a_ladder_of_six_rungs() -> None:
    """Eight probes and three templates a rung at least, four probes of long texts; anchors and fresh ones on each."""
    assert set(SUITE.families) == {task.family for task in TASKS}
    for family in SUITE.families:
        for rung in range(1, 7):
            here = [probe for probe in SUITE.probes if (probe.family, probe.difficulty) == (family, rung)]
            assert len(here) >= (4 if family == LONG else 8), (family, rung)
            assert sum(probe.anchor for probe in here) >= 2
            assert sum(probe.fresh for probe in here) >= 2
            templates = {probe.template for probe in here}
            assert len(templates) >= (2 if family in (LONG, "multilingual") else 3), (family, rung)


def test_anchors_and_fresh_probes_come_from_the_same_templates() -> None:
    """Of every template there are both, in every language, with the same grader and room for the answer."""
    kin: dict[tuple[str | None, str], list[Probe]] = defaultdict(list)
    for probe in SUITE.probes:
        kin[probe.template, probe.language].append(probe)
    for name, probes in kin.items():
        assert {probe.anchor for probe in probes} == {True, False}, name
        assert (
            len({(probe.grader, probe.difficulty, str(dict(probe.parameters))) for probe in probes}) == 1
        ), name


@pytest.mark.parametrize("task", TASKS, ids=lambda task: f"{task.template}{task.language}")
def test_a_right_answer_scores_and_another_does_not(task: Task) -> None:
    """The target, in the form asked for, scores 1 in several draws; an answer beside it never does."""
    for _, (values, probe) in zip(range(2), make.draws(task, "test"), strict=False):
        assert GRADERS[probe.grader].check(probe.target, probe.options) == []
        right = render(task.witness, values) if task.witness else probe.target[0]
        assert grade(probe.grader, right, probe.target, probe.options).score == 1.0, (right, text(probe))
        if probe.grader in ("numeric", "word"):
            for form in ("I count again.\nAnswer: {}", "So:\n\n**Answer:** {}.", "Answer: **{}**"):
                said = form.format(right)
                assert grade(probe.grader, said, probe.target, probe.options).score == 1.0, said
        for wrong in ("Answer: 987654321", "def f():\n    return 0", "- I cannot say"):
            if task.template != "format-constraints-1-short":
                assert not grade(probe.grader, wrong, probe.target, probe.options).score, wrong


def test_fresh_probes_are_valid_for_fifty_seeds() -> None:
    """Every draw has a usable target, new text, and nothing that an anchor asks."""
    anchors = {probe.messages for probe in SUITE.probes if probe.anchor}
    seen: Counter[str] = Counter()
    for seed in range(50):
        fresh = [probe for probe in SUITE.for_run(seed).probes if probe.fresh]
        for probe in fresh:
            assert probe.messages not in anchors
            assert GRADERS[probe.grader].check(probe.target, probe.options) == [], probe.id
            seen[text(probe)] += 1
    assert len(seen) > 2_000
    # A pool has few instances, and still no text comes up in most runs.
    assert max(seen.values()) <= 40


def test_the_long_texts_stay_bounded() -> None:
    """Each rung is about twice as long as the one before; the longest has twelve thousand tokens and more."""
    words: dict[int, list[int]] = defaultdict(list)
    for probe in SUITE.probes:
        if probe.family == LONG:
            assert probe.difficulty is not None
            words[probe.difficulty].append(len(text(probe).split()))
    assert all(max(words[rung]) < min(words[rung + 1]) for rung in range(1, 6))
    assert min(words[1]) > 200
    assert 8_500 < max(words[6]) < 11_500
    assert (FOLDER / make.NAME / "probes.jsonl").stat().st_size < 2_000_000


def test_languages_are_asked_the_same_with_the_same_numbers() -> None:
    """Anchors and fresh probes of a template agree in number and answer across the five languages."""
    for seed in (0, 1):
        asked: dict[tuple[str | None, bool], list[Probe]] = defaultdict(list)
        for probe in SUITE.for_run(seed).probes:
            if probe.family == "multilingual":
                asked[probe.template, probe.anchor].append(probe)
        for key, probes in asked.items():
            assert [probe.language for probe in probes] == list(make.LANGUAGES), key
            assert len({probe.target for probe in probes}) == 1, key
            assert len({tuple(re.findall(r"\d+", text(probe))) for probe in probes}) == 1, key
