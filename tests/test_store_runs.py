"""Runs, sums and grading again."""

from __future__ import annotations

import random
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.errors import StoreError
from harness.records import Exchange, Observation, Outcome, RunStatus
from harness.store import Store, SuiteRecord, suite_record
from harness.store.frames import IDENTITY_COLUMNS, RUN_COLUMNS, TALLY_COLUMNS
from tests.store_examples import (
    ENDPOINTS,
    HOUR_US,
    PROBES,
    START_US,
    SUITE,
    begin,
    exchange,
    fill,
    header,
    observation,
)

KINDS = (
    observation(1.0),
    observation(0.0),
    observation(None, outcome=Outcome.UNPARSED),
    observation(None, outcome=Outcome.REFUSED, source="provider", degree="full", notice="locked"),
    observation(None, outcome=Outcome.REFUSED, source="model", degree="partial"),
    observation(None, outcome=Outcome.CUT, rerouted=True, served_model="gpt-4o-mini"),
    observation(None, outcome=Outcome.EMPTY, unmapped="finish_reason=odd"),
    observation(None, outcome=Outcome.TRUNCATED),
    observation(None, outcome=Outcome.DENIED, input_tokens=None, output_tokens=None, cost_usd=None),
    observation(None, outcome=Outcome.FAILED, served_model=None, fingerprint=None, cost_usd=None),
)


def run_of(store: Store, count: int, seed: int = 1) -> tuple[int, list[Exchange], list[Observation]]:
    """Write a run of exchanges with a mixture of observations, batch by batch as a monitor would."""
    rng = random.Random(seed)
    run_id = begin(store, count, START_US + seed * HOUR_US)
    sent = [exchange(index, seed) for index in range(count)]
    meant = [rng.choice(KINDS) for _ in sent]
    waiting: list[tuple[int, Observation]] = []
    for start in range(0, count, 7):
        rows = store.append(run_id, sent[start : start + 7], waiting)
        waiting = list(zip(rows, meant[start : start + 7], strict=True))
    store.append(run_id, [], waiting)
    return run_id, sent, meant


def test_tallies_are_the_sums_of_the_observations(tmp_path: Path) -> None:
    """Each row of the table counts what was observed of one probe at one endpoint in one run."""
    with Store.open(tmp_path / "t.db", mode="write") as store:
        run_id, sent, meant = run_of(store, 60)
        table = store.tallies()
    assert list(table.columns) == list(TALLY_COLUMNS)
    assert len(table) == len({(each.endpoint, each.probe_id) for each in sent})
    for row in table.itertuples():
        mine = [
            (x, o)
            for x, o in zip(sent, meant, strict=True)
            if (x.endpoint, x.probe_id) == (row.endpoint, row.probe_id)
        ]
        assert row.n == len(mine)
        for outcome in Outcome:
            assert getattr(row, outcome.value) == sum(o.outcome is outcome for _, o in mine)
        assert row.refused_provider == sum(o.source == "provider" for _, o in mine)
        assert row.refused_partial == sum(o.degree == "partial" for _, o in mine)
        assert row.graded == sum(o.score is not None for _, o in mine)
        assert row.score_sum == sum(o.score or 0 for _, o in mine)
        assert row.rerouted == sum(o.rerouted for _, o in mine)
        assert row.noticed == sum(o.notice is not None for _, o in mine)
        assert row.unmapped == sum(o.unmapped is not None for _, o in mine)
        assert row.input_tokens == sum(o.input_tokens or 0 for _, o in mine)
        assert row.cost_usd == pytest.approx(sum(o.cost_usd or 0 for _, o in mine))
        measured = [x.timing.total_ms for x, o in mine if o.outcome is not Outcome.FAILED]
        assert row.latency_ms_sum == pytest.approx(sum(measured))
        probe = next(each for each in PROBES if each.id == row.probe_id)
        assert (row.family, row.arm, row.pair, row.anchor, row.fresh) == (
            *(probe.family, probe.arm, probe.pair, probe.anchor, probe.fresh),
        )
        assert (row.suite, row.suite_version, row.suite_hash) == (
            SUITE.name,
            SUITE.version,
            SUITE.content_hash,
        )
        assert (row.depth is pd.NA and probe.depth is None) or row.depth == probe.depth
    assert set(table["run_id"]) == {run_id}


