"""The `set` grader: a list of items whose order does not matter."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from harness.graders.base import (
    UNPARSED,
    Example,
    Grader,
    Option,
    after_marker,
    clip,
    graded,
    is_bool,
    short,
)
from harness.graders.words import normal
from harness.records import JSON, Grade

VERSION = 1

ITEMS_READ = 200
"""A list of more items than this is no answer to any probe."""
SPARE_WORDS = 2
"""How many words longer than the longest expected item an item may be; beyond that it is prose."""

_CREDITS = ("exact", "jaccard", "recall")
_SEPARATOR = re.compile(r"[,;\n，；、]|\s(?:and|und|et|y|e|&)\s|和|(?<=[,;])and\s")
_BULLET = re.compile(r"^[ \t]{0,12}(?:[-*+•‣◦–—]|\d{1,3}[.)])[ \t]+(\S[^\n]{0,300})$", re.MULTILINE)
_LEAD = re.compile(r":(?=\s)|：|\s(?:are|is|were|was|include|includes|son|sont|sind|是)\s|是")
_ASIDE = re.compile(r":\s|\s[-–—]\s|\s?\(")
_SENTENCE = re.compile(r"[.!?](?:\s|$)|[。！？]")
_EDGES = " \t\r\n-–—•$\\\"'`*_“”‘’«»„.,;:!?()[]{}<>。，、；：！？（）「」『』【】…"


def _item(text: str, fold: bool) -> str:
    text = text.strip(_EDGES)
    return normal(text) if fold else " ".join(text.split())


def _items(text: str, fold: bool) -> frozenset[str]:
    """Return the items between the separators of a text, in their comparable form."""
    parts = _SEPARATOR.split(text, ITEMS_READ)
    # `, and` is two separators: the blank item between them is dropped, and so is a leading `and`.
    return frozenset(item for item in (_item(re.sub(r"^\s*and\s", "", part), fold) for part in parts) if item)


def _candidates(text: str) -> Iterator[str]:
    """Yield the parts of an answer that may be its list, most deliberate first."""
    announced = after_marker(text)
    for part in (text,) if announced is None else (announced, text):
        part = part.strip()
        bullets = _BULLET.findall(part)
        if bullets:
            # What follows a colon, a dash or a bracket on a bulleted line explains the item.
            yield "\n".join(_ASIDE.split(line.strip("*_ "), 1)[0] or line for line in bullets[:ITEMS_READ])
        lines = [line for line in part.split("\n", ITEMS_READ) if line.strip()]
        if len(lines) > 1 and lines[0].rstrip(" *_").endswith((":", "：")):
            lines = lines[1:]
        if len(lines) > 1:
            yield "\n".join(lines)
        for line in (lines[0], lines[-1]) if lines else ():
            end = _SENTENCE.search(line[:4_000])
            sentence = line[: end.start()] if end else line[:4_000]
            lead = _LEAD.search(sentence)
            if lead is not None:
                before = sentence[: lead.start()]
                # `red, green and blue are the colours` lists before its verb, and only there.
                is_subject = (
                    ":" not in lead.group() and "：" not in lead.group() and _SEPARATOR.search(before)
                )
                yield before if is_subject else sentence[lead.end() :]
            yield sentence


def read(text: str, words: int, fold: bool = True) -> frozenset[str] | None:
    """Return the items an answer lists, none longer than so many words; None when no list can be read.

    >>> sorted(read("They are: red, green and blue.", 3))
    ['blue', 'green', 'red']
    """
    for candidate in _candidates(clip(text)):
        items = _items(candidate, fold)
        if items and len(items) < ITEMS_READ and all(len(item.split()) <= words for item in items):
            return items
    return None


def _credit(found: frozenset[str], wanted: frozenset[str], credit: JSON) -> float:
    shared = len(found & wanted)
    if credit == "jaccard":
        return shared / len(found | wanted)
    if credit == "recall":
        return shared / len(wanted)
    return 1.0 if found == wanted else 0.0


def grade(text: str, target: tuple[str, ...], options: Mapping[str, JSON]) -> Grade:
    """Return how well the list in an answer agrees with the best of the targets; unparsed when there is none."""
    fold = options.get("case_sensitive") is not True
    wanted = [_items(item, fold) for item in target]
    words = SPARE_WORDS + max((len(item.split()) for items in wanted for item in items), default=1)
    found = read(text, words, fold)
    if found is None:
        return UNPARSED
    score = max((_credit(found, items, options.get("credit")) for items in wanted if items), default=0.0)
    return graded(score, ", ".join(sorted(found)))


def _check(target: tuple[str, ...], _options: Mapping[str, JSON]) -> list[str]:
    if not target:
        return ['target: the set grader needs the list to expect; add it, such as "red, green, blue"']
    return [
        f"target: {short(item)} is no list of 1 to {ITEMS_READ - 1} items; write them with commas between"
        for item in target
        if not 0 < len(_items(item, True)) < ITEMS_READ
    ]


_PRIMARY = "red, green, blue"

SET = Grader(
    name="set",
    version=VERSION,
    summary="Compares a list of items with the target, whatever the order.",
    grade=grade,
    targets=_check,
    options=(
        Option(
            "credit",
            "one of exact, jaccard, recall",
            "`exact` (default): 1 when both sets are equal, else 0. `jaccard`: the items in both, over the items "
            "in either. `recall`: the share of the expected items that are listed; extra items cost nothing.",
            lambda value: isinstance(value, str) and value in _CREDITS,
        ),
        Option(
            "case_sensitive", "true or false", "Whether capitals and articles matter; default false.", is_bool
        ),
    ),
    examples=(
        Example("blue, red, green", (_PRIMARY,), 1.0),
        Example("The colours are red, green, and blue.", (_PRIMARY,), 1.0),
        Example("Here they are:\n- **Red**: like fire\n- Green\n- Blue", (_PRIMARY,), 1.0),
        Example("1. blue\n2. green\n3. red", (_PRIMARY,), 1.0),
        Example("red; blue; green", (_PRIMARY,), 1.0),
        Example('["red", "green", "blue"]', (_PRIMARY,), 1.0),
        Example("I looked at it. Answer: green and blue and red", (_PRIMARY,), 1.0),
        Example("red, green", (_PRIMARY,), 0.0),
        Example("red, green", (_PRIMARY, "red, green"), 1.0),
        Example("red, green, yellow", (_PRIMARY,), 0.5, {"credit": "jaccard"}),
        Example("red, green, blue, yellow", (_PRIMARY,), 1.0, {"credit": "recall"}),
        Example("red, green, blue, yellow", (_PRIMARY,), 0.0),
        Example("Red, Green, Blue", (_PRIMARY,), 0.0, {"case_sensitive": True}),
        Example("I would rather not name any of those colours.", (_PRIMARY,), None),
        Example("", (_PRIMARY,), None),
    ),
    notes=(
        "Items are separated by commas, semicolons, new lines, bullets or numbers of a list, or `and`; the target "
        "is split in the same way, so write numbers without separators of thousands. Several targets are "
        "alternatives, and the best one counts. The list is what follows the last announcement, or the bulleted "
        "lines, or the lines, or the first or last line's sentence, after a colon or `are`. Case, articles, "
        "quotes and punctuation around an item do not matter, nor does an item given twice. Text with an item "
        f"more than {SPARE_WORDS} words longer than the longest one expected is no list."
    ),
)
