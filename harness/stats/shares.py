"""How often each probe comes out one way, from few answers: shares shrunk together, and what days add to chance."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
import numpy.typing as npt

from harness.stats.day_effect import fit_prior
from harness.stats.intervals import Floats

ORDINARY_DAY_SD = 0.2
"""Day-to-day sd on the logit that is assumed where nothing is known."""
ORDINARY_DAYS = 5
"""Days that this assumption counts for beside measured ones."""


@dataclass(frozen=True, slots=True)
class Shares:
    """What is known of each probe's chance: a Beta distribution each, around a prior they share."""

    successes: Floats
    """Per probe, shape (probes,)."""
    trials: Floats
    prior: tuple[float, float]
    """a and b of the Beta distribution that the probes' chances were drawn from."""

    def draw(self, rng: np.random.Generator, worlds: int) -> Floats:
        """Return chances that the answers allow, shape (worlds, probes); each world is as likely as any other."""
        a, b = self.prior
        shape = (worlds, self.trials.size)
        drawn: Floats = rng.beta(self.successes + a, self.trials - self.successes + b, shape)
        return drawn

    @property
    def variance(self) -> Floats:
        """Expected variance q (1 - q) of one answer of each probe."""
        a, b = self.prior
        right, wrong = self.successes + a, self.trials - self.successes + b
        spread: Floats = right * wrong / ((right + wrong) * (right + wrong + 1))
        return spread


def shares(successes: npt.ArrayLike, trials: npt.ArrayLike) -> Shares:
    """Return each probe's chance by empirical Bayes: few answers are drawn towards what the probes are like together.

    Args:
        successes: Sum over all runs of each probe, shape (probes,).
        trials: Measured answers of each probe.

    Raises:
        ValueError: fewer than two answers a probe: how much probes differ cannot then be told from chance.

    Source: beta-binomial likelihood, Efron (2010), Large-Scale Inference, chapter 1.
    """
    s, n = np.asarray(successes, dtype=np.float64), np.asarray(trials, dtype=np.float64)
    if s.shape != n.shape or s.ndim != 1 or not n.size or n.mean() < 2:
        raise ValueError("shrinking needs at least two answers a probe")
    return Shares(s, n, fit_prior(s, n))


def day_sd(known: Shares, successes: npt.ArrayLike, trials: npt.ArrayLike) -> float:
    """Return how much days differ, as an sd on the logit of every probe, beyond the luck of single answers.

    Each day's shift is estimated by one step of Newton's method, (successes - expected) / information; their mean
    square less what luck alone gives is the variance (method of moments, not below 0). It is averaged with
    `ORDINARY_DAY_SD`, which counts as `ORDINARY_DAYS` days: a few days that happen to be alike prove little.

    Args:
        known: Chances of the probes.
        successes: Shape (days, probes).
        trials: Same shape.
    """
    x, r = np.asarray(successes, dtype=np.float64), np.asarray(trials, dtype=np.float64)
    a, b = known.prior
    chance = (known.successes + a) / (known.trials + a + b)
    information = r @ known.variance
    used = information > 0
    days = int(used.sum())
    if days < 2:
        return ORDINARY_DAY_SD
    shift = (x - r * chance).sum(1)[used] / information[used]
    measured = max(0.0, float(shift.var(ddof=1) - (1 / information[used]).mean()))
    prior = ORDINARY_DAYS * ORDINARY_DAY_SD**2
    return sqrt((prior + (days - 1) * measured) / (ORDINARY_DAYS + days - 1))