def test_tables_have_the_same_types_with_and_without_rows(tmp_path: Path) -> None:
    """An empty database gives empty tables with all columns; numbers and moments have their types."""
    with Store.open(tmp_path / "t.db", mode="write") as store:
        empty = store.tallies(), store.identities(), store.runs()
        run_id, _, _ = run_of(store, 20)
        store.finish_run(run_id, RunStatus.DONE, START_US + 2 * HOUR_US)
        full = store.tallies(), store.identities(), store.runs()
    for without, with_rows, columns in zip(
        empty, full, (TALLY_COLUMNS, IDENTITY_COLUMNS, RUN_COLUMNS), strict=True
    ):
        assert len(without) == 0
        assert list(without.columns) == list(with_rows.columns) == list(columns)
        for name in columns:
            if with_rows[name].dtype.kind in "iufbM":
                assert without[name].dtype == with_rows[name].dtype, name
    tallies, _, runs = full
    assert tallies["n"].dtype == np.int64
    assert tallies["started_at"].dtype == "datetime64[us, UTC]"
    assert runs["finished_at"].dtype == "datetime64[us, UTC]"
    assert runs["started_at"].iloc[0] == pd.Timestamp((START_US + HOUR_US) * 1000, tz="UTC")


def test_tables_can_be_narrowed(tmp_path: Path) -> None:
    """Endpoints, suites, runs and times each select rows; the end of a time is exclusive."""
    with Store.open(tmp_path / "t.db", mode="write") as store:
        for seed in (1, 2, 3):
            run_of(store, 12, seed)
        assert set(store.tallies(endpoints=["local"])["endpoint"]) == {"local"}
        assert len(store.tallies(endpoints=[])) == 0
        assert len(store.tallies(suites=["other"])) == 0
        assert len(store.tallies(suites=["sums"])) == len(store.tallies())
        assert set(store.tallies(run_ids=[1, 3])["run_id"]) == {1, 3}
        times = {"since_us": START_US + 2 * HOUR_US, "until_us": START_US + 3 * HOUR_US}
        assert set(store.tallies(**times)["run_id"]) == {2}
        assert set(store.identities(**times)["run_id"]) == {2}
        assert set(store.identities(endpoints=["gpt"], run_ids=[3])["endpoint"]) == {"gpt"}


def test_identities_count_who_answered(tmp_path: Path) -> None:
    """One row per run, endpoint, served model and fingerprint, with gaps where a reply named none."""
    with Store.open(tmp_path / "t.db", mode="write") as store:
        _, sent, meant = run_of(store, 60)
        table = store.identities()
    for row in table.itertuples():
        served, fingerprint = (
            None if pd.isna(each) else each for each in (row.served_model, row.fingerprint)
        )
        assert row.n == sum(
            (x.endpoint, o.served_model, o.fingerprint) == (row.endpoint, served, fingerprint)
            for x, o in zip(sent, meant, strict=True)
        )
    assert table["n"].sum() == 60


def test_text_that_no_table_can_hold_is_shown_escaped(tmp_path: Path) -> None:
    """A served model with a lone surrogate comes into the table as its escape, and as it was in the exchange."""
    odd = observation(served_model="gpt\ud83d")
    with Store.open(tmp_path / "t.db", mode="write") as store:
        run_id = begin(store)
        rows = store.append(run_id, [exchange(0)])
        store.append(run_id, [], [(rows[0], odd)])
        assert list(store.identities()["served_model"]) == ["gpt\\ud83d"]
        assert store.exchange(str(rows[0]))[0].observation == odd


