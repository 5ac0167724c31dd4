"""Reading what a seal is made over, and keeping seals and commitments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.errors import StoreError
from harness.store import chain
from harness.store.reading import Reader
from harness.store.writing import Writer

_CHUNK = 10_000


@dataclass(frozen=True, slots=True)
class RunState:
    """A run as it stands: its own hash and how far its chains have got. Hashes are 64 hex digits."""

    run_id: int
    hash: str
    status: str
    started_us: int
    finished_us: int | None
    planned: int
    completed: int
    exchanges: int
    last: str
    """Hash of the newest exchange; the run's own hash while there is none."""
    events: int
    event: str
    """Hash of the newest event; the run's own hash while there is none."""


@dataclass(frozen=True, slots=True)
class SuiteState:
    """A suite as used."""

    name: str
    version: int
    content_hash: str
    sha256: str
    """64 hex digits."""


@dataclass(frozen=True, slots=True)
class SealRow:
    """A stored seal."""

    number: int
    made_us: int
    manifest: bytes
    signature: bytes
    public_key: bytes
    timestamp: bytes | None


@dataclass(frozen=True, slots=True)
class CommitmentRow:
    """A stored commitment."""

    number: int
    made_us: int
    document: bytes
    sha256: str
    """64 hex digits."""


class Seals:
    """The seals and commitments of one database, and what they are made over."""

    def __init__(self, reader: Reader, writer: Writer | None) -> None:
        self._reader = reader
        self._writer = writer

    # --- what is sealed -------------------------------------------------------------------------

    def chain_head(self) -> tuple[int, str | None]:
        """Return how many runs there are and the hash of the newest, 64 hex digits."""
        row = self._reader.one("SELECT runs, last_hash FROM chain")
        if row is None:
            raise StoreError(
                f"{self._reader.path}: the end of its chain is missing; harness verify says more"
            )
        return row[0], None if row[1] is None else row[1].hex()

    def findings_head(self) -> tuple[int, str | None, int, str | None]:
        """Return how many ledger periods and updates there are, each with the hash of the newest, 64 hex digits."""
        row = self._reader.one("SELECT periods, period_hash, updates, update_hash FROM finding_chain")
        if row is None:
            raise StoreError(f"{self._reader.path}: finding_chain is empty; harness verify says more")
        periods, period, updates, update = row
        return (
            periods,
            None if period is None else period.hex(),
            updates,
            None if update is None else update.hex(),
        )

    def findings_hashes(self, periods: int, updates: int) -> tuple[str | None, str | None]:
        """Return the hashes of one ledger period and one update by their numbers where they are there, as hex."""
        period = self._reader.one("SELECT hash FROM ledger_periods WHERE id = ?", (periods,))
        update = self._reader.one("SELECT hash FROM finding_updates WHERE id = ?", (updates,))
        return None if period is None else period[0].hex(), None if update is None else update[0].hex()

    def finding_digests(self) -> list[tuple[str, int, str]]:
        """Return (id, run that raised it, SHA-256 of its canonical JSON) of every finding, oldest first."""
        rows = self._reader.rows(
            """SELECT f.id, u.run_id, f.body FROM findings f JOIN finding_updates u ON u.id = f.update_id
               ORDER BY f.update_id, f.number"""
        )
        return [
            (finding_id, run_id, chain.digest(body.encode("utf-8", "surrogatepass")).hex())
            for finding_id, run_id, body in rows
        ]

    def run_states(self, since_us: int | None = None, until_us: int | None = None) -> list[RunState]:
        """Return the runs that started in a period as they stand, oldest first; `until_us` is exclusive."""
        rows = self._reader.rows(
            """SELECT r.id, r.hash, r.status, r.started_us, r.finished_us, r.planned, r.completed, r.exchanges,
                 r.last_hash, (SELECT count(*) FROM run_events e WHERE e.run_id = r.id),
                 (SELECT e.hash FROM run_events e WHERE e.run_id = r.id ORDER BY e.number DESC LIMIT 1)
               FROM runs r WHERE r.started_us >= ? AND r.started_us < ? ORDER BY r.id""",
            (-(1 << 63) if since_us is None else since_us, (1 << 63) - 1 if until_us is None else until_us),
        )
        return [
            RunState(
                run_id=run_id,
                hash=own.hex(),
                status=status,
                started_us=started_us,
                finished_us=finished_us,
                planned=planned,
                completed=completed,
                exchanges=exchanges,
                last=last.hex(),
                events=events,
                event=(own if event is None else event).hex(),
            )
            for run_id, own, status, started_us, finished_us, planned, completed, exchanges, last, events, event in rows
        ]

    def suite_states(self, run_ids: Sequence[int]) -> list[SuiteState]:
        """Return the suites these runs used, each once, in order of first use."""
        found: dict[bytes, SuiteState] = {}
        for run_id in run_ids:
            rows = self._reader.rows(
                """SELECT s.name, s.version, s.content_hash, s.sha256 FROM run_suites r
                   JOIN suites s ON s.id = r.suite_id WHERE r.run_id = ? ORDER BY r.position""",
                (run_id,),
            )
            for name, version, content_hash, sha256 in rows:
                found.setdefault(sha256, SuiteState(name, version, content_hash, sha256.hex()))
        return list(found.values())

    def event_hashes(self, run_id: int, count: int) -> list[str]:
        """Return the hashes of a run's first events, in order, 64 hex digits each."""
        rows = self._reader.rows(
            "SELECT hash FROM run_events WHERE run_id = ? ORDER BY number LIMIT ?", (run_id, count)
        )
        return [sha256.hex() for (sha256,) in rows]

    def exchange_hashes(self, run_id: int, count: int) -> Iterator[tuple[int, str]]:
        """Yield (number, hash) of a run's first exchanges, in order; hashes are 64 hex digits."""
        number = 0
        while number < count:
            rows = self._reader.rows(
                "SELECT number, hex(hash) FROM exchanges WHERE run_id = ? AND number > ? ORDER BY number LIMIT ?",
                (run_id, number, min(_CHUNK, count - number)),
            )
            for number, sha256 in rows:
                if number > count:
                    return
                yield number, sha256.lower()
            if not rows:
                return

    def exchange_hash(self, run_id: int, number: int) -> str | None:
        """Return the hash of one exchange of a run, 64 hex digits, if it is there."""
        row = self._reader.one("SELECT hash FROM exchanges WHERE run_id = ? AND number = ?", (run_id, number))
        return None if row is None else row[0].hex()

    # --- seals ----------------------------------------------------------------------------------

    def all(self) -> list[SealRow]:
        """Return all seals, oldest first."""
        rows = self._reader.rows(
            "SELECT id, made_us, manifest, signature, public_key, timestamp FROM seals ORDER BY id"
        )
        return [SealRow(*row) for row in rows]

    def add(self, seal: SealRow) -> None:
        """Store the next seal.

        Raises:
            StoreError: another seal has its number.
        """
        with self._writing.transaction() as connection:
            rows, before = connection.execute(
                "SELECT rows, last_hash FROM additions WHERE name = 'seals'"
            ).fetchone()
            if seal.number != rows + 1:
                raise StoreError(
                    f"{self._reader.path}: seal {seal.number} does not follow the {rows} seals there are"
                )
            values = (
                seal.number,
                seal.made_us,
                seal.manifest,
                seal.signature,
                seal.public_key,
                seal.timestamp,
            )
            sha256 = chain.seal_row_hash(*values, before)
            connection.execute("INSERT INTO seals VALUES (?, ?, ?, ?, ?, ?, ?)", (*values, sha256))
            connection.execute(
                "UPDATE additions SET rows = rows + 1, last_hash = ? WHERE name = 'seals'", (sha256,)
            )

    # --- commitments ----------------------------------------------------------------------------

    def commitments(self) -> list[CommitmentRow]:
        """Return all commitments, oldest first."""
        rows = self._reader.rows("SELECT id, made_us, document, sha256 FROM commitments ORDER BY id")
        return [
            CommitmentRow(number, made_us, document, sha256.hex())
            for number, made_us, document, sha256 in rows
        ]

    def add_commitment(self, number: int, made_us: int, document: bytes) -> None:
        """Store the next commitment.

        Raises:
            StoreError: another commitment has its number.
        """
        sha256 = chain.digest(document)
        with self._writing.transaction() as connection:
            (rows,) = connection.execute("SELECT rows FROM additions WHERE name = 'commitments'").fetchone()
            if number != rows + 1:
                raise StoreError(
                    f"{self._reader.path}: commitment {number} does not follow the {rows} there are"
                )
            connection.execute(
                "INSERT INTO commitments VALUES (?, ?, ?, ?)", (number, made_us, document, sha256)
            )
            connection.execute(
                "UPDATE additions SET rows = rows + 1, last_hash = ? WHERE name = 'commitments'", (sha256,)
            )

    @property
    def _writing(self) -> Writer:
        if self._writer is None:
            raise StoreError(f"{self._reader.path}: is open for reading only")
        return self._writer
