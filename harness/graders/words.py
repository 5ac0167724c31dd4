"""The `exact` and `word` graders: an answer that must be given text, or one of a list."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache

from harness.graders.base import (
    UNPARSED,
    Example,
    Grader,
    Option,
    after_marker,
    clip,
    graded,
    is_bool,
    is_texts,
    texts,
)
from harness.records import JSON, Grade

EXACT_VERSION = 1
WORD_VERSION = 1

WORDS_READ = 6
"""A reading longer than this many words is a sentence, not an answer."""

_FENCE = re.compile(r"^```[^\n`]{0,40}\n(.*?)\n?```$", re.DOTALL)
_EDGES = " \t\r\n\"'`*_“”‘’«»„.,;:!?()[]{}<>。，、；：！？（）「」『』【】…"
_ARTICLES = frozenset(
    (
        "a",
        "an",
        "the",
        "el",
        "la",
        "los",
        "las",
        "un",
        "una",
        "le",
        "les",
        "une",
        "der",
        "die",
        "das",
        "ein",
        "eine",
    )
)
_COPULA = re.compile(r"\s(?:is|are|was|were|means|equals|es|son|est|sont|ist|sind)\s+|[:=]\s|是|为|為|：")
_AGENT = re.compile(r"\s(?:by|called|named|von|par|por)\s+")
_NOT_WORD = re.compile(r"[^\w]+")
_SENTENCE = re.compile(r"[.!?](?:\s|$)|[。！？\n]")


def _fold(text: str) -> str:
    """Return text in one Unicode form with straight quotes and single spaces."""
    if not text.isascii():
        text = (
            unicodedata.normalize("NFC", text)
            .replace("’", "'")
            .replace("‘", "'")
            .replace("“", '"')
            .replace("”", '"')
        )
    return " ".join(text.split())


def _bare(text: str) -> str:
    """Return text without a code fence, markdown emphasis, quotes or a final period around it."""
    text = text.strip()
    if text.endswith((".", "。")) and not text.endswith(".."):
        text = text[:-1].rstrip()
    if text.startswith("```"):
        found = _FENCE.match(text)
        if found:
            text = found.group(1).strip()
    for _ in range(4):  # **"x"** has two layers; more than four is no emphasis
        if len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'`*_":
            text = text[1:-1].strip()
    if len(text) >= 2 and text[0] + text[-1] in ("“”", "«»", "‘’", "「」", "„“"):
        text = text[1:-1].strip()
    return text


def grade_exact(text: str, target: tuple[str, ...], options: Mapping[str, JSON]) -> Grade:
    """Return 1 when the whole answer is a target, 0 when it is something else, unparsed when it is blank."""
    answer = _fold(_bare(clip(text)))
    if not answer:
        return UNPARSED
    if options.get("case_sensitive") is True:
        right = any(answer == _fold(_bare(item)) for item in target)
    else:
        folded = answer.casefold()
        right = any(folded == _fold(_bare(item)).casefold() for item in target)
    return graded(1.0 if right else 0.0, answer)


@lru_cache(maxsize=20_000)
def normal(text: str) -> str:
    """Return a short answer in its comparable form: case, punctuation around it and articles gone.

    >>> normal("**The Pacific**!")
    'pacific'
    """
    words = _fold(text).casefold().strip(_EDGES).split()
    while len(words) > 1 and words[0] in _ARTICLES:
        words = words[1:]
    return " ".join(word.strip(_EDGES) for word in words)


def _readings(text: str) -> list[str]:
    """Return what a sentence may state as its answer, best first: all of it, or either side of `is`."""
    found = [text]
    parts = _COPULA.split(text[:400].lower())
    if len(parts) > 1:
        found += [parts[-1], parts[0]]
        agent = _AGENT.search(parts[-1])
        if agent is not None and not parts[-1].startswith("not "):
            found.append(parts[-1][agent.end() :])  # `was painted by Ann`
    return found


def _first_sentence(text: str) -> str:
    text = text.lstrip()
    end = _SENTENCE.search(text, 0, 400)
    return text[: end.start()] if end else text[:400]


def _spaced(text: str) -> str:
    """Return the words of a text between single spaces, so that a search finds whole words only."""
    return f" {_NOT_WORD.sub(' ', text).strip()} "


def _within(sentence: str, among: tuple[str, ...]) -> list[str]:
    """Return which of a closed set of answers occur in a sentence as whole words."""
    words = _spaced(_fold(sentence).casefold())
    return [item for item in among if _spaced(normal(item)) in words]


def grade_word(text: str, target: tuple[str, ...], options: Mapping[str, JSON]) -> Grade:
    """Return 1 when the answer read is a target, 0 when it is another, unparsed when none can be read.

    Containing a target is not enough: `It is not Paris` does not answer `Paris`.
    """
    among = texts(options, "among")
    accepted = {normal(item) for item in target}
    closed = {normal(item) for item in among} | (accepted if among else set())
    if len(text) <= 60:  # most answers are one word: nothing to search for
        whole = normal(text)
        if whole in accepted:
            return graded(1.0, whole)
        if not whole:
            return UNPARSED
    text = clip(text)
    announced = after_marker(text)
    for part in (text,) if announced is None else (announced, text):
        sentence = _first_sentence(part)
        readings = [normal(item) for item in _readings(sentence)]
        for reading in readings:
            if reading in accepted:
                return graded(1.0, reading)
        if among:
            for reading in readings:
                if reading in closed:
                    return graded(0.0, reading)
            named = _within(sentence, (*among, *(item for item in target if item not in among)))
            if len({normal(item) for item in named}) == 1:
                return graded(1.0 if normal(named[0]) in accepted else 0.0, normal(named[0]))
        else:
            # Without a closed set the part after `is` is the answer, if it is short enough to be one.
            reading = readings[1] if len(readings) > 1 else readings[0]
            if reading and len(reading.split()) <= WORDS_READ and len(reading) <= 80:
                return graded(0.0, reading)
    return UNPARSED


def _need_target(name: str, example: str) -> str:
    return f"target: the {name} grader needs at least one accepted answer; add one, such as {example}"


def _check_exact(target: tuple[str, ...], _options: Mapping[str, JSON]) -> list[str]:
    if not target:
        return [_need_target("exact", '"hello world"')]
    return [
        f"target: {item!r} can never be given as an answer; write a text that is not blank"
        for item in target
        if not _fold(_bare(item))
    ]


def _check_word(target: tuple[str, ...], options: Mapping[str, JSON]) -> list[str]:
    if not target:
        return [_need_target("word", '"Paris"')]
    mistakes = [
        f"target: {item[:60]!r} is not a word or a short phrase; use at most {WORDS_READ} words"
        for item in target
        if not normal(item) or len(normal(item).split()) > WORDS_READ
    ]
    among = {normal(item) for item in texts(options, "among")}
    if among and not any(normal(item) in among for item in target):
        mistakes.append(
            "target: none of the accepted answers is in options.among; add it there or change the target"
        )
    return mistakes


EXACT = Grader(
    name="exact",
    version=EXACT_VERSION,
    summary="Compares the whole answer with the target.",
    grade=grade_exact,
    targets=_check_exact,
    options=(Option("case_sensitive", "true or false", "Whether capitals matter; default false.", is_bool),),
    examples=(
        Example("Hello  world", ("hello world",), 1.0),
        Example('"hello world".', ("hello world",), 1.0),
        Example("```\na,b,c\n```", ("a,b,c",), 1.0),
        Example("HELLO", ("hello",), 0.0, {"case_sensitive": True}),
        Example("hello world, of course", ("hello world",), 0.0),
        Example("  ", ("hello",), None),
    ),
    notes=(
        "Spaces are collapsed; a code fence, emphasis or quotes around the answer and one final period are "
        "dropped."
    ),
)

WORD = Grader(
    name="word",
    version=WORD_VERSION,
    summary="Reads the word or short phrase an answer states and looks it up in the list of accepted ones.",
    grade=grade_word,
    targets=_check_word,
    options=(
        Option(
            "among",
            "a list of at least two different texts",
            "The closed set of possible answers: one of them named alone in a sentence is the answer, anything "
            "else is unparsed.",
            is_texts,
        ),
    ),
    examples=(
        Example("Paris", ("Paris",), 1.0),
        Example("**paris**.", ("Paris",), 1.0),
        Example("The capital of France is Paris.", ("Paris",), 1.0),
        Example("Paris is the capital of France.", ("Paris",), 1.0),
        Example("The answer is the Pacific Ocean.", ("Pacific", "Pacific Ocean"), 1.0),
        Example("The wall was painted by Ann.", ("Ann",), 1.0),
        Example("It is not Paris.", ("Paris",), 0.0),
        Example("Lyon", ("Paris",), 0.0),
        Example(
            "Yes, it certainly has more than one of them in it.", ("yes",), 1.0, {"among": ["yes", "no"]}
        ),
        Example("No.", ("yes",), 0.0, {"among": ["yes", "no"]}),
        Example("Maybe.", ("yes",), None, {"among": ["yes", "no"]}),
        Example("Either yes or no.", ("yes",), None, {"among": ["yes", "no"]}),
        Example("France has had many capitals in its long history of kings", ("Paris",), None),
    ),
    notes=(
        "Case, punctuation, markdown and articles do not matter. The answer is what follows the last "
        "announcement, or the first sentence, or either side of `is` in it (`painted by Ann` too). Containing a "
        "target is never enough."
    ),
)
