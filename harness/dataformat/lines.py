"""The records of the data format: one JSON object a line, each naming its own format and version.

The docstring under a field is its meaning and unit in docs/data-format.md and in the JSON Schema. A field is never
given another meaning: a change of meaning is a new version of the record's format.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from pydantic import SerializerFunctionWrapHandler, model_serializer

from harness.dataformat.parts import (
    AnyObject,
    Body,
    Count,
    Hash,
    Header,
    Part,
    Real,
    Share,
    Text,
    Truth,
    Whole,
)
from harness.dataformat.questions import EndpointLine, ProbeLine, SuiteLine
from harness.records import Failure, Outcome, RunStatus


class PreviousRun(Part):
    """The run before, as it stood when this one began."""

    run: Count
    """Its number."""
    hash: Hash
    """Its own hash."""
    exchanges: Count
    """How many exchanges it had."""
    last: Hash
    """Hash of the newest of them; its own hash if there were none."""
    event: Hash
    """Hash of its newest event; its own hash if there was none."""


class EventData(Part):
    """An end or a resumption of a run; each end seals the exchanges so far."""

    number: Count
    """Place among the run's events, from 1."""
    event: Literal["finished", "resumed"]
    """What happened."""
    at_us: Whole
    """When, UTC microseconds since 1970."""
    status: RunStatus
    """The run's status from then on."""
    completed: Count
    """Calls that had their final exchange by then."""
    exchanges: Count
    """Exchanges by then."""
    last: Hash
    """Hash of the newest of them; the run's own hash if there were none."""
    hash: Hash
    """Hash over the fields above and the event before (`harness.event/1` in docs/database.md)."""


