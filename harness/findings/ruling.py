"""Other explanations of a change, and what the evidence says of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from harness.claims import RuledOut
from harness.findings.evidence import Shift, Sides
from harness.findings.history import Point
from harness.findings.scores import Layout
from harness.findings.streams import Signal, Stream
from harness.stats import Interval
from harness.stats.means import mean_shift

ALIKE = 0.5
"""Another series moved alike when its shift has the same sign, excludes zero and is at least this share of ours."""
EVEN = 0.02
"""Coverage that differs by less than this between the two sides cannot carry an effect worth a finding."""
Result = Literal["ruled out", "not ruled out", "not checked"]


@dataclass(frozen=True, slots=True)
class Moved:
    """How another stream moved at the same date."""

    stream: Stream
    shift: Interval


def moved(
    streams: Sequence[Stream], points: Mapping[str, Sequence[Point]], since_us: int, level: float
) -> list[Moved]:
    """Return how other streams moved at a date; those without runs on both sides are left out."""
    found = []
    for stream in streams:
        mine = points.get(stream.name, ())
        before = [point.value for point in mine if point.started_us < since_us]
        after = [point.value for point in mine if point.started_us >= since_us]
        if len(before) >= 2 and after:
            least = 1 / max(1.0, stream.planned)
            found.append(Moved(stream, mean_shift(before, after, level, least)))
    return found


def alike(other: Moved, effect: float) -> bool:
    """Say whether another stream moved like ours."""
    estimate = other.shift.estimate
    if estimate is None or not other.shift.excludes_zero:
        return False
    return estimate * effect > 0 and abs(estimate) >= ALIKE * abs(effect)


def common_mode(others: Sequence[Moved], effect: float) -> tuple[RuledOut, bool]:
    """Judge whether the same signal of the endpoint's other suites (for a lock: other topics) moved alike.

    Returns:
        The judgement, and whether most of them did.
    """
    if not others:
        return RuledOut(
            "common-mode", "not checked", "nothing else was asked that could have moved alike"
        ), False
    same = [other for other in others if alike(other, effect)]
    many = 2 * len(same) > len(others)
    names = ", ".join(other.stream.key.topic or other.stream.key.suite for other in same[:5])
    if not same:
        return RuledOut(
            "common-mode", "ruled out", f"none of {len(others)} comparable streams moved alike"
        ), False
    words = f"{len(same)} of {len(others)} comparable streams moved alike ({names})"
    return RuledOut("common-mode", "not ruled out", words), many


def reference_endpoint(others: Sequence[Moved], effect: float) -> RuledOut:
    """Judge whether the same stream of the reference endpoints moved alike: then it is our measurement or the world."""
    if not others:
        words = "no reference endpoint was asked the same (set reference = true on one believed unaffected)"
        return RuledOut("reference-endpoint", "not checked", words)
    same = [other for other in others if alike(other, effect)]
    if same:
        names = ", ".join(other.stream.key.endpoint for other in same)
        words = f"reference endpoint {names} moved alike: our own measurement may have changed"
        return RuledOut("reference-endpoint", "not ruled out", words)
    return RuledOut(
        "reference-endpoint", "ruled out", f"{len(others)} reference endpoint(s) did not move alike"
    )


def control_arm(stream: Stream, layout: Layout, both: Sides) -> tuple[RuledOut, bool]:
    """Judge, for a lock, whether the topic's own arm moved rather than the neutral one.

    Returns:
        The judgement, and whether the topic's arm carries at least half of the change.
    """
    if stream.signal is not Signal.LOCK:
        return RuledOut("control-arm", "not checked", "this stream has no neutral arm"), True
    pairs = layout.pairs(stream)
    topic = both.total("score_sum", pairs.topic)
    neutral = both.total("score_sum", pairs.neutral)
    by_topic, by_neutral = topic[1] - topic[0], neutral[1] - neutral[0]
    words = (
        f"right in the topic's words {topic[0]:.0%} before and {topic[1]:.0%} after, in neutral words "
        f"{neutral[0]:.0%} and {neutral[1]:.0%}"
    )
    carried = abs(by_topic) >= abs(by_neutral)
    return RuledOut("control-arm", "ruled out" if carried else "not ruled out", words), carried


def formatting(stream: Stream, shift: Shift | None) -> RuledOut:
    """Judge whether replies that could not be read explain the change."""
    if shift is None or stream.signal in (Signal.FORMAT, Signal.IDENTITY):
        return RuledOut("format", "not checked", "does not apply to this stream")
    words = (
        f"unreadable replies moved by {100 * shift.unreadable:+.1f} points; among replies that could be read, right "
        f"answers moved by {100 * shift.right_among_read:+.1f} points"
    )
    small = abs(shift.unreadable) < 0.25 * max(abs(shift.right), abs(shift.declined), 1e-9)
    return RuledOut("format", "ruled out" if small else "not ruled out", words)


def missing(points: Sequence[Point], since_us: int, effect: float) -> RuledOut:
    """Judge whether missing data could explain the change, with worst-case bounds.

    The bounds let every missing call have been a success on one side and a failure on the other.
    """
    before = [point for point in points if point.started_us < since_us]
    after = [point for point in points if point.started_us >= since_us]
    if not before or not after:
        return RuledOut("missing-data", "not checked", "there are runs on one side of the date only")
    first, second = (float(np.mean([p.coverage for p in side])) for side in (before, after))
    was, now = (float(np.mean([p.value for p in side])) for side in (before, after))
    low = now * second - (was * first + (1 - first))
    high = (now * second + (1 - second)) - was * first
    words = (
        f"measured {first:.1%} of the planned calls before and {second:.1%} after; had every missing call gone the "
        f"worst way, the change would lie between {100 * low:+.0f} and {100 * high:+.0f} points"
    )
    outside = high < 0 if effect < 0 else low > 0
    result: Result = "ruled out" if outside or (first > 1 - EVEN and second > 1 - EVEN) else "not ruled out"
    return RuledOut("missing-data", result, words)
