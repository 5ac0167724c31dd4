"""EB-DE: probe by probe prediction with an effect of the day. Fast, for incidents; not for claims to publish.

Every probe's chance is predicted from all earlier runs. A run is compared under "as predicted" and under
several drops, everywhere or in few probes, each averaged over what the day may have done to all probes at once: moved
them together, or lost some of their answers. How far apart ordinary days lie is learnt from the runs before.
The ratios feed Shiryaev-Roberts sums. `day_effect_paths` does many years at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log

import numpy as np
import numpy.typing as npt
from scipy.special import betaln, expit

from harness.stats.days import DayEffectSettings, Nodes, day_nodes, learn_spread
from harness.stats.intervals import Floats

VERSION = 4
"""Version of the rule. A change that could alter any e raises it, and stored states are replayed."""

_BLOCK = 1 << 15
"""Numbers held at once while integrating over the day's effect: few enough for the processor's cache."""


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


LEVELS: Floats = expit(np.linspace(-10, 10, 41))
"""Chances of a right answer that probes may have, before anything is known of one."""
_SMOOTH = 4.0
"""Probes' worth of evenness in the fitted mixture, so that no chance is ever thought impossible."""
_ROUNDS = 40


def fit_levels(successes: npt.ArrayLike, trials: npt.ArrayLike) -> Floats:
    """Return how common each of `LEVELS` is among probes, by maximum likelihood, smoothed.

    Args:
        successes: Sum of each probe so far, shape (probes,).
        trials: Answers of each probe; probes without any say nothing.

    Returns:
        Weights that sum to 1, shape (LEVELS.size,).

    Source: Kiefer and Wolfowitz (1956), Annals of Mathematical Statistics 27, 887-906, by expectation and
    maximisation (Laird 1978), stopped early from an even start; Efron (2010), Large-Scale Inference, chapter 1.
    """
    s, n = np.asarray(successes, dtype=np.float64), np.asarray(trials, dtype=np.float64)
    met, counts = np.unique(np.stack([s, n]), axis=1, return_counts=True)
    likely = np.exp(_level_logs(met[0], met[1]))
    weights = np.full(LEVELS.size, 1 / LEVELS.size)
    for _ in range(_ROUNDS):
        joint = likely * weights
        weights = (counts[:, None] * joint / joint.sum(-1, keepdims=True)).sum(0) + _SMOOTH / LEVELS.size
        weights /= weights.sum()
    return weights


def predicted_chances(weights: Floats, successes: Floats, trials: Floats) -> Floats:
    """Return each probe's chance of a right answer given all its earlier ones.

    Args:
        weights: From `fit_levels`, shape (..., LEVELS.size).
        successes: Shape (..., probes).
        trials: Same shape.
    """
    joint = np.exp(_level_logs(successes, trials)) * weights[..., None, :]
    chances: Floats = (joint @ LEVELS) / joint.sum(-1)
    return chances


def levels_before(run: int, settings: DayEffectSettings, successes: Floats, trials: Floats) -> Floats | None:
    """Return the weights of the levels from a run on, where they are fitted anew: each time a burn-in's runs have gone.

    Args:
        run: its number, from 0.
        settings: with the burn-in, and a Beta prior that is used instead if there is one.
        successes: sum of each probe over all runs before, shape (probes,).
        trials: answers of each.
    """
    if run == 0 or run % settings.burn_in:
        return None
    if settings.prior is None:
        return fit_levels(successes, trials)
    a, b = settings.prior
    density: Floats = np.exp(a * np.log(LEVELS) + b * np.log1p(-LEVELS))
    weights: Floats = density / density.sum()
    return weights


def _level_logs(successes: Floats, trials: Floats) -> Floats:
    """Return log likelihoods of counts at each level, the largest 0, shape (..., LEVELS.size)."""
    logs = successes[..., None] * np.log(LEVELS) + (trials - successes)[..., None] * np.log1p(-LEVELS)
    kept: Floats = logs - logs.max(-1, keepdims=True)
    return kept


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


def run_ratios(
    x: Floats, r: Floats, odds: Floats, nodes: Nodes, log_spread: Floats | None = None
) -> tuple[Floats, Floats, Floats]:
    """Return the log ratios of one run for every drop, and what it says of its day under no change.

        e(alt) = int prod_k Bin(x_k; r_k, (1-l) expit(logit q'_k + z)) dP(z, l) / the same with q_k

    Args:
        x: Successes, shape (streams, probes).
        r: Trials, 0 where missing.
        odds: From `changed_odds`.
        nodes: Of the prior of z and l.
        log_spread: Log weight of each spread, shape (streams, spreads), from `learn_spread`; None: as at first.

    Returns:
        Log ratios, shape (streams, alternatives); posterior mean of z, shape (streams,); log likelihood of the run
        under no change in each spread, shape (streams, spreads), up to a constant of the stream.
    """
    spread = nodes.log_spread[None] if log_spread is None else log_spread
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
    weighted = logs[..., None, :] + nodes.log_weight
    top = weighted.max(-1)
    each = np.log(np.exp(weighted - top[..., None]).sum(-1)) + top
    whole = np.logaddexp.reduce(each + spread[:, None, :], axis=-1)
    told = np.exp(weighted[:, 0] + spread[..., None] - whole[:, :1, None]).sum(1)
    return whole[:, 1:] - whole[:, :1], (told * nodes.at).sum(-1), each[:, 0]


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
    log_spread = np.tile(nodes.log_spread, (streams, 1))
    dense, sparse, both, day = np.full((4, streams, runs), -np.inf)
    day[:] = np.nan
    weights = np.full((streams, LEVELS.size), np.nan)
    for run in range(runs):
        now, each = x[:, run].astype(np.float64), r[:, run].astype(np.float64)
        if fixed.direction == "up":
            now = each - now
        fitted = [levels_before(run, fixed, s, n) for s, n in zip(right, asked, strict=True)]
        if fitted[0] is not None:
            weights = np.array(fitted)
        if run >= fixed.burn_in:
            q = predicted_chances(weights, right, asked)
            odds = changed_odds(q, log_hit, fixed)
            ratios, day[:, run], log_null = run_ratios(now, each, odds, nodes, log_spread)
            log_spread = learn_spread(log_spread, log_null, nodes, fixed)
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
