"""Files as a power cut or a bad disk leave them: what was committed is there or the damage is named, never neither."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from harness.errors import StoreError
from harness.records import RunStatus
from harness.store import Store, Stored
from tests.store_examples import START_US, begin, exchange, fill, observation

PLANNED, BATCH = 200, 20


@pytest.fixture(scope="module")
def cut(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    """The database and the log of a writer as kill -9 leaves them: ten batches committed, all of them in the log."""
    path = tmp_path_factory.mktemp("cut") / "t.db"
    with Store.open(path, mode="write") as store:
        run_id = begin(store, PLANNED)
        store.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        store.db.execute("PRAGMA wal_autocheckpoint = 0")
        waiting: list[int] = []
        for start in range(0, PLANNED, BATCH):
            judged = [(row, observation()) for row in waiting]
            waiting = store.append(run_id, [exchange(index) for index in range(start, start + BATCH)], judged)
        return path.read_bytes(), Path(f"{path}-wal").read_bytes()


def torn(log: bytes, rng: random.Random) -> tuple[str, bytes]:
    """Tear a log in one of the ways a disk does."""
    at = rng.randrange(len(log))
    match rng.randrange(5):
        case 0:
            return f"cut off at {at}", log[:at]
        case 1:
            return f"zeros from {at}", log[:at] + bytes(len(log) - at)
        case 2:
            return f"garbage from {at}", log[:at] + rng.randbytes(len(log) - at)
        case 3:
            flipped = bytearray(log)
            flipped[at] ^= 1 << rng.randrange(8)
            return f"one bit at {at}", bytes(flipped)
        case _:
            sector = at // 512 * 512
            return f"a sector of garbage at {sector}", log[:sector] + rng.randbytes(512) + log[sector + 512 :]


def check_torn(path: Path, database: bytes, log: bytes) -> int:
    """Open what is left, check it, finish its run; return how many exchanges survived."""
    path.write_bytes(database)
    Path(f"{path}-wal").write_bytes(log)
    with Store.open(path, mode="write") as store:
        assert store.verify().problems == ()
        kept = [each.exchange for each in store.exchanges(1)]
        assert len(kept) % BATCH == 0
        assert kept == [exchange(index) for index in range(len(kept))]
        store.resume_run(1, START_US)
        store.append(1, [exchange(index) for index in range(len(kept), PLANNED)])
        store.append(1, [], [(row, observation()) for row, _ in store.unobserved(1)])
        store.finish_run(1, RunStatus.DONE, START_US)
        assert all(store.done_indexes(1))
        assert store.tallies()["n"].sum() == PLANNED
        assert store.verify().ok
    return len(kept)


def test_a_torn_log_loses_only_its_end(tmp_path: Path, cut: tuple[bytes, bytes]) -> None:
    """Cut off, zeroed, overwritten or flipped anywhere: whole batches are left, every hash holds, the run is finished."""
    rng = random.Random(8)
    kept = [check_torn(tmp_path / f"{number}.db", cut[0], torn(cut[1], rng)[1]) for number in range(12)]
    assert len(set(kept)) > 3
    assert check_torn(tmp_path / "whole.db", *cut) == PLANNED


@pytest.mark.slow
def test_five_hundred_torn_logs(tmp_path: Path, cut: tuple[bytes, bytes]) -> None:
    """The same five hundred times."""
    rng = random.Random(500)
    kept: list[int] = []
    for _ in range(500):
        how, log = torn(cut[1], rng)
        try:
            kept.append(check_torn(tmp_path / "t.db", cut[0], log))
        except Exception as error:
            raise AssertionError(how) from error
        for each in tmp_path.iterdir():
            each.unlink()
    print(
        f"500 torn logs: {len(kept)} opened, verified and finished; {sum(kept) / 500:.0f} of 200 kept on average"
    )


def content(path: Path) -> tuple[list[Stored], str]:
    """Return everything that analysis would read."""
    with Store.open(path, mode="read") as store:
        return list(store.exchanges(final=False)), store.tallies().to_csv()


def damage_named(path: Path, before: tuple[list[Stored], str]) -> bool:
    """Check a damaged file: True when the damage is named, False when it hit nothing that is read."""
    found, refused = None, ""
    try:
        with Store.open(path, mode="read") as store:
            found = store.verify()
    except StoreError as error:
        refused = str(error)
    if found is None:
        assert refused.startswith(f"{path}: ")
        return True
    if found.ok:
        assert content(path) == before
        return False
    assert found.problems
    assert all(each.table and each.what for each in found.problems)
    return True


def check_flips(path: Path, rng: random.Random, rounds: int) -> int:
    whole = path.read_bytes()
    before = content(path)
    named = 0
    for number in range(rounds):
        data = bytearray(whole)
        if number % 2:
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        else:
            at = rng.randrange(len(data) // 512) * 512
            data[at : at + 512] = rng.randbytes(512)
        path.write_bytes(data)
        named += damage_named(path, before)
    return named


def test_damage_in_the_file_is_named(tmp_path: Path) -> None:
    """A bit or a sector that changed anywhere in the file is either named or nowhere in what anybody reads."""
    fill(tmp_path / "t.db", runs=2)
    assert check_flips(tmp_path / "t.db", random.Random(2), 30) > 10


@pytest.mark.slow
def test_five_hundred_damaged_files(tmp_path: Path) -> None:
    """The same five hundred times."""
    fill(tmp_path / "t.db", runs=2)
    named = check_flips(tmp_path / "t.db", random.Random(3), 500)
    print(f"500 damaged files: damage named in {named}, no effect on anything read in {500 - named}")


def test_a_torn_last_page_is_named(tmp_path: Path) -> None:
    """A file that ends in the middle of a page, or whose last page in use is zeros, does not pass for intact."""
    path = tmp_path / "t.db"
    fill(path, runs=2)
    with closing(sqlite3.connect(path)) as connection:
        (page,) = connection.execute("PRAGMA page_size").fetchone()
        connection.execute("VACUUM")
    whole = path.read_bytes()
    before = content(path)
    for data in (
        whole[: -page // 2],
        whole[:-page],
        whole[:-page] + bytes(page),
        whole[: -page // 2] + bytes(page // 2),
        whole[:-page] + whole[-2 * page : -page],
    ):
        path.write_bytes(data)
        assert damage_named(path, before) or data == whole
