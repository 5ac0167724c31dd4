"""docs/data-format.md and docs/data-format.schema.json, made from the types of the records."""

# The page's own prose.
# ruff: noqa: E501

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import models_json_schema

from harness import dataformat
from harness.claims import Finding
from harness.dataformat.fields import KINDS, Field, fields_of
from harness.dataformat.lines import OriginData
from harness.records import Exchange, Failure, Message, Observation, Outcome, Probe, Timing
from harness.tables.words import OUTCOME_WORDS

VERSION = 1
SCHEMA_FILE = "data-format.schema.json"

_FAILURES: dict[Failure, str] = {
    Failure.CONNECT: "nothing listens there, the name does not resolve, or the network is unreachable",
    Failure.TLS: "no trusted encrypted connection could be made",
    Failure.CONNECT_TIMEOUT: "no connection within the time allowed",
    Failure.READ_TIMEOUT: "the line was open and silent for too long",
    Failure.DEADLINE: "the call's own deadline passed while bytes were still coming, or while waiting to send",
    Failure.RESET: "the line was cut before the reply was complete",
    Failure.TOO_LARGE: "the reply was longer than we keep; the first part is there",
    Failure.UNDECODABLE: "the HTTP framing or content encoding cannot be read",
    Failure.UNBUILDABLE: "the request could not be built for this protocol; nothing was sent",
}

_HEAD = """\
# Data format

Version {version}. What `harness export` writes and `harness import` reads: everything needed to check our evidence or to
analyse it without harness. A record is one JSON object; a file of records is JSON lines: one record a line, ASCII
(other characters are escaped, because a reply can hold lone surrogates, which UTF-8 cannot carry), lines end in `\\n`.

    harness export > everything.jsonl           # one stream
    harness export -o folder                    # one file per kind of record
    harness export -o folder --format csv       # or parquet (pip install 'harness[parquet]')
    harness import everything.jsonl             # or the folder

JSON Schema: [data-format.schema.json](data-format.schema.json), made from the same types as this page.

## Versions

Every record names its `format`, such as `harness.record.exchange/1`. Within a version fields are only added, and only
such as older readers may leave out; a field never changes its meaning. A reader turns away a format, or a field, that it
does not know. `harness.exchange/1` and the like, without `record`, name what a hash is made over.

## Order

What a record refers to comes before it: probes, then the suite that lists them, endpoints, the run, its exchanges in the
order of their chain, each followed by its observations (replaced ones first, the one that counts last); judgements, which link answers to the
judge's exchanges about them, come at the end. In a folder:
`probes`, `suites`, `endpoints`, `runs`, `findings`, `exchanges`, `observations`, `judgements`, read in that order. A kind without
records has no file.

An export may be a choice: some runs, endpoints, suites or days. A run's record then still tells of the whole run
(`exchanges`, `last`), and its suites and endpoints are all there, so that its hash can be made again. Every exchange
carries the hash before it, so it can be checked alone; that none is missing shows only in a whole run.

## Units

Times are UTC microseconds since 1970 (`*_us`), durations milliseconds (`*_ms`), money US dollars (`*_usd`), scores and
shares 0 to 1. Hashes are SHA-256 in lower-case hex. `null` means not known or not applicable, never zero.

"""

_HASHES = """
## Checking a hash

`hash` of an exchange is SHA-256 over canonical JSON (keys sorted, no spaces, UTF-8 with lone surrogates as three bytes
each, numbers in the shortest form that reads back the same, fractions always with a point or exponent) of:

- every field of the record but `format`, `run`, `number`, `hash`, `hash_form`, `request` and `response`;
- `algorithm`: `sha256`, and `format`: `harness.exchange/1`;
- `method` and `url` of `request`, `status` of `response`;
- `request_body_sha256`, `response_body_sha256`: `sha256` of the bodies;
- `request_headers_sha256`, `response_headers_sha256`: SHA-256 over the canonical JSON of the list of [name, value].

A body enters by its own hash. Where `text` and `base64` are both null the bytes were left out, and the exchange can still
be checked. The hashes of runs, events, suites, probes, endpoints and origins are described in
[database.md](database.md#what-is-hashed-and-how); each record holds all that its hash covers. In Python,
`harness.dataformat.check(record)` does it, and `check_chain` a whole run.

"""

