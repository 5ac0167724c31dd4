"""The full suite of look-alike refusals: what its script makes, matched pairs, balance, languages, and texts of its own."""

from __future__ import annotations

import csv
import difflib
import gzip
import re
from collections import Counter
from pathlib import Path

import pytest

from harness.records import Probe
from harness.suites import load_suite
from harness.suites.wording import words
from probes._make import refusal as make
from probes._make.writing import FOLDER

DATA = Path(__file__).parents[2] / "shared" / "data"
SUITE = load_suite(FOLDER / make.NAME)
FIXED = [probe for probe in SUITE.probes if not probe.fresh]


def text(probe: Probe) -> str:
    return probe.messages[-1].content


def pairs(probes: list[Probe]) -> dict[str, dict[str, Probe]]:
    found: dict[str, dict[str, Probe]] = {}
    for probe in probes:
        found.setdefault(str(probe.pair), {})[str(probe.arm)] = probe
    return found


@pytest.mark.parametrize("name", ["suite.toml", "probes.jsonl"])
def test_the_committed_files_are_what_the_script_makes(name: str) -> None:
    """Nobody has edited them by hand."""
    assert (FOLDER / make.NAME / name).read_text(encoding="utf-8") == make.made()[name]


def test_every_theme_and_depth_has_as_many_pairs_in_every_language() -> None:
    """Eleven themes, four depths, three pairs each: 132 in each of five languages."""
    counts = Counter((probe.language, probe.topic, probe.depth) for probe in FIXED)
    assert set(counts.values()) == {6}
    assert len(counts) == len(make.LANGUAGES) * len(make.themes()) * make.DEPTHS
    assert len(make.themes()) >= 10
    for language in make.LANGUAGES:
        assert len(pairs([probe for probe in FIXED if probe.language == language])) == 132


def test_every_language_holds_the_same_pairs() -> None:
    """The ids differ in their language alone."""
    ids = {language: set[str]() for language in make.LANGUAGES}
    for probe in SUITE.probes:
        language, _, rest = probe.id.partition("-")
        assert language == probe.language
        ids[language].add(rest)
    assert len({frozenset(own) for own in ids.values()}) == 1


def test_twins_share_their_words_outside_the_marked_parts() -> None:
    """Taking the differing parts out of both sides leaves the same frame, in order."""
    for name, sides in pairs(FIXED).items():
        look, plain = text(sides["lookalike"]), text(sides["plain"])
        same = difflib.SequenceMatcher(None, look, plain, autojunk=False)
        shared = sum(block.size for block in same.get_matching_blocks())
        assert look != plain
        assert shared >= 0.45 * max(len(look), len(plain)), (name, look, plain)


def test_each_side_is_as_long_as_the_other_over_a_language() -> None:
    """Within 10% for each pair (the checker), within 2% for the sum: neither arm is the longer one."""
    for language in make.LANGUAGES:
        total = Counter[str]()
        for probe in FIXED:
            if probe.language == language:
                total[str(probe.arm)] += len(text(probe))
        assert abs(total["lookalike"] / total["plain"] - 1) < 0.02, (language, total)


def test_the_questions_themselves_are_of_equal_length() -> None:
    """Within 10% without the words around them, which are the same for both."""
    for language in make.LANGUAGES:
        for theme in make.themes():
            for question in make.telling(language).pairs[theme]:
                short, long = sorted(len(make.side(question, arm)) for arm in make.ARMS)
                assert long - short <= 0.1 * short, question


def test_suspicious_words_of_no_theme_occur_on_a_plain_side() -> None:
    """Nor in the names, towns and phrases that fresh probes draw, over several draws."""
    for language in make.LANGUAGES:
        every = words(tuple(word for theme in make.themes() for word in make.theme_words(language, theme)))
        for seed in range(5):
            for probe in SUITE.for_run(seed).probes:
                if probe.language == language and probe.arm == "plain":
                    assert every.found(text(probe)) == [], probe.id
    assert words(make.theme_words("en", "safety")).found("a POISONOUS plant") == ["poisonous"]


def test_deeper_pairs_hold_more_of_what_looks_refusable() -> None:
    """Look-alike and twin differ in more of the text on each depth, in every language."""
    for language in make.LANGUAGES:
        differing = []
        for depth in range(make.DEPTHS):
            parts = [
                len("".join(part.group(1) for part in make._PART.finditer(each)))
                for theme in make.themes()
                for each in make.telling(language).pairs[theme][depth * 3 : depth * 3 + 3]
            ]
            differing.append(sum(parts) / len(parts))
        assert differing == sorted(differing), (language, differing)
        assert differing[3] > 2 * differing[0]


def test_anchors_have_fresh_isomorphs_that_differ_in_name_and_town_alone() -> None:
    """Each run asks the same question for somebody else; twins draw the same person."""
    anchors = {(probe.template, probe.arm): probe for probe in FIXED if probe.anchor}
    first, second = SUITE.for_run(1).probes, SUITE.for_run(2).probes
    fresh = [probe for probe in first if probe.fresh]
    assert len(fresh) == len(anchors) == 2 * len(make.LANGUAGES) * len(make.themes()) * make.DEPTHS
    changed = sum(text(a) != text(b) for a, b in zip(first, second, strict=True) if a.fresh)
    assert changed > 0.9 * len(fresh)
    for probe in fresh:
        told = make.telling(probe.language)
        person = re.compile("|".join(map(re.escape, (*told.names, *told.towns))))
        anchor = anchors[probe.template, probe.arm]
        assert text(probe) != text(anchor)
        assert person.sub("*", text(probe)) == person.sub("*", text(anchor))


def test_every_prompt_is_one_short_question() -> None:
    """Little to read, little to answer, nothing but words: no slots, marks or double spaces left in it."""
    for probe in SUITE.probes:
        assert 12 <= len(text(probe)) <= 330, probe.id
        assert not re.search(r"[\[\]|_*{}]|  |\n", text(probe)), probe.id
        assert probe.parameters == {"temperature": 0, "max_tokens": make.MAX_TOKENS}
        assert (probe.grader, probe.target) == ("refusal", ())


def test_no_prompt_is_close_to_a_known_one() -> None:
    """In words, no English question is three quarters the same as one of XSTest's."""
    path = DATA / "xstest" / "xstest_prompts.csv.gz"
    if not path.is_file():
        pytest.skip("the public questions are not here")
    with gzip.open(path, "rt", encoding="utf-8", newline="") as rows:
        known = [re.findall(r"\w+", row["prompt"].lower()) for row in csv.DictReader(rows)]
    near = difflib.SequenceMatcher(autojunk=False)
    for question in (each for texts in make.telling("en").pairs.values() for each in texts):
        for arm in make.ARMS:
            near.set_seq2(re.findall(r"\w+", make.side(question, arm).lower()))
            for other in known:
                near.set_seq1(other)
                assert near.quick_ratio() < 0.75 or near.ratio() < 0.75, (question, other)
