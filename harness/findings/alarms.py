"""Evidence over its level -> findings: persistent ones and incidents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import log

import numpy as np

from harness.claims import Finding, Standing, Tier
from harness.findings.explain import Alarm, Direction, Scene, baseline, dated, explain
from harness.findings.history import History, Point
from harness.findings.ledger import UPWARDS, Ledger
from harness.findings.scores import Layout, RunTallies, Score
from harness.findings.state import StreamState, after_incident, log_average, rebuilt
from harness.findings.streams import Signal, Stream

LATEST = 2
"""Runs that tell whether an incident of identity moved away from the reference or back."""
Key = tuple[str, str]
"""(name, definition) of a stream."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one run did to one stream."""

    stream: Stream
    status: str
    """`counted`, `burn-in`, `reference`, `fact`, `missing`, `restarted` or `incident`."""
    score: Score
    u: float | None
    log_e_down: float | None
    log_e_up: float | None
    input: bytes
    """Canonical JSON of what was taken in."""
    state: StreamState
    """Afterwards."""

    @property
    def key(self) -> Key:
        """Return (name, definition)."""
        return self.stream.name, self.stream.definition


@dataclass(frozen=True, slots=True)
class Event:
    """What became of an incident."""

    finding_id: str
    standing: Standing
    words: str


@dataclass(slots=True)
class Turn:
    """One run being taken in: what is known, and what it changes."""

    run: RunTallies
    ledger: Ledger
    layout: Layout
    period: int
    history: History
    level: float
    simulated: bool
    steps: dict[Key, Step]
    current: dict[Key, StreamState]
    """Every stream's state, this run included."""
    known: list[Finding]
    """Findings that stand, those of this run included."""
    _points: dict[str, dict[str, list[Point]]] = field(default_factory=dict)

    def points(self, group: str) -> dict[str, list[Point]]:
        """Return the runs of a group's streams and of their like at other endpoints, this run included."""
        if group not in self._points:
            self._points[group] = _points(group, self.steps, self.run, self.ledger, self.history)
        return self._points[group]

    def counted(self, stream: Stream) -> bool:
        """Say whether this run moved a stream's evidence."""
        step = self.steps.get((stream.name, stream.definition))
        return step is not None and step.status == "counted"

    def put(self, stream: Stream, state: StreamState, status: str) -> None:
        """Change a stream's state after its step."""
        key = (stream.name, stream.definition)
        self.current[key] = state
        self.steps[key] = replace(self.steps[key], status=status, state=state)

    def raised(self, alarm: Alarm) -> tuple[Finding, list[Point]]:
        """Return the finding that an alarm makes, and the runs of the stream's present baseline."""
        stream = alarm.stream
        points = self.points(stream.group)
        mine = baseline(points.get(stream.name, []), self.current[stream.name, stream.definition].since_us)
        effect, since = dated(alarm, mine, self.level)
        scene = Scene(
            *(self.ledger, self.layout, self.run, self.period, self.history, self.level, self.simulated),
            *(tuple(self.known), points | {stream.name: mine}),
        )
        found = explain(alarm, scene, effect, since)
        self.known.append(found)
        return found, mine


def evidence(
    group: str, states: Mapping[Key, StreamState], ledger: Ledger, period: int
) -> tuple[float, list[tuple[float, Stream, Direction]]]:
    """Return the log of a group's average evidence, and each stream's share of it with its direction, largest first.

    A stream's evidence is the mean of those for a drop and for a rise, with the weights of `UPWARDS`.
    """
    shares: list[tuple[float, Stream, Direction]] = []
    for stream in ledger.streams:
        if stream.group != group or not stream.counted:
            continue
        state = states.get((stream.name, stream.definition))
        if state is None:
            continue
        down, up = state.log_evidence(period)
        if max(down, up) > -np.inf:
            both = two_sided(stream, down, up)
            shares.append((log(ledger.weights[stream.name]) + both, stream, "down" if down >= up else "up"))
    shares.sort(key=lambda share: (-share[0], share[1].name))
    return log_average([(1.0, value) for value, _, _ in shares]), shares


def two_sided(stream: Stream, log_down: float, log_up: float) -> float:
    """Return the log of a stream's evidence for a change either way."""
    rise = UPWARDS.get(stream.signal, 0.5)
    return log_average([(1 - rise, log_down), (rise, log_up)])


def incident_evidence(log_down: float, log_up: float) -> float:
    """Return the log of a stream's evidence for an incident either way.

    Of right answers only a drop is looked for, and there is no evidence of a rise; of identity the two are parts of
    one sum.
    """
    return log_average([(1.0, log_down), (1.0, log_up)])


