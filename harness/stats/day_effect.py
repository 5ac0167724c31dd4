"""EB-DE: probe by probe prediction with an effect of the day. Fast, for incidents; not for claims to publish.

Every probe's chance is predicted from all earlier runs. A run is compared under "as predicted" and under
several drops, everywhere or in few probes, each averaged over what the day may have done to all probes at once: moved
them together, or lost some of their answers. The ratios feed Shiryaev-Roberts sums. `day_effect_paths` does many
years at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.special import betaln, expit

from harness.stats.intervals import Floats

VERSION = 2
"""Version of the rule. A change that could alter any e raises it, and stored states are replayed."""

_BLOCK = 1 << 15
"""Numbers held at once while integrating over the day's effect: few enough for the processor's cache."""

_LOST = (0.01, 0.03, 0.05, 0.08, 0.11, 0.15, 0.19, 0.24, 0.30, 0.37, 0.45, 0.55)
"""Shares of lost answers at which a bad day is weighed: as close as a run of a thousand answers can tell apart."""


@dataclass(frozen=True, slots=True)
class DayEffect:
    """One part of the prior of what a day does: a normal effect on the logit of every probe, and answers lost."""

    weight: float
    sd: float
    nodes: int = 11
    """Gauss-Hermite nodes; a wide part needs more, because the answers of a run tell effects apart."""
    lost: float = 0.0
    """Mean of an exponential share of all right answers that such a day loses at random; 0: none. Not used
    when looking for a rise, which lost answers cannot feign."""


BAD_DAYS = 0.05
"""Share of days that are foreseen to lose answers at random (timeouts, outages, cut replies)."""

LOST = 0.04
"""Mean share of right answers that they lose."""


def day_prior(sd: float, bad_days: float = BAD_DAYS, lost: float = LOST) -> tuple[DayEffect, ...]:
    """Return a prior that one bad day cannot get the better of.

    Args:
        sd: Of an ordinary day's effect on the logit of every probe.
        bad_days: Share of days that lose answers at random besides.
        lost: Mean share that they lose.
    """
    return DayEffect(1 - bad_days, sd), DayEffect(bad_days, sd, 5, lost)


ROBUST = day_prior(0.3)
PLAIN = (DayEffect(1.0, 0.25),)
"""No bad days: kept to show what they do."""
CONTAMINATED = (DayEffect(0.9, 0.25), DayEffect(0.1, 1.25, 41))
"""One day in ten is five times as far off on the logit: kept to show that this does not help."""


@dataclass(frozen=True, slots=True)
class DayEffectSettings:
    """What is fixed, and published, before the first run."""

    effects: tuple[DayEffect, ...] = ROBUST
    direction: Literal["down", "up"] = "down"
    losses: tuple[float, ...] = (0.03, 0.06, 0.12, 0.25, 0.35)
    """Shares of right answers lost everywhere, looked for."""
    shifts: tuple[float, ...] = (0.3, 0.6)
    """Drops of the logit everywhere, looked for."""
    sparse_losses: tuple[float, ...] = (0.5, 0.9)
    """Shares of right answers lost by the probes hit, in the channel for changes in few."""
    sparse_share: float = 0.1
    """Share of probes hit, before anything is known of them."""
    forgetting: float = 0.02
    """Chance per run that what was learnt of which probes are hit is void, because the change began only now."""
    burn_in: int = 7
    """Runs before the first one that counts; the prior of the probes is fitted to them."""
    prior: tuple[float, float] | None = None
    """Beta prior of a probe, fixed beforehand; None: by maximum likelihood on the burn-in."""

    def __post_init__(self) -> None:
        weights = [effect.weight for effect in self.effects]
        if not weights or min(weights) <= 0 or abs(sum(weights) - 1) > 1e-9:
            raise ValueError(f"weights of the day's effect must be positive and sum to 1, got {weights}")
        if any(effect.sd < 0 or effect.nodes < 1 or not 0 <= effect.lost < 1 for effect in self.effects):
            raise ValueError(
                "the day's effect needs sd >= 0, at least one node and a lost share within 0 .. 1"
            )
        shares = (*self.losses, *self.sparse_losses, self.sparse_share, self.forgetting)
        if not self.losses or not self.sparse_losses or not all(0 < share < 1 for share in shares):
            raise ValueError(f"losses, shares and forgetting must lie strictly between 0 and 1, got {shares}")
        if not all(shift > 0 for shift in self.shifts) or self.burn_in < 1:
            raise ValueError("shifts must be positive and burn_in at least 1")
        if self.prior is not None and min(self.prior) <= 0:
            raise ValueError(f"the prior must be positive, got {self.prior}")

    @property
    def n_dense(self) -> int:
        """How many drops everywhere are looked for; those in few probes come after them."""
        return len(self.losses) + len(self.shifts)

    @property
    def n_alternatives(self) -> int:
        """How many drops are looked for."""
        return self.n_dense + len(self.sparse_losses)


@dataclass(frozen=True, slots=True)
class Nodes:
    """The prior of what a day does, as points with weights."""

    at: Floats
    """Effect on the logit."""
    lost: Floats
    """Share of right answers lost."""
    log_weight: Floats


@dataclass(frozen=True, slots=True)
class DayEffectPaths:
    """Log Shiryaev-Roberts statistics after each run, shape (streams, runs); -inf before the first that counts."""

    log_dense: Floats
    """Mean over drops everywhere."""
    log_sparse: Floats
    """Mean over drops in few probes."""
    log_e: Floats
    """Log of the mean over all: what the alarm looks at."""
    day: Floats
    """Posterior mean of the day's effect under no change, logit; NaN before the first run that counts."""


