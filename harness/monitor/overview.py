"""What was found so far, and how everything else stands: read from the store alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness import findings
from harness.claims import Finding, StreamKey, Tier, finding_json
from harness.config import Config
from harness.findings import Layout, Stream, StreamStanding
from harness.findings.replay import PastStep, Replayed, replay
from harness.monitor.claims import StoredHistory, planned_ledger, stream_states
from harness.records import JSON, utc_text
from harness.store import EventRow, PeriodRow, Store
from harness.suites import Suite
from harness.tables import Claims


@dataclass(frozen=True, slots=True)
class Overview:
    """All findings of a database with what became of them, and how the streams of its newest period stand."""

    findings: tuple[Finding, ...]
    events: dict[str, list[EventRow]]
    streams: tuple[StreamStanding, ...]
    periods: tuple[PeriodRow, ...]
    runs: int
    """Runs taken into the streams so far."""

    def as_json(self) -> dict[str, JSON]:
        """Return it in the form that docs/findings.md describes."""
        return {
            "format": "harness.findings/1",
            "findings": [_finding(each, self.events.get(each.id, [])) for each in self.findings],
            "streams": [each.as_json() for each in self.streams],
            "ledger": [
                {
                    "period": each.id,
                    "world": each.world,
                    "opened_at": utc_text(each.opened_us),
                    "reason": each.reason,
                    "ledger": json.loads(each.ledger),
                }
                for each in self.periods
            ],
            "runs": self.runs,
        }


def _finding(finding: Finding, events: Sequence[EventRow]) -> JSON:
    listed: list[JSON] = [
        {"standing": each.standing.value, "at": utc_text(each.at_us), "words": each.words} for each in events
    ]
    return finding_json(finding) | {
        "standing": finding.standing.value,
        "found_at": utc_text(finding.found_us),
        "events": listed,
    }


def overview(store: Store) -> Overview:
    """Return what was found, and how the streams of the newest period stand.

    Args:
        store: open for reading. Streams, margin and level are those of the stored ledger, so no config is needed.
    """
    periods = tuple(store.findings.periods())
    standings: list[StreamStanding] = []
    if periods:
        newest = periods[-1]
        ledger = json.loads(newest.ledger)
        watched = _watched(ledger)
        points = StoredHistory(store, newest.world).points([(each.name, each.definition) for each in watched])
        wanted = ledger["settings"]["claims"]
        standings = findings.standings(
            *(watched, stream_states(store, newest.world), points, newest.id),
            margin=wanted["margin"],
            level=wanted["level"],
        )
    found = store.findings.findings()
    updates = store.findings.updates()
    return Overview(tuple(found), store.findings.events(), tuple(standings), periods, len(updates))


def _watched(ledger: dict[str, Any]) -> list[Stream]:
    """Return the counted streams of a stored ledger."""
    return [
        Stream(StreamKey(**each["key"]), each["group"], each["definition"], each["planned"])
        for each in ledger["streams"]
        if each["weight"] > 0
    ]


def claims_of(store: Store) -> Claims:
    """Return what reports tell of findings."""
    whole = overview(store)
    return Claims(
        whole.findings,
        {
            finding_id: tuple((each.standing.value, each.at_us, each.words) for each in events)
            for finding_id, events in whole.events.items()
        },
        tuple((each.key.name, each.verdict.value, each.words) for each in whole.streams),
        tuple((each.opened_us, each.reason, json.loads(each.ledger)) for each in whole.periods),
        whole.runs,
    )


def replay_streams(config: Config, suites: dict[str, Suite], store: Store) -> list[Replayed]:
    """Make the streams of a config again from their stored steps, from nothing, and compare.

    Args:
        config: whose streams.
        suites: its suites.
        store: open for reading.
    """
    ledger, layout = planned_ledger(config, suites), Layout(config, suites)
    restarts = {
        (each.run_id, each.stream.name): each.since
        for each in store.findings.findings()
        if each.tier is Tier.PERSISTENT
    }
    period_of = {each.id: each.period_id for each in store.findings.updates()}
    made: list[Replayed] = []
    for world in ("real", "simulated"):
        states = stream_states(store, world)
        for stream in ledger.streams:
            key = (stream.name, stream.definition)
            if key not in states:
                continue
            rows = store.findings.steps(world, [key], inputs=True)[key]
            past = []
            for row in rows:
                since = restarts.get((row.run_id, row.stream))
                past.append(
                    PastStep(
                        *(row.run_id, row.started_us, period_of[row.update_id], row.status, row.value, row.n),
                        *(row.planned, row.u, row.input),
                        since.best_us if since is not None else 0,
                    )
                )
            made.append(replay(stream, past, states[key], len(layout.probes(stream))))
    return made
