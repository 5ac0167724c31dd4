"""Matched pairs: the same task in a topic's words and in neutral words, within a run and over time.

At one point in time a difference says only that the wording matters. A lock is claimed from differences over
time (`difference_in_differences`) or against reference endpoints asked in the same run (`against_references`).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, log
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.special import betaincc, betaln
from scipy.stats import binom
from scipy.stats import t as student

from harness.stats.differences import paired_difference
from harness.stats.haar import anscombe, anscombe_scores
from harness.stats.intervals import LEVEL, Floats, Interval, normal_quantile, too_few

Alternative = Literal["first", "second", "both"]
KINDS = ("explicit", "announced", "silent")


@dataclass(frozen=True, slots=True)
class McNemar:
    """Whether one side of matched pairs succeeds more often than the other."""

    first_only: int
    second_only: int
    alternative: Alternative
    p: float
    """Exact: binomial on the pairs that differ."""
    mid_p: float
    """Half the weight on the observed table: closer to its level, may exceed it slightly."""
    log_e: float
    """Log e-value; at any time if pairs are taken in one by one."""


@dataclass(frozen=True, slots=True)
class LockSplit:
    """Where the difference between neutral and topic wording comes from, per pair kept."""

    n: int
    """Pairs measured on both sides."""
    dropped: int
    """Pairs lost to transport errors on either side: report their share."""
    neutral: float | None
    """Mean of answered-and-correct in neutral words; None without pairs."""
    topic: float | None
    explicit: float | None
    """Part of neutral - topic in pairs with a refusal on either side."""
    announced: float | None
    """Part in pairs with an announced fallback and no refusal."""
    silent: float | None
    """Part in pairs with neither."""
    neutral_only: tuple[int, int, int]
    """Pairs better in neutral words: explicit, announced, silent."""
    topic_only: tuple[int, int, int]


def mcnemar(first_only: int, second_only: int, alternative: Alternative = "both") -> McNemar:
    """Return McNemar's exact and mid-p tests and the e-value of the same pairs.

    Hypothesis: a pair that differs is as likely to favour either side. `alternative` names the side
    that succeeds more often. The e-value bets a uniform prior over success shares on that side of 1/2:

        E = 2^(b+c) 2 B(b+1, c+1) (1 - I_1/2(b+1, c+1)),  b favouring the named side;  both: 2^(b+c) B(b+1, c+1)

    Assumptions: independent pairs, each with one result on each side. E may be looked at after every
    pair, p only once. It says that the wording matters: a framing penalty of 3 points without any lock is
    flagged in 96% of years.

    Args:
        first_only: Pairs with a success on the first side alone.
        second_only: Pairs with a success on the second side alone.
        alternative: Which side succeeds more often under the alternative.

    Raises:
        ValueError: negative counts.

    Source: McNemar (1947), Psychometrika 12, 153-157; Fagerland, Lydersen and Laake (2013), BMC Medical
    Research Methodology 13, 91 (mid-p); Turner, Ly and Gruenwald (2024), 2302.11401 (safe counts).
    """
    if min(first_only, second_only) < 0:
        raise ValueError(f"counts of pairs must not be negative, got {first_only} and {second_only}")
    n = first_only + second_only
    b, c = (second_only, first_only) if alternative == "second" else (first_only, second_only)
    if alternative == "both":
        b, c = max(b, c), min(b, c)
    tail, point = float(binom.sf(b - 1, n, 0.5)), float(binom.pmf(b, n, 0.5))
    sides = 2 if alternative == "both" else 1
    p = min(1.0, sides * tail)
    # With b = c the two tails share the observed table, which then counts once.
    mid = 1.0 - point / 2 if sides == 2 and b == c else min(1.0, sides * (tail - point / 2))
    log_e = float(log_e_mcnemar(first_only, second_only, alternative))
    return McNemar(first_only, second_only, alternative, p, mid, log_e)


def log_e_mcnemar(
    first_only: npt.ArrayLike, second_only: npt.ArrayLike, alternative: Alternative = "both"
) -> Floats:
    """Return McNemar's log e-values for arrays of counts, see `mcnemar`; sums of counts over runs make an e-process."""
    first, second = np.asarray(first_only, dtype=np.float64), np.asarray(second_only, dtype=np.float64)
    if (first < 0).any() or (second < 0).any():
        raise ValueError("counts of pairs must not be negative")
    b, c = (second, first) if alternative == "second" else (first, second)
    whole: Floats = (b + c) * log(2) + betaln(b + 1, c + 1)
    if alternative == "both":
        return whole
    tail = betaincc(b + 1, c + 1, 0.5)
    tiny = tail < 1e-200
    series = _far_tail(b, c, tiny)
    one_sided: Floats = np.where(tiny, series, whole + log(2) + np.log(np.where(tiny, 1.0, tail)))
    return one_sided


