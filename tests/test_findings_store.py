"""Findings kept: one step per finished run, chained, replayable, and told on the command line."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import TypeAdapter

from harness.claims import Effect, Finding, Kind, Since, Standing, StreamKey, Tier, Verdict
from harness.cli import run as command
from harness.config import load_config
from harness.monitor import open_claims, replay_streams
from harness.monitor.claims import expected_runs
from harness.store import EventRow, Store, UpdateRow
from harness.suites import load_suite
from tests.findings_worlds import ROOT
from tests.provider import Provider, config_text

SUITE = "refusal-quick"


def tell(folder: Path, capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    found = command([*words, "--config", str(folder / "config.toml")])
    said = capsys.readouterr()
    assert found == code, said.err + said.out
    assert "Traceback" not in said.err
    return said.out + (said.err if "--json" not in words else "")


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the database of three finished runs, one of them resumed."""
    folder = tmp_path_factory.mktemp("lived")
    with Provider() as provider:
        path = folder / "config.toml"
        for extra in ("", "[budgets]\ncalls_per_run = 20\n"):
            path.write_text(config_text(provider.url, suites=SUITE, extra=extra))
            assert command(["run", "--config", str(path)]) == (1 if extra else 0)
        with Store.open(folder / "results" / "harness.db", mode="read") as store:
            assert [each.run_id for each in store.findings.updates()] == [1]
        path.write_text(config_text(provider.url, suites=SUITE))
        assert command(["run", "--resume", "--config", str(path)]) == 0
        assert command(["run", "--config", str(path)]) == 0
    return folder


@pytest.fixture
def folder(lived: Path, tmp_path: Path) -> Path:
    """A copy of it to tamper with, with one finding and what became of it put in by the store's own methods."""
    (tmp_path / "results").mkdir()
    (tmp_path / "config.toml").write_bytes((lived / "config.toml").read_bytes())
    (tmp_path / "results/harness.db").write_bytes((lived / "results/harness.db").read_bytes())
    with Store.open(tmp_path / "results/harness.db", mode="write") as store:
        header = store.run_header(3)
        with store._writing.group():
            for table in ("steps", "streams", "finding_updates"):
                store._connection.execute(f"DELETE FROM {table}")
            store._connection.execute("UPDATE finding_chain SET updates = 0, update_hash = NULL")
        period = store.findings.period("real")
        assert period is not None
        finding = example(header.started_us, period.id)
        store.findings.commit(UpdateRow(1, period.id, 5, "findings/1", findings=(finding,)), "real")
        event = EventRow(finding.id, Standing.WITHDRAWN, "the days after are as before")
        store.findings.commit(UpdateRow(2, period.id, 6, "findings/1", ("a note",), events=(event,)), "real")
    return tmp_path


def example(found_us: int, period: int) -> Finding:
    return Finding(
        *("f0123456789ab", Kind.REFUSAL, Tier.INCIDENT, Verdict.CHANGE, StreamKey("one", SUITE, "refused")),
        *("one declines more: consistent with a tightening.", found_us, 1, period, "up"),
        effect=Effect(0.2, 0.1, 0.3, 0.95, "share of questions declined", "haar-t"),
        since=Since(found_us, found_us, found_us, 0.95),
        e_value=40_000.0,
        threshold=36_500.0,
    )


def test_each_finished_run_steps_once(lived: Path) -> None:
    """A run that ended early takes no step; resumed and done it takes one; the streams know all three runs."""
    with Store.open(lived / "results/harness.db", mode="read") as store:
        assert [each.run_id for each in store.findings.updates()] == [1, 2, 3]
        steps = store.findings.steps("real")
        (refused,) = (rows for (name, _), rows in steps.items() if name.endswith("/refused"))
        assert [row.status for row in refused] == ["burn-in"] * 3
        assert [row.run_id for row in refused] == [1, 2, 3]
        assert {row.u for row in refused} != {None}
        assert store.findings.period("simulated") is None
        assert store.verify().problems == ()


