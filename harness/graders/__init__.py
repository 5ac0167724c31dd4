"""Graders: text in, score out. Pure, versioned, with bounded work on any text.

    >>> grade("numeric", "3 + 4 = 7.", ("7",)).score
    1.0
    >>> grade("numeric", "I do not know.", ("7",)).score is None
    True

A score of None means that no answer could be read: *unparsed*, which is neither right nor wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from harness.graders import refusal
from harness.graders.base import Example, Grader, Option
from harness.graders.choice import CHOICE
from harness.graders.code import CODE
from harness.graders.constraints import CONSTRAINTS
from harness.graders.json_schema import JSON_SCHEMA
from harness.graders.judge import JUDGE
from harness.graders.numeric import NUMERIC
from harness.graders.pattern import REGEX
from harness.graders.refusal import REFUSAL
from harness.graders.sets import SET
from harness.graders.tool_call import TOOL_CALL
from harness.graders.words import EXACT, WORD
from harness.records import JSON, Grade

GRADERS: Mapping[str, Grader] = MappingProxyType(
    {
        grader.name: grader
        for grader in (
            EXACT,
            NUMERIC,
            CHOICE,
            WORD,
            REGEX,
            SET,
            JSON_SCHEMA,
            CONSTRAINTS,
            CODE,
            TOOL_CALL,
            JUDGE,
            REFUSAL,
        )
    }
)
"""Every grader a probe may name, in the order of docs/graders.md."""

_NO_OPTIONS: Mapping[str, JSON] = MappingProxyType({})


def grade(name: str, text: str, target: tuple[str, ...], options: Mapping[str, JSON] = _NO_OPTIONS) -> Grade:
    """Return what the named grader reads in an answer.

    Raises:
        KeyError: there is no grader of that name; suites that passed their check never name one.
    """
    return GRADERS[name].grade(text, target, options)


__all__ = ["GRADERS", "Example", "Grade", "Grader", "Option", "grade", "refusal"]
