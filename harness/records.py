"""The frozen types that cross rooms, canonical JSON, content hashes and derived seeds.

Everything here is data: no I/O, no clock, no global state. Times are UTC microseconds since 1970
(`*_us`); durations are milliseconds (`*_ms`); money is US dollars (`*_usd`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Literal, TypeAlias

JSON: TypeAlias = bool | int | float | str | Sequence["JSON"] | Mapping[str, "JSON"] | None
Headers = tuple[tuple[str, str], ...]


# --- canonical form ---------------------------------------------------------------------------


def canonical_json(value: JSON) -> bytes:
    """Return the one byte string for a JSON value: sorted keys, no spaces, UTF-8, no NaN.

    Raises:
        ValueError: the value holds NaN or an infinity, which JSON has no word for.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "surrogatepass")


def sha256(data: bytes) -> str:
    """Return the algorithm-tagged hash `sha256:<64 hex digits>`."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def derive_seed(*parts: str | int) -> int:
    """Return a seed in 0 .. 2**31-1 that depends on every part and on their order.

    31 bits because that is the widest range every provider's `seed` field accepts.
    """
    digest = hashlib.sha256(canonical_json([str(part) for part in parts])).digest()
    return int.from_bytes(digest[:4], "big") & 0x7FFFFFFF


def utc_text(time_us: int) -> str:
    """Return microseconds since 1970 as ISO 8601 in UTC, for example `2026-11-21T06:00:00.000000Z`."""
    moment = datetime.fromtimestamp(time_us // 1_000_000, UTC).replace(microsecond=time_us % 1_000_000)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


# --- suites -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a probe."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Tool:
    """A function a probe offers: what the model may call instead of answering in words."""

    name: str
    description: str
    parameters: Mapping[str, JSON] = field(hash=False)
    """JSON schema of its arguments: an object, in the part of JSON schema that every protocol takes."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One fixed question: what is sent, how the answer is graded, what it is about."""

    id: str
    """Unique within the suite and never reused for another question."""
    messages: tuple[Message, ...]
    grader: str
    """Name of a grader in `harness.graders`."""
    target: tuple[str, ...] = ()
    """Accepted answers, first the canonical one; empty for graders that need none (refusal)."""
    options: Mapping[str, JSON] = field(default_factory=dict, hash=False)
    """Options of the grader."""
    family: str = ""
    """What skill or theme it samples: the unit of breakdown within a suite."""
    pair: str | None = None
    """Twins share it: the same task in two arms."""
    arm: str | None = None
    """Which side of the pair; the names are declared in the suite's header."""
    topic: str | None = None
    language: str = "en"
    depth: int | None = None
    """How deep in its topic, 0 (a passing mention) upwards."""
    difficulty: int | None = None
    """Rung of the family's difficulty ladder, 1 (easiest) upwards."""
    anchor: bool = False
    """Never changed: a fixed point to see other changes by."""
    template: str | None = None
    """The template an isomorph was made from; twins and isomorphs share it."""
    fresh: bool = False
    """Its text was generated for this run from the run's seed."""
    kind: str | None = None
    """Task kind within the family, where a suite distinguishes them."""
    parameters: Mapping[str, JSON] = field(default_factory=dict, hash=False)
    """Sampling settings the probe itself asks for (`max_tokens`, `temperature`, ...)."""
    tools: tuple[Tool, ...] = ()
    """Functions offered with the question; a probe without any is sent, stored and hashed as if there were no field."""


# --- plan -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Estimate:
    """What one call is expected to use, before it is sent."""

    input_tokens: int
    output_tokens: int
    cost_usd: float


@dataclass(frozen=True, slots=True)
class Call:
    """One planned request: a probe, to an endpoint, as the n-th sample."""

    index: int
    """Place in the plan's order, from 0."""
    call_id: str
    """Stable: the same run seed, endpoint, suite, probe and sample give the same id."""
    endpoint: str
    suite: str
    probe: Probe
    sample: int
    seed: int
    """Derived for this call alone; sent where the protocol has a seed."""
    estimate: Estimate


