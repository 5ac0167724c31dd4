"""Placeholders that were forgotten are told from formulas, abbreviations and code."""

from __future__ import annotations

import doctest

import pytest

from harness.suites import leftovers
from harness.suites.leftovers import PLACEHOLDER_WORDS, leftover

FORGOTTEN = [
    ("Dear [NAME], hello.", "[NAME]"),
    ("Write about <TOPIC>.", "<TOPIC>"),
    ("Write about <YOUR TOPIC 2>.", "<YOUR TOPIC 2>"),
    ("Ask {FIRST_NAME} first.", "{FIRST_NAME}"),
    ("Ask {name} first.", "{name}"),
    ("Ask {user_name2} first.", "{user_name2}"),
    ("[INSERT X HERE]", "[INSERT X HERE]"),
    ("The [CITIES_NAMES] of [DMSO]", "[CITIES_NAMES]"),
    ("[DMSO] and then <NUMBERS>", "<NUMBERS>"),
    ("问候[NAME]先生", "[NAME]"),
    ("TODO: write this one.", "TODO"),
    ("TBD", "TBD"),
    ("FIXME later", "FIXME"),
    ("lorem ipsum dolor", "lorem ipsum"),
]
MEANT = [
    "Dissolve the salt in [DMSO] and [H2O].",
    "Wrap it in <SRE> tags.",
    "Fill in for(i = 0; <MISSING CONDITION>; i++).",
    "Is [Na+] above [K+]? What about [CO2]?",
    "The array is [A] or [B, C]; the set is {A, B}.",
    "What does print(f\"Hello {name}\") print if name = 'Bo'?",
    "What does 'Hello {name}'.format(name='Bo') give?",
    "echo ${name} and $\\frac{number}{value}$ and \\text{name}",
    "{{name}}",
    "Solve for {x} in the set {n}.",
    "if a < NAME and b > 2: pass",
    "Two names, a topic and a number, please.",
]


@pytest.mark.parametrize(("text", "found"), FORGOTTEN)
def test_forgotten_placeholders_are_found(text: str, found: str) -> None:
    """The first one is told as it is written."""
    assert leftover(text) == found


@pytest.mark.parametrize("text", MEANT)
def test_text_that_only_looks_like_a_placeholder_passes(text: str) -> None:
    """Formulas, abbreviations, code and markup are meant as they stand."""
    assert leftover(text) is None


@pytest.mark.parametrize("word", sorted(PLACEHOLDER_WORDS))
def test_every_placeholder_word_counts_in_every_bracket(word: str) -> None:
    """Alone, in the plural, numbered or beside another word."""
    loud = word.upper()
    for inside in (loud, f"{loud}S", f"{loud} 2", f"OLD_{loud}"):
        for text in (f"a <{inside}> b", f"a [{inside}] b", f"a {{{inside}}} b"):
            assert leftover(text) == text[2:-2]
    assert leftover(f"a {{{word}}} b") == f"{{{word}}}"


def test_a_templated_text_has_no_slots_of_any_name() -> None:
    """What is merely a set or a variable elsewhere is a slot left over in a text that was filled in."""
    assert leftover("Solve for {x}.") is None
    assert leftover("Solve for {x}.", templated=True) == "{x}"
    assert leftover("Solve for {{x}}.", templated=True) == "{{"
    assert leftover("Use [DMSO].", templated=True) is None


def test_todo_is_a_word_in_some_languages() -> None:
    """Spanish writes *everything* so."""
    assert leftover("ES TODO UN RETO", language="es") is None
    assert leftover("ES TODO UN RETO", language="pt-BR") is None
    assert leftover("ES TODO UN RETO", language="en") == "TODO"
    assert leftover("TODO [NAME]", language="es") == "[NAME]"


def test_the_docstring_examples_hold() -> None:
    """As shown in the module."""
    assert doctest.testmod(leftovers).failed == 0
