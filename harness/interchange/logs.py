"""Other people's logs in the database: each row an exchange without wire bytes, each group of rows a run."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from harness import __version__, dataformat
from harness.dataformat import IMPORTED, OriginData
from harness.endpoints.imported import PROTOCOL, Entry, reply_body, request_body
from harness.errors import ConfigError
from harness.graders.base import short
from harness.interchange.ours import Added, Result
from harness.observe import Logged, observe
from harness.records import (
    JSON,
    Exchange,
    Message,
    Probe,
    RunHeader,
    RunStatus,
    Timing,
    canonical_json,
    sha256,
)
from harness.store import EndpointRecord, Store, SuiteRecord
from harness.suites.header import NAME

_BATCH = 500
SHOWN = 5
TIME_LIMITS_US = (-62_000_000_000_000_000, 250_000_000_000_000_000)
"""Roughly the years 5 to 9892: what Python can show."""


@dataclass(frozen=True, slots=True)
class Call:
    """One row of a log, read."""

    place: str
    """Where it stood: `line 12`, `sample 3`."""
    run: str
    """Rows with the same text here make one run."""
    model: str
    endpoint: str
    suite: str
    probe: Probe
    entry: Entry
    at_us: int
    latency_ms: float = 0.0
    """0 where the log does not say."""
    parameters: Mapping[str, JSON] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SuiteNotes:
    """What is known of a suite that a log asked."""

    title: str
    description: str = ""
    licence: str | None = None


@dataclass(frozen=True, slots=True)
class Log:
    """A log, read whole: nothing of it is in the database yet."""

    source: str
    file: str
    file_sha256: str
    tool: str
    record: Mapping[str, Any]
    """How it was read, for the origin."""
    rows: tuple[Call, ...]
    suites: Mapping[str, SuiteNotes]
    notes: tuple[str, ...] = ()


def name_of(text: str, limit: int = 80) -> str:
    """Return a text as a name of an endpoint, suite or probe: itself if it can be one, else made of it and a hash."""
    if NAME.fullmatch(text):
        return text
    kept = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "-" for c in text).strip("-._")
    return f"{kept[: limit - 9] or 'name'}-{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def model_name(text: str) -> str:
    """Return a model's name as the name of an endpoint: `openai/gpt-4` as `gpt-4`."""
    return name_of(text.rpartition("/")[2] or text)


def write_log(
    store: Store, log: Log, now_us: int, progress: Callable[[int, int], None] = lambda *_: None
) -> Result:
    """Write a log as imported runs, one per group of its rows, oldest first: all of it or nothing.

    Args:
        store: open for writing.
        log: read and checked.
        now_us: when, UTC microseconds since 1970.
        progress: called with (rows written, rows there are).

    Raises:
        ConfigError: rows contradict each other; nothing was imported.
    """
    suites = _suites(log)
    groups: dict[str, list[Call]] = {}
    for row in log.rows:
        groups.setdefault(row.run, []).append(row)
    added: list[Added] = []
    there: list[int] = []
    repeated = 0
    written = 0
    with store.group():
        for _, rows in sorted(groups.items(), key=lambda item: (min(r.at_us for r in item[1]), item[0])):
            samples = _samples(rows)
            repeated += sum(sample > 0 for sample in samples)
            key = _key(log, rows, suites)
            known = store.origins.run_known_as(key)
            if known is not None:
                there.append(known)
            else:
                run_id = _write_run(store, log, rows, samples, suites, key, now_us)
                models = sorted({row.model for row in rows})
                label = ", ".join(models[:3]) + (f" and {len(models) - 3} more" if len(models) > 3 else "")
                added.append(Added(run_id, label, len(rows)))
            written += len(rows)
            progress(written, len(log.rows))
    notes = list(log.notes)
    if repeated:
        notes.append(f"{repeated:,} rows ask a question of their run again: counted as further samples of it")
    return Result(
        log.source, log.file, log.file_sha256, tuple(added), tuple(there), tuple(notes), {"rows": len(log.rows)}
    )  # fmt: skip


def _suites(log: Log) -> dict[str, SuiteRecord]:
    """Return the suites of a log: the distinct probes of all its rows, so that all its runs share them.

    Raises:
        ConfigError: the same id asks different things.
    """
    probes: dict[str, dict[str, tuple[Probe, str]]] = {}
    wrong: list[str] = []
    for row in log.rows:
        known = probes.setdefault(row.suite, {}).setdefault(row.probe.id, (row.probe, row.place))
        if known[0] != row.probe:
            wrong.append(
                f"{log.file}: {row.place}: probe {short(row.probe.id)} asks or expects something else than on "
                f"{known[1]}; map a column that tells them apart to `probe`, or none: ids are made of the question then"
            )
    if wrong:
        more = [f"{log.file}: and {len(wrong) - SHOWN:,} more"] if len(wrong) > SHOWN else []
        raise ConfigError([*wrong[:SHOWN], *more, f"{log.file}: nothing was imported"])
    found: dict[str, SuiteRecord] = {}
    for name, mine in probes.items():
        notes = log.suites.get(name, SuiteNotes(name))
        listed = tuple(probe for probe, _ in sorted(mine.values(), key=lambda pair: pair[0].id))
        header: dict[str, JSON] = {"title": notes.title, "description": notes.description}
        if notes.licence is not None:
            header["licence"] = notes.licence
        arms = sorted({probe.arm for probe in listed if probe.arm is not None})
        if arms:
            header["arms"] = list(arms)
        digests = [dataformat.probe_line(name, probe).sha256 for probe in listed]
        found[name] = SuiteRecord(name, 1, sha256(canonical_json([name, header, digests])), header, listed)
    return found


