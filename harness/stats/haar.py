"""Haar-t: how much a series of run scores changed, and since when. Not for alarms.

The likelihood ratio of a change after run nu against no change, when both the level and the spread are
unknown, is free of both once it is integrated over the right-Haar prior. It gives, at any time and however
often one looks, a set of dates and an interval of the effect. As an alarm it is not safe (docs/statistics.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log, log1p
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr

from harness.stats.intervals import LEVEL, Floats

Side = Literal["down", "up", "both"]


@dataclass(frozen=True, slots=True)
class HaarSettings:
    """What is fixed beforehand."""

    scales: tuple[float, ...] = (0.5, 1.5, 4.0)
    """Prior sds of the change, in standard deviations of a run's score; the ratios are averaged."""
    effect_scale: float = 1.5
    """Prior sd that shapes the effect's interval: which sizes are measured most narrowly."""
    least_before: int = 2
    """Runs before the earliest date considered."""
    least_after: int = 1
    least_sd: float = 0.0
    """No run's score is taken to vary less than this around its mean; give one answer's share for a rate."""

    def __post_init__(self) -> None:
        if not self.scales or min(*self.scales, self.effect_scale) <= 0:
            raise ValueError("scales and effect_scale must be positive")
        if self.least_before < 1 or self.least_after < 1:
            raise ValueError("least_before and least_after must be at least 1")
        if self.least_sd < 0:
            raise ValueError(f"least_sd must not be negative, got {self.least_sd}")


@dataclass(frozen=True, slots=True)
class ChangeEstimate:
    """Where and by how much a series changed, if it did.

    Runs are numbered from 0; a date is the number of the first changed run.
    """

    n: int
    level: float
    side: Side
    best: int | None
    """The likeliest first changed run; None with fewer than three runs or a series that never varies."""
    dates: tuple[int, ...]
    """All first changed runs that the evidence allows; need not be without gaps."""
    change: float | None
    """Mean after less mean before, at the best date, in the score's unit."""
    low: float | None
    """Least effect over all allowed dates. None where nothing bounds it: too few runs on one side of an
    allowed date, or not the least spread on either side, which is no proof that there is none."""
    high: float | None
    log_ratio: float
    """Log of the mean likelihood ratio over dates: how much better a change explains the series. No alarm."""
    insufficient: str | None = None
    """Why there is no estimate; None when there is one."""


def log_ratios(scores: npt.ArrayLike, side: Side = "both", settings: HaarSettings | None = None) -> Floats:
    """Return the log likelihood ratio of a change at each date, for one series or many.

    Hypothesis: all N runs have one normal distribution of unknown mean and spread. Alternative: from date
    nu on the mean is shifted by delta standard deviations, delta ~ N(0, tau^2), or the half of it on one
    side. With n0 = nu, n1 = N - nu, S = n0 n1 / N, g = tau^2 S / (1 + tau^2 S), b = mean after - mean before,
    SS the total sum of squares and rho^2 = b^2 S / SS:

        LR = (1 + tau^2 S)^(-1/2) (1 - g rho^2)^(-(N-1)/2)
        one-sided: LR 2 T_(N-1)(+-sqrt(g) b / sqrt(SS (1 - g rho^2) / (S (N-1))))

    with T the t distribution function; averaged over `scales`.

    Args:
        scores: Shape (..., runs), finite.
        side: Direction of the change looked for; larger scores are up.
        settings: Scales and the range of dates.

    Returns:
        Shape (..., dates) for the dates least_before .. runs - least_after. A series that never varies
        gives 0 everywhere: it holds no evidence either way.

    Source: Perez-Ortiz, Lardy, de Heide and Gruenwald (2024), Annals of Statistics 52, 1410-1432.
    """
    fixed = settings or HaarSettings()
    x = np.asarray(scores, dtype=np.float64)
    if not np.isfinite(x).all():
        raise ValueError("scores must be finite")
    n = x.shape[-1]
    nu = np.arange(fixed.least_before, n - fixed.least_after + 1)
    if not nu.size:
        return np.zeros((*x.shape[:-1], 0))
    b, squares, spread = _moments(x, nu)
    flat = squares <= 1e-18 * n * np.maximum(1.0, (x * x).max(-1, keepdims=True))
    safe = np.where(flat, 1.0, squares)
    share = np.clip(b * b * spread / safe, 0.0, 1 - 1e-12)
    logs = []
    for scale in fixed.scales:
        grown = 1 + scale * scale * spread
        g = scale * scale * spread / grown
        left = 1 - g * share
        ratio = -0.5 * np.log(grown) - 0.5 * (n - 1) * np.log(left)
        if side != "both":
            t = (1 if side == "up" else -1) * np.sqrt(g) * b / np.sqrt(safe * left / (spread * (n - 1)))
            ratio = ratio + np.log(np.maximum(2 * stdtr(n - 1, t), 1e-300))
        logs.append(ratio)
    averaged = np.logaddexp.reduce(np.stack(logs), axis=0) - log(len(fixed.scales))
    return np.where(flat, 0.0, averaged)


