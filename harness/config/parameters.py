"""Which values the well-known sampling settings may have; unknown settings pass through as they are."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from harness.config.shown import Mistake, Where, dotted, leaves, shown


@dataclass(frozen=True, slots=True)
class Range:
    """What a number may be."""

    low: float
    high: float = math.inf
    whole: bool = False

    def problem(self, value: object) -> str | None:
        """Return what the value must be and is not, or None."""
        kind = "a whole number" if self.whole else "a number"
        if isinstance(value, bool) or not isinstance(value, int if self.whole else int | float):
            return f"must be {kind}"
        if not self.low <= value <= self.high:
            return f"must be {self.text}"
        return None

    @property
    def text(self) -> str:
        """The range in words."""
        if math.isinf(self.high):
            return f">= {self.low:g}"
        return f"between {self.low:g} and {self.high:g}"


_TOKENS = Range(1, whole=True)
RANGES: Mapping[str, Range | None] = {
    "temperature": Range(0, 2),
    "top_p": Range(0, 1),
    "min_p": Range(0, 1),
    "top_k": Range(-1, whole=True),
    "max_tokens": _TOKENS,
    "max_completion_tokens": _TOKENS,
    "max_output_tokens": _TOKENS,
    "frequency_penalty": Range(-2, 2),
    "presence_penalty": Range(-2, 2),
    "top_logprobs": Range(0, 20, whole=True),
    "logprobs": None,
    "seed": None,
    "stop": None,
    "reasoning_effort": None,
}
"""The settings every protocol knows by one name; None where the value is not a number in a range."""
_ANTHROPIC_TEMPERATURE = Range(0, 1)

_NOT_HERE: Mapping[str, str] = {
    "model": "set the endpoint's own model",
    "messages": "probes bring their own; remove it",
    "input": "probes bring their own; remove it",
    "contents": "probes bring their own; remove it",
    "stream": "set the endpoint's own stream",
}
"""Fields of a request body that would replace what a probe asks, or how."""


def parameter_mistakes(
    where: Where, parameters: Mapping[str, object], protocol: str | None
) -> Iterator[Mistake]:
    """Yield what is wrong in an endpoint's `parameters`."""
    for name, value in parameters.items():
        place = (*where, name)
        limits = RANGES.get(name)
        if name == "temperature" and protocol == "anthropic-messages":
            limits = _ANTHROPIC_TEMPERATURE
        finite = not isinstance(value, float) or math.isfinite(value)
        if limits is not None and finite:
            problem = limits.problem(value)
            if problem:
                yield Mistake(place, f"{problem}, got {shown(value)}", f"use a number {_in_words(limits)}")
        elif name == "logprobs" and not isinstance(value, bool):
            yield Mistake(
                place, f"must be true or false, got {shown(value)}", "how many is set by top_logprobs"
            )
        elif name == "seed" and not isinstance(value, int):
            fix = "use a whole number, false to send none, or leave it out for one derived per call"
            yield Mistake(place, f"must be a whole number or false, got {shown(value)}", fix)
        elif name == "stop" and not (isinstance(value, str) or _texts(value)):
            yield Mistake(
                place, f"must be text or a list of texts, got {shown(value)}", 'write stop = ["END"]'
            )
        elif name == "reasoning_effort" and not isinstance(value, str):
            yield Mistake(place, f"must be text, got {shown(value)}", 'write it in quotes, such as "low"')
        elif name == "n":
            yield Mistake(
                place,
                f"cannot be set, got {shown(value)}",
                "ask more than once with samples in [suites.NAME]",
            )
    yield from body_mistakes(where, parameters)


def _in_words(limits: Range) -> str:
    return (
        f"of {limits.low:g} or more" if math.isinf(limits.high) else f"from {limits.low:g} to {limits.high:g}"
    )


def _texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def body_mistakes(where: Where, fields: Mapping[str, object]) -> Iterator[Mistake]:
    """Yield what cannot go into a request body as it is."""
    for name in fields:
        if name in _NOT_HERE:
            yield Mistake((*where, name), "cannot be set here", _NOT_HERE[name])
    for place, value in leaves(fields, where):
        if isinstance(value, float) and not math.isfinite(value):
            yield Mistake(
                place,
                f"must be a finite number, got {shown(value)}",
                "JSON has no word for it; write a number",
            )
        elif value is not None and not isinstance(value, str | int | float):
            yield Mistake(place, f"has no JSON form, got {shown(value)}", f'write it in quotes, "{value}"')


def header_mistakes(where: Where, headers: Mapping[str, object]) -> Iterator[Mistake]:
    """Yield headers that HTTP cannot carry, or that the client writes itself."""
    seen: dict[str, str] = {}
    for name, value in headers.items():
        place = (*where, name)
        if not name or not all(
            (character.isalnum() and character.isascii()) or character in "!#$%&'*+-.^_`|~"
            for character in name
        ):
            yield Mistake(place, "is not a header name", "use letters, digits and '-'")
        elif name.lower() in ("content-length", "transfer-encoding", "connection", "host"):
            yield Mistake(place, "is written by harness itself", "remove it")
        elif name.lower() in seen:
            yield Mistake(
                place, f"is the same header as {dotted((seen[name.lower()],))}", "keep one of the two"
            )
        seen.setdefault(name.lower(), name)
        if isinstance(value, str) and not all(
            " " <= character <= "~" or character == "\t" for character in value
        ):
            yield Mistake(
                place, "has a control or non-ASCII character in it", "HTTP headers are plain ASCII; remove it"
            )
