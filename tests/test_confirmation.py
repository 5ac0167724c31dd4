"""Extra runs while evidence grows: asked for by past days alone, recorded, bounded, and no source of false alarms."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from harness.cli import run as command
from harness.cli.context import load_project
from harness.cli.running import access_of
from harness.config import load_config
from harness.findings import changes
from harness.findings.ledger import SETTINGS
from harness.monitor import Summary, Watch, planned_ledger, run_cycle
from harness.monitor.claims import expected_runs
from harness.monitor.confirmation import TRIGGER, standing_of
from harness.runner import Stop
from harness.stats.normal_scores import start_scores, step_score
from harness.stats.rank_bets import bet
from harness.stats.worlds import Change, World
from harness.store import Store
from tests.confirmation_figures import Rule, Streams, live
from tests.provider import Provider, config_text

START = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)
DAYS = 13
ASKED = '\nprobes = 12\n[schedules.daily]\ncron = "0 6 * * *"\n[confirmation]\n'
RESERVE = ASKED + "watch = 0.02\nruns_per_month = 3\n"


class SetClock:
    """A clock that shows what it was set to."""

    kind: Literal["real", "simulated"] = "real"

    def __init__(self) -> None:
        self.now = START

    def now_us(self) -> int:
        return int(self.now.timestamp() * 1e6)

    def monotonic_s(self) -> float:
        return self.now.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        await asyncio.sleep(0)


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with Provider() as running:
        yield running


@pytest.fixture(scope="module")
def lived(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose endpoint was asked at six on thirteen days; ranks of equal runs are luck, so some evidence grows."""
    folder = tmp_path_factory.mktemp("confirm")
    (folder / "config.toml").write_text(config_text(provider.url, suites="refusal-quick", extra=RESERVE))
    clock, project = SetClock(), load_project(folder / "config.toml", None)
    with Store.open(project.database, mode="write") as store:
        for day in range(DAYS):
            clock.now = START + timedelta(days=day)
            summary = asyncio.run(
                run_cycle(
                    *(project.config, project.suites(), store, access_of(project)),
                    clock=clock, stop=Stop(), trigger="daily",
                )
            )  # fmt: skip
            assert summary.status.value == "done"
    return folder


@pytest.fixture
def folder(lived: Path, tmp_path: Path) -> Path:
    (tmp_path / "results").mkdir()
    for name in ("config.toml", "results/harness.db"):
        (tmp_path / name).write_bytes((lived / name).read_bytes())
    return tmp_path


def watch(folder: Path, now: datetime) -> tuple[list[Summary], list[str]]:
    """Let a watcher make the extra runs that are due at a moment; return its runs and words."""
    ended: list[Summary] = []
    said: list[str] = []
    project, clock = load_project(folder / "config.toml", None), SetClock()
    clock.now = now
    with Store.open(project.database, mode="write") as store:
        watcher = Watch(project.config, project.suites(), store, access_of(project), clock=clock, stop=Stop())
        watcher.on_say, watcher.on_end = said.append, ended.append
        asyncio.run(watcher.confirm())
    return ended, said


def standing(folder: Path, now: datetime):
    project = load_project(folder / "config.toml", None)
    with Store.open(project.database, mode="read") as store:
        return standing_of(project.config, project.suites(), store, now)


def test_two_days_later_there_is_one_extra_run_at_a_random_hour(folder: Path) -> None:
    """Evidence over the watch level asks for one run of its suite two days on; asked again, it is the same hour."""
    day = START + timedelta(days=DAYS)
    asked = standing(folder, day)
    (extra,) = asked.extras
    assert (extra.endpoint, extra.suite) == ("one", "refusal-quick")
    assert extra.at.date() == day.date()
    assert asked.evidence["one"] > asked.watch_level
    assert standing(folder, day + timedelta(hours=3)).extras == asked.extras
    later = standing(folder, day + timedelta(days=1)).extras[0].at
    assert later - extra.at != timedelta(days=1)


