"""The tallies on both sides of a date, class by class: where a change sits and what took the place of right answers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from harness.claims import Lock, Part
from harness.findings.history import Point
from harness.findings.scores import Floats, Layout, Places, RunTallies, lock_parts
from harness.findings.streams import Signal, Stream
from harness.records import Probe
from harness.stats import paired_difference
from harness.stats.means import mean_shift

PARTS = 24
"""Most classes of probes a finding lists."""
LEAST = 4
"""Fewest probes, or pairs, of a class that is listed."""
MANNER_RUNS = 28
"""Runs on each side of the date, those nearest to it, from which the manner of a lock is read."""
CLASSES = 6
"""Up to so many different targets in a family make classes (yes/no, a/b/c/d), each with at least two probes."""

Columns = Mapping[str, Floats]


@dataclass(frozen=True, slots=True)
class Sides:
    """Counts of one endpoint and suite, summed over the runs before and after a date, in the suite's order."""

    before: Columns
    after: Columns

    def total(self, name: str, places: Places) -> tuple[float, float]:
        """Return a count's share of the measured calls on both sides."""
        shares = []
        for side in (self.before, self.after):
            measured = side["measured"][places].sum()
            shares.append(float(side[name][places].sum() / measured) if measured else float("nan"))
        return shares[0], shares[1]


def sides(
    layout: Layout, tallies: pd.DataFrame, endpoint: str, suite: str, after: frozenset[int]
) -> Sides | None:
    """Return the counts on both sides of a date; None when one side has none.

    Args:
        layout: of the config.
        tallies: one row per run, endpoint, suite and probe.
        endpoint: which.
        suite: which.
        after: numbers of the runs from the date on.
    """
    mine = tallies[(tallies["endpoint"] == endpoint) & (tallies["suite"] == suite)]
    late = mine["run_id"].isin(after)
    found = []
    for part in (mine[~late], mine[late]):
        if part.empty:
            return None
        found.append(layout.columns(RunTallies(0, 0, 0, part, frozenset()))[endpoint, suite])
    return Sides(found[0], found[1])


@dataclass(frozen=True, slots=True)
class Shift:
    """How the replies divided before and after: shares of the measured calls of a stream's probes."""

    right: float
    """After minus before."""
    wrong: float
    declined: float
    unreadable: float
    right_among_read: float
    """Change of the share right among answers that could be read."""

    @property
    def main(self) -> str:
        """Return what took the place of right answers, or gave way to them: wrong, declined or unreadable."""
        sign = -1 if self.right <= 0 else 1
        moved = {"wrong": self.wrong, "declined": self.declined, "unreadable": self.unreadable}
        return max(moved, key=lambda name: -sign * moved[name])


def shift_of(both: Sides, places: Places) -> Shift:
    """Return how the replies to some probes divided before and after."""
    shares: list[dict[str, float]] = []
    for side in (both.before, both.after):
        measured = float(side["measured"][places].sum())
        graded, right = float(side["graded"][places].sum()), float(side["score_sum"][places].sum())
        unread = float((side["unparsed"] + side["truncated"])[places].sum())
        shares.append(
            {
                "right": right / measured if measured else float("nan"),
                "wrong": (graded - right) / measured if measured else float("nan"),
                "declined": float(side["declined"][places].sum()) / measured if measured else float("nan"),
                "unreadable": unread / measured if measured else float("nan"),
                "among": right / graded if graded else float("nan"),
            }
        )
    first, second = shares
    return Shift(
        *(second[name] - first[name] for name in ("right", "wrong", "declined", "unreadable", "among"))
    )


def per_unit(stream: Stream, layout: Layout, columns: Columns) -> tuple[tuple[Probe, ...], Floats]:
    """Return the stream's number for each of its units: probes, or pairs (named by their watched probe)."""
    probes, places = layout.probes(stream), layout.places(stream)
    if stream.signal is Signal.LOCK:
        pairs = layout.pairs(stream)
        suite = layout.suites[stream.key.suite].probes
        return tuple(suite[place] for place in pairs.topic), lock_parts(columns, pairs)[0]
    measured = columns["measured"][places]
    if stream.signal is Signal.REFUSED:
        count = columns["declined"][places]
    elif stream.signal is Signal.FORMAT:
        count = (columns["unparsed"] + columns["truncated"])[places]
    else:
        count = columns["score_sum"][places]
    with np.errstate(invalid="ignore", divide="ignore"):
        return probes, np.where(measured > 0, np.clip(count / measured, 0.0, 1.0), np.nan)


def parts_of(stream: Stream, layout: Layout, both: Sides, level: float) -> tuple[Part, ...]:
    """Return the change in each class of probes, the largest first, at most `PARTS`."""
    probes, before = per_unit(stream, layout, both.before)
    _, after = per_unit(stream, layout, both.after)
    found: list[Part] = []
    for name, members in classes(probes):
        part = _part(name, before[members], after[members], level, signed=stream.signal is Signal.LOCK)
        if part is not None:
            found.append(part)
    return tuple(sorted(found, key=lambda part: (-abs(part.after - part.before), part.name))[:PARTS])


