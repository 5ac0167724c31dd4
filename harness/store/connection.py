"""Opening the database file: one writer, many readers, and plain words for what can go wrong."""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from harness.errors import LockedError, StoreError
from harness.store.rows import APPLICATION_ID, LockHolder

STEPS = ("m001_evidence", "m002_judgement", "m003_findings", "m004_origins", "m005_judge", "m006_seals")
"""Names of all steps of the schema that this version knows, in order."""
SQLITE_NEEDED = (3, 37, 0)
"""The first with STRICT tables."""
BUSY_MS = 10_000
_CACHE_KIB = 16_000
_COMMAND_LENGTH = 200
_DAMAGED = "is damaged ({}); harness verify says where; restore it from a copy"


class WriterLock:
    """The right to write to one database: an advisory lock on `<database>.lock`, let go when the process ends."""

    def __init__(self, database: Path) -> None:
        self._path = lock_path(database)
        try:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise StoreError(
                f"{self._path}: cannot be made ({error.strerror}): writing to {database} needs a folder that can be "
                f"written to; make it writable or name another database with --db"
            ) from error
        if not self._taken():
            os.close(self._file)
            holder = lock_holder(database)
            who = f"process {holder.pid} ({holder.command})" if holder else "another process"
            raise LockedError(
                f"{database}: {who} is writing to it, and there is one writer at a time; "
                f"wait for it or stop it, or name another database with --db"
            )
        command = (
            shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]) if sys.argv and sys.argv[0] else "python"
        )
        note = json.dumps({"pid": os.getpid(), "command": command[:_COMMAND_LENGTH]})
        with suppress(OSError):  # a full disk must not keep us from reading what is there
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, note.encode("utf-8", "replace"), 0)

    def _taken(self) -> bool:
        # Asking who holds the lock takes it for an instant, so being refused once does not mean there is a writer.
        for wait_s in (0.02, 0.1, None):
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                if wait_s is None:
                    return False
                time.sleep(wait_s)
            else:
                return True
        return False

    def release(self) -> None:
        """Let the next writer in. The file stays: removing it would race with whoever opens it now."""
        with suppress(OSError):
            os.ftruncate(self._file, 0)
        os.close(self._file)


def lock_path(database: Path) -> Path:
    """Return the lock file's path; the same for all names of one database."""
    real = database.resolve()
    return real.with_name(real.name + ".lock")


