"""What was found so far, and how everything else stands: read from the store alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from harness import findings
from harness.claims import Finding, Tier, finding_json
from harness.config import Config
from harness.findings import Layout, StreamStanding
from harness.findings.replay import PastStep, Replayed, replay
from harness.monitor.claims import StoredHistory, planned_ledger, stream_states
from harness.records import JSON, utc_text
from harness.store import EventRow, PeriodRow, Store
from harness.suites import Suite


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


def overview(config: Config | None, suites: dict[str, Suite] | None, store: Store) -> Overview:
    """Return what was found, and how the streams stand.

    Args:
        config: of the database; None leaves the streams out.
        suites: the config's.
        store: open for reading.
    """
    periods = tuple(store.findings.periods())
    updates = store.findings.updates()
    standings: list[StreamStanding] = []
    if config is not None and suites is not None and periods:
        ledger, newest = planned_ledger(config, suites), periods[-1]
        names = [(stream.name, stream.definition) for stream in ledger.streams if stream.counted]
        points = StoredHistory(store, newest.world).points(names)
        wanted = config.findings
        standings = findings.standings(
            *(ledger, stream_states(store, newest.world), points, newest.id),
            margin=wanted.margin,
            level=wanted.level,
        )
    found = store.findings.findings()
    return Overview(tuple(found), store.findings.events(), tuple(standings), periods, len(updates))


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
