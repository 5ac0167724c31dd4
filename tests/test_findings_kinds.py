"""What kind of change is claimed for what kind of event, from tallies to the finding, on invented models."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from harness.claims import Finding, Kind, Lock, Standing, Tier, Verdict
from harness.findings import InMemory
from harness.records import Probe, utc_text
from tests.findings_worlds import DAY_US, START_US, Share, World, ability, config, load, steady

CHANGE = 24
"""Day of the planted change, from 0."""
DAYS = 42

Change = Callable[[Probe, Share], Share]


def lived(suite: str, change: Change, *, samples: int = 1, days: int = DAYS, seed: int = 1) -> InMemory:
    """Return the streams after a change on day `CHANGE`."""

    def model(endpoint: str, probe: Probe, day: int) -> Share:
        share = steady(endpoint, probe, day)
        return change(probe, share) if day >= CHANGE else share

    return World(config([suite], samples=samples), load([suite]), model, seed).live(days)


def first(memory: InMemory) -> Finding:
    """Return the first finding, after checking what every finding must have."""
    lasting = [
        found for found in memory.findings if found.tier is Tier.PERSISTENT and found.e_value is not None
    ]
    assert lasting
    for found in lasting:
        assert found.verdict is Verdict.CHANGE
        assert found.run_id > CHANGE
        assert "consistent with" in found.headline
        assert found.headline.startswith("Simulated. ")
        assert found.since is not None
        assert found.since.low_us <= START_US + CHANGE * DAY_US <= found.since.high_us
        assert found.e_value is not None
        assert found.threshold is not None
        assert found.e_value >= found.threshold
        assert len({each.explanation for each in found.ruled_out}) == 6
    return lasting[0]


def words_of(found: Finding, explanation: str) -> tuple[str, str]:
    return next((each.result, each.words) for each in found.ruled_out if each.explanation == explanation)


def test_wrong_answers_are_a_change_of_capability() -> None:
    """Right answers that become wrong ones are a loss of capability, with date and size near the planted ones."""
    found = first(lived("capability-quick", lambda _, share: {"right": 0.6 * share["right"]}))
    assert (found.kind, found.direction, found.lock) == (Kind.CAPABILITY, "down", None)
    assert found.effect is not None
    assert found.effect.low < -0.27 < found.effect.high
    assert words_of(found, "format")[0] == "ruled out"
    assert words_of(found, "missing-data")[0] == "ruled out"
    assert words_of(found, "reference-endpoint")[0] == "not checked"
    assert all(part.low <= part.after - part.before <= part.high for part in found.parts)


def test_unreadable_answers_are_a_change_of_form_and_never_of_capability() -> None:
    """When replies cannot be read any more, the fallen score is described as a changed form of answers."""
    memory = lived("capability-quick", lambda _, share: {"right": 0.6 * share["right"], "unreadable": 0.4})
    first(memory)
    assert {found.kind for found in memory.findings} == {Kind.FORMAT}
    fallen = [found for found in memory.findings if found.stream.signal == "correct"]
    assert fallen
    assert all("does not show in replies that cannot be read" in found.headline for found in fallen)


def test_refusals_of_everything_are_a_tightening_and_no_lock() -> None:
    """Refusals that rise in both arms alike are a change of refusals; no topic is called locked."""
    memory = lived("topic-pairs", lambda _, share: {"right": 0.5 * share["right"], "declined": 0.5})
    first(memory)
    assert {found.kind for found in memory.findings} == {Kind.REFUSAL}
    refused = next(found for found in memory.findings if found.stream.signal == "refused")
    result, words = words_of(refused, "grader-error")
    assert result == "ruled out"
    assert "measured error taken out" in words


@pytest.mark.parametrize("lock", list(Lock))
def test_a_lock_is_told_by_its_manner(lock: Lock) -> None:
    """A topic that fares worse in its own words than in neutral ones is locked, in the manner it was planted."""

    def locked(probe: Probe, share: Share) -> Share:
        if probe.topic != "biology" or probe.arm != "topic":
            return share
        share = {"right": 0.2 * share["right"]}
        if lock is Lock.EXPLICIT:
            share["declined"] = 0.8
        return share | ({"noticed": 1.0} if lock is Lock.ANNOUNCED else {})

    memory = lived("topic-pairs", locked, samples=2)
    first(memory)
    told = [found for found in memory.findings if found.e_value is None]
    # A notice is the provider's own word: it is told in the first run that carries it, and nothing else is.
    wanted = [("notice", "biology", lock, CHANGE + 1)] if lock is Lock.ANNOUNCED else []
    assert [(each.stream.signal, each.stream.topic, each.lock, each.run_id) for each in told] == wanted
    locks = [found for found in memory.findings if found.kind is Kind.TOPIC_LOCK and found not in told]
    assert [(found.stream.topic, found.lock, found.direction) for found in locks] == [
        ("biology", lock, "down")
    ]
    assert words_of(locks[0], "control-arm")[0] == "ruled out"
    assert words_of(locks[0], "common-mode")[0] == "ruled out"


def test_a_gap_that_moves_on_every_topic_is_no_lock() -> None:
    """When all topics fare worse in their words at once, no single topic is called locked."""

    def framed(probe: Probe, share: Share) -> Share:
        return {"right": 0.3 * share["right"]} if probe.arm == "topic" else share

    memory = lived("topic-pairs", framed, samples=2)
    first(memory)
    assert Kind.TOPIC_LOCK not in {found.kind for found in memory.findings}


def test_a_flipped_default_answer_is_not_called_a_lost_skill() -> None:
    """When yes/no questions are all answered no, the finding says that a default answer changed."""
    suite = yes_no()

    def model(endpoint: str, probe: Probe, day: int) -> Share:
        del endpoint
        yes = probe.target[0] == "yes"
        return {"right": (0.95 if yes else 0.7) if day < CHANGE else (0.05 if yes else 0.98)}

    memory = World(config(["yes-no"]), {"yes-no": suite}, model).live(DAYS)
    found = first(memory)
    assert found.kind is Kind.CAPABILITY
    assert "changed default answer, not with a lost skill" in found.headline
    assert any("default answer flipped" in caveat for caveat in found.caveats)


def yes_no():  # type: ignore[no-untyped-def]
    """Return a suite of sixty yes/no questions, two thirds of them with the answer yes."""
    from dataclasses import replace

    suite = load(["capability-quick"])["capability-quick"]
    fixed = [probe for probe in suite.probes if not probe.fresh]
    probes = tuple(
        replace(
            fixed[0], id=f"q{place}", family="prime", grader="choice", target=("yes",) if place % 3 else ("no",),
            template=None, anchor=True,
        )
        for place in range(60)
    )  # fmt: skip
    return replace(suite, name="yes-no", probes=probes, families=("prime",))


def test_fixed_questions_that_fare_better_than_fresh_ones_are_treated_specially() -> None:
    """A model that got the fixed questions right by heart, and the fresh ones no better, is told apart."""

    def by_heart(probe: Probe, share: Share) -> Share:
        return {"right": 1.0} if probe.anchor else share

    memory = lived("capability-quick", by_heart, samples=2, days=48)
    first(memory)
    special = [found for found in memory.findings if found.kind is Kind.SPECIAL_TREATMENT]
    assert special
    assert special[0].direction == "up"


def test_another_model_behind_the_name_is_found_by_its_answers_on_the_brink() -> None:
    """Answers to near-tie prompts that move away from the frozen reference are a change of identity."""
    world = World(config(["identity"], samples=3), load(["identity"]), lambda *_: {"right": 1.0})
    rng = world.rng

    def said(endpoint: str, probe: Probe, day: int) -> str:
        del endpoint, probe
        return "heads" if rng.random() < (0.55 if day < CHANGE else 0.25) else "tails"

    world.answers = said
    memory = world.live(DAYS)
    found = first(memory)
    assert (found.kind, found.stream.signal, found.direction) == (Kind.IDENTITY, "identity", "up")


def test_facts_are_told_at_once_and_once() -> None:
    """Another served name, other token counts and denied access are findings of the very run, without an e-value."""
    world = World(
        config(["identity"]), load(["identity"]), lambda _, __, day: {"denied": 1.0 if day == 6 else 0.0}
    )
    memory = InMemory.of(world.config, world.suites)
    for day in range(9):
        world.served = {"one": {"m-2026-02" if day >= 4 else "m-2026-01": 100}}
        run = world.run(day)
        if day >= 5:
            run.table["input_tokens"] += run.table["n"]
        memory.take(run)
    told = [(found.run_id, found.kind, found.stream.signal, found.direction) for found in memory.findings]
    assert told == [
        (5, Kind.IDENTITY, "served-model", None),
        (6, Kind.IDENTITY, "token-counts", None),
        (7, Kind.ACCESS, "access", "down"),
        (8, Kind.ACCESS, "access", "up"),
    ]
    assert all(found.e_value is None for found in memory.findings)


def test_another_reason_for_denied_access_is_told() -> None:
    """A model denied to a region and then withdrawn is told twice; the same reason again is not."""
    world = World(config(["identity"]), load(["identity"]), lambda _, __, day: {"denied": float(day >= 2)})
    memory = InMemory.of(world.config, world.suites)
    for day in range(8):
        reasons = {"one": (("region",) if day < 5 else ("withdrawn",))} if day >= 2 else {}
        memory.take(dataclasses.replace(world.run(day), denied_for=reasons))
    told = [(found.run_id, found.headline) for found in memory.findings if found.kind is Kind.ACCESS]
    assert [run for run, _ in told] == [3, 6]
    assert "another reason since run 6 (withdrawn) than before (region)" in told[1][1]


def test_denied_access_is_no_lost_skill() -> None:
    """Runs without access are missing for every statistical stream."""
    denied: Change = lambda _, __: {"denied": 1.0}  # noqa: E731
    memory = lived("capability-quick", denied, days=36)
    assert {found.kind for found in memory.findings} == {Kind.ACCESS}
    statuses = [
        step.status for _, _, step in memory.steps[next(k for k in memory.steps if "correct" in k[0])]
    ]
    assert set(statuses[CHANGE:]) == {"missing"}


def test_a_reference_endpoint_that_moves_alike_is_named() -> None:
    """A change that the reference endpoint shares is not ruled out to be our own measurement."""

    def both(endpoint: str, probe: Probe, day: int) -> Share:
        share = steady(endpoint, probe, day)
        return {"right": 0.5 * share["right"]} if day >= CHANGE else share

    made = config(["capability-quick"], ["one", "fixed"], reference="fixed")
    memory = World(made, load(["capability-quick"]), both).live(DAYS)
    found = next(each for each in memory.findings if each.stream.endpoint == "one")
    assert words_of(found, "reference-endpoint")[0] == "not ruled out"

    def alone(endpoint: str, probe: Probe, day: int) -> Share:
        return both(endpoint, probe, day) if endpoint == "one" else steady(endpoint, probe, day)

    memory = World(made, load(["capability-quick"]), alone).live(DAYS)
    found = first(memory)
    assert {each.stream.endpoint for each in memory.findings} == {"one"}
    assert words_of(found, "reference-endpoint")[0] == "ruled out"


def test_after_an_alarm_a_stream_begins_again() -> None:
    """One lasting change is found once per stream; changing back is found again."""

    def twice(endpoint: str, probe: Probe, day: int) -> Share:
        share = steady(endpoint, probe, day)
        return {"right": 0.5 * share["right"]} if 20 <= day < 45 else share

    memory = World(config(["capability-quick"]), load(["capability-quick"]), twice).live(70)
    told = [
        found.direction
        for found in memory.findings
        if found.stream.signal == "correct" and found.tier is Tier.PERSISTENT
    ]
    assert told == ["down", "up"]


def test_findings_of_one_change_name_one_another() -> None:
    """A later finding whose date overlaps an earlier one says that it is probably the same change."""
    memory = lived("capability-quick", lambda _, share: {"right": 0.4 * share["right"], "declined": 0.6})
    assert len(memory.findings) >= 2
    assert any(memory.findings[0].id in caveat for caveat in memory.findings[-1].caveats)


# --- incidents ---------------------------------------------------------------------------------------------


def test_a_bad_day_is_an_incident_at_most_and_withdrawn() -> None:
    """One bad day raises an incident and no lasting finding; when the days after are as before it is withdrawn."""

    def bad(endpoint: str, probe: Probe, day: int) -> Share:
        share = steady(endpoint, probe, day)
        return {"right": 0.4 * share["right"]} if day == CHANGE else share

    memory = World(config(["capability-quick"]), load(["capability-quick"]), bad).live(DAYS)
    (found,) = memory.findings
    assert (found.tier, found.kind, found.direction) == (Tier.INCIDENT, Kind.CAPABILITY, "down")
    assert found.run_id == CHANGE + 1
    assert found.standing is Standing.WITHDRAWN
    (event,) = memory.events
    assert (event.finding_id, event.standing) == (found.id, Standing.WITHDRAWN)
    assert "runs after it" in event.words


def test_a_lasting_drop_is_an_incident_first_and_confirmed_later() -> None:
    """A drop that stays is told provisionally within days and confirmed when the persistent tier agrees."""
    memory = lived("capability-quick", lambda _, share: {"right": 0.6 * share["right"]})
    incident = next(found for found in memory.findings if found.tier is Tier.INCIDENT)
    lasting = first(memory)
    assert CHANGE < incident.run_id < lasting.run_id
    assert incident.standing is Standing.CONFIRMED
    assert any(lasting.id in event.words for event in memory.events if event.finding_id == incident.id)
    assert [found.tier for found in memory.findings if found.stream == lasting.stream].count(
        Tier.INCIDENT
    ) == 1


def brink(first_day: int, last_day: int, days: int, other: float = 0.25) -> InMemory:
    """Return the streams of an identity suite whose answers come from another model on some days."""
    world = World(config(["identity"]), load(["identity"]), lambda *_: {"right": 1.0}, 4)
    rng = world.rng

    def said(endpoint: str, probe: Probe, day: int) -> str:
        del endpoint
        usual, moved = ability(probe), ability(probe, 8) < other
        changed = first_day <= day < last_day and moved
        return "heads" if rng.random() < (1 - usual if changed else usual) else "tails"

    world.answers = said
    return world.live(days)


def test_a_visit_of_another_model_is_an_incident_of_identity_that_is_over_afterwards() -> None:
    """Days on which many prompts on the brink are answered otherwise are told while they last, and then as over."""
    memory = brink(30, 34, 48, other=0.7)
    (found,) = memory.findings
    assert (found.tier, found.kind, found.direction) == (Tier.INCIDENT, Kind.IDENTITY, "up")
    assert 30 < found.run_id <= 34
    assert found.effect is not None
    assert found.effect.unit.startswith("mean squared distance")
    assert 0 <= found.effect.low <= found.effect.value <= found.effect.high <= 2
    assert found.since is not None
    assert found.since.low_us <= START_US + 30 * DAY_US <= found.since.high_us
    assert "consistent with another model" in found.headline
    assert "moved away from the reference, by +" in found.headline
    assert "stats.new_levels/" in found.makers
    assert found.standing is Standing.OVER
    (event,) = memory.events
    over = utc_text(START_US + 34 * DAY_US)[:10]
    assert event.words.startswith(f"over since about {over}, after 4 runs: ")


def test_another_model_that_stays_is_an_incident_first_and_confirmed_by_the_distance() -> None:
    """What the fast tier tells of another model the lasting one confirms, in the same direction and unit."""
    memory = brink(30, 99, 60, other=0.7)
    incident = next(found for found in memory.findings if found.tier is Tier.INCIDENT)
    lasting = next(found for found in memory.findings if found.tier is Tier.PERSISTENT)
    assert (incident.direction, lasting.direction) == ("up", "up")
    assert incident.run_id < lasting.run_id
    assert incident.standing is Standing.CONFIRMED


def test_an_unchanged_model_on_the_brink_raises_nothing() -> None:
    """Reference runs that happened to agree are no baseline: answers that fall back to their usual share are no drop."""
    assert brink(99, 99, 60).findings == []


def test_a_drop_of_several_days_is_over_and_not_withdrawn() -> None:
    """Right answers that fall for four days and come back are told as over; one bad day would be withdrawn."""

    def worse(endpoint: str, probe: Probe, day: int) -> Share:
        share = steady(endpoint, probe, day)
        return {"right": 0.4 * share["right"]} if CHANGE <= day < CHANGE + 4 else share

    memory = World(config(["capability-quick"]), load(["capability-quick"]), worse).live(DAYS)
    incident = next(found for found in memory.findings if found.tier is Tier.INCIDENT)
    assert (incident.kind, incident.standing) == (Kind.CAPABILITY, Standing.OVER)
