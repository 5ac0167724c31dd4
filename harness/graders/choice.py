"""The `choice` grader: which option of a multiple-choice question an answer picks."""

from __future__ import annotations

import re
from collections.abc import Mapping

from harness.graders.base import (
    UNPARSED,
    Example,
    Grader,
    Option,
    after_marker,
    clip,
    graded,
    is_texts,
    short,
    texts,
)
from harness.graders.words import normal
from harness.records import JSON, Grade

VERSION = 2

_LETTERS = "ABCDEFGHIJ"
# A letter that is the whole answer, or that opens it followed by a mark: `B`, `(B)`, `B.`, `**B)** text`, `Option B:`.
_OPENING = re.compile(
    r"[\s*_\"'`]{0,6}(?:(?:the\s+)?(?:correct\s+)?(?:option|choice)\s+(?:is\s+)?)?[\s*_\"'`(\[]{0,6}([A-Ja-j])"
    r"(?:[\s*_\"'`.]{0,6}$|[*_\"'`]{0,3}[)\].:,](?:[\s*_\"'`]|$)|[*_]{1,3}(?:\s|$)|\n)",
    re.IGNORECASE,
)
_STANDING = re.compile(r"(?<![\w'’-])(?:\(([A-J])\)|\*\*\(?([A-J])[).]?\*\*|([B-HJ]))(?![\w'’-])")
_SEVERAL = re.compile(r"(?<![\w'’-])\(?[A-J]\)?\s*(?:\bor\b|\band\b|[/,&\n])\s*\(?[A-J](?![\w'’-])")
_NOT_WORD = re.compile(r"[^\w]+")
# A minus sign is part of its number: -1 is another option than 1.
_MINUS = re.compile(r"(?<!\w)[-−](?=\d)")


def _plain(text: str) -> str:
    return normal(_MINUS.sub("minus", text))


def _opening(text: str, count: int) -> int | None:
    found = _OPENING.match(text)
    if found is None:
        return None
    place = _LETTERS.find(found.group(1).upper())
    return place if 0 <= place < count else None


def _named(text: str, choices: tuple[str, ...]) -> set[int]:
    """Return the options whose full text occurs in an answer as whole words; not those inside a longer one's text."""
    flat = f" {_NOT_WORD.sub(' ', _MINUS.sub('minus', text.casefold())).strip()} "
    wanted = sorted(
        ((_NOT_WORD.sub(" ", _plain(choice)).strip(), place) for place, choice in enumerate(choices)),
        key=lambda pair: -len(pair[0]),
    )
    found = set()
    for words, place in wanted:
        if words and f" {words} " in flat:
            found.add(place)
            flat = flat.replace(f" {words} ", " | ")
    return found


def read(text: str, choices: tuple[str, ...], count: int) -> int | None:
    """Return the place of the option an answer picks, or None when it picks none or more than one."""
    text = clip(text)
    announced = after_marker(text)
    for part in (text,) if announced is None else (announced, text):
        part = part.strip()
        head = part[:400]
        if _SEVERAL.search(head):
            continue  # `A or B`
        letter = _opening(part, count)
        named = _named(head, choices) if choices else set()
        if letter is not None:
            # `B) Paris` where Paris is option A contradicts itself.
            line = _named(head.split("\n", 1)[0], choices) if choices else set()
            return letter if not line or letter in line else None
        if len(named) == 1:
            return named.pop()
        if len(named) > 1:
            continue
        standing = {next(group for group in found.groups() if group) for found in _STANDING.finditer(head)}
        places = {_LETTERS.index(letter_) for letter_ in standing if _LETTERS.index(letter_) < count}
        if len(places) == 1:
            return places.pop()
    return None


def _count(choices: tuple[str, ...], options: Mapping[str, JSON]) -> int:
    letters = options.get("letters")
    if choices:
        return len(choices)
    return letters if isinstance(letters, int) else 4


def _place(item: str, choices: tuple[str, ...], count: int) -> int | None:
    """Return the place a target means: a letter, or the text of an option."""
    if len(item.strip()) == 1 and item.strip().upper() in _LETTERS[:count]:
        return _LETTERS.index(item.strip().upper())
    for place, choice in enumerate(choices):
        if _plain(choice) == _plain(item):
            return place
    return None


def grade(text: str, target: tuple[str, ...], options: Mapping[str, JSON]) -> Grade:
    """Return 1 when the option picked is a target, 0 when it is another, unparsed when none or several are."""
    choices = texts(options, "choices")
    count = _count(choices, options)
    place = read(text, choices, count)
    if place is None:
        return UNPARSED
    right = any(_place(item, choices, count) == place for item in target)
    return graded(1.0 if right else 0.0, _LETTERS[place])


def _check(target: tuple[str, ...], options: Mapping[str, JSON]) -> list[str]:
    choices = texts(options, "choices")
    count = _count(choices, options)
    if count > len(_LETTERS):
        return [f"options.choices: at most {len(_LETTERS)} options can be lettered, got {count}"]
    if len({_plain(choice) for choice in choices}) != len(choices):
        return ["options.choices: two options are the same but for case or punctuation; make them differ"]
    if not target:
        return ['target: the choice grader needs the right option; add its letter, such as "B"']
    last = _LETTERS[count - 1]
    return [
        f"target: {short(item)} is no option; use a letter from A to {last}, or an option's text"
        for item in target
        if _place(item, choices, count) is None
    ]


CHOICE = Grader(
    name="choice",
    version=VERSION,
    summary="Reads which option of a multiple-choice question an answer picks, by letter or by its text.",
    grade=grade,
    targets=_check,
    options=(
        Option(
            "choices",
            "a list of at least two different texts",
            "The texts of the options A, B, C, ...",
            is_texts,
        ),
        Option(
            "letters",
            "a whole number from 2 to 10",
            "How many options there are when their texts are not given; default 4.",
            lambda value: (
                isinstance(value, int) and not isinstance(value, bool) and 2 <= value <= len(_LETTERS)
            ),
        ),
    ),
    examples=(
        Example("B", ("B",), 1.0),
        Example("(b)", ("B",), 1.0),
        Example("Answer: B", ("B",), 1.0),
        Example("**B**", ("B",), 1.0),
        Example("B) Paris", ("B",), 1.0, {"choices": ["Lyon", "Paris"]}),
        Example("The correct answer is B.", ("B",), 1.0),
        Example("It must be Paris.", ("B",), 1.0, {"choices": ["Lyon", "Paris"]}),
        Example("Lyon", ("Paris",), 0.0, {"choices": ["Lyon", "Paris"]}),
        Example("I would pick option C here.", ("B",), 0.0),
        Example("B) Lyon", ("B",), None, {"choices": ["Lyon", "Paris"]}),
        Example("-1", ("B",), 1.0, {"choices": ["1", "-1"]}),
        Example("Lyon or Paris", ("B",), None, {"choices": ["Lyon", "Paris"]}),
        Example("A good question.", ("A",), None),
    ),
    notes="An answer that picks several options, or whose letter and text contradict each other, is unparsed.",
)