def day_nodes(settings: DayEffectSettings) -> Nodes:
    """Return the quadrature points of the prior of what a day does."""
    at, lost, weights = [], [], []
    for effect in settings.effects:
        x, w = np.polynomial.hermite_e.hermegauss(effect.nodes if effect.sd else 1)
        shares, mass = _lost_shares(effect.lost if settings.direction == "down" else 0.0)
        at.append(np.repeat(effect.sd * x[None], len(shares), axis=0).ravel())
        lost.append(np.repeat(shares, len(x)))
        weights.append((effect.weight * mass[:, None] * w / w.sum()).ravel())
    kept = np.concatenate(weights) > 0
    return Nodes(np.concatenate(at)[kept], np.concatenate(lost)[kept], np.log(np.concatenate(weights)[kept]))


def _lost_shares(mean: float) -> tuple[Floats, Floats]:
    """Return shares of lost answers and the mass that an exponential law with this mean has around each."""
    if not mean:
        return np.zeros(1), np.ones(1)
    shares = np.array(_LOST)
    edges = np.concatenate([[0.0], (shares[1:] + shares[:-1]) / 2, [1.0]])
    mass = np.exp(-edges[:-1] / mean) - np.exp(-edges[1:] / mean)
    return shares, mass / mass.sum()


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


def changed_odds(q: Floats, log_hit: Floats, settings: DayEffectSettings) -> Floats:
    """Return the odds of a right answer as predicted and under every drop.

    Args:
        q: Predicted chances from all earlier runs, shape (streams, probes).
        log_hit: Log evidence that a probe is among the few hit, shape (streams, sparse drops, probes).
        settings: Drops q' = q (1 - d), logit q' = logit q - c, and q' = q (1 - w d), w the probability of being hit.

    Returns:
        Shape (streams, 1 + alternatives, probes).
    """
    odds = q / (1 - q)
    hit = expit(log_hit + log(settings.sparse_share / (1 - settings.sparse_share)))
    left = [*(1 - loss for loss in settings.losses), *(np.exp(-shift) for shift in settings.shifts)]
    n_losses = len(settings.losses)
    whole = [odds]
    whole += [q * part / (1 - q * part) for part in left[:n_losses]]
    whole += [odds * part for part in left[n_losses:]]
    for place, loss in enumerate(settings.sparse_losses):
        few = q * (1 - hit[:, place] * loss)
        whole.append(few / (1 - few))
    return np.stack(whole, axis=1)


