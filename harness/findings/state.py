"""What a stream remembers between runs, and one run's step of it."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import exp, log
from typing import Any

import numpy as np

from harness.findings.ledger import REFERENCE_RUNS, SETTINGS
from harness.findings.scores import Score, reference_shares
from harness.findings.streams import Signal, Stream
from harness.records import JSON, canonical_json, derive_seed
from harness.stats.day_effect_state import (
    DayEffectState,
    day_effect_from_bytes,
    day_effect_to_bytes,
    restart_day_effect,
    start_day_effect,
    step_day_effect,
)
from harness.stats.days import NARROW, DayEffectSettings, day_prior
from harness.stats.new_levels import (
    NewLevelsState,
    new_levels_from_bytes,
    new_levels_to_bytes,
    restart_new_levels,
    start_new_levels,
    step_new_levels,
)
from harness.stats.normal_scores import (
    NormalScoreStep,
    ScoreState,
    TallyState,
    restart,
    start_scores,
    start_tallies,
    step_score,
    step_tallies,
)
from harness.stats.normal_state import from_bytes, to_bytes
from harness.stats.packing import OtherVersionError
from harness.stats.rank_bets import RankBets, bet

_FORM = "harness.stream-state"
FORM = f"{_FORM}/2"


@dataclass(frozen=True, slots=True)
class StreamState:
    """All that the next run needs of one stream."""

    period: int
    """The ledger's period its evidence belongs to; in another one the evidence starts at nothing."""
    engine: ScoreState | TallyState | None = None
    bets: RankBets | None = None
    """Bets on the engine's ranks; their evidence is averaged with that of the normal scores."""
    reference: tuple[Mapping[str, Mapping[str, int]], ...] = field(default=(), hash=False)
    """Answers of the runs that make the frozen reference of an identity stream."""
    fact: Mapping[str, JSON] = field(default_factory=dict, hash=False)
    """What was last read off, for a fact."""
    since_us: int = 0
    """Start of the first run of its baseline: later than 0 once an alarm began it again."""
    day: DayEffectState | None = None
    """The incident tier's state of a stream of right answers that it watches: for a drop."""
    levels: NewLevelsState | None = None
    """The incident tier's state of an identity stream, once its reference is frozen."""
    day_log_e: tuple[float, float] | None = None
    """Natural logs of the incident tier's evidence for a drop and a rise; None before there is any."""

    def encode(self) -> bytes:
        """Return the state as canonical JSON."""
        body: dict[str, JSON] = {
            "form": FORM,
            "period": self.period,
            "engine": None if self.engine is None else _text(to_bytes(self.engine)),
            "bets": None if self.bets is None else _bets_json(self.bets),
            "reference": [{probe: dict(counts) for probe, counts in run.items()} for run in self.reference],
            "fact": dict(self.fact),
            "since_us": self.since_us,
            "day": None if self.day is None else _text(day_effect_to_bytes(self.day)),
            # JSON has no infinity: no first run since which answers moved this way.
            "day_log_e": None
            if self.day_log_e is None
            else [None if each == -np.inf else each for each in self.day_log_e],
        }
        if self.levels is not None:
            body["levels"] = _text(new_levels_to_bytes(self.levels))
        return canonical_json(body)

    def log_incident(self, period: int) -> tuple[float, float]:
        """Return the natural logs of the incident tier's evidence for a drop and for a rise."""
        if self.day_log_e is None or period != self.period:
            return -np.inf, -np.inf
        return self.day_log_e

    def log_evidence(self, period: int) -> tuple[float, float]:
        """Return the natural logs of the evidence for a drop and for a rise; -inf while there is none."""
        if self.engine is None or period != self.period or not self.engine.log_down:
            return -np.inf, -np.inf
        down, up = _log_mean(self.engine.log_down), _log_mean(self.engine.log_up)
        if self.bets is None:
            return down, up
        by_rank = self.bets.log_evidence
        return log_average([(0.5, down), (0.5, by_rank[0])]), log_average([(0.5, up), (0.5, by_rank[1])])


def decode(stored: bytes) -> StreamState:
    """Return the state that `StreamState.encode` wrote.

    Raises:
        OtherVersionError: another version of a rule, or of the form, made it: its steps must be made again.
        ValueError: it is not one of ours.
    """
    body = _body(stored)
    if body["form"] != FORM:
        raise OtherVersionError(f"the state of a stream in the form {body['form'][:40]}; this is {FORM}")
    try:
        return _decoded(body)
    except (KeyError, TypeError, IndexError) as error:
        raise ValueError(f"not the state of a stream: {error} is missing or of another kind") from error


