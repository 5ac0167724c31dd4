"""Between the records of the data format and the types that the rest of harness works with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from harness.claims import Finding, Standing, finding_from_json, finding_json
from harness.dataformat.hashes import probe_hash
from harness.dataformat.lines import (
    ExchangeLine,
    FindingLine,
    HeaderData,
    ObservationLine,
    RequestData,
    ResponseData,
    TimingData,
)
from harness.dataformat.parts import Body
from harness.dataformat.questions import MessageData, ProbeData, ProbeLine, ToolData
from harness.records import Exchange, Message, Observation, Probe, RunHeader, Timing, Tool


def exchange_line(exchange: Exchange, *, run: int, number: int, previous: str, hash_: str) -> ExchangeLine:
    """Return the record of an exchange.

    Args:
        exchange: as stored.
        run: number of its run.
        number: its place in the run's chain, from 1.
        previous: hash of the exchange before it, hex; for the first, the run's own hash.
        hash_: its own hash, hex.
    """
    timing = exchange.timing
    return ExchangeLine.model_construct(
        format="harness.record.exchange/1",
        run=run,
        number=number,
        previous=previous,
        hash=hash_,
        hash_form=1,
        call_id=exchange.call_id,
        index=exchange.index,
        attempt=exchange.attempt,
        final=exchange.final,
        endpoint=exchange.endpoint,
        suite=exchange.suite,
        probe_id=exchange.probe_id,
        sample=exchange.sample,
        seed=exchange.seed,
        protocol=exchange.protocol,
        streamed=exchange.streamed,
        request=RequestData.model_construct(
            method=exchange.method,
            url=exchange.url,
            headers=exchange.request_headers,
            body=Body.of(exchange.request_body),
        ),
        response=ResponseData.model_construct(
            status=exchange.status, headers=exchange.response_headers, body=Body.of(exchange.response_body)
        ),
        failure=exchange.failure,
        failure_detail=exchange.failure_detail,
        timing=TimingData.model_construct(
            sent_us=timing.sent_us,
            total_ms=_real(timing.total_ms),
            headers_ms=_real(timing.headers_ms),
            first_token_ms=_real(timing.first_token_ms),
            gap_median_ms=_real(timing.gap_median_ms),
            gap_max_ms=_real(timing.gap_max_ms),
        ),
        redacted=exchange.redacted,
    )


def to_exchange(line: ExchangeLine) -> Exchange:
    """Return the exchange of a record.

    Raises:
        ValueError: a body was left out.
    """
    return Exchange(
        call_id=line.call_id,
        index=line.index,
        attempt=line.attempt,
        final=line.final,
        endpoint=line.endpoint,
        suite=line.suite,
        probe_id=line.probe_id,
        sample=line.sample,
        seed=line.seed,
        protocol=line.protocol,
        streamed=line.streamed,
        method=line.request.method,
        url=line.request.url,
        request_headers=line.request.headers,
        request_body=line.request.body.data(),
        status=line.response.status,
        response_headers=line.response.headers,
        response_body=line.response.body.data(),
        failure=line.failure,
        failure_detail=line.failure_detail,
        timing=Timing(**line.timing.model_dump()),
        redacted=line.redacted,
    )


_OBSERVED = tuple(field.name for field in fields(Observation))


def observation_line(
    observation: Observation, exchange: Exchange, *, run: int, hash_: str, replaced_us: int | None = None
) -> ObservationLine:
    """Return the record of an observation.

    Args:
        observation: what the exchange was judged to mean.
        exchange: the exchange.
        run: number of its run.
        hash_: hash of the exchange, hex.
        replaced_us: when a later grading replaced it; None for the one that counts.
    """
    return ObservationLine.model_construct(
        format="harness.record.observation/1",
        run=run,
        exchange=hash_,
        call_id=exchange.call_id,
        endpoint=exchange.endpoint,
        suite=exchange.suite,
        probe_id=exchange.probe_id,
        sample=exchange.sample,
        sent_us=exchange.timing.sent_us,
        replaced_us=replaced_us,
        **{name: getattr(observation, name) for name in _OBSERVED},
    )


def to_observation(line: ObservationLine) -> Observation:
    """Return the observation of a record."""
    return Observation(**{name: getattr(line, name) for name in _OBSERVED})


def probe_line(suite: str, probe: Probe) -> ProbeLine:
    """Return the record of a suite's probe."""
    values: dict[str, Any] = {field.name: _plain(getattr(probe, field.name)) for field in fields(probe)}
    values["messages"] = tuple(MessageData.model_construct(**asdict(each)) for each in probe.messages)
    values["tools"] = tuple(
        ToolData.model_construct(
            name=each.name, description=each.description, parameters=_plain(each.parameters)
        )
        for each in probe.tools
    )
    values["target"] = tuple(probe.target)
    data = ProbeData.model_construct(**values)
    return ProbeLine.model_construct(
        format="harness.record.probe/1", suite=suite, sha256=probe_hash(suite, data), probe=data
    )


def to_probe(line: ProbeLine) -> Probe:
    """Return the probe of a record."""
    data = line.probe
    values = {name: getattr(data, name) for name in type(data).model_fields}
    values["messages"] = tuple(Message(each.role, each.content) for each in data.messages)
    values["tools"] = tuple(Tool(each.name, each.description, each.parameters) for each in data.tools)
    return Probe(**values)


def header_data(header: RunHeader) -> HeaderData:
    """Return a run's header as part of its record."""
    values = {field.name: getattr(header, field.name) for field in fields(header)}
    for name in ("suites", "vantage", "packages"):
        values[name] = dict(values[name])
    return HeaderData.model_construct(**values)


def to_header(data: HeaderData) -> RunHeader:
    """Return the run header of a record."""
    return RunHeader(**{name: getattr(data, name) for name in type(data).model_fields})


def finding_line(finding: Finding) -> FindingLine:
    """Return the record of a finding."""
    return FindingLine(finding=finding_json(finding), standing=finding.standing.value)


def to_finding(line: FindingLine) -> Finding:
    """Return the finding of a record.

    Raises:
        ValueError: it is not a finding of ours.
    """
    try:
        return finding_from_json(line.finding, Standing(line.standing))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"finding: {error} is missing or not one of ours") from None


def _real(value: float | None) -> float | None:
    return None if value is None else float(value) + 0.0


def _plain(value: object) -> Any:
    """Return JSON data of plain dicts and lists, whatever mappings and sequences hold it."""
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value
