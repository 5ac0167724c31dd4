"""EB-DE: probe by probe prediction with an effect of the day. Fast, for incidents; not for claims to publish.

Every probe's chance is predicted from all earlier runs. A run is compared under "as predicted" and under
several drops, each averaged over what the day may have done to all probes at once; the ratios feed
Shiryaev-Roberts sums. A second channel looks for a drop in few probes. `day_effect_paths` does many years at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.special import betaln

from harness.stats.intervals import Floats

VERSION = 1
"""Version of the rule. A change that could alter any e raises it, and stored states are replayed."""

_BLOCK = 1 << 16
"""Numbers held at once while integrating over the day's effect: few enough for the cache."""


@dataclass(frozen=True, slots=True)
class DayEffect:
    """One normal part of the prior of the day's effect on the logit of every probe."""

    weight: float
    sd: float
    nodes: int = 11
    """Gauss-Hermite nodes; a wide part needs more, because the answers of a run tell effects apart."""


PLAIN = (DayEffect(1.0, 0.25),)
CONTAMINATED = (DayEffect(0.9, 0.25), DayEffect(0.1, 1.25, 41))
"""One day in ten is five times as far off: bounds what a single bad day can contribute."""


@dataclass(frozen=True, slots=True)
class DayEffectSettings:
    """What is fixed, and published, before the first run."""

    effects: tuple[DayEffect, ...] = PLAIN
    direction: Literal["down", "up"] = "down"
    losses: tuple[float, ...] = (0.03, 0.06, 0.12, 0.25, 0.5)
    """Shares of right answers lost everywhere, looked for."""
    shifts: tuple[float, ...] = (0.15, 0.3, 0.6, 1.2)
    """Drops of the logit everywhere, looked for."""
    sparse_share: float = 0.1
    """Share of probes hit, in the channel for changes in few."""
    sparse_loss: float = 0.5
    """Share of right answers lost by those."""
    window: int = 60
    """Most runs since a change in few probes; bounds the state and the cost per run."""
    burn_in: int = 7
    """Runs before the first one that counts; the prior of the probes is fitted to them."""
    prior: tuple[float, float] | None = None
    """Beta prior of a probe, fixed beforehand; None: by maximum likelihood on the burn-in."""

    def __post_init__(self) -> None:
        weights = [effect.weight for effect in self.effects]
        if not weights or min(weights) <= 0 or abs(sum(weights) - 1) > 1e-9:
            raise ValueError(f"weights of the day's effect must be positive and sum to 1, got {weights}")
        if any(effect.sd < 0 or effect.nodes < 1 for effect in self.effects):
            raise ValueError("the day's effect needs sd >= 0 and at least one node")
        shares = (*self.losses, self.sparse_share, self.sparse_loss)
        if not self.losses or not all(0 < share < 1 for share in shares):
            raise ValueError(f"losses and sparse shares must lie strictly between 0 and 1, got {shares}")
        if not all(shift > 0 for shift in self.shifts) or self.window < 1 or self.burn_in < 1:
            raise ValueError("shifts must be positive, window and burn_in at least 1")
        if self.prior is not None and min(self.prior) <= 0:
            raise ValueError(f"the prior must be positive, got {self.prior}")

    @property
    def n_alternatives(self) -> int:
        """How many drops the dense channel looks for."""
        return len(self.losses) + len(self.shifts)


@dataclass(frozen=True, slots=True)
class Nodes:
    """The prior of the day's effect as points with weights."""

    at: Floats
    log_weight: Floats


@dataclass(frozen=True, slots=True)
class DayEffectPaths:
    """Log Shiryaev-Roberts statistics after each run, shape (streams, runs); -inf before the first that counts."""

    log_dense: Floats
    log_sparse: Floats
    log_e: Floats
    """Log of the mean of both: what the alarm looks at."""
    day: Floats
    """Posterior mean of the day's effect under no change, logit; NaN before the first run that counts."""