def begun_us(stored: bytes) -> int:
    """Return the start of the first run of a stored state's baseline, whichever version of the rule made it.

    Raises:
        ValueError: it is not one of ours.
    """
    return int(_body(stored).get("since_us", 0))


def _body(stored: bytes) -> dict[str, Any]:
    body = json.loads(stored)
    form = body.get("form") if isinstance(body, dict) else None
    if not isinstance(form, str) or form.partition("/")[0] != _FORM:
        raise ValueError(f"not the state of a stream: {str(form)[:40]}")
    return dict(body)


def _decoded(body: Mapping[str, Any]) -> StreamState:
    engine = body["engine"]
    return StreamState(
        int(body["period"]),
        None if engine is None else from_bytes(base64.b64decode(engine)),
        _read_bets(body["bets"]),
        tuple(body["reference"]),
        body["fact"],
        int(body["since_us"]),
        None if body["day"] is None else day_effect_from_bytes(base64.b64decode(body["day"])),
        new_levels_from_bytes(base64.b64decode(body["levels"])) if "levels" in body else None,
        None if body["day_log_e"] is None else _read_logs(body["day_log_e"]),
    )


def draw(seed: int, run_id: int, stream: str) -> float:
    """Return the number within 0 .. 1 that breaks ties, from the run's seed and number and the stream's name.

    The number of the run is in it because people run the same seed day after day; the draws must differ all the same.
    """
    return (derive_seed("u", seed, run_id, stream) + 0.5) / 2**31


def in_period(state: StreamState | None, period: int) -> StreamState:
    """Return a state whose evidence belongs to a period: its history is kept, its sums start anew in a new one."""
    if state is None:
        return StreamState(period)
    if state.period == period:
        return state
    engine = state.engine
    return after_incident(replace(state, period=period, engine=_restarted(engine), bets=None))


def fresh_engine(stream: Stream, n_probes: int) -> ScoreState | TallyState:
    """Return the engine of a stream before its first run."""
    return start_tallies(n_probes, SETTINGS) if stream.tallied else start_scores(SETTINGS)


def follows_rule(stream: Stream, state: StreamState) -> bool:
    """Say whether a state came about by the settings in force; otherwise its steps must be made again."""
    engine = state.engine
    if engine is None or not engine.runs:
        return True
    day = None if state.day is None else state.day.settings
    fast = stream.day_sd > 0 and stream.signal is not Signal.IDENTITY
    return (
        engine.settings == SETTINGS
        and isinstance(engine, TallyState) == stream.tallied
        and day == (day_settings(stream) if fast else None)
        and (state.levels is None or (stream.day_sd > 0 and state.levels.settings == day_settings(stream)))
    )


def step(
    stream: Stream, state: StreamState, score: Score, u: float, n_probes: int
) -> tuple[StreamState, NormalScoreStep]:
    """Take one run's score into a stream's engine.

    Args:
        stream: which.
        state: from the run before, in the right period.
        score: of this run, with something measured.
        u: from `draw`.
        n_probes: probes of the stream, for its first run.
    """
    engine = state.engine if state.engine is not None else fresh_engine(stream, n_probes)
    made: ScoreState | TallyState
    if isinstance(engine, TallyState):
        made, done = step_tallies(engine, score.successes, score.trials, u)
    else:
        assert score.score is not None
        made, done = step_score(engine, score.score, u)
    bets = bet(state.bets, done.run, done.p, engine.settings.temper) if done.counted else None
    return _with_day(stream, replace(state, engine=made, bets=bets), score, n_probes), done


def day_settings(stream: Stream) -> DayEffectSettings:
    """Return the incident tier's settings for a stream: one day in twenty may lose answers at random.

    How far apart ordinary days lie is learnt where answers are right or wrong. Who answers is judged with the
    spread that the config names: that is what its false alarms were measured with.
    """
    effects = day_prior(stream.day_sd)
    if stream.signal is Signal.IDENTITY:
        return DayEffectSettings(effects=effects, spreads=NARROW)
    return DayEffectSettings(effects=effects)


def _with_day(stream: Stream, state: StreamState, score: Score, n_probes: int) -> StreamState:
    """Return the state with one more run taken into the incident tier."""
    if not stream.day_sd:
        return replace(state, day=None, levels=None, day_log_e=None)
    if stream.signal is Signal.IDENTITY:
        return _with_levels(stream, state, score)
    day = state.day or start_day_effect(n_probes, day_settings(stream))
    day, done = step_day_effect(day, score.successes, score.trials)
    return replace(state, day=day, day_log_e=(done.log_e, -np.inf) if done.counted else None)


