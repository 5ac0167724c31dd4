"""What was found so far, and how everything else stands: read from the store alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness import findings
from harness.claims import Finding, StreamKey, finding_json
from harness.config import Config
from harness.findings import Layout, Past, Replayed, Stream, StreamStanding
from harness.monitor.claims import last_evidence, planned_ledger, points_of
from harness.monitor.states import begun, replay_all
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
        steps = store.findings.steps(newest.world, [(each.name, each.definition) for each in watched])
        current = {each.id for each in store.findings.updates(newest.world) if each.period_id == newest.id}
        since = begun(store, newest.world)
        past = {
            key: Past(points_of(rows), since.get(key, 0), last_evidence(rows, current))
            for key, rows in steps.items()
        }
        wanted = ledger["settings"]["claims"]
        standings = findings.standings(watched, past, margin=wanted["margin"], level=wanted["level"])
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
    return [
        each for world in ("real", "simulated") for each in replay_all(store, world, ledger.streams, layout)
    ]