def _samples(rows: Sequence[Call]) -> list[int]:
    """Return which repetition of its probe each row is."""
    seen: Counter[tuple[str, str, str]] = Counter()
    found: list[int] = []
    for row in rows:
        place = (row.endpoint, row.suite, row.probe.id)
        found.append(seen[place])
        seen[place] += 1
    return found


def _key(log: Log, rows: Sequence[Call], suites: Mapping[str, SuiteRecord]) -> str:
    """Return what a run is known by when it is imported again: its content, whatever the file is called."""
    digest = hashlib.sha256()
    digest.update(
        canonical_json(
            [log.source, sorted(suites[name].content_hash for name in {row.suite for row in rows})]
        )
    )
    for row in rows:
        said: list[JSON] = [row.model, row.endpoint, row.suite, row.probe.id, row.at_us, row.latency_ms]
        digest.update(canonical_json(said) + b"\n" + reply_body(row.entry) + b"\n")
    return digest.hexdigest()


def _write_run(
    store: Store,
    log: Log,
    rows: Sequence[Call],
    samples: Sequence[int],
    suites: Mapping[str, SuiteRecord],
    key: str,
    now_us: int,
) -> int:
    used = {name: suites[name] for name in sorted({row.suite for row in rows})}
    models: dict[str, Call] = {}
    for row in rows:
        known = models.setdefault(row.endpoint, row)
        if known.model != row.model:
            raise ConfigError(
                f"{log.file}: {row.place}: endpoint {short(row.endpoint)} is {short(row.model)} here and "
                f"{short(known.model)} on {known.place}; "
                "within a run an endpoint has one model: group runs by model; nothing was imported"
            )
    endpoints = [
        EndpointRecord(name, row.model, PROTOCOL, None, "log", dict(row.parameters))
        for name, row in sorted(models.items())
    ]
    origin = OriginData(
        source=log.source,
        file=log.file,
        file_sha256=log.file_sha256,
        tool=log.tool,
        imported_us=now_us,
        harness_version=__version__,
        key=key,
        record=dict(log.record),
    )
    config_json = canonical_json({"import": log.record}).decode("utf-8", "surrogatepass")
    header = RunHeader(
        seed=0,
        started_us=min(row.at_us for row in rows),
        clock="real",
        planned=len(rows),
        plan_hash=f"sha256:{key}",
        config_hash=sha256(config_json.encode("utf-8", "surrogatepass")),
        config_json=config_json,
        suites={name: suite.content_hash for name, suite in used.items()},
        endpoints=tuple(sorted(models)),
        trigger=f"{IMPORTED}{dataformat.origin_hash(origin)}",
        vantage={},
        harness_version=__version__,
        packages={},
        python="",
        platform="",
        git_revision=None,
        git_dirty=None,
    )
    run_id = store.begin_run(header, list(used.values()), endpoints)
    store.add_origin(run_id, origin)
    for start in range(0, len(rows), _BATCH):
        part = [
            _exchange(row, index, samples[index], key)
            for index, row in enumerate(rows[start : start + _BATCH], start)
        ]
        numbers = store.append(run_id, part)
        judged = [
            (number, observe(exchange, row.probe, Logged(row.model)))
            for number, exchange, row in zip(numbers, part, rows[start : start + _BATCH], strict=True)
        ]
        store.append(run_id, [], judged)
    store.finish_run(run_id, RunStatus.DONE, max(row.at_us for row in rows))
    return run_id


def _exchange(row: Call, index: int, sample: int, key: str) -> Exchange:
    return Exchange(
        call_id=hashlib.sha256(f"{key} {index}".encode()).hexdigest()[:20],
        index=index,
        attempt=1,
        final=True,
        endpoint=row.endpoint,
        suite=row.suite,
        probe_id=row.probe.id,
        sample=sample,
        seed=0,
        protocol=PROTOCOL,
        streamed=False,
        method="",
        url="",
        request_headers=(),
        request_body=request_body(row.probe.messages),
        status=None,
        response_headers=(),
        response_body=reply_body(row.entry),
        failure=None,
        failure_detail="",
        timing=Timing(row.at_us, row.latency_ms),
    )


def question(text: str) -> tuple[Message, ...]:
    """Return a question that is one text."""
    return (Message("user", text),)


def probe_id(messages: Sequence[Message], target: Sequence[str]) -> str:
    """Return the id of a probe whose log has none: made of what it asks and expects."""
    said: JSON = [[[each.role, each.content] for each in messages], list(target)]
    return f"probe-{sha256(canonical_json(said)).removeprefix('sha256:')[:12]}"


def with_id(probe: Probe, source_id: str | None) -> Probe:
    """Return a probe with its id: the log's own where it can be one."""
    made = probe_id(probe.messages, probe.target) if source_id is None else name_of(source_id)
    return replace(probe, id=made)