def _with_levels(stream: Stream, state: StreamState, score: Score) -> StreamState:
    """Return an identity stream's state with one more run taken into the incident tier.

    Steps from before the tier watched identity carry no tallies: they are left out.
    """
    if not score.trials:
        return state
    levels = state.levels or start_new_levels(len(score.trials), day_settings(stream))
    levels, done = step_new_levels(levels, score.successes, score.trials)
    return replace(state, levels=levels, day_log_e=(done.log_down, done.log_up) if done.counted else None)


def after_incident(state: StreamState) -> StreamState:
    """Return a stream whose incident tier starts from no evidence; what it knows of the probes is kept."""
    if state.levels is not None:
        return replace(state, levels=restart_new_levels(state.levels), day_log_e=None)
    if state.day is None:
        return state
    return replace(state, day=restart_day_effect(state.day), day_log_e=None)


def rebuilt(
    stream: Stream, state: StreamState, past: list[tuple[Score, float]], since_us: int, n_probes: int
) -> StreamState:
    """Return a stream begun again from some past runs, with no evidence: what follows an alarm.

    Args:
        stream: which.
        state: as it stands.
        past: (score, u) of the runs since the estimated date.
        since_us: that date.
        n_probes: probes of the stream.
    """
    begun = replace(
        state, engine=fresh_engine(stream, n_probes), bets=None, day=None, levels=None, day_log_e=None,
        since_us=since_us,
    )  # fmt: skip
    for score, u in past:
        begun, _ = step(stream, begun, score, u, n_probes)
    return after_incident(replace(begun, engine=_restarted(begun.engine), bets=None))


def with_reference(state: StreamState, answers: Mapping[str, Mapping[str, int]]) -> StreamState:
    """Return an identity stream's state with one more of the runs that make its reference."""
    return replace(state, reference=(*state.reference, {p: dict(c) for p, c in sorted(answers.items())}))


def reference_ready(state: StreamState) -> bool:
    """Say whether the reference is frozen: from then on runs are measured against it."""
    return len(state.reference) >= REFERENCE_RUNS


def reference_of(state: StreamState) -> dict[str, dict[str, float]]:
    """Return the frozen reference's answer shares."""
    return reference_shares(list(state.reference))


def score_input(stream: Stream, score: Score, answers: Mapping[str, Mapping[str, int]] | None) -> bytes:
    """Return what a step takes in as canonical JSON: enough to make the step again without the tallies."""
    body: dict[str, JSON] = {"score": score.score}
    if stream.tallied or score.trials:
        body |= {"successes": list(score.successes), "trials": list(score.trials)}
    if stream.signal is Signal.IDENTITY and answers is not None:
        body["answers"] = {probe: dict(counts) for probe, counts in sorted(answers.items())}
    return canonical_json(body)


def read_input(stored: bytes, value: float | None, n: int, planned: int) -> Score:
    """Return the score a stored step took in."""
    body = json.loads(stored)
    return Score(
        value, body.get("score"), n, planned, tuple(body.get("successes", ())), tuple(body.get("trials", ()))
    )


def log_average(parts: list[tuple[float, float]]) -> float:
    """Return the log of a weighted average, from (weight, log value)."""
    known = [(weight, value) for weight, value in parts if weight > 0 and value > -np.inf]
    if not known:
        return -np.inf
    top = max(value for _, value in known)
    return top + log(sum(weight * exp(value - top) for weight, value in known))


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bets_json(bets: RankBets) -> dict[str, JSON]:
    return {"first": bets.first, "n_scores": bets.n_scores, "down": _text(bets.down), "up": _text(bets.up)}


def _read_bets(body: Mapping[str, Any] | None) -> RankBets | None:
    if body is None:
        return None
    return RankBets(
        body["first"], body["n_scores"], base64.b64decode(body["down"]), base64.b64decode(body["up"])
    )


def _read_logs(body: list[float | None]) -> tuple[float, float]:
    down, up = (-np.inf if each is None else each for each in body)
    return down, up


def _restarted(engine: ScoreState | TallyState | None) -> ScoreState | TallyState | None:
    if isinstance(engine, TallyState):
        return restart(replace(engine, settings=SETTINGS))
    return None if engine is None else restart(replace(engine, settings=SETTINGS))


def _log_mean(rows: tuple[tuple[float, ...], ...]) -> float:
    values = np.array(rows, dtype=np.float64).ravel()
    return float(np.logaddexp.reduce(values) - log(values.size))