# --- exchange ---------------------------------------------------------------------------------


class Failure(StrEnum):
    """Why no complete HTTP reply came back: a closed vocabulary, stored with the exchange."""

    CONNECT = "connect"
    """Nothing listens there, the name does not resolve, or the network is unreachable."""
    TLS = "tls"
    CONNECT_TIMEOUT = "connect_timeout"
    READ_TIMEOUT = "read_timeout"
    """The line was open and silent for too long."""
    DEADLINE = "deadline"
    """The call's own deadline passed while bytes were still coming (or while waiting to send)."""
    RESET = "reset"
    """The line was cut before the reply was complete."""
    TOO_LARGE = "too_large"
    """The reply was longer than we keep; the first part is stored."""
    UNDECODABLE = "undecodable"
    """The HTTP framing or content encoding cannot be read."""
    UNBUILDABLE = "unbuildable"
    """The request could not be built for this protocol; nothing was sent."""


UNSENT = (Failure.CONNECT, Failure.TLS, Failure.CONNECT_TIMEOUT, Failure.UNBUILDABLE)
"""Failures before a request reached the provider: they cost nothing."""


@dataclass(frozen=True, slots=True)
class Timing:
    """When an exchange happened and how long its parts took."""

    sent_us: int
    """UTC microseconds when the request was handed to the network."""
    total_ms: float
    """Until the last byte, or until the failure."""
    headers_ms: float | None = None
    """Until the reply's headers."""
    first_token_ms: float | None = None
    """Until the first content of a stream; None when the reply is not a stream."""
    gap_median_ms: float | None = None
    """Median wait between content events of a stream."""
    gap_max_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Exchange:
    """One HTTP request and what came back, byte for byte, or the failure that came instead.

    Secrets never get here: headers pass an allow-list, the URL has no userinfo and no key, and a key
    echoed by a provider is blanked in the body (`redacted` says so).
    """

    call_id: str
    index: int
    """The call's place in the plan."""
    attempt: int
    """1 for the first try of this call, counted up by retries."""
    final: bool
    """False for an attempt that was retried; exactly one attempt of a finished call is final."""
    endpoint: str
    suite: str
    probe_id: str
    sample: int
    seed: int
    protocol: str
    streamed: bool
    method: str
    url: str
    request_headers: Headers
    request_body: bytes
    status: int | None
    """HTTP status; None when no reply came."""
    response_headers: Headers
    response_body: bytes
    """Content-decoded (gzip and the like undone), otherwise as received."""
    failure: Failure | None
    failure_detail: str
    timing: Timing
    redacted: bool = False


# --- what the wire said -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts as the provider reported them; None where it said nothing."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    cached_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply's facts, read from its bytes by an endpoint adapter; no judgement yet.

    Field values are the provider's own words, bounded in length.
    """

    text: str = ""
    """The visible answer, all text parts joined. Never hidden reasoning."""
    reasoning: str = ""
    tool_calls: tuple[Mapping[str, JSON], ...] = ()
    """Each with `name` and `arguments`, the arguments as JSON text."""
    finish_reason: str | None = None
    """Finish / stop reason or status exactly as on the wire."""
    refusal: str | None = None
    """Text of a structured refusal field (may be empty when the field is there without text)."""
    block_field: str | None = None
    """Where a structured refusal or filter was seen, e.g. `promptFeedback.blockReason`."""
    block_value: str | None = None
    category: str | None = None
    """The provider's own category of a refusal (`cyber`, `bio`, ...)."""
    explanation: str | None = None
    error_type: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    served_model: str | None = None
    fallback_from: str | None = None
    fallback_to: str | None = None
    fallback_evidence: str | None = None
    """Which field announced a hand-over to another model."""
    fingerprint: str | None = None
    response_id: str | None = None
    service_tier: str | None = None
    usage: Usage = Usage()
    complete: bool = True
    """False when a stream ended without its closing event."""
    malformed: str | None = None
    """Why the bytes cannot be read as this protocol's reply; None when they can."""
    logprobs: tuple[tuple[str, float], ...] = ()
    """(token, logprob) of the answer's tokens where the protocol gives them."""


