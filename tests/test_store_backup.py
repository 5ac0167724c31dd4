"""Copies of a database: consistent while it is written, checked, there whole or not at all."""

from __future__ import annotations

import json
import lzma
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from harness.cli import run
from harness.errors import StoreError, UsageError
from harness.records import RunStatus
from harness.store import Store
from tests.provider import Provider, config_text
from tests.store_examples import START_US, begin, exchange, fill, observation

DATA = Path(__file__).parent / "data"


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def test_a_copy_is_the_database(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The copy is one file, verifies, says what it holds, and is written on like the original."""
    fill(tmp_path / "t.db", runs=2)
    (tmp_path / "safe").mkdir()
    copy = tmp_path / "safe" / "copy.db"
    assert run(["backup", str(copy), "--db", str(tmp_path / "t.db"), "--verify", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert names(copy.parent) == ["copy.db"]
    with Store.open(tmp_path / "t.db", mode="read") as store:
        newest = store.last_run()
        assert newest is not None
        exchanges = list(store.exchanges(final=False))
    assert told["verified"] is True
    assert (told["runs"], told["exchanges"]) == (2, len(exchanges))
    assert (told["newest_run"], told["status"], told["last_hash"]) == (
        2,
        newest.status.value,
        newest.last_hash,
    )
    assert told["bytes"] == copy.stat().st_size
    with Store.open(copy, mode="write") as store:
        assert list(store.exchanges(final=False)) == exchanges
        begin(store)
        assert store.verify().ok


def test_a_copy_made_while_a_thread_writes_is_of_one_moment(tmp_path: Path) -> None:
    """Batches go in all the while; each copy holds whole batches, in number between before and after, and verifies."""
    path = tmp_path / "t.db"
    with Store.open(path, mode="write") as store:
        run_id = begin(store, 30_000)
        written = [0]
        done = threading.Event()

        def write() -> None:
            waiting: list[int] = []
            while not done.is_set() and written[0] < 30_000:
                rows = store.append(
                    run_id,
                    [exchange(index) for index in range(written[0], written[0] + 50)],
                    [(row, observation()) for row in waiting],
                )
                waiting = rows
                written[0] += 50

        writing = threading.Thread(target=write)
        writing.start()
        try:
            for number in range(4):
                time.sleep(0.1)
                before = written[0]
                made = Store.back_up(path, tmp_path / f"{number}.db")
                assert before <= made.exchanges <= written[0] + 50
                assert made.exchanges % 50 == 0
                assert made.status == "running"
                with Store.open(tmp_path / f"{number}.db", mode="read") as copy:
                    assert copy.verify().problems == ()
        finally:
            done.set()
            writing.join()
        assert written[0] > 200
        store.finish_run(run_id, RunStatus.INTERRUPTED, START_US)
        assert store.verify().ok


def test_a_copy_of_a_running_run_can_be_resumed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`harness backup` beside a real `harness run` neither stops nor waits for it; the copy itself can be resumed."""
    with Provider(delay_s=0.05) as provider:
        some = '[suites.capability-quick]\nfamilies = ["arithmetic"]'
        (tmp_path / "config.toml").write_text(config_text(provider.url, suites="", extra=some))
        config = ["--config", str(tmp_path / "config.toml")]
        running = subprocess.Popen(
            [sys.executable, "-m", "harness", "run", *config], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        while len(provider.bodies) < 12 and running.poll() is None:
            time.sleep(0.01)
        capsys.readouterr()
        assert run(["backup", str(tmp_path / "copy.db"), "--verify", "--json", *config]) == 0
        told = json.loads(capsys.readouterr().out)
        running.communicate()
        assert running.returncode == 0
        with Store.open(tmp_path / "results" / "harness.db", mode="read") as store:
            info = store.last_run()
            assert info is not None
        assert told["verified"] is True
        assert 0 < told["exchanges"] <= info.exchanges
        assert run(["run", "--resume", *config, "--db", str(tmp_path / "copy.db")]) == 0
        assert run(["verify", "--db", str(tmp_path / "copy.db")]) == 0
        with Store.open(tmp_path / "copy.db", mode="read") as store:
            assert store.run_info(1).completed == info.planned


def test_a_copy_keeps_the_schema_it_was_made_of(tmp_path: Path) -> None:
    """A database of an earlier version is copied as it is; reading the copy brings it up to date for itself."""
    path = tmp_path / "t.db"
    path.write_bytes(lzma.decompress((DATA / "schema-2.db.xz").read_bytes()))
    made = Store.back_up(path, tmp_path / "copy.db")
    assert (made.runs, made.exchanges) == (2, 27)
    schema = "SELECT name, sql FROM sqlite_master ORDER BY name"
    with closing(sqlite3.connect(path)) as old, closing(sqlite3.connect(tmp_path / "copy.db")) as new:
        assert old.execute(schema).fetchall() == new.execute(schema).fetchall()
    with Store.open(tmp_path / "copy.db", mode="read") as store:
        assert store.verify().ok


def test_nothing_is_replaced_unasked(tmp_path: Path) -> None:
    """A file that is there, the database itself, one in use, a folder or a stray log are refused; --force replaces."""
    path, target = tmp_path / "t.db", tmp_path / "copy.db"
    fill(path, runs=1)
    target.write_text("precious")
    with pytest.raises(UsageError, match=f"^{target}: is there already; --force replaces it"):
        Store.back_up(path, target)
    assert target.read_text() == "precious"
    assert Store.back_up(path, target, force=True).runs == 1
    with pytest.raises(UsageError, match="is the database itself"):
        Store.back_up(path, tmp_path / "." / "t.db", force=True)
    with pytest.raises(UsageError, match="is a folder; name a file, such as"):
        Store.back_up(path, tmp_path)
    with pytest.raises(UsageError, match="there is no folder"):
        Store.back_up(path, tmp_path / "none" / "copy.db")
    with Store.open(target, mode="write"), pytest.raises(UsageError, match=r"process \d+ \(.*\) is writing"):
        Store.back_up(path, target, force=True)
    Path(f"{target}-wal").write_bytes(b"something")
    with pytest.raises(
        UsageError, match=r"copy\.db-wal beside it holds changes of another database; move it away"
    ):
        Store.back_up(path, target, force=True)


def test_what_cannot_be_copied_is_said(tmp_path: Path) -> None:
    """No database, another program's, a damaged one: the source is named, and no file is left."""
    target = tmp_path / "out" / "copy.db"
    target.parent.mkdir()
    with pytest.raises(StoreError, match=f"^{tmp_path / 'no.db'}: no such database"):
        Store.back_up(tmp_path / "no.db", target)
    (tmp_path / "words.db").write_text("no database" * 1000)
    with pytest.raises(StoreError, match=r"words.db: is not an SQLite database"):
        Store.back_up(tmp_path / "words.db", target)
    fill(tmp_path / "t.db", runs=2)
    data = bytearray((tmp_path / "t.db").read_bytes())
    data[len(data) // 2 :] = b"\x55" * (len(data) - len(data) // 2)
    (tmp_path / "t.db").write_bytes(data)
    with pytest.raises(StoreError, match=r"t.db: is damaged \(.*restore it from an?"):
        Store.back_up(tmp_path / "t.db", target)
    assert names(target.parent) == []


def test_a_copy_with_a_false_hash_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With --verify a source that was altered shows: exit 1, with the bad row."""
    fill(tmp_path / "t.db", runs=1)
    with closing(sqlite3.connect(tmp_path / "t.db")) as connection, connection:
        connection.execute("UPDATE exchanges SET status = 201 WHERE id = 3")
    arguments = ["backup", str(tmp_path / "copy.db"), "--db", str(tmp_path / "t.db")]
    assert run(arguments) == 0
    assert run([*arguments, "--force", "--verify"]) == 1
    told = capsys.readouterr().err
    assert "not as written: exchanges 3" in told
    assert "NOT INTACT, and so is what it was copied from" in told
