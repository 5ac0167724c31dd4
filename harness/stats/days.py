"""What a day may do to all answers at once, before anything is known and as runs tell: the prior of EB-DE and EB-NL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, log
from typing import Any, Literal

import numpy as np

from harness.stats.intervals import Floats

_STEP = 0.2
"""Farthest apart that effects on the logit are weighed."""
_REACH, _WIDE_REACH = 4.5, 2.4
"""How far they are weighed, in sds: of the prior, and of the widest spread, which needs no tails."""
_LIGHT = 1e-9
"""Nodes lighter than this in every spread are left out."""

_LOST = (0.01, 0.03, 0.05, 0.08, 0.11, 0.15, 0.19, 0.24, 0.30, 0.37, 0.45, 0.55)
"""Shares of lost answers at which a bad day is weighed: as close as a run of a thousand answers can tell apart."""


@dataclass(frozen=True, slots=True)
class DayEffect:
    """One part of the prior of what a day does: a normal effect on the logit of every probe, and answers lost."""

    weight: float
    sd: float
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
    return DayEffect(1 - bad_days, sd), DayEffect(bad_days, sd, lost)


ROBUST = day_prior(0.3)
PLAIN = (DayEffect(1.0, 0.25),)
"""No bad days: kept to show what they do."""
CONTAMINATED = (DayEffect(0.9, 0.25), DayEffect(0.1, 1.25))
"""One day in ten is five times as far off on the logit: kept to show that this does not help."""


NARROW = ((1.0, 1.0),)
"""Days lie as far apart as the prior says, and nothing is learnt."""


@dataclass(frozen=True, slots=True)
class DayEffectSettings:
    """What is fixed, and published, before the first run."""

    effects: tuple[DayEffect, ...] = ROBUST
    spreads: tuple[tuple[float, float], ...] = ((1.0, 0.5), (2.0, 0.3), (4.0, 0.2))
    """(times, weight): how many times as wide as `effects` say ordinary days may lie, and how likely that is before
    the first run that counts. The runs weigh anew: each spread by what it made of all runs before."""
    relearning: float = 0.01
    """Chance per run that what was learnt of the spread is void."""
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
    """Runs before the first one that counts, and between fits of what chances probes have."""
    prior: tuple[float, float] | None = None
    """Beta prior of a probe's chance, fixed beforehand; None: a mixture fitted to all probes."""

    def __post_init__(self) -> None:
        weights = [effect.weight for effect in self.effects]
        if not weights or min(weights) <= 0 or abs(sum(weights) - 1) > 1e-9:
            raise ValueError(f"weights of the day's effect must be positive and sum to 1, got {weights}")
        if any(not 0 <= effect.sd <= 10 or not 0 <= effect.lost < 1 for effect in self.effects):
            raise ValueError("the day's effect needs an sd within 0 .. 10 and a lost share within 0 .. 1")
        times, masses = zip(*self.spreads, strict=True) if self.spreads else ((), ())
        if not times or min(masses) <= 0 or abs(sum(masses) - 1) > 1e-9 or min(times) < 1 or max(times) > 10:
            raise ValueError(f"spreads must be 1 to 10 times, with weights that sum to 1, got {self.spreads}")
        shares = (*self.losses, *self.sparse_losses, self.sparse_share, self.forgetting, self.relearning)
        if not self.losses or not self.sparse_losses or not all(0 < share < 1 for share in shares):
            raise ValueError(f"losses, shares and chances must lie strictly between 0 and 1, got {shares}")
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
    """Of each node in each spread, shape (spreads, nodes)."""
    log_spread: Floats
    """Of each spread before anything is known, shape (spreads,)."""


@lru_cache(maxsize=64)
def day_nodes(settings: DayEffectSettings) -> Nodes:
    """Return the quadrature points of the prior of what a day does.

    Effects on the logit lie on one even grid, a fifth or two thirds of an sd apart, which integrates what is as
    smooth as a normal density almost exactly (the trapezoidal rule); bad days, which are rare, on every other point.
    They follow from the settings alone and are kept, since every step of every stream needs them.
    """
    times, masses = np.array(settings.spreads).T
    at, lost, weights = [], [], []
    for effect in settings.effects:
        shares, mass = _lost_shares(effect.lost if settings.direction == "down" else 0.0)
        every = 2 if len(shares) > 1 else 1
        # A bad day is no worse where ordinary days are wide: losing answers is another thing.
        widths = effect.sd * (times if every == 1 else np.ones_like(times))
        step = min(_STEP, effect.sd * 2 / 3)
        reach = max(_REACH * effect.sd, _WIDE_REACH * widths.max())
        places = (
            np.arange(-ceil(reach / step / every), ceil(reach / step / every) + 1) * every
            if step
            else np.zeros(1)
        )
        z = step * places
        log_density = (
            -(z**2) / (2 * np.maximum(widths, 1e-300)[:, None] ** 2) if step else np.zeros((times.size, 1))
        )
        density = np.exp(log_density - np.logaddexp.reduce(log_density, axis=1, keepdims=True))
        at.append(np.tile(z, len(shares)))
        lost.append(np.repeat(shares, z.size))
        weights.append(effect.weight * (mass[None, :, None] * density[:, None, :]).reshape(times.size, -1))
    joint = np.concatenate(weights, axis=1)
    kept = joint.max(0) > _LIGHT
    with np.errstate(divide="ignore"):
        log_weight = np.log(joint[:, kept])
    return Nodes(np.concatenate(at)[kept], np.concatenate(lost)[kept], log_weight, np.log(masses))


def _lost_shares(mean: float) -> tuple[Floats, Floats]:
    """Return shares of lost answers and the mass that an exponential law with this mean has around each."""
    if not mean:
        return np.zeros(1), np.ones(1)
    shares = np.array(_LOST)
    edges = np.concatenate([[0.0], (shares[1:] + shares[:-1]) / 2, [1.0]])
    mass = np.exp(-edges[:-1] / mean) - np.exp(-edges[1:] / mean)
    return shares, mass / mass.sum()


def learn_spread(log_spread: Floats, log_null: Floats, nodes: Nodes, settings: DayEffectSettings) -> Floats:
    """Return the weights of the spreads after one more run: by Bayes' rule, a little of it forgotten.

    Args:
        log_spread: before the run, shape (streams, spreads).
        log_null: from `run_ratios`.
        nodes: with the weights at first.
        settings: with the chance that what was learnt is void.

    Source: fixed share, Herbster and Warmuth (1998), Machine Learning 32, 151-178.
    """
    learnt = log_spread + log_null
    learnt = learnt - np.logaddexp.reduce(learnt, axis=-1, keepdims=True)
    kept: Floats = np.logaddexp(
        learnt + log(1 - settings.relearning), nodes.log_spread + log(settings.relearning)
    )
    return kept


def settings_of(fields: Mapping[str, Any]) -> DayEffectSettings:
    """Return the settings that `dataclasses.asdict` gave, from JSON.

    Raises:
        KeyError, TypeError, ValueError: they are not.
    """
    return DayEffectSettings(
        **(
            dict(fields)
            | {key: tuple(fields[key]) for key in ("losses", "shifts", "sparse_losses")}
            | {"spreads": tuple((times, weight) for times, weight in fields["spreads"])}
            | {"effects": tuple(DayEffect(**effect) for effect in fields["effects"])}
            | {"prior": None if fields["prior"] is None else tuple(fields["prior"])}
        )
    )