def run_ratios(x: Floats, r: Floats, odds: Floats, nodes: Nodes) -> tuple[Floats, Floats]:
    """Return the log ratios of one run for every drop, and the day's effect under no change.

        e(alt) = int prod_k Bin(x_k; r_k, (1-l) expit(logit q'_k + z)) dP(z, l) / the same with q_k

    Args:
        x: Successes, shape (streams, probes).
        r: Trials, 0 where missing.
        odds: From `changed_odds`.
        nodes: Of the prior of z and l.

    Returns:
        Shapes (streams, alternatives) and (streams,): the latter the posterior mean of z.
    """
    wrong = r - x
    gain = (x[:, None, :] * np.log(odds)).sum(-1)
    effects, place = np.unique(nodes.at, return_inverse=True)
    # (1-l) p has odds o e^z (1-l) / (1 + l o e^z): every answer brings 1 / (1 + o e^z), a wrong one 1 + l o e^z.
    every = _log_products(odds, r, np.exp(effects))[..., place]
    logs = gain[..., None] - every + x.sum(-1)[:, None, None] * (nodes.at + np.log1p(-nodes.lost))
    bad = nodes.lost > 0
    if bad.any():
        # Only probes with a wrong answer matter here: they are gathered first.
        most = max(1, int((wrong > 0).sum(-1).max()))
        order = np.argsort(wrong <= 0, axis=-1, kind="stable")[:, :most]
        few = np.take_along_axis(odds, order[:, None, :], axis=-1)
        scale = nodes.lost[bad] * np.exp(nodes.at[bad])
        logs[..., bad] += _log_products(few, np.take_along_axis(wrong, order, axis=-1), scale)
    logs += nodes.log_weight
    whole = np.logaddexp.reduce(logs, axis=-1)
    day = (np.exp(logs[:, 0] - whole[:, :1]) * nodes.at).sum(-1)
    return whole[:, 1:] - whole[:, :1], day


def learn_hits(log_hit: Floats, x: Floats, r: Floats, q: Floats, settings: DayEffectSettings) -> Floats:
    """Return the evidence that each probe is among the few hit, after one more run.

        A_k <- (f + (1-f) A_k) (1-d)^x ((1 - q(1-d)) / (1-q))^(r-x)

    The day's effect is left in: this only says where the next run is expected to be worse, and any guess made
    before that run keeps its ratio fair.
    """
    loss = np.array(settings.sparse_losses)[:, None]
    fresh = np.logaddexp(log(settings.forgetting), log(1 - settings.forgetting) + log_hit)
    odds = (q / (1 - q))[:, None, :]
    told = x[:, None, :] * np.log1p(-loss) + (r - x)[:, None, :] * np.log1p(odds * loss)
    learnt: Floats = fresh + told
    return learnt


def log_means(sums: Floats, settings: DayEffectSettings) -> tuple[Floats, Floats, Floats]:
    """Return the logs of the mean over drops everywhere, in few probes, and over all."""

    def mean(part: Floats) -> Floats:
        whole: Floats = np.logaddexp.reduce(part, axis=-1) - log(part.shape[-1])
        return whole

    return mean(sums[..., : settings.n_dense]), mean(sums[..., settings.n_dense :]), mean(sums)


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
    nodes = day_nodes(fixed)
    right, asked = np.zeros((2, streams, probes))
    sums = np.full((streams, fixed.n_alternatives), -np.inf)
    log_hit = np.zeros((streams, len(fixed.sparse_losses), probes))
    dense, sparse, both, day = np.full((4, streams, runs), -np.inf)
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
            ratios, day[:, run] = run_ratios(now, each, changed_odds(q, log_hit, fixed), nodes)
            sums = np.logaddexp(sums, 0.0) + ratios
            log_hit = learn_hits(log_hit, now, each, q, fixed)
            dense[:, run], sparse[:, run], both[:, run] = log_means(sums, fixed)
        right, asked = right + now, asked + each
    return DayEffectPaths(dense, sparse, both, day)


def _log_products(odds: Floats, weights: Floats, scales: Floats) -> Floats:
    """Return sum_k w_k ln(1 + c o_k) for every scale c.

    Args:
        odds: Shape (streams, alternatives, probes).
        weights: Shape (streams, probes).
        scales: Shape (scales,).

    Returns:
        Shape (streams, alternatives, scales).
    """
    out = np.empty((*odds.shape[:2], scales.size))
    most = float(weights.max())
    # Where all weights are alike, or 0, few logarithms will do: factors are multiplied first.
    alike = bool(((weights == 0) | (weights == most)).all())
    masked = odds * (weights > 0)[:, None, :] if alike else odds
    block = max(1, _BLOCK // odds.size)
    for start in range(0, scales.size, block):
        part = slice(start, start + block)
        terms = masked[:, :, None, :] * scales[part, None]
        if alike:
            out[..., part] = most * _log_product(terms)
        else:
            out[..., part] = (np.log1p(terms) * weights[:, None, None, :]).sum(-1)
    return out


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
