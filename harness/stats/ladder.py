"""How far up a ladder of difficulty a model gets: a psychometric curve per family, learnt with few questions.

A family's rungs are 1 (easiest) upwards. The share of right answers on rung r is modelled as
`LAPSE + (1 - 2 LAPSE) / (1 + exp(slope (r - point)))`: at `point` it is one half. Point and slope have weak priors and
their posterior is held on a grid, so there is no fit that can fail: with no answers the posterior is the prior.
The next question goes to the rung whose answer says most about the point.

Adapted from the psi method, Kontsevich and Tyler (1999), *Vision Research* 39, 2729-2737, with the information about
the point alone (the slope is a nuisance); lapses as in Wichmann and Hill (2001), *Perception & Psychophysics* 63,
1293-1313.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from harness.stats.intervals import LEVEL, Floats, Interval

VERSION = 1
"""Of the model, the priors and the rule for the next question; recorded with every calibration."""
METHOD = f"ladder/{VERSION}"
LAPSE = 0.02
"""Share of answers that are right far above the point and wrong far below it: one lucky answer proves little."""
_STEP = 0.1
_BEYOND = 3.0
"""Rungs beyond both ends on which the point may lie: beyond, all rungs are too easy or too hard alike."""
_SLOPES = np.geomspace(0.25, 4.0, 9)
_SLOPE_SD = 0.7
"""Of the logarithm of the slope; its median is 1 per rung."""
_POINT_SD = 2.0
"""Of the point, in half lengths of the ladder, around its middle."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What was asked on one rung so far."""

    asked: int = 0
    right: float = 0.0
    """Sum of the scores, 0 .. asked."""

    def plus(self, score: float) -> Tally:
        """Return the tally with one more answer."""
        return Tally(self.asked + 1, self.right + score)


@dataclass(frozen=True, slots=True)
class LadderFit:
    """What the answers of one family say."""

    rungs: tuple[int, ...]
    tallies: tuple[Tally, ...]
    """Per rung."""
    point: Interval
    """The rung, in fractions, on which half the answers are right: posterior median and equal-tailed interval. Beyond
    the ends of the ladder its value is a matter of the prior: it says only that all rungs are too easy, or too hard."""
    pass_rate: tuple[float, ...]
    """Posterior mean of the share of right answers, per rung."""
    pass_low: tuple[float, ...]
    pass_high: tuple[float, ...]
    """Equal-tailed interval of that share, per rung."""
    curves: Floats = field(repr=False, compare=False)
    """(grid, rungs): the share of right answers under each pair of point and slope."""
    weights: Floats = field(repr=False, compare=False)
    """(grid,): their posterior probabilities."""


@dataclass(frozen=True, slots=True)
class _Grid:
    points: Floats
    slopes: Floats
    curves: Floats
    """(points, slopes, rungs): share of right answers."""
    log_right: Floats
    log_wrong: Floats
    """(points, slopes, rungs)."""
    prior: Floats
    """(points, slopes)."""


@lru_cache(maxsize=64)
def _grid(rungs: tuple[int, ...]) -> _Grid:
    if not rungs or sorted(set(rungs)) != list(rungs):
        raise ValueError("rungs must be different and in order")
    low, high = rungs[0] - _BEYOND, rungs[-1] + _BEYOND
    points = np.arange(low, high + _STEP / 2, _STEP)
    middle, half = (rungs[0] + rungs[-1]) / 2, max(1.0, (rungs[-1] - rungs[0]) / 2)
    distance = np.asarray(rungs, dtype=float)[None, None, :] - points[:, None, None]
    curves = LAPSE + (1 - 2 * LAPSE) / (1 + np.exp(_SLOPES[None, :, None] * distance))
    prior = np.exp(-0.5 * ((points - middle) / (_POINT_SD * half)) ** 2)[:, None]
    prior = prior * np.exp(-0.5 * (np.log(_SLOPES) / _SLOPE_SD) ** 2)[None, :]
    return _Grid(points, _SLOPES, curves, np.log(curves), np.log1p(-curves), prior / prior.sum())


def _posterior(grid: _Grid, tallies: Sequence[Tally]) -> Floats:
    """Return (points, slopes) probabilities; answers are independent given the curve, scores count as shares."""
    asked = np.asarray([each.asked for each in tallies], dtype=float)
    right = np.asarray([each.right for each in tallies], dtype=float)
    if len(asked) != grid.curves.shape[2] or np.any(right < 0) or np.any(right > asked + 1e-9):
        raise ValueError("there must be one tally per rung, with scores between 0 and the number asked")
    log_likelihood = grid.log_right @ right + grid.log_wrong @ (asked - right)
    weights: Floats = grid.prior * np.exp(log_likelihood - log_likelihood.max())
    weights /= weights.sum()
    return weights


