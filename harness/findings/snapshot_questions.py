"""Two snapshots of one endpoint and suite -> the questions asked of them, each with an interval and a p-value.

Which questions are asked follows from what the suite divides its probes into, never from what moved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.claims import Part
from harness.stats.clusters import clustered_difference, group_contrast, odds_contrast
from harness.stats.intervals import Floats, Interval
from harness.tables.matched import MEASURES, Bools, Matched

LEAST = 4
"""Fewest tasks of a topic, a language of a topic, or a class that is asked about."""
CLASSES = 6
"""Up to so many different targets in a family make classes of right answers."""
FORM = "in fences"
WHOLE = "whole"


@dataclass(frozen=True, slots=True)
class Units:
    """One measure of some tasks on both sides, in two forms: pooled over runs, and run by run."""

    first: Floats
    second: Floats
    first_runs: Floats
    second_runs: Floats

    @property
    def both(self) -> Bools:
        """Which tasks were measured on both sides."""
        there: Bools = ~(np.isnan(self.first) | np.isnan(self.second))
        return there


@dataclass(frozen=True, slots=True)
class Shift:
    """How one measure moved in one group of tasks."""

    name: str
    n: int
    before: float
    after: float
    interval: Interval
    p: float

    @property
    def moved(self) -> float:
        """After minus before."""
        return self.after - self.before

    def part(self) -> Part:
        """Return it as part of a claim."""
        low, high = self.interval.low, self.interval.high
        return Part(
            self.name, self.n, self.n, self.before, self.after,
            -1.0 if low is None else low, 1.0 if high is None else high,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Contrast:
    """How a topic's tasks moved against their controls: the other topics, or the same tasks in neutral words."""

    topic: str
    language: str
    """Empty for all languages of the topic together."""
    own: Shift
    controls: Shift
    """The same measure among the controls, at a level of 90%: whether they stayed flat."""
    difference: Interval
    """Own minus controls, in points."""
    odds: tuple[tuple[float, float, int], tuple[float, float, int]]
    """Sums before and after, and tasks, of the topic and of its controls, for the scale of log odds."""
    p: float
    """Of the claim that the topic moved, and moved otherwise than its controls: the larger of the two."""
    paired: bool
    """Whether the controls are the same tasks in neutral words."""

    @property
    def label(self) -> str:
        """Topic, with its language where it has one."""
        return f"{self.topic} ({self.language})" if self.language else self.topic

    def room(self, margin: float) -> float:
        """Return how far the controls may have moved: the margin, or half of what the topic surely moved beyond them.

        A large lock on few questions is one although so few controls cannot be shown to lie within a small margin.
        """
        low, high = self.difference.low, self.difference.high
        if low is None or high is None or low <= 0 <= high:
            return margin
        return max(margin, min(abs(low), abs(high)) / 2)

    def on_odds(self, level: float) -> Interval:
        """Return the contrast in log odds: what a broad change meeting unlike starting levels cannot make."""
        return odds_contrast(*self.odds, level)


@dataclass(frozen=True, slots=True)
class Questions:
    """All that is asked of one endpoint and suite."""

    whole: Mapping[str, Shift]
    """By measure; those of which no answer was ever an instance are not asked."""
    contrasts: tuple[Contrast, ...]
    classes: tuple[Shift, ...]
    """Share right by class of right answer."""
    topics: tuple[Shift, ...]
    """Share right (in a suite without right answers: declined) by topic: whether all moved alike."""
    form: Shift | None
    """Share of answers in code fences, where answers were read."""

    def hypotheses(self) -> dict[str, float]:
        """Return the p-value of each question that may name a change, by a name of its own."""
        asked = {
            f"{WHOLE} {name}": self.whole[name].p
            for name in ("right", "declined", "unreadable")
            if name in self.whole
        }
        right, declined = (self.whole.get(name) for name in ("right", "declined"))
        if right and declined and _mirrored(right, declined):
            # Where every answer is right or declined, these are one question.
            del asked[f"{WHOLE} declined"]
        asked |= {f"topic {each.label}": each.p for each in self.contrasts}
        asked |= {each.name: each.p for each in self.classes}
        if self.form is not None:
            asked[FORM] = self.form.p
        return asked


def _mirrored(right: Shift, declined: Shift) -> bool:
    return abs(right.before + declined.before - 1) < 1e-9 and abs(right.after + declined.after - 1) < 1e-9


def units(matched: Matched, measure: str, where: Bools, neutral: Sequence[int] | None = None) -> Units:
    """Return a measure of the tasks of some probes: twins averaged, or with `neutral` their difference on 0..1.

    Args:
        matched: the two sides.
        measure: one of `MEASURES`.
        where: which probes.
        neutral: for each chosen probe the place of its neutral twin.
    """
    chosen = np.flatnonzero(where)
    made: list[Floats] = []
    for side in (matched.left, matched.right):
        for grid in (side.pooled(measure)[None, :], side.shares(measure)):
            if neutral is not None:
                made.append((1 + grid[:, chosen] - grid[:, list(neutral)]) / 2)
                continue
            tasks = [matched.tags["task"][place] for place in chosen]
            made.append(by_task(grid[:, chosen], tasks))
    return Units(made[0][0], made[2][0], made[1], made[3])