def persistent(turn: Turn, group: str) -> list[Finding]:
    """Raise a finding for the stream that contributes most, begin it again, and look whether the rest still alarms."""
    found: list[Finding] = []
    bar = log(turn.ledger.threshold(Tier.PERSISTENT))
    while True:
        total, shares = evidence(group, turn.current, turn.ledger, turn.period)
        # Only a stream of this run can have carried the average over the bar.
        shares = [share for share in shares if turn.counted(share[1])]
        if total < bar or not shares:
            return found
        own, stream, direction = shares[0]
        own -= log(turn.ledger.weights[stream.name])
        made, mine = turn.raised(Alarm(stream, Tier.PERSISTENT, direction, total, own))
        found.append(made)
        assert made.since is not None
        key = (stream.name, stream.definition)
        again = begin_again(stream, turn.current[key], mine, made.since.best_us, turn.layout)
        turn.put(stream, again, "restarted")


def incidents(turn: Turn, group: str) -> list[Finding]:
    """Raise an incident for each stream of this run that carries the incident tier's average over its level.

    A stream with an open incident in the same direction raises no second one.
    """
    found: list[Finding] = []
    bar = log(turn.ledger.threshold(Tier.INCIDENT))
    while True:
        shares: list[tuple[float, Stream, Direction]] = []
        for stream in turn.ledger.streams:
            state = turn.current.get((stream.name, stream.definition))
            if stream.group != group or not stream.day_sd or state is None:
                continue
            down, up = state.log_incident(turn.period)
            if max(down, up) > -np.inf:
                weight = log(turn.ledger.incident_weights[stream.name])
                both = incident_evidence(down, up)
                shares.append((weight + both, stream, "down" if down >= up else "up"))
        total = log_average([(1.0, value) for value, _, _ in shares])
        mine = sorted(
            (share for share in shares if turn.counted(share[1])),
            key=lambda share: (-share[0], share[1].name),
        )
        if total < bar or not mine:
            return found
        own, stream, direction = mine[0]
        if stream.signal is Signal.IDENTITY:
            direction = _away(turn, stream)
        if not _open_like(turn.known, stream, direction):
            own -= log(turn.ledger.incident_weights[stream.name])
            found.append(turn.raised(Alarm(stream, Tier.INCIDENT, direction, total, own))[0])
        state = after_incident(turn.current[stream.name, stream.definition])
        turn.put(stream, state, "incident")


def _away(turn: Turn, stream: Stream) -> Direction:
    """Return whether the latest runs of an identity stream lie farther from the reference (up) or nearer.

    The prompts of another model move either way, so that their sum does not tell.
    """
    state = turn.current[stream.name, stream.definition]
    runs = baseline(turn.points(stream.group).get(stream.name, []), state.since_us)
    values = np.array([point.value for point in runs])
    return "up" if values[-LATEST:].mean() >= values[:-LATEST].mean() else "down"


def _open_like(known: Sequence[Finding], stream: Stream, direction: Direction) -> bool:
    """Say whether an incident of the stream in this direction is still provisional."""
    return any(
        each.tier is Tier.INCIDENT
        and each.standing is Standing.OPEN
        and each.stream == stream.key
        and each.direction == direction
        for each in known
    )


def begin_again(
    stream: Stream, state: StreamState, points: Sequence[Point], since_us: int, layout: Layout
) -> StreamState:
    """Return a stream after an alarm: its baseline is the runs since the estimated date, its evidence nothing."""
    past = [
        (point.score, point.u) for point in points if point.started_us >= since_us and point.score is not None
    ]
    return rebuilt(stream, state, past, since_us, len(layout.probes(stream)))


def _points(
    group: str, steps: Mapping[Key, Step], run: RunTallies, ledger: Ledger, history: History
) -> dict[str, list[Point]]:
    """Return the runs of the group's streams and of their like at other endpoints, this run included."""
    mine = {(s.key.suite, s.signal, s.key.topic) for s in ledger.streams if s.group == group}
    wanted = [s for s in ledger.streams if s.counted and (s.key.suite, s.signal, s.key.topic) in mine]
    past = history.points([(s.name, s.definition) for s in wanted])
    found = {s.name: list(past.get(s.name, ())) for s in wanted}
    for each in steps.values():
        if each.stream.name in found and each.u is not None and each.score.value is not None:
            point = Point(
                run.run_id, run.started_us, each.score.value, each.score.coverage, each.u, each.score
            )
            found[each.stream.name].append(point)
    return found
