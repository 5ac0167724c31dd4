"""Simulated years of runs: the nulls and the changes that every engine is measured on.

A suite of probes of mixed difficulty, asked once or more per run; days that are alike, noisy, bad, weekly or
dependent; changes of several shapes; two arms of refusals; matched pairs with a lock; border inputs. The same
seed gives the same answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit, ndtr

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
    worse_days: float = 0.0
    """Share of days on which every probe's logit is lower by `worse`."""
    worse: float = 1.0
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
    shift: Floats = world.day_sd * fresh + world.weekend * (np.arange(runs) % 7 >= 5)
    if world.worse_days:
        shift -= world.worse * (rng.random((years, runs)) < world.worse_days)
    return shift


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
        if world.day_sd or world.weekend or world.worse_days:
            inner = (chance > 0) & (chance < 1)
            moved = expit(logit(np.where(inner, chance, 0.5)) + shift[:, run, None])
            chance = np.where(inner, moved, chance)
        chance = chance * (1 - lost[:, run, None])
        drawn = rng.random(chance.shape) < chance if answers == 1 else rng.binomial(answers, chance)
        right[:, run] = drawn
    return right


@dataclass(frozen=True, slots=True)
class Arms:
    """Refusals in a watched arm and its control, with days that move both."""

    watched_rate: float = 0.10
    control_rate: float = 0.10
    later_rate: float | None = None
    """The watched arm's rate after the change; None: nothing changes."""
    broad: bool = False
    """The change moves the control arm by the same logit shift."""
    day_sd: float = 0.4
    """Sd of the day's effect on the logit of both arms."""
    own_sd: float = 0.0
    """Sd of a day's effect on the watched arm alone."""
    outages: float = 0.02
    """Share of days on which 10 to 40% of both arms is refused besides."""
    first_run: int = 30


def draw_arms(
    arms: Arms, rng: np.random.Generator, *, years: int, runs: int = 372, answers: int = 40
) -> tuple[Tallies, Tallies]:
    """Return refusals of the watched and the control arm out of `answers`, each of shape (years, runs)."""
    changed = np.arange(runs) >= arms.first_run
    moved = 0.0 if arms.later_rate is None else logit(arms.later_rate) - logit(arms.watched_rate)
    shared = arms.day_sd * rng.standard_normal((years, runs))
    own = arms.own_sd * rng.standard_normal((years, runs))
    watched = expit(logit(arms.watched_rate) + moved * changed + shared + own)
    control = expit(logit(arms.control_rate) + moved * changed * arms.broad + shared)
    out = np.where(rng.random((years, runs)) < arms.outages, rng.uniform(0.1, 0.4, (years, runs)), 0.0)
    counts = [rng.binomial(answers, p + (1 - p) * out).astype(np.int16) for p in (watched, control)]
    return counts[0], counts[1]


def draw_pair_differences(
    rng: np.random.Generator,
    *,
    lock: float,
    years: int,
    runs: int = 130,
    pairs: int = 50,
    discordance: float = 0.06,
    framing: float = 0.015,
    first_run: int = 30,
) -> Floats:
    """Return the run's mean of neutral minus topic over matched pairs, shape (years, runs).

    Args:
        rng: Seeded by the caller.
        lock: Share of pairs that a silent lock makes wrong in topic words from `first_run` on.
        years: Independent repetitions.
        runs: Runs in each.
        pairs: Pairs per run.
        discordance: Share of pairs that differ either way without a lock.
        framing: Lasting penalty of the topic's wording, which is no lock.
        first_run: Number, from 0, of the first run after the change.
    """
    better = discordance + framing + lock * (np.arange(runs) >= first_run)
    u = rng.random((years, runs, pairs))
    ahead = (u < better[:, None]).sum(2)
    behind = ((u >= better[:, None]) & (u < better[:, None] + discordance)).sum(2)
    difference: Floats = (ahead - behind) / pairs
    return difference


@dataclass(frozen=True, slots=True)
class Border:
    """Border inputs: prompts whose two leading tokens are a near-tie, asked at temperature 0."""

    shift_sd: float = 0.0
    """Sd of the change in a prompt's logit gap: about .075 for 8-bit, .35 for 4-bit weights."""
    rerouted: float = 0.0
    """Share of calls that another model answers, instead of all."""
    day: float = 0.0
    """Sd of the day's numerics, in units of the usual noise."""
    bad_days: float = 0.0
    """Share of days with numerics twice as noisy as usual."""
    noise: float = 0.02
    """Sd of the numerics' noise on a logit gap."""
    first_run: int = 30


def draw_border_counts(
    border: Border,
    rng: np.random.Generator,
    *,
    years: int,
    runs: int = 372,
    prompts: int = 20,
    answers: int = 10,
    reference_answers: int = 100,
) -> tuple[Tallies, Floats]:
    """Return how often the first token won, shape (years, runs, prompts), and its frozen reference share.

    The reference has the shape (years, 1, prompts) and comes from calls of its own.
    """
    gap = rng.uniform(-1, 1, (years, 1, prompts)) * border.noise
    shift = rng.standard_normal((years, 1, prompts)) * border.shift_sd * np.sqrt(2)
    changed = (np.arange(runs) >= border.first_run)[:, None]
    bad = rng.random((years, runs, 1)) < border.bad_days
    noise = rng.standard_normal((years, runs, prompts)) * np.where(bad, 2.0, border.day) * border.noise
    if border.rerouted:
        usual = ndtr((gap + noise) / border.noise)
        share = np.where(changed, (1 - border.rerouted) * usual + border.rerouted * (shift > 0), usual)
    else:
        share = ndtr((gap + shift * changed + noise) / border.noise)
    reference = rng.binomial(reference_answers, ndtr(gap / border.noise)) / reference_answers
    return rng.binomial(answers, share).astype(np.int16), reference