def fit_ladder(rungs: Sequence[int], tallies: Sequence[Tally], level: float = LEVEL) -> LadderFit:
    """Return what a family's answers say about its point.

    Args:
        rungs: the ladder's rungs in order, without repeats.
        tallies: what was asked, per rung.
        level: of the intervals, which are posterior (credible) intervals.

    Raises:
        ValueError: rungs out of order, or tallies that do not fit them.
    """
    grid = _grid(tuple(rungs))
    weights = _posterior(grid, tallies)
    tails = ((1 - level) / 2, 0.5, (1 + level) / 2)
    low, median, high = (_quantile(grid.points, weights.sum(axis=1), tail) for tail in tails)
    flat, curves = weights.ravel(), grid.curves.reshape(-1, len(rungs))
    columns = [curves[:, place] for place in range(len(rungs))]
    return LadderFit(
        rungs=tuple(rungs),
        tallies=tuple(tallies),
        point=Interval(sum(each.asked for each in tallies), median, low, high, level, METHOD),
        pass_rate=tuple(float(flat @ column) for column in columns),
        pass_low=tuple(_quantile(column, flat, tails[0]) for column in columns),
        pass_high=tuple(_quantile(column, flat, tails[2]) for column in columns),
        curves=curves,
        weights=flat,
    )


def _quantile(values: Floats, weights: Floats, share: float) -> float:
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    return float(values[order][min(int(np.searchsorted(reached, share * reached[-1])), len(values) - 1)])


def information(rungs: Sequence[int], tallies: Sequence[Tally]) -> Floats:
    """Return, per rung, how much one more answer there is expected to say about the point, in nats.

    The mutual information of answer and point under the posterior, the slope integrated out.
    """
    grid = _grid(tuple(rungs))
    weights = _posterior(grid, tallies)
    of_point = weights.sum(axis=1)
    right = (weights[:, None, :] @ grid.curves)[:, 0, :]
    given_point = right / np.maximum(of_point, 1e-300)[:, None]
    gained: Floats = _entropy(of_point @ given_point) - of_point @ _entropy(given_point)
    return gained


def _entropy(share: Floats) -> Floats:
    inside = np.clip(share, 1e-12, 1 - 1e-12)
    bits: Floats = -inside * np.log(inside) - (1 - inside) * np.log1p(-inside)
    return bits


def next_questions(
    ladders: Mapping[str, tuple[Sequence[int], Sequence[Tally]]],
    left: Mapping[str, Sequence[int]],
    count: int,
) -> list[tuple[str, int]]:
    """Return which (family, rung) to ask next, the most informative first, at most one per family.

    Args:
        ladders: family -> (rungs, tallies).
        left: family -> how many questions are left on each rung.
        count: how many are wanted at most.
    """
    best: list[tuple[float, str, int]] = []
    for family, (rungs, tallies) in ladders.items():
        gained = np.where(np.asarray(left[family]) > 0, information(rungs, tallies), -1.0)
        place = int(np.argmax(gained))
        if gained[place] >= 0:
            best.append((float(gained[place]), family, rungs[place]))
    best.sort(key=lambda each: (-each[0], each[1]))
    return [(family, rung) for _, family, rung in best[:count]]


def expected_score(
    parts: Sequence[tuple[LadderFit, Mapping[int, int]]],
    rng: np.random.Generator,
    level: float = LEVEL,
    draws: int = 4_000,
) -> Interval:
    """Return the mean score to expect of a set of probes, each asked once, with a predictive interval.

    The interval holds both what is not known of the curves and the luck of single answers. Families are independent.

    Args:
        parts: per family, its fit and how many probes are taken from which rung.
        rng: for the draws.
        level: of the interval.
        draws: simulated runs.
    """
    total = sum(sum(counts.values()) for _, counts in parts)
    if total == 0:
        return Interval(0, None, None, None, level, METHOD, "no probes")
    right = np.zeros(draws)
    mean = 0.0
    for fit, counts in parts:
        chosen = rng.choice(len(fit.weights), size=draws, p=fit.weights)
        for rung, number in counts.items():
            place = fit.rungs.index(rung)
            right += rng.binomial(number, fit.curves[chosen, place])
            mean += number * fit.pass_rate[place]
    low, high = np.quantile(right / total, [(1 - level) / 2, (1 + level) / 2])
    return Interval(total, mean / total, float(low), float(high), level, METHOD)