def lock_holder(database: Path) -> LockHolder | None:
    """Return who writes to a database just now, or None when nobody does."""
    try:
        file = os.open(lock_path(database), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            note = os.pread(file, 4096, 0)
        else:
            return None
    finally:
        os.close(file)
    try:
        found = json.loads(note)
        return LockHolder(int(found["pid"]), str(found["command"]))
    except (ValueError, KeyError, TypeError):
        return LockHolder(0, "unknown")


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn SQLite's errors about the file into a StoreError that names it and the fix."""
    try:
        yield
    except sqlite3.Error as error:
        words = error_words(error)
        if words is None:
            raise
        raise StoreError(f"{path}: {words}") from error
    except UnicodeDecodeError as error:
        # The driver fails so on an error message that quotes damaged text.
        raise StoreError(f"{path}: {_DAMAGED.format('its schema cannot be read')}") from error


def error_words(error: sqlite3.Error) -> str | None:
    """Say what an SQLite error means for a user; None when it is a mistake of ours."""
    name = getattr(error, "sqlite_errorname", None) or ""
    if name.startswith("SQLITE_FULL"):
        return "the disk is full; everything up to the last commit is kept: free some space and run again with --resume"
    if name.startswith("SQLITE_READONLY"):
        return (
            "cannot be written to; make the file and its folder writable, or name another database with --db"
        )
    if name.startswith("SQLITE_CANTOPEN"):
        return "cannot be opened; check that it is a file and that it and its folder may be read and written"
    if name.startswith("SQLITE_NOTADB"):
        return (
            "is not an SQLite database; name another file with --db, or move this one away to start a new one"
        )
    if name.startswith("SQLITE_CORRUPT"):
        return _DAMAGED.format(error)
    if name.startswith("SQLITE_IOERR"):
        return (
            f"the disk does not read or write it ({error}, {name}); "
            f"check the disk and its quota, then run again with --resume"
        )
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return "another program keeps it locked; close it (a database browser, perhaps) and try again"
    if name.startswith(("SQLITE_NOMEM", "SQLITE_TOOBIG")):
        return f"SQLite ran out of room ({error})"
    return None


def _text(data: bytes) -> str:
    """Decode stored text. Replies can hold lone surrogates, which we keep; anything else invalid is made visible."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        try:
            return data.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            return data.decode("utf-8", "backslashreplace")


def connect(path: Path, query: str) -> sqlite3.Connection:
    """Open a file with SQLite's URI parameters, nothing set up or checked yet."""
    connection = sqlite3.connect(
        f"file:{quote(str(path.resolve()))}?{query}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=BUSY_MS / 1000,
        cached_statements=256,
    )
    connection.text_factory = _text
    return connection


def _check_path(path: Path) -> None:
    if sqlite3.sqlite_version_info < SQLITE_NEEDED:
        needed = ".".join(map(str, SQLITE_NEEDED))
        raise StoreError(
            f"SQLite {sqlite3.sqlite_version} is too old: {needed} is needed; use a newer Python"
        )
    if path.is_dir():
        raise StoreError(f"{path}: is a folder; name a file with --db, such as {path / 'harness.db'}")


def _is_current(connection: sqlite3.Connection, path: Path, mode: Literal["write", "read"]) -> bool:
    """Say whether the schema is up to date; refuse what is not ours or newer than we are."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    applied: list[str] = []
    if "_sqlite_migrations" in tables:
        rows = connection.execute("SELECT name FROM _sqlite_migrations WHERE migration_set = 'harness'")
        applied = [name for (name,) in rows]
    if application != APPLICATION_ID and not applied and (tables or mode == "read"):
        what = "a database of another program" if tables else "an empty database"
        raise StoreError(f"{path}: is {what}, not one of harness; name another file with --db")
    newer = sorted(set(applied) - set(STEPS))
    if newer:
        raise StoreError(
            f"{path}: was written by a newer harness ({', '.join(newer)}); upgrade harness to use it"
        )
    return set(applied) == set(STEPS)


def _bring_up_to_date(connection: sqlite3.Connection, path: Path) -> None:
    # sqlite-utils imports pandas, which takes longer than most commands: it is asked for only when there is a step.
    from sqlite_utils import Database

    from harness.store.migrations import MIGRATIONS

    try:
        MIGRATIONS.apply(Database(connection, execute_plugins=False))
    except (sqlite3.OperationalError, sqlite3.IntegrityError) as error:
        if error_words(error) is not None:
            raise
        # The steps are sound on what an earlier version wrote: the tables are not those that are said to be there.
        raise StoreError(
            f"{path}: {_DAMAGED.format(f'its schema cannot be brought up to date: {error}')}"
        ) from error


def open_for_writing(path: Path) -> tuple[sqlite3.Connection, WriterLock]:
    """Open the database as its one writer; make it, or bring its schema up to date, if need be."""
    _check_path(path)
    try:
        path.resolve().parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"{path}: its folder cannot be made ({error.strerror}); make it, or name another database with --db"
        ) from error
    lock = WriterLock(path)
    try:
        with explained(path):
            connection = connect(path, "mode=rwc")
            try:
                current = _is_current(connection, path, "write")
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute("PRAGMA foreign_keys = ON")
                connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
                if not current:
                    _bring_up_to_date(connection, path)
            except BaseException:
                connection.close()
                raise
    except BaseException:
        lock.release()
        raise
    return connection, lock


def open_for_reading(path: Path) -> sqlite3.Connection:
    """Open the database without ever changing it or holding up its writer.

    A database of an earlier schema is brought up to date in a private temporary copy.
    """
    with explained(path):
        connection, current = _open_ours(path)
        try:
            if not current:
                connection = _upgraded_copy(connection, path)
            connection.execute("PRAGMA query_only = ON")
            connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        except BaseException:
            connection.close()
            raise
    return connection


def open_raw(path: Path) -> sqlite3.Connection:
    """Open the database for reading with whatever schema it has; SQLite's own errors come through."""
    return _open_ours(path)[0]


def _open_ours(path: Path) -> tuple[sqlite3.Connection, bool]:
    """Open for reading what is ours and not newer than we are; say whether its schema is up to date."""
    _check_path(path)
    if not path.exists():
        raise StoreError(f"{path}: no such database; harness run makes it, or name another with --db")
    connection = _open_reader(path)
    try:
        return connection, _is_current(connection, path, "read")
    except BaseException:
        connection.close()
        raise


def _open_reader(path: Path) -> sqlite3.Connection:
    connection = connect(path, "mode=ro")
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error as error:
        connection.close()
        name = getattr(error, "sqlite_errorname", "")
        log = path.resolve().with_name(path.resolve().name + "-wal")
        if not name.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY")) or not os.access(path, os.R_OK):
            raise
        if log.exists() and log.stat().st_size:
            raise StoreError(
                f"{path}: its folder is read-only and its last changes are still in {log.name}; "
                f"copy both files to a folder that can be written to and read them there"
            ) from error
        # SQLite keeps a small file beside a database in WAL mode even to read it. Where that cannot be made,
        # nobody can be writing either, so it is safe to read without.
        connection = connect(path, "immutable=1")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return connection


def _upgraded_copy(source: sqlite3.Connection, source_path: Path) -> sqlite3.Connection:
    with tempfile.NamedTemporaryFile(prefix="harness-", suffix=".db", delete=False) as file:
        path = Path(file.name)
    copy = connect(path, "mode=rw")
    try:
        with closing(source):
            source.backup(copy)
        copy.execute("PRAGMA journal_mode = MEMORY")
        _bring_up_to_date(copy, source_path)
    except BaseException:
        copy.close()
        raise
    finally:
        # The open connection keeps the unlinked file until it is closed.
        path.unlink()
    return copy
