"""Which streams there are, what each may spend, and that nothing about it changes silently."""

from __future__ import annotations

import json
from math import log

import numpy as np
import pytest

from harness.claims import Tier
from harness.findings import InMemory, Signal, changes, ledger, streams
from harness.findings.alarms import evidence
from harness.findings.state import decode, draw
from harness.stats.normal_scores import start_scores, step_score
from harness.stats.rank_bets import STARTS, bet
from tests.findings_worlds import Share, World, config, load, steady

QUICK = ["capability-quick"]


def test_streams_follow_from_config_and_suites() -> None:
    """Each suite gives the signals it can show, a paired suite one lock a topic; facts need no share."""
    made = streams(config(["capability-quick", "topic-pairs", "refusal-quick", "identity"]), load(
        ["capability-quick", "topic-pairs", "refusal-quick", "identity"]
    ))  # fmt: skip
    names = {stream.name.removeprefix("one/") for stream in made}
    assert names == {
        *(f"capability-quick/{each}" for each in ("correct", "refused", "format", "anchor-minus-fresh")),
        *(f"topic-pairs/{each}" for each in ("correct", "refused", "format")),
        *(f"topic-pairs/lock/topic={topic}" for topic in load(["topic-pairs"])["topic-pairs"].topics),
        *("refusal-quick/refused", "identity/identity", "identity/token-counts", "/access", "/served-model"),
        *(f"{each}/notice" for each in ("capability-quick", "topic-pairs", "refusal-quick", "identity")),
    }
    assert {stream.signal for stream in made if not stream.counted} == {
        Signal.ACCESS, Signal.NOTICE, Signal.SERVED_MODEL, Signal.TOKEN_COUNTS,
    }  # fmt: skip
    assert all(stream.planned > 0 for stream in made if stream.counted)


def test_the_ledger_divides_one_budget_over_everything() -> None:
    """Weights add up to one within each endpoint; the alarm level counts endpoints, runs and alpha."""
    suites = load(["capability-quick", "topic-pairs"])
    made = ledger(config(list(suites), ["one", "two"]), suites, 730)
    for group in ("one", "two"):
        assert sum(
            made.weights[s.name] for s in made.streams if s.counted and s.group == group
        ) == pytest.approx(1)
    assert made.threshold(Tier.PERSISTENT) == 2 * 730 / 0.01
    assert made.threshold(Tier.INCIDENT) == 2 * 730 / 0.05
    assert made.chance(Tier.PERSISTENT, made.threshold(Tier.PERSISTENT)) == pytest.approx(0.01)
    assert json.loads(made.text) == json.loads(ledger(config(list(suites), ["one", "two"]), suites, 730).text)
    assert any("0.01" in line for line in made.words())


def test_every_change_of_the_ledger_is_said() -> None:
    """A changed budget, endpoint, suite or number of samples has words of its own."""
    suites = load(["capability-quick", "topic-pairs"])
    before = ledger(config(list(suites)), suites)
    for after, words in (
        (ledger(config(list(suites), alpha=0.02), suites), "alpha 0.01 -> 0.02"),
        (ledger(config(list(suites), ["one", "two"]), suites), "endpoint two added"),
        (ledger(config(["topic-pairs"]), suites), "suite capability-quick removed"),
        (ledger(config(list(suites), samples=2), suites), "suite topic-pairs: samples changed"),
        (ledger(config(list(suites), coverage_min=0.5), suites), "[findings]: coverage_min changed"),
        (ledger(config(list(suites)), suites, 1000), "planned runs 365 -> 1000"),
    ):
        assert before.hash != after.hash
        assert words in changes(before.text, after.text)


def test_a_definition_changes_with_what_makes_numbers_comparable() -> None:
    """Another sampling setting makes other streams of the same name; another budget does not."""
    suites = load(QUICK)
    made = config(QUICK)
    hotter = made.model_copy(
        update={
            "endpoints": {"one": made.endpoints["one"].model_copy(update={"parameters": {"temperature": 1}})}
        }
    )
    one, two, three = (streams(each, suites) for each in (made, hotter, config(QUICK, alpha=0.05)))
    assert [s.name for s in one] == [s.name for s in two]
    assert all(a.definition != b.definition for a, b in zip(one, two, strict=True))
    assert one == three


def test_a_run_of_which_too_little_was_measured_is_missing() -> None:
    """Low coverage makes no step: the state stays, the run is told as missing, and nothing is imputed."""

    def patchy(endpoint: str, probe: object, day: int) -> Share:
        return {"right": 0.7, "failed": 0.3} if day == 9 else {"right": 1.0}

    memory = World(config(QUICK), load(QUICK), patchy).live(12)
    key = next(key for key in memory.steps if key[0].endswith("/correct"))
    statuses = [step.status for _, _, step in memory.steps[key]]
    assert statuses[9] == "missing"
    assert "missing" not in statuses[:9] + statuses[10:]
    assert memory.states[key].engine is not None
    assert memory.states[key].engine.runs == 11


