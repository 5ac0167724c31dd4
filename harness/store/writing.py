"""Writing: runs, exchanges and observations, each change one transaction with the hashes and sums that go with it."""

from __future__ import annotations

import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import zstandard

from harness.dataformat import IMPORTED, OriginData
from harness.errors import StoreError
from harness.records import Exchange, Observation, RunHeader, RunStatus
from harness.store import chain
from harness.store.bodies import Compressor, Dictionaries, cut_seed
from harness.store.encoding import header_json, pack_call_id
from harness.store.interning import BodyShelf, Interner, Value, text
from harness.store.judgements import add_judgements
from harness.store.origins import ADD_EXCHANGE, ADD_ORIGIN, origin_row
from harness.store.reading import OBSERVATION_COLUMNS, Reader
from harness.store.rows import EndpointRecord, SuiteRecord
from harness.store.runs import Runs
from harness.store.tallies import Place, Sums
from harness.store.transactions import Transactions

_PENDING_KEPT = 65_536

_ADD_EXCHANGE = """
    INSERT INTO exchanges (id, run_id, number, call_id, call_index, attempt, final, endpoint_id, probe_id, sample, seed,
      envelope_id, request_body_id, seed_offset, status, reply_headers, reply_headers_dictionary_id, reply_body_id,
      failure, failure_detail, sent_us, total_ms, headers_ms, first_token_ms, gap_median_ms, gap_max_ms, redacted,
      hash_form, hash)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, CAST(? AS TEXT), ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_ADD_OBSERVATION = """
    INSERT INTO observations (exchange_id, verdict_id, identity_id, evidence, notice, unmapped, score, answer,
      refusal_score, input_tokens, output_tokens, cost_usd)
    VALUES (?, ?, ?, CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), ?, CAST(? AS TEXT), ?, ?, ?, ?)"""
_KEEP_OBSERVATION = f"""
    INSERT INTO past_observations (exchange_id, number, replaced_us, {OBSERVATION_COLUMNS})
    SELECT exchange_id, ?, ?, {OBSERVATION_COLUMNS} FROM observations WHERE exchange_id = ?"""  # noqa: S608 - a constant of ours


@dataclass(slots=True)
class _OpenRun:
    """What is needed to go on writing one run."""

    run_id: int
    exchanges: int
    completed: int
    last_hash: bytes
    done: bytearray
    """One byte per call of the plan: 1 when it has its final exchange."""
    endpoints: dict[str, int]
    probes: dict[tuple[str, str], int]


class Writer:
    """The one writer of a database. All methods may be called from any thread, one at a time gets in."""

    def __init__(
        self, connection: sqlite3.Connection, path: Path, lock: threading.RLock, reader: Reader, runs: Runs
    ) -> None:
        self._connection = connection
        self._path = path
        self._reader = reader
        self._stored_runs = runs
        dictionaries = Dictionaries(connection)
        self._dictionaries = dictionaries
        self._compressor = Compressor(connection, dictionaries)
        self._interner = Interner(connection, self._compressor)
        self._bodies = BodyShelf(connection, self._compressor)
        self._runs: dict[int, _OpenRun] = {}
        self._places: OrderedDict[int, Place] = OrderedDict()
        self._next_id: int | None = None
        self._transactions = Transactions(connection, path, lock, self._forget)

    def group(self) -> AbstractContextManager[None]:
        """Make everything written inside one transaction: all of it is kept, or nothing."""
        return self._transactions.group()

    def transaction(self) -> AbstractContextManager[sqlite3.Connection]:
        """Give the connection for one transaction: all of it is kept, or none."""
        return self._transactions.one()

    def _forget(self) -> None:
        """Drop everything kept in memory: after a rollback it may speak of rows that are not there."""
        for each in (self._dictionaries, self._compressor, self._interner, self._bodies):
            each.forget()
        self._runs.clear()
        self._places.clear()
        self._next_id = None

    # --- runs ---------------------------------------------------------------------------------

    def begin_run(
        self, header: RunHeader, suites: Iterable[SuiteRecord], endpoints: Iterable[EndpointRecord]
    ) -> int:
        """Store a run's header and what it uses; return its number."""
        suites, endpoints = list(suites), list(endpoints)
        given = {suite.name: suite.content_hash for suite in suites}
        if given != dict(header.suites) or len(suites) != len(given):
            raise ValueError("the suites given are not those the run's header names")
        if sorted(each.name for each in endpoints) != sorted(header.endpoints):
            raise ValueError("the endpoints given are not those the run's header names")
        with self._transactions.one():
            encoded = header_json(self._bound(header))
            previous = self._previous()
            run_id = 1 if previous is None else previous[0] + 1
            probes: dict[tuple[str, str], int] = {}
            suite_rows: list[tuple[int, bytes]] = []
            for suite in suites:
                row_id, sha256, ids = self._interner.suite(suite)
                suite_rows.append((row_id, sha256))
                probes |= ids
            endpoint_rows = [self._interner.endpoint(each) for each in endpoints]
            own = chain.run_hash(
                run_id,
                encoded,
                [each for _, each in suite_rows],
                [each for _, each in endpoint_rows],
                previous,
            )
            before, _, before_count, before_last, before_event = previous or (None, None, None, None, None)
            self._connection.execute(
                """INSERT INTO runs (id, started_us, finished_us, status, planned, completed, exchanges, last_hash,
                     header, previous_id, previous_exchanges, previous_last, previous_event, hash)
                   VALUES (?, ?, NULL, ?, ?, 0, 0, ?, ?, ?, ?, ?, ?, ?)""",
                (
                    *(run_id, header.started_us, RunStatus.RUNNING.value, header.planned, own),
                    zstandard.compress(encoded, 9),
                    *(before, before_count, before_last, before_event, own),
                ),
            )
            for statement, rows in (
                ("INSERT INTO run_suites (run_id, position, suite_id) VALUES (?, ?, ?)", suite_rows),
                ("INSERT INTO run_endpoints (run_id, position, endpoint_id) VALUES (?, ?, ?)", endpoint_rows),
            ):
                self._connection.executemany(
                    statement, [(run_id, position, row_id) for position, (row_id, _) in enumerate(rows)]
                )
            self._connection.execute("UPDATE chain SET runs = runs + 1, last_hash = ?", (own,))
            names = {each.name: row_id for each, (row_id, _) in zip(endpoints, endpoint_rows, strict=True)}
            self._runs[run_id] = _OpenRun(run_id, 0, 0, own, bytearray(header.planned), names, probes)
        return run_id

    def add_judgements(self, pairs: Iterable[tuple[int, int]], judged_us: int) -> None:
        """Keep which exchange of a judge graded which answer."""
        with self._transactions.one():
            add_judgements(self._connection, pairs, judged_us)

    def add_origin(self, run_id: int, origin: OriginData) -> None:
        """Keep where an imported run comes from; its trigger has to name it already."""
        with self._transactions.one():
            self._connection.execute(ADD_ORIGIN, origin_row(run_id, origin))

    def add_origin_exchanges(self, rows: Iterable[tuple[int, int, str, str]]) -> None:
        """Keep the chain that imported exchanges had elsewhere: row, number, previous hash, own hash."""
        with self._transactions.one():
            self._connection.executemany(
                ADD_EXCHANGE,
                [
                    (row, number, bytes.fromhex(previous), bytes.fromhex(own))
                    for row, number, previous, own in rows
                ],
            )

    def _bound(self, header: RunHeader) -> RunHeader:
        """Bind a run of our own to the newest commitment; an imported one keeps what it was bound to elsewhere."""
        if header.trigger.startswith(IMPORTED):
            return header
        row = self._connection.execute("SELECT sha256 FROM commitments ORDER BY id DESC LIMIT 1").fetchone()
        return replace(header, commitment=None if row is None else row[0].hex())

    def _previous(self) -> tuple[int, bytes, int, bytes, bytes] | None:
        row = self._connection.execute(
            "SELECT id, hash, exchanges, last_hash FROM runs ORDER BY id DESC LIMIT 1"
        ).fetchone()
        if row is None:
            return None
        run_id, own, exchanges, last = row
        return run_id, own, exchanges, last, self._last_event(run_id, own)[1]

    def _last_event(self, run_id: int, own: bytes) -> tuple[int, bytes]:
        row = self._connection.execute(
            "SELECT number, hash FROM run_events WHERE run_id = ? ORDER BY number DESC LIMIT 1", (run_id,)
        ).fetchone()
        return (0, own) if row is None else (row[0], row[1])

    def resume_run(self, run_id: int, resumed_us: int) -> None:
        """Put an unfinished run back to `running` and record when."""
        with self._transactions.one():
            row = self._connection.execute("SELECT status FROM runs WHERE id = ?", (run_id,)).fetchone()
            if row is None:
                raise StoreError(f"{self._path}: there is no run {run_id}")
            if row[0] == RunStatus.DONE.value:
                raise StoreError(f"{self._path}: run {run_id} is done; there is nothing to resume")
            self._event(self._load(run_id), "resumed", RunStatus.RUNNING, resumed_us)
            self._connection.execute(
                "UPDATE runs SET status = ?, finished_us = NULL WHERE id = ?",
                (RunStatus.RUNNING.value, run_id),
            )

    def finish_run(self, run_id: int, status: RunStatus, finished_us: int) -> None:
        """End a run and seal what it has: count, newest hash, status and time are hashed together."""
        if status is RunStatus.RUNNING:
            raise ValueError("a run does not end in the status running")
        with self._transactions.one():
            self._event(self._open_run(run_id), "finished", status, finished_us)
            self._connection.execute(
                "UPDATE runs SET status = ?, finished_us = ? WHERE id = ?",
                (status.value, finished_us, run_id),
            )
            self._runs.pop(run_id, None)

    def _event(self, run: _OpenRun, event: str, status: RunStatus, at_us: int) -> None:
        (own,) = self._connection.execute("SELECT hash FROM runs WHERE id = ?", (run.run_id,)).fetchone()
        number, previous = self._last_event(run.run_id, own)
        standing = (run.completed, run.exchanges, run.last_hash)
        sha256 = chain.event_hash(run.run_id, number + 1, event, at_us, status.value, *standing, previous)
        self._connection.execute(
            """INSERT INTO run_events (run_id, number, event, at_us, status, completed, exchanges, last_hash, hash)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            (run.run_id, number + 1, event, at_us, status.value, *standing, sha256),
        )

    def _open_run(self, run_id: int) -> _OpenRun:
        """Return a run that is being written."""
        run = self._runs.get(run_id)
        if run is not None:
            return run
        row = self._connection.execute("SELECT status FROM runs WHERE id = ?", (run_id,)).fetchone()
        if row is None:
            raise StoreError(f"{self._path}: there is no run {run_id}")
        if row[0] != RunStatus.RUNNING.value:
            raise StoreError(
                f"{self._path}: run {run_id} has ended ({row[0]}); resume it before adding to it"
            )
        return self._load(run_id)

    def _load(self, run_id: int) -> _OpenRun:
        exchanges, completed, last_hash = self._connection.execute(
            "SELECT exchanges, completed, last_hash FROM runs WHERE id = ?", (run_id,)
        ).fetchone()
        endpoints = self._connection.execute(
            "SELECT e.name, e.id FROM run_endpoints r JOIN endpoints e ON e.id = r.endpoint_id WHERE r.run_id = ?",
            (run_id,),
        )
        probes = self._connection.execute(
            """SELECT p.suite, p.probe_id, p.id FROM run_suites r JOIN suite_probes s ON s.suite_id = r.suite_id
               JOIN probes p ON p.id = s.probe_id WHERE r.run_id = ?""",
            (run_id,),
        )
        run = _OpenRun(
            run_id,
            exchanges,
            completed,
            last_hash,
            self._stored_runs.done_indexes(run_id),
            dict(endpoints),
            {(suite, probe_id): row_id for suite, probe_id, row_id in probes},
        )
        self._runs[run_id] = run
        return run

    # --- exchanges and observations -------------------------------------------------------------

    def append(
        self, run_id: int, exchanges: Sequence[Exchange], observations: Sequence[tuple[int, Observation]] = ()
    ) -> list[int]:
        """Commit new exchanges, and observations of exchanges committed earlier, in one transaction."""
        with self._transactions.one():
            sums = Sums()
            self._observe(observations, sums)
            row_ids = self._add_exchanges(self._open_run(run_id), exchanges, sums) if exchanges else []
            sums.write(self._connection)
        return row_ids

    def _add_exchanges(self, run: _OpenRun, exchanges: Sequence[Exchange], sums: Sums) -> list[int]:
        if self._next_id is None:
            (largest,) = self._connection.execute("SELECT coalesce(max(id), 0) FROM exchanges").fetchone()
            self._next_id = int(largest) + 1
        first_id = self._next_id
        rows: list[tuple[Value, ...]] = []
        hashes = [chain.digest(exchange.response_body) for exchange in exchanges]
        self._bodies.expect(hashes)
        for row_id, exchange, reply_hash in zip(count(first_id), exchanges, hashes, strict=False):
            timing = exchange.timing
            endpoint_id, probe_id = self._named(run, exchange)
            envelope_id, request_headers = self._interner.envelope(exchange)
            request_body, seed_offset = cut_seed(exchange.request_body, exchange.seed)
            reply_headers = chain.canonical(exchange.response_headers)
            dictionary_id, frame = self._compressor.compress(
                "reply_headers", exchange.endpoint, reply_headers
            )
            run.last_hash = chain.exchange_hash(
                exchange, run.last_hash, request_headers, reply_headers, reply_hash
            )
            run.exchanges += 1
            rows.append(
                (
                    *(row_id, run.run_id, run.exchanges, pack_call_id(exchange.call_id), exchange.index),
                    *(
                        exchange.attempt,
                        exchange.final,
                        endpoint_id,
                        probe_id,
                        exchange.sample,
                        exchange.seed,
                    ),
                    *(envelope_id, self._bodies.request(exchange.endpoint, request_body), seed_offset),
                    *(exchange.status, frame, dictionary_id),
                    self._bodies.reply(exchange.endpoint, exchange.response_body, reply_hash),
                    None if exchange.failure is None else exchange.failure.value,
                    text(exchange.failure_detail),
                    *(timing.sent_us, timing.total_ms, timing.headers_ms, timing.first_token_ms),
                    *(timing.gap_median_ms, timing.gap_max_ms, exchange.redacted),
                    *(chain.EXCHANGE_FORM, run.last_hash),
                )
            )
            if exchange.final:
                run.completed += 1
                run.done[exchange.index] = 1
                place = Place(run.run_id, endpoint_id, probe_id, timing.sent_us, timing.total_ms)
                self._places[row_id] = place
                sums.call(place)
        while len(self._places) > _PENDING_KEPT:
            self._places.popitem(last=False)
        self._bodies.flush()
        self._connection.executemany(_ADD_EXCHANGE, rows)
        self._connection.execute(
            "UPDATE runs SET completed = ?, exchanges = ?, last_hash = ? WHERE id = ?",
            (run.completed, run.exchanges, run.last_hash, run.run_id),
        )
        self._next_id = first_id + len(rows)
        return list(range(first_id, self._next_id))

    def _named(self, run: _OpenRun, exchange: Exchange) -> tuple[int, int]:
        """Return the rows of an exchange's endpoint and probe; refuse one that is not of this run's plan."""
        try:
            found = run.endpoints[exchange.endpoint], run.probes[exchange.suite, exchange.probe_id]
        except KeyError as missing:
            raise ValueError(f"run {run.run_id} does not ask {missing}") from None
        if not 0 <= exchange.index < len(run.done):
            raise ValueError(f"run {run.run_id} has {len(run.done)} calls, none with index {exchange.index}")
        if exchange.final and run.done[exchange.index]:
            raise ValueError(f"call {exchange.index} of run {run.run_id} has its final exchange already")
        return found

    def _place(self, row_id: int) -> Place:
        place = self._places.pop(row_id, None)
        if place is not None:
            return place
        row = self._connection.execute(
            "SELECT run_id, endpoint_id, probe_id, sent_us, total_ms, final FROM exchanges WHERE id = ?",
            (row_id,),
        ).fetchone()
        if row is None or not row[5]:
            raise ValueError(f"exchange {row_id} is not a final exchange of this database")
        return Place(*row[:5])

    def _observe(self, observations: Iterable[tuple[int, Observation]], sums: Sums) -> None:
        rows: list[tuple[Value, ...]] = []
        for row_id, each in observations:
            identity_id = self._interner.identity(each.served_model, each.fingerprint)
            sums.add(row_id, each, self._place(row_id), identity_id)
            rows.append(
                (
                    *(row_id, self._interner.verdict(each), identity_id),
                    *(
                        text(each.evidence),
                        text(each.notice),
                        text(each.unmapped),
                        each.score,
                        text(each.answer),
                    ),
                    *(each.refusal_score, each.input_tokens, each.output_tokens, each.cost_usd),
                )
            )
        self._connection.executemany(_ADD_OBSERVATION, rows)

    def replace_observations(self, observations: Iterable[tuple[int, Observation]], replaced_us: int) -> int:
        """Put new observations in place of old ones, keep the old, correct the sums; return how many differed."""
        new: list[tuple[int, Observation]] = []
        with self._transactions.one():
            sums = Sums()
            for row_id, observation in observations:
                old = self._reader.observation(row_id)
                if old == observation:
                    continue
                if old is not None:
                    identity_id = self._interner.identity(old.served_model, old.fingerprint)
                    number = 1 + len(self._reader.past_observations(row_id))
                    sums.take_back(row_id, old, self._place(row_id), identity_id, (number, replaced_us))
                    self._connection.execute(_KEEP_OBSERVATION, (number, replaced_us, row_id))
                    self._connection.execute("DELETE FROM observations WHERE exchange_id = ?", (row_id,))
                new.append((row_id, observation))
            self._observe(new, sums)
            sums.write(self._connection)
            self._connection.execute("DELETE FROM identity_tallies WHERE n = 0")
        return len(new)
