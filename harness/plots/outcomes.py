"""What came back: shares of the outcomes, run by run."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import PercentFormatter

from harness.plots.theme import (
    GRID,
    INK,
    MUTED,
    OUTCOME_COLOURS,
    PAPER,
    WIDTH_IN,
    Plot,
    Sheet,
    short,
    slug,
    style,
    wide,
)
from harness.plots.timeline import DENSE, Floats, Timeline, band_notes, mark_notes, mark_words
from harness.tables import MEASURED_OUTCOMES, Part
from harness.tables.words import plural

ROWS = 6
"""Up to so many runs are shown as one bar each, with counts; more as columns along time."""


def outcome_plot(part: Part) -> Plot:
    """Return the outcomes' shares of the measured exchanges over the runs, with coverage beside them."""
    table = part.runs
    seen = [name for name in MEASURED_OUTCOMES if table[name].sum() > 0]
    unseen = [name for name in MEASURED_OUTCOMES if name not in seen]
    title = f"What came back from {short(part.endpoint, 40)}: suite {short(part.suite, 40)}"
    caption = _caption(table, unseen)
    subtitle = f"{counted(table)}. Shares of the exchanges that were measured{simulated(part)}."
    notes = band_notes(part.bands)
    broad = wide(part.endpoint, part.suite)
    with style(wide=broad):
        if len(table) <= ROWS:
            figure = _rows(table, seen, Sheet(title, subtitle, notes, 0.84 + 0.36 * len(table)))
        else:
            timeline = Timeline([moment.to_pydatetime() for moment in table["started_at"]])
            sheet = Sheet(title, subtitle, [*notes, *mark_notes(part.marks)], 3.72)
            figure = _columns(table, seen, sheet, timeline, part)
    alt = _alt(table, seen) + ("" if len(table) <= ROWS else mark_words(part.marks))
    return Plot(slug("outcomes", part.endpoint, part.suite), title, caption, alt, figure, broad)


def counted(table: pd.DataFrame) -> str:
    """Return how much a table of runs holds, in words."""
    runs = table["run_id"].nunique()
    first, last = table["started_at"].min(), table["started_at"].max()
    when = f"{first:%Y-%m-%d %H:%M} UTC" if runs == 1 else f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"
    exchanges = int(table["n"].sum())
    return f"n = {plural(exchanges, 'exchange')} in {plural(runs, 'run')}, {when}"


def simulated(part: Part) -> str:
    """Return the words every picture of a rehearsal carries."""
    return ", from a simulated rehearsal" if part.simulated else ""


def _caption(table: pd.DataFrame, unseen: Sequence[str]) -> str:
    failed = int(table["failed"].sum())
    parts = []
    if failed:
        parts.append(
            f"{plural(failed, 'exchange')} failed: missing data, shown as lower coverage and left out of the "
            "shares."
        )
    if unseen:
        parts.append(f"Not seen: {', '.join(unseen)}.")
    return " ".join(parts)


def _alt(table: pd.DataFrame, seen: Sequence[str]) -> str:
    def words(row: pd.Series[float]) -> str:
        counts = ", ".join(f"{int(row[name])} {name}" for name in seen if row[name])
        return f"{plural(int(row['measured']), 'measured exchange')} of {int(row['n'])}: {counts or 'none'}"

    first, last = table.iloc[0], table.iloc[-1]
    if len(table) == 1:
        return f"One bar. {words(first)}."
    return f"Stacked shares of {len(table)} runs. First run, {words(first)}. Latest run, {words(last)}."


def _legend(axes: Axes, seen: Sequence[str], *, failed: bool, below: float) -> None:
    handles = [Patch(facecolor=OUTCOME_COLOURS[name], label=name) for name in seen]
    if failed:
        handles.append(
            Patch(facecolor="none", edgecolor=MUTED, hatch="////", linewidth=0.5, label="failed (missing)")
        )
    axes.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(-0.01, below), ncols=min(len(handles), 6),
        handlelength=1.0, handleheight=1.0, columnspacing=1.1, handletextpad=0.5, borderaxespad=0,
    )  # fmt: skip


