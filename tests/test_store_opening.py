"""Opening: one writer, many readers, and plain words for everything that can be wrong with a file."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from contextlib import closing
from pathlib import Path

import pytest
from sqlite_utils import Database

from harness.errors import LockedError, StoreError
from harness.records import RunStatus
from harness.store import Store
from harness.store.connection import APPLICATION_ID, STEPS
from harness.store.migrations import MIGRATIONS
from tests.store_examples import START_US, begin, exchange, fill, observation

HOLD = """
import sys
from pathlib import Path
from harness.store import Store
with Store.open(Path(sys.argv[1]), mode="write"):
    print("open", flush=True)
    sys.stdin.read()
"""


def make_empty(path: Path) -> None:
    path.touch()


def make_words(path: Path) -> None:
    path.write_text("this is not a database, whatever its name says\n" * 50)


def make_short(path: Path) -> None:
    path.write_bytes(b"SQLite format 3\0" + b"\0" * 20)


def make_foreign(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE mine (id INTEGER)")


def make_newer(path: Path) -> None:
    fill(path, runs=1)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('harness', 'm099_more', '')"
        )


def make_torn(path: Path) -> None:
    fill(path, runs=1)
    path.write_bytes(path.read_bytes()[:6000])


WRONG_FILES = [
    (None, "read", "no such database; harness run makes it, or name another with --db"),
    (Path.mkdir, "read", "is a folder; name a file with --db, such as"),
    (Path.mkdir, "write", "is a folder; name a file with --db, such as"),
    (make_empty, "read", "is an empty database, not one of harness; name another file with --db"),
    (make_words, "read", "is not an SQLite database; name another file with --db"),
    (make_words, "write", "is not an SQLite database; name another file with --db"),
    (make_short, "write", "is not an SQLite database; name another file with --db"),
    (make_foreign, "read", "is a database of another program, not one of harness; name another file"),
    (make_foreign, "write", "is a database of another program, not one of harness; name another file"),
    (make_newer, "read", r"was written by a newer harness \(m099_more\); upgrade harness to use it"),
    (make_newer, "write", r"was written by a newer harness \(m099_more\); upgrade harness to use it"),
    (make_torn, "read", r"is damaged \(.*\); harness verify says where; restore it from a copy"),
    (make_torn, "write", r"is damaged \(.*\); harness verify says where; restore it from a copy"),
]


@pytest.mark.parametrize(("make", "mode", "words"), WRONG_FILES)
def test_a_wrong_file_is_named_with_what_to_do(tmp_path: Path, make: object, mode: str, words: str) -> None:
    """Each mistake gives a StoreError that starts with the path and ends with the fix; the file stays as it is."""
    path = tmp_path / "t.db"
    if callable(make):
        make(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(StoreError, match=f"^{path}: {words}") as caught:
        Store.open(path, mode=mode)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    assert (path.read_bytes() if path.is_file() else None) == before


def test_an_empty_file_becomes_a_database_when_written_to(tmp_path: Path) -> None:
    """A file of no bytes, and folders that are not there yet, are fine for a writer."""
    make_empty(tmp_path / "t.db")
    fill(tmp_path / "t.db", runs=1)
    fill(tmp_path / "new" / "folder" / "t.db", runs=1)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["new", "t.db", "t.db.lock"]


def test_the_file_is_marked_as_ours_and_set_up_for_safety(tmp_path: Path) -> None:
    """WAL, a full sync at every commit, foreign keys and the application id are on; all steps are applied."""
    with Store.open(tmp_path / "t.db", mode="write") as store:
        settings = {
            name: store.db.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "foreign_keys", "application_id", "busy_timeout")
        }
        assert settings == {
            "journal_mode": "wal",
            "synchronous": 2,
            "foreign_keys": 1,
            "application_id": APPLICATION_ID,
            "busy_timeout": 10_000,
        }
        assert tuple(each.name for each in MIGRATIONS.applied(store.db)) == STEPS
        assert MIGRATIONS.pending(store.db) == []


def test_a_second_writer_is_told_who_the_first_is(tmp_path: Path) -> None:
    """In another process or the same, only one writer gets in; the message names its process and command."""
    path = tmp_path / "t.db"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stdout.readline() == "open\n"
        with pytest.raises(
            LockedError, match=rf"^{path}: process {child.pid} \(-c .*t.db\) is writing to it"
        ):
            Store.open(path, mode="write")
        holder = Store.writer(path)
        assert holder is not None
        assert holder.pid == child.pid
        child.stdin.close()
        child.wait()
    assert Store.writer(path) is None
    with Store.open(path, mode="write"):
        link = tmp_path / "link.db"
        link.symlink_to(path)
        with pytest.raises(LockedError, match=rf"process {os.getpid()} "):
            Store.open(link, mode="write")
    assert Store.writer(path) is None


def test_a_killed_writer_leaves_no_lock(tmp_path: Path) -> None:
    """The lock goes with the process, however it ends."""
    path = tmp_path / "t.db"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        child.kill()
        child.wait()
        with Store.open(path, mode="write") as store:
            assert store.run_count() == 0


def test_asking_who_writes_never_turns_a_writer_away(tmp_path: Path) -> None:
    """`Store.writer` takes the lock for an instant; a writer that opens just then still gets in."""
    path = tmp_path / "t.db"
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            Store.writer(path)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        for _ in range(20):
            Store.open(path, mode="write").close()
    finally:
        done.set()
        asking.join()


def test_readers_see_what_is_committed_while_a_writer_writes(tmp_path: Path) -> None:
    """A reader that stays open, even in the middle of reading, neither waits nor makes the writer wait."""
    path = tmp_path / "t.db"
    with Store.open(path, mode="write") as store:
        run_id = begin(store, 400)
        store.append(run_id, [exchange(index) for index in range(100)])
        with Store.open(path, mode="read") as reader:
            reading = reader.exchanges()
            first = [next(reading) for _ in range(3)]
            reader.db.execute("BEGIN")
            assert reader.db.execute("SELECT count(*) FROM exchanges").fetchone() == (100,)
            for start in range(100, 400, 50):
                rows = store.append(run_id, [exchange(index) for index in range(start, start + 50)])
                store.append(run_id, [], [(row, observation()) for row in rows])
            assert reader.db.execute("SELECT count(*) FROM exchanges").fetchone() == (100,)
            reader.db.execute("COMMIT")
            assert len(first) + len(list(reading)) == 400
            assert reader.verify().ok
            assert reader.tallies()["n"].sum() == 300


def test_a_database_without_write_permission_can_be_read(tmp_path: Path) -> None:
    """An auditor reads, and verifies, from a read-only folder; writing there says what to do."""
    folder = tmp_path / "readonly"
    path = folder / "t.db"
    fill(path, runs=1)
    (folder / "t.db.lock").unlink()
    script = f"""
