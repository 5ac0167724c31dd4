"""A consistent copy of a database, also while a run writes to it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from harness.errors import StoreError, UsageError
from harness.store.connection import connect, error_words, explained, lock_holder, open_raw

_PAGES_AT_ONCE = 2_000
_ELSEWHERE = "name another file"


@dataclass(frozen=True, slots=True)
class Backup:
    """What a copy holds."""

    path: Path
    size_bytes: int
    runs: int
    exchanges: int
    observations: int
    newest_run: int | None
    """Number of the newest run; None without one."""
    status: str | None
    """Its status as copied: `running` while it was being written."""
    last_hash: str | None
    """Hash of its newest exchange (of the run itself before the first), hex."""


def back_up(
    source: Path, target: Path, *, force: bool = False, progress: Callable[[int, int], None] | None = None
) -> Backup:
    """Copy a database as it stood at one moment into a single file; a running writer is not held up.

    The copy is made under another name beside the target, checked, written through to the disk and then renamed, so
    the target is there whole or not at all. It keeps the schema of the source.

    Args:
        source: the database.
        target: the copy; its folder must be there.
        force: whether to replace a file that is there.
        progress: called with (pages copied, pages there are).

    Raises:
        UsageError: there is a file already, or the target is in use, or it has no folder.
        StoreError: the source cannot be read, the copy cannot be written, or it is damaged, as the source then is.
    """
    _check_target(source, target, force=force)
    with explained(source):
        reader = open_raw(source)
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with closing(reader):
            _copy(reader, source, unfinished, target, progress)
        with explained(target), closing(connect(unfinished, "mode=ro")) as copied:
            _check_copy(copied, source, target)
            made = _described(copied, target, unfinished.stat().st_size)
        _settle(unfinished, target)
    finally:
        for end in ("", "-journal", "-wal", "-shm"):
            with suppress(OSError):
                unfinished.with_name(unfinished.name + end).unlink()
    return made


def _check_target(source: Path, target: Path, *, force: bool) -> None:
    if not target.parent.is_dir():
        raise UsageError(f"{target}: there is no folder {target.parent}; make it, or {_ELSEWHERE}")
    if target.is_dir():
        raise UsageError(f"{target}: is a folder; name a file, such as {target / source.name}")
    if target.exists() and source.exists() and target.samefile(source):
        raise UsageError(f"{target}: is the database itself; {_ELSEWHERE}")
    if target.exists() and not force:
        raise UsageError(f"{target}: is there already; --force replaces it, or {_ELSEWHERE}")
    holder = lock_holder(target)
    if holder is not None:
        raise UsageError(f"{target}: process {holder.pid} ({holder.command}) is writing to it; {_ELSEWHERE}")
    for end in ("-wal", "-journal"):
        log = target.with_name(target.name + end)
        if log.exists() and log.stat().st_size:
            # SQLite would play it back into the copy as soon as somebody opened that.
            raise UsageError(
                f"{target}: {log.name} beside it holds changes of another database; move it away, or {_ELSEWHERE}"
            )


def _copy(
    reader: sqlite3.Connection,
    source: Path,
    unfinished: Path,
    target: Path,
    progress: Callable[[int, int], None] | None,
) -> None:
    def on_pages(_: int, left: int, total: int) -> None:
        if progress is not None:
            progress(total - left, total)

    try:
        # One read transaction around all steps: without it every commit of a writer starts the copy over.
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM sqlite_master").fetchone()
        with closing(connect(unfinished, "mode=rwc")) as copy:
            reader.backup(copy, pages=_PAGES_AT_ONCE, progress=on_pages)
            # A copy without a log needs no second file, and can be read from a read-only folder.
            copy.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", None) or ""
        if name.startswith(("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_READONLY")):
            raise StoreError(
                f"{target}: the copy cannot be written there ({error}); nothing is left of it: "
                f"free some space, check permissions and quota, or {_ELSEWHERE}"
            ) from error
        raise StoreError(f"{source}: {error_words(error) or error}") from error


def _check_copy(copied: sqlite3.Connection, source: Path, target: Path) -> None:
    (found,) = copied.execute("PRAGMA integrity_check(1)").fetchone()
    if found != "ok":
        raise StoreError(
            f"{source}: is damaged ({' '.join(str(found).split())}), so no copy was made at {target}; "
            f"harness verify says where; restore it from an earlier copy"
        )


def _described(copied: sqlite3.Connection, target: Path, size_bytes: int) -> Backup:
    tables = {name for (name,) in copied.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    # A database of the first schema has no observations yet.
    runs, exchanges, observations = (
        int(copied.execute(f"SELECT count(*) FROM {table}").fetchone()[0]) if table in tables else 0  # noqa: S608 - ours
        for table in ("runs", "exchanges", "observations")
    )
    newest = copied.execute("SELECT id, status, last_hash FROM runs ORDER BY id DESC LIMIT 1").fetchone()
    number, status, last = newest or (None, None, None)
    last_hash = None if last is None else last.hex()
    return Backup(target, size_bytes, runs, exchanges, observations, number, status, last_hash)


def _settle(unfinished: Path, target: Path) -> None:
    """Write the copy through to the disk and give it its name."""
    try:
        _sync(unfinished, os.O_RDWR)
        unfinished.replace(target)
        _sync(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise StoreError(
            f"{target}: the copy cannot be written there ({error.strerror}); free some space, or {_ELSEWHERE}"
        ) from error


def _sync(path: Path, flags: int) -> None:
    opened = os.open(path, flags | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
