"""Rows that many others share, stored once: suites, probes, endpoints, envelopes, verdicts, identities."""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from collections.abc import Sequence
from typing import TypeAlias

from harness.records import JSON, Exchange, Observation
from harness.store.bodies import Compressor, Content
from harness.store.chain import (
    canonical,
    digest,
    endpoint_digest,
    plain,
    probe_definition,
    probe_digest,
    suite_digest,
    values_digest,
)
from harness.store.rows import EndpointRecord, SuiteRecord

Value: TypeAlias = int | float | str | bytes | None
_KEPT = 8_192
"""Row numbers kept in memory per kind."""
_ASKED_AT_ONCE = 500

_FIND = {
    name: f"SELECT id FROM {name} WHERE sha256 = ?"  # noqa: S608 - the names are right here
    for name in ("suites", "probes", "endpoints", "envelopes", "verdicts", "identities")
}
# CAST makes text of the bytes that `text` gives for strings SQLite's driver would refuse.
_ADD = {
    "suites": "INSERT INTO suites (name, version, content_hash, header, sha256) VALUES (?, ?, ?, CAST(? AS TEXT), ?)",
    "probes": """
        INSERT INTO probes (suite, probe_id, family, topic, arm, pair, language, depth, difficulty, anchor, fresh, kind,
          dictionary_id, definition, sha256)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
    "endpoints": """
        INSERT INTO endpoints (name, model, protocol, url, vantage, parameters, sha256)
        VALUES (?, ?, ?, ?, ?, CAST(? AS TEXT), ?)""",
    "envelopes": """
        INSERT INTO envelopes (protocol, streamed, method, url, headers, sha256)
        VALUES (?, ?, ?, CAST(? AS TEXT), CAST(? AS TEXT), ?)""",
    "verdicts": """
        INSERT INTO verdicts (outcome, rule, source, degree, category, reason, rerouted, finish_reason, makers, sha256)
        VALUES (?, ?, ?, ?, CAST(? AS TEXT), CAST(? AS TEXT), ?, CAST(? AS TEXT), ?, ?)""",
    "identities": """
        INSERT INTO identities (served_model, fingerprint, sha256) VALUES (CAST(? AS TEXT), CAST(? AS TEXT), ?)""",
}


def text(value: str | None) -> str | bytes | None:
    """Return a string as SQLite's driver takes it: lone surrogates, which replies can hold, only go in as bytes."""
    if value is None or value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-8", "surrogatepass")
    return value


class Interner:
    """Finds or adds shared rows, and remembers their numbers."""

    def __init__(self, connection: sqlite3.Connection, compressor: Compressor) -> None:
        self._connection = connection
        self._compressor = compressor
        self._known: dict[str, OrderedDict[object, int]] = {name: OrderedDict() for name in _FIND}
        self._headers: OrderedDict[object, bytes] = OrderedDict()

    def forget(self) -> None:
        """Drop what was kept in memory: after a rollback, rows added meanwhile are not there."""
        for known in self._known.values():
            known.clear()

    def _row(self, table: str, sha256: bytes) -> int | None:
        row = self._connection.execute(_FIND[table], (sha256,)).fetchone()
        return None if row is None else int(row[0])

    def _add(self, table: str, values: Sequence[Value]) -> int:
        row_id = self._connection.execute(_ADD[table], values).lastrowid
        assert row_id is not None
        return row_id

    def _remember(self, table: str, key: object, row_id: int) -> int:
        known = self._known[table]
        known[key] = row_id
        if len(known) > _KEPT:
            known.popitem(last=False)
        return row_id

    def suite(self, suite: SuiteRecord) -> tuple[int, bytes, dict[tuple[str, str], int]]:
        """Return (row, hash, probe rows by (suite, probe id))."""
        header = canonical(plain(suite.header))
        rows: list[int] = []
        digests: list[bytes] = []
        for probe in suite.probes:
            definition = probe_definition(probe)
            sha256 = probe_digest(suite.name, definition)
            row_id = self._row("probes", sha256)
            if row_id is None:
                dictionary_id, frame = self._compressor.compress("probe", suite.name, definition)
                row_id = self._add(
                    "probes",
                    (
                        *(
                            suite.name,
                            probe.id,
                            probe.family,
                            probe.topic,
                            probe.arm,
                            probe.pair,
                            probe.language,
                        ),
                        *(probe.depth, probe.difficulty, probe.anchor, probe.fresh, probe.kind),
                        *(dictionary_id, frame, sha256),
                    ),
                )
            rows.append(row_id)
            digests.append(sha256)
        sha256 = suite_digest(suite, header, digests)
        suite_id = self._row("suites", sha256)
        if suite_id is None:
            suite_id = self._add("suites", (suite.name, suite.version, suite.content_hash, header, sha256))
            self._connection.executemany(
                "INSERT INTO suite_probes (suite_id, position, probe_id) VALUES (?, ?, ?)",
                [(suite_id, position, row_id) for position, row_id in enumerate(rows)],
            )
        ids = {(suite.name, probe.id): row_id for probe, row_id in zip(suite.probes, rows, strict=True)}
        return suite_id, sha256, ids

    def endpoint(self, endpoint: EndpointRecord) -> tuple[int, bytes]:
        """Return (row, hash)."""
        sha256 = endpoint_digest(endpoint)
        row_id = self._row("endpoints", sha256)
        if row_id is None:
            parameters = canonical(plain(endpoint.parameters))
            values = (
                endpoint.name,
                endpoint.model,
                endpoint.protocol,
                endpoint.url,
                endpoint.vantage,
                parameters,
            )
            row_id = self._add("endpoints", (*values, sha256))
        return row_id, sha256

    def envelope(self, exchange: Exchange) -> tuple[int, bytes]:
        """Return (row, canonical JSON of the request headers)."""
        key = (exchange.protocol, exchange.streamed, exchange.method, exchange.url, exchange.request_headers)
        headers = self._headers.get(exchange.request_headers)
        if headers is None:
            headers = self._headers[exchange.request_headers] = canonical(exchange.request_headers)
            if len(self._headers) > _KEPT:
                self._headers.popitem(last=False)
        row_id = self._known["envelopes"].get(key)
        if row_id is not None:
            return row_id, headers
        sha256 = values_digest(key)
        row_id = self._row("envelopes", sha256)
        if row_id is None:
            values = (
                exchange.protocol,
                exchange.streamed,
                exchange.method,
                text(exchange.url),
                headers,
                sha256,
            )
            row_id = self._add("envelopes", values)
        return self._remember("envelopes", key, row_id), headers

    def verdict(self, observation: Observation) -> int:
        """Return the row of what an observation has in common with others."""
        key: tuple[JSON, ...] = (
            *(observation.outcome.value, observation.rule, observation.source, observation.degree),
            *(observation.category, observation.reason, observation.rerouted, observation.finish_reason),
            observation.makers,
        )
        row_id = self._known["verdicts"].get(key)
        if row_id is not None:
            return row_id
        sha256 = values_digest(key)
        row_id = self._row("verdicts", sha256)
        if row_id is None:
            values = [text(value) if isinstance(value, str) else value for value in key]
            row_id = self._add("verdicts", [*values, sha256])  # type: ignore[list-item]
        return self._remember("verdicts", key, row_id)

    def identity(self, served_model: str | None, fingerprint: str | None) -> int:
        """Return the row of who answered."""
        key = (served_model, fingerprint)
        row_id = self._known["identities"].get(key)
        if row_id is not None:
            return row_id
        sha256 = values_digest(key)
        row_id = self._row("identities", sha256)
        if row_id is None:
            row_id = self._add("identities", (text(served_model), text(fingerprint), sha256))
        return self._remember("identities", key, row_id)


class BodyShelf:
    """Finds or adds bodies by content."""

    def __init__(self, connection: sqlite3.Connection, compressor: Compressor) -> None:
        self._connection = connection
        self._compressor = compressor
        self._requests: OrderedDict[bytes, int] = OrderedDict()
        self._next_id: int | None = None
        self._here: dict[bytes, int] = {}
        self._rows: list[tuple[int, int | None, bytes, bytes]] = []

    def forget(self) -> None:
        """Drop what was kept in memory: after a rollback, bodies added meanwhile are not there."""
        self._requests.clear()
        self._here.clear()
        self._rows.clear()
        self._next_id = None

    def request(self, owner: str, data: bytes) -> int:
        """Return the row of a request's body; the same few come again and again, so their rows are remembered."""
        sha256 = digest(data)
        row_id = self._requests.get(sha256)
        if row_id is None:
            row = self._connection.execute(
                "SELECT id FROM bodies WHERE substr(sha256, 1, 6) = ? AND sha256 = ?", (sha256[:6], sha256)
            ).fetchone()
            row_id = self._here.get(sha256) if row is None else int(row[0])
            if row_id is None:
                row_id = self._add("request", owner, data, sha256)
            self._requests[sha256] = row_id
            if len(self._requests) > _KEPT:
                self._requests.popitem(last=False)
        return row_id

    def expect(self, hashes: Sequence[bytes]) -> None:
        """Find out in one go which replies are stored already; only these hashes may go to `reply` until `flush`."""
        for start in range(0, len(hashes), _ASKED_AT_ONCE):
            wanted = set(hashes[start : start + _ASKED_AT_ONCE])
            marks = ", ".join("?" for _ in wanted)
            rows = self._connection.execute(
                f"SELECT sha256, id FROM bodies WHERE substr(sha256, 1, 6) IN ({marks})",  # noqa: S608 - bound
                [sha256[:6] for sha256 in wanted],
            )
            self._here.update((sha256, row_id) for sha256, row_id in rows if sha256 in wanted)

    def reply(self, owner: str, data: bytes, sha256: bytes) -> int:
        """Return the row of a reply's body, given its hash."""
        row_id = self._here.get(sha256)
        return self._add("reply", owner, data, sha256) if row_id is None else row_id

    def _add(self, content: Content, owner: str, data: bytes, sha256: bytes) -> int:
        if self._next_id is None:
            (largest,) = self._connection.execute("SELECT coalesce(max(id), 0) FROM bodies").fetchone()
            self._next_id = int(largest) + 1
        row_id, self._next_id = self._next_id, self._next_id + 1
        dictionary_id, frame = self._compressor.compress(content, owner, data)
        self._here[sha256] = row_id
        self._rows.append((row_id, dictionary_id, frame, sha256))
        return row_id

    def flush(self) -> None:
        """Write the bodies added since the last time; before any row that refers to them."""
        self._connection.executemany(
            "INSERT INTO bodies (id, dictionary_id, data, sha256) VALUES (?, ?, ?, ?)", self._rows
        )
        self._rows.clear()
        self._here.clear()
