"""Coverage and gaps: what was planned and not measured, and when nobody asked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from harness.report.views import Table
from harness.tables import Evidence, coverage
from harness.tables.words import moment, percent, plural, printable

SHOWN = 20
LOW = 0.95
"""Below this coverage a run is named."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """How complete the evidence is, in words and run by run."""

    sentences: tuple[str, ...]
    table: Table


def coverage_of(evidence: Evidence) -> Coverage:
    """Return what was planned, what was measured and what is missing."""
    table = coverage(evidence)
    planned, measured = int(table["planned"].sum()), int(table["measured"].sum())
    said = [
        f"{measured:,} of {plural(planned, 'planned exchange')} were measured"
        + (f" ({percent(measured / planned)})." if planned else ".")
    ]
    failed, unsent = (
        int(table["failed"].sum()),
        int((table["planned"] - table["completed"]).clip(lower=0).sum()),
    )
    if failed or unsent:
        parts = [
            f"{failed:,} failed" if failed else "",
            f"{unsent:,} were never sent or not finished" if unsent else "",
        ]
        said.append(
            f"Missing: {' and '.join(part for part in parts if part)}. Missing is not counted as wrong."
        )
    low = table[table["coverage"] < LOW]
    if len(low):
        said.append(
            f"{plural(len(low), 'run')} with less than {LOW:.0%} coverage: read "
            f"{'it' if len(low) == 1 else 'them'} with care, because what is missing may differ "
            "from what came back."
        )
    stopped = table[table["status"] != "done"]
    if len(stopped):
        said.append(f"{plural(len(stopped), 'run')} not finished: {_named(stopped)}.")
    said += _pauses(table)
    rows = [
        (
            str(row["run_id"]),
            moment(row["started_at"]),
            printable(row["status"], 20) + (" (simulated)" if row["clock"] == "simulated" else ""),
            f"{int(row['planned']):,}",
            f"{int(row['measured']):,}",
            f"{int(row['failed']):,}",
            percent(row["coverage"]),
        )
        for row in table.tail(SHOWN).to_dict("records")
    ]
    caption = "Runs" if len(table) <= SHOWN else f"The latest {SHOWN} of {len(table)} runs"
    head = ("run", "start", "status", "planned", "measured", "failed", "coverage")
    return Coverage(tuple(said), Table(caption, head, rows, 4))


def _named(table: pd.DataFrame) -> str:
    names = [
        f"run {row['run_id']} ({printable(row['status'], 20)})" for row in table.head(6).to_dict("records")
    ]
    return ", ".join(names) + (f" and {len(table) - 6} more" if len(table) > 6 else "")


def _pauses(table: pd.DataFrame) -> list[str]:
    """Say where the usual rhythm was interrupted; with few runs there is no usual rhythm."""
    if len(table) < 5:
        return []
    starts = table["started_at"].reset_index(drop=True)
    seconds = starts.diff().dt.total_seconds().to_numpy()[1:]
    usual, place = float(np.median(seconds)), int(seconds.argmax())
    longest = float(seconds[place])
    if longest < 3 * usual:
        return []
    return [
        f"The longest pause between runs lasted {_length(longest)}, from {moment(starts[place])} to "
        f"{moment(starts[place + 1])}; usual is {_length(usual)}. Nothing is known about the time between."
    ]


def _length(seconds: float) -> str:
    hours = seconds / 3600
    if hours >= 48:
        return plural(round(hours / 24), "day")
    return plural(round(hours), "hour") if hours >= 2 else plural(max(1, round(hours * 60)), "minute")
