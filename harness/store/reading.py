"""Reading: stored rows back into the very records that were written."""

from __future__ import annotations

import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from harness.errors import IntegrityError, UsageError
from harness.records import Exchange, Failure, Headers, Observation, Outcome, Timing
from harness.store.bodies import Dictionaries, put_seed_back
from harness.store.connection import explained
from harness.store.encoding import begins_with, pack_call_id, read_headers
from harness.store.interning import Value
from harness.store.rows import Stored

T = TypeVar("T")
_CHUNK = 64
"""Rows fetched at once: between chunks no read is open, so a slow reader never keeps the log from being emptied."""
_KEPT = 1_024

OBSERVATION_COLUMNS = (
    "verdict_id, identity_id, evidence, notice, unmapped, score, answer, "
    "refusal_score, input_tokens, output_tokens, cost_usd"
)
EXCHANGE_COLUMNS = """
    x.id, x.run_id, x.number, x.call_id, x.call_index, x.attempt, x.final, x.endpoint_id, x.probe_id, x.sample, x.seed,
    x.envelope_id, x.request_body_id, x.seed_offset, x.status, x.reply_headers, x.reply_headers_dictionary_id,
    b.dictionary_id, b.data, x.failure, x.failure_detail, x.sent_us, x.total_ms, x.headers_ms, x.first_token_ms,
    x.gap_median_ms, x.gap_max_ms, x.redacted, x.hash"""
_STORED = f"""
    SELECT {EXCHANGE_COLUMNS}, o.exchange_id, {", ".join("o." + name for name in OBSERVATION_COLUMNS.split(", "))}
    FROM exchanges x LEFT JOIN bodies b ON b.id = x.reply_body_id LEFT JOIN observations o ON o.exchange_id = x.id
"""  # noqa: S608 - constants of ours
_EXCHANGE_WIDTH = EXCHANGE_COLUMNS.count(",") + 1


