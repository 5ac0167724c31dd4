"""Two snapshots of several runs each: a difference whose interval holds the variation of probes and of runs.

A run is a cluster: what one day, or one seed, does to all its answers does not average out over probes. With one run
on each side nothing measured says how much runs differ, and the interval holds the variation between probes alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf, log, sqrt

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, stdtr, stdtrit

from harness.stats.differences import PairedDifference, paired_difference
from harness.stats.intervals import LEVEL, Floats, Interval, normal_quantile

METHOD = "probes-and-runs"


@dataclass(frozen=True, slots=True)
class ClusteredDifference:
    """How matched units moved between two snapshots, and how easily chance does as much."""

    difference: PairedDifference
    p: float | None
    """Two-sided, of no difference; below 1 - level exactly where the interval excludes zero. None without interval."""
    runs: tuple[int, int]
    """Runs behind each side."""
    runs_counted: bool
    """Whether run-to-run variation is in the interval."""


@dataclass(frozen=True, slots=True)
class Spread:
    """A centre with the two parts of its variance; adds up over independent groups of units."""

    centre: float
    by_units: float
    units: int
    by_runs: float | None
    """None where the runs do not show how much runs differ."""
    freedom: float

    def interval(self, estimate: float, level: float, method: str, n: int, bound: float) -> Interval:
        """Return the interval around the centre, cut to -bound .. bound."""
        half = self._quantile(level) * sqrt(self.by_units + (self.by_runs or 0.0))
        low, high = max(-bound, self.centre - half), min(bound, self.centre + half)
        return Interval(n, estimate, low, high, level, method)

    def p(self) -> float:
        """Return the two-sided p-value of a centre of zero."""
        size = sqrt(self.by_units + (self.by_runs or 0.0))
        score = -abs(self.centre) / size
        freedom = self._freedom()
        return min(1.0, 2 * float(ndtr(score) if freedom == inf else stdtr(freedom, score)))

    def _quantile(self, level: float) -> float:
        freedom = self._freedom()
        return normal_quantile(level) if freedom == inf else float(stdtrit(freedom, (1 + level) / 2))

    def _freedom(self) -> float:
        """Return Satterthwaite's degrees of freedom; without a run part the interval is normal."""
        if not self.by_runs:
            return inf
        whole = self.by_units + self.by_runs
        parts = self.by_units**2 / max(1, self.units - 1) + self.by_runs**2 / self.freedom
        return whole * whole / parts


def clustered_difference(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    first_runs: npt.ArrayLike,
    second_runs: npt.ArrayLike,
    level: float = LEVEL,
    *,
    unit: str = "probe",
    shared: bool = False,
) -> ClusteredDifference:
    """Return the mean difference of matched scores between two sets of runs, second minus first.

    The variance is the sum of two parts: that of `paired_difference` (units differ) and that of the runs'
    means around their side's (runs differ), pooled over both sides; Student's t with Satterthwaite's degrees
    of freedom. Both parts hold the noise of single answers, so that the sum is cautious. Without at least
    three runs in all (two, each on both sides), it is the interval of `paired_difference`.

    Hypothesis of p: no difference. Assumptions: units are independent; runs are independent and vary alike
    on both sides; scores within 0..1.

    Args:
        first: One mean score per unit over the first side's runs, shape (units,); NaN where not measured.
        second: The same units.
        first_runs: One row per run, shape (runs, units); NaN where not measured.
        second_runs: The same units.
        level: Confidence level.
        unit: What one entry is.
        shared: The rows of both sides are the same runs in the same order (two endpoints asked side by side):
            what moves both in one run alike then drops out.

    Source: measured against four other ways to join the parts, docs/statistics.md; Satterthwaite (1946),
    Biometrics Bulletin 2, 110-114.
    """
    found = paired_difference(first, second, level, unit)
    rows = [np.asarray(side, dtype=np.float64) for side in (first_runs, second_runs)]
    runs = (len(rows[0]), len(rows[1]))
    estimate = found.interval.estimate
    if found.interval.low is None or estimate is None:
        return ClusteredDifference(found, None, runs, False)
    left, right = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    matched = ~(np.isnan(left) | np.isnan(right))
    centre = units_spread(right[matched] - left[matched])
    deviations = [run_deviations(side[:, matched]) for side in rows]
    spread = with_runs(centre, deviations[0], deviations[1], shared=shared)
    if spread.by_runs is None:
        return ClusteredDifference(found, spread.p(), runs, False)
    interval = spread.interval(estimate, level, METHOD, found.interval.n, 1.0)
    return ClusteredDifference(replace(found, interval=interval), spread.p(), runs, True)


def units_spread(differences: Floats) -> Spread:
    """Return the centre and variance of `paired_difference`: two imagined units at +1 and -1 are added."""
    n = differences.size
    centre = float(differences.sum()) / (n + 2)
    variance = (float((differences * differences).sum()) + 2) / (n + 2) - centre * centre
    return Spread(centre, max(variance, 0.0) / (n + 2), n, None, inf)


