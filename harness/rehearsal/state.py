"""What holds for an endpoint at a moment of a world's life: who answers, what is in force, how the day is."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache
from random import Random

from harness.records import derive_seed
from harness.rehearsal.world import (
    Access,
    Alias,
    BadDay,
    ClockSkew,
    Degrade,
    Event,
    Flip,
    Lock,
    Loosen,
    Noise,
    Quantise,
    Reroute,
    Restyle,
    SimulatedModel,
    Special,
    Style,
    Swap,
    Unlock,
    World,
)

_WARM_UP_DAYS = 30
"""Days before day 0 from which a day's effect carries over: by then the series has forgotten its start."""


@dataclass(frozen=True, slots=True)
class Wear:
    """A loss of ability in force, as far as it has come."""

    event: Degrade
    place: int
    """Which event of the world it is: the affected probes depend on it."""
    extent: float
    """0..1: how much of it has come."""


@dataclass(frozen=True, slots=True)
class State:
    """What holds at one moment. Noise is apart, so that the truth can be told from it."""

    model_name: str
    model: SimulatedModel
    served: str | None
    """The model named in replies; None names the requested one."""
    style: Style
    access: Access | None = None
    locks: tuple[Lock, ...] = ()
    wear: tuple[Wear, ...] = ()
    flips: tuple[Flip, ...] = ()
    loosened: float = 0.0
    shifted: tuple[tuple[int, float], ...] = ()
    """(event, amount) of coarser weights."""
    rerouted: tuple[Reroute, ...] = ()
    special: tuple[Special, ...] = ()
    harder: float = 0.0
    """Ability lost to bad days, in log odds."""


def in_force(event: Event, day: float) -> bool:
    """Say whether an event has begun and not ended."""
    return event.day <= day and (event.until is None or day < event.until)


def state(world: World, endpoint: str, day: float) -> State:
    """Return what holds for an endpoint, `day` days after the world's start."""
    asked = world.endpoints[endpoint]
    now = State(asked.model, world.models[asked.model], None, world.models[asked.model].style)
    for place, event in enumerate(world.events):
        if event.endpoint == endpoint and in_force(event, day):
            now = _after(now, place, event, day, world)
    return now


def _after(now: State, place: int, event: Event, day: float, world: World) -> State:
    match event:
        case Swap():
            model = world.models[event.model]
            served = event.model if event.admitted else now.served
            return replace(now, model_name=event.model, model=model, served=served, style=model.style)
        case Alias():
            return replace(now, served=event.served)
        case Restyle():
            return replace(now, style=event.style)
        case Access():
            return replace(now, access=event)
        case Lock():
            return replace(now, locks=(*now.locks, event))
        case Unlock():
            return replace(now, locks=tuple(lock for lock in now.locks if lock.topic != event.topic))
        case Degrade():
            come = min(1.0, (day - event.day) / event.ramp_days) if event.ramp_days > 0 else 1.0
            return replace(now, wear=(*now.wear, Wear(event, place, come)))
        case Flip():
            return replace(now, flips=(*now.flips, event))
        case Loosen():
            return replace(now, loosened=now.loosened + event.amount)
        case Quantise():
            return replace(now, shifted=(*now.shifted, (place, event.amount)))
        case Reroute():
            return replace(now, rerouted=(*now.rerouted, event))
        case Special():
            return replace(now, special=(*now.special, event))
        case BadDay():
            return replace(now, harder=now.harder + event.harder)
        case ClockSkew():
            return now


def skew_s(world: World, day: float) -> float:
    """Return how far the asking machine's clock is ahead."""
    return sum(
        event.seconds for event in world.events if isinstance(event, ClockSkew) and in_force(event, day)
    )


def noise_of(world: World, endpoint: str) -> Noise:
    """Return an endpoint's noise."""
    return world.endpoints[endpoint].noise or world.noise


@lru_cache(maxsize=64)
def day_effects(world: World, endpoint: str) -> tuple[float, ...]:
    """Return each day's effect on ability, in log odds: common and own noise, weekends, bad days."""
    noise = noise_of(world, endpoint)
    own = _series(noise.day_sd, noise.autocorrelation, world.days, derive_seed("days", world.seed, endpoint))
    common = _series(noise.common_sd, noise.autocorrelation, world.days, derive_seed("days", world.seed))
    bad = Random(derive_seed("bad days", world.seed, endpoint))  # noqa: S311 - a simulation
    effects = []
    for day, (one, other) in enumerate(zip(own, common, strict=True)):
        weekend = (world.start + timedelta(days=day)).weekday() >= 5
        hard = noise.bad_day_size if bad.random() < noise.bad_days else 0.0
        effects.append(one + other + (noise.weekend if weekend else 0.0) - hard)
    return tuple(effects)


def _series(sd: float, correlation: float, days: int, seed: int) -> Iterator[float]:
    """Yield a stationary first-order autoregression with this standard deviation."""
    rng = Random(seed)  # noqa: S311 - a simulation
    value, fresh = 0.0, sd * math.sqrt(1 - correlation**2)
    for day in range(-_WARM_UP_DAYS, days):
        value = correlation * value + fresh * rng.gauss(0, 1)
        if day >= 0:
            yield value
