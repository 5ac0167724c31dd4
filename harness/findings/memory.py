"""Streams kept in memory: for simulations from tallies to findings, without a database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pandas as pd

from harness.claims import Finding, Standing
from harness.config import Config
from harness.findings.alarms import Event, Key, Step
from harness.findings.history import Point
from harness.findings.ledger import Ledger, ledger
from harness.findings.scores import Layout, RunTallies
from harness.findings.state import StreamState
from harness.findings.update import Update, update
from harness.suites import Suite


@dataclass(slots=True)
class InMemory:
    """One config's streams, its runs taken in one after the other."""

    ledger: Ledger
    layout: Layout
    coverage_min: float
    level: float
    simulated: bool = True
    period: int = 1
    keep_tallies: bool = True
    """Keep every run's tallies, which explaining a finding reads; without them a finding has no parts."""
    states: dict[Key, StreamState] = field(default_factory=dict)
    steps: dict[Key, list[tuple[int, int, Step]]] = field(default_factory=lambda: defaultdict(list))
    """(run, start in microseconds, step) of every stream."""
    findings: list[Finding] = field(default_factory=list)
    """As they stand."""
    events: list[Event] = field(default_factory=list)
    _tables: dict[int, pd.DataFrame] = field(default_factory=dict)

    @classmethod
    def of(cls, config: Config, suites: Mapping[str, Suite], runs: int | None = None) -> InMemory:
        """Return the streams of a config before their first run.

        Args:
            config: who is asked what.
            suites: name -> suite.
            runs: runs the budget is for within the horizon; left out, one a day.
        """
        wanted = config.findings
        return cls(ledger(config, suites, runs), Layout(config, suites), wanted.coverage_min, wanted.level)

    def take(self, run: RunTallies) -> Update:
        """Take one run in; its findings are added to `findings`."""
        made = update(
            self.states,
            run,
            self.ledger,
            self.layout,
            self.period,
            self,
            coverage_min=self.coverage_min,
            level=self.level,
            simulated=self.simulated,
            earlier=[each for each in self.findings if each.standing is not Standing.WITHDRAWN],
        )
        self.states.update(made.states)
        for step in made.steps:
            self.steps[step.key].append((run.run_id, run.started_us, step))
        if self.keep_tallies:
            self._tables[run.run_id] = run.table.assign(run_id=run.run_id)
        self.findings += made.findings
        self.events += made.events
        standing = {event.finding_id: event.standing for event in made.events}
        self.findings = [
            replace(each, standing=standing.get(each.id, each.standing)) for each in self.findings
        ]
        return made

    def points(self, streams: Sequence[Key]) -> Mapping[str, list[Point]]:
        """Return the past runs of some streams; see `History`."""
        return {
            key[0]: [
                Point(run_id, started_us, step.score.value, step.score.coverage, step.u, step.score)
                for run_id, started_us, step in self.steps.get(key, ())
                if step.u is not None and step.score.value is not None
            ]
            for key in streams
        }

    def tallies(self, endpoints: Sequence[str], run_ids: Sequence[int]) -> pd.DataFrame:
        """Return the tallies of some runs; see `History`."""
        tables = [self._tables[run_id] for run_id in run_ids if run_id in self._tables]
        if not tables:
            return pd.DataFrame()
        table = pd.concat(tables, ignore_index=True)
        return table[table["endpoint"].isin(list(endpoints))]

    def calls(self, run_id: int, endpoint: str, suite: str, probes: Sequence[str]) -> Mapping[str, str]:
        """Return no call: nothing was sent."""
        del run_id, endpoint, suite, probes
        return {}
