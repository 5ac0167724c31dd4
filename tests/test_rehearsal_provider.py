"""The simulated provider's mind: as able as its world says, locked where its world says, and plausible to the graders."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from statistics import fmean

import pytest

pytest.importorskip("starlette", reason="the rehearsal extra is not installed")

from harness.graders import grade, refusal
from harness.records import Probe
from harness.rehearsal import phrasing
from harness.rehearsal.ability import chance_right, truth
from harness.rehearsal.provider import Provider
from harness.rehearsal.script import Asked, Kind, Scripted
from harness.rehearsal.state import state
from harness.rehearsal.world import World
from harness.suites import Suite, load_suite
from probes._make.writing import FOLDER

PAIRS = load_suite(FOLDER / "topic-pairs")
LOCK_TOPIC = "biology"


def world(*events: dict[str, object], **model: object) -> World:
    return World.model_validate(
        {"title": "x", "days": 40, "models": {"m": model, "n": {"ability": -1.0}}, "endpoints": {"e": {"model": "m"}},
         "suites": {"topic-pairs": {}}, "noise": {"day_sd": 0.0, "busy": 0.0, "errors": 0.0},
         "events": [{"endpoint": "e", **event} for event in events]}
    )  # fmt: skip


def replies(made: World, suite: Suite, day: float, times: int = 1) -> list[tuple[Probe, Scripted]]:
    mind = Provider(made, "e")
    mind.teach([suite])
    found = []
    for run in range(times):
        mind.begin_run(run, day)
        found += [(probe, mind(Asked("openai-chat", "m", probe.messages, seed=1))) for probe in suite.probes]
    return found


def right(probe: Probe, reply: Scripted) -> bool:
    return (
        reply.kind is Kind.ANSWER
        and grade(probe.grader, reply.text, probe.target, probe.options).score == 1.0
    )


def test_answers_are_right_as_often_as_the_world_says() -> None:
    """Over many runs the share right, as the graders see it, is the mean of the chances."""
    made = world(ability=0.5)
    wanted = fmean(truth(made, state(made, "e", 1), PAIRS, probe)[0] for probe in PAIRS.probes)
    got = fmean(right(*each) for each in replies(made, PAIRS, 1, times=60))
    assert abs(got - wanted) < 0.03  # standard error about .006


def test_twins_are_equally_hard() -> None:
    """Both arms of a pair have the same chance: no lock, no difference."""
    made = world()
    now = state(made, "e", 1)
    chances: dict[str, set[float]] = {}
    for probe in PAIRS.probes:
        chances.setdefault(str(probe.pair), set()).add(chance_right(made, now, PAIRS, probe))
    assert all(len(values) == 1 for values in chances.values())


@pytest.mark.parametrize("mode", ["refuse", "block", "fallback", "silent"])
def test_a_lock_touches_its_topic_alone(mode: str) -> None:
    """Only the watched arm of the locked topic is treated differently, in the manner the world says."""
    made = world(
        {"kind": "lock", "day": 5, "topic": LOCK_TOPIC, "mode": mode, "drop": 1.0}, always=1.0, refuses=0.0
    )
    before = {probe.id for probe, reply in replies(made, PAIRS, 4) if not right(probe, reply)}
    after = {probe.id: reply for probe, reply in replies(made, PAIRS, 6) if not right(probe, reply)}
    caught = {probe.id for probe in PAIRS.probes if probe.topic == LOCK_TOPIC and probe.arm == PAIRS.arms[0]}
    assert len(before) <= 2  # what a model always gets right has a chance of .998
    assert caught <= after.keys()
    assert len(after.keys() - caught) <= 2
    sample = after[min(caught)]
    assert (sample.kind is Kind.REFUSAL) == (mode == "block")
    assert sample.announce_fallback == (mode == "fallback")
    assert (refusal.detect(sample.text).degree is not None) == (mode == "refuse")


def test_a_lock_can_begin_at_a_depth() -> None:
    """Requests that only mention the topic pass a lock that wants depth."""
    made = world({"kind": "lock", "day": 0, "topic": LOCK_TOPIC, "mode": "block", "from_depth": 1})
    blocked = {probe.depth for probe, reply in replies(made, PAIRS, 1) if reply.kind is Kind.REFUSAL}
    depths = {probe.depth for probe in PAIRS.probes if probe.topic == LOCK_TOPIC}
    assert blocked == {depth for depth in depths if depth}


def test_the_same_life_gives_the_same_replies() -> None:
    """Everything drawn follows from the seed; another seed draws something else."""
    made = world()
    texts = [[reply.text for _, reply in replies(each, PAIRS, 3)] for each in (made, made)]
    other = made.model_copy(update={"seed": 2})
    assert texts[0] == texts[1] != [reply.text for _, reply in replies(other, PAIRS, 3)]


@pytest.mark.parametrize("language", ["en", "zh", "es", "fr", "de"])
def test_prose_reads_as_what_it_is(language: str) -> None:
    """Every refusal it can utter is one to the detector, and no help is."""
    rng = Random(1)
    said = {phrasing.declined(language, rng) for _ in range(200)}
    helped = {phrasing.helped(language, rng) for _ in range(200)}
    assert len(said) >= 3
    assert all(refusal.detect(text).degree == "full" for text in said)
    assert all(refusal.detect(text).degree is None for text in helped)


@pytest.mark.parametrize("name", ["capability-quick", "topic-pairs", "yes-no", "who-asks", "even-handedness"])
def test_right_and_wrong_answers_are_what_the_graders_say(name: str) -> None:
    """For every probe of these suites a right and a wrong answer exist, in every dress that the probe allows."""
    suite = load_suite(FOLDER / name)
    for probe in suite.probes:
        if probe.grader in ("refusal", "tool_call"):
            continue
        answers = phrasing.Answers(probe, suite.probes[:40])
        rng = Random(probe.id)
        for wanted in (True, False):
            text, _ = answers.text(wanted, "sentence", rng)
            assert grade(probe.grader, text, probe.target, probe.options).score == float(wanted), (
                probe.id,
                text,
            )


def test_coarser_weights_shift_the_near_ties() -> None:
    """The first tokens of near ties differ from the reference under coarser weights, and only then."""
    whole = load_suite(FOLDER / "identity")
    ties = tuple(probe for probe in whole.probes if probe.family == "near-tie")
    suite = replace(whole, probes=ties)
    made = world({"kind": "quantise", "day": 5, "amount": 1.0})

    def shares(day: float, run: int) -> dict[tuple[str, str], float]:
        mind = Provider(made, "e")
        mind.teach([suite])
        found: dict[tuple[str, str], float] = {}
        for number in range(30):
            mind.begin_run(run + number, day)
            for probe in ties:
                text = mind(Asked("openai-chat", "m", probe.messages, seed=1)).text
                found[probe.id, text] = found.get((probe.id, text), 0.0) + 1 / 30
        return found

    def distance(one: dict[tuple[str, str], float], other: dict[tuple[str, str], float]) -> float:
        return sum((one.get(key, 0.0) - other.get(key, 0.0)) ** 2 for key in one.keys() | other.keys())

    reference = shares(1, 0)
    assert distance(shares(6, 100), reference) > 3 * distance(shares(2, 100), reference)
