"""A rule of inference in a new version: a record's streams are made again from it, and nothing else changes."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from harness.cli import run as command
from harness.cli.context import load_project
from harness.findings import InMemory, state
from harness.monitor import Access, claims, next_seed, run_cycle
from harness.monitor.states import told
from harness.plan import make_plan
from harness.runner import Stop
from harness.stats import day_effect_state, normal_scores, normal_state
from harness.stats.normal_scores import NormalScoreSettings
from harness.stats.packing import Frame
from harness.store import Store
from tests.provider import Provider, config_text
from tests.test_findings_pipeline import Days

CHANGE, RAISED, DAYS = 12, 20, 23
"""First day of the drop; first day under the present version; days."""
MORE = """
[suites.capability-quick]
families = ["arithmetic", "word-problem"]
[suites.identity]
families = ["near-tie"]
probes = 6
[findings]
alpha = 0.2
incident_alpha = 0.5
horizon_days = 30
"""
ENGINES = 5
"""Streams with an engine: correct, refused, format, anchor-minus-fresh, identity."""


class Life:
    """A model that gets worse on a day, asked day by day in real runs."""

    def __init__(self) -> None:
        self.clock = Days()
        self.right: dict[str, str] = {}

    def answer(self, request: dict[str, Any]) -> str:
        prompt = request["messages"][-1]["content"]
        chance = random.Random(f"{prompt} {self.clock.day}").random()
        return self.right.get(prompt, "?") if chance < (0.9 if self.clock.day < CHANGE else 0.2) else "99999"

    def live(self, folder: Path, days: range) -> list[str]:
        """Live some days in a folder; return what a person was told."""
        project, notes = load_project(folder / "config.toml", None), list[str]()
        suites, access = project.suites(), Access({"one": None}, {"one": None})
        with Store.open(project.database, mode="write") as store:
            for day in days:
                self.clock.day = day
                for call in make_plan(project.config, suites, next_seed(project.config, store)):
                    self.right[call.probe.messages[-1].content] = "".join(call.probe.target[:1])
                cycle = run_cycle(
                    *(project.config, suites, store, access),
                    clock=self.clock,
                    stop=Stop(),
                    on_note=notes.append,
                )
                asyncio.run(cycle)
            assert store.verify().problems == ()
        return notes


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Life, Path]]:
    """A folder with the record of the days before the present version, kept by an earlier one."""
    folder, life = tmp_path_factory.mktemp("life"), Life()
    with Provider(life.answer) as provider, pytest.MonkeyPatch.context() as patch:
        (folder / "config.toml").write_text(config_text(provider.url, suites="") + MORE)
        patch.setattr(normal_scores, "VERSION", 0)
        patch.setattr(normal_state, "_FRAME", Frame(b"NSSR", 0, "NS-SR"))
        patch.setattr(day_effect_state, "_FRAME", Frame(b"EBDE", 1, "EB-DE"))
        patch.setattr(claims, "MAKERS", "findings/2 stats.normal_scores/0")
        life.live(folder, range(RAISED))
        patch.undo()
        yield life, folder


@pytest.fixture
def folder(life: tuple[Life, Path], tmp_path: Path) -> Path:
    """A copy of it to go on with."""
    shutil.copytree(life[1], tmp_path, dirs_exist_ok=True)
    return tmp_path


def rows(folder: Path) -> list[Any]:
    """Return every row of the record of findings that is never changed, of the earlier runs."""
    with closing(sqlite3.connect(folder / "results/harness.db")) as connection:
        return [
            connection.execute(statement, (RAISED,)).fetchall()
            for statement in (
                "SELECT * FROM finding_updates WHERE id <= ?",
                "SELECT * FROM steps WHERE update_id <= ?",
                "SELECT * FROM findings WHERE update_id <= ?",
                "SELECT * FROM finding_events WHERE update_id <= ?",
                "SELECT * FROM ledger_periods WHERE opened_us <= (SELECT at_us FROM finding_updates WHERE id = ?)",
            )
        ]


def tell(folder: Path, capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    assert command([*words, "--json", "--config", str(folder / "config.toml")]) == 0
    return json.loads(capsys.readouterr().out)


def test_streams_of_an_earlier_version_are_made_again_from_the_stored_runs(
    life: tuple[Life, Path], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """After a new version of the rules the states are those of one life from nothing; findings stay as they were."""
    before, found = rows(folder), tell(folder, capsys, "findings")["findings"]
    assert {each["tier"] for each in found} == {"persistent", "incident"}
    assert tell(folder, capsys, "findings", "--replay")["older"] == ENGINES
    first = life[0].live(folder, range(RAISED, RAISED + 1))
    assert told(ENGINES) in first
    assert any("rules of inference: normal_scores changed" in note for note in first)
    assert told(1).startswith("the state of 1 stream was made by an earlier version")
    later = life[0].live(folder, range(RAISED + 1, DAYS))
    assert not [note for note in later if "earlier version" in note]
    assert rows(folder) == before
    replayed = tell(folder, capsys, "findings", "--replay")
    assert (replayed["differs"], replayed["older"]) == ([], 0)
    project = load_project(folder / "config.toml", None)
    with Store.open(project.database, mode="read") as store:
        memory = InMemory.of(project.config, project.suites(), claims.expected_runs(project.config))
        for update in store.findings.updates():
            memory.period = update.period_id
            memory.take(
                claims.run_tallies(project.config, store, update.run_id, store.run_header(update.run_id))
            )
        assert {update.period_id for update in store.findings.updates()} == {1, 2}
        stored = store.findings.states("simulated")
        assert {key: state.decode(each) for key, each in stored.items()} == memory.states
        kept = [(each.id, each.run_id, each.tier, each.standing) for each in store.findings.findings()]
        assert kept == [(each.id, each.run_id, each.tier, each.standing) for each in memory.findings]
        assert [note for update in store.findings.updates() for note in update.notes if "anew" in note] == [
            told(ENGINES)
        ]


def test_other_settings_of_the_rule_make_the_streams_again_too(
    life: tuple[Life, Path], folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rules that say other things of the same runs raise nothing of the past again; their states replay."""
    persistent = tell(folder, capsys, "findings", "--tier", "persistent")["findings"]
    wanted = NormalScoreSettings(shifts=(1.0, 3.0), burn_in=4)
    monkeypatch.setattr(state, "SETTINGS", wanted)
    monkeypatch.setattr(import_module("harness.findings.ledger"), "SETTINGS", wanted)
    assert told(ENGINES) in life[0].live(folder, range(RAISED, RAISED + 2))
    assert tell(folder, capsys, "findings", "--replay")["differs"] == []
    assert tell(folder, capsys, "findings", "--tier", "persistent")["findings"] == persistent
    monkeypatch.undo()
    assert tell(folder, capsys, "findings", "--replay")["older"] == ENGINES


def test_a_damaged_state_is_still_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Only another version is made again: a state that cannot be read stops the replay with its stream's name."""
    with closing(sqlite3.connect(folder / "results/harness.db")) as connection, connection:
        connection.execute(
            "UPDATE streams SET state = (SELECT input FROM steps LIMIT 1) WHERE name LIKE '%/correct'"
        )
    assert command(["findings", "--replay", "--config", str(folder / "config.toml")]) == 1
    said = " ".join(capsys.readouterr().err.split())
    assert "the state of stream one/capability-quick/correct cannot be read" in said