def by_task(grid: Floats, tasks: Sequence[str]) -> Floats:
    """Return the mean over the probes of each task; NaN where none was measured."""
    names = sorted(set(tasks))
    if len(names) == len(tasks):
        return grid
    index = {name: place for place, name in enumerate(names)}
    there = ~np.isnan(grid)
    sums, counts = np.zeros((len(names), len(grid))), np.zeros((len(names), len(grid)))
    places = np.array([index[task] for task in tasks])
    np.add.at(sums, places, np.where(there, grid, 0.0).T)
    np.add.at(counts, places, there.T.astype(float))
    with np.errstate(invalid="ignore", divide="ignore"):
        means: Floats = np.where(counts > 0, sums / counts, np.nan).T
    return means


def shift(name: str, of: Units, level: float, *, shared: bool, twins: bool = False) -> Shift | None:
    """Return how a measure moved; None with fewer than two tasks measured on both sides."""
    found = clustered_difference(
        of.first, of.second, of.first_runs, of.second_runs, level, unit="task", shared=shared
    )
    difference, interval = found.difference, found.difference.interval
    if found.p is None or difference.first_mean is None or difference.second_mean is None:
        return None
    before, after = difference.first_mean, difference.second_mean
    if twins:
        before, after = 2 * before - 1, 2 * after - 1
        low, high = (None if value is None else 2 * value for value in (interval.low, interval.high))
        interval = Interval(interval.n, after - before, low, high, level, f"{interval.method}-twins")
    return Shift(name, interval.n, before, after, interval, found.p)


def ask(
    matched: Matched,
    level: float,
    arms: Sequence[str] = (),
    targets: Mapping[str, str] | None = None,
    fences: tuple[Floats, Floats] | None = None,
    *,
    declines: bool = False,
) -> Questions:
    """Return every question about one endpoint and suite.

    Args:
        matched: the probes both sides share.
        level: of the intervals, each for itself.
        arms: names of a pair's sides where the last one is a control: first the watched one.
        targets: probe -> its right answer, where it has one.
        fences: share of each probe's answers in code fences on both sides, shape (probes,), NaN where none was read.
        declines: the suite has no right answers: all that is told of one is whether it declines.
    """
    shared = matched.shared_runs
    everything = np.ones(len(matched.probes), dtype=bool)
    whole = {}
    for measure in ("declined", "unreadable") if declines else MEASURES:
        of = units(matched, measure, everything)
        if np.nansum(of.first) + np.nansum(of.second) > 0 or (declines and measure == "declined"):
            found = shift(f"share {measure}", of, level, shared=shared)
            if found is not None:
                whole[measure] = found
    topics = [
        _topic(matched, topic, level, "declined" if declines else "right")
        for topic in matched.values("topic")
    ]
    form = None
    if fences is not None and np.nansum(fences[0]) + np.nansum(fences[1]) > 0:
        nothing = np.zeros((1, len(matched.probes)))
        form = shift(FORM, Units(*fences, nothing, nothing), level, shared=False)
    return Questions(
        whole=whole,
        contrasts=tuple(_contrasts(matched, level, arms)),
        classes=tuple(_classes(matched, level, targets or {})),
        topics=tuple(each for each in topics if each is not None),
        form=form,
    )


def among_readable(matched: Matched, level: float) -> Shift | None:
    """Return how the share right moved among answers that could be read and judged, tasks read on both sides.

    A selected sample: it tells a changed form from a changed skill, and is no effect by itself.
    """
    made: list[Floats] = []
    for side in (matched.left, matched.right):
        right, read = side.counts["right"], side.counts["right"] + side.counts["wrong"]
        for top, below in ((right.sum(0)[None, :], read.sum(0)[None, :]), (right, read)):
            with np.errstate(invalid="ignore", divide="ignore"):
                shares = np.where(below > 0, top / below, np.nan)
            made.append(by_task(shares, list(matched.tags["task"])))
    of = Units(made[0][0], made[2][0], made[1], made[3])
    return shift("right among readable answers", of, level, shared=matched.shared_runs)


def _topic(matched: Matched, topic: str, level: float, measure: str) -> Shift | None:
    of = units(matched, measure, matched.where("topic", topic))
    found = shift(f"topic {topic}", of, level, shared=matched.shared_runs)
    return found if found is not None and found.n >= LEAST else None


