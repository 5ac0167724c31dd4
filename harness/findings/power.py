"""How soon a change would be found: many simulated lives of one endpoint, through the engines and the ledger in use.

Each world draws the probes' chances from what is known of the endpoint, lives through a baseline and a change, and
is judged as real runs are: the same scores, ranks, sums, weights and alarm level, in arrays over all worlds at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from math import ceil, inf, log
from zlib import crc32

import numpy as np
from scipy.stats import binom

from harness.claims import Tier
from harness.findings.habits import Chances, Habits
from harness.findings.ledger import UPWARDS, Ledger
from harness.findings.power_measure import Measure, two_sided_paths
from harness.findings.scores import Floats, Layout
from harness.findings.streams import Signal, Stream, graded
from harness.stats import Interval, wilson

SIMULATED = (Signal.CORRECT, Signal.REFUSED, Signal.FORMAT, Signal.LOCK, Signal.ANCHOR_FRESH)
"""Signals whose evidence is simulated. Others are taken to say nothing, so that what is promised is no more than
what comes."""


class Shape(StrEnum):
    """What changes."""

    NOTHING = "nothing"
    UNIFORM = "uniform"
    FAMILY = "family"
    SILENT_LOCK = "silent-lock"
    EXPLICIT_LOCK = "explicit-lock"
    REFUSAL = "refusal"

    def words(self, drop: float) -> str:
        """Return the change in words, for a drop as a share."""
        size = f"{100 * drop:g} points"
        return {
            Shape.NOTHING: "nothing changes",
            Shape.UNIFORM: f"every suite's score falls by {size}, everywhere alike",
            Shape.FAMILY: f"a suite's score falls by {size}, all of it in one family",
            Shape.SILENT_LOCK: f"a topic's questions are answered worse by {size}, silently",
            Shape.EXPLICIT_LOCK: f"{size} more of a topic's questions are refused",
            Shape.REFUSAL: f"{size} more of all questions are refused",
        }[self]


@dataclass(frozen=True, slots=True)
class Asking:
    """How often one suite is asked."""

    per_day: float
    samples: int


@dataclass(frozen=True)
class Scene:
    """One endpoint as it is watched."""

    endpoint: str
    ledger: Ledger
    layout: Layout
    habits: Mapping[str, Habits]
    """By suite, those that are asked in the simulation."""
    asking: Mapping[str, Asking]
    baseline_days: float = 30
    """Days that were watched before the change."""
    within_days: float = 60
    """Days after it that are looked at."""

    @cached_property
    def streams(self) -> Mapping[str, tuple[Stream, ...]]:
        """The endpoint's simulated streams by suite."""
        return {
            name: tuple(
                stream
                for stream in self.ledger.streams
                if stream.key.endpoint == self.endpoint
                and stream.key.suite == name
                and stream.counted
                and stream.signal in SIMULATED
            )
            for name in self.habits
        }

    @cached_property
    def calm(self) -> dict[tuple[str, int, int, Tier], Floats]:
        """Evidence of suites that nothing happens to, by (suite, worlds, seed, tier): one for all changes elsewhere."""
        return {}

    def times(self, suite: str) -> Floats:
        """Return when a suite's runs are, in days; the change comes right after the run at 0."""
        rate = self.asking[suite].per_day
        before, after = max(1, round(self.baseline_days * rate)), ceil(self.within_days * rate - 1e-9)
        return np.arange(1 - before, after + 1) / rate

    @property
    def worlds(self) -> int:
        """How many worlds are worth their time: 250, fewer where each has many runs or answers, at least 100."""
        work = 0.0
        for name, each in self.habits.items():
            runs = self.times(name).size
            work += runs * runs + 5 * runs * len(each.suite.probes) * self.asking[name].samples
        return int(np.clip(2.5e7 / max(work, 1.0), 100, 250))

    def watched(self, shape: Shape) -> list[tuple[str, str]]:
        """Return where a change of this shape may sit: (suite, family or topic); empty if no stream would see it."""
        found: list[tuple[str, str]] = []
        for name, streams in self.streams.items():
            signals = {stream.signal for stream in streams}
            if shape is Shape.UNIFORM and Signal.CORRECT in signals:
                found.append((name, ""))
            if shape is Shape.REFUSAL and Signal.REFUSED in signals:
                found.append((name, ""))
            if shape is Shape.FAMILY and Signal.CORRECT in signals:
                families = dict.fromkeys(p.family for p in self.habits[name].suite.probes if graded(p))
                found += [(name, family) for family in families if len(families) > 1]
            if shape in (Shape.SILENT_LOCK, Shape.EXPLICIT_LOCK):
                found += [(name, str(s.key.topic)) for s in streams if s.signal is Signal.LOCK]
        return found