import os
from pathlib import Path
from harness.errors import StoreError
from harness.store import Store
os.setgid(65534); os.setuid(65534)
path = Path({str(path)!r})
with Store.open(path, mode="read") as store:
    assert store.verify().ok and store.run_count() == 1
try:
    Store.open(path, mode="write")
except StoreError as error:
    print(error)
"""
    if os.getuid() == 0:
        # The folders above must let another user through.
        for each in (tmp_path, *tmp_path.parents):
            if each.stat().st_uid == 0 and not each.stat().st_mode & 0o001:
                each.chmod(each.stat().st_mode | 0o055)
    else:
        script = script.replace("os.setgid(65534); os.setuid(65534)", "")
    folder.chmod(0o555)
    try:
        child = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    finally:
        folder.chmod(0o755)
    assert child.stderr == ""
    assert "cannot be made (Permission denied)" in child.stdout
    assert "make it writable or name another database with --db" in child.stdout


def test_a_write_to_a_file_that_is_read_only_says_so(tmp_path: Path) -> None:
    """SQLite's refusal to write names the file and the fix."""
    path = tmp_path / "t.db"
    with Store.open(path, mode="write") as store:
        store.db.execute("PRAGMA query_only = ON")
        words = f"^{path}: cannot be written to; make the file and its folder writable"
        with pytest.raises(StoreError, match=words):
            begin(store)
        store.db.execute("PRAGMA query_only = OFF")
        begin(store)


def test_a_full_disk_loses_nothing_that_was_committed(tmp_path: Path) -> None:
    """The batch that does not fit is refused whole; what came before stays, and writing goes on when there is room."""
    path = tmp_path / "t.db"
    with Store.open(path, mode="write") as store:
        run_id = begin(store, 3000)
        rows = store.append(run_id, [exchange(index) for index in range(100)])
        (pages,) = store.db.execute("PRAGMA page_count").fetchone()
        store.db.execute(f"PRAGMA max_page_count = {pages + 30}")
        written, caught = 100, ""
        while not caught:
            try:
                store.append(run_id, [exchange(index) for index in range(written, written + 50)])
                written += 50
            except StoreError as error:
                caught = str(error)
        assert caught.startswith(f"{path}: the disk is full; everything up to the last commit is kept")
        assert [each.row_id for each in store.exchanges()][: len(rows)] == rows
        store.db.execute("PRAGMA max_page_count = 1000000")
        store.append(run_id, [exchange(index) for index in range(written, written + 50)])
        store.finish_run(run_id, RunStatus.INTERRUPTED, START_US)
        assert store.run_info(run_id).completed == written + 50
        assert store.verify().ok


def test_a_disk_that_does_not_write_is_reported(tmp_path: Path) -> None:
    """A write that the system refuses (here a quota on file size) names the file, and what was committed verifies."""
    path = tmp_path / "t.db"
    with Store.open(path, mode="write") as store:
        run_id = begin(store, 3000)
        store.append(run_id, [exchange(0)])
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
        try:
            with pytest.raises(StoreError, match=f"^{path}: .*(disk|quota)"):
                store.append(run_id, [exchange(index) for index in range(1, 1500)])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            signal.signal(signal.SIGXFSZ, handler)
    with Store.open(path, mode="write") as store:
        assert store.run_info(run_id).completed >= 1
        assert store.verify().ok


