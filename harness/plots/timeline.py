"""The axis along which runs stand, and what is drawn on it: points, intervals, version bands."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib import dates
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter

from harness.plots.theme import BAND, INK, MUTED, PAPER
from harness.tables import Band, Mark

Floats = npt.NDArray[np.float64]
DENSE = 60
"""From so many runs on, intervals are a ribbon instead of bars."""
LETTERS = 12
"""Bands that are shaded and lettered; more changes than this are counted in words instead."""


_NEAR = 0.035
"""Flags closer than this share of the axis stand below one another."""
_FLAG_ROWS = 4


class Timeline:
    """Places for runs: by the clock where their spacing allows, else one after the other.

    Two runs five minutes apart followed by one a month later cannot both be told apart and stand at their
    true distances; then the runs stand in order, and the axis says so.
    """

    def __init__(self, started: Sequence[datetime]) -> None:
        """Take the distinct starts of the runs, oldest first."""
        self.started = list(started)
        # date2num counts days since 1970 in floats: microseconds survive for centuries.
        mpl: Any = dates
        days = np.asarray(mpl.date2num([moment.astimezone(UTC) for moment in started]), dtype=np.float64)
        gaps = np.diff(days)
        median = float(np.median(gaps)) if gaps.size else 0.0
        crowded = int((gaps < 0.4 * median).sum()) if gaps.size else 0
        stretched = bool(gaps.size and gaps.max() > 0.75 * gaps.sum() and gaps.size > 1)
        self.by_clock = bool(gaps.size) and median > 0 and crowded <= 0.03 * gaps.size and not stretched
        self.x: Floats = days if self.by_clock else np.arange(len(days), dtype=np.float64)
        self.step = median if self.by_clock else 1.0

    @property
    def label(self) -> str:
        """What the axis shows."""
        return "start of the run (UTC)" if self.by_clock else "runs in order, dated at their start (UTC)"

    def edges(self) -> tuple[Floats, Floats]:
        """Return where each run's column starts and ends: as wide as usual, narrower beside a close one."""
        half = np.full(len(self.x), self.step / 2)
        left, right = self.x - half, self.x + half
        if len(self.x) > 1:
            middle = (self.x[:-1] + self.x[1:]) / 2
            left[1:] = np.maximum(left[1:], middle)
            right[:-1] = np.minimum(right[:-1], middle)
        return left, right

    def place(self, started: pd.Series[pd.Timestamp]) -> Floats:
        """Return where runs with these starts stand."""
        places = dict(zip(self.started, self.x, strict=True))
        return np.array([places[pd.Timestamp(moment).to_pydatetime()] for moment in started])

    def dress(self, axes: Axes, ticks: int = 7, *, labelled: bool = True) -> None:
        """Set limits and date ticks."""
        left, right = self.edges()
        pad = 0.02 * (right[-1] - left[0])
        axes.set_xlim(left[0] - pad, right[-1] + pad)
        if self.by_clock:
            mpl: Any = dates
            locator = mpl.AutoDateLocator(tz=UTC, minticks=2, maxticks=ticks)
            axes.xaxis.set_major_locator(locator)
            axes.xaxis.set_major_formatter(mpl.ConciseDateFormatter(locator, tz=UTC))
            axes.xaxis.get_offset_text().set_color(MUTED)
            axes.xaxis.get_offset_text().set_fontsize(8)
        else:
            count = min(ticks if ticks > 4 else 3, len(self.x))
            chosen = sorted({round(place) for place in np.linspace(0, len(self.x) - 1, count)})
            day = "%Y-%m-%d" if ticks > 4 else "%m-%d"
            words = {float(place): f"{self.started[place]:{day}\n%H:%M}" for place in chosen}
            axes.xaxis.set_major_locator(FixedLocator(list(words)))
            axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: words.get(float(x), "")))
        axes.grid(visible=False, axis="x")
        if not labelled:
            axes.tick_params(axis="x", labelbottom=False)
            axes.xaxis.get_offset_text().set_visible(False)

    def draw_bands(self, axes: Axes, found: Sequence[Band], *, letters: bool, lines: bool = False) -> None:
        """Shade every other band and put its letter at its start; with lines where columns hide the shade."""
        if not 2 <= len(found) <= LETTERS:
            return
        left, right = self.edges()
        for place, band in enumerate(found):
            if place % 2:
                axes.axvspan(left[band.first], right[band.last], color=BAND, linewidth=0, zorder=0)
            if lines and place:
                axes.axvline(left[band.first], color=INK, linewidth=0.9, linestyle=(0, (3, 2)), zorder=5)
            if letters:
                axes.annotate(
                    chr(ord("A") + place), (left[band.first], 1), xycoords=("data", "axes fraction"),
                    xytext=(2, 1), textcoords="offset points", fontsize=7.5, color=MUTED, va="bottom",
                )  # fmt: skip

    def draw_marks(self, axes: Axes, found: Sequence[Mark], *, numbers: bool) -> None:
        """Draw a line where each finding's first run starts, with its number at the top of the line."""
        left, right = self.edges()
        row, before, near = 0, -np.inf, _NEAR * (right[-1] - left[0])
        for number, mark in enumerate(found[:LETTERS], 1):
            place = next((at for at, started in enumerate(self.started) if started >= mark.at), None)
            if place is None or mark.at < self.started[0]:
                continue
            x = float(left[place])
            axes.axvline(x, color=INK, linewidth=1.3 if numbers else 0.9, zorder=5)
            if not numbers:
                continue
            row = (row + 1) % _FLAG_ROWS if x - before < near else 0
            before = x
            last = x > right[-1] - near
            axes.annotate(
                str(number), (x, 1), xycoords=("data", "axes fraction"),
                xytext=(-3 if last else 3, -2.5 - 14 * row), textcoords="offset points", fontsize=7.5, color=INK,
                va="top", ha="right" if last else "left", zorder=6,
                bbox={"boxstyle": "square,pad=0.25", "facecolor": PAPER, "edgecolor": INK, "linewidth": 0.8},
            )  # fmt: skip

    def draw_points(
        self,
        axes: Axes,
        table: pd.DataFrame,
        value: str,
        colour: str,
        label: str | None = None,
        aside: float = 0.0,
    ) -> None:
        """Draw `value` with `low` and `high`: points with bars, or a ribbon when there are many runs.

        `aside` moves the points by that share of a run's width, so that two series do not hide each other.
        """
        x = self.place(table["started_at"]) + (aside * self.step if len(self.x) <= DENSE else 0.0)
        y = table[value].to_numpy(dtype=np.float64)
        low, high = table["low"].to_numpy(dtype=np.float64), table["high"].to_numpy(dtype=np.float64)
        if len(self.x) > DENSE:
            axes.fill_between(x, low, high, color=colour, alpha=0.22, linewidth=0)
            axes.plot(x, y, linestyle="none", marker="o", markersize=2, color=colour, label=label)
            return
        size = 5.0 if len(self.x) <= 15 else 3.6
        axes.vlines(x, low, high, color=colour, linewidth=1.3 if len(self.x) <= 30 else 0.9, alpha=0.65)
        axes.plot(x, y, linestyle="none", marker="o", markersize=size, color=colour, label=label)