def _far_tail(b: Floats, c: Floats, where: npt.NDArray[np.bool_]) -> Floats:
    """Return the one-sided log E where strong evidence for the other side lets the integral underflow.

    2^(b+c) 2 int_1/2^1 theta^b (1-theta)^c = 2F1(1, b+c+2; c+2; 1/2) / (2 (c+1)): positive terms, falling
    from the first on because b is far below c.
    """
    ahead, size = np.where(where, c + 2, 2.0), np.where(where, b + c + 2, 1.0)
    total, term = np.ones_like(ahead), np.ones_like(ahead)
    j = 0
    while (term > 1e-16 * total).any():
        term = term * (size + j) / (2 * (ahead + j))
        total, j = total + term, j + 1
    logs: Floats = np.log(total) - np.log(2 * (ahead - 1))
    return logs


def split_lock(
    neutral: npt.ArrayLike,
    topic: npt.ArrayLike,
    *,
    refused: npt.ArrayLike,
    announced: npt.ArrayLike,
    failed: npt.ArrayLike,
) -> LockSplit:
    """Split neutral minus topic into explicit, announced and silent parts.

    Every pair belongs to one kind by its notices: a refusal on either side makes it explicit, otherwise an
    announced fallback on either side makes it announced, otherwise it is silent. The parts add up to the whole:

        mean(U_N) - mean(U_T) = explicit + announced + silent,  U = answered and correct

    so that nothing is conditioned on having been answered, which would be a selected sample.

    Hypothesis: none; the parts per run are scores for `step_score` or `estimate_change`.

    Args:
        neutral: U of the neutral wording, 0..1, shape (pairs,); whatever stands at failed pairs is ignored.
        topic: U of the topic wording.
        refused: Whether either side was refused.
        announced: Whether either side announced a fallback or a lock.
        failed: Whether either side was lost to transport: left out and counted.

    Raises:
        ValueError: shapes differ, or U outside 0..1 in a pair that did not fail.
    """
    left, right = np.asarray(neutral, dtype=np.float64), np.asarray(topic, dtype=np.float64)
    told, said, lost = (np.asarray(flag, dtype=bool) for flag in (refused, announced, failed))
    if left.ndim != 1 or any(part.shape != left.shape for part in (right, told, said, lost)):
        raise ValueError("the sides and their notices must be matched one by one")
    kept = ~lost
    for side in (left[kept], right[kept]):
        if not ((side >= 0) & (side <= 1)).all():
            raise ValueError("answered-and-correct must lie within 0..1")
    n, dropped = int(kept.sum()), int(lost.sum())
    d = np.where(kept, left, 0.0) - np.where(kept, right, 0.0)
    kinds = (kept & told, kept & ~told & said, kept & ~told & ~said)
    better = tuple(int((d[kind] > 0).sum()) for kind in kinds)
    worse = tuple(int((d[kind] < 0).sum()) for kind in kinds)
    parts: list[float | None] = [float(d[kind].sum()) / n if n else None for kind in kinds]
    return LockSplit(
        n=n,
        dropped=dropped,
        neutral=float(left[kept].mean()) if n else None,
        topic=float(right[kept].mean()) if n else None,
        explicit=parts[0],
        announced=parts[1],
        silent=parts[2],
        neutral_only=(better[0], better[1], better[2]),
        topic_only=(worse[0], worse[1], worse[2]),
    )


def run_difference(before: npt.ArrayLike, after: npt.ArrayLike, level: float = LEVEL) -> Interval:
    """Return after minus before for scores of runs, with Welch's interval: the run is the unit.

    With scores that are differences between arms this is the difference in differences; with scores
    from `against_references`, the triple difference. Whatever moves all arms, or all endpoints, in one
    run alike drops out.

    Hypothesis inverted: equal means. Assumptions: independent runs, roughly normal means; a date chosen
    because the data changed there makes the interval too optimistic: then use `estimate_change`.

    Args:
        before: One score per run, NaN where the run is missing.
        after: The same for the later runs.
        level: Confidence level.

    Returns:
        Interval; `n` is the smaller number of runs. With fewer than two on a side, or no spread at all in
        both, there is none, and the reason.

    Source: Welch (1947), Biometrika 34, 28-35.
    """
    normal_quantile(level)
    first, second = (_present(side) for side in (before, after))
    n = min(first.size, second.size)
    estimate = float(second.mean() - first.mean()) if n else None
    if n < 2 or estimate is None:
        return too_few(n, estimate, level, "welch-runs", "run on one side")
    error, freedom = welch(first, second)
    if error == 0:
        reason = "no run differs from another on its side: that is no proof of no spread"
        return Interval(n, estimate, None, None, level, "welch-runs", reason)
    half = float(student.ppf((1 + level) / 2, freedom)) * error
    return Interval(n, estimate, estimate - half, estimate + half, level, "welch-runs")


