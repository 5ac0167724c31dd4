"""What every grader is made of: the record that describes it, and the few text tools they share."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from harness.records import JSON, Grade

TEXT_LIMIT = 20_000
"""Characters of an answer a grader looks at; of a longer one the first and the last half of this."""
ANSWER_LIMIT = 200
"""Longest answer kept in a grade."""

Check = Callable[[tuple[str, ...], Mapping[str, JSON]], list[str]]
Read = Callable[[str, tuple[str, ...], Mapping[str, JSON]], Grade]

UNPARSED = Grade(None)


@dataclass(frozen=True, slots=True)
class Example:
    """One line of a grader's table of examples; the tests run every one."""

    text: str
    target: tuple[str, ...]
    score: float | None
    options: Mapping[str, JSON] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Option:
    """An option a probe may give its grader."""

    name: str
    kind: str
    """What the value must be, in words a checker can print."""
    summary: str
    accepts: Callable[[JSON], bool]


@dataclass(frozen=True, slots=True)
class Grader:
    """Text in, score out: pure, versioned, with bounded work on any text."""

    name: str
    version: int
    """Raised with any change that can change a score."""
    summary: str
    grade: Read
    targets: Check
    """Mistakes in a probe's target and options, each `what is wrong; what to do`."""
    options: tuple[Option, ...] = ()
    examples: tuple[Example, ...] = ()
    notes: str = ""
    reads_calls: bool = False
    """Whether it is given the functions a reply calls, as JSON, instead of the reply's text."""

    def check(self, target: tuple[str, ...], options: Mapping[str, JSON]) -> list[str]:
        """Return every mistake in a probe's target and options, each as `field: what is wrong; what to do`."""
        known = {option.name: option for option in self.options}
        mistakes = []
        for name, value in options.items():
            option = known.get(name)
            if option is None:
                has = ", ".join(known) or "none"
                mistakes.append(
                    f"options.{name}: the {self.name} grader has no such option; remove it or use one of: {has}"
                )
            elif not option.accepts(value):
                mistakes.append(f"options.{name}: must be {option.kind}, got {short(value)}")
        # A target is judged in the light of the options, so only when those can be read.
        return mistakes or self.targets(target, options)


def short(value: object, limit: int = 60) -> str:
    """Return a value as a message shows it: quoted like a literal and never long."""
    if isinstance(value, str) and len(value) > limit:
        value = value[: limit - 1] + "…"
    text = repr(value)
    return text if len(text) <= limit + 2 else text[: limit - 1] + "…"


def clip(text: str, limit: int = TEXT_LIMIT) -> str:
    """Return the text, or its beginning and end when it is longer than the limit: half of the limit each."""
    if len(text) <= limit:
        return text
    half = limit // 2
    return text[:half] + "\n" + text[-half:]


def graded(score: float, answer: str) -> Grade:
    """Return a grade with its answer bounded in length."""
    return Grade(score, answer if len(answer) <= ANSWER_LIMIT else answer[: ANSWER_LIMIT - 1] + "…")


def is_bool(value: JSON) -> bool:
    """Say whether a JSON value is true or false."""
    return isinstance(value, bool)


def is_texts(value: JSON) -> bool:
    """Say whether a JSON value is a list of at least two different non-empty strings."""
    if not isinstance(value, list | tuple) or len(value) < 2:
        return False
    return all(isinstance(item, str) and item.strip() for item in value) and len(set(value)) == len(value)


def texts(options: Mapping[str, JSON], name: str) -> tuple[str, ...]:
    """Return an option that is a list of strings; empty when it is not given."""
    value = options.get(name)
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list | tuple) else ()


MARKER = re.compile(
    r"(?:\banswer(?:\s+is|\s+would\s+be|\s+should\s+be|\s*[:=])"
    r"|\b(?:respuesta|antwort|réponse|reponse)(?:\s+(?:es|ist|est))?\s*[:=]?|答案(?:是|为|為)?\s*[::]?"
    r"|####|\\boxed\s*\{)"
)
"""Words that announce the answer itself; the last one in a text wins."""


_MARKER_SIGNS = ("answer", "####", "boxed{", "respuesta", "antwort", "réponse", "reponse", "答案")


def after_marker(text: str) -> str | None:
    """Return what follows the last words that announce an answer, or None when nothing does."""
    low = text.lower()
    # Substring searches first: most answers announce nothing, and a regex over them costs ten times more.
    for sign in _MARKER_SIGNS:
        if sign in low:
            break
    else:
        return None
    end = None
    for found in MARKER.finditer(low):
        end = found.end()
    if end is None:
        return None
    return text[end:] if len(low) == len(text) else low[end:]
