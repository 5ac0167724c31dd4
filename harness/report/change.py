"""The change since earlier, as a description: the latest runs against those before them."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from harness.errors import EvidenceError
from harness.plots import Plot, comparison_plot
from harness.report.views import Table
from harness.tables import NOT_A_FINDING, Comparison, Evidence, compare
from harness.tables.words import difference_words, moment, percent, plural, points, printable, signed

HALVES_FROM = 8
"""From so many runs on, the later half is also compared with the earlier half."""
PROBES = 12


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """One comparison with its words, picture and tables."""

    heading: str
    sentences: tuple[str, ...]
    plot: Plot
    tables: tuple[Table, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """What the section on change holds."""

    sentences: tuple[str, ...]
    comparisons: tuple[Compared, ...]
    short: tuple[str, ...]
    """Sentences for the summary."""


def changes(evidence: Evidence) -> Change:
    """Compare the latest run of each endpoint and suite with the one before; of many runs, the halves."""
    tallies = evidence.tallies
    order = tallies[["endpoint", "suite", "run_id", "started_at"]].drop_duplicates()
    order = order.sort_values(["started_at", "run_id"])
    groups = order.groupby(["endpoint", "suite"])
    order = order.assign(back=groups.cumcount(ascending=False), count=groups["run_id"].transform("size"))
    if (order["count"] < 2).all():
        only = "Only one run has asked each of these questions. Nothing can be said about change yet."
        return Change((f"{only} The next run can be compared with this one.",), (), (only,))
    several = order[order["count"] >= 2]
    made = [
        _compared(
            evidence, several[several["back"] == 1], several[several["back"] == 0],
            "The latest run against the one before", ("run before", "latest run"), "change-since-the-run-before",
        )
    ]  # fmt: skip
    long = order[order["count"] >= HALVES_FROM]
    if len(long):
        early = long["back"] >= long["count"] - long["count"] // 2
        late = long["back"] < long["count"] // 2
        made.append(
            _compared(
                evidence, long[early], long[late],
                "The later half of the runs against the earlier half", ("earlier half", "later half"),
                "change-between-the-halves",
            )
        )  # fmt: skip
    done = tuple(one for one, _ in made if one is not None)
    refused = tuple(reason for one, reason in made if one is None)
    short = tuple(one.sentences[0] for one in done[:1])
    alone = order[order["count"] < 2]
    notes = (
        (
            f"{plural(len(alone), 'combination')} of endpoint and suite asked in one run only: nothing to "
            "compare.",
        )
        if len(alone)
        else ()
    )
    return Change((NOT_A_FINDING, *notes, *refused), done, short)


def _compared(
    evidence: Evidence,
    left: pd.DataFrame,
    right: pd.DataFrame,
    heading: str,
    labels: tuple[str, str],
    name: str,
) -> tuple[Compared | None, str]:
    keys = ["endpoint", "suite", "run_id"]
    sides = [evidence.tallies.merge(chosen[keys], on=keys) for chosen in (left, right)]
    named = [_dated(label, frame) for label, frame in zip(labels, sides, strict=True)]
    try:
        found = compare(
            sides[0], sides[1], left_label=named[0], right_label=named[1], identities=evidence.identities
        )
    except EvidenceError as error:
        return None, f"{heading}: cannot be compared ({error})."
    return Compared(
        heading,
        (*_sentences(found), *found.notes),
        comparison_plot(found, name=name, simulated=evidence.simulated),
        tuple(table for table in (_group_table(found), _probe_table(found)) if table.rows),
    ), ""


def _dated(label: str, frame: pd.DataFrame) -> str:
    runs = frame["run_id"].nunique()
    if runs == 1:
        return f"{label} ({moment(frame['started_at'].iloc[0])})"
    first, last = frame["started_at"].min(), frame["started_at"].max()
    return f"{label} ({plural(runs, 'run')}, {first:%Y-%m-%d} to {last:%Y-%m-%d})"


def _sentences(found: Comparison) -> list[str]:
    whole = found.rows[0]
    difference = whole.difference
    if difference.interval.estimate is None:
        return [f"No task was measured in both the {found.left.label} and the {found.right.label}."]
    if not difference.higher and not difference.lower:
        moved = f"all {plural(difference.interval.n, 'task')} measured in both scored the same"
    else:
        moved = (
            f"of {plural(difference.interval.n, 'task')} measured in both, {difference.lower:,} scored "
            f"lower, {difference.higher:,} higher, {difference.same:,} the same"
        )
    apart = difference.interval.excludes_zero
    zero = {
        True: " The interval does not include zero.",
        False: " The interval includes zero: this alone neither shows a difference nor rules one out.",
        None: "",
    }[apart]
    return [
        f"{_begin(found.right.label)} against the {found.left.label}: {moved}; on average "
        f"{difference_words(difference)}.{zero}"
    ]


def _begin(text: str) -> str:
    """Return text fit to begin a sentence."""
    return text[:1].upper() + text[1:]


def _group_table(found: Comparison) -> Table:
    many = len({row.endpoint for row in found.rows}) > 1
    rows = []
    for row in found.rows[:60]:
        interval = row.difference.interval
        group = {"all": "all suites", "suite": printable(row.suite, 30)}.get(
            row.by, f"{row.by}: {printable(row.group, 30)}"
        )
        span = (
            "–"
            if interval.low is None or interval.high is None
            else f"{signed(interval.low)} to {signed(interval.high)}"
        )
        cells = [
            group, f"{interval.n:,}", percent(row.difference.first_mean), percent(row.difference.second_mean),
            points(interval.estimate).split(" ")[0], span,
        ]  # fmt: skip
        rows.append([printable(row.endpoint, 30), *cells] if many else cells)
    head = ("group", "tasks", "before", "after", "points", "95% interval")
    return Table("Scores on both sides", ("endpoint", *head) if many else head, rows, 5)


def _probe_table(found: Comparison) -> Table:
    rows = [
        (printable(one.suite, 30), printable(one.probe_id, 50), percent(one.left), percent(one.right))
        for one in found.changed[:PROBES]
    ]
    caption = "Probes that scored differently"
    if len(found.changed) > PROBES:
        caption += f": the {PROBES} that moved most, of {len(found.changed)}"
    return Table(caption, ("suite", "probe", "before", "after"), rows, 2)
