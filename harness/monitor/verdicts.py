"""The verdicts of judges on one run's answers, read again from the stored exchanges."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from harness.graders import judge as grader
from harness.monitor.stored import endpoints_of
from harness.observe import Asked, observe, read_reply
from harness.records import (
    Exchange,
    Grade,
    Outcome,
    Probe,
)
from harness.store import Store, Stored


class Verdicts:
    """The verdicts on one run's answers, read from the judges' exchanges."""

    def __init__(self, store: Store, run_id: int) -> None:
        self._store = store
        self.run_id = run_id
        self.probes: Mapping[tuple[str, str], Probe] = {
            (used.name, probe.id): probe for used in store.suites(run_id) for probe in used.probes
        }
        self.endpoints = endpoints_of(store, run_id)
        self.needed = any(grader.judge_of(probe) is not None for probe in self.probes.values())
        self._judges = lru_cache(maxsize=64)(self._judge)

    def _judge(self, judge_run_id: int) -> tuple[Mapping[str, Probe], Mapping[str, Asked]]:
        (used,) = self._store.suites(judge_run_id)
        return {probe.id: probe for probe in used.probes}, endpoints_of(self._store, judge_run_id)

    def asked(self, exchange: Exchange) -> tuple[Probe, Asked] | None:
        """Return what an exchange asked of whom; None where the stored config does not describe its endpoint."""
        endpoint = self.endpoints.get(exchange.endpoint)
        return None if endpoint is None else (self.probes[exchange.suite, exchange.probe_id], endpoint)

    def of(self) -> dict[int, grader.Verdict]:
        """Return row of a judged exchange -> the verdict that counts."""
        found: dict[int, grader.Verdict] = {}
        for row_id, judgement in self._store.judgements.of_run(self.run_id).items() if self.needed else ():
            (stored,) = self._store.exchange(str(judgement.judge_exchange_id))
            verdict = self.read(stored)
            if verdict is not None:
                found[row_id] = verdict
        return found

    def read(self, stored: Stored) -> grader.Verdict | None:
        """Return the verdict in a judge's exchange; None when it failed, refused or was cut."""
        probes, endpoints = self._judges(stored.run_id)
        probe, endpoint = probes[stored.exchange.probe_id], endpoints.get(stored.exchange.endpoint)
        if endpoint is None:
            return None
        meant = observe(stored.exchange, probe, endpoint)
        if meant.outcome not in (Outcome.ANSWERED, Outcome.UNPARSED):
            return None
        return grader.Verdict(Grade(meant.score, meant.answer), str(probe.options["form"]))

    def model_of(self, stored: Stored) -> tuple[str, str | None]:
        """Return (requested, served) model of a judge's exchange."""
        _, endpoints = self._judges(stored.run_id)
        reply = read_reply(stored.exchange)
        return endpoints[stored.exchange.endpoint].model, reply.served_model if reply else None