def test_runs_tell_how_they_stand(tmp_path: Path) -> None:
    """The table of runs and `run_info` give status, progress, times, spend and what was asked."""
    with Store.open(tmp_path / "t.db", mode="write") as store:
        run_id, _, meant = run_of(store, 20)
        assert store.runs()["finished_at"].isna().all()
        store.finish_run(run_id, RunStatus.BUDGET, START_US + 5 * HOUR_US)
        row = store.runs().iloc[0]
        info = store.run_info(run_id)
        assert store.last_run() == info
        assert store.outcomes(run_id) == {
            each.value: count for each in Outcome if (count := sum(o.outcome is each for o in meant))
        }
    assert (row["status"], row["planned"], row["completed"], row["trigger"]) == ("budget", 20, 20, "manual")
    assert row["cost_usd"] == pytest.approx(sum(each.cost_usd or 0 for each in meant))
    assert row["input_tokens"] == sum(each.input_tokens or 0 for each in meant)
    assert row["suites"] == '{"sums":"sha256:' + "5" * 64 + '"}'
    assert row["endpoints"] == '["gpt","local"]'
    assert (info.status, info.completed, info.exchanges, info.planned) == (RunStatus.BUDGET, 20, 20, 20)
    assert info.finished_us == START_US + 5 * HOUR_US
    assert info.started_us == START_US + HOUR_US


def test_an_interrupted_run_is_resumed_where_it_stopped(tmp_path: Path) -> None:
    """`done_indexes` marks what is finished, resumption is recorded, and the chain goes on through a later run."""
    path = tmp_path / "t.db"
    with Store.open(path, mode="write") as store:
        run_id = begin(store, 6)
        rows = store.append(run_id, [exchange(0), exchange(4), exchange(2, final=False, status=503)])
        store.append(run_id, [], [(row, observation()) for row in rows[:2]])
        store.finish_run(run_id, RunStatus.INTERRUPTED, START_US + 1)
        assert store.resumable() == [run_id]
        other = begin(store, 1)
        store.append(other, [exchange(0, seed=9)])
        store.finish_run(other, RunStatus.DONE, START_US + 2)
    with Store.open(path, mode="write") as store:
        assert store.done_indexes(run_id) == bytearray([1, 0, 0, 0, 1, 0])
        with pytest.raises(StoreError, match=r"run 1 has ended \(interrupted\); resume it"):
            store.append(run_id, [exchange(1)])
        store.resume_run(run_id, START_US + 3)
        assert store.run_info(run_id).status is RunStatus.RUNNING
        store.append(run_id, [exchange(index) for index in (1, 2, 3, 5)])
        store.finish_run(run_id, RunStatus.DONE, START_US + 4)
        assert store.run_info(run_id).resumed_us == (START_US + 3,)
        assert store.resumable() == []
        assert all(store.done_indexes(run_id))
        assert store.verify().ok
        with pytest.raises(StoreError, match="run 1 is done"):
            store.resume_run(run_id, START_US)


def test_what_was_stored_but_not_judged_is_found(tmp_path: Path) -> None:
    """`unobserved` gives exactly the final exchanges without an observation, which can be judged in a later process."""
    path = tmp_path / "t.db"
    with Store.open(path, mode="write") as store:
        run_id = begin(store, 10)
        rows = store.append(run_id, [exchange(0, final=False), *(exchange(index) for index in range(10))])
        store.append(run_id, [], [(row, observation()) for row in rows[1:5]])
    with Store.open(path, mode="write") as store:
        left = list(store.unobserved(run_id))
        assert [row for row, _ in left] == rows[5:]
        assert [each for _, each in left] == [exchange(index) for index in range(4, 10)]
        store.append(run_id, [], [(row, observation()) for row, _ in left])
        assert list(store.unobserved(run_id)) == []
        assert store.tallies()["n"].sum() == 10
        assert store.verify().ok


def test_spend_is_counted_by_the_hour_of_sending(tmp_path: Path) -> None:
    """Calls count when they are stored, cost when they are judged; only hours from the given one on."""
    with Store.open(tmp_path / "t.db", mode="write") as store:
        run_id = begin(store, 3)
        hour = START_US - START_US % HOUR_US
        sent = [
            replace(exchange(index), timing=replace(exchange(index).timing, sent_us=hour + at))
            for index, at in enumerate((0, HOUR_US - 1, HOUR_US))
        ]
        rows = store.append(run_id, [exchange(0, final=False), *sent])[1:]
        assert store.spent(0) == (0.0, 3)
        store.append(run_id, [], [(row, observation(cost_usd=0.5)) for row in rows])
        assert store.spent(hour) == (1.5, 3)
        assert store.spent(hour + HOUR_US - 1) == (1.5, 3)
        assert store.spent(hour + HOUR_US) == (0.5, 1)
        assert store.spent(hour + 2 * HOUR_US) == (0.0, 0)