class HeaderData(Part):
    """Everything known about a run before its first call."""

    seed: Whole
    """Seed of the plan."""
    started_us: Whole
    """When the run started, UTC microseconds since 1970."""
    clock: Literal["real", "simulated"]
    """`simulated` for a rehearsal: no real provider was asked."""
    planned: Count
    """Calls in the plan."""
    plan_hash: Text
    """Hash of the plan."""
    config_hash: Text
    """Hash of the config as used."""
    config_json: Text
    """The config as used, canonical JSON as text, without secrets."""
    suites: dict[Text, Text]
    """Suite name -> content hash."""
    endpoints: tuple[Text, ...]
    """Names of the endpoints asked."""
    trigger: Text
    """`manual`, `confirm` (an extra run), a schedule's name, or, if imported, `import:` and the hash of its origin."""
    vantage: dict[Text, Text]
    """Vantage name -> its description, JSON as text."""
    harness_version: Text
    """Version of harness that made the run."""
    packages: dict[Text, Text]
    """Package -> version, as installed."""
    python: Text
    """Interpreter and version."""
    platform: Text
    """Operating system and processor."""
    git_revision: Text | None
    """Revision of the checkout; null for an installed package."""
    git_dirty: Truth | None
    """Whether the checkout had changes."""
    hash_algorithm: Text
    """Algorithm of every hash in the run."""
    commitment: Hash | None = None
    """SHA-256 of the newest commitment when the run began (docs/custody.md); left out where there was none."""
    reason: Text | None = None
    """Why there is an extra run, in words; left out of any other run."""

    @model_serializer(mode="wrap")
    def _without_nothing(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values: dict[str, Any] = write(self)
        for name in ("commitment", "reason"):
            if values[name] is None:
                del values[name]
        return values


class OriginData(Part):
    """Where an imported run comes from."""

    source: Text
    """Format of the file: `harness`, `inspect`, `lm-eval`, `promptfoo` or `columns`."""
    file: Text
    """Name of the file, without its folder."""
    file_sha256: Hash
    """SHA-256 of the file's bytes; of a folder, over its files' names and hashes."""
    tool: Text
    """What wrote the file, as far as it says."""
    imported_us: Whole
    """When it was imported, UTC microseconds since 1970."""
    harness_version: Text
    """Version of harness that imported it."""
    key: Hash
    """What the same run is known by when it is imported again."""
    record: AnyObject
    """How it was read: for `harness` the run's own record and findings, otherwise mapping and options."""


class RunLine(Part):
    """One run: its header, what it used, how it ended, and its place in the chain of runs."""

    format: Literal["harness.record.run/1"] = "harness.record.run/1"
    """Name and version of the record."""
    run: Count
    """Number of the run in the database it was made in, from 1."""
    header: HeaderData
    """Everything known before the first call."""
    suites: tuple[Hash, ...]
    """`sha256` of the suites it asked, in order."""
    endpoints: tuple[Hash, ...]
    """`sha256` of the endpoints it asked, in order."""
    previous: PreviousRun | None
    """The run before; null for the first."""
    hash: Hash
    """Hash over header, suites, endpoints, number and previous (`harness.run/1` in docs/database.md)."""
    status: RunStatus
    """How it stands: `done`, `interrupted`, `budget` or, while it goes on, `running`."""
    finished_us: Whole | None
    """When it last ended, UTC microseconds since 1970; null while it is running."""
    completed: Count
    """Calls that have their final exchange, in the whole run, whatever part of it was exported."""
    exchanges: Count
    """Exchanges of the whole run, repeated tries included."""
    last: Hash
    """Hash of its newest exchange; its own hash while it has none."""
    events: tuple[EventData, ...]
    """Its ends and resumptions, in order."""
    origin: OriginData | None = None
    """For a run that was made from another tool's log: which. The header's trigger is `import:` and its hash."""


class TimingData(Part):
    """When an exchange happened and how long its parts took."""

    sent_us: Whole
    """When the request was handed to the network, UTC microseconds since 1970."""
    total_ms: Real
    """Until the last byte or the failure, milliseconds."""
    headers_ms: Real | None
    """Until the reply's headers, milliseconds."""
    first_token_ms: Real | None
    """Until the first content of a stream, milliseconds; null when it is not one."""
    gap_median_ms: Real | None
    """Median wait between content events of a stream, milliseconds."""
    gap_max_ms: Real | None
    """Longest such wait, milliseconds."""


class RequestData(Part):
    """What was sent, without keys."""

    method: Text
    """HTTP method; empty for an imported log."""
    url: Text
    """URL without keys or userinfo; empty for an imported log."""
    headers: tuple[Header, ...]
    """Headers that are kept, as [name, value]."""
    body: Body
    """The body."""


class ResponseData(Part):
    """What came back."""

    status: Whole | None
    """HTTP status; null when no reply came, and for an imported log."""
    headers: tuple[Header, ...]
    """Headers that are kept, as [name, value]."""
    body: Body
    """The body, content-decoded, otherwise as received."""


class ExchangeLine(Part):
    """One HTTP request and what came back, byte for byte, or the failure that came instead."""

    format: Literal["harness.record.exchange/1"] = "harness.record.exchange/1"
    """Name and version of the record."""
    run: Count
    """Number of its run."""
    number: Count
    """Place in the run's chain, from 1."""
    previous: Hash
    """Hash of the exchange before it in the run; for the first, the run's own hash."""
    hash: Hash
    """Hash over every field but `run`, `number` and `format` (`harness.exchange/1`, below)."""
    hash_form: Literal[1] = 1
    """How `hash` is made: 1 is `harness.exchange/1`."""
    call_id: Text
    """The call's id; tries of the same call share it."""
    index: Count
    """The call's place in the run's plan, from 0."""
    attempt: Whole
    """1 for the first try of the call, counted up by retries."""
    final: Truth
    """Whether this try counts; exactly one of a finished call does."""
    endpoint: Text
    """Name of the endpoint."""
    suite: Text
    """Name of the suite."""
    probe_id: Text
    """Id of the probe within the suite."""
    sample: Whole
    """Which repetition of the probe in this run, from 0."""
    seed: Whole
    """Sampling seed derived for this call alone."""
    protocol: Text
    """Wire protocol; `imported` for a log that holds no wire bytes."""
    streamed: Truth
    """Whether a stream was asked for."""
    request: RequestData
    """What was sent."""
    response: ResponseData
    """What came back."""
    failure: Failure | None
    """Why no complete reply came; null when one came."""
    failure_detail: Text
    """The same in the words of the transport; empty without a failure."""
    timing: TimingData
    """When, and how long."""
    redacted: Truth
    """Whether a key echoed by the provider was blanked in the body."""


class ObservationLine(Part):
    """What a final exchange means, by versioned code that looked at nothing else."""

    format: Literal["harness.record.observation/1"] = "harness.record.observation/1"
    """Name and version of the record."""
    run: Count
    """Number of its run."""
    exchange: Hash
    """`hash` of the exchange."""
    call_id: Text
    """Id of the call."""
    endpoint: Text
    """Name of the endpoint."""
    suite: Text
    """Name of the suite."""
    probe_id: Text
    """Id of the probe within the suite."""
    sample: Whole
    """Which repetition of the probe in this run, from 0."""
    sent_us: Whole
    """When the request was sent, UTC microseconds since 1970."""
    replaced_us: Whole | None
    """When a later grading replaced this one, UTC microseconds since 1970; null for the one that counts."""
    outcome: Outcome
    """One of the eight outcomes."""
    rule: Text
    """Name of the rule that decided (docs/outcomes.md)."""
    evidence: Text
    """The field and value, or the words, that decided."""
    source: Text | None
    """Who refused: `provider` or `model`."""
    degree: Text | None
    """`full` or `partial` refusal."""
    category: Text | None
    """The provider's own category of a refusal."""
    reason: Text | None
    """Why access was denied, or which failure it was."""
    notice: Text | None
    """A lock or fallback that announced itself, in the provider's words."""
    served_model: Text | None
    """Model named in the reply."""
    rerouted: Truth
    """Whether another model than the requested one answered."""
    unmapped: Text | None
    """A wire value that has no place in our tables yet, `field=value`."""
    score: Share | None
    """0 to 1 for an answer that could be read; null for everything else."""
    answer: Text | None
    """The answer as the grader read it."""
    refusal_score: Share | None
    """How much the prose reads like a refusal, 0 to 1; null when not looked at."""
    finish_reason: Text | None
    """Finish or stop reason exactly as on the wire."""
    fingerprint: Text | None
    """System fingerprint in the reply."""
    input_tokens: Whole | None
    """Tokens in, as the provider reported them."""
    output_tokens: Whole | None
    """Tokens out, as the provider reported them."""
    cost_usd: Real | None
    """Cost at the endpoint's prices, US dollars."""
    makers: Text
    """Names and versions of the code that made it."""


class JudgementLine(Part):
    """Which exchange of a judge graded which answer: the verdict is read again from the judge's exchange."""

    format: Literal["harness.record.judgement/1"] = "harness.record.judgement/1"
    """Name and version of the record."""
    run: Count
    """Number of the run that was judged."""
    exchange: Hash
    """`hash` of the exchange that was judged."""
    number: Count
    """1 for the first judgement of the exchange, counted up; the highest counts."""
    judge_run: Count
    """Number of the judge's run."""
    judge_exchange: Hash
    """`hash` of the judge's exchange."""
    judged_us: Whole
    """When the verdict was taken, UTC microseconds since 1970."""


class FindingLine(Part):
    """A claim with its evidence."""

    format: Literal["harness.record.finding/1"] = "harness.record.finding/1"
    """Name and version of the record."""
    finding: AnyObject
    """The finding itself, as stored and hashed."""
    standing: Literal["open", "confirmed", "over", "withdrawn"]
    """Where it stands at the time of export."""


Line: TypeAlias = (
    SuiteLine
    | ProbeLine
    | EndpointLine
    | RunLine
    | ExchangeLine
    | ObservationLine
    | JudgementLine
    | FindingLine
)
LINES: tuple[type[Line], ...] = (
    SuiteLine,
    ProbeLine,
    EndpointLine,
    RunLine,
    ExchangeLine,
    ObservationLine,
    JudgementLine,
    FindingLine,
)
"""Every kind of record, in the order in which an export lists them."""


def format_of(line: type[Line]) -> str:
    """Return the format name of a kind of record, such as `harness.record.run/1`."""
    return str(line.model_fields["format"].default)


def kind_of(line: type[Line]) -> str:
    """Return the short name of a kind of record, such as `run`."""
    return format_of(line).removeprefix("harness.record.").partition("/")[0]
