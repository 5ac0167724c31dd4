"""What came back, suite by suite: sentences, pictures and tables about the latest run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from harness.plots import Plot
from harness.report.views import Table, cells
from harness.stats import Interval
from harness.tables import OUTCOMES, Evidence, Part, shares
from harness.tables.words import (
    moment,
    percent,
    plural,
    points,
    printable,
    score_words,
    signed,
)


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """One suite as one endpoint answered it."""

    heading: str
    about: str
    sentences: tuple[str, ...]
    plots: tuple[Plot, ...]
    tables: tuple[Table, ...]


def answers_of(evidence: Evidence, part: Part, plots: Sequence[Plot]) -> Answers:
    """Return what a report says about one endpoint and suite."""
    note = evidence.suites.get(part.suite)
    run_id = int(part.runs["run_id"].iloc[-1])
    tallies = evidence.tallies
    here = (tallies["run_id"] == run_id) & (tallies["endpoint"] == part.endpoint)
    now = tallies[here & (tallies["suite"] == part.suite)]
    differences = part.latest(part.twins)
    tables = (
        _outcome_table(shares(now)),
        _family_table(part.latest(part.families)),
        _twin_table(differences),
    )
    return Answers(
        heading=f"{printable(part.endpoint, 40)}: {suite_title(evidence, part.suite)}",
        about=printable(note.description, 300) if note else "",
        sentences=_suite_sentences(latest_row(part), differences),
        plots=tuple(plots),
        tables=tuple(table for table in tables if table.rows),
    )


def suite_title(evidence: Evidence, suite: str) -> str:
    """Return the suite's own title, or its name."""
    note = evidence.suites.get(suite)
    return printable(note.title if note and note.title else suite, 60)


def latest_row(part: Part) -> dict[str, object]:
    """Return the summary of its latest run, by column."""
    return {str(name): value for name, value in part.runs.iloc[-1].to_dict().items()}


def summary_sentence(evidence: Evidence, part: Part, *, named: bool) -> str:
    """Return the one sentence a summary gives a suite; `named` puts the endpoint before it."""
    row = latest_row(part)
    interval = interval_of(row, "score", "tasks", "task")
    measured = int(str(row["measured"]))
    others = [
        f"{percent(int(str(row[name])) / measured)} {name}"
        for name in OUTCOMES
        if name not in {"answered", "failed"} and measured and int(str(row[name]))
    ]
    where = f"{printable(part.endpoint, 30)}, " if named else ""
    title = f"{where}{suite_title(evidence, part.suite)}, latest run"
    if not measured:
        return f"{title}: nothing was measured."
    came = f"beside answers: {', '.join(others)}" if others else "every measured exchange brought an answer"
    return f"{title}: score {_sized(interval)}; {came}.{_twin_words(part)}"


def _sized(interval: Interval) -> str:
    """Return a score with its interval and the number of tasks behind it."""
    size = f", {plural(interval.n, 'task')}" if interval.n > 1 else ""
    return f"{score_words(interval)}{size}"


def _twin_words(part: Part) -> str:
    """Return how the twins differ, for a summary; empty without pairs."""
    pairs = part.latest(part.twins)
    words = []
    for row in pairs[pairs["topic"] == ""].to_dict("records"):
        gap = interval_of({str(k): v for k, v in row.items()}, "difference", "pairs", "pair")
        if gap.low is not None and gap.high is not None:
            words.append(
                f" The same tasks in {printable(row['arm'], 20)} wording against {printable(row['control'], 20)} "
                f"wording: {points(gap.estimate)} (interval {signed(gap.low)} to {signed(gap.high)})."
            )
    return "".join(words)


def interval_of(row: Mapping[str, object], value: str, n: str, unit: str) -> Interval:
    """Return a table's row as an interval."""
    estimate, low, high = (float(str(row[name])) for name in (value, "low", "high"))
    size = int(str(row[n]))
    if low != low:
        reason = f"only one {unit}, no interval" if size == 1 else f"no {unit} measured"
        return Interval(size, None if estimate != estimate else estimate, None, None, 0.95, "", reason)
    return Interval(size, estimate, low, high, 0.95, "")


def _suite_sentences(row: Mapping[str, object], differences: pd.DataFrame) -> tuple[str, ...]:
    interval = interval_of(row, "score", "tasks", "task")
    started = pd.Timestamp(str(row["started_at"]))
    accuracy = float(str(row["accuracy"]))
    measured = f"{plural(int(str(row['measured'])), 'exchange')} measured of {int(str(row['n'])):,}"
    score = f" Score {_sized(interval)}." if interval.n else ""
    said = [f"Latest run, {moment(started)}: {measured}.{score}"]
    if accuracy == accuracy and interval.estimate is not None and abs(accuracy - interval.estimate) > 0.005:
        said.append(
            f"Among the answers that could be read it is {percent(accuracy)}: a figure that leaves out what "
            "was refused, cut or unreadable, and is only to be read beside the score."
        )
    for pair in differences[differences["topic"] == ""].to_dict("records"):
        gap = interval_of({str(k): v for k, v in pair.items()}, "difference", "pairs", "pair")
        sides = f"{printable(pair['arm'], 20)} minus {printable(pair['control'], 20)} wording"
        words = f"Twins, {sides}: {points(gap.estimate)}"
        if gap.low is None or gap.high is None:
            said.append(f"{words} ({gap.insufficient}).")
            continue
        zero = "does not include zero" if gap.excludes_zero else "includes zero"
        said.append(
            f"{words} (interval {signed(gap.low)} to {signed(gap.high)}, {plural(gap.n, 'pair')}); "
            f"the interval {zero}."
        )
    return tuple(said)


def _outcome_table(part: pd.DataFrame) -> Table:
    rows = []
    for row in part.to_dict("records"):
        if not row["count"]:
            continue
        failed = row["outcome"] == "failed"
        span = "–" if row["low"] != row["low"] else f"{percent(row['low'])} to {percent(row['high'])}"
        rows.append(
            (
                str(row["outcome"]),
                f"{int(row['count']):,}",
                "missing" if failed else percent(row["share"]),
                "–" if failed else span,
            )
        )
    return Table("Outcomes, latest run", ("outcome", "exchanges", "share", "95% interval"), rows, 3)


def _family_table(part: pd.DataFrame) -> Table:
    rows = cells(part, "group", "score", "tasks", percent)
    return Table(
        "Score by family, latest run",
        ("family", "tasks", "score", "95% interval"),
        rows if len(rows) > 1 else [],
        3,
    )


def _twin_table(part: pd.DataFrame) -> Table:
    named = part.assign(topic=part["topic"].replace("", "all pairs")) if len(part) else part
    rows = cells(named, "topic", "difference", "pairs", lambda value: points(value).split(" ")[0])
    return Table(
        "Difference between twins by topic, latest run", ("topic", "pairs", "points", "95% interval"), rows, 3
    )