def run_deviations(runs: npt.ArrayLike) -> Floats:
    """Return how far each run lies from its side's mean over the units measured in at least two of its runs.

    Args:
        runs: Shape (runs, units); NaN where not measured.

    Returns:
        One number per run; NaN where a run shares no unit with another.
    """
    rows = np.asarray(runs, dtype=np.float64)
    there = ~np.isnan(rows)
    common = there.sum(0) >= 2
    kept, here = rows[:, common], there[:, common]
    counts = here.sum(1)
    means = np.where(here, kept, 0.0).sum(0) / np.maximum(here.sum(0), 1)
    sums = np.where(here, kept - means, 0.0).sum(1)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def with_runs(spread: Spread, first: Floats, second: Floats, *, shared: bool) -> Spread:
    """Return a spread with the variance of a difference of two sides' run means.

    Args:
        spread: Of the units.
        first: From `run_deviations`, for each run of the first side.
        second: Likewise.
        shared: Both sides are the same runs in the same order.
    """
    if shared and first.size == second.size:
        paired = (second - first)[~np.isnan(second - first)]
        if paired.size < 2:
            return spread
        variance = float((paired * paired).sum()) / (paired.size - 1) / paired.size
        return replace(spread, by_runs=variance, freedom=float(paired.size - 1))
    one, other = first[~np.isnan(first)], second[~np.isnan(second)]
    # A single run deviates from nothing: the spread is taken from the other side, and the run still counts.
    sizes = [max(1, side.size) for side in (one, other)]
    freedom = sizes[0] + sizes[1] - 2
    if freedom < 1:
        return spread
    pooled = (float((one * one).sum()) + float((other * other).sum())) / freedom
    return replace(spread, by_runs=pooled * (1 / sizes[0] + 1 / sizes[1]), freedom=float(freedom))


def group_contrast(
    watched: npt.ArrayLike,
    control: npt.ArrayLike,
    watched_runs: tuple[Floats, Floats],
    control_runs: tuple[Floats, Floats],
    level: float = LEVEL,
    *,
    shared: bool = False,
) -> tuple[Interval, float] | None:
    """Return how much more one group of units moved than another, with its interval and two-sided p-value.

    The difference in differences of two snapshots where nothing pairs the groups. What a run does to all
    units alike drops out, because each run counts with the difference of its two groups.

    Hypothesis of p: both groups moved alike, in points. Where they start at unlike levels a broad change moves
    them by unlike numbers of points: ask `odds_contrast` as well.

    Args:
        watched: Second minus first per unit, shape (units,), none NaN.
        control: Likewise.
        watched_runs: Scores of both sides, shapes (runs, units); NaN where not measured.
        control_runs: The same runs.
        level: Confidence level.
        shared: Both sides are the same runs in the same order.

    Returns:
        Watched minus control, within -2..2; None with fewer than two units in a group.
    """
    mine, other = np.asarray(watched, dtype=np.float64), np.asarray(control, dtype=np.float64)
    if min(mine.size, other.size) < 2:
        return None
    one, two = units_spread(mine), units_spread(other)
    joined = Spread(one.centre - two.centre, one.by_units + two.by_units, mine.size + other.size, None, inf)
    deviations = [
        run_deviations(top) - run_deviations(bottom)
        for top, bottom in zip(watched_runs, control_runs, strict=True)
    ]
    spread = with_runs(joined, deviations[0], deviations[1], shared=shared)
    estimate = float(mine.mean() - other.mean())
    n = min(mine.size, other.size)
    return spread.interval(estimate, level, "difference-in-differences", n, 2.0), spread.p()


def odds_contrast(
    watched: tuple[float, float, int], control: tuple[float, float, int], level: float = LEVEL
) -> Interval:
    """Return how much more the log odds of one group moved than those of another.

    A change that moves the log odds of everything alike looks like a change of one group in points where
    that group starts at another level. On this scale it does not. Half a unit is added to every cell and
    both moments are taken as independent (Woolf), which is cautious for the same units asked twice.

    Args:
        watched: Sums of scores before and after, and units behind each.
        control: Likewise.
        level: Confidence level.

    Returns:
        Watched minus control in units of log odds; `n` is the smaller group.

    Source: Woolf (1955), Annals of Human Genetics 19, 251-253; Haldane (1956), the half.
    """
    z = normal_quantile(level)
    estimate, variance = 0.0, 0.0
    for sign, (before, after, n) in ((1, watched), (-1, control)):
        if n < 1 or not (min(before, after) >= -1e-9 and max(before, after) <= n + 1e-9):
            raise ValueError(f"sums must lie within 0 .. n, got {before} and {after} of {n}")
        for way, total in ((-1, before), (1, after)):
            yes, no = max(total, 0.0) + 0.5, max(n - total, 0.0) + 0.5
            estimate += sign * way * log(yes / no)
            variance += 1 / yes + 1 / no
    half = z * sqrt(variance)
    n = min(watched[2], control[2])
    return Interval(n, estimate, estimate - half, estimate + half, level, "woolf-difference")