_PRIVACY = """
## Privacy

- No keys: authorization headers, keys in URLs and userinfo are dropped before anything is stored or hashed, headers pass
  an allow-list, and a key that a provider echoes is blanked (`redacted` says so).
- Request and reply headers that are kept can hold request ids, which a provider can look up in its own logs.
- `vantage`, `platform`, `python`, `packages` and the endpoints' URLs say where and on what harness ran, not by whom.
  The machine's name, user and folders are not recorded; what a config says in words (a vantage's description) is.
- Probes of the shipped suites hold no personal data. Suites and logs of your own may: an export holds them whole.
- Answers are the models' own words and may be offensive or wrong. In CSV a text that a spreadsheet would run as a
  formula is written as a JSON string.

## Tables

CSV and Parquet have one row a record and one column a field, in the order below, parts with a dot
(`timing.sent_us`). Fields of type `json` hold JSON as text. In CSV an empty cell is null; a text that is empty, begins
with `"`, `=`, `+`, `-`, `@` or a tab, or holds a carriage return, a NUL or a lone surrogate, is written as a JSON string.
Parquet has a further column `exact`: the whole record as JSON where a text holds a lone surrogate, which shows as an
escape in its own column; null otherwise.

## Imported records

A run that is imported keeps the records it came as, and is exported again as it came. It gets a number and a chain of
its own in the new database; its `trigger` there is `import:` and the hash of its origin: file, file hash, tool, time. Runs
made from other tools' logs carry their `origin` in the record. Imported runs are left out of status, comparisons,
reports and findings unless they are asked for.

## What may be concluded

- That a record matches its hash shows that it was not changed since the hash was made; the chain, that none was taken
  out of a whole run. Whoever makes an export can make all hashes: it takes a copy of the last hash, or a signature,
  kept elsewhere to show that nothing was made up later.
- That the provider sent these bytes is harness's testimony, as of the harness that ran; replies are not signed by
  providers.

## Limitations

- An observation is one reading of an exchange by the versions in `makers`; other versions may read it otherwise.
- Prices, and so `cost_usd`, are those of the config at the time.
- A log of another tool holds no wire bytes: its exchanges have the protocol `imported`, no HTTP status, and bodies
  made of what the log says.

"""


def schema() -> dict[str, Any]:
    """Return the JSON Schema of a record of any kind (draft 2020-12)."""
    kinds = tuple(KINDS.values())
    _, made = models_json_schema([(kind, "validation") for kind in kinds], ref_template="#/$defs/{model}")
    definitions = made["$defs"]
    for kind in kinds:
        # Defaults are for Python: a record in a file names its format.
        definition = definitions[kind.__name__]
        definition["required"] = sorted({*definition.get("required", ()), "format"})
    finding = TypeAdapter(Finding).json_schema(ref_template="#/$defs/{model}")
    definitions |= finding.pop("$defs", {})
    finding["properties"].pop("standing")
    finding["required"] = sorted(name for name in finding["properties"] if name != "standing")
    definitions["Finding"] = finding
    definitions["FindingLine"]["properties"]["finding"] = {"$ref": "#/$defs/Finding"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:harness:data-format:{VERSION}",
        "title": "A record of harness's data format",
        "oneOf": [{"$ref": f"#/$defs/{kind.__name__}"} for kind in kinds],
        "$defs": dict(sorted(definitions.items())),
    }


