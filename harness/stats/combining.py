"""Evidence from several streams: averages, thresholds, e-BH, and words that mean what they say.

Everything works on logs of e-values. The statistic of a Shiryaev-Roberts detector is no e-value by itself: its
expectation after t counted runs is t. Divided by the horizon it is one, at every run of the horizon.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, inf, isnan, log

import numpy as np
import numpy.typing as npt

from harness.stats.intervals import Floats

_STEPS = (
    (log(100), "decisive"),
    (log(10**1.5), "very strong"),
    (log(10), "strong"),
    (log(10**0.5), "substantial"),
    (0.0, "slight"),
    (-inf, "none"),
)
"""Jeffreys' scale for e-values."""


@dataclass(frozen=True, slots=True)
class Strength:
    """How strong a piece of evidence is."""

    log_e: float
    word: str
    """One of: none, slight, substantial, strong, very strong, decisive."""
    chance: float
    """If nothing had changed, evidence this strong would come up with at most this probability."""


def average(log_e: npt.ArrayLike, weights: npt.ArrayLike | None = None, axis: int = -1) -> Floats:
    """Return the log of the weighted mean of e-values.

    Hypothesis: all null hypotheses are true at once. The mean is then an e-value (or a detector's
    statistic, if all are) under any dependence. Products are not: channels of one endpoint share its
    answers, and tests against one baseline share the baseline.

    Args:
        log_e: Logs of e-values, or of detectors of the same horizon.
        weights: Fixed before the data, not negative, not all zero; made to sum to 1. Equal if not given.
        axis: What is averaged over.

    Raises:
        ValueError: nothing to average, NaN, or weights that are none.

    Source: Vovk and Wang (2021), Annals of Statistics 49, 1736-1754, section 3.
    """
    logs = np.asarray(log_e, dtype=np.float64)
    if not logs.shape or logs.shape[axis] == 0 or np.isnan(logs).any():
        raise ValueError("an average needs at least one e-value, none of them NaN")
    n = logs.shape[axis]
    share = np.full(n, 1.0 / n) if weights is None else np.asarray(weights, dtype=np.float64)
    if share.shape != (n,) or (share < 0).any() or not 0 < share.sum() < inf:
        raise ValueError(f"{n} weights are needed, not negative and not all zero")
    with np.errstate(divide="ignore"):
        parts = np.moveaxis(logs, axis, -1) + np.log(share / share.sum())
    mean: Floats = np.logaddexp.reduce(parts, axis=-1)
    return mean


def alarm_threshold(horizon: int, alpha: float, streams: int = 1) -> float:
    """Return the log of M H / alpha: where each of M detectors may raise an alarm.

    The probability that any of them does so within H counted runs, if nothing changes, is at most alpha,
    under any dependence between the streams (Doob's inequality for S - t, then Bonferroni).

    Args:
        horizon: Counted runs in the period (365 for a year of one run a day).
        alpha: Probability of any false alarm in the period.
        streams: Detectors that share it equally.

    Source: Shin, Ramdas and Rinaldo (2024), 2203.03532.
    """
    if horizon < 1 or streams < 1 or not 0 < alpha < 1:
        raise ValueError(
            f"horizon and streams must be at least 1 and alpha within 0..1, got {horizon}, {streams}, {alpha}"
        )
    return log(streams) + log(horizon) - log(alpha)


def detector_e(log_statistic: float, horizon: int) -> float:
    """Return the log e-value that a Shiryaev-Roberts statistic is worth: S / H.

    Valid at any stopping time within the horizon of H counted runs.
    """
    if horizon < 1:
        raise ValueError(f"horizon must be at least 1, got {horizon}")
    return log_statistic - log(horizon)


def e_bh(log_e: npt.ArrayLike, alpha: float) -> npt.NDArray[np.bool_]:
    """Return which hypotheses e-BH rejects.

    With the e-values in descending order, the k largest are rejected for the greatest k with
    e_(k) >= n / (alpha k). The expected share of false ones among them is at most alpha under any
    dependence.

    Assumptions: each is an e-value at this one moment (see `detector_e`), and the moment was fixed
    beforehand: a report's date, not the day on which something looked interesting.

    Args:
        log_e: Shape (hypotheses,); a stream without evidence counts, as -inf.
        alpha: False discovery rate.

    Source: Wang and Ramdas (2022), JRSS B 84, 822-852.
    """
    logs = np.asarray(log_e, dtype=np.float64)
    if logs.ndim != 1 or np.isnan(logs).any() or not 0 < alpha < 1:
        raise ValueError("e-BH needs one row of e-values, none of them NaN, and alpha within 0..1")
    n = logs.size
    if not n:
        return np.zeros(0, dtype=bool)
    order = np.argsort(-logs, kind="stable")
    needed = np.log(n) - np.log(alpha) - np.log(np.arange(1, n + 1))
    passed = np.flatnonzero(logs[order] >= needed)
    rejected = np.zeros(n, dtype=bool)
    if passed.size:
        rejected[order[: passed[-1] + 1]] = True
    return rejected


def strength(log_e: float) -> Strength:
    """Return the word for an e-value, and what it promises.

    By Markov's inequality P(e >= x) <= 1 / x if the null hypothesis holds, at any stopping time for
    an e-process. The words are those of Jeffreys' scale: slight from 1, substantial from 3.2, strong from 10,
    very strong from 32, decisive from 100.

    Args:
        log_e: Log of an e-value; of a detector's statistic take `detector_e` first.

    Source: Vovk and Wang (2021), Annals of Statistics 49, 1736-1754, appendix B.
    """
    if isnan(log_e):
        raise ValueError("NaN is no e-value")
    word = next(word for least, word in _STEPS if log_e >= least)
    return Strength(log_e, word, exp(min(0.0, -log_e)))
