"""Simulated years of runs: the nulls and the changes that every engine is measured on.

A suite of probes of mixed difficulty, asked once or more per run; days that are alike, noisy, bad, weekly or
dependent; and changes of several shapes. Used by the tests, by `python -m tests.engine_figures` and by whoever
compares detectors: the same seed gives the same answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from harness.stats.intervals import Floats

Tallies = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class World:
    """How runs differ from day to day while nothing changes."""

    name: str
    day_sd: float = 0.0
    """Sd of a normal effect of the day on the logit of every probe."""
    autocorrelation: float = 0.0
    """Correlation of the day's effect with that of the day before."""
    weekend: float = 0.0
    """Logit shift on two days in seven."""
    bad_days: float = 0.0
    """Share of days on which an exponentially distributed share of answers (mean 4%) is lost."""
    near_deterministic: bool = False
    """Nine probes in ten always right, the rest nearly so."""


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to the probes from a run on."""

    shape: Literal["none", "uniform", "logit", "sparse"] = "none"
    """Uniform: the same share of right answers lost everywhere. Logit: one shift for all. Sparse: a tenth."""
    size: float = 0.0
    """Mean drop of the suite's score; for `sparse`, the drop of each probe hit."""
    first_run: int = 30
    """Number, from 0, of the first run after the change."""


QUIET = World("identical days")
WORLDS = (
    QUIET,
    World("near-deterministic suite", near_deterministic=True),
    World("day noise, logit sd .2", day_sd=0.2),
    World("day noise, logit sd .4", day_sd=0.4),
    World("10% bad days", bad_days=0.1),
    World("weekend dip", weekend=-0.3),
    World("autocorrelation .5", day_sd=0.2, autocorrelation=0.5),
)


def draw_skills(world: World, years: int, probes: int, rng: np.random.Generator) -> Floats:
    """Return each probe's chance of a right answer, shape (years, probes).

    A quarter of the probes is always right, one in twenty never, the rest Beta(1.2, .6).
    """
    if world.near_deterministic:
        sure = rng.random((years, probes)) < 0.9
        return np.where(sure, 1.0, rng.beta(20, 1, (years, probes)))
    kind = rng.random((years, probes))
    mixed = rng.beta(1.2, 0.6, (years, probes))
    return np.where(kind < 0.25, 1.0, np.where(kind < 0.30, 0.0, mixed))


def change_skills(skills: Floats, change: Change, rng: np.random.Generator) -> Floats:
    """Return the chances after the change, same shape."""
    if change.shape == "none":
        return skills
    if change.shape == "uniform":
        left: Floats = skills * np.clip(1 - change.size / skills.mean(1, keepdims=True), 0.0, 1.0)
        return left
    if change.shape == "sparse":
        able = skills >= change.size
        place = np.where(able, rng.random(skills.shape), 2.0).argsort(1).argsort(1)
        return np.where(able & (place < skills.shape[1] // 10), skills - change.size, skills)
    open_ = (skills > 0) & (skills < 1)
    logits = logit(np.where(open_, skills, 0.5))
    low, high = np.zeros((len(skills), 1)), np.full((len(skills), 1), 12.0)
    for _ in range(40):
        middle = (low + high) / 2
        lost = np.where(open_, skills - expit(logits - middle), 0.0).mean(1, keepdims=True)
        low, high = np.where(lost < change.size, middle, low), np.where(lost < change.size, high, middle)
    return np.where(open_, expit(logits - (low + high) / 2), skills)


def draw_day_effects(world: World, years: int, runs: int, rng: np.random.Generator) -> Floats:
    """Return the logit shift of every day, shape (years, runs)."""
    fresh = rng.standard_normal((years, runs))
    rho = world.autocorrelation
    for run in range(1, runs):
        fresh[:, run] = rho * fresh[:, run - 1] + np.sqrt(1 - rho * rho) * fresh[:, run]
    return world.day_sd * fresh + world.weekend * (np.arange(runs) % 7 >= 5)


def draw_years(
    world: World,
    change: Change,
    rng: np.random.Generator,
    *,
    years: int,
    runs: int = 372,
    probes: int = 100,
    answers: int = 1,
) -> Tallies:
    """Return right answers per probe and run, shape (years, runs, probes).

    Args:
        world: How days differ.
        change: What changes, and when.
        rng: Seeded by the caller.
        years: Independent repetitions, each with its own suite.
        runs: Runs in each, one a day.
        probes: Probes in the suite.
        answers: Answers per probe and run.
    """
    before = draw_skills(world, years, probes, rng)
    after = change_skills(before, change, rng)
    shift = draw_day_effects(world, years, runs, rng)
    bad = rng.random((years, runs)) < world.bad_days
    lost = np.where(bad, np.minimum(rng.exponential(0.04, (years, runs)), 1.0), 0.0)
    right = np.empty((years, runs, probes), dtype=np.int16)
    for run in range(runs):  # one run of all years at a time keeps the memory small
        chance = after if run >= change.first_run else before
        if world.day_sd or world.weekend:
            inner = (chance > 0) & (chance < 1)
            moved = expit(logit(np.where(inner, chance, 0.5)) + shift[:, run, None])
            chance = np.where(inner, moved, chance)
        chance = chance * (1 - lost[:, run, None])
        drawn = rng.random(chance.shape) < chance if answers == 1 else rng.binomial(answers, chance)
        right[:, run] = drawn
    return right
