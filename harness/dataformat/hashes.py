"""Hashes made again from records alone, as a stranger with a JSON library and SHA-256 would make them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from harness.dataformat.lines import ExchangeLine, OriginData, RunLine
from harness.dataformat.questions import EndpointLine, ProbeData, ProbeLine, SuiteLine
from harness.records import JSON, canonical_json

ALGORITHM = "sha256"
IMPORTED = "import:"
"""How the trigger of an imported run begins; the hash of its origin follows."""


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _real(value: float | None) -> float | None:
    return None if value is None else float(value) + 0.0  # zero without a sign, as the database gives it back


def plain_probe(probe: ProbeData) -> dict[str, Any]:
    """Return a probe as the JSON that is hashed: `tools` only where there are some."""
    return probe.model_dump(exclude=None if probe.tools else {"tools"})


def exchange_form(line: ExchangeLine) -> bytes:
    """Return the bytes that an exchange's hash is over. Bodies enter by their hash: they may have been left out."""
    timing = line.timing
    form: dict[str, JSON] = {
        "algorithm": ALGORITHM,
        "attempt": line.attempt,
        "call_id": line.call_id,
        "endpoint": line.endpoint,
        "failure": None if line.failure is None else line.failure.value,
        "failure_detail": line.failure_detail,
        "final": line.final,
        "format": "harness.exchange/1",
        "index": line.index,
        "method": line.request.method,
        "previous": line.previous,
        "probe_id": line.probe_id,
        "protocol": line.protocol,
        "redacted": line.redacted,
        "request_body_sha256": line.request.body.sha256,
        "request_headers_sha256": _sha256(canonical_json(line.request.headers)),
        "response_body_sha256": line.response.body.sha256,
        "response_headers_sha256": _sha256(canonical_json(line.response.headers)),
        "sample": line.sample,
        "seed": line.seed,
        "status": line.response.status,
        "streamed": line.streamed,
        "suite": line.suite,
        "timing": {
            "first_token_ms": _real(timing.first_token_ms),
            "gap_max_ms": _real(timing.gap_max_ms),
            "gap_median_ms": _real(timing.gap_median_ms),
            "headers_ms": _real(timing.headers_ms),
            "sent_us": timing.sent_us,
            "total_ms": _real(timing.total_ms),
        },
        "url": line.request.url,
    }
    return canonical_json(form)


def exchange_hash(line: ExchangeLine) -> str:
    """Make an exchange's hash again, hex."""
    return _sha256(exchange_form(line))


def probe_hash(suite: str, probe: ProbeData) -> str:
    """Make a probe's hash again, hex."""
    return _sha256(canonical_json(suite) + b"\n" + canonical_json(plain_probe(probe)))


def suite_hash(line: SuiteLine) -> str:
    """Make a suite's hash again, hex."""
    form: dict[str, JSON] = {
        "algorithm": ALGORITHM,
        "content_hash": line.content_hash,
        "format": "harness.suite/1",
        "header_sha256": _sha256(canonical_json(line.header)),
        "name": line.name,
        "probes": line.probes,
        "version": line.version,
    }
    return _sha256(canonical_json(form))


def endpoint_hash(line: EndpointLine) -> str:
    """Make an endpoint's hash again, hex."""
    form = line.model_dump(exclude={"format", "sha256"})
    return _sha256(canonical_json(form | {"algorithm": ALGORITHM, "format": "harness.endpoint/1"}))


def run_hash(line: RunLine) -> str:
    """Make a run's own hash again, hex."""
    before = line.previous
    form: dict[str, JSON] = {
        "algorithm": ALGORITHM,
        "endpoints": line.endpoints,
        "format": "harness.run/1",
        "header_sha256": _sha256(canonical_json(line.header.model_dump())),
        "previous": None if before is None else before.model_dump(),
        "run": line.run,
        "suites": line.suites,
    }
    return _sha256(canonical_json(form))


def origin_hash(origin: OriginData) -> str:
    """Return the hash of an origin, hex: what the trigger of an imported run names."""
    return _sha256(
        canonical_json(origin.model_dump() | {"algorithm": ALGORITHM, "format": "harness.origin/1"})
    )


def event_hashes(line: RunLine) -> list[str]:
    """Make the hashes of a run's events again, in order, hex."""
    found: list[str] = []
    previous = line.hash
    for event in line.events:
        form = event.model_dump(exclude={"hash"}) | {
            "algorithm": ALGORITHM,
            "format": "harness.event/1",
            "previous": previous,
            "run": line.run,
            "status": event.status.value,
        }
        previous = _sha256(canonical_json(form))
        found.append(previous)
    return found


def check(line: SuiteLine | ProbeLine | EndpointLine | RunLine | ExchangeLine) -> str | None:
    """Say what in a record does not match its hash; None when all of it does."""
    if isinstance(line, RunLine):
        if run_hash(line) != line.hash:
            return f"run {line.run} does not match its hash"
        if line.origin is not None and line.header.trigger != f"{IMPORTED}{origin_hash(line.origin)}":
            return f"run {line.run} does not name the origin it has"
        made = event_hashes(line)
        wrong = [
            event.number for event, sha256 in zip(line.events, made, strict=True) if event.hash != sha256
        ]
        return f"event {wrong[0]} of run {line.run} does not match its hash" if wrong else None
    if isinstance(line, ExchangeLine):
        same = exchange_hash(line) == line.hash
        return None if same else f"exchange {line.number} of run {line.run} does not match its hash"
    if isinstance(line, ProbeLine):
        same = probe_hash(line.suite, line.probe) == line.sha256
        return None if same else f"probe {line.probe.id} of suite {line.suite} does not match its hash"
    if isinstance(line, SuiteLine):
        return None if suite_hash(line) == line.sha256 else f"suite {line.name} does not match its hash"
    return None if endpoint_hash(line) == line.sha256 else f"endpoint {line.name} does not match its hash"


def check_chain(run: RunLine, exchanges: Sequence[ExchangeLine]) -> str | None:
    """Say where a whole run's exchanges, in order, do not form its chain; None when they do."""
    previous = run.hash
    for number, line in enumerate(exchanges, 1):
        if line.number != number or line.previous != previous:
            return f"exchange {number} of run {run.run} is missing or out of place"
        previous = line.hash
    if previous != run.last or len(exchanges) != run.exchanges:
        return f"run {run.run} ends elsewhere: it has {run.exchanges} exchanges, {len(exchanges)} are here"
    return None
