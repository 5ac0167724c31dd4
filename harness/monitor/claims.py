"""Findings around a run: the ledger's period before the first call, one step per stream after the last."""

from __future__ import annotations

import json
from collections.abc import Container, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from math import ceil

import pandas as pd

from harness import findings
from harness.claims import Standing
from harness.config import Config
from harness.findings import COUNTS, Layout, Ledger, Point, RunTallies, Step
from harness.findings.explain import MAKERS
from harness.findings.state import read_input
from harness.findings.streams import NEAR_TIE, asked_of
from harness.monitor.schedule import moments
from harness.monitor.states import stream_states, told
from harness.records import RunHeader, canonical_json
from harness.store import EventRow, PeriodRow, StepRow, Store, UpdateRow
from harness.suites import Suite

DAY_US = 86_400_000_000
_FIRST_MONDAY = datetime(2026, 1, 5, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Claims:
    """The streams of a config, ready for a run."""

    ledger: Ledger
    layout: Layout
    period: PeriodRow
    notes: tuple[str, ...]
    """What a person should know: a new period and why."""


def expected_runs(config: Config) -> int:
    """Return how many runs the schedules and the reserve plan within the horizon, counted from a fixed Monday.

    Where an endpoint is on several schedules their runs add up; the endpoint with the most counts for all.
    """
    days = config.findings.horizon_days
    planned = max(
        sum(
            per_day(schedule.cron)
            for schedule in config.schedules.values()
            if schedule.endpoints is None or endpoint in schedule.endpoints
        )
        for endpoint in config.endpoints
    )
    # Every extra run is paid for beforehand, as if all of them went to one endpoint.
    extra = config.confirmation.runs_per_month * days / 30
    return max(days, ceil(planned * days)) + ceil(extra)


@lru_cache(maxsize=256)
def per_day(cron: str) -> float:
    """Return how often a cron line comes due a day: over four weeks, or a year where it is rarer than daily."""
    for days in (28, 364):
        until = _FIRST_MONDAY + timedelta(days=days)
        count = sum(1 for _ in moments(cron, _FIRST_MONDAY, until))
        if count >= days:
            break
    return count / days


def planned_ledger(config: Config, suites: Mapping[str, Suite]) -> Ledger:
    """Return the ledger that a config, its schedules and its suites give."""
    return findings.ledger(config, suites, expected_runs(config))


def open_claims(config: Config, suites: Mapping[str, Suite], store: Store, now_us: int, clock: str) -> Claims:
    """Return the streams before a run; begin a new period of the ledger where anything about them changed.

    A new period begins, and is told, when the config, a suite, a grader or a rule changed, when the horizon has
    passed, and when more runs were made in it than the budget is for.
    """
    made = planned_ledger(config, suites)
    layout = Layout(config, suites)
    world = world_of(clock)
    before = store.findings.period(world)
    reason, year_us = "", now_us
    if before is None:
        reason = "the first period"
    else:
        over = now_us - before.year_us >= json.loads(before.ledger)["horizon_days"] * DAY_US
        used = store.findings.updates_since(world, before.year_us)
        if over:
            reason = "the horizon has passed: a new budget begins"
        elif used >= made.runs:
            reason = f"{used} runs were made, as many as the budget is for: another budget begins"
        else:
            year_us = before.year_us
            if before.ledger != made.text:
                reason = "; ".join(findings.changes(before.ledger, made.text))
    if before is not None and not reason:
        return Claims(made, layout, before, ())
    period = store.findings.open_period(world, now_us, year_us, reason, made.text)
    told = () if before is None else (f"alpha ledger: period {period.id} begins: {reason}",)
    return Claims(made, layout, period, told)


def world_of(clock: str) -> str:
    """Return which streams a run belongs to: simulated runs have their own and never enter real ones."""
    return "simulated" if clock == "simulated" else "real"


def take_in(config: Config, claims: Claims, store: Store, run_id: int, now_us: int) -> UpdateRow | None:
    """Take a finished run into the streams, once; return what was stored, or None when it was taken in before.

    Args:
        config: who is asked what.
        claims: from before the run.
        store: open for writing.
        run_id: the run.
        now_us: the present moment.
    """
    if store.findings.has_update(run_id):
        return None
    header = store.run_header(run_id)
    world = world_of(header.clock)
    mine = [stream for stream in claims.ledger.streams if stream.key.endpoint in header.endpoints]
    states = stream_states(store, world, mine, claims.layout)
    wanted = config.findings
    made = findings.update(
        states.found,
        run_tallies(config, store, run_id, header),
        claims.ledger,
        claims.layout,
        claims.period.id,
        StoredHistory(store, world),
        coverage_min=wanted.coverage_min,
        level=wanted.level,
        simulated=world == "simulated",
        earlier=[each for each in store.findings.findings() if each.standing is not Standing.WITHDRAWN],
    )
    anew = sum(key in states.anew for key in made.states)
    notes = (*((header.reason,) if header.reason else ()), *((told(anew),) if anew else ()), *made.notes)
    row = UpdateRow(
        *(run_id, claims.period.id, now_us, MAKERS, notes),
        *(tuple(_row(step) for step in made.steps), made.findings),
        tuple(EventRow(each.finding_id, each.standing, each.words) for each in made.events),
    )
    return store.findings.commit(row, world)


def run_tallies(config: Config, store: Store, run_id: int, header: RunHeader) -> RunTallies:
    """Return what findings need of a stored run."""
    counts = store.findings.counts(run_id)
    table = pd.DataFrame(counts.rows, columns=list(counts.columns))
    asked = {
        (endpoint, suite)
        for endpoint in header.endpoints
        if endpoint in config.endpoints
        for suite in asked_of(config, endpoint)
        if suite in header.suites
    }
    answers: dict[tuple[str, str, str], Mapping[str, int]] = {}
    for suite in sorted({suite for _, suite in asked}):
        answers |= store.findings.answers(run_id, suite, (NEAR_TIE,))
    return RunTallies(
        *(run_id, header.started_us, header.seed, table, frozenset(asked), answers),
        *(counts.served, counts.denied_for),
    )


def _row(step: Step) -> StepRow:
    score = step.score
    return StepRow(
        *(
            step.stream.name,
            step.stream.definition,
            step.status,
            score.value,
            score.score,
            score.n,
            score.planned,
        ),
        *(step.u, step.log_e_down, step.log_e_up, step.input),
        key=canonical_json(asdict(step.stream.key)).decode(),
        state=step.state.encode(),
    )


def points_of(rows: Sequence[StepRow], *, inputs: bool = False) -> list[Point]:
    """Return a stream's measured runs, with what they took in if that was read."""
    return [
        Point(
            *(row.run_id, row.started_us, row.value, min(1.0, row.n / row.planned) if row.planned else 1.0),
            *(row.u, read_input(row.input, row.value, row.n, row.planned) if inputs else None),
        )
        for row in rows
        if row.u is not None and row.value is not None
    ]


def last_evidence(rows: Sequence[StepRow], current: Container[int]) -> tuple[float, float] | None:
    """Return the log evidence for a drop and a rise as a stream's newest step left it; None when there is none.

    Args:
        rows: its steps, oldest first.
        current: updates of the ledger's period; in another one the evidence has begun again.
    """
    last = rows[-1] if rows else None
    if last is None or last.update_id not in current or last.status == "restarted":
        return None
    if last.log_e_down is None or last.log_e_up is None:
        return None
    return last.log_e_down, last.log_e_up


class StoredHistory:
    """The runs before, as findings look back at them; see `findings.History`."""

    def __init__(self, store: Store, world: str) -> None:
        self._store = store
        self._world = world

    def points(self, streams: Sequence[tuple[str, str]]) -> Mapping[str, list[Point]]:
        """Return the past runs of some streams, oldest first, by name; missing runs left out."""
        stored = self._store.findings.steps(self._world, streams, inputs=True)
        return {name: points_of(rows, inputs=True) for (name, _), rows in stored.items()}

    def tallies(self, endpoints: Sequence[str], run_ids: Sequence[int]) -> pd.DataFrame:
        """Return one row per run, endpoint, suite and probe."""
        if not run_ids:
            return pd.DataFrame()
        found = self._store.tallies(endpoints=list(endpoints), run_ids=list(run_ids))
        return found[["run_id", "endpoint", "suite", "probe_id", *COUNTS]]

    def calls(self, run_id: int, endpoint: str, suite: str, probes: Sequence[str]) -> Mapping[str, str]:
        """Return one call id per probe in a run."""
        return self._store.findings.call_ids(run_id, endpoint, suite, probes)