class Outcome(StrEnum):
    """What an exchange came to: one of eight, the closed vocabulary of docs/outcomes.md."""

    ANSWERED = "answered"
    UNPARSED = "unparsed"
    REFUSED = "refused"
    CUT = "cut"
    EMPTY = "empty"
    TRUNCATED = "truncated"
    DENIED = "denied"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Decision:
    """An outcome with the evidence that decided it.

    `ANSWERED` from wire facts alone is provisional: it means content came back; the text is judged next.
    """

    outcome: Outcome
    rule: str
    """Name of the rule that decided, listed in docs/outcomes.md."""
    evidence: str
    """The field and value, for example `stop_reason=refusal`."""
    source: Literal["provider", "model"] | None = None
    """Who refused."""
    degree: Literal["full", "partial"] | None = None
    category: str | None = None
    reason: str | None = None
    """For `denied`: key, permission, region, legal, withdrawn, account. For `failed`: the failure."""
    notice: str | None = None
    """A lock or fallback that announces itself, in the provider's words."""
    rerouted: bool = False
    """Another model than the requested one (or an alias of it) answered."""
    unmapped: str | None = None
    """A wire value that has no place in our tables yet, as `field=value`."""


@dataclass(frozen=True, slots=True)
class Grade:
    """What a grader read in an answer. `score` None means no answer could be read: unparsed."""

    score: float | None
    """0..1."""
    answer: str | None = None
    """The answer as read, bounded in length."""
    degree: Literal["full", "partial"] | None = None
    """Set by the refusal grader alone."""
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """What an exchange means. Made from the exchange alone by versioned code, so it can be made again."""

    outcome: Outcome
    rule: str
    evidence: str
    source: str | None
    degree: str | None
    category: str | None
    reason: str | None
    notice: str | None
    served_model: str | None
    rerouted: bool
    unmapped: str | None
    score: float | None
    """0..1 for `answered`; None for everything else."""
    answer: str | None
    refusal_score: float | None
    """How much the prose reads like a refusal, 0..1, from the refusal grader; None when not looked at."""
    finish_reason: str | None
    fingerprint: str | None
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None
    makers: str
    """Versions that made it: `outcomes/1 graders.numeric/1 graders.refusal/1 endpoints.openai-chat/1`."""


# --- runs -------------------------------------------------------------------------------------


class RunStatus(StrEnum):
    """How a run stands."""

    RUNNING = "running"
    DONE = "done"
    INTERRUPTED = "interrupted"
    """Stopped by a person or a kill; `--resume` can finish it."""
    BUDGET = "budget"
    """Stopped because a budget was used up; `--resume` can finish it later."""


@dataclass(frozen=True, slots=True)
class RunHeader:
    """Everything known about a run before its first call; immutable and hashed."""

    seed: int
    started_us: int
    clock: Literal["real", "simulated"]
    planned: int
    plan_hash: str
    config_hash: str
    config_json: str
    """The config as used, canonical JSON, without secrets: what a resume or an auditor reads."""
    suites: Mapping[str, str]
    """Suite name -> content hash."""
    endpoints: tuple[str, ...]
    trigger: str
    """`manual`, the schedule's name, or `confirm` for an extra run."""
    vantage: Mapping[str, str]
    harness_version: str
    packages: Mapping[str, str]
    python: str
    platform: str
    git_revision: str | None
    git_dirty: bool | None
    hash_algorithm: str = "sha256"
    commitment: str | None = None
    """SHA-256 of the newest commitment when the run began; without one, stored and hashed as if there were no field."""
    reason: str | None = None
    """Why there is an extra run, in words; of any other run stored and hashed as if there were no field."""
