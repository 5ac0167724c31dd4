"""Checking everything: each hash made again from what readers would see, each sum from what it sums up."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from harness.records import Headers, RunStatus
from harness.store import chain
from harness.store.encoding import read_header, read_headers, unframe
from harness.store.reading import EXCHANGE_COLUMNS, Reader
from harness.store.rows import EndpointRecord, Problem, SuiteRecord, Verification
from harness.store.verify_sums import check_sums

PROBLEMS_KEPT = 100
_PROGRESS_EVERY = 1_000

_EXCHANGES = f"""
    SELECT {EXCHANGE_COLUMNS}, x.hash_form, x.reply_body_id, b.sha256
    FROM exchanges x LEFT JOIN bodies b ON b.id = x.reply_body_id WHERE x.run_id = ? ORDER BY x.number"""  # noqa: S608 - ours
_WIDTH = EXCHANGE_COLUMNS.count(",") + 1
_UNUSED = {
    "suites": "SELECT id FROM suites EXCEPT SELECT suite_id FROM run_suites",
    "probes": "SELECT id FROM probes EXCEPT SELECT probe_id FROM suite_probes",
    "endpoints": "SELECT id FROM endpoints EXCEPT SELECT endpoint_id FROM run_endpoints",
    "envelopes": "SELECT id FROM envelopes EXCEPT SELECT envelope_id FROM exchanges",
    "verdicts": """SELECT id FROM verdicts EXCEPT SELECT verdict_id FROM observations
                   EXCEPT SELECT verdict_id FROM past_observations""",
    "identities": """SELECT id FROM identities EXCEPT SELECT identity_id FROM observations
                     EXCEPT SELECT identity_id FROM past_observations""",
}


@dataclass(slots=True)
class _Run:
    """One run as its rows tell it, and where in its chain others refer to."""

    run_id: int
    hash: bytes
    planned: int
    completed: int
    exchanges: int
    last_hash: bytes
    referred: list[tuple[str, str, int, int | None, bytes]]
    """(table, row, exchanges, completed calls if told, newest hash) as others have it."""


class Verifier:
    """One check of a database, through a connection of its own."""

    def __init__(self, connection: sqlite3.Connection, reader: Reader) -> None:
        self._connection = connection
        self._reader = reader
        self._problems: list[Problem] = []
        self._problem_count = 0
        self._notes: list[str] = []
        self._counts: Counter[str] = Counter()
        self._seen_bodies = bytearray()
        self._bad_bodies: set[int] = set()
        self._request_headers: dict[Headers, bytes] = {}

    def verify(self, progress: Callable[[int, int], None] | None = None) -> Verification:
        """Check everything; see `Store.verify`."""
        self._connection.execute("BEGIN")
        try:
            with self._stage("file"):
                self._check_file()
            with self._stage("dictionaries"):
                self._check_dictionaries()
            for table, check in (
                ("probes", self._check_probes),
                ("suites", self._check_suites),
                ("endpoints", self._check_endpoints),
                ("envelopes", self._check_envelopes),
                ("verdicts", self._check_verdicts),
                ("identities", self._check_identities),
            ):
                with self._stage(table):
                    check()
            runs: list[_Run] = []
            with self._stage("runs"):
                runs = self._check_runs()
            total = sum(run.exchanges for run in runs)
            for run in runs:
                with self._stage("exchanges"):
                    self._check_exchanges(run, progress, total)
            with self._stage("bodies"):
                self._check_bodies()
            with self._stage("observations"):
                for note in check_sums(self._connection, self._reader, self._bad, self._counts):
                    self._notes.append(note)
            for table, sql in _UNUSED.items():
                with self._stage(table):
                    for (row_id,) in self._connection.execute(sql):
                        self._bad(
                            table,
                            str(row_id),
                            "nothing refers to it: it was put in, or what used it was taken out",
                        )
        finally:
            self._connection.execute("ROLLBACK")
        return Verification(
            tuple(self._problems), self._problem_count, tuple(self._notes), dict(self._counts)
        )

    def _bad(self, table: str, row: str, what: str) -> None:
        self._problem_count += 1
        if len(self._problems) < PROBLEMS_KEPT:
            self._problems.append(Problem(table, row, what))

    @contextmanager
    def _stage(self, table: str) -> Iterator[None]:
        """Go on with the next part when one cannot be read to its end."""
        try:
            yield
        except (sqlite3.DatabaseError, ValueError, TypeError, KeyError) as error:
            self._bad(table, "", f"cannot be read to its end: {error}")

    def _rows(self, table: str, sql: str) -> Iterator[Sequence[Any]]:
        for row in self._connection.execute(sql):
            self._counts[table] += 1
            yield row

    def _compare(self, table: str, row_id: int, made: Callable[[], bytes], stored: object) -> bytes | None:
        """Make a row's hash again and compare it; a row from which none can be made is bad too."""
        try:
            sha256 = made()
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            self._bad(table, str(row_id), f"is not as it was written: {error}")
            return None
        if sha256 != stored:
            self._bad(table, str(row_id), "does not match its hash")
        return sha256

    # --- shared rows ----------------------------------------------------------------------------

    def _check_file(self) -> None:
        for (words,) in self._connection.execute("PRAGMA integrity_check(20)"):
            if words != "ok":
                self._bad("file", "", words)
        for table, row_id, parent, _ in self._connection.execute("PRAGMA foreign_key_check"):
            self._bad(table, str(row_id or ""), f"refers to a row of {parent} that is missing")

    def _check_dictionaries(self) -> None:
        for row_id, frame, stored in self._rows("dictionaries", "SELECT id, data, sha256 FROM dictionaries"):
            self._compare("dictionaries", row_id, lambda frame=frame: chain.digest(unframe(frame)), stored)  # type: ignore[misc]

    def _check_probes(self) -> None:
        columns = (
            "suite, probe_id, family, topic, arm, pair, language, depth, difficulty, anchor, fresh, kind"
        )
        names = ("id", *columns.split(", ")[2:])
        for row_id, dictionary_id, frame, stored, suite, *values in self._rows(
            "probes",
            f"SELECT id, dictionary_id, definition, sha256, {columns} FROM probes",  # noqa: S608 - ours
        ):

            def made(
                suite: str = suite, row: tuple[int | None, bytes] = (dictionary_id, frame), v: Any = values
            ) -> bytes:
                definition = self._reader.dictionaries.expand(*row)
                probe = json.loads(definition)
                if [probe[name] for name in names] != v:
                    raise ValueError("its columns differ from its definition")
                return chain.probe_digest(suite, definition)

            self._compare("probes", row_id, made, stored)

    def _check_suites(self) -> None:
        for row_id, name, version, content_hash, header, stored in self._rows(
            "suites", "SELECT id, name, version, content_hash, header, sha256 FROM suites"
        ):
            probes = self._connection.execute(
                """SELECT p.sha256 FROM suite_probes s JOIN probes p ON p.id = s.probe_id
                   WHERE s.suite_id = ? ORDER BY s.position""",
                (row_id,),
            ).fetchall()
            suite = SuiteRecord(name, version, content_hash, {})
            encoded = header.encode("utf-8", "surrogatepass")
            made = chain.suite_digest(suite, encoded, [sha256 for (sha256,) in probes])
            self._compare("suites", row_id, lambda made=made: made, stored)  # type: ignore[misc]

    def _check_endpoints(self) -> None:
        for row_id, *values, parameters, stored in self._rows(
            "endpoints", "SELECT id, name, model, protocol, url, vantage, parameters, sha256 FROM endpoints"
        ):

            def made(values: Any = values, parameters: str = parameters) -> bytes:
                return chain.endpoint_digest(EndpointRecord(*values, json.loads(parameters)))

            self._compare("endpoints", row_id, made, stored)

    def _check_envelopes(self) -> None:
        for row_id, protocol, streamed, method, url, headers, stored in self._rows(
            "envelopes", "SELECT id, protocol, streamed, method, url, headers, sha256 FROM envelopes"
        ):

            def made(values: Any = (protocol, bool(streamed), method, url), headers: str = headers) -> bytes:
                return chain.values_digest([*values, read_headers(headers.encode("utf-8", "surrogatepass"))])

            self._compare("envelopes", row_id, made, stored)

    def _check_verdicts(self) -> None:
        for row_id, *values, rerouted, finish_reason, makers, stored in self._rows(
            "verdicts",
            """SELECT id, outcome, rule, source, degree, category, reason, rerouted, finish_reason, makers, sha256
               FROM verdicts""",
        ):
            key = [*values, bool(rerouted), finish_reason, makers]
            self._compare("verdicts", row_id, lambda key=key: chain.values_digest(key), stored)  # type: ignore[misc]

    def _check_identities(self) -> None:
        for row_id, *values, stored in self._rows(
            "identities", "SELECT id, served_model, fingerprint, sha256 FROM identities"
        ):
            self._compare("identities", row_id, lambda values=values: chain.values_digest(values), stored)  # type: ignore[misc]

    # --- runs -----------------------------------------------------------------------------------

    def _check_runs(self) -> list[_Run]:
        runs: dict[int, _Run] = {}
        last: bytes | None = None
        newest_id = 0
        for row in self._rows(
            "runs",
            """SELECT id, started_us, finished_us, status, planned, completed, exchanges, last_hash, header, hash,
                 previous_id, previous_exchanges, previous_last, previous_event FROM runs ORDER BY id""",
        ):
            (
                run_id,
                started_us,
                finished_us,
                status,
                planned,
                completed,
                exchanges,
                last_hash,
                frame,
                own,
                *before,
            ) = row
            run = runs[run_id] = _Run(run_id, own, planned, completed, exchanges, last_hash, [])
            run.referred.append(("runs", str(run_id), exchanges, completed, last_hash))
            if before[0] != (newest_id or None):
                self._bad("runs", str(run_id), f"should follow run {newest_id}, says it follows {before[0]}")
            elif before[0] is not None:
                runs[newest_id].referred.append(("runs", str(run_id), before[1], None, before[2]))
                if not self._had_event(newest_id, runs[newest_id].hash, before[3]):
                    self._bad("runs", str(run_id), f"refers to an end of run {newest_id} that is not there")
            previous = None if before[0] is None else (before[0], last or b"", *before[1:])

            def made(
                run_id: int = run_id,
                frame: bytes = frame,
                previous: Any = previous,
                v: Any = (started_us, planned),
            ) -> bytes:
                header, encoded = read_header(frame)
                if (header.started_us, header.planned) != v:
                    raise ValueError("its columns differ from its header")
                suites = self._digests("run_suites", "suites", "suite_id", run_id)
                return chain.run_hash(
                    run_id,
                    encoded,
                    suites,
                    self._digests("run_endpoints", "endpoints", "endpoint_id", run_id),
                    previous,
                )

            self._compare("runs", run_id, made, own)
            self._check_events(run, status, finished_us)
            last, newest_id = own, run_id
        row = self._connection.execute("SELECT runs, last_hash FROM chain").fetchone()
        if row != (len(runs), last):
            told = f"{row[0]} runs, the last with hash {(row[1] or b'').hex()[:16]}" if row else "nothing"
            self._bad(
                "chain",
                "1",
                f"tells of {told}; there are {len(runs)}, the last with {(last or b'').hex()[:16]}",
            )
        return list(runs.values())

    def _digests(self, link: str, table: str, column: str, run_id: int) -> list[bytes]:
        rows = self._connection.execute(
            f"SELECT t.sha256 FROM {link} l JOIN {table} t ON t.id = l.{column} WHERE l.run_id = ? ORDER BY l.position",  # noqa: S608 - ours
            (run_id,),
        )
        return [sha256 for (sha256,) in rows]

    def _had_event(self, run_id: int, own: bytes, event: bytes) -> bool:
        rows = self._connection.execute("SELECT hash FROM run_events WHERE run_id = ?", (run_id,))
        return event in (own, *(sha256 for (sha256,) in rows))

    def _check_events(self, run: _Run, status: str, finished_us: int | None) -> None:
        previous, number = run.hash, 0
        told: tuple[str, int | None] = (RunStatus.RUNNING.value, None)
        for (
            event_number,
            event,
            at_us,
            event_status,
            completed,
            exchanges,
            last_hash,
            stored,
        ) in self._connection.execute(
            """SELECT number, event, at_us, status, completed, exchanges, last_hash, hash
               FROM run_events WHERE run_id = ? ORDER BY number""",
            (run.run_id,),
        ):
            self._counts["run_events"] += 1
            number += 1
            row = f"{run.run_id}/{event_number}"
            values = (
                run.run_id,
                number,
                event,
                at_us,
                event_status,
                completed,
                exchanges,
                last_hash,
                previous,
            )
            if chain.event_hash(*values) != stored:
                self._bad("run_events", row, "does not match its hash, or the event before it is missing")
            run.referred.append(("run_events", row, exchanges, completed, last_hash))
            previous = stored
            told = (event_status, at_us if event == "finished" else None)
        if (status, finished_us) != told:
            self._bad(
                "runs",
                str(run.run_id),
                f"says {status} at {finished_us}; its events say {told[0]} at {told[1]}",
            )
        if told[0] == RunStatus.RUNNING.value:
            self._notes.append(
                f"run {run.run_id} has no seal: it is running, or was killed and can be resumed"
            )

    # --- exchanges and bodies -------------------------------------------------------------------

    def _check_exchanges(self, run: _Run, progress: Callable[[int, int], None] | None, total: int) -> None:
        previous, number, last_id, completed = run.hash, 0, 0, 0
        done = bytearray(max(0, run.planned))
        wanted = {exchanges for _, _, exchanges, _, _ in run.referred}
        standing = {0: (run.hash, 0)}
        for row in self._connection.execute(_EXCHANGES, (run.run_id,)):
            row_id, row_number, index, final, stored = row[0], row[2], row[4], row[6], row[_WIDTH - 1]
            self._counts["exchanges"] += 1
            name = f"{row_id} (run {run.run_id}, number {row_number})"
            if row_number != number + 1:
                self._bad(
                    "exchanges",
                    name,
                    f"follows number {number}: {row_number - number - 1} before it are missing",
                )
            else:
                self._check_exchange(row, name, previous)
            if row_id <= last_id:
                self._bad("exchanges", name, "has a lower row number than the one before it in its run")
            if final:
                completed += 1
                if not 0 <= index < len(done) or done[index]:
                    self._bad(
                        "exchanges", name, f"is not the one final exchange of a planned call (index {index})"
                    )
                else:
                    done[index] = 1
            previous, number, last_id = stored, row_number, row_id
            if number in wanted:
                standing[number] = (stored, completed)
            if progress is not None and self._counts["exchanges"] % _PROGRESS_EVERY == 0:
                progress(self._counts["exchanges"], total)
        if number != run.exchanges:
            self._bad(
                "runs", str(run.run_id), f"has {run.exchanges} exchanges; the rows end with number {number}"
            )
        for table, row_name, exchanges, calls, sha256 in run.referred:
            found = standing.get(exchanges)
            if found is None or found[0] != sha256 or calls not in (None, found[1]):
                self._bad(
                    table,
                    row_name,
                    f"does not agree with what run {run.run_id} has up to exchange {exchanges}",
                )
        if progress is not None and self._counts["exchanges"] == total:
            progress(total, total)

    def _check_exchange(self, row: Sequence[Any], name: str, previous: bytes) -> None:
        """Check one row and its bodies. Where a body is bad it is named, and nothing can be said about the row."""
        request_id, (form, reply_id, reply_sha256) = row[12], row[_WIDTH:]
        if form != chain.EXCHANGE_FORM:
            self._bad("exchanges", name, f"is hashed in form {form}, which this version does not know")
            return
        request_good = self._body_is_good(request_id)
        try:
            exchange = self._reader.decode(row[:_WIDTH])
        except (ValueError, TypeError, KeyError) as error:
            if self._body_is_good(reply_id) and request_good:
                self._bad("exchanges", name, f"is not as it was written: {error}")
            return
        reply_hash = chain.digest(exchange.response_body)
        if reply_hash == reply_sha256:
            self._mark_seen(reply_id)
        elif not self._body_is_good(reply_id):
            return
        if not request_good:
            return
        request_headers = self._request_headers.get(exchange.request_headers)
        if request_headers is None:
            request_headers = chain.canonical(exchange.request_headers)
            self._request_headers[exchange.request_headers] = request_headers
        reply_headers = chain.canonical(exchange.response_headers)
        try:
            made = chain.exchange_hash(exchange, previous, request_headers, reply_headers, reply_hash)
        except (ValueError, TypeError, AttributeError) as error:
            self._bad("exchanges", name, f"is not as it was written: {error}")
            return
        if made != row[_WIDTH - 1]:
            self._bad(
                "exchanges",
                name,
                "does not match its hash: it, or the one before it, is not as it was written",
            )

    def _mark_seen(self, row_id: int) -> bool:
        """Note that a body is in use; return whether it was noted before."""
        if row_id >= len(self._seen_bodies):
            self._seen_bodies.extend(bytes(row_id + 65_536 - len(self._seen_bodies)))
        seen = bool(self._seen_bodies[row_id])
        self._seen_bodies[row_id] = 1
        return seen

    def _body_is_good(self, row_id: int) -> bool:
        """Check a body by itself, once."""
        if self._mark_seen(row_id):
            return row_id not in self._bad_bodies
        row = self._connection.execute(
            "SELECT dictionary_id, data, sha256 FROM bodies WHERE id = ?", (row_id,)
        ).fetchone()
        problem = ""
        if row is None:
            problem = "is missing"
        else:
            try:
                if chain.digest(self._reader.dictionaries.expand(row[0], row[1])) != row[2]:
                    problem = "does not match its hash"
            except ValueError as error:
                problem = f"is not as it was written: {error}"
        if problem:
            self._bad_bodies.add(row_id)
            self._bad("bodies", str(row_id), problem)
        return not problem

    def _check_bodies(self) -> None:
        for (row_id,) in self._rows("bodies", "SELECT id FROM bodies"):
            if row_id >= len(self._seen_bodies) or not self._seen_bodies[row_id]:
                self._bad(
                    "bodies",
                    str(row_id),
                    "no exchange refers to it: it was put in, or the exchange was taken out",
                )