def test_latency_is_the_mean_of_what_was_measured(tmp_path: Path) -> None:
    """Failed calls have no latency worth knowing; endpoints that were never measured are left out."""
    with Store.open(tmp_path / "t.db", mode="write") as store:
        assert store.mean_latency_ms() == {}
        run_id = begin(store)
        sent = [
            replace(exchange(index), timing=replace(exchange(index).timing, total_ms=ms), endpoint=name)
            for index, (ms, name) in enumerate([(100.0, "gpt"), (300.0, "gpt"), (9e6, "gpt"), (9e6, "local")])
        ]
        rows = store.append(run_id, sent)
        failed = observation(None, outcome=Outcome.FAILED)
        store.append(run_id, [], list(zip(rows, [observation(), observation(), failed, failed], strict=True)))
        assert store.mean_latency_ms() == {"gpt": 200.0}


def test_what_needs_a_look_is_listed_with_counts(tmp_path: Path) -> None:
    """Denials by run, endpoint and reason, unknown wire values by endpoint, and a run's cost."""
    with Store.open(tmp_path / "t.db", mode="write") as store:
        run_id = begin(store)
        rows = store.append(run_id, [exchange(index, endpoint="gpt") for index in range(12)])
        denied = observation(None, outcome=Outcome.DENIED, reason="region", cost_usd=None)
        odd = observation(unmapped="finish_reason=odd")
        store.append(
            run_id, [], list(zip(rows, [denied, odd, *[observation()] * 4, denied, odd], strict=False))
        )
        assert store.denials() == [(run_id, "gpt", "region", 2)]
        assert store.unmapped() == [("gpt", "finish_reason=odd", 2)]
        assert store.run_cost_usd(run_id) == pytest.approx(6 * 0.0001)


def test_grading_again_replaces_observations_and_keeps_the_old(tmp_path: Path) -> None:
    """Sums follow, the old judgement stays readable with its versions, and doing it again changes nothing."""
    with Store.open(tmp_path / "t.db", mode="write") as store:
        run_of(store, 40)
        before = store.tallies()
        changed = [
            (each.row_id, replace(each.observation, score=1.0, outcome=Outcome.ANSWERED, makers="observe/2"))
            for each in store.exchanges()
            if each.observation and each.observation.outcome is Outcome.UNPARSED
        ]
        unchanged = [(each.row_id, each.observation) for each in store.exchanges() if each.observation]
        assert changed
        assert store.replace_observations(unchanged, START_US + 1) == 0
        assert store.replace_observations(changed, START_US + 2) == len(changed)
        after = store.tallies()
        assert after["unparsed"].sum() == 0
        assert after["answered"].sum() == before["answered"].sum() + len(changed)
        assert after["graded"].sum() == before["graded"].sum() + len(changed)
        assert after["n"].sum() == 40
        row_id, new = changed[0]
        [(when, old)] = store.past_observations(row_id)
        assert when == START_US + 2
        assert old.outcome is Outcome.UNPARSED
        assert store.exchange(str(row_id))[0].observation == new
        assert store.verify().ok
        back = [(row, store.past_observations(row)[0][1]) for row, _ in changed]
        store.replace_observations(back, START_US + 3)
        assert len(store.past_observations(row_id)) == 2
        pd.testing.assert_frame_equal(store.tallies(), before)
        assert store.verify().ok


