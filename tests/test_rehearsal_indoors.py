"""Lives without HTTP and database: the same findings machinery, and rates over many lives."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("starlette", reason="the rehearsal extra is not installed")

from harness.claims import Tier
from harness.cli import run
from harness.rehearsal.reading import load_suites, load_world, shortened
from harness.rehearsal.repeats import repeat
from harness.rehearsal.world import World
from harness.suites import Suite

WORLD = """
title = "a lock"
days = 50
[models.heron]
[endpoints.one]
model = "heron"
[suites.topic-pairs]
topics = ["biology", "cooking"]
[noise]
busy = 0
errors = 0
[[events]]
kind = "lock"
endpoint = "one"
day = 30
topic = "biology"
mode = "block"
"""


def world_of(tmp_path: Path) -> tuple[World, dict[str, Suite]]:
    path = tmp_path / "w.toml"
    path.write_text(WORLD, encoding="utf-8")
    world = load_world(path)
    return world, load_suites(world, tmp_path, path)


def test_the_first_days_are_those_of_the_whole_life(tmp_path: Path) -> None:
    """A shortened world has the events of its days and no others."""
    world, _ = world_of(tmp_path)
    assert shortened(world, 20).events == ()
    assert shortened(world, 40).events == world.events
    assert shortened(world, 90) is world


def test_repeated_lives_give_rates(tmp_path: Path) -> None:
    """An explicit lock of a whole topic is found in every life, and nothing is cried before it."""
    world, suites = world_of(tmp_path)
    done = repeat(world, suites, 4, jobs=2, http=False)
    assert done.count == 4
    assert done.rates[0].detected.estimate == 1.0
    assert done.null_years == pytest.approx(4 * 30 / 365)
    assert done.false[Tier.PERSISTENT].n == 0


def test_lives_in_which_something_was_always_planted_count_no_false_findings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A world that begins with its event still prints what was found, and that false findings cannot be counted."""
    path = tmp_path / "always.toml"
    path.write_text(WORLD.replace("day = 30", "day = 0").replace("days = 50", "days = 12"), encoding="utf-8")
    assert run(["rehearse", str(path), "--repeat", "2", "--jobs", "1", "--no-http"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "persistent: false findings cannot be counted" in shown
    assert "biology locked" in shown