def schema_text() -> str:
    """Return the text of docs/data-format.schema.json."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


def example() -> tuple[dataformat.ProbeLine, dataformat.ExchangeLine, dataformat.ObservationLine]:
    """Return the records of the worked example: a probe, an exchange that asks it, and what it came to."""
    probe = Probe(
        "plus-1", (Message("user", "What is 17 + 25? Answer with the number."),), "numeric", ("42",), family="arithmetic"
    )  # fmt: skip
    request = {
        "model": "example-1",
        "messages": [{"role": "user", "content": probe.messages[0].content}],
        "seed": 9,
    }
    reply = {
        "model": "example-1-2026-01-05",
        "choices": [{"message": {"content": "42"}, "finish_reason": "stop"}],
    }
    exchange = Exchange(
        call_id="4f1d0c7e5a2b8896", index=0, attempt=1, final=True, endpoint="example", suite="sums",
        probe_id=probe.id, sample=0, seed=9, protocol="openai-chat", streamed=False, method="POST",
        url="https://api.example.com/v1/chat/completions",
        request_headers=(("content-type", "application/json"),),
        request_body=json.dumps(request, separators=(",", ":")).encode(), status=200,
        response_headers=(("content-type", "application/json"),),
        response_body=json.dumps(reply, separators=(",", ":")).encode(), failure=None, failure_detail="",
        timing=Timing(1_767_600_000_000_000, 412.5, 398.0),
    )  # fmt: skip
    observation = Observation(
        Outcome.ANSWERED, "content", "finish_reason=stop", None, None, None, None, None, "example-1-2026-01-05",
        False, None, 1.0, "42", 0.0, "stop", None, None, None, None,
        "observe/1 outcomes/1 endpoints.openai-chat/1 graders.numeric/1 graders.refusal/1",
    )  # fmt: skip
    previous = hashlib.sha256(b"the run's own hash").hexdigest()
    line = dataformat.exchange_line(exchange, run=1, number=1, previous=previous, hash_="")
    own = dataformat.exchange_hash(line)
    return (
        dataformat.probe_line("sums", probe),
        line.model_copy(update={"hash": own}),
        dataformat.observation_line(observation, exchange, run=1, hash_=own),
    )


def page() -> str:
    """Return the text of docs/data-format.md."""
    probe, exchange, observation = example()
    parts = [_HEAD.format(version=VERSION)]
    for name, kind in KINDS.items():
        words = " ".join((kind.__doc__ or "").split())
        parts.append(f"## {name.capitalize()}\n\n`{dataformat.format_of(kind)}`. {words}\n\n")
        parts.append(_table(fields_of(kind)))
        if name == "run":
            parts.append("\nAn `origin` has:\n\n" + _table(fields_of(OriginData)))
        if name == "finding":
            parts.append("\nThe fields of `finding` are in the JSON Schema, under `Finding`.\n")
        parts.append("\n")
    outcomes = "".join(f"| `{name}` | {words} |\n" for name, words in OUTCOME_WORDS.items())
    failures = "".join(f"| `{name.value}` | {words} |\n" for name, words in _FAILURES.items())
    parts += [
        "## Outcomes\n\nOne of eight, for every final exchange; the rules are in [outcomes.md](outcomes.md).\n\n",
        f"| outcome | meaning |\n|---|---|\n{outcomes}",
        "\n## Failures\n\nWhy no complete reply came; null when one came.\n\n",
        f"| failure | meaning |\n|---|---|\n{failures}",
        _HASHES,
        "## A worked example\n\nA probe, the exchange that asked it, and what the exchange came to; in a file each is one line.\n\n",
        *(
            f"```json\n{json.dumps(dataformat.as_json(line), indent=2)}\n```\n\n"
            for line in (probe, exchange, observation)
        ),
        "The exchange's `hash` is the SHA-256 of these bytes (one line):\n\n",
        f"```text\n{dataformat.exchange_form(exchange).decode()}\n```\n",
        _PRIVACY.rstrip() + "\n",
    ]
    return "".join(parts)


def _table(fields: tuple[Field, ...]) -> str:
    return "".join(_rows(fields))


def _rows(fields: tuple[Field, ...]) -> Iterator[str]:
    yield "| field | type | meaning |\n|---|---|---|\n"
    for field in fields:
        kind = field.shape + (" or null" if field.nullable else "")
        words = f" One of {', '.join(f'`{word}`' for word in field.words)}." if len(field.words) > 1 else ""
        words = f" `{field.words[0]}`." if len(field.words) == 1 else words
        yield f"| `{field.name}` | {kind} | {' '.join(field.meaning.split())}{words} |\n"
