"""Checking the chain: runs, their ends, every exchange in order, and the bodies it refers to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from harness.records import Headers, RunStatus
from harness.store import chain
from harness.store.encoding import read_header
from harness.store.reading import EXCHANGE_COLUMNS
from harness.store.verify_report import Report

Progress = Callable[[int, int], None]
_PROGRESS_EVERY = 1_000
_PLAN_LIMIT = 1 << 28
"""A damaged or forged plan size must not take all memory."""

_EXCHANGES = f"""
    SELECT {EXCHANGE_COLUMNS}, x.hash_form, x.reply_body_id, b.sha256
    FROM exchanges x LEFT JOIN bodies b ON b.id = x.reply_body_id WHERE x.run_id = ? ORDER BY x.number"""  # noqa: S608 - ours
_WIDTH = EXCHANGE_COLUMNS.count(",") + 1


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


class ChainCheck:
    """One check of all runs, exchanges and bodies."""

    def __init__(self, report: Report, progress: Progress | None) -> None:
        self._report = report
        self._progress = progress
        # A byte for each row number that is to be expected, a set for any beyond.
        self._seen_bodies = bytearray()
        self._seen_far_bodies: set[int] = set()
        self._bad_bodies: set[int] = set()
        self._request_headers: dict[Headers, bytes] = {}

    def check(self) -> None:
        """Check everything; report what is wrong."""
        runs: list[_Run] = []
        with self._report.stage("runs"):
            runs = self._check_runs()
        with self._report.stage("bodies"):
            (count,) = self._report.connection.execute("SELECT count(*) FROM bodies").fetchone()
            self._seen_bodies.extend(bytes(2 * count + 1))
        total = sum(run.exchanges for run in runs)
        for run in runs:
            with self._report.stage("exchanges"):
                self._check_exchanges(run, total)
        with self._report.stage("bodies"):
            self._check_bodies()

    def _check_runs(self) -> list[_Run]:
        runs: list[_Run] = []
        for row in self._report.rows(
            "runs",
            """SELECT id, hash, planned, completed, exchanges, last_hash, started_us, header, status, finished_us,
                 previous_id, previous_exchanges, previous_last, previous_event FROM runs ORDER BY id""",
        ):
            started_us, frame, status, finished_us, *before = row[6:]
            run = _Run(row[0], row[1], row[2], row[3], row[4], row[5], [])
            name = str(run.run_id)
            run.referred.append(("runs", name, run.exchanges, run.completed, run.last_hash))
            previous = None
            if runs:
                self._check_link(runs[-1], name, *before)
                previous = (before[0], runs[-1].hash, *before[1:])
            elif before != [None] * len(before):
                self._report.bad("runs", name, "should be the first, says it follows another")
            self._report.compare(
                "runs",
                run.run_id,
                run.hash,
                self._run_hash,
                run.run_id,
                frame,
                previous,
                started_us,
                run.planned,
            )
            self._check_events(run, status, finished_us)
            runs.append(run)
        end = runs[-1].hash if runs else None
        told = self._report.connection.execute("SELECT runs, last_hash FROM chain").fetchone()
        if told != (len(runs), end):
            words = f"{told[0]} runs, the last with hash {(told[1] or b'').hex()[:16]}" if told else "nothing"
            found = f"there are {len(runs)}, the last with {(end or b'').hex()[:16]}"
            self._report.bad("chain", "1", f"tells of {words}; {found}")
        return runs

    def _check_link(
        self, before: _Run, name: str, previous_id: int | None, exchanges: int, last: bytes, event: bytes
    ) -> None:
        """Check what a run knows of the run before it, as it stood then."""
        if previous_id != before.run_id:
            self._report.bad(
                "runs", name, f"should follow run {before.run_id}, says it follows {previous_id}"
            )
            return
        before.referred.append(("runs", name, exchanges, None, last))
        rows = self._report.connection.execute(
            "SELECT hash FROM run_events WHERE run_id = ?", (before.run_id,)
        )
        if event not in (before.hash, *(sha256 for (sha256,) in rows)):
            self._report.bad("runs", name, f"refers to an end of run {before.run_id} that is not there")

    def _run_hash(self, run_id: int, frame: bytes, previous: Any, started_us: int, planned: int) -> bytes:
        header, encoded = read_header(frame)
        if (header.started_us, header.planned) != (started_us, planned):
            raise ValueError("its columns differ from its header")
        suites = self._digests("run_suites", "suites", "suite_id", run_id)
        endpoints = self._digests("run_endpoints", "endpoints", "endpoint_id", run_id)
        return chain.run_hash(run_id, encoded, suites, endpoints, previous)

    def _digests(self, link: str, table: str, column: str, run_id: int) -> list[bytes]:
        rows = self._report.connection.execute(
            f"""SELECT t.sha256, l.position FROM {link} l JOIN {table} t ON t.id = l.{column}
                WHERE l.run_id = ? ORDER BY l.position""",  # noqa: S608 - ours
            (run_id,),
        ).fetchall()
        if [position for _, position in rows] != list(range(len(rows))):
            self._report.bad(link, str(run_id), "the places in it are not 0, 1, 2, ...")
        return [sha256 for sha256, _ in rows]

    def _check_events(self, run: _Run, status: str, finished_us: int | None) -> None:
        previous = run.hash
        told: tuple[str, int | None] = (RunStatus.RUNNING.value, None)
        rows = self._report.connection.execute(
            """SELECT number, event, at_us, status, completed, exchanges, last_hash, hash
               FROM run_events WHERE run_id = ? ORDER BY number""",
            (run.run_id,),
        )
        for number, row in enumerate(rows, 1):
            self._report.counts["run_events"] += 1
            name = f"{run.run_id}/{row[0]}"
            event, at_us, event_status, completed, exchanges, last_hash, stored = row[1:]
            values = (event, at_us, event_status, completed, exchanges, last_hash, previous)
            if row[0] != number or chain.event_hash(run.run_id, number, *values) != stored:
                self._report.bad(
                    "run_events", name, "does not match its hash, or the event before it is missing"
                )
            run.referred.append(("run_events", name, exchanges, completed, last_hash))
            previous = stored
            told = (event_status, at_us if event == "finished" else None)
        if (status, finished_us) != told:
            words = f"says {status} at {finished_us}; its events say {told[0]} at {told[1]}"
            self._report.bad("runs", str(run.run_id), words)
        if told[0] == RunStatus.RUNNING.value:
            self._report.note(
                f"run {run.run_id} has no seal: it is running, or was killed and can be resumed"
            )

    def _check_exchanges(self, run: _Run, total: int) -> None:
        previous, number, last_id, completed = run.hash, 0, 0, 0
        done = bytearray(min(max(0, run.planned), _PLAN_LIMIT))
        standing = {exchanges: (run.hash, 0) for _, _, exchanges, _, _ in run.referred if exchanges == 0}
        wanted = {exchanges for _, _, exchanges, _, _ in run.referred}
        for row in self._report.connection.execute(_EXCHANGES, (run.run_id,)):
            row_id, row_number, index, final, stored = row[0], row[2], row[4], row[6], row[_WIDTH - 1]
            self._report.counts["exchanges"] += 1
            name = f"{row_id} (run {run.run_id}, number {row_number})"
            if row_number == number + 1:
                self._check_exchange(row, name, previous)
            else:
                gap = row_number - number - 1
                self._report.bad("exchanges", name, f"follows number {number}: {gap} before it are missing")
            if row_id <= last_id:
                self._report.bad(
                    "exchanges", name, "has a lower row number than the one before it in its run"
                )
            if final:
                completed += 1
                if 0 <= index < len(done) and not done[index]:
                    done[index] = 1
                else:
                    words = f"is not the one final exchange of a planned call (index {index})"
                    self._report.bad("exchanges", name, words)
            previous, number, last_id = stored, row_number, row_id
            if number in wanted:
                standing[number] = (stored, completed)
            self._tell(total)
        if number != run.exchanges:
            words = f"has {run.exchanges} exchanges; the rows end with number {number}"
            self._report.bad("runs", str(run.run_id), words)
        for table, row_name, exchanges, calls, sha256 in run.referred:
            found = standing.get(exchanges)
            if found is None or found[0] != sha256 or calls not in (None, found[1]):
                words = f"does not agree with what run {run.run_id} has up to exchange {exchanges}"
                self._report.bad(table, row_name, words)

    def _tell(self, total: int) -> None:
        checked = self._report.counts["exchanges"]
        if self._progress is not None and (checked % _PROGRESS_EVERY == 0 or checked == total):
            self._progress(checked, total)

    def _check_exchange(self, row: Sequence[Any], name: str, previous: bytes) -> None:
        """Check one row and its bodies. Where a body is bad it is named, and nothing can be said about the row."""
        request_id, (form, reply_id, reply_sha256) = row[12], row[_WIDTH:]
        if row[6] not in (0, 1) or row[27] not in (0, 1):
            self._report.bad("exchanges", name, "is not as it was written: a flag is neither 0 nor 1")
        if form != chain.EXCHANGE_FORM:
            self._report.bad("exchanges", name, f"is hashed in form {form}, which this version does not know")
            return
        request_good = self._body_is_good(request_id)
        try:
            exchange = self._report.reader.decode(row[:_WIDTH])
        except (ValueError, TypeError, KeyError) as error:
            if self._body_is_good(reply_id) and request_good:
                self._report.bad("exchanges", name, f"is not as it was written: {error}")
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
            self._report.bad("exchanges", name, f"is not as it was written: {error}")
            return
        if made != row[_WIDTH - 1]:
            self._report.bad(
                "exchanges",
                name,
                "does not match its hash: it, or the one before it, is not as it was written",
            )

    def _mark_seen(self, row_id: int) -> bool:
        """Note that a body is in use; return whether it was noted before."""
        if not 0 <= row_id < len(self._seen_bodies):
            seen = row_id in self._seen_far_bodies
            self._seen_far_bodies.add(row_id)
            return seen
        seen = bool(self._seen_bodies[row_id])
        self._seen_bodies[row_id] = 1
        return seen

    def _body_is_good(self, row_id: int) -> bool:
        """Check a body by itself, once."""
        if self._mark_seen(row_id):
            return row_id not in self._bad_bodies
        row = self._report.connection.execute(
            "SELECT dictionary_id, data, sha256 FROM bodies WHERE id = ?", (row_id,)
        ).fetchone()
        problem = ""
        if row is None:
            problem = "is missing"
        else:
            try:
                if chain.digest(self._report.reader.dictionaries.expand(row[0], row[1])) != row[2]:
                    problem = "does not match its hash"
            except ValueError as error:
                problem = f"is not as it was written: {error}"
        if problem:
            self._bad_bodies.add(row_id)
            self._report.bad("bodies", str(row_id), problem)
        return not problem

    def _check_bodies(self) -> None:
        for (row_id,) in self._report.rows("bodies", "SELECT id FROM bodies"):
            if not self._mark_seen(row_id):
                words = "no exchange refers to it: it was put in, or the exchange was taken out"
                self._report.bad("bodies", str(row_id), words)
