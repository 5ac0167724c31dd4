"""Two stretches of runs side by side: the difference of their means."""

from __future__ import annotations

from math import sqrt

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from harness.stats.intervals import LEVEL, Interval, too_few


def mean_shift(
    before: npt.ArrayLike, after: npt.ArrayLike, level: float = LEVEL, least_sd: float = 0.0
) -> Interval:
    """Return the difference of means of two stretches of runs with Student's pooled interval.

    Hypothesis inverted: both stretches are normal with one spread and means that differ by a given number.
    The pooled spread gives an interval even where one stretch is a single run, which Welch's does not.

    Assumptions: runs are independent and roughly normal with one spread; the dates were not chosen by
    looking at these numbers (a date found by an alarm makes the interval a description, not a test).

    Args:
        before: One number per run.
        after: Likewise.
        level: Confidence level.
        least_sd: No run is taken to vary less than this: one answer's share, for a rate.

    Returns:
        After minus before; `n` is the smaller stretch. No interval with fewer than three runs in all or
        none on one side.

    Source: Student (1908), Biometrika 6, 1-25.
    """
    x, y = np.asarray(before, dtype=np.float64), np.asarray(after, dtype=np.float64)
    if x.ndim != 1 or y.ndim != 1 or not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError("two series of finite numbers are needed")
    n = int(min(x.size, y.size))
    estimate = float(y.mean() - x.mean()) if n else None
    freedom = x.size + y.size - 2
    if estimate is None or freedom < 1:
        return too_few(n, estimate, level, "student", "run on one side")
    squares = float(((x - x.mean()) ** 2).sum() + ((y - y.mean()) ** 2).sum())
    sd = max(sqrt(squares / freedom), least_sd)
    half = float(stdtrit(freedom, (1 + level) / 2)) * sd * sqrt(1 / x.size + 1 / y.size)
    return Interval(n, estimate, estimate - half, estimate + half, level, "student")