def day_nodes(effects: tuple[DayEffect, ...]) -> Nodes:
    """Return the quadrature points of a mixture of normal effects."""
    at, weights = [], []
    for effect in effects:
        x, w = np.polynomial.hermite_e.hermegauss(effect.nodes if effect.sd else 1)
        at.append(effect.sd * x)
        weights.append(effect.weight * w / w.sum())
    joined = np.concatenate(weights)
    return Nodes(np.concatenate(at)[joined > 0], np.log(joined[joined > 0]))


def fit_prior(successes: npt.ArrayLike, trials: npt.ArrayLike) -> tuple[float, float]:
    """Return the Beta prior of a probe's chance by maximum likelihood over a grid.

    Args:
        successes: Sum of each probe over the burn-in, shape (probes,).
        trials: Answers of each probe; probes without any say nothing.

    Returns:
        a and b: means .05 .. .97 in 24 steps, a + b from .15 to 20 in ten.

    Source: beta-binomial likelihood, as in Efron (2010), Large-Scale Inference, chapter 1.
    """
    s, n = np.asarray(successes, dtype=np.float64), np.asarray(trials, dtype=np.float64)
    met, counts = np.unique(np.stack([s, n]), axis=1, return_counts=True)
    means, sizes = np.meshgrid(
        np.linspace(0.05, 0.97, 24), [0.15, 0.25, 0.4, 0.6, 1.0, 1.6, 2.5, 4.0, 8.0, 20.0], indexing="ij"
    )
    a, b = (means * sizes)[..., None], ((1 - means) * sizes)[..., None]
    fit = ((betaln(met[0] + a, met[1] - met[0] + b) - betaln(a, b)) * counts).sum(-1)
    best = np.unravel_index(int(fit.argmax()), fit.shape)
    return float(a[best][0]), float(b[best][0])