def estimate_change(
    scores: npt.ArrayLike, side: Side = "both", level: float = LEVEL, settings: HaarSettings | None = None
) -> ChangeEstimate:
    """Return the date set and the effect's interval of one change of mean in one series.

    Date set: every nu0 with mean over nu of LR_nu / LR_nu0 below 1 / (1 - level). Effect, given nu:

        c = (1 - ((1 - level) / sqrt(1 + tau^2 S))^(2 / (N-1))) / g
        b -+ sqrt((N-2) c / (1-c)) sqrt(RSS / ((N-2) S)),   unbounded if c >= 1

    with RSS the sum of squares left over, and the least and greatest bound over the date set.

    Hypothesis inverted: a date (or a size of effect) is kept as long as the e-value against it stays below
    1 / (1 - level). Both hold at any time, so that a report may repeat them every day.

    Assumptions: exactly one change, in the mean; scores of runs independent and roughly normal with one
    spread. Rates far from 0 and 1, or differences of rates, are fine as they are; otherwise take
    `anscombe_scores`. An ordinary bad day widens the interval. Wide on the day of an alarm, because few
    runs follow the change: estimate again later.

    Args:
        scores: Shape (runs,), finite.
        side: Direction of the change, if an alarm has already told it; used for the date set.
        level: Confidence of the date set and of the interval, each.
        settings: Scales and the range of dates.

    Raises:
        ValueError: not one series, not finite, or a level outside 0 .. 1.

    Source: as `log_ratios`; the construction follows Vovk and Wang (2021), Annals of Statistics 49,
    1736-1754 (confidence sets from e-values).
    """
    fixed = settings or HaarSettings()
    x = np.asarray(scores, dtype=np.float64)
    if x.ndim != 1:
        raise ValueError(f"one series of runs is needed, got the shape {x.shape}")
    if not 0 < level < 1:
        raise ValueError(f"level must lie strictly between 0 and 1, got {level}")
    logs = log_ratios(x, side, fixed)
    n = x.size
    nothing = ChangeEstimate(n, level, side, None, (), None, None, None, 0.0)
    if n < 3 or not logs.size:
        return _because(
            nothing, f"only {n} runs: an estimate needs at least {max(3, fixed.least_before + 1)}"
        )
    if not logs.any():
        return _because(nothing, "the score never varied")
    nu = np.arange(fixed.least_before, n - fixed.least_after + 1)
    mean = float(np.logaddexp.reduce(logs)) - log(logs.size)
    kept = mean - logs < -log1p(-level)
    best = int(logs.argmax())
    b, squares, spread = _moments(x, nu)
    half = _half_widths(n, b, squares, spread, level, fixed)
    low, high = float((b - half)[kept].min()), float((b + half)[kept].max())
    return ChangeEstimate(
        n=n,
        level=level,
        side=side,
        best=int(nu[best]),
        dates=tuple(int(date) for date in nu[kept]),
        change=float(b[best]),
        low=low if np.isfinite(low) else None,
        high=high if np.isfinite(high) else None,
        log_ratio=mean,
    )


def anscombe(successes: npt.ArrayLike, trials: npt.ArrayLike) -> Floats:
    """Return Anscombe's arcsine transform of a rate: arcsin sqrt((x + 3/8) / (n + 3/4)).

    Its variance is close to 1 / (4 n) whatever the rate, so that differences of refusal rates weigh alike
    near 0 and in the middle. No trials give NaN.

    Source: Anscombe (1948), Biometrika 35, 246-254.
    """
    x, n = np.asarray(successes, dtype=np.float64), np.asarray(trials, dtype=np.float64)
    if (n < 0).any() or (x < 0).any() or (x > n).any():
        raise ValueError("successes must lie within 0 .. trials")
    angle: Floats = np.arcsin(np.sqrt((x + 0.375) / (n + 0.75)))
    return np.where(n > 0, angle, np.nan)


def anscombe_scores(
    successes: npt.ArrayLike, trials: npt.ArrayLike, rng: np.random.Generator, jitter: float = 0.5
) -> Floats:
    """Return transformed rates with seeded normal jitter, for use with Haar-t.

    A rate near 0 or 1 takes few values, and runs without any failure have no spread at all: a normal
    model is then certain of what it should not be. The jitter's sd is `jitter` times the transform's own,
    1 / (2 sqrt(n)); it costs a quarter of the variance and makes the scores continuous.

    Args:
        successes: Any shape.
        trials: Same shape; no trials give NaN.
        rng: Seeded by the caller, who records the seed.
        jitter: Size, in sds of the transform.
    """
    n = np.asarray(trials, dtype=np.float64)
    noise = rng.standard_normal(np.broadcast_shapes(np.shape(successes), n.shape))
    jittered: Floats = anscombe(successes, n) + jitter * noise / (2 * np.sqrt(np.maximum(n, 1.0)))
    return jittered


def _moments(x: Floats, nu: npt.NDArray[np.int64]) -> tuple[Floats, Floats, Floats]:
    """Return b per date, the total sum of squares (kept as an axis of one), and S per date."""
    n = x.shape[-1]
    centred = x - x.mean(-1, keepdims=True)
    sums = np.cumsum(centred, -1)
    before = sums[..., nu - 1]
    b = (sums[..., -1:] - before) / (n - nu) - before / nu
    return b, (centred * centred).sum(-1, keepdims=True), nu * (n - nu) / n


def _half_widths(
    n: int, b: Floats, squares: Floats, spread: Floats, level: float, settings: HaarSettings
) -> Floats:
    """Return half the width of the effect's interval at each date; infinite where nothing bounds it."""
    signal = settings.effect_scale**2 * spread
    grown = 1 + signal
    g = signal / grown
    c = (1 - ((1 - level) / np.sqrt(grown)) ** (2 / (n - 1))) / g
    rest = np.maximum(squares - b * b * spread, (n - 2) * settings.least_sd**2)
    bounded = (c < 1) & (rest > 1e-12 * squares)
    safe = np.where(bounded, c, 0.0)
    half: Floats = np.sqrt(safe / (1 - safe) * rest / spread)
    return np.where(bounded, half, np.inf)


def _because(nothing: ChangeEstimate, reason: str) -> ChangeEstimate:
    """Return the empty estimate with its reason."""
    return ChangeEstimate(
        nothing.n, nothing.level, nothing.side, None, (), None, None, None, 0.0, insufficient=reason
    )
