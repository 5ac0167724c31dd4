"""Tables for people: what a run found, what a comparison shows, what stands in the database."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from harness import __version__, tables
from harness.cli.context import out
from harness.monitor import Summary, claims_of
from harness.records import RunStatus
from harness.store import Origin, Store
from harness.tables import Comparison, Evidence, ProbeChange, Row, SuiteNote

if TYPE_CHECKING:
    import pandas as pd

    from harness.findings.snapshot_named import Named


def evidence_of(
    store: Store,
    database: Path,
    now: datetime | None = None,
    run_ids: Sequence[int] | None = None,
    origin: Origin = "own",
) -> Evidence:
    """Read everything reports and plots are made from: our own runs, imported ones or all, or those named."""
    origin = origin if run_ids is None else "all"
    runs = store.runs(origin)
    if run_ids is not None:
        runs = runs[runs["run_id"].isin(run_ids)]
    shown = set(runs["run_id"].tolist())
    return Evidence(
        runs=runs,
        tallies=store.tallies(run_ids=run_ids, origin=origin),
        identities=store.identities(run_ids=run_ids, origin=origin),
        generated_at=now or datetime.now(UTC),
        harness_version=__version__,
        database=database.name,
        suites=_suite_notes(store, runs),
        claims=claims_of(store) if run_ids is None and origin == "own" else None,
        imported={run_id: label for run_id, label in store.origins.labels().items() if run_id in shown},
    )


def _suite_notes(store: Store, runs: pd.DataFrame) -> dict[str, SuiteNote]:
    """Return what the suites of these runs say about themselves, each as it was used last."""
    notes: dict[str, SuiteNote] = {}
    for run_id, names in zip(
        reversed(runs["run_id"].tolist()), reversed(runs["suites"].tolist()), strict=True
    ):
        if json.loads(names).keys() <= notes.keys():
            continue
        for suite in store.suites(run_id):
            header = suite.header
            note = SuiteNote(
                title=str(header.get("title", "")),
                description=str(header.get("description", "")),
                arms=tuple(str(arm) for arm in _list(header.get("arms"))),
            )
            notes.setdefault(suite.name, note)
    return notes


def _list(value: object) -> Sequence[object]:
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()


def grid(*headings: str, right: int = 0) -> Table:
    """Return an empty table in the house style; the last `right` columns hold numbers."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for place, heading in enumerate(headings):
        numeric = place >= len(headings) - right
        table.add_column(heading, justify="right" if numeric else "left", overflow="fold", no_wrap=numeric)
    return table


def percent(value: float | None) -> str:
    """Return a share as a percentage; a dash where there is none."""
    return "–" if value is None or math.isnan(value) else f"{100 * value:.0f}%"


def share(value: float | None) -> str:
    """Return a share in percent to one decimal; a dash where there is none."""
    return "–" if value is None or math.isnan(value) else f"{100 * value:.1f}"


def span(low: float | None, high: float | None) -> str:
    """Return an interval of shares in percent; empty where there is none."""
    if low is None or high is None or math.isnan(low) or math.isnan(high):
        return ""
    return f"[{100 * low:.0f}, {100 * high:.0f}]"


def points(value: float | None) -> str:
    """Return a difference in percentage points with its sign."""
    return "–" if value is None or math.isnan(value) else f"{100 * value:+.1f}"


def chance(p: float | None) -> str:
    """Return a p-value to two digits; empty where there is none."""
    return "" if p is None else "<.001" if p < 0.001 else f"{p:.3f}"[1:] if p < 0.9995 else "1"


def points_span(low: float | None, high: float | None) -> str:
    """Return an interval of differences in percentage points."""
    if low is None or high is None or math.isnan(low) or math.isnan(high):
        return ""
    return f"[{100 * low:+.1f}, {100 * high:+.1f}]"


def print_run_tables(evidence: Evidence) -> None:
    """Print what one or more runs found: per endpoint and suite, then the twins."""
    summary = tables.summarise(evidence.tallies)
    table = grid("endpoint", "suite", "asked", "right", "95%", "refused", "no answer", "failed", right=6)
    for row in _rows(summary):
        unread = row["unparsed"] + row["truncated"] + row["cut"] + row["empty"] + row["denied"]
        table.add_row(
            str(row["endpoint"]),
            str(row["suite"]),
            f"{row['n']:,}",
            percent(row["score"]),
            span(row["low"], row["high"]),
            f"{row['refused']:,}",
            f"{unread:,}",
            f"{row['failed']:,}",
        )
    out.print(table)
    differences = tables.twins(evidence.tallies, dict(evidence.suites))
    if len(differences):
        out.print("\ntwins: the same task in two wordings, first minus second, percentage points")
        table = grid("endpoint", "suite", "topic", "first", "second", "pairs", "difference", "95%", right=3)
        for row in _rows(differences):
            table.add_row(
                str(row["endpoint"]),
                str(row["suite"]),
                str(row["topic"]) or "all",
                str(row["arm"]),
                str(row["control"]),
                str(row["pairs"]),
                points(row["difference"]),
                points_span(row["low"], row["high"]),
            )
        out.print(table)


