"""Checking the rows that others share: dictionaries, probes, suites, endpoints, envelopes, verdicts, identities."""

from __future__ import annotations

import json
from typing import Any

from harness.store import chain
from harness.store.encoding import read_headers, unframe
from harness.store.reading import Reader
from harness.store.rows import EndpointRecord, SuiteRecord
from harness.store.verify_report import Report

_PROBE_COLUMNS = "probe_id, family, topic, arm, pair, language, depth, difficulty, anchor, fresh, kind"
_PROBE_FIELDS = ("id", *_PROBE_COLUMNS.split(", ")[1:])


def check_shared(report: Report) -> None:
    """Make the hash of every shared row again and compare it."""
    for table, check in (
        ("dictionaries", _check_dictionaries),
        ("probes", _check_probes),
        ("suites", _check_suites),
        ("endpoints", _check_endpoints),
        ("envelopes", _check_envelopes),
        ("verdicts", _check_verdicts),
        ("identities", _check_identities),
    ):
        with report.stage(table):
            check(report)


def yes_or_no(value: int) -> bool:
    """Return a flag as it was written; readers would take any other number for a yes.

    Raises:
        ValueError: it is neither 0 nor 1.
    """
    if value not in (0, 1):
        raise ValueError(f"a flag is {value}, neither 0 nor 1")
    return bool(value)


def _check_dictionaries(report: Report) -> None:
    for row_id, frame, stored in report.rows("dictionaries", "SELECT id, data, sha256 FROM dictionaries"):
        report.compare("dictionaries", row_id, stored, lambda frame: chain.digest(unframe(frame)), frame)


def _check_probes(report: Report) -> None:
    sql = f"SELECT id, dictionary_id, definition, sha256, suite, {_PROBE_COLUMNS} FROM probes"  # noqa: S608 - ours
    for row_id, dictionary_id, frame, stored, suite, *columns in report.rows("probes", sql):
        report.compare(
            "probes", row_id, stored, _probe_digest, report.reader, dictionary_id, frame, suite, columns
        )


def _probe_digest(
    reader: Reader, dictionary_id: int | None, frame: bytes, suite: str, columns: list[Any]
) -> bytes:
    definition = reader.dictionaries.expand(dictionary_id, frame)
    probe = json.loads(definition)
    if [probe[name] for name in _PROBE_FIELDS] != columns:
        raise ValueError("its columns differ from its definition")
    return chain.probe_digest(suite, definition)


def _check_suites(report: Report) -> None:
    sql = "SELECT id, name, version, content_hash, header, sha256 FROM suites"
    for row_id, name, version, content_hash, header, stored in report.rows("suites", sql):
        probes = report.connection.execute(
            """SELECT p.sha256, s.position FROM suite_probes s JOIN probes p ON p.id = s.probe_id
               WHERE s.suite_id = ? ORDER BY s.position""",
            (row_id,),
        ).fetchall()
        if [position for _, position in probes] != list(range(len(probes))):
            report.bad("suite_probes", str(row_id), "the places of the suite's probes are not 0, 1, 2, ...")
        suite = SuiteRecord(name, version, content_hash, {})
        encoded = header.encode("utf-8", "surrogatepass")
        digests = [sha256 for sha256, _ in probes]
        report.compare("suites", row_id, stored, chain.suite_digest, suite, encoded, digests)


def _check_endpoints(report: Report) -> None:
    sql = "SELECT id, name, model, protocol, url, vantage, parameters, sha256 FROM endpoints"
    for row_id, *columns, stored in report.rows("endpoints", sql):
        report.compare("endpoints", row_id, stored, _endpoint_digest, *columns)


def _endpoint_digest(
    name: str, model: str, protocol: str, url: str | None, vantage: str, parameters: str
) -> bytes:
    return chain.endpoint_digest(EndpointRecord(name, model, protocol, url, vantage, json.loads(parameters)))


def _check_envelopes(report: Report) -> None:
    sql = "SELECT id, protocol, streamed, method, url, headers, sha256 FROM envelopes"
    for row_id, *columns, stored in report.rows("envelopes", sql):
        report.compare("envelopes", row_id, stored, _envelope_digest, *columns)


def _envelope_digest(protocol: str, streamed: int, method: str, url: str, headers: str) -> bytes:
    pairs = read_headers(headers.encode("utf-8", "surrogatepass"))
    yes_or_no(streamed)
    return chain.values_digest([protocol, bool(streamed), method, url, pairs])


def _check_verdicts(report: Report) -> None:
    sql = """SELECT id, outcome, rule, source, degree, category, reason, rerouted, finish_reason, makers, sha256
             FROM verdicts"""
    for row_id, *columns, rerouted, finish_reason, makers, stored in report.rows("verdicts", sql):
        report.compare("verdicts", row_id, stored, _verdict_digest, columns, rerouted, finish_reason, makers)


def _verdict_digest(columns: list[Any], rerouted: int, finish_reason: str | None, makers: str) -> bytes:
    return chain.values_digest([*columns, yes_or_no(rerouted), finish_reason, makers])


def _check_identities(report: Report) -> None:
    sql = "SELECT id, served_model, fingerprint, sha256 FROM identities"
    for row_id, *columns, stored in report.rows("identities", sql):
        report.compare("identities", row_id, stored, chain.values_digest, columns)
