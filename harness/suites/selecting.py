"""Asking a part of a suite: which families, topics, languages, depths and difficulties a config keeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from harness.config import SuiteUse
from harness.config.explain import close_to
from harness.config.shown import Mistake, file_text, plain, shown
from harness.errors import ConfigError
from harness.records import Probe, canonical_json, sha256
from harness.suites.form import SELECTED_BY, Selection, Suite
from harness.suites.packaged import find_suite
from harness.suites.reading import load_suite

_MOST_NAMES = 20
"""Values that a fix lists."""


def configured(name: str, use: SuiteUse, folder: Path, file: Path) -> Suite:
    """Return the suite that a section of a config names, cut down to what the section keeps.

    Args:
        name: the section, `[suites.NAME]`.
        use: what it says.
        folder: where the config lies.
        file: the config, as messages show it.

    Raises:
        ConfigError: with every mistake in the suite, or in what is to be kept of it.
    """
    return select(load_suite(find_suite(name, folder, use.path)), use, ("suites", name), file)


def select(suite: Suite, use: SuiteUse, where: tuple[str, ...], file: Path) -> Suite:
    """Return the suite with the probes that a config keeps; its content hash stays that of its files.

    Raises:
        ConfigError: a value that no probe has, or no probe has all that is asked for.
    """
    chosen = Selection(use.families, use.topics, use.languages, use.depths, use.difficulties)
    if not chosen.as_json() and use.probes is None:
        return suite
    mistakes: list[Mistake] = []
    for key in chosen.as_json():
        known = _known(suite.probes, SELECTED_BY[key])
        unknown = [value for value in getattr(chosen, key) if value not in known]
        if unknown:
            mistakes.append(_unknown((*where, key), unknown, known, suite.name))
    probes = tuple(probe for probe in suite.probes if chosen.keeps(probe))
    if not probes and not mistakes:
        text = (
            f"keeps none of the {len(suite.probes):,} probes of {suite.name}: no probe has {chosen.words()}"
        )
        mistakes.append(Mistake(where, text, "take one of these keys away, or name more values"))
    if use.probes is not None and probes and not spread(probes, use.probes):
        text = f"is {use.probes}: a pair of {suite.name} has more probes"
        mistakes.append(Mistake((*where, "probes"), text, "ask for more"))
    if mistakes:
        raise ConfigError([mistake.line(file_text(file)) for mistake in mistakes])
    part = replace(
        suite, probes=probes, selection=chosen, header={**suite.header, "selection": chosen.as_json()}
    )
    return part if use.probes is None else cut(part, use.probes)


def cut(suite: Suite, most: int) -> Suite:
    """Return the suite with at most so many of its probes, those that `probes = N` in the config would keep."""
    kept = spread(suite.probes, most)
    chosen = replace(suite.selection, probes=most, ids=frozenset(probe.id for probe in kept))
    return replace(
        suite, probes=kept, selection=chosen, header={**suite.header, "selection": chosen.as_json()}
    )


def spread(probes: Sequence[Probe], most: int) -> tuple[Probe, ...]:
    """Return at most so many probes, in their order: pairs whole, families, topics and languages in equal parts.

    Which ones follows from their names alone, so that every run asks the same, whatever else is in the suite.
    """
    units: dict[tuple[str, ...], list[Probe]] = {}
    for probe in probes:
        units.setdefault(("pair", probe.pair) if probe.pair is not None else ("probe", probe.id), []).append(
            probe
        )
    classes: dict[tuple[str | None, ...], list[tuple[str, ...]]] = {}
    for unit, (first, *_) in units.items():
        classes.setdefault((first.family, first.topic, first.language), []).append(unit)
    turns = [
        (turn, _shuffled(kind), unit)
        for kind, members in classes.items()
        for turn, unit in enumerate(sorted(members, key=_shuffled))
    ]
    chosen: set[str] = set()
    for _, _, unit in sorted(turns, key=lambda each: each[:2]):
        if len(chosen) + len(units[unit]) <= most:
            chosen |= {probe.id for probe in units[unit]}
    return tuple(probe for probe in probes if probe.id in chosen)


def _shuffled(names: tuple[str | None, ...]) -> str:
    """Return a word to sort by, which has nothing to do with the order in the file."""
    return sha256(canonical_json(list(names)))


def _known(probes: Sequence[Probe], field: str) -> list[str | int]:
    values = {getattr(probe, field) for probe in probes} - {None, ""}
    return sorted(values)


def _unknown(where: tuple[str, ...], values: list[str | int], known: list[str | int], suite: str) -> Mistake:
    text = f"names {_listed([shown(value) for value in values])}, which no probe of {suite} has"
    if not known:
        return Mistake(where, text, f"remove the key: {suite} has no {where[-1]}")
    near = close_to(str(values[0]), map(str, known)) if isinstance(values[0], str) else None
    meant = f'did you mean "{plain(near)}"? ' if near else ""
    return Mistake(where, text, f"{meant}there are: {_listed([plain(str(each)) for each in known])}")


def _listed(values: list[str]) -> str:
    more = len(values) - _MOST_NAMES
    return ", ".join(values[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