def test_the_budget_is_a_change_that_is_recorded_and_told(
    lived: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Budgets that bind no claim begin no period; a new alpha does, and `check` tells beforehand."""
    with Store.open(lived / "results/harness.db", mode="read") as store:
        assert [each.reason for each in store.findings.periods()] == ["the first period"]
    path = lived / "config.toml"
    was = path.read_text()
    path.write_text(was + "[findings]\nalpha = 0.05\n")
    try:
        said = tell(lived, capsys, "check")
        assert "a new period of the alpha ledger: alpha 0.01 -> 0.05" in " ".join(said.split())
        config = load_config(path)
        suites = {SUITE: load_suite(ROOT / "probes" / SUITE)}
        copy = lived / "copy.db"
        copy.write_bytes((lived / "results/harness.db").read_bytes())
        with Store.open(copy, mode="write") as store:
            first = store.findings.period("real")
            assert first is not None
            opened = open_claims(config, suites, store, first.opened_us + 1_000, "real")
            assert opened.notes == ("alpha ledger: period 2 begins: alpha 0.01 -> 0.05",)
            assert opened.period.year_us == first.year_us
            again = open_claims(config, suites, store, first.opened_us + 2_000, "real")
            assert (again.period.id, again.notes) == (2, ())
            later = open_claims(config, suites, store, first.opened_us + 366 * 86_400_000_000, "real")
            assert (later.period.id, later.period.year_us) == (3, later.period.opened_us)
            assert "the horizon has passed" in later.notes[0]
            assert store.verify().problems == ()
    finally:
        path.write_text(was)


def test_streams_come_out_the_same_from_nothing(lived: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Replaying every stored step gives the stored states; an altered input does not."""
    found = json.loads(tell(lived, capsys, "findings", "--replay", "--json"))
    assert found["differs"] == []
    assert found["steps"] == 3 * found["streams"] == 12
    copy = lived / "replayed.db"
    copy.write_bytes((lived / "results/harness.db").read_bytes())
    with closing(sqlite3.connect(copy)) as connection, connection:
        connection.execute("UPDATE steps SET u = u / 2 WHERE u IS NOT NULL AND update_id = 2")
        connection.execute("DELETE FROM steps WHERE update_id = 1")
    config, suites = load_config(lived / "config.toml"), {SUITE: load_suite(ROOT / "probes" / SUITE)}
    with Store.open(copy, mode="read") as store:
        assert any(each.differs for each in replay_streams(config, suites, store))


def test_findings_are_shown_filtered_and_decide_the_exit_code(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--json` fits its published form; a withdrawn finding shows what became of it and does not fail."""
    body = json.loads(tell(folder, capsys, "findings", "--json", "--fail-on-findings"))
    (found,) = body["findings"]
    assert (found["id"], found["standing"]) == ("f0123456789ab", "withdrawn")
    assert found["events"][0]["words"] == "the days after are as before"
    jsonschema.validate(found, TypeAdapter(Finding).json_schema())
    assert {each["verdict"] for each in body["streams"]} == {"inconclusive"}
    assert body["ledger"][0]["ledger"]["alpha"] == 0.01
    for words, count in (
        (("--tier", "persistent"), 0), (("--tier", "incident"), 1), (("--endpoint", "two"), 0),
        (("--since", "2100-01-01"), 0), (("--since", "2020-01-01T00:00Z"), 1),
    ):  # fmt: skip
        assert len(json.loads(tell(folder, capsys, "findings", "--json", *words))["findings"]) == count
    assert "is no date" in tell(folder, capsys, "findings", "--since", "yesterday", code=2)
    said = tell(folder, capsys, "findings")
    assert "consistent with a tightening" in said
    assert "withdrawn" in said
    with Store.open(folder / "results/harness.db", mode="write") as store:
        period = store.findings.period("real")
        assert period is not None
        event = EventRow("f0123456789ab", Standing.CONFIRMED, "the persistent tier agrees")
        store.findings.commit(UpdateRow(3, period.id, 7, "findings/1", events=(event,)), "real")
        assert store.verify().problems == ()
    tell(folder, capsys, "findings", "--fail-on-findings", code=3)
    status: dict[str, Any] = json.loads(tell(folder, capsys, "status", "--json"))
    assert [each["standing"] for each in status["findings"]] == ["confirmed"]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_periods SET ledger = replace(ledger, '0.01', '0.02')",
        "UPDATE ledger_periods SET reason = 'another'",
        "UPDATE finding_updates SET at_us = at_us + 1 WHERE id = 1",
        "UPDATE finding_updates SET notes = '[]' WHERE id = 2",
        "DELETE FROM finding_updates WHERE id = 2",
        "UPDATE findings SET body = replace(body, 'declines more', 'declines less')",
        "UPDATE findings SET kind = 'capability'",
        "DELETE FROM finding_events",
        "UPDATE finding_events SET words = 'because'",
        "UPDATE finding_chain SET updates = 1",
    ],
)
def test_every_change_behind_the_back_is_found(folder: Path, statement: str) -> None:
    """A changed or missing period, update, finding or event fails verification."""
    path = folder / "results/harness.db"
    with Store.open(path, mode="read") as store:
        assert store.verify().problems == ()
    with closing(sqlite3.connect(path)) as connection, connection:
        assert connection.execute(statement).rowcount > 0
    with Store.open(path, mode="read") as store:
        assert not store.verify().ok


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE steps SET value = 0.5 WHERE update_id = 2 AND value IS NOT NULL",
        "UPDATE steps SET log_e_up = 9.0 WHERE update_id = 3",
        "UPDATE steps SET status = 'missing' WHERE update_id = 1",
        "DELETE FROM steps WHERE update_id = 3",
        "UPDATE streams SET state = (SELECT header FROM runs LIMIT 1)",
    ],
)
def test_every_changed_step_and_state_is_found(lived: Path, tmp_path: Path, statement: str) -> None:
    """A step or a stream's state that is not as it was written fails verification."""
    path = tmp_path / "t.db"
    path.write_bytes((lived / "results/harness.db").read_bytes())
    with closing(sqlite3.connect(path)) as connection, connection:
        assert connection.execute(statement).rowcount > 0
    with Store.open(path, mode="read") as store:
        assert not store.verify().ok


def test_the_budget_counts_the_runs_that_schedules_plan(tmp_path: Path) -> None:
    """One run a day at least; four a day are four times as many; a schedule for another endpoint adds nothing."""
    text = config_text("http://127.0.0.1:9/v1", suites=SUITE)
    path = tmp_path / "config.toml"
    for extra, runs in (
        ("", 365),
        ('[schedules.weekly]\ncron = "0 6 * * 1"\n', 365),
        ('[schedules.daily]\ncron = "0 6 * * *"\n', 365),
        ('[schedules.often]\ncron = "0 */6 * * *"\n', 1460),
        ('[schedules.a]\ncron = "0 6 * * *"\n[schedules.b]\ncron = "0 18 * * *"\n', 730),
    ):
        path.write_text(text + extra)
        assert expected_runs(load_config(path)) == runs
