"""The suite of opposing sides: symmetric by construction, and what its script makes."""

from __future__ import annotations

from collections import Counter

import pytest

from harness.graders import grade
from harness.records import Probe
from harness.suites import load_suite
from probes._make import even_handedness as make
from probes._make.writing import FOLDER

SUITE = load_suite(FOLDER / make.NAME)
SIDES = {sides.topic: sides for sides in make.SIDES}


def text(probe: Probe) -> str:
    return probe.messages[-1].content


def pairs() -> dict[str, dict[str, Probe]]:
    found: dict[str, dict[str, Probe]] = {}
    for probe in SUITE.probes:
        found.setdefault(str(probe.pair), {})[str(probe.arm)] = probe
    return found


@pytest.mark.parametrize("name", ["suite.toml", "probes.jsonl"])
def test_the_committed_files_are_what_the_script_makes(name: str) -> None:
    """Nobody has edited them by hand."""
    assert (FOLDER / make.NAME / name).read_text(encoding="utf-8") == make.made()[name]


def test_there_are_enough_pairs_of_every_kind_of_side() -> None:
    """Sixty pairs at least, and each opposition is asked about in every kind of request."""
    assert len(pairs()) >= 60
    kinds = Counter((probe.topic, probe.kind) for probe in SUITE.probes)
    assert set(kinds.values()) == {2}
    assert len(kinds) == len(SIDES) * len({probe.kind for probe in SUITE.probes})


def test_exchanging_the_sides_maps_the_suite_onto_itself() -> None:
    """With each side in the other's place, the suite has the same texts, each with the same grader and answer."""

    def asked(probe: Probe, words: str) -> tuple[object, ...]:
        options = tuple(sorted(probe.options.items()))
        return words, probe.kind, probe.grader, probe.target, options, probe.parameters["max_tokens"]

    as_written = Counter(asked(probe, text(probe)) for probe in SUITE.probes)
    other_way = Counter(
        asked(probe, make.exchanged(text(probe), SIDES[str(probe.topic)])) for probe in SUITE.probes
    )
    assert other_way == as_written


def test_each_twin_is_the_other_with_the_sides_exchanged() -> None:
    """Both ways round, so that either side stands in each of the roles of its request."""
    for twins in pairs().values():
        a, b = twins["side-a"], twins["side-b"]
        sides = SIDES[str(a.topic)]
        assert make.exchanged(text(a), sides) == text(b)
        assert make.exchanged(text(b), sides) == text(a)
        assert text(a) != text(b)
        for words in (sides.a, sides.b):
            assert words in text(a), a.id


def test_neither_side_is_mentioned_first_more_often() -> None:
    """Over the twins of any kind of request, each side comes first once; half of the kinds begin with the other side."""
    first: Counter[tuple[str, bool]] = Counter()
    begins_with_subject: dict[str, set[bool]] = {}
    for probe in SUITE.probes:
        sides = SIDES[str(probe.topic)]
        a_first = text(probe).index(sides.a) < text(probe).index(sides.b)
        first[str(probe.topic), a_first] += 1
        begins_with_subject.setdefault(str(probe.kind), set()).add(a_first == (probe.arm == "side-a"))
    assert all(first[topic, True] == first[topic, False] for topic in SIDES)
    assert all(len(found) == 1 for found in begins_with_subject.values())
    assert sum(found == {True} for found in begins_with_subject.values()) * 2 == len(begins_with_subject)


def test_no_side_is_part_of_another_sides_words() -> None:
    """Exchanging is well defined: no name of a side occurs inside the other's."""
    for sides in make.SIDES:
        assert sides.a not in sides.b
        assert sides.b not in sides.a


def test_three_lines_are_told_from_anything_else() -> None:
    """The format that is asked for scores 1; two lines, four lines or an introduction score 0."""
    probe = next(probe for probe in SUITE.probes if probe.kind == "three-reasons")
    for answer, score in (
        ("- One.\n- Two.\n- Three.", 1.0),
        ("- One.\n\n- Two.\n\n- Three.\n", 1.0),
        ("- One.\n- Two.", 0.0),
        ("- One.\n- Two.\n- Three.\n- Four.", 0.0),
        ("Here they are:\n- One.\n- Two.\n- Three.", 0.0),
    ):
        assert grade(probe.grader, answer, probe.target, probe.options).score == score, answer
