"""An alarm and what surrounds it -> a finding: what, how much, since when, what else it could be, and the words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp
from typing import Literal

import pandas as pd

from harness.claims import Effect, Finding, Kind, Lock, Part, RuledOut, Since, Tier, Verdict
from harness.findings import ruling, words
from harness.findings.evidence import Shift, Sides, flipped, manners, parts_of, shift_of, sides, telling
from harness.findings.grader_error import grader_error
from harness.findings.history import History, Point
from harness.findings.ledger import VERSION, Ledger
from harness.findings.locate import locate
from harness.findings.scores import Layout, RunTallies
from harness.findings.streams import Signal, Stream
from harness.records import sha256
from harness.stats import day_effect, new_levels, normal_scores, rank_bets

EXCHANGES = 5
"""Calls a finding names on each side of the date."""
MAKERS = (
    f"findings/{VERSION} stats.normal_scores/{normal_scores.VERSION} stats.day_effect/{day_effect.VERSION} "
    f"stats.new_levels/{new_levels.VERSION} stats.rank_bets/{rank_bets.VERSION}"
)
Direction = Literal["down", "up"]

_KIND = {
    Signal.REFUSED: Kind.REFUSAL,
    Signal.FORMAT: Kind.FORMAT,
    Signal.IDENTITY: Kind.IDENTITY,
    Signal.ANCHOR_FRESH: Kind.SPECIAL_TREATMENT,
    Signal.SERVED_MODEL: Kind.IDENTITY,
    Signal.TOKEN_COUNTS: Kind.IDENTITY,
    Signal.ACCESS: Kind.ACCESS,
}


@dataclass(frozen=True, slots=True)
class Alarm:
    """One stream whose group's average crossed its level."""

    stream: Stream
    tier: Tier
    direction: Direction
    log_e: float
    """Natural log of the group's average."""
    log_own: float
    """Natural log of the stream's own evidence."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What an alarm is explained from."""

    ledger: Ledger
    layout: Layout
    run: RunTallies
    period: int
    history: History
    level: float
    simulated: bool
    earlier: Sequence[Finding]
    """Findings raised before, and in the same run."""
    points: Mapping[str, Sequence[Point]]
    """Runs of every stream of the same endpoint, and of the same suite and signal elsewhere, this one included."""


def finding_id(period: int, stream: str, tier: Tier, run_id: int) -> str:
    """Return a finding's stable id."""
    return "f" + sha256(f"{period}/{stream}/{tier.value}/{run_id}".encode())[7:19]


def baseline(points: Sequence[Point], since_us: int) -> list[Point]:
    """Return the runs that belong to a stream's present baseline, oldest first."""
    return sorted(
        (point for point in points if point.started_us >= since_us), key=lambda p: (p.started_us, p.run_id)
    )


def dated(alarm: Alarm, points: Sequence[Point], level: float) -> tuple[Effect | None, Since]:
    """Return how much and since when; the one place that decides from which run a stream begins again."""
    stream = alarm.stream
    n = stream.planned * _mean_coverage(points)
    return locate(stream, points, alarm.direction, level, n)


def _mean_coverage(points: Sequence[Point]) -> float:
    return sum(point.coverage for point in points) / max(1, len(points))


def explain(alarm: Alarm, scene: Scene, effect: Effect | None, since: Since) -> Finding:
    """Return the finding that an alarm makes.

    Args:
        alarm: which stream, which way, how strongly.
        scene: what it is explained from.
        effect: from `dated`.
        since: from `dated`.
    """
    stream, key = alarm.stream, alarm.stream.key
    mine = scene.points[stream.name]
    after = frozenset(point.run_id for point in mine if point.started_us >= since.best_us)
    tallies = _tallies(scene, stream, mine)
    both = sides(scene.layout, tallies, key.endpoint, key.suite, after)
    shift = None if both is None else _shift(stream, scene.layout, both)
    parts = (
        ()
        if both is None or stream.signal is Signal.IDENTITY
        else parts_of(stream, scene.layout, both, scene.level)
    )
    ways = (
        manners(stream, scene.layout, tallies, mine, since.best_us, scene.level) if _is_lock(stream) else {}
    )
    parts = (*ways.values(), *parts)
    kind, lock, carried, many = _kind(
        alarm, scene, shift, both, since, effect, _manner(ways, alarm.direction)
    )
    flip = flipped(parts) if stream.signal is Signal.CORRECT and kind is Kind.CAPABILITY else None
    moved = 0.0 if effect is None else effect.value
    said = words.headline(stream, kind, alarm.direction, lock, effect, since, flip, many)
    is_lock = lock is not None and kind is Kind.TOPIC_LOCK
    return Finding(
        id=finding_id(scene.period, stream.name, alarm.tier, scene.run.run_id),
        kind=kind,
        tier=alarm.tier,
        verdict=Verdict.CHANGE,
        stream=key,
        headline=("Simulated. " if scene.simulated else "") + said + ".",
        found_us=scene.run.started_us,
        run_id=scene.run.run_id,
        period=scene.period,
        direction=alarm.direction,
        lock=lock if is_lock else None,
        effect=effect,
        since=since,
        e_value=exp(min(alarm.log_e, 600.0)),
        threshold=scene.ledger.threshold(alarm.tier),
        strength=words.strength(scene.ledger, alarm.tier, alarm.log_e),
        ruled_out=_ruled_out(alarm, scene, both, shift, since, moved),
        parts=parts,
        exchanges=() if both is None else _exchanges(alarm, scene, both, since),
        caveats=_caveats(alarm, scene, effect, since, flip, parts, carried, shift),
        makers=MAKERS,
    )


