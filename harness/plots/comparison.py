"""Two sets of runs side by side: where each group stood, and how far it moved."""

from __future__ import annotations

from collections import Counter

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, PercentFormatter

from harness.plots.theme import (
    GRID,
    INK,
    PAPER,
    SERIES,
    WIDTH_IN,
    Plot,
    Sheet,
    beside,
    short,
    slug,
    style,
    wide,
)
from harness.tables import Comparison, Row
from harness.tables.words import difference_words, plural, points

LINES = 28


def comparison_plot(comparison: Comparison, *, name: str | None = None, simulated: bool = False) -> Plot:
    """Return the comparison as dots: scores on both sides, and the difference with its interval."""
    rows, left_out = _choose(comparison.rows)
    many = len({row.endpoint for row in rows}) > 1
    left, right = short(comparison.left.label, 52), short(comparison.right.label, 52)
    title = f"{right[:1].upper()}{right[1:]} against {left}"
    tasks = max(row.difference.interval.n for row in rows)
    where = ", from a simulated rehearsal" if simulated else ""
    subtitle = (
        f"Paired by probe, up to {plural(tasks, 'task')}{where}. Bars: {comparison.level:.0%} intervals. "
        "A description, not yet a finding."
        if tasks
        else f"No task was measured on both sides{where}: nothing can be said."
    )
    notes = [f"Not drawn, for room: {plural(left_out, 'group')}."] if left_out else []
    if any(row.uneven for row in rows):
        notes.append("Dotted: the interval had every failed or denied call gone the worst way, either way.")
    broad = wide(left, right, *(_label(row, many=many) for row in rows))
    with style(wide=broad):
        height = 0.27 * len(rows) + 0.1
        legend_in = 0.34 if len(left) + len(right) <= 84 else 0.5
        sheet = Sheet(title, subtitle, notes, legend_in + height + 0.5)
        labels = [_label(row, many=many) for row in rows]
        side = min(2.6, 0.37 + 0.078 * max(len(label) for label in labels))
        each = (WIDTH_IN - side - 1.05 - 0.42) / 2
        scores = sheet.axes(side, legend_in, each, height)
        moved = sheet.axes(side + each + 0.42, legend_in, each, height)
        reach = 0.2
        for place, row in enumerate(rows):
            colour = INK if row.by in {"all", "suite"} else SERIES[0]
            reach = max(reach, _line(scores, moved, place, row, colour))
        bound = min(1.0, -(-reach // 0.1) * 0.1)
        _dress(scores, len(rows), labels)
        _dress(moved, len(rows), None)
        for place, row in enumerate(rows):
            if row.by in {"all", "suite"}:
                scores.get_yticklabels()[place].set_fontweight("bold")
        scores.set_xlim(0, 1)
        scores.xaxis.set_major_formatter(PercentFormatter(1.0))
        scores.set_xticks([0, 0.5, 1])
        scores.set_xlabel("score")
        moved.set_xlim(-bound, bound)
        moved.axvline(0, color=INK, linewidth=0.9)
        moved.xaxis.set_major_formatter(FuncFormatter(lambda value, _: points(value).split(" ")[0]))
        moved.set_xlabel("difference, points")
        for axes in (scores, moved):
            axes.xaxis.set_label_coords(0.5, -0.30 / height)
        _legend(sheet, left, right)
    whole = rows[0]
    alt = (
        f"Scores of {left} and {right} and their difference. {_label(whole, many=many)}: "
        f"{difference_words(whole.difference)}."
    )
    caption = "Hollow: " + left + "; filled: " + right + ". The unit of each interval is the task."
    return Plot(
        name or slug("compare", comparison.left.label, comparison.right.label),
        title,
        caption,
        alt,
        sheet.figure,
        broad,
    )


def _choose(rows: tuple[Row, ...]) -> tuple[list[Row], int]:
    """Keep whole suites, then the largest groups, in their order; a lone group is the suite once more."""
    alone = Counter((row.endpoint, row.suite, row.by) for row in rows)
    sizes = {(row.endpoint, row.suite): row.difference.interval.n for row in rows if row.by == "suite"}
    rows = tuple(
        row
        for row in rows
        if row.by in {"all", "suite"}
        or alone[row.endpoint, row.suite, row.by] > 1
        or row.difference.interval.n < sizes[row.endpoint, row.suite]
    )
    if len(rows) <= LINES:
        return list(rows), 0
    rank = {"all": 0, "suite": 1, "family": 2, "arm": 2}
    order = sorted(
        range(len(rows)),
        key=lambda place: (rank.get(rows[place].by, 3), -rows[place].difference.interval.n, place),
    )
    kept = sorted(order[:LINES])
    return [rows[place] for place in kept], len(rows) - LINES


def _label(row: Row, *, many: bool) -> str:
    where = f"{short(row.endpoint, 14)}: " if many and row.by in {"all", "suite"} else ""
    if row.by == "all":
        return f"{where}all suites"
    if row.by == "suite":
        return f"{where}{short(row.suite, 24)}"
    prefix = "" if row.by == "family" else f"{row.by}: "
    return f"{prefix}{short(row.group, 26 - len(prefix))}"


def _line(scores: Axes, moved: Axes, place: int, row: Row, colour: str) -> float:
    first, second = row.difference.first_mean, row.difference.second_mean
    interval = row.difference.interval
    if first is not None and second is not None:
        scores.plot([first, second], [place, place], color=colour, linewidth=1.1, alpha=0.6)
        scores.plot(
            first,
            place,
            marker="o",
            markersize=5.5,
            color=colour,
            markerfacecolor=PAPER,
            linestyle="none",
            clip_on=False,
        )
        scores.plot(second, place, marker="o", markersize=5, color=colour, linestyle="none", clip_on=False)
    n = f"n = {interval.n}" if place == 0 else str(interval.n)
    beside(moved, place, [(points(interval.estimate).split(" ")[0], 30), (n, 70)])
    if interval.estimate is not None:
        moved.plot(
            interval.estimate,
            place,
            marker="o",
            markersize=5.5,
            color=colour,
            linestyle="none",
            clip_on=False,
        )
    if interval.low is None or interval.high is None:
        return abs(interval.estimate or 0.0)
    open_to = 0.0
    if row.worst is not None and row.uneven:
        low, high = row.worst.interval_low, row.worst.interval_high
        open_to = max(abs(low), abs(high))
        for outer, inner in ((low, interval.low), (high, interval.high)):
            moved.hlines(place, outer, inner, color=colour, linewidth=1.1, linestyle=(0, (1, 1.6)))
    moved.hlines(place, interval.low, interval.high, color=colour, linewidth=1.6, alpha=0.75)
    return max(abs(interval.low), abs(interval.high), open_to)


def _dress(axes: Axes, count: int, labels: list[str] | None) -> None:
    axes.set_ylim(count - 0.5, -0.5)
    axes.set_yticks(range(count), labels if labels is not None else [""] * count)
    axes.tick_params(axis="y", colors=INK, pad=7)
    axes.grid(visible=True, axis="x")
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    axes.spines["bottom"].set_color(GRID)


def _legend(sheet: Sheet, left: str, right: str) -> None:
    handles = [
        Line2D(
            [],
            [],
            color=SERIES[0],
            marker="o",
            markersize=5.5,
            linestyle="none",
            label=name,
            markerfacecolor=face,
        )
        for name, face in ((left, PAPER), (right, SERIES[0]))
    ]
    sheet.figure.legend(
        handles=handles, loc="upper left", ncols=2 if len(left) + len(right) <= 84 else 1, borderaxespad=0,
        bbox_to_anchor=(0.05 / WIDTH_IN, 1 - (sheet.top_in - 0.02) / sheet.height_in),
        handletextpad=0.1, columnspacing=1.0,
    )  # fmt: skip
