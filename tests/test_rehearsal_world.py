"""World files: the ones that come with harness, and every mistake in one of your own."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

pytest.importorskip("starlette", reason="the rehearsal extra is not installed")

from harness.errors import ConfigError
from harness.rehearsal.reading import load_suites, load_world, shipped_worlds, world_path
from harness.rehearsal.state import day_effects, state
from harness.rehearsal.truth import null_days, planted
from harness.rehearsal.world import World

SMALL = """
title = "small"
days = 20
[models.heron]
[models.wren]
ability = 0.5
[endpoints.one]
model = "heron"
[suites.topic-pairs]
"""


def world_of(tmp_path: Path, more: str, base: str = SMALL) -> World:
    path = tmp_path / "w.toml"
    path.write_text(base + more, encoding="utf-8")
    world = load_world(path)
    load_suites(world, tmp_path, path)
    return world


@pytest.mark.parametrize("name", shipped_worlds())
def test_every_shipped_world_is_free_of_mistakes(name: str) -> None:
    """It loads, its suites have what its events name, and it says what happens."""
    path = world_path(name)
    world = load_world(path)
    assert load_suites(world, path.parent, path).keys() == world.suites.keys()
    assert world.description


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ('[[events]]\nkind = "lok"\nendpoint = "one"\nday = 3\n', "events[1]"),
        ('[[events]]\nkind = "degrade"\nendpoint = "tow"\nday = 3\n', "events[1] (degrade).endpoint: there is no 'tow'"),
        ('[[events]]\nkind = "degrade"\nendpoint = "one"\nday = 30\n', "the world ends after 20 days"),
        ('[[events]]\nkind = "degrade"\nendpoint = "one"\nday = 5\nuntil = 4\n', "not after day 5"),
        ('[[events]]\nkind = "swap"\nendpoint = "one"\nday = 3\nmodel = "heorn"\n', "did you mean heron?"),
        ('[[events]]\nkind = "lock"\nendpoint = "one"\nday = 3\nmode = "silent"\ntopic = "biologie"\n', "did you mean biology?"),
        ('[[events]]\nkind = "degrade"\nendpoint = "one"\nday = 3\nfamilies = ["maths"]\n', "events[1].families"),
        ('[[events]]\nkind = "degrade"\nendpoint = "one"\nday = 3\ndrop = 1.5\n', "drop"),
        ("[noise]\nautocorrelation = 1.0\n", "noise.autocorrelation"),
        ("[noise]\nday_sd = nan\n", "noise.day_sd"),
        ("colour = 3\n[noise]\nsd = 1\n", "noise.sd"),
    ],
)  # fmt: skip
def test_a_mistake_names_file_and_key(tmp_path: Path, more: str, told: str) -> None:
    """Whatever is wrong in a world is told with its place, before anything is lived."""
    with pytest.raises(ConfigError) as caught:
        world_of(tmp_path, more)
    assert any("w.toml" in line and told in line for line in caught.value.mistakes), caught.value.mistakes


def test_a_world_that_is_not_there_lists_those_that_are(tmp_path: Path) -> None:
    """A name that no world has is answered with the names there are."""
    with pytest.raises(ConfigError, match="quiet-year"):
        world_path("loud-year")


def test_an_event_holds_from_its_day_to_its_end(tmp_path: Path) -> None:
    """A swap is in force from its moment until the moment it ends, and not before or after."""
    world = world_of(
        tmp_path, '[[events]]\nkind = "swap"\nendpoint = "one"\nday = 5.5\nuntil = 9\nmodel = "wren"\n'
    )
    names = [state(world, "one", day).model_name for day in (5.4, 5.5, 8.9, 9.0)]
    assert names == ["heron", "wren", "wren", "heron"]
    assert [each.event for each in planted(world)] == ["swap", "swap ends"]
    assert null_days(world, "one") == 5.5


def test_the_noise_of_days_is_what_the_world_says() -> None:
    """Over many days its standard deviation and its correlation with the day before are those of the file."""
    world = World.model_validate(
        {"title": "x", "days": 5000, "models": {"m": {}}, "endpoints": {"e": {"model": "m"}, "f": {"model": "m"}},
         "suites": {"topic-pairs": {}}, "noise": {"day_sd": 0.3, "autocorrelation": 0.5}}
    )  # fmt: skip
    effects = day_effects(world, "e")
    mean = sum(effects) / len(effects)
    variance = sum((each - mean) ** 2 for each in effects) / len(effects)
    lagged = sum((a - mean) * (b - mean) for a, b in pairwise(effects)) / len(effects)
    assert abs(variance**0.5 - 0.3) < 0.02
    assert abs(lagged / variance - 0.5) < 0.04
    assert day_effects(world, "e") != day_effects(world, "f")
