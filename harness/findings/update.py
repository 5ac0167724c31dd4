"""One finished run -> one step per stream, and what the steps give reason to say. Pure: the same in, the same out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.claims import Finding
from harness.findings.alarms import Event, Key, Step, Turn, incidents, persistent
from harness.findings.facts import read_fact
from harness.findings.history import History
from harness.findings.ledger import Ledger
from harness.findings.scores import Floats, Layout, RunTallies, Score, identity_score, score
from harness.findings.settling import settled
from harness.findings.state import (
    StreamState,
    draw,
    in_period,
    reference_of,
    reference_ready,
    score_input,
    step,
    with_reference,
)
from harness.findings.streams import Signal, Stream


@dataclass(frozen=True, slots=True)
class Update:
    """What one run came to."""

    states: Mapping[Key, StreamState]
    """Of the streams that were stepped."""
    steps: tuple[Step, ...]
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    events: tuple[Event, ...] = ()
    """Incidents that this run confirmed, ended or withdrew."""


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
        earlier: findings raised before that were not withdrawn: a new one says which it probably repeats, and open
            incidents among them are confirmed, over or withdrawn.
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
    turn = Turn(
        *(run, ledger, layout, period, history, level, simulated, steps),
        current=dict(states) | {key: each.state for key, each in steps.items()},
        known=[*earlier, *findings],
    )
    for group in ledger.groups:
        if any(each.stream.group == group and each.status == "counted" for each in steps.values()):
            findings += persistent(turn, group)
            findings += incidents(turn, group)
    events = settled(turn)
    return Update(
        *({key: each.state for key, each in steps.items()}, tuple(steps.values()), tuple(findings)),
        *(tuple(notes), tuple(events)),
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
    u = draw(run.seed, run.run_id, stream.name)
    made, done = step(stream, state, found, u, len(layout.probes(stream)))
    down, up = _logs(made, made.period)
    return Step(stream, "counted" if done.counted else "burn-in", found, u, down, up, taken, made)


def _logs(state: StreamState, period: int) -> tuple[float | None, float | None]:
    down, up = state.log_evidence(period)
    return (down, up) if down > -np.inf else (None, None)