def _rows(table: pd.DataFrame, seen: Sequence[str], sheet: Sheet) -> Figure:
    height = 0.36 * len(table)
    axes = sheet.axes(1.35, 0.02, WIDTH_IN - 1.35 - 1.35, height)
    for place, (_, row) in enumerate(table.iterrows()):
        measured, start = float(row["measured"]), 0.0
        for name in seen:
            share = float(row[name]) / measured if measured else 0.0
            if not share:
                continue
            axes.barh(
                place,
                share,
                left=start,
                height=0.62,
                color=OUTCOME_COLOURS[name],
                edgecolor=PAPER,
                linewidth=0.8,
            )
            if share > 0.07:
                axes.text(
                    start + share / 2,
                    place,
                    str(int(row[name])),
                    ha="center",
                    va="center",
                    fontsize=8,
                    color="#111111",
                )
            start += share
        if not measured:
            axes.barh(place, 1, height=0.62, facecolor="none", edgecolor=MUTED, hatch="////", linewidth=0.5)
        text = f"{int(row['measured'])} of {int(row['n'])}\nmeasured"
        axes.text(1.02, place, text, ha="left", va="center", fontsize=8, color=MUTED, linespacing=1.05)
    axes.set_xlim(0, 1)
    axes.set_ylim(len(table) - 0.5, -0.5)
    axes.set_yticks(range(len(table)), [f"{moment:%Y-%m-%d %H:%M}" for moment in table["started_at"]])
    axes.tick_params(axis="y", colors=INK)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.grid(visible=False)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("share of measured exchanges; in the bars, how many")
    axes.xaxis.set_label_coords(0.5, -0.27 / height)
    _legend(axes, seen, failed=bool((table["measured"] == 0).any()), below=-0.55 / height)
    return sheet.figure


def _fill(axes: Axes, left: Floats, right: Floats, low: Floats, high: Floats, colour: str) -> None:
    """Draw columns between two heights: apart while they can be told apart, as one surface when many."""
    if len(left) <= DENSE:
        width = right - left
        axes.bar(left, high - low, width, low, align="edge", color=colour, edgecolor=PAPER, linewidth=0.6)
        return
    # A pause between runs stays blank: a point without height ends the surface before it.
    x = np.column_stack([left, right, right]).ravel()
    pause = np.append(left[1:] > right[:-1] + 1e-9, True)
    bottom = np.column_stack([low, low, np.where(pause, np.nan, low)]).ravel()
    top = np.column_stack([high, high, np.where(pause, np.nan, high)]).ravel()
    axes.fill_between(x, bottom, top, color=colour, linewidth=0)


def _columns(
    table: pd.DataFrame, seen: Sequence[str], sheet: Sheet, timeline: Timeline, part: Part
) -> Figure:
    left, right = timeline.edges()
    axes = sheet.axes(0.62, 0.16, WIDTH_IN - 0.62 - 0.15, 2.05)
    measured = table["measured"].where(table["measured"] > 0).to_numpy(dtype=float)
    start = np.zeros(len(table))
    for name in seen:
        share = np.nan_to_num(table[name].to_numpy(dtype=float) / measured)
        _fill(axes, left, right, start, start + share, OUTCOME_COLOURS[name])
        start = start + share
    axes.set_ylim(0, 1)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_ylabel("share of measured")
    timeline.draw_bands(axes, part.bands, letters=True, lines=True)
    timeline.draw_marks(axes, part.marks, numbers=True)
    timeline.dress(axes, labelled=False)
    lower = sheet.axes(0.62, 2.33, WIDTH_IN - 0.62 - 0.15, 0.42, sharex=axes)
    _fill(lower, left, right, np.zeros(len(table)), table["coverage"].to_numpy(dtype=float), "#8d959f")
    lower.axhline(1, color=GRID, linewidth=0.8)
    lower.set_ylim(0, 1.05)
    lower.set_yticks([0, 1], ["0%", "100%"])
    lower.set_ylabel("coverage")
    timeline.dress(lower)
    lower.set_xlabel(timeline.label)
    lower.xaxis.set_label_coords(0.5, -0.86 if timeline.by_clock else -1.02)
    _legend(lower, seen, failed=False, below=-1.38)
    return sheet.figure
