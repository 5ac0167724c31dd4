"""Intervals for one proportion or one mean of scores between 0 and 1.

Everything in `harness.stats` takes arrays and gives result objects: no I/O, no clock, no global
random state. scipy is imported only where a distribution is needed that the standard library lacks.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

LEVEL = 0.95
"""The confidence level used when none is asked for."""


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its confidence interval, or the reason why there is none.

    `low` and `high` are both numbers or both None; they are never NaN. With fewer than two units there
    is no interval, because nothing measured says how much the units differ.
    """

    n: int
    """Independent units behind it: probes, pairs, trials."""
    estimate: float | None
    """None only when nothing was measured."""
    low: float | None
    high: float | None
    level: float
    """Confidence level, for example 0.95."""
    method: str
    """Name of the method, as in docs/statistics.md."""
    insufficient: str | None = None
    """Why there is no interval; None when there is one."""

    @property
    def width(self) -> float | None:
        """High minus low, or None without an interval."""
        return None if self.low is None or self.high is None else self.high - self.low

    @property
    def excludes_zero(self) -> bool | None:
        """Whether zero lies outside; None (not False) without an interval."""
        if self.low is None or self.high is None:
            return None
        return self.low > 0 or self.high < 0


def normal_quantile(level: float) -> float:
    """Return z such that a standard normal lies within -z .. z with probability `level`.

    Raises:
        ValueError: the level is not strictly between 0 and 1.
    """
    if not 0 < level < 1:
        raise ValueError(f"level must lie strictly between 0 and 1, got {level}")
    return NormalDist().inv_cdf((1 + level) / 2)


def too_few(n: int, estimate: float | None, level: float, method: str, unit: str) -> Interval:
    """Return the result for fewer than two units: the estimate if there is one, and no interval."""
    reason = f"no {unit} measured" if n == 0 else f"only one {unit} measured: an interval needs two"
    return Interval(n, estimate, None, None, level, method, reason)


def wilson_bounds(successes: npt.ArrayLike, n: npt.ArrayLike, level: float = LEVEL) -> tuple[Floats, Floats]:
    """Return Wilson score bounds for many proportions at once.

    Args:
        successes: Sums of scores, each within 0 .. n; any shape.
        n: Numbers of units, same shape.
        level: Confidence level.

    Returns:
        Lower and upper bounds. Where n < 2 both are NaN, the table's word for "no interval": turn one
        into words with `wilson`.
    """
    z = normal_quantile(level)
    x = np.asarray(successes, dtype=np.float64)
    size = np.asarray(n, dtype=np.float64)
    enough = size >= 2
    safe = np.where(enough, size, 2.0)
    p = np.clip(x / safe, 0.0, 1.0)
    scale = 1 + z * z / safe
    centre = (p + z * z / (2 * safe)) / scale
    half = z * np.sqrt(p * (1 - p) / safe + z * z / (4 * safe * safe)) / scale
    # At 0 and at n the bound is exactly 0 or 1; rounding would leave 1e-17 beyond it.
    low = np.where(p <= 0, 0.0, np.clip(centre - half, 0.0, 1.0))
    high = np.where(p >= 1, 1.0, np.clip(centre + half, 0.0, 1.0))
    return np.where(enough, low, np.nan), np.where(enough, high, np.nan)


def wilson(successes: float, n: int, level: float = LEVEL, unit: str = "unit") -> Interval:
    """Return the Wilson score interval for a proportion, or for a mean of scores between 0 and 1.

    Hypothesis inverted: the score test of `p = p0`; the interval holds every p0 the test keeps.

    Assumptions: n independent units, each with a score within 0..1. For yes/no scores the interval is
    the classical one. For graded scores it is conservative, because no score within 0..1 varies more
    than a yes/no score of the same mean. When every unit is a fixed probe of a suite rather than a draw
    from a population it is conservative as well.

    Several answers to the same probe are not independent units: give the mean per probe and count probes
    (see `mean_score`).

    Args:
        successes: Sum of scores, within 0 .. n.
        n: Number of units.
        level: Confidence level.
        unit: What a unit is, for the reason given when there are too few.

    Raises:
        ValueError: successes outside 0 .. n, or a level outside (0, 1).

    Source: Wilson (1927), Journal of the American Statistical Association 22, 209-212; Brown, Cai and
    DasGupta (2001), Statistical Science 16, 101-133.
    """
    if n < 0 or not -1e-9 <= successes <= n + 1e-9:
        raise ValueError(f"successes must lie within 0 .. n, got {successes} of {n}")
    estimate = successes / n if n else None
    if n < 2:
        normal_quantile(level)
        return too_few(n, estimate, level, "wilson", unit)
    low, high = wilson_bounds(successes, n, level)
    return Interval(n, estimate, float(low), float(high), level, "wilson")


def mean_score(scores: npt.ArrayLike, level: float = LEVEL, unit: str = "probe") -> Interval:
    """Return the mean of per-probe scores with a Wilson interval whose unit is the probe.

    Args:
        scores: One mean score per probe, within 0..1; NaN marks a probe that was not measured and is
            left out, never counted as zero.
        level: Confidence level.
        unit: What one entry is, for the reason given when there are too few.

    Raises:
        ValueError: a score outside 0..1.
    """
    values = np.asarray(scores, dtype=np.float64)
    values = values[~np.isnan(values)]
    if values.size and (values.min() < -1e-9 or values.max() > 1 + 1e-9):
        raise ValueError(f"scores must lie within 0..1, got {values.min()} .. {values.max()}")
    return wilson(float(values.sum()), int(values.size), level, unit)