def _classes(matched: Matched, level: float, targets: Mapping[str, str]) -> list[Shift]:
    """Return how each class of right answers fared, in families that have only a few different ones."""
    families: dict[str, dict[str, list[int]]] = {}
    # The class may be the family itself (primes and composites): then the whole suite is looked at as one family.
    tagged = [targets.get(probe, "").strip().casefold()[:40] for probe in matched.probes]
    distinct = {target for target in tagged if target}
    one = 2 <= len(distinct) <= CLASSES
    for place, target in enumerate(tagged):
        if target:
            family = "all" if one else matched.tags["family"][place]
            families.setdefault(family, {}).setdefault(target, []).append(place)
    found = []
    for family, members in families.items():
        if not 2 <= len(members) <= CLASSES or min(len(places) for places in members.values()) < LEAST:
            continue
        for target, places in members.items():
            where = np.isin(np.arange(len(matched.probes)), places)
            own = {matched.tags["family"][each] for each in places}
            of_family = len(own) == 1 and matched.tags["family"].count(next(iter(own))) == len(places)
            # Where a class is a whole family its name says more than a pattern does.
            said = next(iter(own)) if of_family and next(iter(own)) else target
            name = f"right answer: {said} ({family or 'all'})"
            made = shift(name, units(matched, "right", where), level, shared=matched.shared_runs)
            if made is not None:
                found.append(made)
    return found


def _contrasts(matched: Matched, level: float, arms: Sequence[str]) -> list[Contrast]:
    """Return each topic, and each language of a topic that has several, against its controls."""
    found = []
    twins = twins_of(matched, arms)
    for topic in matched.values("topic"):
        mine = matched.where("topic", topic)
        languages = sorted({matched.tags["language"][place] for place in np.flatnonzero(mine)})
        for language in ("", *(languages if len(languages) > 1 else ())):
            where = mine & matched.where("language", language) if language else mine
            if twins:
                made = _againsttwins_of(matched, level, topic, language, where, twins)
            else:
                made = _against_topics(matched, level, topic, language, where)
            if made is not None:
                found.append(made)
    return found


def twins_of(matched: Matched, arms: Sequence[str]) -> dict[int, int]:
    """Return the places of watched probes with the places of their neutral twins; nothing without a control arm."""
    if len(arms) < 2:
        return {}
    sides: dict[str, dict[str, int]] = {}
    for place, (pair, arm) in enumerate(zip(matched.tags["pair"], matched.tags["arm"], strict=True)):
        if pair:
            sides.setdefault(pair, {})[arm] = place
    return {side[arms[0]]: side[arms[-1]] for side in sides.values() if arms[0] in side and arms[-1] in side}


def _againsttwins_of(
    matched: Matched, level: float, topic: str, language: str, where: Bools, twins: Mapping[int, int]
) -> Contrast | None:
    chosen = [place for place in np.flatnonzero(where).tolist() if place in twins]
    if len(chosen) < LEAST:
        return None
    shared = matched.shared_runs
    watched = np.isin(np.arange(len(matched.probes)), chosen)
    neutral = [twins[place] for place in chosen]
    plain = np.isin(np.arange(len(matched.probes)), neutral)
    label = f"topic {topic}" + (f" ({language})" if language else "")
    gap = shift(label, units(matched, "right", watched, neutral), level, shared=shared, twins=True)
    of, other = units(matched, "right", watched), units(matched, "right", plain)
    own = shift(label, of, level, shared=shared)
    controls = shift("the same tasks in neutral words", other, 0.9, shared=shared)
    if gap is None or own is None or controls is None or gap.n < LEAST:
        return None
    p = max(gap.p, own.p)
    return Contrast(topic, language, own, controls, gap.interval, (_sums(of), _sums(other)), p, paired=True)


def _against_topics(
    matched: Matched, level: float, topic: str, language: str, where: Bools
) -> Contrast | None:
    rest = np.array([each not in ("", topic) for each in matched.tags["topic"]], dtype=bool)
    of, other = units(matched, "right", where), units(matched, "right", rest)
    if min(int(of.both.sum()), int(other.both.sum())) < LEAST:
        return None
    shared = matched.shared_runs
    label = f"topic {topic}" + (f" ({language})" if language else "")
    own = shift(label, of, level, shared=shared)
    controls = shift("the other topics", other, 0.9, shared=shared)
    found = group_contrast(
        (of.second - of.first)[of.both],
        (other.second - other.first)[other.both],
        (of.first_runs[:, of.both], of.second_runs[:, of.both]),
        (other.first_runs[:, other.both], other.second_runs[:, other.both]),
        level,
        shared=shared,
    )
    if own is None or controls is None or found is None:
        return None
    difference, p = found
    return Contrast(
        topic, language, own, controls, difference, (_sums(of), _sums(other)), max(p, own.p), paired=False
    )


def _sums(of: Units) -> tuple[float, float, int]:
    """Return the sums of scores before and after over the tasks measured on both sides, and their number."""
    both = of.both
    return float(of.first[both].sum()), float(of.second[both].sum()), int(both.sum())
