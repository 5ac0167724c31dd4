"""Values with intervals, for groups: rows of dots for one or two runs, small panels for more."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, PercentFormatter

from harness.plots.theme import GRID, INK, MUTED, PAPER, SERIES, WIDTH_IN, Sheet, beside, short
from harness.plots.timeline import Timeline, band_notes, mark_notes
from harness.tables import Band, Mark
from harness.tables.words import percent, plural, points

FEW_RUNS = 2
"""Up to so many runs are compared row by row; more are followed along time."""
PANELS = 9
ROW_LIMIT = 18


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """One line of dots, or one panel: a name and a value with `low` and `high` for each run."""

    name: str
    table: pd.DataFrame
    """Columns run_id, started_at, value, low, high, n."""


@dataclass(frozen=True, slots=True)
class Words:
    """What stands around a drawing of groups."""

    title: str
    subtitle: str
    axis: str


def choose(groups: Sequence[Group], limit: int) -> tuple[list[Group], list[Group]]:
    """Return the groups to draw and those left out: the largest are kept, in their given order.

    Size, and not the value, decides: choosing by value would show what moved by chance.
    """
    if len(groups) <= limit:
        return list(groups), []
    ranked = sorted(groups, key=lambda group: (-float(group.table["n"].sum()), group.name))
    kept = {group.name for group in ranked[:limit]}
    return [g for g in groups if g.name in kept], [g for g in groups if g.name not in kept]


def left_out_note(left_out: Sequence[Group], what: str, many: str | None = None) -> list[str]:
    """Return the sentence that says what a picture does not show."""
    if not left_out:
        return []
    names = ", ".join(short(group.name, 24) for group in left_out[:6])
    more = f" and {len(left_out) - 6} more" if len(left_out) > 6 else ""
    return [f"Not drawn, for room (the largest are): {plural(len(left_out), what, many)}, {names}{more}."]


def _bare_note(groups: Sequence[Group]) -> list[str]:
    """Return the sentence about dots without a bar."""
    bare = any((group.table["value"].notna() & group.table["low"].isna()).any() for group in groups)
    return ["A dot without a bar: fewer than two measured, so there is no interval."] if bare else []


def draw(
    whole: Group,
    groups: Sequence[Group],
    words: Words,
    notes: Sequence[str],
    found: Sequence[Band],
    marked: Sequence[Mark],
    scale: Literal["share", "difference"],
) -> Figure:
    """Return the figure for these groups, in the form that suits the number of runs."""
    runs = whole.table["started_at"].nunique()
    said = [*notes, *_bare_note([whole, *groups]), *band_notes(found)]
    if runs <= FEW_RUNS:
        return _rows(whole, groups, words, said, scale)
    return _panels(whole, groups, words, [*said, *mark_notes(marked)], found, marked, scale)


def limits(groups: Sequence[Group], scale: Literal["share", "difference"]) -> tuple[float, float]:
    """Return the value axis: 0..1 for shares, symmetric around zero for differences."""
    if scale == "share":
        return 0.0, 1.0
    values = np.concatenate(
        [group.table[["value", "low", "high"]].to_numpy(dtype=float).ravel() for group in groups]
    )
    finite = values[np.isfinite(values)]
    reach = float(np.abs(finite).max()) if finite.size else 0.2
    bound = min(1.0, max(0.2, math.ceil(reach * 10) / 10))
    return -bound, bound


def _format(scale: Literal["share", "difference"]) -> PercentFormatter | FuncFormatter:
    if scale == "share":
        return PercentFormatter(1.0)
    return FuncFormatter(lambda value, _: points(value).split(" ")[0])


def _value_words(row: pd.Series[float], scale: Literal["share", "difference"]) -> str:
    return percent(float(row["value"])) if scale == "share" else points(float(row["value"])).split(" ")[0]


def _rows(
    whole: Group,
    groups: Sequence[Group],
    words: Words,
    notes: Sequence[str],
    scale: Literal["share", "difference"],
) -> Figure:
    shown = [whole, *groups]
    starts = sorted(whole.table["started_at"].unique())
    step = 0.30 if len(starts) == 1 else 0.42
    height = step * len(shown) + 0.12
    legend_in = 0.28 if len(starts) > 1 else 0.0
    sheet = Sheet(words.title, words.subtitle, notes, height + 0.55 + legend_in)
    longest = max(len(short(group.name)) for group in shown)
    left = min(2.3, 0.42 + 0.078 * longest)
    right = 0.8 + 0.58 * len(starts)
    axes = sheet.axes(left, legend_in, WIDTH_IN - left - right, height)
    offsets = [0.0] if len(starts) == 1 else [-0.17, 0.17]
    for place, group in enumerate(shown):
        for run, start in enumerate(starts):
            row = group.table[group.table["started_at"] == start]
            if not row.empty:
                hollow = len(starts) > 1 and run == 0
                _dot(axes, place + offsets[run], row.iloc[0], INK if place == 0 else SERIES[0], hollow=hollow)
        _row_words(axes, place, group, starts, scale)
    low, high = limits(shown, scale)
    axes.set_xlim(low, high)
    axes.set_ylim(len(shown) - 0.5, -0.62)
    axes.set_yticks(range(len(shown)), [short(group.name) for group in shown])
    axes.tick_params(axis="y", colors=INK, pad=7)
    axes.get_yticklabels()[0].set_fontweight("bold")
    axes.grid(visible=True, axis="x")
    axes.grid(visible=False, axis="y")
    if len(shown) > 1:
        axes.axhline(0.5, color=GRID, linewidth=0.8)
    if scale == "difference":
        axes.axvline(0, color=INK, linewidth=0.9)
    axes.spines["left"].set_visible(False)
    axes.xaxis.set_major_formatter(_format(scale))
    axes.set_xlabel(words.axis)
    axes.xaxis.set_label_coords(0.5, -0.30 / height)
    if len(starts) > 1:
        handles = [
            Line2D(
                [], [], color=SERIES[0], marker="o", markersize=5.5, linewidth=1.3,
                label=f"{start:%Y-%m-%d %H:%M} UTC", markerfacecolor=PAPER if run == 0 else SERIES[0],
            )
            for run, start in enumerate(pd.to_datetime(starts))
        ]  # fmt: skip
        axes.legend(
            handles=handles,
            loc="lower left",
            bbox_to_anchor=(-0.01, 1 + 0.02 / height),
            ncols=2,
            borderaxespad=0,
        )
    return sheet.figure


def _dot(axes: Axes, y: float, row: pd.Series[float], colour: str, *, hollow: bool) -> None:
    value, low, high = float(row["value"]), float(row["low"]), float(row["high"])
    if low == low:
        axes.hlines(y, low, high, color=colour, linewidth=1.7, alpha=0.75)
    if value == value:
        face = PAPER if hollow else colour
        axes.plot(
            value,
            y,
            marker="o",
            markersize=6,
            color=colour,
            markerfacecolor=face,
            linestyle="none",
            clip_on=False,
            zorder=4,
        )


def _row_words(
    axes: Axes,
    place: int,
    group: Group,
    starts: Sequence[pd.Timestamp],
    scale: Literal["share", "difference"],
) -> None:
    found = [group.table[group.table["started_at"] == start] for start in starts]
    values = [_value_words(row.iloc[0], scale) if len(row) else "–" for row in found]
    counts = sorted({int(row.iloc[0]["n"]) for row in found if len(row)})
    n = "–".join(str(count) for count in ([counts[0], counts[-1]] if len(counts) > 1 else counts)) or "0"
    column = 38 if len(starts) == 1 else 78
    beside(axes, place, [(" → ".join(values), column), (f"n = {n}" if place == 0 else n, column + 50)])


def _panels(
    whole: Group,
    groups: Sequence[Group],
    words: Words,
    notes: Sequence[str],
    found: Sequence[Band],
    marked: Sequence[Mark],
    scale: Literal["share", "difference"],
) -> Figure:
    columns = 3 if len(groups) > 2 else max(1, len(groups))
    lines = math.ceil(len(groups) / columns) if groups else 0
    first_in, panel_in, gap_in = 1.75, 1.0, 0.62
    timeline = Timeline(
        [pd.Timestamp(start).to_pydatetime() for start in sorted(whole.table["started_at"].unique())]
    )
    room_in = 0.72 if timeline.by_clock else 0.84
    sheet = Sheet(words.title, words.subtitle, notes, 0.1 + first_in + room_in + lines * (panel_in + gap_in))
    low, high = limits([whole, *groups], scale)
    left, right = 0.62, 0.15
    axes = sheet.axes(left, 0.2, WIDTH_IN - left - right, first_in)
    timeline.draw_bands(axes, found, letters=True)
    timeline.draw_marks(axes, marked, numbers=True)
    timeline.draw_points(axes, whole.table, "value", INK)
    _finish(axes, timeline, low, high, scale, ticks=8)
    axes.set_title(whole.name, fontsize=9, loc="right", color=INK, pad=3)
    axes.set_ylabel(words.axis)
    axes.set_xlabel(timeline.label)
    width = (WIDTH_IN - left - right - 0.28 * (columns - 1)) / columns
    for place, group in enumerate(groups):
        line, column = divmod(place, columns)
        top = 0.2 + first_in + room_in + line * (panel_in + gap_in)
        panel = sheet.axes(left + column * (width + 0.28), top, width, panel_in)
        timeline.draw_bands(panel, found, letters=False)
        timeline.draw_marks(panel, marked, numbers=False)
        timeline.draw_points(panel, group.table, "value", SERIES[0])
        _finish(panel, timeline, low, high, scale, ticks=4 if columns > 2 else 6)
        n = sorted({int(value) for value in group.table["n"]})
        spread = f"{n[0]}–{n[-1]}" if len(n) > 1 else str(n[0])
        name = short(group.name, 20 if columns > 2 else 44)
        panel.set_title(name, fontsize=7.8, loc="left", color=INK, pad=3)
        panel.set_title(f"n = {spread}", fontsize=7.4, loc="right", color=MUTED, pad=3)
        if column:
            panel.tick_params(axis="y", labelleft=False)
    return sheet.figure


def _finish(
    axes: Axes, timeline: Timeline, low: float, high: float, scale: Literal["share", "difference"], ticks: int
) -> None:
    timeline.dress(axes, ticks)
    axes.set_ylim(low, high)
    axes.set_yticks([0, 0.5, 1] if scale == "share" else [low, 0, high])
    axes.yaxis.set_major_formatter(_format(scale))
    if scale == "difference":
        axes.axhline(0, color=INK, linewidth=0.9)


def overlay(
    series: Sequence[Group], words: Words, notes: Sequence[str], found: Sequence[Band], marked: Sequence[Mark]
) -> Figure:
    """Return one panel with a few series over each other, along time."""
    sheet = Sheet(words.title, words.subtitle, [*notes, *band_notes(found), *mark_notes(marked)], 3.3)
    starts = sorted({pd.Timestamp(moment) for group in series for moment in group.table["started_at"]})
    timeline = Timeline([moment.to_pydatetime() for moment in starts])
    axes = sheet.axes(0.62, 0.42, WIDTH_IN - 0.77, 2.2)
    timeline.draw_bands(axes, found, letters=True)
    timeline.draw_marks(axes, marked, numbers=True)
    for place, group in enumerate(series):
        aside = (place - (len(series) - 1) / 2) * 0.22
        timeline.draw_points(
            axes, group.table, "value", SERIES[place % len(SERIES)], short(group.name), aside
        )
    _finish(axes, timeline, 0.0, 1.0, "share", ticks=8)
    axes.set_ylabel(words.axis)
    axes.set_xlabel(timeline.label)
    axes.legend(loc="lower left", bbox_to_anchor=(-0.01, 1.07), ncols=4, borderaxespad=0, handletextpad=0.2)
    return sheet.figure