def _tallies(scene: Scene, stream: Stream, points: Sequence[Point]) -> pd.DataFrame:
    """Return the tallies of the stream's runs, this one included."""
    past = [point.run_id for point in points if point.run_id != scene.run.run_id]
    earlier = scene.history.tallies([stream.key.endpoint], past)
    now = scene.run.table.assign(run_id=scene.run.run_id)
    return pd.concat([earlier, now], ignore_index=True) if len(earlier) else now


def _is_lock(stream: Stream) -> bool:
    return stream.signal is Signal.LOCK


def _manner(ways: Mapping[Lock, Part], direction: Direction) -> Lock:
    """Return the manner that moved most in the alarm's direction; silent where nothing can be told apart."""
    sign = 1 if direction == "up" else -1
    return max(ways, key=lambda lock: sign * (ways[lock].after - ways[lock].before)) if ways else Lock.SILENT


def _shift(stream: Stream, layout: Layout, both: Sides) -> Shift | None:
    return None if stream.signal is Signal.IDENTITY else shift_of(both, layout.places(stream))


def _kind(
    alarm: Alarm,
    scene: Scene,
    shift: Shift | None,
    both: Sides | None,
    since: Since,
    effect: Effect | None,
    lock: Lock,
) -> tuple[Kind, Lock | None, bool, bool]:
    """Return what changed, the way of a lock, whether the topic's own arm carries it, and whether others moved too."""
    stream = alarm.stream
    if _is_lock(stream):
        _, carried = (None, True) if both is None else ruling.control_arm(stream, scene.layout, both)
        _, many = ruling.common_mode(
            _comparable(alarm, scene, since), 0.0 if effect is None else effect.value
        )
        if carried and not many:
            return Kind.TOPIC_LOCK, lock, carried, many
        return (Kind.CAPABILITY if lock is Lock.SILENT else Kind.REFUSAL), lock, carried, many
    if stream.signal is not Signal.CORRECT:
        return _KIND[stream.signal], None, True, False
    main = "wrong" if shift is None else shift.main
    kind = {"wrong": Kind.CAPABILITY, "declined": Kind.REFUSAL, "unreadable": Kind.FORMAT}[main]
    return kind, None, True, False


def _comparable(alarm: Alarm, scene: Scene, since: Since) -> list[ruling.Moved]:
    """Return how the streams moved that would move alike if the change were common: other suites, or other topics."""
    key = alarm.stream.key
    others = [
        other
        for other in scene.ledger.streams
        if other.key.endpoint == key.endpoint
        and other.key.signal == key.signal
        and other.name != alarm.stream.name
        and (other.key.suite == key.suite if key.topic else other.key.suite != key.suite)
    ]
    return ruling.moved(others, scene.points, since.best_us, scene.level)


def _references(alarm: Alarm, scene: Scene, since: Since) -> list[ruling.Moved]:
    key = alarm.stream.key
    chosen = [
        other
        for other in scene.ledger.streams
        if other.key.endpoint in scene.ledger.references
        and other.key.endpoint != key.endpoint
        and (other.key.suite, other.key.signal, other.key.topic) == (key.suite, key.signal, key.topic)
    ]
    return ruling.moved(chosen, scene.points, since.best_us, scene.level)


