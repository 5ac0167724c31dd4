"""`No change` as a claim: the change is smaller than a margin that was stated before. Silence is none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import t as student

from harness.stats.intervals import Interval
from harness.stats.paired import run_difference, welch


@dataclass(frozen=True, slots=True)
class Equivalence:
    """Whether a change was shown to be smaller than the margin."""

    margin: float
    """In the score's unit; the claim is: change strictly within -margin .. margin."""
    alpha: float
    """Probability of claiming `no change` although it is as large as the margin."""
    equivalent: bool | None
    """True: claimed. False: not shown. None: not enough was measured to say."""
    interval: Interval
    """Of the change, at level 1 - 2 alpha; the claim is that it lies within the margin."""
    p: float | None
    """The larger of the two one-sided p-values, where the method has one."""


def equivalence(interval: Interval, margin: float) -> Equivalence:
    """Return whether an interval shows that the change is smaller than the margin.

    Hypothesis: the change is at least the margin, one way or the other. Each bound is tested at
    alpha = (1 - level) / 2, so that a 90% interval gives the usual alpha = .05 and a 95% interval .025.
    As valid as the interval: one that holds at any time (Haar-t) may be tried every day.

    Raises:
        ValueError: the margin is not positive.
    """
    if not margin > 0:
        raise ValueError(f"the margin must be positive, got {margin}")
    inside = None
    if interval.low is not None and interval.high is not None:
        inside = -margin < interval.low and interval.high < margin
    return Equivalence(margin, (1 - interval.level) / 2, inside, interval, None)


def tost_runs(before: npt.ArrayLike, after: npt.ArrayLike, margin: float, alpha: float = 0.05) -> Equivalence:
    """Return two one-sided Welch tests of scores of runs: is the change smaller than the margin?

    Hypothesis: |mean after - mean before| >= margin. Assumptions: independent runs, roughly normal means,
    one look. Direction: small p claims `no change`.

    Args:
        before: One score per run, NaN where the run is missing.
        after: The same for the later runs.
        margin: Stated beforehand, in the score's unit.
        alpha: Level of each one-sided test.

    Raises:
        ValueError: a margin that is not positive, or alpha outside 0 .. 0.5.

    Source: Schuirmann (1987), Journal of Pharmacokinetics and Biopharmaceutics 15, 657-680.
    """
    if not 0 < alpha < 0.5:
        raise ValueError(f"alpha must lie strictly between 0 and 0.5, got {alpha}")
    shown = equivalence(run_difference(before, after, 1 - 2 * alpha), margin)
    if shown.equivalent is None or shown.interval.estimate is None:
        return shown
    first, second = (np.asarray(side, dtype=np.float64) for side in (before, after))
    error, freedom = welch(first[~np.isnan(first)], second[~np.isnan(second)])
    p = max(
        float(student.sf((shown.interval.estimate + sign * margin) * sign / error, freedom))
        for sign in (1, -1)
    )
    return Equivalence(margin, alpha, shown.equivalent, shown.interval, p)