def test_a_database_locked_by_another_program_is_reported(tmp_path: Path) -> None:
    """A database browser that keeps a write open is waited for, then named as the reason."""
    path = tmp_path / "t.db"
    with Store.open(path, mode="write") as store:
        store.db.execute("PRAGMA busy_timeout = 50")
        with closing(sqlite3.connect(path, isolation_level=None)) as browser:
            browser.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreError, match=f"^{path}: another program keeps it locked; close it"):
                begin(store)
            browser.execute("ROLLBACK")
        begin(store)


def test_a_log_cut_short_loses_only_its_end(tmp_path: Path) -> None:
    """However much of the write-ahead log survives, what is left opens, verifies and can be resumed."""
    path = tmp_path / "t.db"
    with Store.open(path, mode="write") as store:
        run_id = begin(store, 200)
        store.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        store.db.execute("PRAGMA wal_autocheckpoint = 0")
        for start in range(0, 200, 20):
            rows = store.append(run_id, [exchange(index) for index in range(start, start + 20)])
            store.append(run_id, [], [(row, observation()) for row in rows])
        database, log = path.read_bytes(), Path(f"{path}-wal").read_bytes()
    seen: set[int] = set()
    for part in range(6):
        copy = tmp_path / f"{part}.db"
        copy.write_bytes(database)
        torn = bytearray(log[: len(log) * part // 5])
        if part == 5:
            torn[len(torn) // 2] ^= 0xFF
        Path(f"{copy}-wal").write_bytes(torn)
        with Store.open(copy, mode="read") as store:
            assert store.verify().ok
        with Store.open(copy, mode="write") as store:
            info = store.run_info(run_id)
            assert info.status is RunStatus.RUNNING
            seen.add(info.completed)
            store.resume_run(run_id, START_US + 1)
            done = store.done_indexes(run_id)
            store.append(run_id, [exchange(index) for index in range(200) if not done[index]])
            store.append(run_id, [], [(row, observation()) for row, _ in store.unobserved(run_id)])
            store.finish_run(run_id, RunStatus.DONE, START_US + 2)
            assert store.tallies()["n"].sum() == 200
            assert store.verify().ok
    assert min(seen) == 0
    assert len(seen) > 2


def test_a_database_of_the_first_step_is_brought_up_to_date_by_a_writer(tmp_path: Path) -> None:
    """Every earlier schema opens: rows stay, what was not judged then is judged now, and everything verifies."""
    path = tmp_path / "t.db"
    older(path)
    with Store.open(path, mode="write") as store:
        assert store.run_count() == 1
        left = list(store.unobserved(1))
        assert len(left) == 5
        store.append(1, [exchange(5)], [(row, observation()) for row, _ in left])
        store.finish_run(1, RunStatus.DONE, START_US)
        assert store.verify().ok


def test_a_database_of_the_first_step_can_be_read_without_being_changed(tmp_path: Path) -> None:
    """A reader works on a private copy that is up to date; the file stays as it is, the copy goes."""
    path = tmp_path / "t.db"
    older(path)
    before = path.read_bytes()
    temporary = set(Path(tempfile.gettempdir()).glob("harness-*"))
    with Store.open(path, mode="read") as store:
        assert len(list(store.exchanges())) == 5
        assert len(store.tallies()) == 0
        assert store.verify().ok
    assert path.read_bytes() == before
    assert {each.name for each in tmp_path.iterdir()} <= {"t.db", "t.db-shm", "t.db-wal"}
    assert set(Path(tempfile.gettempdir()).glob("harness-*")) <= temporary


def older(path: Path) -> None:
    """Write a database as it was when only the first step of the schema existed."""
    source = path.with_name("source.db")
    with Store.open(source, mode="write") as store:
        run_id = begin(store, 6)
        store.append(run_id, [exchange(index) for index in range(5)])
    with closing(sqlite3.connect(path)) as connection:
        MIGRATIONS.apply(Database(connection), stop_before=STEPS[1])
        connection.execute("ATTACH ? AS source", (str(source),))
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("DELETE FROM chain")
        tables = connection.execute(
            "SELECT name FROM main.sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_%' ESCAPE '\\'"
        ).fetchall()
        for (name,) in tables:
            connection.execute(f"INSERT INTO main.{name} SELECT * FROM source.{name}")
        connection.commit()
        connection.execute("PRAGMA journal_mode = WAL")
    for each in path.parent.glob("source.db*"):
        each.unlink()


def test_a_database_can_be_copied_and_moved(tmp_path: Path) -> None:
    """Once closed, the one file is everything."""
    fill(tmp_path / "a.db", runs=2)
    shutil.copy(tmp_path / "a.db", tmp_path / "b.db")
    with Store.open(tmp_path / "b.db", mode="read") as store:
        assert store.verify().ok
        assert store.run_count() == 2