@dataclass(frozen=True, slots=True)
class Delays:
    """When a change was found, over many simulated worlds."""

    shape: Shape
    drop: float
    tier: Tier
    worlds: int
    """Simulated, those with an alarm before the change included."""
    early: int
    """Worlds with an alarm before the change (or at all, if nothing changed): false ones."""
    within_days: float
    days: tuple[float, ...]
    """From the change to the finding, ascending; infinite where it was not found. Worlds with a false alarm are
    left out."""

    def found(self, within: float | None = None) -> Interval:
        """Return the share found within so many days, with its Monte Carlo interval."""
        limit = self.within_days if within is None else within
        return wilson(sum(day <= limit for day in self.days), len(self.days))

    def quantile(self, chance: float) -> tuple[float, float, float]:
        """Return the days within which it is found with this chance, and their Monte Carlo interval at 95%.

        Infinite where it is later than the days that were looked at. The interval is that of order statistics.
        """
        n = len(self.days)
        if not n:
            return inf, inf, inf
        low, high = (int(binom.ppf(side, n, chance)) for side in (0.025, 0.975))
        place = ceil(n * chance) - 1
        return self.days[place], self.days[max(0, low - 1)], self.days[high] if high < n else inf

    @property
    def false(self) -> Interval:
        """Return the share of worlds with a false alarm."""
        return wilson(self.early, self.worlds)


def simulate(
    scene: Scene, shape: Shape, drop: float, worlds: int, seed: int, tier: Tier = Tier.PERSISTENT
) -> Delays:
    """Return when a change of one shape would be found by a finding of a tier.

    The same seed gives the same numbers. Assumes that runs of one day share that day's effect wholly, that nothing is
    missing, and that endpoints do not influence each other.

    Args:
        scene: who is watched how.
        shape: what changes; where it may sit in several places they take turns.
        drop: by how much, as a share of answers; as much as there is, where there is less to lose.
        worlds: how many lives are simulated.
        seed: of all random numbers.
        tier: whose evidence, weights and alarm level. Incidents watch the streams that keep a tally per probe.

    Raises:
        ValueError: no stream would see the change.
    """
    places = scene.watched(shape) if shape is not Shape.NOTHING else [("", "")]
    if not places:
        raise ValueError(f"nothing that is watched would show {shape.value}")
    where = [places[world % len(places)] for world in range(worlds)]
    whole = shape in (Shape.UNIFORM, Shape.REFUSAL)
    hit = {name for name, _ in places}
    paths, times = [], []
    for name in scene.habits:
        mine = [target if suite == name else None for suite, target in where]
        targets = [""] * worlds if whole and name in hit else [None] * worlds if whole else mine
        calm = all(target is None for target in targets)
        if not calm:
            paths.append(_evidence(scene, name, shape, drop, targets, seed, tier))
        else:
            key = (name, worlds, seed, tier)
            if key not in scene.calm:
                scene.calm[key] = _evidence(scene, name, Shape.NOTHING, 0.0, targets, seed, tier)
            paths.append(scene.calm[key])
        times.append(scene.times(name))
    moments = np.unique(np.concatenate(times).round(9))
    total = np.full((worlds, moments.size), -np.inf)
    for path, each in zip(paths, times, strict=True):
        latest = np.searchsorted(each.round(9), moments, side="right") - 1
        total = np.logaddexp(total, np.where(latest >= 0, path[:, np.maximum(latest, 0)], -np.inf))
    alarm = total >= log(scene.ledger.threshold(tier))
    before = moments <= (scene.within_days + 1 if shape is Shape.NOTHING else 0)
    false = alarm[:, before].any(1)
    later = alarm[~false][:, ~before]
    days = np.where(later.any(1), moments[~before][later.argmax(1)], np.inf) if later.size else np.array([])
    return Delays(
        *(shape, drop, tier, worlds, int(false.sum()), scene.within_days),
        tuple(sorted(float(day) for day in days)),
    )