def _part(name: str, before: Floats, after: Floats, level: float, *, signed: bool) -> Part | None:
    """Return one class's change with its interval; differences of pairs are moved into 0..1 for it and back."""
    scale = 2.0 if signed else 1.0
    found = paired_difference((before + signed) / scale, (after + signed) / scale, level)
    interval = found.interval
    if interval.low is None or interval.high is None or interval.n < LEAST:
        return None
    there = ~(np.isnan(before) | np.isnan(after))
    return Part(
        name,
        int((~np.isnan(before)).sum()),
        int((~np.isnan(after)).sum()),
        float(before[there].mean()),
        float(after[there].mean()),
        max(-scale, interval.low * scale),
        min(scale, interval.high * scale),
    )


def classes(probes: Sequence[Probe]) -> Iterator[tuple[str, list[int]]]:
    """Yield (name, members) of every class that divides the probes: family, topic, language and the like.

    The class of the right answer is one of them where a family has only a few different ones (yes/no): that is how
    a default answer that flipped is told from a lost skill.
    """
    for label, read in (
        ("family", lambda probe: probe.family),
        ("topic", lambda probe: probe.topic),
        ("language", lambda probe: probe.language),
        ("depth", lambda probe: None if probe.depth is None else str(probe.depth)),
        ("kind", lambda probe: probe.kind),
        ("arm", lambda probe: probe.arm),
        ("difficulty", lambda probe: None if probe.difficulty is None else str(probe.difficulty)),
        ("text", lambda probe: "fixed" if probe.anchor else "fresh" if probe.fresh else None),
    ):
        members: dict[str, list[int]] = defaultdict(list)
        for place, probe in enumerate(probes):
            value = read(probe)
            if value:
                members[value].append(place)
        if len(members) > 1:
            yield from ((f"{label} {value}", chosen) for value, chosen in members.items() if len(chosen) > 1)
    yield from target_classes(probes)


def target_classes(probes: Sequence[Probe]) -> Iterator[tuple[str, list[int]]]:
    """Yield the classes of right answers, `right answer: yes (family)`, of families that have only a few."""
    families: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for place, probe in enumerate(probes):
        if probe.target and not probe.fresh:
            families[probe.family][probe.target[0].strip().casefold()[:40]].append(place)
    for family, targets in families.items():
        if 2 <= len(targets) <= CLASSES and all(len(members) > 1 for members in targets.values()):
            for target, members in targets.items():
                yield f"right answer: {target} ({family or 'all'})", members


def manners(
    stream: Stream, layout: Layout, tallies: pd.DataFrame, runs: Sequence[Point], since_us: int, level: float
) -> dict[Lock, Part]:
    """Return how much of a lock's difference was explicit, announced and silent on both sides of a date.

    Assigned pair by pair within each run, because over many runs almost every pair meets a refusal once.

    Args:
        stream: of a lock.
        layout: of the config.
        tallies: one row per run, endpoint, suite and probe.
        runs: of the stream, oldest first.
        since_us: the date.
        level: of the intervals, whose unit is the run.
    """
    early = [point.run_id for point in runs if point.started_us < since_us][-MANNER_RUNS:]
    late = [point.run_id for point in runs if point.started_us >= since_us][:MANNER_RUNS]
    mine = tallies[(tallies["endpoint"] == stream.key.endpoint) & (tallies["suite"] == stream.key.suite)]
    found: dict[int, dict[Lock, float]] = {}
    for run_id, part in mine[mine["run_id"].isin([*early, *late])].groupby("run_id"):
        counts = layout.columns(RunTallies(0, 0, 0, part, frozenset()))[stream.key.endpoint, stream.key.suite]
        d, parts = lock_parts(counts, layout.pairs(stream))
        if (~np.isnan(d)).any():
            found[int(str(run_id))] = {lock: float(np.nanmean(each)) for lock, each in parts.items()}
    sides_of = [[found[run_id] for run_id in side if run_id in found] for side in (early, late)]
    if not all(sides_of):
        return {}
    made: dict[Lock, Part] = {}
    for lock in Lock:
        before, after = ([each[lock] for each in side] for side in sides_of)
        shift = mean_shift(before, after, level, 1 / max(1, stream.planned))
        low = -2.0 if shift.low is None else max(-2.0, shift.low)
        high = 2.0 if shift.high is None else min(2.0, shift.high)
        made[lock] = Part(
            *(f"manner {lock.value}", len(before), len(after), float(np.mean(before)), float(np.mean(after))),
            *(low, high),
        )
    return made


def flipped(parts: Sequence[Part]) -> tuple[Part, Part] | None:
    """Return (gained, lost) among the classes of right answers where one rose while another fell, if so.

    Both intervals must exclude zero, in opposite directions.
    """
    targets = [part for part in parts if part.name.startswith("right answer: ")]
    gained = [part for part in targets if part.low > 0]
    lost = [part for part in targets if part.high < 0]
    for up in gained:
        for down in lost:
            if up.name.partition(" (")[2] == down.name.partition(" (")[2]:
                return up, down
    return None


def telling(stream: Stream, layout: Layout, both: Sides, direction: str, most: int) -> list[str]:
    """Return the ids of the probes that moved most in a direction, the most telling first."""
    probes, before = per_unit(stream, layout, both.before)
    _, after = per_unit(stream, layout, both.after)
    moved = np.nan_to_num(after - before, nan=0.0) * (1 if direction == "up" else -1)
    order = sorted(range(len(probes)), key=lambda place: (-moved[place], probes[place].id))
    return [probes[place].id for place in order[:most] if moved[place] > 0]
