"""The `regex` grader: an answer that must (or must not) match a pattern written in the suite.

Patterns come from suites, answers from a model that may be hostile. Python's engine backtracks, so a repeat
inside a repeat can take longer than anyone waits: such patterns are turned away when the suite is loaded,
and an answer is looked at only as far as a pattern's own repeats make affordable.
"""

from __future__ import annotations

import importlib
import math
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from harness.graders.base import UNPARSED, Example, Grader, Option, clip, graded, is_bool, short
from harness.records import JSON, Grade

VERSION = 1

PATTERN_LIMIT = 500
STEPS_LIMIT = 50_000_000
"""Most steps a pattern may take on a hostile answer, by the estimate of `_text_limit`: about half a second."""
_TEXT_LIMITS = (20_000, 10_000, 5_000, 2_000, 1_000, 500, 200, 100)
_FEW = 10
"""A repeat of up to this many is not open-ended."""
_OPEN = 1_000
"""A repeat of more than this many counts as endless."""


def _walk(parsed: Any, inside: bool) -> tuple[list[int], bool]:
    """Return how many ways each repeat of a parsed pattern has, and whether an open-ended one stands inside another."""
    ways: list[int] = []
    nested = False
    for operator, argument in parsed:
        name = str(operator)
        bodies: list[Any] = []
        here = inside
        if name in ("MAX_REPEAT", "MIN_REPEAT"):
            low, high, body = argument
            bodies = [body]
            if low != high:
                ways.append(int(high) - int(low) + 1)
                here = inside or int(high) > _FEW
                nested = nested or (inside and int(high) > _FEW)
        elif name == "SUBPATTERN":
            bodies = [argument[-1]]
        elif name == "BRANCH":
            bodies = list(argument[1])
        elif name in ("ASSERT", "ASSERT_NOT"):
            bodies = [argument[1]]
        elif name == "GROUPREF_EXISTS":
            bodies = [branch for branch in argument[1:] if branch]
        # An atomic group or a possessive repeat never gives back what it took: nothing to multiply.
        for body in bodies:
            inner, deeper = _walk(body, here)
            ways += inner
            nested = nested or deeper
    return ways, nested


def _text_limit(ways: list[int]) -> int:
    """Return how many characters can be searched within the limit of steps; 0 when hardly any can.

    From every start each bounded repeat can end in so many ways, and k endless ones share n characters in about
    n^k / (k + 1)! ways.
    """
    endless = sum(each > _OPEN for each in ways)
    bounded = math.prod(each for each in ways if each <= _OPEN)
    for length in _TEXT_LIMITS:
        if length ** (endless + 1) / math.factorial(endless + 1) * bounded <= STEPS_LIMIT:
            return length
    return 0


def _flags(options: Mapping[str, JSON]) -> int:
    flags = re.RegexFlag(0)
    if options.get("ignore_case") is True:
        flags |= re.IGNORECASE
    if options.get("multiline") is True:
        flags |= re.MULTILINE
    return int(flags)


@lru_cache(maxsize=2_000)
def _compiled(pattern: str, flags: int) -> tuple[re.Pattern[str] | None, int, str]:
    """Return a usable pattern with the length of text it may see, or None and what is wrong with it."""
    if len(pattern) > PATTERN_LIMIT:
        return None, 0, f"is longer than {PATTERN_LIMIT} characters; shorten it"
    try:
        compiled = re.compile(pattern, flags)
        parsed = importlib.import_module("re._parser").parse(pattern, flags)
        ways, nested = _walk(parsed, False)
    except (re.error, OverflowError, RecursionError) as error:
        return None, 0, f"is not a regular expression ({error}); correct it"
    if nested:
        return (
            None,
            0,
            "has an open-ended repeat inside another, which can run forever; write it without, or make the inner "
            "one possessive",
        )
    limit = _text_limit(ways)
    if limit == 0:
        return (
            None,
            0,
            "has so many repeats that it can run for hours; use fewer, or bounded ones such as {0,5}",
        )
    return compiled, limit, ""


def _search(pattern: str, text: str, options: Mapping[str, JSON]) -> re.Match[str] | None:
    compiled, limit, _ = _compiled(pattern, _flags(options))
    if compiled is None:
        return None
    text = clip(text, limit)
    return compiled.fullmatch(text.strip()) if options.get("full") is True else compiled.search(text)


def grade(text: str, target: tuple[str, ...], options: Mapping[str, JSON]) -> Grade:
    """Return 1 when a target matches, 0 when none does, unparsed when the answer is blank or `read` finds nothing."""
    text = clip(text)
    if not text.strip():
        return UNPARSED
    read = options.get("read")
    if isinstance(read, str):
        found = _search(read, text, {name: value for name, value in options.items() if name != "full"})
        if found is None:
            return UNPARSED
        text = found.group(1) if found.re.groups and found.group(1) is not None else found.group()
    for pattern in target:
        found = _search(pattern, text, options)
        if found is not None:
            return graded(1.0, found.group())
    return graded(0.0, text.strip())


def _check(target: tuple[str, ...], options: Mapping[str, JSON]) -> list[str]:
    if not target:
        return ['target: the regex grader needs a pattern; add one, such as "^[A-Z]+$"']
    mistakes = []
    read = options.get("read")
    for where, pattern in [("target", item) for item in target] + (
        [("options.read", read)] if isinstance(read, str) else []
    ):
        _, _, wrong = _compiled(str(pattern), _flags(options))
        if wrong:
            mistakes.append(f"{where}: {short(pattern)} {wrong}")
    return mistakes


REGEX = Grader(
    name="regex",
    version=VERSION,
    summary="Searches the answer for a pattern.",
    grade=grade,
    targets=_check,
    options=(
        Option(
            "full", "true or false", "Match the whole answer, spaces around it apart; default false.", is_bool
        ),
        Option("ignore_case", "true or false", "Whether capitals do not matter; default false.", is_bool),
        Option(
            "multiline",
            "true or false",
            "Whether `^` and `$` also match at line breaks; default false.",
            is_bool,
        ),
        Option(
            "read",
            "a pattern",
            "What an answer must contain to be readable at all; its first group, if it has one, is then what "
            "targets are searched in.",
            lambda value: isinstance(value, str) and bool(value),
        ),
    ),
    examples=(
        Example("HELLO", ("^[A-Z]+$",), 1.0),
        Example("hello", ("^[A-Z]+$",), 0.0),
        Example("red, green, blue", (r"\w+, \w+, \w+",), 1.0, {"full": True}),
        Example("Colour: RED!", ("red",), 1.0, {"ignore_case": True}),
        Example("code: 123", ("^123$",), 1.0, {"read": r"code: (\w+)"}),
        Example("no code", ("^123$",), None, {"read": r"code: (\w+)"}),
        Example("", ("a",), None),
    ),
    notes=(
        "A pattern with an open-ended repeat inside another is turned away when the suite is loaded. Of a long "
        "answer only the beginning and the end are searched, together 20,000 characters, or as few as the "
        "pattern's repeats make affordable (one `.*`: 10,000; two: 500; three: 100). Bounded repeats, such as "
        "`{0,5}`, cost much less than `*` and `+`."
    ),
)