def test_grading_again_moves_identities_and_judges_what_was_left(tmp_path: Path) -> None:
    """A served model read differently moves its count; an exchange without observation gets its first."""
    with Store.open(tmp_path / "t.db", mode="write") as store:
        run_id = begin(store)
        rows = store.append(run_id, [exchange(index) for index in (1, 2)])
        store.append(run_id, [], [(rows[0], observation())])
        again = observation(served_model="gpt-5")
        assert store.replace_observations([(row, again) for row in rows], START_US) == 2
        assert store.identities()[["served_model", "n"]].values.tolist() == [["gpt-5", 2]]
        assert store.past_observations(rows[1]) == []
        assert store.verify().ok


def test_a_call_gets_one_final_exchange_and_only_what_was_planned_is_taken(tmp_path: Path) -> None:
    """A second final exchange, an index outside the plan, an unknown probe or endpoint: nothing of the batch stays."""
    with Store.open(tmp_path / "t.db", mode="write") as store:
        run_id = begin(store, 3)
        store.append(run_id, [exchange(0)])
        for wrong, words in (
            (exchange(0, seed=1), "has its final exchange already"),
            (exchange(3), "has 3 calls, none with index 3"),
            (exchange(1, probe_id="other"), "does not ask"),
            (exchange(1, endpoint="other"), "does not ask"),
        ):
            with pytest.raises(ValueError, match=words):
                store.append(run_id, [exchange(2), wrong])
        store.append(run_id, [exchange(1), exchange(2)])
        assert [each.exchange.index for each in store.exchanges()] == [0, 1, 2]
        assert store.verify().ok


def test_an_observation_is_taken_for_a_final_exchange_alone(tmp_path: Path) -> None:
    """A repeated try, or a row that is not there, cannot be judged."""
    with Store.open(tmp_path / "t.db", mode="write") as store:
        run_id = begin(store)
        rows = store.append(run_id, [exchange(0, final=False)])
        for row in (rows[0], 99):
            with pytest.raises(ValueError, match="is not a final exchange"):
                store.append(run_id, [], [(row, observation())])


def test_a_run_begins_only_with_what_its_header_names(tmp_path: Path) -> None:
    """Suites or endpoints that differ from the header's are refused, and a run cannot end in the status running."""
    with Store.open(tmp_path / "t.db", mode="write") as store:
        with pytest.raises(ValueError, match="suites given are not those"):
            store.begin_run(header(), [replace(SUITE, content_hash="sha256:0")], ENDPOINTS)
        with pytest.raises(ValueError, match="endpoints given are not those"):
            store.begin_run(header(), [SUITE], ENDPOINTS[:1])
        run_id = begin(store)
        with pytest.raises(ValueError, match="status running"):
            store.finish_run(run_id, RunStatus.RUNNING, START_US)
        with pytest.raises(StoreError, match="there is no run 9"):
            store.run_info(9)
        with pytest.raises(StoreError, match="there is no run 9"):
            store.append(9, [exchange(0)])


def test_a_suite_gives_its_record() -> None:
    """`suite_record` takes what the store keeps from anything shaped like a suite."""
    assert suite_record(SUITE) == SuiteRecord(SUITE.name, 2, SUITE.content_hash, SUITE.header, PROBES)


def test_one_store_may_be_used_from_several_threads(tmp_path: Path) -> None:
    """Writers and readers on other threads take turns; nothing is lost and every hash holds."""
    with Store.open(tmp_path / "t.db", mode="write") as store:
        run_id = begin(store, 90)
        failures: list[BaseException] = []

        def write(part: int) -> None:
            try:
                for index in range(part, 90, 3):
                    [row] = store.append(run_id, [exchange(index)])
                    store.append(run_id, [], [(row, observation())])
                    assert len(list(store.exchanges(run_id))) >= 1
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=write, args=(part,)) for part in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert store.tallies()["n"].sum() == 90
        assert store.verify().ok


def test_reading_never_writes(tmp_path: Path) -> None:
    """A store open for reading refuses every change, by its own methods and by hand."""
    fill(tmp_path / "t.db", runs=1)
    with Store.open(tmp_path / "t.db", mode="read") as store:
        with pytest.raises(StoreError, match="open for reading only"):
            begin(store)
        with pytest.raises(Exception, match="readonly"):
            store.db.execute("DELETE FROM observations")