def print_comparison(found: Comparison, every_row: bool) -> None:
    """Print a comparison: overall and per suite, with all groups on request."""
    for label, side in (("A", found.left), ("B", found.right)):
        out.print(
            f"{label}: {side.label}: {side.measured:,} of {side.exchanges:,} exchanges measured, "
            f"{side.first} to {side.last}",
            markup=False,
        )
    table = grid(
        "endpoint", "suite", "group", "tasks", "A %", "B %", "B - A", f"{found.level:.0%}", "p", right=6
    )
    shown, hidden = _shown(found.rows, every_row)
    for row in shown:
        table.add_row(*_comparison_cells(row))
    out.print(table)
    _print_missing([row for row in shown if row.uneven], found.level)
    if hidden:
        out.print(f"{hidden} more groups of probes with --groups")
    if found.answers is not None and found.answers.compared:
        same = found.answers
        out.print(f"answers identical byte for byte: {same.identical:,} of {same.compared:,}")
    for note in found.notes:
        out.print(f"note: {note}", markup=False)
    tested = [one for one in found.changed if one.adjusted is not None]
    if tested:
        many = sum(one.adjusted is not None and one.adjusted <= 1 - found.level for one in tested)
        out.print(
            f"single probes that differ at {1 - found.level:.0%} after Benjamini-Hochberg: {many} of "
            f"{len(found.changed)} that scored differently (--json lists them)",
            markup=False,
        )
        _print_probes([one for one in tested if one.adjusted is not None and one.adjusted <= 1 - found.level])
    out.print(
        "differences in percentage points of right answers; positive: B has more; each interval for itself, "
        "p after Holm over groups of one kind",
        markup=False,
    )


def _print_missing(rows: Sequence[Row], level: float) -> None:
    """Print between what limits a difference lies whatever missing calls would have been."""
    if not rows:
        return
    out.print("\nmissing: had every failed or denied call gone the worst way, B - A would lie between")
    table = grid(
        *("endpoint", "suite", "group", "A measured", "B measured", "worst case", f"with {level:.0%} bounds"),
        right=4,
    )
    for row in rows:
        assert row.worst is not None
        endpoint, suite, group = _comparison_cells(row)[:3]
        left, right = (
            f"{100 * (1 - (side.exchanges - side.measured + side.outcomes['denied']) / max(1, side.exchanges)):.1f}%"
            for side in (row.left, row.right)
        )
        table.add_row(
            *(endpoint, suite, group, left, right, points_span(row.worst.low, row.worst.high)),
            points_span(row.worst.interval_low, row.worst.interval_high),
        )
    out.print(table)


def _print_probes(differing: Sequence[ProbeChange]) -> None:
    """Print the single probes that differ, the largest difference first, as many as fit."""
    if not differing:
        return
    table = grid("endpoint", "suite", "probe", "A %", "B %", "p", right=3)
    for one in differing[:_CLASSES]:
        table.add_row(
            one.endpoint, one.suite, one.probe_id, share(one.left), share(one.right), chance(one.adjusted)
        )
    out.print(table)
    if len(differing) > _CLASSES:
        out.print(f"{len(differing) - _CLASSES} more single probes with --json")


def print_named(named: Sequence[Named]) -> None:
    """Print what each endpoint and suite is consistent with."""
    for each in named:
        out.print(f"{each.verdict.value}: {each.sentence}", markup=False)
        for caveat in each.caveats:
            out.print(f"  {caveat}", markup=False)


_CLASSES = 12
"""Groups of one kind (families, topics, ...) shown without being asked for."""


def _shown(rows: Sequence[Row], every_row: bool) -> tuple[list[Row], int]:
    """Return the rows to show and how many are left out: a class of probes that divides a suite into a few is shown.

    A change is to be broken down by class before it is named: a whole can stand still while its parts change places.
    """
    counts = Counter((row.endpoint, row.suite, row.by) for row in rows)
    shown = [
        row
        for row in rows
        if every_row or row.by in ("all", "suite") or 1 < counts[row.endpoint, row.suite, row.by] <= _CLASSES
    ]
    return shown, len(rows) - len(shown)


def _comparison_cells(row: Row) -> list[str]:
    interval = row.difference.interval
    group = "all" if row.by in ("all", "suite") else f"{row.by} {row.group}"
    return [
        row.endpoint, row.suite or "all", group, str(interval.n),
        share(row.difference.first_mean), share(row.difference.second_mean),
        points(interval.estimate), interval.insufficient or points_span(interval.low, interval.high),
        chance(row.adjusted),
    ]  # fmt: skip


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]


def print_run(store: Store, summary: Summary, database: Path) -> None:
    """Print what a run found and what to do next."""
    print_run_tables(evidence_of(store, database, run_ids=[summary.run_id]))
    out.print(f"\n{summary.words()}", markup=False)
    if summary.status is not RunStatus.DONE:
        out.print("unfinished: harness run --resume sends only what is missing")
    failed = summary.outcomes.get("failed", 0) + summary.outcomes.get("denied", 0)
    if failed:
        out.print(
            f"why calls failed or were denied: harness show --run {summary.run_id} --outcome failed (or denied)"
        )
    out.print(
        f"next: harness report; harness show --run {summary.run_id}; run again and harness compare "
        f"{summary.run_id} {summary.run_id + 1}; or harness watch"
    )
