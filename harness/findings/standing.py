"""How each stream stands when somebody asks: no change within the margin, or inconclusive; silence is neither."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp

from harness.claims import StreamKey, Verdict
from harness.findings.alarms import two_sided
from harness.findings.history import Point
from harness.findings.locate import UNITS
from harness.findings.streams import Signal, Stream
from harness.records import JSON
from harness.stats import Interval
from harness.stats.margins import equivalence
from harness.stats.means import mean_shift

RECENT = 14
"""The latest runs that are compared with those before."""
BASELINE = 7
"""Fewest runs before them."""


@dataclass(frozen=True, slots=True)
class StreamStanding:
    """One stream as it stands: not a finding of change, and not silence."""

    key: StreamKey
    verdict: Verdict
    """`no change` (within the margin, by two one-sided tests) or `inconclusive`."""
    runs: int
    """Runs of its present baseline."""
    shift: Interval | None
    """The latest runs against those before, the run as unit."""
    margin: float
    e_value: float | None
    """Its own evidence now, for a change either way; None before there is any."""
    words: str

    def as_json(self) -> dict[str, JSON]:
        """Return it as JSON data."""
        shift = self.shift
        return {
            "stream": self.key.name,
            "verdict": self.verdict.value,
            "runs": self.runs,
            "difference": None if shift is None else shift.estimate,
            "low": None if shift is None else shift.low,
            "high": None if shift is None else shift.high,
            "level": None if shift is None else shift.level,
            "margin": self.margin,
            "e_value": self.e_value,
            "words": self.words,
        }


@dataclass(frozen=True, slots=True)
class Past:
    """What the record has of one stream."""

    points: Sequence[Point] = ()
    """Its runs, oldest first."""
    since_us: int = 0
    """Start of its present baseline."""
    log_e: tuple[float, float] | None = None
    """Natural logs of its evidence now, for a drop and for a rise."""


def standings(
    watched: Sequence[Stream],
    past: Mapping[tuple[str, str], Past],
    *,
    margin: float,
    level: float,
) -> list[StreamStanding]:
    """Return how every counted stream stands.

    The latest runs are compared with those before, since its present baseline began. `no change` is said where the
    whole interval of the difference lies within the margin, which was fixed beforehand; everything else short of a
    finding is `inconclusive`. Looked at on many dates, an equivalence is a description of that date.

    Args:
        watched: streams of the present ledger; facts are left out.
        past: their record, by (name, definition).
        margin: as a share.
        level: of the interval; the two one-sided tests are at (1 - level) / 2 each.
    """
    return [
        _standing(stream, past.get((stream.name, stream.definition), Past()), margin, level)
        for stream in watched
        if stream.counted
    ]


def _standing(stream: Stream, past: Past, margin: float, level: float) -> StreamStanding:
    mine = [point for point in past.points if point.started_us >= past.since_us]
    e_value = None if past.log_e is None else exp(min(two_sided(stream, *past.log_e), 600.0))
    if stream.signal is Signal.IDENTITY:
        words = "a distance has no margin of its own: silence here is not `no change`"
        return StreamStanding(stream.key, Verdict.INCONCLUSIVE, len(mine), None, margin, e_value, words)
    recent = max(1, min(RECENT, len(mine) - BASELINE))
    if len(mine) < BASELINE + 2:
        words = f"{len(mine)} runs: at least {BASELINE + 2} are needed"
        return StreamStanding(stream.key, Verdict.INCONCLUSIVE, len(mine), None, margin, e_value, words)
    values = [point.value for point in mine]
    shift = mean_shift(values[:-recent], values[-recent:], level, 1 / max(1, stream.planned))
    verdict = Verdict.NO_CHANGE if equivalence(shift, margin).equivalent else Verdict.INCONCLUSIVE
    assert shift.estimate is not None
    assert shift.low is not None
    assert shift.high is not None
    words = (
        f"the latest {recent} runs against the {len(values) - recent} before: {100 * shift.estimate:+.1f} points "
        f"({level:.0%} interval {100 * shift.low:+.1f} to {100 * shift.high:+.1f}), margin {100 * margin:.0f} points "
        f"of the {UNITS[stream.signal]}"
    )
    return StreamStanding(stream.key, verdict, len(mine), shift, margin, e_value, words)
