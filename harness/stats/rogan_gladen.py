"""Shares told by a detector that errs, with its measured error taken out and the doubt about that error put in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import hypot, sqrt

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

from harness.stats.intervals import Floats, Interval, normal_quantile

LEAST_INFORMED = 0.2
"""A detector whose sensitivity and specificity may add up to less than this above one cannot be corrected for."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A share of right calls among answers of known kind."""

    right: int
    of: int

    @property
    def estimate(self) -> float:
        """Right among all."""
        return self.right / self.of

    @property
    def sd(self) -> float:
        """Standard error, with one imagined answer of each kind so that it is never zero."""
        share = (self.right + 1) / (self.of + 2)
        return sqrt(share * (1 - share) / self.of)


@dataclass(frozen=True, slots=True)
class Detector:
    """How often a detector is right, as measured on answers that people judged."""

    sensitivity: Measured
    """Of the true cases, those it calls."""
    specificity: Measured
    """Of the others, those it lets pass."""

    @property
    def informed(self) -> float:
        """Youden's index, sensitivity + specificity - 1: 0 for a detector that calls at random."""
        return self.sensitivity.estimate + self.specificity.estimate - 1

    @property
    def identified(self) -> bool:
        """Whether the true share can be told from what it calls: Youden's index is surely well above zero."""
        return self.informed - 2 * hypot(self.sensitivity.sd, self.specificity.sd) > LEAST_INFORMED

    def span(self) -> tuple[float, float]:
        """Return the least and the largest value that `true_share` can take for shares within 0..1."""
        missed = 1 - self.specificity.estimate
        return min(0.0, -missed / self.informed), max(1.0, (1 - missed) / self.informed)


Rates = Sequence[tuple[float, float]]
"""Sensitivity and specificity of each of several detectors."""


def spread(detectors: Sequence[Detector], estimate: Callable[[Rates], float]) -> float:
    """Return the standard error that doubt about the detectors' rates gives an estimate made from them.

    Each rate is moved by its own standard error, up and down, the others kept; half the differences, as independent,
    are added by squares (the delta method, with numerical derivatives).

    Args:
        detectors: Measured on different answers, hence independent.
        estimate: From one (sensitivity, specificity) a detector.
    """
    rates = [(each.sensitivity.estimate, each.specificity.estimate) for each in detectors]
    total = 0.0
    for place, each in enumerate(detectors):
        for side, sd in ((0, each.sensitivity.sd), (1, each.specificity.sd)):
            ends = []
            for sign in (-1, 1):
                moved = list(rates)
                pair = list(rates[place])
                pair[side] += sign * sd
                moved[place] = (pair[0], pair[1])
                ends.append(estimate(moved))
            total += ((ends[1] - ends[0]) / 2) ** 2
    return sqrt(total)


def widened(interval: Interval, p: float, sd: float, method: str) -> tuple[Interval, float]:
    """Return an interval and its p-value with the doubt of a second, independent source put in.

    Half-widths are joined by squaring and adding, below and above the estimate each; p keeps to the interval.

    Args:
        interval: With an estimate and bounds, of what the answers alone leave open.
        p: Two-sided, of zero.
        sd: Standard error of the other source.
        method: What the joined interval is called.
    """
    if interval.estimate is None or interval.low is None or interval.high is None:
        return interval, p
    z = normal_quantile(interval.level)
    low = interval.estimate - hypot(interval.estimate - interval.low, z * sd)
    high = interval.estimate + hypot(interval.high - interval.estimate, z * sd)
    own = (interval.high - interval.low) / 2 / z
    if own > 0 and p > 0:
        p = 2 * float(ndtr(float(ndtri(p / 2)) * own / hypot(own, sd)))
    return replace(interval, low=low, high=high, method=method), p


def true_share(
    called: npt.ArrayLike, read: npt.ArrayLike, sensitivity: npt.ArrayLike, specificity: npt.ArrayLike
) -> Floats:
    """Return Rogan and Gladen's estimate: the share (or number) of true cases behind what a detector called.

        (called - read (1 - c)) / (s + c - 1)

    Not cut to 0..1: differences and means of it stay unbiased.

    Args:
        called: Share (or number) of answers that the detector called.
        read: Share (or number) that it read; 1 where it read each.
        sensitivity: Of the true cases, those it calls.
        specificity: Of the others, those it lets pass.

    Assumptions: it errs on these answers as often as on those it was measured on, before a change as after.

    Source: Rogan and Gladen (1978), American Journal of Epidemiology 107, 71-76; the imagined answers in the standard
    errors are those of Lang and Reiczigel (2014), Preventive Veterinary Medicine 113, 13-22.
    """
    said, seen, s, c = (
        np.asarray(each, dtype=np.float64) for each in (called, read, sensitivity, specificity)
    )
    share: Floats = (said - seen * (1 - c)) / (s + c - 1)
    return share