class Reader:
    """Reads one database. All methods may be called from any thread."""

    def __init__(self, connection: sqlite3.Connection, path: Path, lock: threading.RLock) -> None:
        self._connection = connection
        self.path = path
        self._lock = lock
        self.dictionaries = Dictionaries(connection)
        self._caches: dict[str, OrderedDict[int, Any]] = {}

    def rows(self, sql: str, values: Sequence[Value] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of a query."""
        with self._lock, explained(self.path):
            return self._connection.execute(sql, values).fetchall()

    def each(self, sql: str, values: Sequence[Value], take: Callable[[tuple[Any, ...]], None]) -> None:
        """Hand every row of a query to `take`, for results too long to hold."""
        with self._lock, explained(self.path):
            for row in self._connection.execute(sql, values):
                take(row)

    def one(self, sql: str, values: Sequence[Value] = ()) -> tuple[Any, ...] | None:
        """Return the first row of a query, if there is one."""
        rows = self.rows(sql, values)
        return rows[0] if rows else None

    def _kept(self, table: str, row_id: int, read: Callable[[int], T]) -> T:
        """Return a shared row, read once and then kept; such rows never change."""
        cache = self._caches.setdefault(table, OrderedDict())
        if row_id not in cache:
            cache[row_id] = read(row_id)
            if len(cache) > _KEPT:
                cache.popitem(last=False)
        kept: T = cache[row_id]
        return kept

    def _shared(self, table: str, columns: str, row_id: int) -> tuple[Any, ...]:
        row = self.one(f"SELECT {columns} FROM {table} WHERE id = ?", (row_id,))  # noqa: S608 - constants of ours
        if row is None:
            raise ValueError(f"row {row_id} of {table} is missing")
        return row

    def decode(self, row: Sequence[Any]) -> Exchange:
        """Return the exchange of a row of `EXCHANGE_COLUMNS`.

        Raises:
            ValueError: the row, or one it refers to, is not as it was written.
        """
        (_, _, _, call_id, index, attempt, final, endpoint_id, probe_id, sample, seed, envelope_id, request_id,
         seed_offset, status, header_frame, header_dictionary, reply_dictionary, reply_frame, failure, failure_detail,
         sent_us, total_ms, headers_ms, first_token_ms, gap_median_ms, gap_max_ms, redacted, _) = row  # fmt: skip
        suite, probe = self._kept("probes", probe_id, self._probe_name)
        protocol, streamed, method, url, request_headers = self._kept(
            "envelopes", envelope_id, self._envelope
        )
        expand = self.dictionaries.expand
        return Exchange(
            call_id=call_id.hex() if isinstance(call_id, bytes) else call_id,
            index=index,
            attempt=attempt,
            final=bool(final),
            endpoint=self._kept("endpoints", endpoint_id, self._endpoint_name),
            suite=suite,
            probe_id=probe,
            sample=sample,
            seed=seed,
            protocol=protocol,
            streamed=streamed,
            method=method,
            url=url,
            request_headers=request_headers,
            request_body=put_seed_back(self._kept("bodies", request_id, self._body), seed_offset, seed),
            status=status,
            response_headers=read_headers(expand(header_dictionary, header_frame)),
            response_body=expand(reply_dictionary, reply_frame),
            failure=None if failure is None else Failure(failure),
            failure_detail=failure_detail,
            timing=Timing(sent_us, total_ms, headers_ms, first_token_ms, gap_median_ms, gap_max_ms),
            redacted=bool(redacted),
        )

    def expand(self, dictionary_id: int | None, frame: bytes) -> bytes:
        """Return the content of a frame."""
        with self._lock:
            return self.dictionaries.expand(dictionary_id, frame)

    def _probe_name(self, row_id: int) -> tuple[str, str]:
        suite, probe_id = self._shared("probes", "suite, probe_id", row_id)
        return suite, probe_id

    def _endpoint_name(self, row_id: int) -> str:
        return str(self._shared("endpoints", "name", row_id)[0])

    def _envelope(self, row_id: int) -> tuple[str, bool, str, str, Headers]:
        protocol, streamed, method, url, headers = self._shared(
            "envelopes", "protocol, streamed, method, url, headers", row_id
        )
        return protocol, bool(streamed), method, url, read_headers(headers.encode("utf-8", "surrogatepass"))

    def _body(self, row_id: int) -> bytes:
        return self.dictionaries.expand(*self._shared("bodies", "dictionary_id, data", row_id))

    def decode_observation(self, row: Sequence[Any]) -> Observation:
        """Return the observation of a row of `OBSERVATION_COLUMNS`.

        Raises:
            ValueError: the row, or one it refers to, is not as it was written.
        """
        (
            verdict_id,
            identity_id,
            evidence,
            notice,
            unmapped,
            score,
            answer,
            refusal_score,
            tokens_in,
            tokens_out,
            cost,
        ) = row
        outcome, rule, source, degree, category, reason, rerouted, finish_reason, makers = self._kept(
            "verdicts", verdict_id, self._verdict
        )
        served_model, fingerprint = self._kept("identities", identity_id, self._identity)
        return Observation(
            outcome, rule, evidence, source, degree, category, reason, notice, served_model, rerouted, unmapped, score,
            answer, refusal_score, finish_reason, fingerprint, tokens_in, tokens_out, cost, makers,
        )  # fmt: skip

    def _verdict(self, row_id: int) -> tuple[Any, ...]:
        columns = "outcome, rule, source, degree, category, reason, rerouted, finish_reason, makers"
        outcome, *middle, rerouted, finish_reason, makers = self._shared("verdicts", columns, row_id)
        return Outcome(outcome), *middle, bool(rerouted), finish_reason, makers

    def _identity(self, row_id: int) -> tuple[Any, ...]:
        return self._shared("identities", "served_model, fingerprint", row_id)

    def observation(self, row_id: int) -> Observation | None:
        """Return the observation of an exchange, if it has one."""
        row = self.one(f"SELECT {OBSERVATION_COLUMNS} FROM observations WHERE exchange_id = ?", (row_id,))  # noqa: S608 - constants of ours
        return None if row is None else self._sound(row_id, self.decode_observation, row)

    def past_observations(self, row_id: int) -> list[tuple[int, Observation]]:
        """Return (when it was replaced, observation) for each earlier judgement of an exchange, oldest first."""
        rows = self.rows(
            f"SELECT replaced_us, {OBSERVATION_COLUMNS} FROM past_observations WHERE exchange_id = ? ORDER BY number",  # noqa: S608 - constants of ours
            (row_id,),
        )
        return [(row[0], self._sound(row_id, self.decode_observation, row[1:])) for row in rows]

    def _sound(self, row_id: int, read: Callable[[Sequence[Any]], T], row: Sequence[Any]) -> T:
        try:
            with self._lock:  # decompressors and what is kept of shared rows serve one thread at a time
                return read(row)
        except (ValueError, TypeError) as error:
            raise IntegrityError(
                f"{self.path}: exchange {row_id} is not as it was written: {error}; harness verify checks everything"
            ) from error

    def _stored(self, row: Sequence[Any]) -> Stored:
        row_id, judged = row[0], row[_EXCHANGE_WIDTH]
        exchange = self._sound(row_id, self.decode, row[:_EXCHANGE_WIDTH])
        observation = None
        if judged is not None:
            observation = self._sound(row_id, self.decode_observation, row[_EXCHANGE_WIDTH + 1 :])
        return Stored(row_id, row[1], row[2], exchange, observation, row[_EXCHANGE_WIDTH - 1].hex())

    def _select(self, where: str, values: Sequence[Value]) -> list[Stored]:
        return [self._stored(row) for row in self.rows(f"{_STORED} WHERE {where}", values)]

    def _walk(self, run_id: int | None, where: str, values: Sequence[Value]) -> Iterator[Stored]:
        """Yield exchanges run by run in the order of their chain, a chunk of rows at a time."""
        runs = [(run_id,)] if run_id is not None else self.rows("SELECT id FROM runs ORDER BY id")
        for (each,) in runs:
            after = 0
            while True:
                condition = f"x.run_id = ? AND x.number > ? AND {where} ORDER BY x.number LIMIT {_CHUNK}"
                rows = self.rows(f"{_STORED} WHERE {condition}", (each, after, *values))
                for row in rows:
                    yield self._stored(row)
                if len(rows) < _CHUNK:
                    break
                after = rows[-1][2]

    def exchanges(
        self,
        run_id: int | None = None,
        endpoint: str | None = None,
        suite: str | None = None,
        probe_id: str | None = None,
        outcome: str | None = None,
        *,
        final: bool = True,
    ) -> Iterator[Stored]:
        """Yield exchanges run by run, in order of writing; `final` leaves out tries that were repeated."""
        conditions = ["x.final" if final else "1"]
        values: list[Value] = []
        for condition, value in (
            ("x.endpoint_id IN (SELECT id FROM endpoints WHERE name = ?)", endpoint),
            ("x.probe_id IN (SELECT id FROM probes WHERE suite = ?)", suite),
            ("x.probe_id IN (SELECT id FROM probes WHERE probe_id = ?)", probe_id),
            ("o.verdict_id IN (SELECT id FROM verdicts WHERE outcome = ?)", outcome),
        ):
            if value is not None:
                conditions.append(condition)
                values.append(value)
        return self._walk(run_id, " AND ".join(conditions), values)

    def unobserved(self, run_id: int) -> Iterator[tuple[int, Exchange]]:
        """Yield (row, exchange) for what was stored but not judged, as after a kill."""
        for stored in self._walk(run_id, "x.final AND o.exchange_id IS NULL", ()):
            yield stored.row_id, stored.exchange

    def find(self, ref: str) -> list[Stored]:
        """Return the exchanges of a call: by its id, the row number of one of them, or the beginning of the id.

        Raises:
            UsageError: several calls' ids begin so.
        """
        found = self._select("x.call_id = ? ORDER BY x.id", (pack_call_id(ref),))
        if not found and ref.isascii() and ref.isdigit() and len(ref) < 19:
            found = self._select("x.id = ?", (int(ref),))
        if found or not ref:
            return found
        conditions, values = begins_with(ref)
        ids = self.rows(f"SELECT DISTINCT call_id FROM exchanges WHERE {conditions} LIMIT 4", values)  # noqa: S608 - constants of ours
        if len(ids) > 1:
            names = [each.hex() if isinstance(each, bytes) else each for (each,) in ids]
            more = ", ..." if len(ids) == 4 else ""
            raise UsageError(
                f"{ref}: several calls begin so ({', '.join(names[:3])}{more}); give more of the id"
            )
        return self._select("x.call_id = ? ORDER BY x.id", ids[0]) if ids else []
