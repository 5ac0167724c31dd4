"""The suite of fingerprints: fixed prompts, habits that show, ties that are ties, and what its script makes."""

from __future__ import annotations

import json
import statistics
import unicodedata

import pytest

from harness.config import Endpoint
from harness.graders import grade
from harness.local import problems
from harness.observe import observe
from harness.records import Outcome
from harness.suites import load_suite
from probes._make import identity as make
from probes._make import near_ties
from probes._make.writing import FOLDER
from tests import wire

SUITE = load_suite(FOLDER / make.NAME)
PROBES = {probe.id: probe for probe in SUITE.probes}


@pytest.mark.parametrize("name", ["suite.toml", "probes.jsonl"])
def test_the_committed_files_are_what_the_script_makes(name: str) -> None:
    """Nobody has edited them by hand."""
    assert (FOLDER / make.NAME / name).read_text(encoding="utf-8") == make.made()[name]


def test_every_prompt_is_fixed_and_single() -> None:
    """Sixty prompts at least, none drawn, none in a pair, all at temperature 0."""
    assert len(PROBES) >= 60
    for probe in SUITE.probes:
        assert probe.anchor
        assert not probe.fresh
        assert probe.pair is None
        assert probe.parameters["temperature"] == 0


def test_one_token_is_asked_for_where_one_is_looked_at() -> None:
    """Counted texts and near ties end after a token; near ties ask for the probabilities as well."""
    for probe in SUITE.probes:
        if probe.family == "habit":
            continue
        assert probe.parameters["max_tokens"] == 1
        assert (probe.parameters.get("logprobs") is True) == (probe.family == "near-tie")


def test_the_counted_texts_are_of_many_scripts() -> None:
    """Tokenizers differ most where training texts were few: a dozen scripts and more are counted."""
    letters = "".join(make.COUNTED.values())
    scripts = {unicodedata.name(letter, "?").split()[0] for letter in letters if letter.isalpha()}
    known = {"LATIN", "CYRILLIC", "GREEK", "CJK", "HIRAGANA", "KATAKANA", "HANGUL", "ARABIC", "HEBREW"}
    assert known | {"DEVANAGARI", "TAMIL", "THAI", "GEORGIAN", "ETHIOPIC", "CHEROKEE"} <= scripts


HABITS = {
    "bold": ("Pack **sun cream** and a hat.", "Pack sun cream and a 2 * 3 m towel."),
    "bullets": ("Care:\n- Dust it.\n- Oil it.", "Dust it well-kept - and oil it."),
    "numbered": ("1. Take off the wheel.\n2. Lever.", "Take off 1 wheel. Use 2 levers."),
    "heading": ("## Rainbows\nLight bends.", "Light bends; colour #1 is red."),
    "table": ("| Tea | Coffee |\n|---|---|\n| mild | strong |", "Tea is mild, coffee strong."),
    "paragraphs": ("Less light.\n\nThe green goes.", "Less light.\nThe green goes."),
    "rule": ("Morning: walk.\n---\nNoon: eat.", "Morning - walk. Noon --- eat."),
    "colon-first": ("Walking has many benefits:\n- health", "Walking: good for health."),
    "closing-question": (
        "Learn three chords. Do you have a guitar?",
        "Do you have a guitar? Learn three chords.",
    ),
    "closing-offer": ("Name and date. Let me know if you want a draft.", "Name, date and your wish."),
    "opener": ("Sure! Owls hunt at night.", "Owls hunt at night, sure enough."),
    "praise": ("That is a great question. Space expands.", "The question is old. Space expands."),
    "exclamation": ("Well done! Eat pasta.", "Eat pasta."),
    "emoji": ("A new home 🏡 for you", "A new home for you :-)"),
    "dash": ("Fresh beans — nothing else.", "Fresh beans - nothing else."),
    "semicolon": ("A cat sleeps; a bell rings.", "A cat sleeps, a bell rings."),
    "curly-quotes": ("It means “start early”.", 'It means "start early".'),
    "parentheses": ("Plants make sugar (glucose).", "Plants make sugar, that is, glucose."),
    "first-person": ("I'd say in the morning.", "In the morning. It is quiet."),
    "says-it-is-a-model": ("As an AI, I have no seasons.", "Spring, for its light."),
    "not-just-but": ("It is not just memory but thought.", "It helps to remember and think."),
    "delve": ("They delve into archives.", "They read in archives."),
    "fence": ("```\nxs[::-1]\n```", "xs[::-1]"),
    "fence-language": ("```python\ndef add(a, b): ...\n```", "```\ndef add(a, b): ...\n```"),
    "code-comment": (
        "for i in range(1, 6):\n    print(i)  # one to five",
        "for i in range(1, 6):\n    print(i)",
    ),
    "type-hints": ("def count(text: str) -> int:", "def count(text):"),
    "latex": (r"\(x = 2\) or \(x = 3\)", "x = 2 or x = 3"),
    "bare-answer": ("366.", "A leap year has 366 days."),
    "full-stop": ("Paris.", "Paris"),
    "thousands-comma": ("12,000 metres", "12000 metres"),
    "day-first": ("On 20 July 1969.", "On July 20, 1969."),
    "british-spelling": ("Colours", "Colors"),
    "serial-comma": ("Red, yellow, and green.", "Red, yellow and green."),
    "kilometres-first": ("384,400 kilometres (238,855 miles).", "About 238,855 miles (384,400 km)."),
}