def _ruled_out(
    alarm: Alarm, scene: Scene, both: Sides | None, shift: Shift | None, since: Since, effect: float
) -> tuple[RuledOut, ...]:
    stream = alarm.stream
    nothing = RuledOut("control-arm", "not checked", "there are runs on one side of the date only")
    return (
        ruling.common_mode(_comparable(alarm, scene, since), effect)[0],
        nothing if both is None else ruling.control_arm(stream, scene.layout, both)[0],
        ruling.reference_endpoint(_references(alarm, scene, since), effect),
        ruling.formatting(stream, shift),
        ruling.missing(scene.points[stream.name], since.best_us, effect),
        grader_error(stream, scene.layout, both),
    )


def _exchanges(alarm: Alarm, scene: Scene, both: Sides, since: Since) -> tuple[str, ...]:
    """Return the calls that show it best: this run's, then the same questions' in the last run before the date."""
    stream, key = alarm.stream, alarm.stream.key
    if stream.signal is Signal.IDENTITY:
        probes = [probe.id for probe in scene.layout.probes(stream)][:EXCHANGES]
    else:
        probes = telling(stream, scene.layout, both, alarm.direction, EXCHANGES)
    if not probes:
        return ()
    before = [point.run_id for point in scene.points[stream.name] if point.started_us < since.best_us]
    found: list[str] = []
    for run_id in (scene.run.run_id, *before[-1:]):
        calls = scene.history.calls(run_id, key.endpoint, key.suite, probes)
        found += [calls[probe] for probe in probes if probe in calls]
    return tuple(found)


def _caveats(
    alarm: Alarm,
    scene: Scene,
    effect: Effect | None,
    since: Since,
    flip: tuple[Part, Part] | None,
    parts: Sequence[Part],
    carried: bool,
    shift: Shift | None,
) -> tuple[str, ...]:
    found = [
        "It does not say why: the model, a filter before or after it, or an account setting may have changed."
    ]
    if scene.simulated:
        found.insert(0, "Simulated: a rehearsal, no real provider was asked.")
    mine = scene.points[alarm.stream.name]
    after = sum(point.started_us >= since.best_us for point in mine)
    if effect is not None and after < 14:
        found.append(
            f"The interval rests on {after} run(s) since the date and will narrow: look again later."
        )
    if alarm.log_own < alarm.log_e:
        found.append("Several streams of the endpoint together crossed the level; this one contributes most.")
    if flip is not None:
        gained, lost = flip
        found.append(
            f"A default answer flipped: {lost.name} {lost.before:.0%} to {lost.after:.0%}, "
            f"{gained.name} {gained.before:.0%} to {gained.after:.0%}. Do not read it as a lost skill."
        )
    found += [_sits(label, parts, effect) for label in ("family", "topic", "language", "arm")]
    found += _same_change(alarm.stream, since, scene.earlier)
    if not carried:
        found.append("The neutral arm moved more than the topic's: not a lock of this topic.")
    if shift is not None and alarm.stream.signal is Signal.CORRECT:
        found.append(
            f"Of the measured calls, right {100 * shift.right:+.1f} points, wrong {100 * shift.wrong:+.1f}, declined "
            f"{100 * shift.declined:+.1f}, unreadable {100 * shift.unreadable:+.1f}."
        )
    return tuple(words for words in found if words)


def _same_change(stream: Stream, since: Since, earlier: Sequence[Finding]) -> list[str]:
    """Say which earlier findings about the same endpoint have a date that overlaps this one's."""
    same = [
        other
        for other in earlier
        if other.stream.endpoint == stream.key.endpoint
        and other.since is not None
        and other.since.low_us <= since.high_us
        and since.low_us <= other.since.high_us
    ]
    if not same:
        return []
    names = ", ".join(f"{other.id} ({other.kind.value})" for other in same[:4])
    return [f"Probably the same change as {names}: the dates overlap."]


def _sits(label: str, parts: Sequence[Part], effect: Effect | None) -> str:
    """Say where a change sits, when some classes clearly moved and all others clearly moved less than the whole."""
    mine = [part for part in parts if part.name.startswith(f"{label} ")]
    if effect is None or len(mine) < 2:
        return ""
    sign = 1 if effect.value > 0 else -1
    moved = [part for part in mine if min(sign * part.low, sign * part.high) > 0]
    spared = [part for part in mine if max(sign * part.low, sign * part.high) < abs(effect.value)]
    if not moved or len(moved) + len(spared) != len(mine) or 2 * len(moved) > len(mine):
        return ""
    names = ", ".join(part.name.removeprefix(f"{label} ") for part in moved[:4])
    return f"It sits in {label} {names}; the others moved less than the whole."