def difference_in_differences(
    control_before: npt.ArrayLike,
    watched_before: npt.ArrayLike,
    control_after: npt.ArrayLike,
    watched_after: npt.ArrayLike,
    level: float = LEVEL,
) -> Interval:
    """Return how much more the watched wording changed than the control, pairs being the unit.

    Per pair (watched - control) after less the same before, within -2..2, with the adjusted interval of
    `paired_difference` on that scale. For two snapshots; with many runs on each side use `run_difference`.

    Hypothesis inverted: both arms changed alike. Assumptions: independent pairs, scores within 0..1, arms
    that start at like levels: a broad shift looks topic-specific where one arm had less room to move.

    Args:
        control_before: Mean score of each pair's control wording, NaN where missing.
        watched_before: The same pairs in the watched wording.
        control_after: Later.
        watched_after: Later.
        level: Confidence level.

    Source: as `paired_difference`.
    """
    sides = [
        (1 + np.asarray(watched, dtype=np.float64) - np.asarray(control, dtype=np.float64)) / 2
        for control, watched in ((control_before, watched_before), (control_after, watched_after))
    ]
    halved = paired_difference(sides[0], sides[1], level, unit="pair").interval
    estimate, low, high = (
        None if value is None else 2 * value for value in (halved.estimate, halved.low, halved.high)
    )
    return Interval(halved.n, estimate, low, high, level, "bonett-price-did", halved.insufficient)


def against_references(
    target: npt.ArrayLike, references: npt.ArrayLike, levels: npt.ArrayLike | None = None
) -> Floats:
    """Return the target's score less the mean of the reference endpoints' in the same run.

    Each run's number depends on that run alone, so that it can be a score of a stream.

    Args:
        target: One score per run, shape (runs,); NaN where missing.
        references: Shape (endpoints, runs); NaN where missing.
        levels: Usual score of each reference, fixed before the first run. With them the mean runs over the
            references that answered, each less its level; without them all must have answered.

    Returns:
        Shape (runs,); NaN where the target is missing, or the references are.
    """
    own, others = np.asarray(target, dtype=np.float64), np.asarray(references, dtype=np.float64)
    if own.ndim != 1 or others.ndim != 2 or not len(others) or others.shape[1] != own.size:
        raise ValueError(f"references must be (endpoints, {own.size}), got {others.shape}")
    if levels is None:
        plain: Floats = own - others.mean(0)
        return plain
    usual = np.asarray(levels, dtype=np.float64)
    if usual.shape != (len(others),) or not np.isfinite(usual).all():
        raise ValueError(f"one finite level for each of {len(others)} references is needed")
    here = ~np.isnan(others)
    answered = here.sum(0)
    moved = np.where(here, others - usual[:, None], 0.0).sum(0) / np.maximum(answered, 1)
    return np.where(answered > 0, own - moved, np.nan)


def rate_differences(
    watched: npt.ArrayLike,
    watched_n: npt.ArrayLike,
    control: npt.ArrayLike,
    control_n: npt.ArrayLike,
    rng: np.random.Generator | None = None,
) -> Floats:
    """Return Anscombe-transformed rates of the watched arm less those of the control arm, run by run.

    Whatever moves the logits of both arms alike nearly drops out if both start at like rates: match them.
    With 10% against 2% a broad shift looked topic-specific in 75-99% of simulated years, with 10% in both in
    at most 1%.

    Args:
        watched: Refusals (or the like) in the watched arm, any shape.
        watched_n: Measured answers there; 0 gives NaN.
        control: The same in the control arm.
        control_n: The same in the control arm.
        rng: For Haar-t: adds seeded jitter as `anscombe_scores` does. Ranks need none.
    """
    if rng is None:
        return anscombe(watched, watched_n) - anscombe(control, control_n)
    return anscombe_scores(watched, watched_n, rng) - anscombe(control, control_n)


def welch(first: Floats, second: Floats) -> tuple[float, float]:
    """Return the standard error of a difference of two means, and Welch's degrees of freedom."""
    parts = [float(side.var(ddof=1)) / side.size for side in (first, second)]
    error = sum(parts)
    if error == 0:
        return 0.0, inf
    rest = sum(part * part / (side.size - 1) for part, side in zip(parts, (first, second), strict=True))
    return error**0.5, error * error / rest


def _present(scores: npt.ArrayLike) -> Floats:
    """Return the scores that were measured, in one row."""
    row = np.asarray(scores, dtype=np.float64)
    if row.ndim != 1 or np.isinf(row).any():
        raise ValueError("one row of finite scores is needed, NaN where a run is missing")
    kept: Floats = row[~np.isnan(row)]
    return kept
