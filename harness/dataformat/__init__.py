"""Our data format: the JSON records in which exchanges, runs, suites, observations and findings leave and come back.

Pure: no I/O. A record holds everything its hash covers, so that whoever has the record can make the hash again.
docs/data-format.md is made from these types.
"""

from __future__ import annotations

from harness.dataformat.coding import as_json, decode, encode, from_json
from harness.dataformat.convert import (
    exchange_line,
    finding_line,
    header_data,
    observation_line,
    probe_line,
    to_exchange,
    to_finding,
    to_header,
    to_observation,
    to_probe,
)
from harness.dataformat.hashes import (
    IMPORTED,
    check,
    check_chain,
    endpoint_hash,
    exchange_form,
    exchange_hash,
    origin_hash,
    suite_hash,
)
from harness.dataformat.lines import (
    LINES,
    EventData,
    ExchangeLine,
    FindingLine,
    JudgementLine,
    Line,
    ObservationLine,
    OriginData,
    PreviousRun,
    RunLine,
    format_of,
    kind_of,
)
from harness.dataformat.parts import Body
from harness.dataformat.questions import EndpointLine, ProbeLine, SuiteLine

__all__ = [
    "IMPORTED",
    "LINES",
    "Body",
    "EndpointLine",
    "EventData",
    "ExchangeLine",
    "FindingLine",
    "JudgementLine",
    "Line",
    "ObservationLine",
    "OriginData",
    "PreviousRun",
    "ProbeLine",
    "RunLine",
    "SuiteLine",
    "as_json",
    "check",
    "check_chain",
    "decode",
    "encode",
    "endpoint_hash",
    "exchange_form",
    "exchange_hash",
    "exchange_line",
    "finding_line",
    "format_of",
    "from_json",
    "header_data",
    "kind_of",
    "observation_line",
    "origin_hash",
    "probe_line",
    "suite_hash",
    "to_exchange",
    "to_finding",
    "to_header",
    "to_observation",
    "to_probe",
]
