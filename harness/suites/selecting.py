"""Asking a part of a suite: which families, topics, languages, depths and difficulties a config keeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from harness.config import SuiteUse
from harness.config.explain import close_to
from harness.config.shown import Mistake, file_text, plain, shown
from harness.errors import ConfigError
from harness.records import Probe
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
    given = chosen.as_json()
    if not given:
        return suite
    mistakes: list[Mistake] = []
    for key in given:
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
    if mistakes:
        raise ConfigError([mistake.line(file_text(file)) for mistake in mistakes])
    return replace(suite, probes=probes, selection=chosen, header={**suite.header, "selection": given})


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
