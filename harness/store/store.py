"""The store: one SQLite file with the evidence, what was judged of it, and the sums that analysis reads."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self

from harness.dataformat import OriginData
from harness.errors import StoreError
from harness.records import Exchange, Observation, RunHeader, RunStatus
from harness.store.backup import Backup, back_up
from harness.store.connection import WriterLock, lock_holder, open_for_reading, open_for_writing
from harness.store.findings import Findings
from harness.store.frames import Frames, Origin
from harness.store.judgements import Judgements
from harness.store.lines import Lines
from harness.store.origins import Origins
from harness.store.reading import Reader
from harness.store.rows import EndpointRecord, LockHolder, RunInfo, Stored, SuiteRecord, Verification
from harness.store.runs import Runs
from harness.store.seals import Seals
from harness.store.verify import verify
from harness.store.writing import Writer

if TYPE_CHECKING:
    import pandas as pd
    from sqlite_utils import Database


class Store:
    """One open database. Use as a context manager; all methods may be called from any thread.

    There is one writer at a time, in this process or another; readers are never in its way, nor it in theirs.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection, lock: WriterLock | None) -> None:
        self.path = path
        self._connection = connection
        self._lock = lock
        guard = threading.RLock()
        self._reader = Reader(connection, path, guard)
        self._runs = Runs(self._reader)
        self._frames = Frames(self._reader)
        self.origins = Origins(self._reader)
        """Where imported runs come from."""
        self.judgements = Judgements(self._reader)
        """Which exchange of a judge graded which answer."""
        self.lines = Lines(self._reader, self._runs, self.origins)
        """What is stored, as records of the data format."""
        self._writer = None if lock is None else Writer(connection, path, guard, self._reader, self._runs)
        self.seals = Seals(self._reader, self._writer)
        """Seals and commitments, and what they are made over."""
        self.findings = Findings(self._reader, self._writer)
        """The alpha ledger, streams and their steps, findings."""

    @classmethod
    def open(cls, path: Path, *, mode: Literal["write", "read"]) -> Store:
        """Open a database; in write mode make it, or bring its schema up to date, if need be.

        Raises:
            LockedError: another process writes to it.
            StoreError: it cannot be opened, or is not one of ours; the message says why and what to do.
        """
        if mode == "read":
            return cls(path, open_for_reading(path), None)
        return cls(path, *open_for_writing(path))

    @staticmethod
    def writer(path: Path) -> LockHolder | None:
        """Return which process writes to a database just now, if any."""
        return lock_holder(path)

    def close(self) -> None:
        """Close the file; a writer first moves its log into it."""
        self._connection.close()
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def db(self) -> Database:
        """The connection, for reading by hand; the store's own methods are the way to write."""
        from sqlite_utils import (
            Database,
        )  # imports pandas, which commands that never get here should not pay for

        return Database(self._connection, execute_plugins=False)

    @property
    def _writing(self) -> Writer:
        if self._writer is None:
            raise StoreError(f"{self.path}: is open for reading only")
        return self._writer

    # --- writing --------------------------------------------------------------------------------

    def begin_run(
        self, header: RunHeader, suites: Iterable[SuiteRecord], endpoints: Iterable[EndpointRecord]
    ) -> int:
        """Store a run's header and what it uses, chained to the run before; return its number."""
        return self._writing.begin_run(header, suites, endpoints)

    def resume_run(self, run_id: int, resumed_us: int) -> None:
        """Put an unfinished run back to `running` and record when.

        Raises:
            StoreError: there is no such run, or it is done.
        """
        self._writing.resume_run(run_id, resumed_us)

    def append(
        self, run_id: int, exchanges: Sequence[Exchange], observations: Sequence[tuple[int, Observation]] = ()
    ) -> list[int]:
        """Commit new exchanges, and observations of exchanges committed earlier, in one transaction.

        Args:
            run_id: a run that was begun or resumed and has not ended.
            exchanges: in the order in which they are chained.
            observations: (row of a final exchange, what it means).

        Returns:
            The rows of the new exchanges, in order.
        """
        return self._writing.append(run_id, exchanges, observations)

    def finish_run(self, run_id: int, status: RunStatus, finished_us: int) -> None:
        """End a run and seal what it has: counts, newest hash, status and time are hashed together."""
        self._writing.finish_run(run_id, status, finished_us)

    def replace_observations(self, observations: Iterable[tuple[int, Observation]], replaced_us: int) -> int:
        """Put new observations in place of old ones in one transaction, and correct the sums.

        The old ones are kept with the versions that made them. An exchange without an observation gets its first.

        Returns:
            How many differed from what was there.
        """
        return self._writing.replace_observations(observations, replaced_us)

    @contextmanager
    def group(self) -> Iterator[None]:
        """Make everything written inside one transaction: all of it is kept, or nothing."""
        with self._writing.group():
            yield

    def add_judgements(self, pairs: Iterable[tuple[int, int]], judged_us: int) -> None:
        """Keep which exchange of a judge graded which answer: (judged exchange, judge's exchange)."""
        self._writing.add_judgements(pairs, judged_us)

    def add_origin(self, run_id: int, origin: OriginData) -> None:
        """Keep where an imported run comes from. Its trigger is `import:` and the origin's hash."""
        self._writing.add_origin(run_id, origin)

    def add_origin_exchanges(self, rows: Iterable[tuple[int, int, str, str]]) -> None:
        """Keep the chain that imported exchanges had elsewhere: (row, number, previous hash, own hash), hex."""
        self._writing.add_origin_exchanges(rows)

    # --- runs -----------------------------------------------------------------------------------

    def run_count(self) -> int:
        """Return how many runs there are."""
        return self._runs.run_count()

    def run_info(self, run_id: int) -> RunInfo:
        """Return one run as it stands.

        Raises:
            StoreError: there is none of that number.
        """
        return self._runs.run(run_id)

    def run_header(self, run_id: int) -> RunHeader:
        """Return what was known about a run before its first call."""
        return self._runs.run(run_id).header

    def last_run(self) -> RunInfo | None:
        """Return the newest run, if there is one."""
        return self._runs.last_run()

    def resumable(self) -> list[int]:
        """Return the numbers of the runs that are not done, oldest first."""
        return self._runs.resumable()

    def done_indexes(self, run_id: int) -> bytearray:
        """Return one byte per call of the run's plan: 1 where it has its final exchange."""
        return self._runs.done_indexes(run_id)

    def outcomes(self, run_id: int) -> dict[str, int]:
        """Return how often each outcome occurred in a run; outcomes that did not are left out."""
        return self._runs.outcomes(run_id)

    def denials(self) -> list[tuple[int, str, str, int]]:
        """Return (run, endpoint, reason, how often) for calls that were denied access."""
        return self._runs.denials()

    def makers(self, run_id: int) -> list[str]:
        """Return which versions of the code judged a run's exchanges; reads one row per exchange."""
        return self._runs.makers(run_id)

    def unmapped(self) -> list[tuple[str, str, int]]:
        """Return (endpoint, `field=value`, how often) for wire values without a place in our tables."""
        return self._runs.unmapped()

    def mean_latency_ms(self) -> dict[str, float]:
        """Return the mean latency of measured exchanges by endpoint, over the last 20 runs."""
        return self._runs.mean_latency_ms()

    def run_cost_usd(self, run_id: int) -> float:
        """Return what a run has cost so far, US dollars."""
        return self._runs.run_cost_usd(run_id)

    def spent(self, since_us: int) -> tuple[float, int]:
        """Return (US dollars, calls) since a moment, counted by whole UTC hours."""
        return self._runs.spent(since_us)

    def unpriced(
        self, run_ids: Iterable[int] | None = None, since_us: int = 0
    ) -> dict[int, dict[tuple[str, str, str], int]]:
        """Return run -> (endpoint, suite, probe) -> requests that may have cost something nobody told.

        Args:
            run_ids: which runs; all of our own by default.
            since_us: only what was sent from then on, UTC microseconds.
        """
        return self._runs.unpriced(run_ids, since_us)

    def suites(self, run_id: int) -> list[SuiteRecord]:
        """Return the suites of a run as they were used, fresh probes with their text."""
        return self._runs.suites(run_id)

    def endpoints(self, run_id: int) -> list[EndpointRecord]:
        """Return the endpoints of a run as they were used."""
        return self._runs.endpoints(run_id)

    # --- evidence -------------------------------------------------------------------------------

    def exchange(self, ref: str) -> list[Stored]:
        """Return the exchanges of a call: by its id, the row number of one exchange, or the beginning of the id.

        Raises:
            UsageError: several calls' ids begin so.
        """
        return self._reader.find(ref)

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
        return self._reader.exchanges(run_id, endpoint, suite, probe_id, outcome, final=final)

    def unobserved(self, run_id: int) -> Iterator[tuple[int, Exchange]]:
        """Yield (row, exchange) for what was stored but not judged, as after a kill."""
        return self._reader.unobserved(run_id)

    def past_observations(self, row_id: int) -> list[tuple[int, Observation]]:
        """Return (when it was replaced, observation) for each earlier judgement of an exchange, oldest first."""
        return self._reader.past_observations(row_id)

    def verify(self, progress: Callable[[int, int], None] | None = None) -> Verification:
        """Check every hash, every sum and the file itself, on one consistent view of the database.

        Args:
            progress: called with (exchanges checked, exchanges there are).
        """
        with Store.open(self.path, mode="read") as fresh:
            return verify(fresh._connection, fresh._reader, progress)

    @staticmethod
    def back_up(
        source: Path, target: Path, *, force: bool = False, progress: Callable[[int, int], None] | None = None
    ) -> Backup:
        """Copy a database as it stands into one file, also while a run writes to it; see `harness.store.backup`."""
        return back_up(source, target, force=force, progress=progress)

    # --- tables ---------------------------------------------------------------------------------

    def tallies(
        self,
        endpoints: Sequence[str] | None = None,
        suites: Sequence[str] | None = None,
        run_ids: Sequence[int] | None = None,
        since_us: int | None = None,
        until_us: int | None = None,
        origin: Origin | None = None,
    ) -> pd.DataFrame:
        """Return one row per (run, endpoint, suite, probe); `until_us` is exclusive.

        Imported runs are left out unless `run_ids` names them or `origin` asks for them.
        """
        return self._frames.tallies(endpoints, suites, run_ids, since_us, until_us, origin)

    def identities(
        self,
        endpoints: Sequence[str] | None = None,
        run_ids: Sequence[int] | None = None,
        since_us: int | None = None,
        until_us: int | None = None,
        origin: Origin | None = None,
    ) -> pd.DataFrame:
        """Return one row per (run, endpoint, served model, fingerprint); `until_us` is exclusive.

        Imported runs are left out unless `run_ids` names them or `origin` asks for them.
        """
        return self._frames.identities(endpoints, run_ids, since_us, until_us, origin)

    def refusal_readings(self, run_ids: Sequence[int], version: int) -> pd.DataFrame:
        """Return what the refusal detector of a version made of each probe's answers in some runs."""
        return self._frames.refusal_readings(run_ids, version)

    def runs(self, origin: Origin = "own") -> pd.DataFrame:
        """Return one row per run, oldest first; imported ones only when asked for."""
        return self._frames.runs(origin)