def dense_step(
    x: Floats, r: Floats, q: Floats, settings: DayEffectSettings, nodes: Nodes
) -> tuple[Floats, Floats]:
    """Return the log ratios of one run for every drop, and the day's effect under no change.

        e(alt) = int prod_k Bin(x_k; r_k, expit(logit q'_k + z)) dP(z) / the same with q_k

    Args:
        x: Successes, shape (streams, probes).
        r: Trials, 0 where missing.
        q: Predicted chances from all earlier runs.
        settings: Drops q' = q (1 - d) and logit q' = logit q - c.
        nodes: Of the prior of z.

    Returns:
        Shapes (streams, alternatives) and (streams,).
    """
    scaled = [q * (1 - loss) for loss in settings.losses]
    odds = q / (1 - q)
    stack = np.stack(
        [odds, *(part / (1 - part) for part in scaled), *(odds * np.exp(-c) for c in settings.shifts)], axis=1
    )
    gain = (x[:, None, :] * np.log(stack)).sum(-1)
    total = x.sum(-1)
    logs = np.empty((*gain.shape, nodes.at.size))
    most = float(r.max())
    alike = bool(((r == 0) | (r == most)).all())
    masked = stack * (r > 0)[:, None, :] if alike else stack
    block = max(1, _BLOCK // stack.size)
    for start in range(0, nodes.at.size, block):
        part = slice(start, start + block)
        terms = masked[:, :, None, :] * np.exp(nodes.at[part])[:, None]
        if alike:
            logs[..., part] = -most * _log_product(terms)
        else:
            logs[..., part] = -(np.log1p(terms) * r[:, None, None, :]).sum(-1)
    logs += gain[..., None] + total[:, None, None] * nodes.at + nodes.log_weight
    whole = np.logaddexp.reduce(logs, axis=-1)
    day = (np.exp(logs[:, 0] - whole[:, :1]) * nodes.at).sum(-1)
    return whole[:, 1:] - whole[:, :1], day


def sparse_step(x: Floats, r: Floats, q: Floats, day: Floats, loss: float) -> Floats:
    """Return each probe's log ratio for the loss of a share of its right answers, the day's drop taken out.

    Args:
        x: Successes, shape (..., probes).
        r: Trials, 0 where missing: such a probe gives 0.
        q: Predicted chances.
        day: The day's effect, shape (...); only a drop is taken out.
        loss: Share lost.
    """
    odds = q / (1 - q) * np.exp(np.minimum(day, 0.0))[..., None]
    # (1 - q(1-d)) / (1-q) with q / (1-q) = odds
    ratio: Floats = x * log(1 - loss) + (r - x) * np.log1p(odds * loss)
    return ratio


def sparse_sum(since: Floats, share: float) -> Floats:
    """Return the log of the sum over starts of prod_k (1 - share + share L_k), shape (streams,).

    Args:
        since: Log L per start and probe, shape (streams, starts, probes).
        share: Share of probes hit.
    """
    with np.errstate(over="ignore"):
        each = np.log1p(share * np.expm1(np.minimum(since, 500.0)))
    whole: Floats = np.logaddexp.reduce(each.sum(-1), axis=-1)
    return whole


def day_effect_paths(
    successes: npt.ArrayLike, trials: npt.ArrayLike, settings: DayEffectSettings | None = None
) -> DayEffectPaths:
    """Return the statistics of many streams of equal shape, run after run: what `step_day_effect` gives.

    Args:
        successes: Shape (streams, runs, probes).
        trials: Same shape, or one number for all.
        settings: The same for all streams.
    """
    fixed = settings or DayEffectSettings()
    x = np.asarray(successes)
    r = np.broadcast_to(np.asarray(trials), x.shape)
    if x.ndim != 3 or (x > r).any() or (x < 0).any():
        raise ValueError(
            f"tallies must be (streams, runs, probes) with successes within 0 .. trials, got {x.shape}"
        )
    streams, runs, probes = x.shape
    nodes = day_nodes(fixed.effects)
    right, asked = np.zeros((2, streams, probes))
    sums = np.full((streams, fixed.n_alternatives), -np.inf)
    since = np.zeros((streams, 0, probes))
    dense, sparse, day = np.full((3, streams, runs), -np.inf)
    day[:] = np.nan
    a = b = np.ones((streams, 1))
    for run in range(runs):
        now, each = x[:, run].astype(np.float64), r[:, run].astype(np.float64)
        if fixed.direction == "up":
            now = each - now
        if run == fixed.burn_in:
            fitted = [fixed.prior or fit_prior(s, n) for s, n in zip(right, asked, strict=True)]
            a, b = (np.array(side)[:, None] for side in zip(*fitted, strict=True))
        if run >= fixed.burn_in:
            q = (right + a) / (asked + a + b)
            ratios, day[:, run] = dense_step(now, each, q, fixed, nodes)
            sums = np.logaddexp(sums, 0.0) + ratios
            dense[:, run] = np.logaddexp.reduce(sums, axis=1) - log(fixed.n_alternatives)
            moved = sparse_step(now, each, q, day[:, run], fixed.sparse_loss)[:, None, :]
            since = np.concatenate([since, np.zeros_like(moved)], axis=1)[:, -fixed.window :] + moved
            sparse[:, run] = sparse_sum(since, fixed.sparse_share)
        right, asked = right + now, asked + each
    return DayEffectPaths(dense, sparse, np.logaddexp(dense, sparse) - log(2), day)


def _log_product(terms: Floats) -> Floats:
    """Return sum_k ln(1 + terms_k): few logarithms, because factors are multiplied first."""
    factors = terms
    factors += 1
    for _ in range(4):  # at most 31 factors in one, each under 1e9: far from overflow
        half, odd = divmod(factors.shape[-1], 2)
        if not half:
            break
        product = factors[..., :half] * factors[..., half : 2 * half]
        if odd:
            product[..., 0] *= factors[..., -1]
        factors = product
    whole: Floats = np.log(factors).sum(-1)
    return whole
