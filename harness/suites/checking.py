"""What must hold between the probes of a suite: twins that match, topics that show, text without leftovers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from harness.errors import ConfigError
from harness.graders.base import short
from harness.records import Probe
from harness.suites.form import HEADER_FILE, PROBES_FILE, Item, Suite
from harness.suites.fresh import recognise
from harness.suites.leftovers import leftover
from harness.suites.tools import call_mistakes
from harness.suites.wording import words

LENGTH_SHARE = 0.10
"""Largest difference in length between twins, as a share of the shorter one."""
SEEDS_CHECKED = 20
"""Draws that `check_suite` looks at, beside the one made on loading."""

_SAME = (
    "family",
    "kind",
    "topic",
    "language",
    "depth",
    "difficulty",
    "template",
    "grader",
    "anchor",
    "fresh",
)
"""Fields in which twins must agree."""


def check_suite(suite: Suite) -> list[str]:
    """Return every mistake between a suite's probes, over several draws of its fresh ones; empty when there is none.

    Beside what loading checks: declared names that nothing uses.
    """
    mistakes = check_items(suite, suite.probes)
    header = f"{suite.place}/{HEADER_FILE}"
    for key, declared, used in (
        ("families", suite.families, {probe.family for probe in suite.probes}),
        ("topics", suite.topics, {probe.topic for probe in suite.probes}),
        ("arms", suite.arms, {probe.arm for probe in suite.probes}),
        ("languages", suite.languages, {probe.language for probe in suite.probes}),
    ):
        for name in declared:
            if name not in used:
                mistakes.append(f"{header}: {key}: no probe uses {short(name)}; remove it or write one")
    if any(item.template is not None for item in suite.items):
        for seed in range(1, SEEDS_CHECKED + 1):
            try:
                drawn = suite.for_run(seed)
            except ConfigError as error:
                mistakes += [f"{mistake} (seed {seed})" for mistake in error.mistakes]
                break
            found = [mistake for mistake in _check_draw(suite, drawn.probes) if mistake not in mistakes]
            if found:
                mistakes += [f"{mistake} (seed {seed})" for mistake in found]
                break
    return mistakes


def check_items(suite: Suite, probes: Sequence[Probe]) -> list[str]:
    """Return every mistake between the probes of one draw."""
    placed = [(item.line, probe) for item, probe in zip(suite.items, probes, strict=True)]
    return _told(suite, [*_between(suite, placed), *_groups(suite.items), *_anchors(suite.items)])


def _check_draw(suite: Suite, probes: Sequence[Probe]) -> list[str]:
    """Return the mistakes between the fresh probes of a draw: fixed ones are the same in every draw."""
    placed = [
        (item.line, probe)
        for item, probe in zip(suite.items, probes, strict=True)
        if item.template is not None
    ]
    return _told(suite, _between(suite, placed))


def _between(suite: Suite, placed: Placed) -> Found:
    yield from _leftovers(placed)
    yield from _repeats(placed)
    yield from _pairs(placed, suite)
    yield from _topics(placed, suite)
    for line, probe in placed:
        for mistake in call_mistakes(probe):
            yield line, mistake


def _told(suite: Suite, found: Iterable[tuple[int, str]]) -> list[str]:
    where = f"{suite.place}/{PROBES_FILE}"
    ordered = sorted(found, key=lambda mistake: mistake[0])
    return [f"{where}: line {line}: {message}" for line, message in ordered]


Placed = Sequence[tuple[int, Probe]]
Found = Iterator[tuple[int, str]]


def _text(probe: Probe) -> str:
    return "\n".join(message.content for message in probe.messages)


def _leftovers(placed: Placed) -> Found:
    for line, probe in placed:
        templated = bool(probe.template or probe.pair or probe.fresh)
        found = leftover(_text(probe), templated=templated, language=probe.language)
        if found is not None:
            yield line, f"prompt: {short(found)} looks like a placeholder left over; fill it in"


def _repeats(placed: Placed) -> Found:
    first: dict[object, int] = {}
    for line, probe in placed:
        line_before = first.setdefault((probe.messages, probe.tools), line)
        if line_before != line:
            yield line, f"prompt: the same text as on line {line_before}; change or remove one"


def _pairs(placed: Placed, suite: Suite) -> Found:
    pairs: dict[str, list[tuple[int, Probe]]] = {}
    for line, probe in placed:
        if probe.pair is not None:
            pairs.setdefault(probe.pair, []).append((line, probe))
    for name, members in pairs.items():
        line, first = members[0]
        have = [probe.arm for _, probe in members]
        missing = [arm for arm in suite.arms if arm not in have]
        for arm in missing:
            yield line, f"pair: {short(name)} has no twin in arm {short(arm)}; add it"
        for number, (other_line, other) in enumerate(members):
            if other.arm in have[:number]:
                yield (
                    other_line,
                    f"pair: {short(name)} already has arm {short(other.arm)}; rename the pair or the arm",
                )
        for other_line, other in members[1:]:
            unmatched = (
                *suite.unmatched.get(first.family, ()),
                *suite.unmatched.get(first.topic or "", ()),
            )
            yield from _twins(name, line, first, other_line, other, unmatched)


def _twins(
    name: str, line: int, first: Probe, other_line: int, other: Probe, unmatched: tuple[str, ...]
) -> Found:
    for key in _SAME:
        ours, theirs = getattr(first, key), getattr(other, key)
        if ours != theirs:
            yield (
                other_line,
                f"{key}: {short(theirs)}, but its twin on line {line} has {short(ours)}; twins must agree",
            )
    if first.target != other.target:
        yield (
            other_line,
            f"target: {short(list(other.target))}, but its twin on line {line} has {short(list(first.target))}; "
            "twins must have the same answer",
        )
    for key in ("options", "parameters", "tools"):
        if key not in unmatched and getattr(first, key) != getattr(other, key):
            yield other_line, f"{key}: not those of its twin on line {line}; twins must agree"
    if [message.role for message in first.messages] != [message.role for message in other.messages]:
        yield (
            other_line,
            f"messages: not the same turns as its twin on line {line}; twins must have the same form",
        )
    lengths = sorted((len(_text(first)), len(_text(other))))
    if "length" not in unmatched and lengths[1] - lengths[0] > LENGTH_SHARE * lengths[0]:
        yield (
            other_line,
            f"prompt: {len(_text(other))} characters, but its twin on line {line} has {len(_text(first))}; "
            f"keep the lengths of {short(name)} within {LENGTH_SHARE:.0%}",
        )


def _topics(placed: Placed, suite: Suite) -> Found:
    if not suite.topic_words:
        return
    watched = suite.arms[0]
    everything = {
        language: tuple(word for own in suite.topic_words.values() for word in own.get(language, ()))
        for language in suite.languages
    }
    for line, probe in placed:
        if probe.pair is None or probe.topic is None:
            continue
        text = _text(probe)
        if probe.arm == watched:
            if not words(suite.topic_words.get(probe.topic, {}).get(probe.language, ())).found(text):
                yield (
                    line,
                    f"prompt: no word of topic {short(probe.topic)} in it; use one of topic_words, or add one there",
                )
            continue
        found = words(everything.get(probe.language, ())).found(text)
        if found:
            yield line, f"prompt: {short(found[0])} is a topic word on the plain side; use a neutral one"


def _groups(items: Sequence[Item]) -> Found:
    first: dict[str, Item] = {}
    for item in items:
        if item.template is None:
            continue
        leader = first.setdefault(item.template.group, item)
        if leader.template is not None and leader.template.shape != item.template.shape:
            yield (
                item.line,
                f"draw: not the variables of line {leader.line}, which shares its draw; "
                "give both the same names, ranges and numbers of choices, or another variant",
            )


def _anchors(items: Sequence[Item]) -> Found:
    templates: dict[tuple[str, str | None, str], list[Item]] = {}
    for item in items:
        if item.template is not None and item.probe.template:
            templates.setdefault(_kin(item.probe), []).append(item)
    for item in items:
        if item.template is not None or not item.probe.template:
            continue
        kin = templates.get(_kin(item.probe), [])
        reasons = [
            recognise(item.probe, each.probe, each.template) for each in kin if each.template is not None
        ]
        if reasons and None not in reasons:
            yield (
                item.line,
                f"template: not a draw of {short(item.probe.template)} on line {kin[0].line}: {reasons[0]}",
            )


def _kin(probe: Probe) -> tuple[str, str | None, str]:
    return probe.template or "", probe.arm, probe.language
