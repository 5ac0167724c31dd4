"""A few days of a world through the real pipeline, on loopback, in a real database."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("starlette", reason="the rehearsal extra is not installed")

from harness.claims import Tier
from harness.cli import run as cli
from harness.rehearsal.life import Lived, live
from harness.rehearsal.reading import load_suites, load_world
from harness.runner import Stop
from harness.store import Store

WORLD = """
title = "four protocols"
days = 3
start = 2026-03-01
[models.heron]
[endpoints.chat]
model = "heron"
[endpoints.responses]
model = "heron"
protocol = "openai-responses"
[endpoints.messages]
model = "heron"
protocol = "anthropic-messages"
stream = true
[endpoints.gemini]
model = "heron"
protocol = "gemini"
[suites.topic-pairs]
topics = ["biology", "cooking"]
[noise]
busy = 0.05
[[events]]
kind = "lock"
endpoint = "messages"
day = 1
topic = "biology"
mode = "block"
category = "bio"
[[events]]
kind = "withdraw"
endpoint = "gemini"
day = 2
[[events]]
kind = "clock-skew"
endpoint = "chat"
day = 2
seconds = 3600
"""


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Lived:
    folder = tmp_path_factory.mktemp("life")
    path = folder / "world.toml"
    path.write_text(WORLD, encoding="utf-8")
    world = load_world(path)
    suites = load_suites(world, folder, path)
    return asyncio.run(live(world, suites, folder / "harness.db", stop=Stop()))


def test_every_run_is_marked_simulated_and_dated(lived: Lived) -> None:
    """The runs lie a day apart on the world's calendar; a skewed clock shows, and nothing else of it."""
    with Store.open(lived.database, mode="read") as store:
        runs = store.runs()
    assert set(runs["clock"]) == {"simulated"}
    assert set(runs["status"]) == {"done"}
    days = [str(moment)[:13] for moment in runs["started_at"]]
    assert days == ["2026-03-01 06", "2026-03-02 06", "2026-03-03 07"]


def test_outcomes_are_those_of_the_events(lived: Lived) -> None:
    """A block is the provider's refusal with its category, a withdrawal is denied access; retries hide busy moments."""
    with Store.open(lived.database, mode="read") as store:
        frame = store.tallies()
    sums = frame.groupby(["endpoint", "run_id"])[["n", "refused_provider", "denied", "failed"]].sum()
    biology = len(frame[(frame["topic"] == "biology") & (frame["arm"] == "topic")]["probe_id"].unique())
    assert sums.loc[("messages", 1), "refused_provider"] == 0
    assert sums.loc[("messages", 2), "refused_provider"] == biology
    assert sums.loc[("gemini", 3), "denied"] == sums.loc[("gemini", 3), "n"]
    assert sums.loc["chat", "failed"].sum() == 0
    assert lived.calls_per_day == dict.fromkeys(("chat", "responses", "messages", "gemini"), 24.0)


def test_the_evidence_is_intact(lived: Lived) -> None:
    """What a rehearsal leaves passes the same verification as any database."""
    assert cli(["verify", "--db", str(lived.database)]) == 0


def test_a_rehearsal_never_removes_runs_of_real_models(tmp_path: Path) -> None:
    """A folder whose database is no rehearsal's is left as it is, with a message."""
    from harness.cli.rehearse import _fresh
    from harness.errors import UsageError
    from tests.store_examples import ENDPOINTS, SUITE, header

    database = tmp_path / "harness.db"
    with Store.open(database, mode="write") as store:
        store.begin_run(replace(header(), clock="real"), [SUITE], ENDPOINTS)
    with pytest.raises(UsageError, match="real models"):
        _fresh(database)
    assert database.exists()


def test_a_planted_degradation_is_found_and_held_against_the_plan(tmp_path: Path) -> None:
    """From plan to finding: a large drop on day 30 of 44 becomes a persistent finding with its date and its size."""
    from harness.rehearsal.repeats import check_life

    path = tmp_path / "drop.toml"
    path.write_text(
        """
title = "a drop"
days = 44
[models.heron]
[endpoints.one]
model = "heron"
[suites.yes-no]
families = ["primes"]
[[events]]
kind = "degrade"
endpoint = "one"
day = 30
drop = 0.6
""",
        encoding="utf-8",
    )
    world = load_world(path)
    suites = load_suites(world, tmp_path, path)
    checked = check_life(world, suites, asyncio.run(live(world, suites, tmp_path / "h.db", stop=Stop())))
    (found,) = checked.detections
    assert found.detected
    assert found.finding is not None
    assert found.finding.tier is Tier.PERSISTENT
    assert found.delay_days is not None
    assert found.incident_days is not None
    assert found.incident_days < found.delay_days
    assert (found.date_covers, found.effect_covers) == (True, True)
    assert found.true_effect is not None
    assert found.true_effect < -0.2
    assert checked.false == ()
