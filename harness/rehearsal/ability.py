"""How likely a simulated model is to be right, or to decline: item response with planted effects.

A probe's difficulty follows from what it is (its template, or its pair, so that twins and isomorphs are equally hard)
and not from its text; the chance of a right answer is the logistic function of ability less difficulty.
"""

from __future__ import annotations

import math
from functools import lru_cache
from random import Random

from harness.records import Probe, derive_seed
from harness.rehearsal.state import State
from harness.rehearsal.world import Lock, Reroute, SimulatedModel, World
from harness.suites import Suite

_SURE = 0.998
"""Chance of a right answer to what a model always gets right; one less this is that of what it never does."""
_MIDDLE_RUNG = 3
_LOOKALIKE_SD = 1.5
_LOOKALIKE_CORRECTION = 1.25
"""The mean of a logistic over difficulties of this deviation lies nearer the middle; this puts it back, roughly."""
_LEAST = 1e-4


def item_name(probe: Probe) -> str:
    """Return what decides how hard a probe is: shared by twins, and by the isomorphs of a template."""
    return probe.template or probe.pair or probe.id


@lru_cache(maxsize=100_000)
def _draws(*parts: str | int) -> tuple[float, float]:
    """Return (uniform, standard normal), fixed for what is named."""
    rng = Random(derive_seed(*parts))  # noqa: S311 - a simulation
    return rng.random(), rng.gauss(0, 1)


def logit(chance: float) -> float:
    """Return the log odds of a chance, kept finite."""
    kept = min(max(chance, _LEAST), 1 - _LEAST)
    return math.log(kept / (1 - kept))


def expit(log_odds: float) -> float:
    """Return the chance with these log odds."""
    return 1 / (1 + math.exp(-log_odds)) if log_odds > -700 else 0.0


def watched(suite: Suite, probe: Probe) -> bool:
    """Say whether a probe is on the watched side of its pair, or has no sides."""
    return probe.arm is None or not suite.arms or probe.arm == suite.arms[0]


def lock_on(state: State, suite: Suite, probe: Probe) -> Lock | None:
    """Return the lock a request runs into, if any: its topic, on the watched side, deep enough, in its languages."""
    if probe.topic is None or not watched(suite, probe):
        return None
    for lock in state.locks:
        deep = (probe.depth or 0) >= lock.from_depth
        if (
            lock.topic == probe.topic
            and deep
            and (lock.languages is None or probe.language in lock.languages)
        ):
            return lock
    return None


def chance_right(
    world: World,
    state: State,
    suite: Suite,
    probe: Probe,
    *,
    noise: float = 0.0,
    model: tuple[str, SimulatedModel] | None = None,
) -> float:
    """Return the chance that an answer that is given is right, locks aside.

    Args:
        world: for its seed.
        state: what is in force.
        suite: where the probe belongs.
        probe: the question.
        noise: the day's effect, in log odds.
        model: (name, model) that answers instead of the state's.
    """
    name, able = model or (state.model_name, state.model)
    item = item_name(probe)
    u, z = _draws("item", world.seed, name, suite.name, item)
    if u < able.always or u >= 1 - able.never:
        log_odds = logit(_SURE if u < able.always else 1 - _SURE)
    else:
        rung = (probe.difficulty or _MIDDLE_RUNG) - _MIDDLE_RUNG
        log_odds = able.ability + able.families.get(probe.family, 0.0) + able.spread * z - able.step * rung
        log_odds += noise - state.harder
    log_odds += sum(
        amount * _draws("shift", world.seed, place, suite.name, item)[1] for place, amount in state.shifted
    )
    for each in state.special:
        log_odds += -each.worse if probe.fresh else each.better
    chance = expit(log_odds)
    for wear in state.wear:
        event = wear.event
        if event.families is not None and probe.family not in event.families:
            continue
        if _draws("hit", world.seed, wear.place, suite.name, item)[0] >= event.probes:
            continue
        chance = expit(logit(chance) - event.harder * wear.extent) if event.harder else chance
        chance *= 1 - event.drop * wear.extent
    for flip in state.flips:
        if probe.target == (flip.towards,):
            chance += flip.share * (1 - chance)
        elif probe.target == (flip.instead_of,):
            chance *= 1 - flip.share
    return chance


def chance_declined(world: World, state: State, suite: Suite, probe: Probe) -> float:
    """Return the chance that the model itself declines in prose, locks aside."""
    model = state.model
    if probe.grader == "refusal" and suite.arms and watched(suite, probe):
        _, z = _draws("manner", world.seed, state.model_name, suite.name, item_name(probe))
        log_odds = logit(model.refuses_lookalike) * _LOOKALIKE_CORRECTION + _LOOKALIKE_SD * z
    else:
        log_odds = logit(model.refuses)
    return expit(log_odds - state.loosened)


def truth(world: World, state: State, suite: Suite, probe: Probe) -> tuple[float, float]:
    """Return (chance of a right answer in use, chance of a refusal) without the noise of days.

    In use: what is declined is not right. A partial reroute and a lock on a share of requests are averaged over.
    """
    declined = chance_declined(world, state, suite, probe)
    right = chance_right(world, state, suite, probe)
    for reroute in state.rerouted:
        other = chance_right(world, state, suite, probe, model=_model(world, reroute))
        right += reroute.share * (other - right)
    lock = lock_on(state, suite, probe)
    if lock is None:
        return (1 - declined) * right, declined
    if lock.mode in ("refuse", "block"):
        return (1 - lock.share) * (1 - declined) * right, lock.share + (1 - lock.share) * declined
    return (1 - declined) * right * (1 - lock.share * lock.drop), declined


def _model(world: World, reroute: Reroute) -> tuple[str, SimulatedModel]:
    return reroute.model, world.models[reroute.model]
