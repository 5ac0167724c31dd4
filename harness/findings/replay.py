"""The streams made again from their stored steps, from nothing: the same runs give the same states, byte for byte."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from json import loads

from harness.findings.explain import baseline
from harness.findings.history import Point
from harness.findings.scores import Score, identity_score
from harness.findings.state import (
    StreamState,
    after_incident,
    in_period,
    rebuilt,
    reference_of,
    step,
    with_reference,
)
from harness.findings.streams import Signal, Stream


@dataclass(frozen=True, slots=True)
class PastStep:
    """One stored step, as replaying needs it."""

    run_id: int
    started_us: int
    period: int
    status: str
    value: float | None
    n: int
    planned: int
    u: float | None
    input: bytes
    restarted_us: int = 0
    """For a step that ended in an alarm: from which date the stream began again."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """One stream made again."""

    stream: str
    steps: int
    state: StreamState
    differs: tuple[str, ...]
    """What is not as stored; empty when everything is."""
    compared: bool
    """Whether there was a stored state to compare with."""


def replay(
    stream: Stream, steps: Sequence[PastStep], n_probes: int, stored: StreamState | None = None
) -> Replayed:
    """Make a stream's state again from what each of its steps took in, and compare it with the stored one.

    Alarms are those of the record: a stream begins again where it did, whatever the present rule would have said.

    Args:
        stream: which.
        steps: all of its steps, in order.
        n_probes: probes of the stream.
        stored: its stored state; None for one that another version of the rule made.

    Raises:
        ValueError: a step did not take in what the stream's engine takes in.
    """
    state: StreamState | None = None
    points: list[Point] = []
    differs: list[str] = []
    for past in steps:
        state = in_period(state, past.period)
        body = loads(past.input)
        if past.status == "missing":
            continue
        if past.status == "fact":
            state = replace(state, fact=body)
            continue
        if past.status == "reference":
            state = with_reference(state, body["answers"])
            continue
        taken = Score(
            past.value, body["score"], past.n, past.planned,
            tuple(body.get("successes", ())), tuple(body.get("trials", ())),
        )  # fmt: skip
        if stream.signal is Signal.IDENTITY:
            again = identity_score(stream, body["answers"], reference_of(state))
            if again.score != taken.score or (
                taken.trials and (again.successes, again.trials) != (taken.successes, taken.trials)
            ):
                differs.append(f"run {past.run_id}: another distance comes out of its answers")
        assert past.u is not None
        state, _ = step(stream, state, taken, past.u, n_probes)
        points.append(Point(past.run_id, past.started_us, taken.value or 0.0, taken.coverage, past.u, taken))
        if past.status == "incident":
            state = after_incident(state)
        if past.status == "restarted":
            since = [
                point for point in baseline(points, state.since_us) if point.started_us >= past.restarted_us
            ]
            state = rebuilt(
                stream,
                state,
                [(point.score, point.u) for point in since if point.score],
                past.restarted_us,
                n_probes,
            )
    if stored is not None and state != stored:
        differs.append("the state that comes out is not the stored one")
    return Replayed(
        stream.name, len(steps), state or StreamState(0), tuple(differs), compared=stored is not None
    )