def band_notes(found: Sequence[Band]) -> list[str]:
    """Return what each letter stands for."""
    if len(found) < 2:
        return []
    if len(found) > LETTERS:
        kinds = sorted({kind for band in found for kind in band.kinds})
        return [f"Changed {len(found) - 1} times, too often to mark: {' or '.join(kinds)}."]
    return [
        f"{chr(ord('A') + place)}  from {band.since:%Y-%m-%d %H:%M}: {'; '.join(band.changes)}"
        for place, band in enumerate(found)
    ]


def mark_words(found: Sequence[Mark]) -> str:
    """Return the marks in a sentence, for who cannot see them."""
    words = [f"{'; '.join(mark.words)} from {mark.at:%Y-%m-%d}" for mark in found[:LETTERS]]
    return f" Marked as found: {', '.join(words)}." if words else ""


def mark_notes(found: Sequence[Mark]) -> list[str]:
    """Return what each numbered line stands for."""
    if len(found) > LETTERS:
        return [
            f"{len(found)} dates of findings, of which the first {LETTERS} are marked; all are in the tables."
        ]
    return [
        f"{number}  found to have changed from {mark.at:%Y-%m-%d %H:%M}: {'; '.join(mark.words)}"
        for number, mark in enumerate(found, 1)
    ]
