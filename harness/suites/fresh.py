"""Fresh isomorphs: probes whose numbers and words are drawn anew for every run, from the run's seed.

A template's text holds `{expressions}` over named variables (`{{` and `}}` are plain braces). Probes that
share a template and variant, or a pair, draw the same values, so twins stay twins. A draw that breaks a
condition, repeats the text of a fixed probe, or gives a target its grader cannot use, is thrown away and
drawn again.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from harness.errors import ConfigError
from harness.graders import GRADERS
from harness.records import JSON, Message, Probe, derive_seed
from harness.suites.expressions import Expression, ExpressionError, Value, shown

ATTEMPTS = 500
"""Draws tried before a template is declared impossible."""
SEARCH_LIMIT = 20_000
"""Combinations tried to recognise an anchor as a draw of its template."""

_ANYTHING = r".{1,5000}?"
"""What an expression may have become in an anchor: a word, or a whole table."""
_PART = re.compile(r"(\{\{|\}\}|\{[^{}]*\}|[{}])")


@dataclass(frozen=True, slots=True)
class Variable:
    """One drawn value: a whole number in a range, one of a list, or worked out from earlier ones."""

    name: str
    kind: Literal["int", "choice", "value"]
    low: int = 0
    high: int = 0
    step: int = 1
    choices: tuple[Value, ...] = ()
    expression: Expression | None = None

    @property
    def size(self) -> int:
        """Return how many values can be drawn."""
        if self.kind == "int":
            return (self.high - self.low) // self.step + 1
        return len(self.choices)

    def at(self, place: int) -> Value:
        """Return the value at a place in 0 .. size - 1."""
        return self.low + self.step * place if self.kind == "int" else self.choices[place]


@dataclass(frozen=True, slots=True)
class Template:
    """What a fresh probe draws, and which draws count."""

    variables: tuple[Variable, ...]
    where: tuple[Expression, ...]
    group: str
    """Templates of one group draw the same values."""

    @property
    def shape(self) -> tuple[tuple[str, str, int, int, int], ...]:
        """Return what must agree between templates of one group."""
        return tuple((each.name, each.kind, each.size, each.low, each.step) for each in self.variables)

    def draw(self, suite: str, seed: int, attempt: int) -> dict[str, Value]:
        """Return one draw; the same arguments give the same values on every Python.

        Raises:
            ExpressionError: a worked-out value has none for this draw.
        """
        values: dict[str, Value] = {}
        for each in self.variables:
            if each.expression is not None:
                values[each.name] = each.expression.value(values)
            else:
                place = derive_seed("fresh", suite, seed, self.group, attempt, each.name) % each.size
                values[each.name] = each.at(place)
        return values

    def holds(self, values: Mapping[str, Value]) -> bool:
        """Say whether a draw keeps every condition."""
        return all(condition.value(values) for condition in self.where)


def pieces(text: str) -> list[str | Expression]:
    """Split a template's text into plain parts and expressions.

    Raises:
        ExpressionError: a brace is left over or an expression cannot be read.
    """
    found: list[str | Expression] = []
    for part in _PART.split(text):
        if part in ("{{", "}}"):
            found.append(part[0])
        elif part in ("{", "}"):
            raise ExpressionError("has a brace that is neither part of an {expression} nor doubled")
        elif part.startswith("{"):
            try:
                found.append(Expression(part[1:-1]))
            except ExpressionError as error:
                raise ExpressionError(f"has {part}, which {error}") from None
        elif part:
            found.append(part)
    return found


_PIECES: dict[str, list[str | Expression]] = {}


def render(text: str, values: Mapping[str, Value]) -> str:
    """Return a template's text with its expressions worked out.

    Raises:
        ExpressionError: one has no value for this draw.
    """
    if "{" not in text and "}" not in text:
        return text
    parts = _PIECES.get(text)
    if parts is None:
        if len(_PIECES) > 5_000:
            _PIECES.clear()
        parts = _PIECES[text] = pieces(text)
    return "".join(part if isinstance(part, str) else shown(part.value(values)) for part in parts)


def _render_json(value: JSON, values: Mapping[str, Value]) -> JSON:
    if isinstance(value, str):
        return render(value, values)
    if isinstance(value, list | tuple):
        return [_render_json(item, values) for item in value]
    if isinstance(value, Mapping):
        return {name: _render_json(item, values) for name, item in value.items()}
    return value


def rendered(probe: Probe, values: Mapping[str, Value]) -> Probe:
    """Return a fresh probe with its text, targets and grader options filled in.

    Raises:
        ExpressionError: an expression has no value for this draw.
    """
    return replace(
        probe,
        messages=tuple(Message(each.role, render(each.content, values)) for each in probe.messages),
        target=tuple(render(each, values) for each in probe.target),
        options={name: _render_json(value, values) for name, value in probe.options.items()},
        fresh=True,
    )


def used_names(probe: Probe) -> set[str]:
    """Return the variables that a template's text, targets and options name.

    Raises:
        ExpressionError: a text cannot be read as a template.
    """
    names: set[str] = set()
    for text in _texts([*(each.content for each in probe.messages), *probe.target, probe.options]):
        for part in pieces(text):
            if isinstance(part, Expression):
                names |= part.names
    return names


def _texts(value: JSON) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)


def _usable(probe: Probe) -> bool:
    grader = GRADERS.get(probe.grader)
    return grader is not None and not grader.check(probe.target, probe.options)


def instantiate(
    suite: str, items: Sequence[tuple[Probe, Template | None]], seed: int, place: str
) -> tuple[Probe, ...]:
    """Return every probe of a suite ready to send, fresh ones drawn from the seed.

    Raises:
        ConfigError: a group has no draw that keeps its conditions.
    """
    probes: list[Probe | None] = [probe if template is None else None for probe, template in items]
    taken = {probe.messages for probe in probes if probe is not None}
    groups: dict[str, list[tuple[int, Probe, Template]]] = {}
    for number, (probe, template) in enumerate(items):
        if template is not None:
            groups.setdefault(template.group, []).append((number, probe, template))
    mistakes = []
    for members in groups.values():
        drawn = _draw_group(suite, members, seed, taken)
        if drawn is None:
            names = ", ".join(probe.id for _, probe, _ in members)
            mistakes.append(
                f"{place}: {names}: no draw keeps every condition in {ATTEMPTS} tries; widen draw or relax where"
            )
            continue
        for (number, _, _), probe in zip(members, drawn, strict=True):
            probes[number] = probe
            taken.add(probe.messages)
    if mistakes:
        raise ConfigError(mistakes)
    return tuple(probe for probe in probes if probe is not None)


def _draw_group(
    suite: str, members: list[tuple[int, Probe, Template]], seed: int, taken: set[tuple[Message, ...]]
) -> list[Probe] | None:
    for attempt in range(ATTEMPTS):
        drawn = []
        try:
            for _, probe, template in members:
                values = template.draw(suite, seed, attempt)
                if not template.holds(values):
                    break
                drawn.append(rendered(probe, values))
        except ExpressionError:
            continue
        if len(drawn) != len(members):
            continue
        texts = {probe.messages for probe in drawn}
        if len(texts) == len(drawn) and not texts & taken and all(_usable(probe) for probe in drawn):
            return drawn
    return None


def recognise(anchor: Probe, probe: Probe, template: Template) -> str | None:
    """Say why an anchor is no draw of its template; None when it is one.

    The anchor's text must come out of the template for some values in range that keep the conditions, and
    its target and options must be what the template works out for them.
    """
    if [each.role for each in anchor.messages] != [each.role for each in probe.messages]:
        return "its messages differ in number or role"
    known: dict[str, str] = {}
    for ours, theirs in zip(anchor.messages, probe.messages, strict=True):
        found = _pattern(theirs.content, template).fullmatch(ours.content)
        if found is None:
            return f"its text does not fit {theirs.content!r}"
        for name, text in found.groupdict().items():
            if known.setdefault(name, text) != text:
                return f"{name} has two values in it"
    reason = "no values in range give its text"
    for values in _candidates(template, known):
        try:
            made = rendered(probe, values)
            if made.messages != anchor.messages:
                continue
            if not template.holds(values):
                reason = "its values break a condition"
            elif made.target != anchor.target:
                reason = f"its target should be {list(made.target)!r}, not {list(anchor.target)!r}"
            elif made.options != dict(anchor.options) or made.grader != anchor.grader:
                reason = "its grader or options differ"
            else:
                return None
        except ExpressionError:
            continue
    return reason


def _pattern(text: str, template: Template) -> re.Pattern[str]:
    """Return a pattern for the texts of a template, with a group for each number or word it shows plainly."""
    plain = {}
    for each in template.variables:
        if each.kind == "int":
            plain[each.name] = r"-?\d{1,16}"
        elif each.kind == "choice" and all(isinstance(word, str) for word in each.choices):
            longest_first = sorted((str(word) for word in each.choices), key=len, reverse=True)
            plain[each.name] = "|".join(re.escape(word) for word in longest_first)
    seen: set[str] = set()
    parts = []
    for part in pieces(text):
        if isinstance(part, str):
            parts.append(re.escape(part))
        elif part.source in plain and part.source not in seen:
            seen.add(part.source)
            parts.append(rf"(?P<{part.source}>{plain[part.source]})")
        else:
            parts.append(_ANYTHING)
    return re.compile("".join(parts), re.DOTALL)


def _candidates(template: Template, known: Mapping[str, str]) -> Iterator[dict[str, Value]]:
    """Yield the draws an anchor's text leaves possible, at most SEARCH_LIMIT of them."""
    drawn = [each for each in template.variables if each.expression is None]
    ranges: list[list[Value]] = []
    for each in drawn:
        if each.name in known and each.kind == "choice":
            ranges.append([known[each.name]])
        elif each.name in known:
            number = int(known[each.name])
            inside = each.low <= number <= each.high and (number - each.low) % each.step == 0
            ranges.append([number] if inside else [])
        else:
            ranges.append([each.at(place) for place in range(min(each.size, SEARCH_LIMIT))])
    for combination in itertools.islice(itertools.product(*ranges), SEARCH_LIMIT):
        values: dict[str, Value] = {each.name: value for each, value in zip(drawn, combination, strict=True)}
        try:
            for each in template.variables:
                if each.expression is not None:
                    values[each.name] = each.expression.value(values)
        except ExpressionError:
            continue
        yield values
