"""What becomes of incidents: confirmed by the lasting tier, over since a date, or withdrawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.claims import Finding, Standing, Tier
from harness.findings.alarms import Event, Turn
from harness.findings.explain import baseline
from harness.findings.history import Point
from harness.findings.streams import Signal, Stream
from harness.records import utc_text
from harness.stats.means import mean_shift

LATER = 5
"""Runs after an incident before it can be withdrawn or be over."""
STRETCH = 2
"""Fewest runs that an incident must have lasted to be over and not withdrawn: one run alone may be a bad day."""


def settled(turn: Turn) -> list[Event]:
    """Return which open incidents this run confirms, ends or withdraws.

    Confirmed: the persistent tier raised the same stream in the same direction since. Once at least `LATER` runs,
    from where they are best told apart from the incident's, are on average compatible with no difference from before
    it and not with the incident's own, the incident is over if the runs in between, at least `STRETCH` of them, lie
    apart from those on both sides of them, and withdrawn otherwise.
    """
    found: list[Event] = []
    by_key = {stream.key: stream for stream in turn.ledger.streams}
    for each in turn.known:
        if each.tier is not Tier.INCIDENT or each.standing is not Standing.OPEN:
            continue
        agrees = [other for other in turn.known if _agrees(other, each)]
        stream = by_key.get(each.stream)
        if agrees:
            words = f"the persistent tier agrees: finding {agrees[0].id} of run {agrees[0].run_id}"
            found.append(Event(each.id, Standing.CONFIRMED, words))
        elif stream is not None and (stream.name, stream.definition) in turn.steps:
            event = _recovered(turn, stream, each)
            if event is not None:
                found.append(event)
    return found


def _agrees(other: Finding, incident: Finding) -> bool:
    """Say whether a finding of the persistent tier says what an incident said before."""
    return (
        other.tier is Tier.PERSISTENT
        and other.stream == incident.stream
        and other.direction == incident.direction
        and other.since is not None
        and incident.since is not None
        and other.since.high_us >= incident.since.low_us
        and other.found_us >= incident.found_us
    )


@dataclass(frozen=True, slots=True)
class _Course:
    """The runs of an incident's stream, in order."""

    before: list[Point]
    during: list[Point]
    """From the date to the last run before the answers were as before again."""
    since: list[Point]
    """From then on."""


def _recovered(turn: Turn, stream: Stream, incident: Finding) -> Event | None:
    """Return that an incident is over, or withdrawn; None while it is neither."""
    if incident.effect is None or incident.since is None:
        return None
    runs = turn.points(stream.group).get(stream.name, [])
    # Runs before an earlier alarm are another baseline, unless the stream has begun again only since this incident.
    since_us = turn.current[stream.name, stream.definition].since_us
    points = baseline(runs, since_us if since_us <= incident.since.low_us else 0)
    course = _course(points, incident.since.best_us, incident.found_us)
    before = [point.value for point in points if point.started_us < incident.since.low_us]
    later = [point.value for point in course.since]
    if len(later) < LATER or len(before) < 2:
        return None
    least = 1 / max(1, stream.planned)
    shift = mean_shift(before, later, turn.level, least)
    if shift.low is None or shift.high is None or shift.low > 0 or shift.high < 0:
        return None
    if shift.low <= incident.effect.value <= shift.high:
        return None
    low, high, its = (_shown(stream, each) for each in (shift.low, shift.high, incident.effect.value))
    said = (
        f"{len(later)} runs after it differ from those before by {low} to {high}, which holds no difference and not "
        f"the {its} of the incident"
    )
    if not _lasted(course, incident.effect.value, turn.level, least):
        return Event(incident.id, Standing.WITHDRAWN, said)
    over = utc_text(course.since[0].started_us)[:10]
    return Event(
        incident.id,
        Standing.OVER,
        f"over since about {over}, after {len(course.during)} runs: {said}. What was told of those runs stands",
    )


def _shown(stream: Stream, value: float) -> str:
    """Return a difference in the stream's own unit."""
    return f"{value:+.2f}" if stream.signal is Signal.IDENTITY else f"{100 * value:+.0f} points"


def _course(points: Sequence[Point], date_us: int, found_us: int) -> _Course:
    """Divide a stream's runs at an incident's date and where they are best told apart again after it was found."""
    before = [point for point in points if point.started_us < date_us]
    rest = [point for point in points if point.started_us >= date_us]
    first = sum(point.started_us <= found_us for point in rest)
    if first == len(rest):
        return _Course(before, rest, [])
    values = np.array([point.value for point in rest])
    left = [
        values[:cut].var() * cut + values[cut:].var() * (values.size - cut)
        for cut in range(first, values.size)
    ]
    cut = first + int(np.argmin(left))
    return _Course(before, rest[:cut], rest[cut:])


def _lasted(course: _Course, effect: float, level: float, least: float) -> bool:
    """Say whether an incident lasted for several runs that lie apart from those before and from those since.

    The first of two sides is what raised it, so that the other, and each of its runs, has to bear it out.
    """
    during = [point.value for point in course.during]
    if len(during) < STRETCH:
        return False
    usual = float(np.mean([point.value for point in (*course.before, *course.since)]))
    if any((value - usual) * effect <= 0 for value in during):
        return False
    for side in (course.before, course.since):
        apart = mean_shift([point.value for point in side], during, level, least)
        if apart.low is None or apart.high is None or not (apart.low > 0 if effect > 0 else apart.high < 0):
            return False
    return True
