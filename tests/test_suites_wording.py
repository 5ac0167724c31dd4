"""Topic words: how they are found in a text, and lists of them per language."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import ConfigError
from harness.suites import load_suite
from harness.suites.wording import words

HEADER = """\
format = 1
name = "mine"
version = 1
title = "Mine"
description = "Pairs in two languages."
licence = "CC0-1.0"
languages = ["en", "es"]
families = ["pairs"]
topics = ["sea"]
arms = ["topic", "neutral"]

[topic_words.sea]
en = ["ship*", "sea"]
es = ["barco*", "red"]

[[versions]]
version = 1
date = "2026-11-22"
note = "First."
"""


def pair(language: str, topic: str, neutral: str) -> list[dict[str, object]]:
    """Return the two lines of a pair."""
    shared = {"family": "pairs", "topic": "sea", "pair": language, "language": language}
    rest = {"grader": "numeric", "target": "5"}
    return [
        {"id": f"{language}-t", "arm": "topic", "prompt": topic, **shared, **rest},
        {"id": f"{language}-n", "arm": "neutral", "prompt": neutral, **shared, **rest},
    ]


EN = pair("en", "A ship has 5 red sails.", "A tent has 5 red poles.")
ES = pair("es", "Una red tiene 5 nudos.", "Una silla tiene 5 patas.")


def write(folder: Path, lines: list[dict[str, object]], header: str = HEADER) -> Path:
    """Write a suite named `mine`."""
    place = folder / "mine"
    place.mkdir()
    (place / "suite.toml").write_text(header, encoding="utf-8")
    (place / "probes.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return place


@pytest.mark.parametrize(
    ("wanted", "text", "found"),
    [
        (("cell",), "A cell, two cells.", ["cell"]),
        (("cell*",), "Cell walls and cells", ["cell", "cells"]),
        (("enzym*",), "The coenzyme", []),
        (("cell",), "print(cell_count + max_cell)", ["cell", "cell"]),
        (("stem cell*",), "Stem cells; stem_cells; stems", ["stem cell", "stem cell"]),
        (("x-ray",), "An x-ray, x-rays", ["x-ray"]),
        (("dna",), "样本里的DNA片段", ["dna"]),
        (("细胞",), "白细胞和细胞", ["细胞", "细胞"]),
        (("白细胞", "细胞"), "白细胞和细胞", ["白细胞", "细胞"]),
        (("wähler*",), "Die WÄHLERIN", ["wählerin"]),
        (("ai",), "An aim; AI.", ["ai"]),
        ((), "anything", []),
    ],
)
def test_words_stems_phrases_and_east_asian_words_are_found(wanted, text, found):
    """Whole words, starts of words, phrases and characters are found, in identifiers too, and parts of words are not."""
    assert words(wanted).found(text) == found


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["sea", "ship*", "stem cell", "海"]), unique=True), st.text(max_size=200))
def test_any_text_can_be_searched(wanted, text):
    """No text breaks the search, and what is found occurs in the text."""
    low = text.lower().replace("_", " ")
    assert all(item in low for item in words(tuple(wanted)).found(text))


def test_a_word_counts_in_its_own_language_only(tmp_path):
    """`red` is a colour in English and a net in Spanish: only the Spanish plain side may not say it."""
    suite = load_suite(write(tmp_path, EN + ES))
    assert suite.topic_words["sea"] == {"en": ("ship*", "sea"), "es": ("barco*", "red")}


def test_a_topic_word_on_the_plain_side_of_its_language_is_a_mistake(tmp_path):
    """The check reads the list of the probe's language."""
    lines = EN + pair("es", "Una red tiene 5 nudos.", "Una red tiene 5 patas.")
    with pytest.raises(ConfigError, match="'red' is a topic word on the plain side"):
        load_suite(write(tmp_path, lines))


def test_a_list_holds_for_every_language(tmp_path):
    """Without languages the words are looked for in all of them."""
    header = HEADER.replace("[topic_words.sea]\nen", "[topic_words]\nsea").replace("\nes = [", "\n# es = [")
    with pytest.raises(ConfigError, match="no word of topic 'sea'"):
        load_suite(write(tmp_path, EN + ES, header))
    folder = tmp_path / "other"
    folder.mkdir()
    suite = load_suite(write(folder, EN, header))
    assert suite.topic_words["sea"]["es"] == ("ship*", "sea")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('es = ["barco*", "red"]', "", "topic_words.sea.es: needs words"),
        ("\nes = [", "\nfr = [", "topic_words.sea.fr: unknown key"),
        ('["barco*", "red"]', '["*"]', "topic_words.sea.es: needs words"),
        ('["barco*", "red"]', "3", "topic_words.sea.es: must be a list of texts"),
    ],
)
def test_mistakes_in_the_lists_are_told(tmp_path, old, new, told):
    """A language without words, an undeclared one, and a list that is none, are named with their place."""
    with pytest.raises(ConfigError) as caught:
        load_suite(write(tmp_path, EN, HEADER.replace(old, new)))
    assert any(told in mistake for mistake in caught.value.mistakes), caught.value.mistakes
