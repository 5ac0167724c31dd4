"""The suites that come with harness: free of mistakes, documented truly, harmless in form, and written here."""

from __future__ import annotations

import csv
import gzip
import json
import re
from pathlib import Path

import pytest

from harness.graders import GRADERS, grade
from harness.suites import check_suite, load_suite, shipped
from harness.suites.documentation import facts, with_facts

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "docs" / "suites"
DATA = ROOT.parent / "shared" / "data"
SUITES = {name: load_suite(folder) for name, folder in shipped().items()}
BASIC = ("capability-quick", "topic-pairs", "refusal-quick")


@pytest.mark.parametrize("name", SUITES)
def test_shipped_suites_pass_the_checker(name):
    """No mistake in any of twenty draws."""
    assert check_suite(SUITES[name]) == []


@pytest.mark.parametrize("name", SUITES)
def test_shipped_suites_have_their_hash_recorded(name):
    """The content is that of the recorded version."""
    assert SUITES[name].recorded_hash == SUITES[name].content_hash


@pytest.mark.parametrize("name", SUITES)
def test_every_suite_has_a_page_whose_counts_are_true(name):
    """The table of counts is the suite's; the page ends in possible conclusions and limitations."""
    page = (PAGES / f"{name}.md").read_text(encoding="utf-8")
    assert facts(SUITES[name]) in page
    assert with_facts(page, SUITES[name]) == page
    headings = re.findall(r"^## (.+)$", page, re.MULTILINE)
    assert headings[-2:] == ["Possible conclusions", "Limitations"]
    assert page.startswith(f"# {name}\n")


def test_the_suites_page_lists_every_suite_and_every_key():
    """docs/suites/README.md links each suite and names each key of the format."""
    from harness.suites.header import _KEYS as HEADER_KEYS
    from harness.suites.lines import _KEYS as PROBE_KEYS

    page = (PAGES / "README.md").read_text(encoding="utf-8")
    for name in SUITES:
        assert f"]({name}.md)" in page
    for key in (*HEADER_KEYS, *PROBE_KEYS):
        assert f"`{key}`" in page or f"`[{key}]`" in page or f"`[[{key}]]`" in page, key


@pytest.mark.parametrize("name", BASIC)
def test_the_basic_suites_have_sixty_probes_and_more(name):
    """Enough to see a large change in one run."""
    assert len(SUITES[name].probes) >= 72


@pytest.mark.parametrize("name", SUITES)
def test_every_target_is_graded_right_by_its_own_grader(name):
    """Saying the accepted answer scores 1, in several draws."""
    for seed in range(3):
        for probe in SUITES[name].for_run(seed).probes:
            for target in probe.target if probe.grader in ("numeric", "word", "exact", "choice") else ():
                assert grade(probe.grader, target, probe.target, probe.options).score == 1.0, probe.id
            assert GRADERS[probe.grader].check(probe.target, probe.options) == []


def test_capability_quick_has_five_rungs_with_an_anchor_and_a_fresh_probe_in_every_family():
    """Each family is a ladder; each rung can be compared between known and new text."""
    suite = SUITES["capability-quick"]
    for family in suite.families:
        for rung in range(1, 6):
            here = [probe for probe in suite.probes if (probe.family, probe.difficulty) == (family, rung)]
            assert any(probe.anchor for probe in here), (family, rung)
            assert any(probe.fresh for probe in here), (family, rung)


def test_topic_pairs_cover_every_topic_and_depth():
    """Six pairs a topic, depths 0 to 3, numbers equal on both sides."""
    suite = SUITES["topic-pairs"]
    pairs: dict[str, dict[str, str]] = {}
    for probe in suite.probes:
        pairs.setdefault(str(probe.pair), {})[str(probe.arm)] = probe.messages[-1].content
    assert len(pairs) == 36
    for topic in suite.topics:
        depths = [probe.depth for probe in suite.probes if probe.topic == topic]
        assert sorted(set(depths)) == [0, 1, 2, 3]
        assert len(depths) == 12
    for sides in pairs.values():
        assert re.findall(r"\d+", sides["topic"]) == re.findall(r"\d+", sides["neutral"])


def test_the_small_suites_stay_affordable_for_a_small_model():
    """Short prompts and few tokens: all three suites fit into two minutes on one core."""
    asked = [probe for name in BASIC for probe in SUITES[name].probes]
    assert sum(len(message.content) for probe in asked for message in probe.messages) < 40_000
    assert sum(int(str(probe.parameters["max_tokens"])) for probe in asked) < 9_000
    assert all(probe.parameters["temperature"] == 0 for probe in asked)


def _folded(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


def test_no_text_is_taken_from_a_known_benchmark():
    """No probe's question is one of the thousands of public ones."""
    if not (DATA / "probe_sets").is_dir():
        pytest.skip("the public questions are not here")
    known: set[str] = set()
    for path in sorted((DATA / "probe_sets").glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                known |= {
                    _folded(str(row[key])) for key in ("prompt", "question", "input", "problem") if key in row
                }
    with gzip.open(DATA / "xstest" / "xstest_prompts.csv.gz", "rt", encoding="utf-8", newline="") as lines:
        known |= {_folded(row["prompt"]) for row in csv.DictReader(lines)}
    assert len(known) > 5_000
    suffixes = ("answer in one short sentence", "answer with one word", "reply with only the number")
    for suite in SUITES.values():
        for probe in suite.probes:
            text = _folded(probe.messages[-1].content)
            for suffix in suffixes:
                text = text.removesuffix(suffix).strip()
            assert text not in known, probe.id
