"""How much and since when: Haar-t on a stream's runs, in natural units, once an alarm has told the direction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from harness.claims import Effect, Since
from harness.findings.history import Point
from harness.findings.streams import Signal, Stream
from harness.stats.haar import HaarSettings, estimate_change

UNITS = {
    Signal.CORRECT: "share of questions answered correctly",
    Signal.REFUSED: "share of questions declined",
    Signal.FORMAT: "share of replies that could not be read",
    Signal.LOCK: "share right in the topic's words minus share right in neutral words",
    Signal.IDENTITY: "mean squared distance from the reference",
    Signal.ANCHOR_FRESH: "share right on fixed minus fresh questions",
}
METHOD = "haar-t"


def bound(signal: Signal) -> float:
    """Return the largest difference a stream's numbers can have."""
    return 2.0 if signal in (Signal.LOCK, Signal.ANCHOR_FRESH, Signal.IDENTITY) else 1.0


def locate(
    stream: Stream,
    points: Sequence[Point],
    direction: Literal["down", "up"],
    level: float,
    n: float,
) -> tuple[Effect | None, Since]:
    """Return the effect and the date of one change in a stream's runs.

    Where nothing bounds the effect on a side, the interval ends where the unit does. Without an estimate (a series
    that never varied) there is no effect, and the date is the newest run, any earlier one allowed.

    Args:
        stream: which.
        points: its runs, oldest first, at least one.
        direction: of the change.
        level: confidence of both.
        n: mean measured calls a run, for the least spread a rate can have.
    """
    values = np.array([point.value for point in points])
    fixed = HaarSettings(least_sd=1 / max(n, 1.0))
    found = estimate_change(values, direction, level, fixed)
    if found.best is None or found.change is None:
        return None, Since(points[-1].started_us, points[0].started_us, points[-1].started_us, level)
    limit = bound(stream.signal)
    low = -limit if found.low is None else max(-limit, found.low)
    high = limit if found.high is None else min(limit, found.high)
    effect = Effect(
        found.change,
        min(low, found.change),
        max(high, found.change),
        level,
        UNITS[stream.signal],
        METHOD,
    )
    dates = [points[place].started_us for place in found.dates if place < len(points)]
    best = points[min(found.best, len(points) - 1)].started_us
    return effect, Since(best, min([*dates, best]), max([*dates, best]), level)