def test_the_evidence_of_a_day_asks_for_nothing_on_that_day(folder: Path) -> None:
    """Runs of the day itself and of the day before move nothing: what is asked for follows from earlier ones alone."""
    last = START + timedelta(days=DAYS - 1)
    before = standing(folder, last.replace(hour=0))
    after = standing(folder, last.replace(hour=23))
    assert before.evidence == after.evidence != standing(folder, last + timedelta(days=1)).evidence
    first = standing(folder, START + timedelta(days=5))
    assert first.evidence == {}
    assert first.extras == ()


def test_a_watcher_makes_it_once_and_records_why(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The run's trigger, the reason in the chained update, the reserve spent; not before its hour, not twice a day."""
    day = START + timedelta(days=DAYS)
    (extra,) = standing(folder, day).extras
    assert watch(folder, extra.at - timedelta(minutes=1)) == ([], [])
    ((summary,), said) = watch(folder, extra.at + timedelta(minutes=1))
    assert summary.planned == 12
    assert said[0] == extra.why
    assert watch(folder, extra.at + timedelta(hours=1))[0] == []
    with Store.open(folder / "results/harness.db", mode="read") as store:
        assert store.run_info(summary.run_id).trigger == TRIGGER
        update = store.findings.updates()[-1]
        assert (update.run_id, update.notes[0]) == (summary.run_id, extra.why)
        assert store.verify().problems == ()
        steps = store.findings.steps("real")
        assert all(rows[-1].run_id == summary.run_id for rows in steps.values() if rows[-1].u is not None)
    now = standing(folder, extra.at + timedelta(hours=2))
    assert (now.spent_runs, now.extras) == (1, ())
    assert command(["status", "--config", str(folder / "config.toml")]) == 0
    shown = capsys.readouterr().out
    assert "confirm" in shown
    assert "watch level" in shown
    assert command(["status", "--json", "--config", str(folder / "config.toml")]) == 0
    assert json.loads(capsys.readouterr().out)["confirmation"]["runs_per_month"] == 3


def test_an_interrupted_extra_run_keeps_its_reason(folder: Path) -> None:
    """Ended early and resumed days later, what it did to the streams is stored with the reason it was begun for."""
    (extra,) = standing(folder, START + timedelta(days=DAYS)).extras
    path = folder / "config.toml"
    text = path.read_text()
    path.write_text(text + "[budgets]\ncalls_per_run = 5\n")
    ((summary,), _) = watch(folder, extra.at + timedelta(minutes=1))
    assert (summary.status.value, summary.completed) == ("budget", 5)
    path.write_text(text)
    assert command(["run", "--resume", "--config", str(path)]) == 0
    with Store.open(folder / "results/harness.db", mode="read") as store:
        assert store.run_header(summary.run_id).reason == extra.why
        update = store.findings.updates()[-1]
        assert (update.run_id, update.notes[0]) == (summary.run_id, extra.why)
        assert store.run_header(1).reason is None
        assert store.verify().problems == ()
    out, copy = folder / "out", str(folder / "copy.db")
    assert command(["export", "--run", str(summary.run_id), "-o", str(out), "--config", str(path)]) == 0
    assert command(["import", str(out), "--db", copy]) == 0
    with Store.open(Path(copy), mode="read") as store:
        assert store.run_header(1).reason == extra.why
        assert store.verify().problems == ()


@pytest.mark.parametrize(
    "limits",
    [
        "runs_per_month = 0\nwatch = 0.02",
        "runs_per_month = 3\nwatch = 0.95",
        "runs_per_month = 3\nwatch = 0.02\nusd_per_month = 0.0",
    ],
)
def test_no_reserve_no_run(limits: str, folder: Path) -> None:
    """Without a reserve, below the watch level, or where the run's upper estimate exceeds it, nothing is asked for.

    Rules that were changed since the evidence was gathered ask for nothing either: a new period begins first.
    """
    path = folder / "config.toml"
    path.write_text(path.read_text().replace("watch = 0.02\nruns_per_month = 3", limits))
    if "usd" in limits:
        path.write_text(
            path.read_text().replace(
                "temperature = 0 }", "temperature = 0 }\nprices = { input_usd_per_mtok = 1.0 }"
            )
        )
    found = standing(folder, START + timedelta(days=DAYS))
    assert found is None or found.extras == ()


def test_a_reserve_is_spent_and_not_more(folder: Path) -> None:
    """After as many extra runs as the month allows, no further day has one."""
    made = 0
    for number in range(6):
        day = START + timedelta(days=DAYS + number)
        made += len(watch(folder, day.replace(hour=23, minute=59))[0])
    assert 1 <= made <= 3
    assert standing(folder, START + timedelta(days=DAYS + 6)).spent_runs == made


def test_extra_runs_are_paid_for_in_the_ledger(folder: Path) -> None:
    """The alarm level rises with the reserve, the rule stands in the ledger, and a change of it is a new period."""
    path = folder / "config.toml"
    text = path.read_text()
    with_reserve = load_config(path, {})
    path.write_text(text.replace("runs_per_month = 3", "runs_per_month = 0"))
    without = load_config(path, {})
    suites = load_project(path, None).suites()
    assert expected_runs(without) == 365
    assert expected_runs(with_reserve) == 365 + 37
    told = changes(planned_ledger(without, suites).text, planned_ledger(with_reserve, suites).text)
    assert "planned runs 365 -> 402" in told
    assert any(words.startswith("[confirmation]:") for words in told)


# --- validity ---


def test_simulated_streams_step_as_the_engines_do() -> None:
    """Many years at once, each with its own number of runs, give the evidence that single steps give."""
    rng = np.random.default_rng(8)
    streams, state, bets = Streams(2, 60), start_scores(SETTINGS), None
    for number in range(50):
        score, u = float(rng.integers(0, 8)), float(rng.random())
        state, step = step_score(state, score, u)
        bets = bet(bets, step.run, step.p, SETTINGS.temper) if step.counted else None
        which = np.array([0, 1]) if number % 3 else np.array([1])
        streams.take(which, np.full(which.size, score), np.full(which.size, u))
        if bets is not None:
            both = np.logaddexp([step.log_e_down, step.log_e_up], bets.log_evidence) - np.log(2)
            assert streams.log_e[1] == pytest.approx(np.logaddexp(*both) - np.log(2), abs=1e-9)


@pytest.mark.parametrize("world", [World("noisy", day_sd=0.4), World("bad days", bad_days=0.1)])
def test_extra_runs_two_days_later_raise_no_false_alarms(world: World) -> None:
    """200 null years in which all runs of a day share its effect: at most 1% and three Monte Carlo errors alarm."""
    alarmed, extra = live(world, Change(), Rule("later", per_day=1), 200, 4)
    assert (alarmed >= 0).sum() <= 6
    assert extra.sum() > 0


def test_extra_runs_on_the_bad_day_itself_would() -> None:
    """Looking again up to four times the same day, which is not offered, takes a bad day for a change in 13 of 200 years."""
    alarmed, _ = live(World("noisy", day_sd=0.4), Change(), Rule("same day", per_day=4), 200, 4)
    assert (alarmed >= 0).sum() > 6


def test_extra_runs_find_a_change_sooner() -> None:
    """A drop of 10 points is found in fewer days than without, at the dearer alarm level that pays for them."""
    days = []
    for name in ("none", "later"):
        alarmed, _ = live(World("alike"), Change("uniform", 0.1), Rule(name, per_day=1), 100, 2, days=70)
        days.append(float(np.mean(alarmed[alarmed >= 30] - 29)))
    assert days[1] < days[0] - 0.5
