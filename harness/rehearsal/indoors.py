"""A world lived in one process: plan, simulated provider, wire format, adapter, graders, streams, findings.

No HTTP and no database, so that hundreds of years can be lived. Replies still go through a protocol's bytes, its
adapter, the outcome rules and the graders; one that was read before, to the same probe, is not read again, since
reading is pure.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from harness.claims import Finding
from harness.config import Config, Endpoint
from harness.endpoints import adapter
from harness.findings import COUNTS, InMemory, RunTallies
from harness.findings.streams import NEAR_TIE
from harness.observe import observe
from harness.records import Exchange, Observation, Outcome, Probe, Timing, derive_seed
from harness.rehearsal.life import calls_per_day, config_of, moment_us, run_days
from harness.rehearsal.provider import Provider, providers
from harness.rehearsal.script import Asked, Kind, Scripted, settled
from harness.rehearsal.server import FORMATS
from harness.rehearsal.wire import encode
from harness.rehearsal.world import World
from harness.store.tallies import COLUMNS, counts
from harness.suites import Suite

_ADDRESS = "http://127.0.0.1:9"
"""Stands in the config; nothing is sent there."""
_KEPT_READINGS = 200_000


@dataclass(frozen=True, slots=True)
class Indoors:
    """What a life without HTTP and database came to."""

    findings: tuple[Finding, ...]
    calls_per_day: Mapping[str, float]


class _Reader:
    """What replies mean, each distinct one read once."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], Observation] = {}

    def read(self, asked: Asked, reply: Scripted, probe: Probe, endpoint: Endpoint) -> Observation:
        key = (
            endpoint.protocol, probe.messages, reply.kind, reply.text, reply.calls, reply.served_model,
            reply.announce_fallback, reply.trouble, reply.category, reply.input_tokens, reply.output_tokens,
        )  # fmt: skip
        known = self._known.get(key)
        if known is None:
            known = _observed(asked, reply, probe, endpoint)
            if len(self._known) < _KEPT_READINGS:
                self._known[key] = known
        return known


def _observed(asked: Asked, reply: Scripted, probe: Probe, endpoint: Endpoint) -> Observation:
    said = FORMATS[endpoint.protocol].plain(asked, settled(reply, asked))
    body = encode(said.document)
    headers = (("content-type", "application/json"),)
    exchange = Exchange(
        call_id="", index=0, attempt=1, final=True, endpoint="", suite="", probe_id=probe.id, sample=0, seed=0,
        protocol=endpoint.protocol, streamed=False, method="POST", url=endpoint.url or "", request_headers=(),
        request_body=b"", status=said.status, response_headers=headers, response_body=body, failure=None,
        failure_detail="", timing=Timing(0, 0.0),
    )  # fmt: skip
    read = adapter(endpoint.protocol).read(said.status, headers, body, streamed=False)
    return observe(exchange, probe, endpoint, read)


def live_indoors(world: World, suites: Mapping[str, Suite]) -> Indoors:
    """Live through a world's days.

    Args:
        world: what happens.
        suites: the suites it names.

    Raises:
        UsageError: a probe's answers cannot be made up.
    """
    config = config_of(world, _ADDRESS)
    minds = providers(world)
    streams = InMemory.of(config, suites, world.days * world.runs_per_day)
    reader = _Reader()
    for run_id, at in enumerate(run_days(world), 1):
        seed = derive_seed("run", config.run.seed, run_id)
        asked = {name: suite.for_run(seed) for name, suite in suites.items()}
        for mind in minds.values():
            mind.teach(asked.values())
            mind.begin_run(run_id, at)
        streams.take(_run(config, asked, minds, reader, run_id, moment_us(world, at), seed))
    return Indoors(tuple(streams.findings), calls_per_day(world, config, suites))


def _run(
    config: Config,
    suites: Mapping[str, Suite],
    minds: Mapping[str, Provider],
    reader: _Reader,
    run_id: int,
    started_us: int,
    seed: int,
) -> RunTallies:
    rows: list[tuple[object, ...]] = []
    answers: dict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    served: dict[str, Counter[str]] = defaultdict(Counter)
    denied: dict[str, set[str]] = defaultdict(set)
    for name, endpoint in config.endpoints.items():
        for suite_name, suite in suites.items():
            for probe in suite.probes:
                total = [0.0] * len(COLUMNS)
                for sample in range(config.suites[suite_name].samples):
                    seen = _ask(
                        endpoint, minds[name], reader, probe, derive_seed(seed, name, probe.id, sample)
                    )
                    total = [one + more for one, more in zip(total, counts(seen, 0.0), strict=True)]
                    served[name][seen.served_model or ""] += 1
                    if seen.outcome is Outcome.DENIED:
                        denied[name].add(seen.reason or "")
                    if probe.family == NEAR_TIE and seen.answer is not None:
                        answers[name, suite_name, probe.id][seen.answer] += 1
                rows.append((name, suite_name, probe.id, *total))
    table = pd.DataFrame(rows, columns=["endpoint", "suite", "probe_id", *COLUMNS])
    asked = frozenset((name, suite) for name in config.endpoints for suite in suites)
    return RunTallies(
        *(run_id, started_us, seed, table[["endpoint", "suite", "probe_id", *COUNTS]], asked),
        {key: dict(each) for key, each in answers.items()},
        {name: {model: n for model, n in each.items() if model} for name, each in served.items()},
        {name: tuple(sorted(each)) for name, each in denied.items()},
    )


def _ask(endpoint: Endpoint, mind: Provider, reader: _Reader, probe: Probe, seed: int) -> Observation:
    """Ask once, and again as often as the runner would."""
    limit = probe.parameters.get("max_tokens")
    asked = Asked(
        endpoint.protocol,
        endpoint.model,
        probe.messages,
        seed=seed,
        max_tokens=limit if isinstance(limit, int) else None,
    )
    for attempt in range(endpoint.limits.attempts):
        reply = mind(asked)
        seen = reader.read(asked, reply, probe, endpoint)
        last = attempt + 1 == endpoint.limits.attempts
        if reply.kind is not Kind.ERROR or last or seen.outcome is not Outcome.FAILED:
            return seen
    raise AssertionError("an endpoint is asked at least once")
