"""Locks between two snapshots, end to end: real runs against the simulated provider on loopback, then `compare`."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json

import pytest

pytest.importorskip("starlette", reason="the rehearsal extra is not installed")

from harness.cli import run as cli
from harness.rehearsal.life import live
from harness.rehearsal.reading import load_suites, load_world
from harness.runner import Stop

HEAD = """
title = "ways to lock"
days = 2
start = 2026-03-01
[noise]
day_sd = 0.0
[models.heron]
[suites.topic-lock]
languages = ["en"]
topics = ["frontier-ai", "cooking"]
families = ["logic", "word-problem"]
"""
EVENT = '[[events]]\nendpoint = "{0}"\nday = 1\n{1}\n'
LOCK = 'kind = "lock"\ntopic = "frontier-ai"\n'
PROTOCOLS = {
    **dict.fromkeys(("announced", "courteous", "everywhere"), "anthropic-messages"),
    "blocked": "openai-responses",
}
EVENTS = {
    "announced": [LOCK + 'mode = "fallback"\ndrop = 0.95'],
    "courteous": [LOCK + 'mode = "fallback"\ndrop = 0.0'],
    "everywhere": [
        f'kind = "lock"\nmode = "fallback"\ndrop = 0.0\ntopic = "{t}"' for t in ("frontier-ai", "cooking")
    ],
    "silent": [LOCK + 'mode = "silent"\ndrop = 0.95'],
    "refuses": [LOCK + 'mode = "refuse"'],
    "blocked": [LOCK + 'mode = "block"'],
    "fades": ['kind = "degrade"\ndrop = 0.4'],
}


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict]]:
    """What `harness compare` names of two days, by endpoint: on the second each provider does what it is called."""
    folder = tmp_path_factory.mktemp("locks")
    path = folder / "world.toml"
    endpoints = "".join(
        f'[endpoints.{name}]\nmodel = "heron"\nprotocol = "{PROTOCOLS.get(name, "openai-chat")}"\n'
        for name in EVENTS
    )
    events = "".join(EVENT.format(name, each) for name, several in EVENTS.items() for each in several)
    path.write_text(HEAD + endpoints + events, encoding="utf-8")
    world = load_world(path)
    asyncio.run(live(world, load_suites(world, folder, path), folder / "h.db", stop=Stop()))
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        assert cli(["compare", "1", "2", "--db", str(folder / "h.db"), "--json"]) == 0
    found: dict[str, list[dict]] = {name: [] for name in EVENTS}
    for each in json.loads(printed.getvalue())["changes"]:
        found[each["endpoint"]].append(each)
    return found


def locks(changes: list[dict]) -> list[tuple[str, list[str]]]:
    """The locks among changes: how, and on which topics."""
    return [(each["lock"], each["topics"]) for each in changes if each["kind"] == "topic-lock"]


@pytest.mark.parametrize(
    ("endpoint", "manner"),
    [("announced", "announced"), ("silent", "silent"), ("refuses", "explicit"), ("blocked", "explicit")],
)
def test_each_way_to_lock_is_called_what_it_is(named, endpoint, manner) -> None:
    """A weaker model with a notice, worse answers without one, refusals in prose and in the provider's own field."""
    assert locks(named[endpoint]) == [(manner, ["frontier-ai"])]
    (found,) = (each for each in named[endpoint] if each["kind"] == "topic-lock")
    assert found["reading"] == "topic-lock"
    assert found["effect"]["high"] < -0.3
    assert "consistent with a lock on this topic" in found["sentence"]
    assert "the same tasks in neutral words" in found["sentence"]


def test_a_hand_over_that_costs_nothing_is_still_announced(named) -> None:
    """Notices on one topic and not on its twins are read off, whatever the answers are worth; on all, no lock."""
    assert locks(named["courteous"]) == [("announced", ["frontier-ai"])]
    (found,) = (each for each in named["courteous"] if each["kind"] == "topic-lock")
    assert found["effect"] is None
    assert locks(named["everywhere"]) == [("announced", ["cooking", "frontier-ai"])]


def test_a_common_shift_is_no_lock(named) -> None:
    """Two fifths of right answers lost on every topic and in every wording: a loss, whose topics moved alike."""
    assert locks(named["fades"]) == []
    assert [each["reading"] for each in named["fades"]] == ["capability loss"]


def test_refusals_in_prose_are_corrected_and_those_by_a_field_are_not(named) -> None:
    """Half of a topic's pairs declined: as read, and with the detector's error taken out; a field needs no detector."""
    (prose,) = (each["refusals"] for each in named["refuses"] if each["kind"] == "topic-lock")
    assert prose["raw"]["after"] == pytest.approx(0.25, abs=0.02)
    assert prose["corrected"]["after"] != prose["raw"]["after"]
    assert prose["corrected"]["difference"]["method"] == "rogan-gladen"
    (field,) = (each for each in named["blocked"] if each["kind"] == "topic-lock")
    assert {each["explanation"]: each["result"] for each in field["ruled_out"]}["grader-error"] == "ruled out"
