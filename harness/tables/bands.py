"""When the thing measured, or the measuring, changed by name: the bands behind a plot."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import pandas as pd

from harness.tables.evidence import Evidence
from harness.tables.words import printable, short_hash

_LABELS = {
    "model": "model asked for",
    "served_model": "served model",
    "fingerprint": "fingerprint",
    "suite": "suite version",
    "makers": "graders",
}


@dataclass(frozen=True, slots=True)
class Band:
    """A stretch of runs in which nothing that goes by a name changed."""

    first: int
    """Place of its first run among the runs of this endpoint and suite, from 0."""
    last: int
    since: datetime
    changes: tuple[str, ...]
    """What is new against the band before, in words; for the first band, how things stood."""
    kinds: tuple[str, ...] = ()
    """Which names changed: `served model`, `suite version`, ...; empty for the first band."""


def bands(evidence: Evidence, endpoint: str, suite: str) -> tuple[Band, ...]:
    """Return the stretches between changes of model, served model, fingerprint, suite content and graders.

    A run that learnt nothing (every exchange failed) names no served model; that is no change.
    """
    states = _states(evidence, endpoint, suite)
    found: list[Band] = []
    current: dict[str, str] = {}
    for place, (since, state) in enumerate(states):
        news = {name: value for name, value in state.items() if value and value != current.get(name)}
        moved = [name for name in news if name in current]
        if place == 0:
            words = tuple(f"{_LABELS[name]} {value}" for name, value in news.items())
            found.append(Band(0, 0, since, words))
        elif moved:
            words = tuple(f"{_LABELS[name]} {current[name]} → {news[name]}" for name in moved)
            found.append(Band(place, place, since, words, tuple(_LABELS[name] for name in moved)))
        else:
            found[-1] = replace(found[-1], last=place)
        current |= news
    return tuple(found)


def _states(evidence: Evidence, endpoint: str, suite: str) -> list[tuple[datetime, dict[str, str]]]:
    tallies = evidence.tallies
    chosen = tallies[(tallies["endpoint"] == endpoint) & (tallies["suite"] == suite)]
    columns = ["started_at", "run_id", "model", "suite_version", "suite_hash"]
    if "makers" in chosen.columns:
        columns.append("makers")
    runs = chosen[columns].drop_duplicates(["started_at", "run_id"]).sort_values(["started_at", "run_id"])
    named = _named(evidence.identities, endpoint)
    states: list[tuple[datetime, dict[str, str]]] = []
    for row in runs.to_dict("records"):
        seen = named.get(int(row["run_id"]), {})
        version = f"{row['suite_version']} ({short_hash(row['suite_hash'])})"
        states.append(
            (
                pd.Timestamp(row["started_at"]).to_pydatetime(),
                {
                    "model": printable(row["model"]),
                    "served_model": seen.get("served_model", ""),
                    "fingerprint": seen.get("fingerprint", ""),
                    "suite": version,
                    "makers": seen.get("makers", "") or printable(row.get("makers") or "", 120),
                },
            )
        )
    return states


def _named(identities: pd.DataFrame, endpoint: str) -> dict[int, dict[str, str]]:
    """Return, for each run, the names the provider gave; several in one run are joined."""
    mine = identities[identities["endpoint"] == endpoint]
    named: dict[int, dict[str, str]] = {}
    for column in ("served_model", "fingerprint", "makers"):
        if column not in mine.columns:
            continue
        known = mine[mine[column].notna() & (mine[column] != "")]
        for run_id, values in known.groupby("run_id")[column]:
            words = [printable(value, 120 if column == "makers" else 48) for value in sorted(set(values))]
            text = ", ".join(words[:3]) + (f" and {len(words) - 3} more" if len(words) > 3 else "")
            named.setdefault(int(str(run_id)), {})[column] = text
    return named