def test_every_habit_shows_or_does_not() -> None:
    """A text with the habit scores 1 and one without it 0: both are data, neither is right or wrong."""
    assert set(HABITS) == {name for name, *_ in make.HABITS}
    for name, (with_it, without) in HABITS.items():
        probe = PROBES[f"habit-{name}"]
        assert grade(probe.grader, with_it, probe.target, probe.options).score == 1.0, name
        assert grade(probe.grader, without, probe.target, probe.options).score == 0.0, name


def test_a_choice_that_was_not_made_is_unparsed() -> None:
    """Where a habit chooses between two forms, an answer with neither of them says nothing."""
    for name in ("thousands-comma", "day-first", "british-spelling", "serial-comma", "kilometres-first"):
        probe = PROBES[f"habit-{name}"]
        assert grade(probe.grader, "It depends.", probe.target, probe.options).score is None


@pytest.mark.model
async def test_the_ties_found_on_the_local_model_are_ties() -> None:
    """Of the prompts found by looking for them, half have first tokens within a seventh of each other's probability."""
    endpoint = Endpoint.model_validate({"protocol": "openai-chat", "model": near_ties.MODEL, "launch": {}})
    missing = problems(endpoint, "model")
    if missing:
        pytest.skip(missing[0])
    assert set(make.FOUND_TIES) <= set(near_ties.candidates())
    ties = await near_ties.measure(make.FOUND_TIES)
    assert statistics.median(tie.gap for tie in ties) < 0.15
    assert max(tie.gap for tie in ties) < 0.5


@pytest.mark.parametrize(("finish", "outcome"), [("length", Outcome.TRUNCATED), ("stop", Outcome.ANSWERED)])
def test_the_first_token_is_kept_whether_or_not_the_limit_ended_it(finish: str, outcome: Outcome) -> None:
    """One token is all that is asked for: most servers then say that the limit ended the reply, and its text counts."""
    body = json.dumps(
        {"model": "m", "choices": [{"index": 0, "message": {"content": " Heads"}, "finish_reason": finish}]}
    ).encode()
    probe = next(probe for probe in SUITE.probes if probe.family == "near-tie")
    seen = observe(wire.exchange("openai-chat", body), probe, wire.endpoint("openai-chat"))
    assert (seen.outcome, seen.answer) == (outcome, "Heads")