def test_a_new_period_sets_evidence_back_and_keeps_history() -> None:
    """In another period of the ledger the sums start from nothing, and ranks go on."""
    world = World(config(QUICK), load(QUICK), steady)
    memory = world.live(20)
    total, shares = evidence("one", memory.states, memory.ledger, memory.period)
    assert shares
    assert evidence("one", memory.states, memory.ledger, 2) == (-np.inf, [])
    memory.period = 2
    memory.take(world.run(20))
    key = shares[0][1].name, shares[0][1].definition
    assert memory.states[key].engine is not None
    assert memory.states[key].engine.runs == 21
    assert len(memory.states[key].engine.log_down[0]) == 5
    assert evidence("one", memory.states, memory.ledger, 2)[0] < total + 20


def test_a_state_survives_its_stored_form() -> None:
    """Every stream's state reads back as it was and is written the same again."""
    memory = World(config(["capability-quick", "identity"]), load(["capability-quick", "identity"]), steady)
    memory.answers = lambda *_: "x"
    lived = memory.live(12)
    for state in lived.states.values():
        stored = state.encode()
        assert decode(stored) == state
        assert decode(stored).encode() == stored
        assert len(stored) < 20_000


def test_draws_are_uniform_and_depend_on_run_and_stream() -> None:
    """The number that breaks ties lies within 0..1, repeats for the same run and stream, and differs otherwise."""
    draws = np.array([draw(seed, 1, "a/b/correct") for seed in range(4000)])
    assert draws.min() > 0
    assert draws.max() < 1
    assert abs(draws.mean() - 0.5) < 0.02
    assert draw(1, 1, "a/b/correct") == draws[1]
    assert draw(1, 1, "a/b/refused") != draws[1]
    # The same seed run day after day must not draw the same luck: ties would look like a change.
    assert len({draw(1, run, "a/b/correct") for run in range(200)}) == 200


# --- bets on ranks -----------------------------------------------------------------------------------------


def test_bets_on_ranks_hold_their_level_and_find_clean_changes_sooner() -> None:
    """300 null years at alpha .2 alarm in at most a fifth of them; a clean drop is found three runs sooner."""
    rng = np.random.default_rng(5)
    alarms = 0
    for _ in range(300):
        state, top = None, -np.inf
        # The ranks of exchangeable runs are independent and uniform: that is all the bets see.
        for run, p in enumerate(rng.random(93), 8):
            state = bet(state, run, [p])
            top = max(top, *state.log_evidence)
        alarms += top >= log(2 * 93 / 0.2)
    assert alarms <= 300 * 0.2
    delays: list[tuple[int, int]] = []
    for _ in range(15):
        scores, bets, found = start_scores(), None, {}
        for run, score in enumerate([*rng.normal(size=30), *(rng.normal(size=30) - 5)], 1):
            scores, step = step_score(scores, score, float(rng.random()))
            if step.counted:
                bets = bet(bets, step.run, step.p)
                for name, value in (("normal", step.log_e_down), ("ranks", bets.log_evidence[0])):
                    if value >= log(500_000):
                        found.setdefault(name, run - 30)
        delays.append((found.get("normal", 99), found.get("ranks", 99)))
    normal, ranks = np.median(delays, axis=0)
    assert ranks <= 8
    assert normal - ranks >= 3


def test_bets_refuse_what_they_cannot_follow() -> None:
    """A p out of range, or a run that does not follow, is a mistake of the caller; old dates are dropped."""
    with pytest.raises(ValueError, match="within 0"):
        bet(None, 8, [1.5])
    state = bet(None, 8, [0.5])
    with pytest.raises(ValueError, match="does not follow"):
        bet(state, 10, [0.5])
    for run in range(9, 9 + 2 * STARTS):
        state = bet(state, run, [0.5])
    assert state.sums(up=False).shape == (1, 3, STARTS)


def test_null_worlds_raise_nothing() -> None:
    """Forty days of a steady model, a noisy one and one of near-certain answers give no finding."""

    def noisy(endpoint: str, probe: object, day: int) -> Share:
        bad = np.random.default_rng(day).random() < 0.1
        return {"right": 0.4 if bad else 0.8}

    for model in (steady, noisy, lambda *_: {"right": 0.999}):
        memory: InMemory = World(config(QUICK), load(QUICK), model).live(40)
        assert memory.findings == []
