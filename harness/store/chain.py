"""What is hashed, byte for byte: the canonical forms behind every hash in the database.

Each form is a JSON object in canonical form (sorted keys, no spaces, UTF-8) that names its algorithm and its own
version, so that anyone can make it again with any JSON library. Bodies and headers enter by their own hash: a copy
from which a body was left out can still be checked.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import fields

from harness.records import JSON, Exchange, Observation, Probe, Tool
from harness.store.rows import EndpointRecord, SuiteRecord

ALGORITHM = "sha256"
EXCHANGE_FORM = 1
"""Stored with each exchange; a later form gets the next number and old rows keep theirs."""

# The same bytes as records.canonical_json, without building an encoder per call: this is the hot path.
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


def canonical(value: JSON) -> bytes:
    """Return the one byte string for a JSON value; equal to `records.canonical_json`."""
    return _encode(value).encode("utf-8", "surrogatepass")


def plain(value: object) -> JSON:
    """Return JSON data of plain dicts and lists, whatever mappings and sequences hold it."""
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"{type(value).__name__} has no place in JSON")


def _fields(record: Probe | EndpointRecord) -> dict[str, JSON]:
    found: dict[str, JSON] = {}
    for field in fields(record):
        if isinstance(record, Probe) and field.name == "messages":
            found["messages"] = [{"role": each.role, "content": each.content} for each in record.messages]
        elif isinstance(record, Probe) and field.name == "tools":
            # Left out where there are none: probes stored before the field existed keep their hash.
            if record.tools:
                found["tools"] = [_fields_of_tool(each) for each in record.tools]
        else:
            found[field.name] = plain(getattr(record, field.name))
    return found


def _fields_of_tool(tool: Tool) -> JSON:
    return {"name": tool.name, "description": tool.description, "parameters": plain(tool.parameters)}


def digest(data: bytes) -> bytes:
    """Return the 32 bytes of SHA-256."""
    return hashlib.sha256(data).digest()


def _real(value: float | None) -> float | None:
    """Return a number as the database gives it back: a float, and zero without a sign."""
    return None if value is None else float(value) + 0.0


def exchange_hash(
    exchange: Exchange, previous: bytes, request_headers: bytes, reply_headers: bytes, reply_hash: bytes
) -> bytes:
    """Hash an exchange, chained to the one before it in its run.

    Args:
        exchange: every field of it goes in.
        previous: hash of the exchange before, or the run's own hash for its first.
        request_headers: the canonical JSON of `exchange.request_headers`, which the caller has at hand.
        reply_headers: the same of `exchange.response_headers`.
        reply_hash: SHA-256 of `exchange.response_body`.
    """
    timing = exchange.timing
    sha256 = hashlib.sha256
    return sha256(
        _encode(
            {
                "algorithm": ALGORITHM,
                "attempt": exchange.attempt,
                "call_id": exchange.call_id,
                "endpoint": exchange.endpoint,
                "failure": exchange.failure,
                "failure_detail": exchange.failure_detail,
                "final": exchange.final,
                "format": "harness.exchange/1",
                "index": exchange.index,
                "method": exchange.method,
                "previous": previous.hex(),
                "probe_id": exchange.probe_id,
                "protocol": exchange.protocol,
                "redacted": exchange.redacted,
                "request_body_sha256": sha256(exchange.request_body).hexdigest(),
                "request_headers_sha256": sha256(request_headers).hexdigest(),
                "response_body_sha256": reply_hash.hex(),
                "response_headers_sha256": sha256(reply_headers).hexdigest(),
                "sample": exchange.sample,
                "seed": exchange.seed,
                "status": exchange.status,
                "streamed": exchange.streamed,
                "suite": exchange.suite,
                "timing": {
                    "first_token_ms": _real(timing.first_token_ms),
                    "gap_max_ms": _real(timing.gap_max_ms),
                    "gap_median_ms": _real(timing.gap_median_ms),
                    "headers_ms": _real(timing.headers_ms),
                    "sent_us": timing.sent_us,
                    "total_ms": _real(timing.total_ms),
                },
                "url": exchange.url,
            }
        ).encode("utf-8", "surrogatepass")
    ).digest()


def probe_definition(probe: Probe) -> bytes:
    """Return a probe as canonical JSON."""
    return canonical(_fields(probe))


def probe_digest(suite: str, definition: bytes) -> bytes:
    """Hash a probe of a suite, given the probe's canonical JSON."""
    return digest(canonical(suite) + b"\n" + definition)


