"""One finished run -> one step per stream, and what the steps give reason to say. Pure: the same in, the same out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import log

import numpy as np

from harness.claims import Finding, Tier
from harness.findings.explain import Alarm, Direction, Scene, baseline, dated, explain
from harness.findings.facts import read_fact
from harness.findings.history import History, Point
from harness.findings.ledger import UPWARDS, Ledger
from harness.findings.scores import Floats, Layout, RunTallies, Score, identity_score, score
from harness.findings.state import (
    StreamState,
    draw,
    in_period,
    log_average,
    rebuilt,
    reference_of,
    reference_ready,
    score_input,
    step,
    with_reference,
)
from harness.findings.streams import Signal, Stream

Key = tuple[str, str]
"""(name, definition) of a stream."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one run did to one stream."""

    stream: Stream
    status: str
    """`counted`, `burn-in`, `reference`, `fact`, `missing` or `restarted`."""
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
class Update:
    """What one run came to."""

    states: Mapping[Key, StreamState]
    """Of the streams that were stepped."""
    steps: tuple[Step, ...]
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()


def update(
    states: Mapping[Key, StreamState],
    run: RunTallies,
    ledger: Ledger,
    layout: Layout,
    period: int,
    history: History,
    *,
    coverage_min: float,
    level: float,
    simulated: bool = False,
    earlier: Sequence[Finding] = (),
) -> Update:
    """Take one finished run into the streams and say what it gives reason to say.

    A run in which too little of a stream was measured is missing for it: no step, no zero. Evidence is that of
    the ledger's period; in a new one it starts from nothing while the history is kept.

    Args:
        states: every stream's state before, by (name, definition).
        run: its tallies.
        ledger: of the period.
        layout: of the same config and suites.
        period: number of the period.
        history: the runs before, asked only when there is something to explain.
        coverage_min: share of the planned calls below which a run is missing.
        level: confidence of intervals.
        simulated: whether the run lived in simulated time.
        earlier: findings raised before that were not withdrawn: a new one says which it probably repeats.
    """
    columns = layout.columns(run)
    steps: dict[Key, Step] = {}
    findings: list[Finding] = []
    notes: list[str] = []
    endpoints = {endpoint for endpoint, _ in run.asked}
    for stream in ledger.streams:
        key = (stream.name, stream.definition)
        asked = stream.key.endpoint in endpoints if not stream.key.suite else _asked(stream, run)
        if not asked:
            continue
        state = in_period(states.get(key), period)
        if not stream.counted:
            done, found = read_fact(stream, state, run, layout, columns, period, simulated)
            if done is not None:
                steps[key] = Step(stream, "fact", done.score, None, None, None, done.input, done.state)
            findings += found
            continue
        steps[key] = _step(stream, state, run, layout, columns, coverage_min)
    missing = [each.stream.name for each in steps.values() if each.status == "missing"]
    if missing:
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        notes.append(
            f"run {run.run_id} is missing for {', '.join(missing[:3])}{more}: too little was measured"
        )
    current = dict(states) | {key: each.state for key, each in steps.items()}
    for group in ledger.groups:
        moved = [each for each in steps.values() if each.stream.group == group and each.status == "counted"]
        if moved:
            known = (*earlier, *findings)
            findings += _alarms(
                group, current, steps, run, ledger, layout, period, history, level, simulated, known
            )
    return Update(
        {key: each.state for key, each in steps.items()}, tuple(steps.values()), tuple(findings), tuple(notes)
    )


def _asked(stream: Stream, run: RunTallies) -> bool:
    return (stream.key.endpoint, stream.key.suite) in run.asked


def _step(
    stream: Stream,
    state: StreamState,
    run: RunTallies,
    layout: Layout,
    columns: Mapping[tuple[str, str], Mapping[str, Floats]],
    coverage_min: float,
) -> Step:
    key = stream.key
    answers: Mapping[str, Mapping[str, int]] | None = None
    mine = columns.get((key.endpoint, key.suite))
    if mine is None:
        found = Score(None, None, 0, stream.planned)
    elif stream.signal is Signal.IDENTITY:
        answers = {
            probe: counts
            for (endpoint, suite, probe), counts in run.answers.items()
            if (endpoint, suite) == (key.endpoint, key.suite)
        }
        found = identity_score(stream, answers, reference_of(state))
        if not reference_ready(state):
            n = sum(sum(counts.values()) for counts in answers.values())
            found = Score(None, None, n, stream.planned)
            if found.coverage >= coverage_min:
                made = with_reference(state, answers)
                return Step(
                    stream, "reference", found, None, None, None, score_input(stream, found, answers), made
                )
    else:
        found = score(stream, layout, mine)
    taken = score_input(stream, found, answers)
    if found.score is None or found.coverage < coverage_min:
        down, up = _logs(state, state.period)
        return Step(stream, "missing", found, None, down, up, taken, state)
    u = draw(run.seed, stream.name)
    made, done = step(stream, state, found, u, len(layout.probes(stream)))
    down, up = _logs(made, made.period)
    return Step(stream, "counted" if done.counted else "burn-in", found, u, down, up, taken, made)


def _logs(state: StreamState, period: int) -> tuple[float | None, float | None]:
    down, up = state.log_evidence(period)
    return (down, up) if down > -np.inf else (None, None)


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


def _alarms(
    group: str,
    current: dict[Key, StreamState],
    steps: dict[Key, Step],
    run: RunTallies,
    ledger: Ledger,
    layout: Layout,
    period: int,
    history: History,
    level: float,
    simulated: bool,
    known: Sequence[Finding],
) -> list[Finding]:
    """Raise a finding for the stream that contributes most, begin it again, and look whether the rest still alarms."""
    found: list[Finding] = []
    bar = log(ledger.threshold(Tier.PERSISTENT))
    points: dict[str, list[Point]] | None = None
    while True:
        total, shares = evidence(group, current, ledger, period)
        # Only a stream of this run can have carried the average over the bar.
        shares = [share for share in shares if _counted(steps.get((share[1].name, share[1].definition)))]
        if total < bar or not shares:
            return found
        own, stream, direction = shares[0]
        if points is None:
            points = _points(group, steps, run, ledger, history)
        key = (stream.name, stream.definition)
        mine = baseline(points.get(stream.name, []), current[key].since_us)
        own -= log(ledger.weights[stream.name])
        alarm = Alarm(stream, Tier.PERSISTENT, direction, total, own)
        effect, since = dated(alarm, mine, level)
        scene = Scene(
            *(ledger, layout, run, period, history, level, simulated, (*known, *found)),
            points | {stream.name: mine},
        )
        found.append(explain(alarm, scene, effect, since))
        current[key] = begin_again(stream, current[key], mine, since.best_us, layout)
        steps[key] = replace(steps[key], status="restarted", state=current[key])


def _counted(step: Step | None) -> bool:
    return step is not None and step.status == "counted"


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
