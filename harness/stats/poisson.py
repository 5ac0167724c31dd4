"""An interval for a rate of rare events: so many in so much exposure."""

from __future__ import annotations

from harness.stats.intervals import LEVEL, Interval


def poisson_rate(count: int, exposure: float, level: float = LEVEL) -> Interval:
    """Return the exact interval for the rate of a Poisson process.

    Hypothesis inverted: the two one-sided exact tests of `rate = r0`.

    Assumptions: events are rare and independent; when they come in clusters the interval is too narrow.

    Args:
        count: Events, at least 0.
        exposure: How much was watched, in the unit of the rate's denominator (years, calls, ...).
        level: Confidence level.

    Returns:
        Events per unit of exposure. `n` is the count. Without exposure there is no estimate and no interval.

    Raises:
        ValueError: a negative count or exposure, or a level outside (0, 1).

    Source: Garwood (1936), Biometrika 28, 437-442.
    """
    if count < 0 or exposure < 0:
        raise ValueError(f"count and exposure must not be negative, got {count} in {exposure}")
    if not 0 < level < 1:
        raise ValueError(f"level must lie strictly between 0 and 1, got {level}")
    if exposure == 0:
        return Interval(count, None, None, None, level, "garwood", "nothing was watched")
    from scipy.stats import chi2

    tail = (1 - level) / 2
    low = float(chi2.ppf(tail, 2 * count)) / 2 if count else 0.0
    high = float(chi2.ppf(1 - tail, 2 * count + 2)) / 2
    return Interval(count, count / exposure, low / exposure, high / exposure, level, "garwood")