def suite_digest(suite: SuiteRecord, header: bytes, probes: Sequence[bytes]) -> bytes:
    """Hash a suite as used, given its header's canonical JSON and its probes' digests in order."""
    return digest(
        canonical(
            {
                "algorithm": ALGORITHM,
                "content_hash": suite.content_hash,
                "format": "harness.suite/1",
                "header_sha256": digest(header).hex(),
                "name": suite.name,
                "probes": [each.hex() for each in probes],
                "version": suite.version,
            }
        )
    )


def endpoint_digest(endpoint: EndpointRecord) -> bytes:
    """Hash an endpoint as used."""
    return digest(canonical(_fields(endpoint) | {"algorithm": ALGORITHM, "format": "harness.endpoint/1"}))


def run_hash(
    run_id: int,
    header: bytes,
    suites: Sequence[bytes],
    endpoints: Sequence[bytes],
    previous: tuple[int, bytes, int, bytes, bytes] | None,
) -> bytes:
    """Hash a run's beginning, chained to the run before it.

    Args:
        run_id: number of the run.
        header: its header's canonical JSON.
        suites: digests of the suites it asks, in order.
        endpoints: digests of the endpoints it asks, in order.
        previous: of the run before, as it stood: number, hash, count of exchanges, hash of the newest, hash of the
            newest event. None for the first run. Exchanges added to that run later (a resume) do not disturb this.
    """
    before: JSON = None
    if previous is not None:
        number, own, exchanges, last, event = previous
        before = {
            "event": event.hex(),
            "exchanges": exchanges,
            "hash": own.hex(),
            "last": last.hex(),
            "run": number,
        }
    return digest(
        canonical(
            {
                "algorithm": ALGORITHM,
                "endpoints": [each.hex() for each in endpoints],
                "format": "harness.run/1",
                "header_sha256": digest(header).hex(),
                "previous": before,
                "run": run_id,
                "suites": [each.hex() for each in suites],
            }
        )
    )


def event_hash(
    run_id: int,
    number: int,
    event: str,
    at_us: int,
    status: str,
    completed: int,
    exchanges: int,
    last: bytes,
    previous: bytes,
) -> bytes:
    """Hash an end or a resumption of a run, chained to the event before it (the first: to the run's own hash)."""
    return digest(
        canonical(
            {
                "algorithm": ALGORITHM,
                "at_us": at_us,
                "completed": completed,
                "event": event,
                "exchanges": exchanges,
                "format": "harness.event/1",
                "last": last.hex(),
                "number": number,
                "previous": previous.hex(),
                "run": run_id,
                "status": status,
            }
        )
    )


def seal_row_hash(
    number: int,
    made_us: int,
    manifest: bytes,
    signature: bytes,
    public_key: bytes,
    timestamp: bytes | None,
    previous: bytes | None,
) -> bytes:
    """Hash a stored seal, chained to the one before it."""
    return digest(
        canonical(
            {
                "algorithm": ALGORITHM,
                "format": "harness.seal-row/1",
                "made_us": made_us,
                "manifest_sha256": digest(manifest).hex(),
                "number": number,
                "previous": None if previous is None else previous.hex(),
                "public_key": public_key.hex(),
                "signature": signature.hex(),
                "timestamp_sha256": None if timestamp is None else digest(timestamp).hex(),
            }
        )
    )


def values_digest(values: Sequence[JSON]) -> bytes:
    """Hash the columns of an interned row (envelopes, verdicts, identities)."""
    return digest(canonical(values))


MARK_MODULUS = 1 << 61


def observation_mark(row_id: int, observation: Observation, past: tuple[int, int] | None = None) -> int:
    """Return the number by which an observation shows in its tally's checksum, 0 .. 2**61 - 1.

    Observations can be made again, so they are not chained; the sum of their marks shows one that was changed.

    Args:
        row_id: row of the exchange.
        observation: what it was judged to mean.
        past: for one that was replaced, its number and the time of replacement in microseconds.
    """
    seen = observation
    encoded = _encode(
        [
            *(row_id, seen.outcome, seen.rule, seen.evidence, seen.source, seen.degree, seen.category),
            *(seen.reason, seen.notice, seen.served_model, seen.rerouted, seen.unmapped, _real(seen.score)),
            *(
                seen.answer,
                _real(seen.refusal_score),
                seen.finish_reason,
                seen.fingerprint,
                seen.input_tokens,
            ),
            *(seen.output_tokens, _real(seen.cost_usd), seen.makers, past),
        ]
    )
    data = encoded.encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.sha256(data).digest()[:8], "big") % MARK_MODULUS
