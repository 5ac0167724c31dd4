"""Every earlier schema opens, verifies and is gone on with; an interrupted change of schema does no harm."""

from __future__ import annotations

import lzma
import os
import signal
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from harness.cli import run
from harness.store import Store
from harness.store.connection import STEPS
from tests.provider import Provider, config_text
from tests.store_examples import exchange

DATA = Path(__file__).parent / "data"
OLD = sorted(path.name.removesuffix(".db.xz") for path in DATA.glob("schema-*.db.xz"))
"""Named after their newest step; all hold a finished run of 20 exchanges and an interrupted one with 6 of 12."""


def unpack(name: str, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(lzma.decompress((DATA / f"{name}.db.xz").read_bytes()))
    return path


def applied(path: Path) -> tuple[list[str], list[str]]:
    """Return the steps said to be applied, and the tables there are."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        steps = connection.execute("SELECT name FROM _sqlite_migrations").fetchall()
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    return sorted(name for (name,) in steps), sorted(name for (name,) in tables)


def test_the_earlier_schemas_are_here() -> None:
    """There is a file of the first schema and of every later one that a database may still have."""
    assert {"schema-1", "schema-2", "schema-4"} <= set(OLD)


@pytest.mark.parametrize("name", OLD)
def test_an_old_database_is_read_as_it_is(tmp_path: Path, name: str) -> None:
    """Reading, verifying and copying change nothing in the file; the evidence is what was written then."""
    path = unpack(name, tmp_path / "old" / "t.db")
    before = path.read_bytes(), applied(path)
    assert set(before[1][0]) < set(STEPS)
    with Store.open(path, mode="read") as store:
        assert store.verify().problems == ()
        assert [each.exchange for each in store.exchanges(1)] == [exchange(index) for index in range(20)]
    Store.back_up(path, tmp_path / "copy.db")
    assert (path.read_bytes(), applied(path)) == before
    assert applied(tmp_path / "copy.db") == before[1]


@pytest.mark.parametrize("name", ["schema-1"])
def test_an_old_database_takes_a_new_run(tmp_path: Path, name: str) -> None:
    """A run goes in after the old ones, the chain holds over both, and a report is made of all."""
    path = unpack(name, tmp_path / "results" / "harness.db")
    some = '[suites.capability-quick]\nfamilies = ["opposite"]'
    with Provider() as provider:
        (tmp_path / "config.toml").write_text(config_text(provider.url, suites="", extra=some))
        config = ["--config", str(tmp_path / "config.toml")]
        assert run(["run", *config]) == 0
    assert run(["verify", *config]) == 0
    assert run(["report", *config]) == 0
    assert "capability-quick" in (tmp_path / "results" / "report.md").read_text()
    assert set(applied(path)[0]) == set(STEPS)
    with Store.open(path, mode="read") as store:
        assert store.run_count() == 3


def killed_at(path: Path, statement: int) -> bool:
    """Open for writing in a forked process that kills itself before its n-th SQL statement; False if it got through."""
    pid = os.fork()
    if not pid:
        counted = 0

        def count(_frame: object, event: str, called: object) -> None:
            nonlocal counted
            if event == "c_call" and getattr(called, "__name__", "") in ("execute", "executemany", "commit"):
                counted += 1
                if counted == statement:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.setprofile(count)
        code = 1
        try:
            Store.open(path, mode="write").close()
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        return True
    assert os.WEXITSTATUS(status) == 0
    return False


def check_interrupted(tmp_path: Path, every: int) -> int:
    """Kill a change of schema before every n-th statement; return how many kills there were."""
    before = unpack("schema-1", tmp_path / "0.db").read_bytes()
    with Store.open(tmp_path / "0.db", mode="read"):
        pass  # imports what the children need
    tables_of: dict[int, list[str]] = {}
    statement, kills = 1, 0
    while True:
        path = tmp_path / "t.db"
        path.write_bytes(before)
        if not killed_at(path, statement):
            break
        kills += 1
        with Store.open(path, mode="read") as store:
            assert store.verify().problems == ()
            assert store.run_count() == 2
        steps, tables = applied(path)
        # A step is there whole, with its record, or not at all.
        assert tables_of.setdefault(len(steps), tables) == tables
        Store.open(path, mode="write").close()
        assert set(applied(path)[0]) == set(STEPS)
        for each in tmp_path.glob("t.db*"):
            each.unlink()
        statement += every
    assert set(applied(tmp_path / "t.db")[0]) == set(STEPS)
    assert len(tables_of) > 2
    return kills


def test_an_interrupted_change_of_schema_leaves_whole_steps(tmp_path: Path) -> None:
    """Killed at any of its statements, the old schema or the new one is there, verifies, and is brought up to date."""
    assert check_interrupted(tmp_path, 9) >= 6


@pytest.mark.slow
def test_a_change_of_schema_interrupted_everywhere(tmp_path: Path) -> None:
    """The same at every single statement."""
    print(f"{check_interrupted(tmp_path, 1)} kills in a change of schema")
