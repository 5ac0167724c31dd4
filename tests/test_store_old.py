"""Databases written by earlier versions stay readable, verifiable and writable. Files in tests/data are never remade."""

from __future__ import annotations

import lzma
from pathlib import Path

import pytest

from harness.records import Outcome, RunStatus
from harness.store import Store
from tests.store_examples import ENDPOINTS, HOUR_US, START_US, SUITE, begin, exchange, observation

DATA = Path(__file__).parent / "data"


@pytest.fixture
def schema_2(tmp_path: Path) -> Path:
    """Two steps of the schema: a finished run of 20, an interrupted one with 6 of 12, one judgement replaced."""
    path = tmp_path / "t.db"
    path.write_bytes(lzma.decompress((DATA / "schema-2.db.xz").read_bytes()))
    return path


def test_a_database_of_schema_2_reads_and_verifies(schema_2: Path) -> None:
    """Evidence, judgements, runs and sums are what was written then."""
    with Store.open(schema_2, mode="read") as store:
        assert store.verify().problems == ()
        assert [each.exchange for each in store.exchanges(1)] == [exchange(index) for index in range(20)]
        assert store.exchange("1")[0].observation == observation(0.5, makers="observe/2")
        assert [each.score for _, each in store.past_observations(1)] == [1.0]
        assert store.suites(2) == [SUITE]
        assert store.endpoints(2) == list(ENDPOINTS)
        assert store.outcomes(2) == {Outcome.REFUSED.value: 4}
        assert store.run_info(2).status is RunStatus.INTERRUPTED
        assert store.tallies()["n"].sum() == 24


def test_a_database_of_schema_2_can_be_gone_on_with(schema_2: Path) -> None:
    """Its interrupted run is resumed and finished, a new one follows, and the whole chain holds."""
    with Store.open(schema_2, mode="write") as store:
        store.resume_run(2, START_US + 30 * HOUR_US)
        store.append(2, [exchange(index, 1) for index in range(6, 12)])
        store.append(2, [], [(row, observation()) for row, _ in store.unobserved(2)])
        store.finish_run(2, RunStatus.DONE, START_US + 31 * HOUR_US)
        begin(store)
        assert store.verify().ok
        assert all(store.done_indexes(2))