def _evidence(
    scene: Scene, name: str, shape: Shape, drop: float, targets: Sequence[str | None], seed: int, tier: Tier
) -> Floats:
    """Return the log of one suite's part of the endpoint's average evidence after each run, (worlds, runs)."""
    rng = np.random.default_rng([seed, crc32(f"{scene.endpoint}/{name}".encode())])
    habits, asking, streams = scene.habits[name], scene.asking[name], scene.streams[name]
    worlds, times = len(targets), scene.times(name)
    before = habits.draw(rng, worlds)
    after = change(before, habits, shape, drop, targets)
    # The effect of a day is common to its runs and to all suites.
    day = np.floor(times).astype(np.int64)
    day -= day[0]
    effects = np.random.default_rng([seed, 1]).standard_normal((2, worlds, 1 + int(day[-1])))
    u = rng.random((len(streams), worlds, times.size))
    measure = Measure(scene.layout, streams, asking.samples, worlds, times.size)
    for run, moment in enumerate(times):
        now = after if moment > 0 else before
        right = moved(now.right, habits.day_sd_right * effects[0, :, day[run], None])
        declined = moved(now.declined, habits.day_sd_declined * effects[1, :, day[run], None])
        measure.take(run, right, declined, now.unreadable, rng)
    total = np.full((worlds, times.size), -np.inf)
    if tier is Tier.INCIDENT:
        for stream in streams:
            if stream.day_sd:
                weight = log(scene.ledger.incident_weights[stream.name])
                total = np.logaddexp(total, weight + measure.incident(stream))
        return total
    for tallied in (False, True):
        alike = [(stream, u[place]) for place, stream in enumerate(streams) if stream.tallied is tallied]
        if not alike:
            continue
        p = np.concatenate([measure.ranked(stream, draws) for stream, draws in alike])
        both = two_sided_paths(np.repeat([UPWARDS.get(stream.signal, 0.5) for stream, _ in alike], worlds), p)
        for (stream, _), path in zip(alike, both.reshape(len(alike), worlds, -1), strict=True):
            total = np.logaddexp(total, log(scene.ledger.weights[stream.name]) + path)
    return total


def moved(chance: Floats, shift: Floats) -> Floats:
    """Return chances shifted on the logit; those that are 0 or 1 stay."""
    times = np.exp(shift)
    there: Floats = chance * times / (1 - chance + chance * times)
    return there


def change(
    before: Chances, habits: Habits, shape: Shape, drop: float, targets: Sequence[str | None]
) -> Chances:
    """Return the chances after a change.

    Args:
        before: per world and probe.
        habits: whose they are.
        shape: what changes.
        drop: by how much, as a share.
        targets: per world the family or topic that is hit; None where the change sits in another suite.
    """
    probes = habits.suite.probes
    hit = np.array([target is not None for target in targets])[:, None]
    named = np.array([target or "" for target in targets])[:, None]
    counted = np.array([graded(probe) for probe in probes])
    right = before.right
    whole = right[:, counted].sum(1, keepdims=True)
    if shape in (Shape.NOTHING, Shape.UNIFORM):
        lost = (0.0 if shape is Shape.NOTHING else drop) * counted.sum() / np.maximum(whole, 1e-9)
        return Chances(
            np.where(hit & counted, right * np.clip(1 - lost, 0, 1), right),
            before.declined,
            before.unreadable,
        )
    if shape is Shape.FAMILY:
        mine = hit & counted & (np.array([probe.family for probe in probes]) == named)
        have = np.where(mine, right, 0.0).sum(1, keepdims=True)
        kept = np.clip(1 - drop * counted.sum() / np.maximum(have, 1e-9), 0, 1)
        return Chances(np.where(mine, right * kept, right), before.declined, before.unreadable)
    watched = np.array([bool(probe.arm) and probe.arm == habits.suite.arms[0] for probe in probes])
    locked = watched & (np.array([probe.topic or "" for probe in probes]) == named)
    if shape is Shape.SILENT_LOCK:
        mine = hit & locked & counted
        size = np.maximum(mine.sum(1, keepdims=True), 1)
        have = np.where(mine, right, 0.0).sum(1, keepdims=True) / size
        kept = np.clip(1 - drop / np.maximum(have, 1e-9), 0, 1)
        return Chances(np.where(mine, right * kept, right), before.declined, before.unreadable)
    mine = hit & (np.ones_like(counted) if shape is Shape.REFUSAL else locked)
    size = np.maximum(mine.sum(1, keepdims=True), 1)
    willing = np.where(mine, 1 - before.declined, 0.0).sum(1, keepdims=True) / size
    more = np.where(mine, np.clip(drop / np.maximum(willing, 1e-9), 0, 1), 0.0)
    return Chances(
        right * (1 - more),
        before.declined + more * (1 - before.declined),
        before.unreadable * (1 - more),
    )
