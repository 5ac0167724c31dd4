"""A writer killed at any moment loses at most what was not committed yet."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.records import RunStatus
from harness.store import Store
from tests.store_examples import START_US, exchange, observation

PLANNED = 20_000

WRITE = """
import sys
from pathlib import Path
from harness.records import RunStatus
from harness.store import Store
from tests.store_examples import START_US, begin, exchange, observation

with Store.open(Path(sys.argv[1]), mode="write") as store:
    unfinished = store.resumable()
    if unfinished:
        run_id = unfinished[-1]
        store.resume_run(run_id, START_US)
        waiting = [(row, observation()) for row, _ in store.unobserved(run_id)]
    else:
        run_id, waiting = begin(store, int(sys.argv[2])), []
    done = store.done_indexes(run_id)
    missing = [index for index in range(len(done)) if not done[index]]
    for start in range(0, len(missing), 40):
        part = missing[start : start + 40]
        tries = [exchange(index, final=False, status=503) for index in part[:3]]
        rows = store.append(run_id, [*tries, *(exchange(index) for index in part)], waiting)
        waiting = [(row, observation()) for row in rows[len(tries) :]]
        print(part[-1], flush=True)
"""


def killed(path: Path, after_s: float) -> list[int]:
    """Write until killed; return the last index of each batch that the child said was committed."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITE, path, str(PLANNED)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parent.parent,
    ) as child:
        assert child.stdout is not None
        lines = [
            child.stdout.readline()
        ]  # the first batch is in: killing before would mostly test Python's start
        time.sleep(after_s)
        child.kill()
        lines += child.stdout.readlines()
    return [int(line) for line in lines if line.endswith("\n")]


def check(path: Path, rng: random.Random, rounds: int) -> None:
    committed: set[int] = set()
    for _ in range(rounds):
        committed |= set(killed(path, rng.uniform(0, 0.15)))
        with Store.open(path, mode="read") as store:
            assert store.verify().problems == ()
            done = store.done_indexes(1)
            assert all(done[index] for index in committed)
    with Store.open(path, mode="write") as store:
        store.resume_run(1, START_US)
        store.append(1, [], [(row, observation()) for row, _ in store.unobserved(1)])
        store.finish_run(1, RunStatus.INTERRUPTED, START_US + 1)
        finals = [each.exchange for each in store.exchanges(1)]
        assert finals == [exchange(each.index) for each in finals]
        assert len({each.index for each in finals}) == len(finals) == store.tallies()["n"].sum()
        assert list(store.unobserved(1)) == []
        assert store.verify().ok


def test_a_killed_writer_loses_nothing_that_was_committed(tmp_path: Path) -> None:
    """Killed a few times at random moments: all that was said to be committed is there once, and every hash holds."""
    check(tmp_path / "t.db", random.Random(4), 4)


@pytest.mark.slow
def test_fifty_kills_lose_nothing_that_was_committed(tmp_path: Path) -> None:
    """The same, fifty times on one database."""
    check(tmp_path / "t.db", random.Random(50), 50)
