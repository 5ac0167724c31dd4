"""Ladders: what answers say about the point of one half, where to ask next, and which probes come to one half."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.stats.ladder import (
    LAPSE,
    LadderFit,
    Tally,
    expected_score,
    fit_ladder,
    information,
    next_questions,
)
from harness.stats.near_half import choose
from tests.ladder_simulation import CALLS, PER_FAMILY, calibrate_once

RUNGS = (1, 2, 3, 4, 5)


def tallies(*counts: tuple[int, float]) -> list[Tally]:
    return [Tally(asked, right) for asked, right in counts]


def fit(*counts: tuple[int, float]) -> LadderFit:
    return fit_ladder(RUNGS, tallies(*counts))


NONE = ((0, 0.0),) * 5


def test_without_answers_the_middle_and_the_widest_interval() -> None:
    """With nothing asked the point is in the middle of the ladder, with an interval wider than the ladder."""
    found = fit(*NONE)
    assert found.point.estimate == pytest.approx(3.0, abs=0.051)
    assert found.point.low is not None
    assert found.point.high is not None
    assert found.point.low < 1
    assert found.point.high > 5
    assert found.pass_rate[2] == pytest.approx(0.5, abs=0.001)


def test_many_answers_pin_the_point_down() -> None:
    """Hundreds of answers from a known curve give its point and rates back."""
    rates = [LAPSE + (1 - 2 * LAPSE) / (1 + np.exp(1.3 * (rung - 2.6))) for rung in RUNGS]
    found = fit(*((400, 400 * rate) for rate in rates))
    assert found.point.estimate == pytest.approx(2.6, abs=0.1)
    assert found.point.width is not None
    assert found.point.width < 0.5
    assert found.pass_rate == pytest.approx(rates, abs=0.03)


def test_rates_fall_from_rung_to_rung_and_lie_in_their_intervals() -> None:
    """Whatever the answers, harder rungs are expected to be answered less well, and estimates lie in their intervals."""
    rng = np.random.default_rng(1)
    for _ in range(50):
        asked = rng.integers(0, 6, 5)
        found = fit(*((int(n), float(rng.integers(0, n + 1))) for n in asked))
        assert list(found.pass_rate) == sorted(found.pass_rate, reverse=True)
        for low, rate, high in zip(found.pass_low, found.pass_rate, found.pass_high, strict=True):
            assert 0 < low <= rate <= high < 1


def test_a_better_answer_never_lowers_the_point() -> None:
    """One wrong answer turned right moves the point up."""
    worse, better = fit((0, 0), (4, 2), (4, 1), (0, 0), (0, 0)), fit((0, 0), (4, 2), (4, 2), (0, 0), (0, 0))
    assert (better.point.estimate or 0) > (worse.point.estimate or 0)


@pytest.mark.parametrize(
    ("rungs", "counts"),
    [((2, 1), NONE[:2]), ((1, 1), NONE[:2]), ((), ()), ((1, 2), NONE[:1]), ((1,), ((1, 2.0),))],
)
def test_what_is_no_ladder_is_refused(rungs: tuple[int, ...], counts: tuple[tuple[int, float], ...]) -> None:
    """Rungs out of order or twice, tallies that do not fit them, and more right than asked are mistakes."""
    with pytest.raises(ValueError, match="rung"):
        fit_ladder(rungs, tallies(*counts))


def test_the_next_question_is_where_half_the_answers_are_right() -> None:
    """First the middle; after right answers harder rungs, after wrong ones easier rungs, and never a rung used up."""
    one = {"one": [1] * 5}
    assert next_questions({"one": (RUNGS, tallies(*NONE))}, one, 5) == [("one", 3)]
    up = tallies((0, 0), (0, 0), (3, 3), (0, 0), (0, 0))
    down = tallies((0, 0), (0, 0), (3, 0), (0, 0), (0, 0))
    ((_, above),) = next_questions({"one": (RUNGS, up)}, one, 5)
    ((_, below),) = next_questions({"one": (RUNGS, down)}, one, 5)
    assert above > 3 > below
    assert next_questions({"one": (RUNGS, tallies(*NONE))}, {"one": [1, 1, 0, 1, 1]}, 5)[0][1] in (2, 4)
    assert next_questions({"one": (RUNGS, up)}, {"one": [0] * 5}, 5) == []


def test_a_short_round_goes_to_the_family_known_least() -> None:
    """With fewer calls than families, those asked are the ones from which most is to be learnt."""
    known = tallies((0, 0), (30, 25), (30, 15), (30, 5), (0, 0))
    ladders = {"known": (RUNGS, known), "unknown": (RUNGS, tallies(*NONE))}
    left = {"known": [1] * 5, "unknown": [1] * 5}
    assert [name for name, _ in next_questions(ladders, left, 1)] == ["unknown"]
    assert [name for name, _ in next_questions(ladders, left, 2)] == ["unknown", "known"]
    assert information(RUNGS, known).max() < information(RUNGS, tallies(*NONE)).max()


PLENTY = {"one": dict.fromkeys(RUNGS, 4)}


def test_probes_come_from_the_rungs_nearest_one_half() -> None:
    """Rungs whose expected share is 30-70% are used, the nearest to one half first, as far as the limit goes."""
    found = fit((0, 0), (9, 6), (9, 5), (9, 3), (0, 0))
    choice = choose({"one": found}, PLENTY, 6)["one"]
    assert choice.standing == "near"
    assert choice.counts[3] == 4
    assert sum(choice.counts.values()) == 6
    assert 0.3 <= choice.expected <= 0.7


def test_a_steep_ladder_is_taken_from_both_sides() -> None:
    """Where no rung is near one half, the rungs on both sides of it are taken in equal numbers."""
    found = fit((0, 0), (60, 60), (60, 0), (0, 0), (0, 0))
    choice = choose({"one": found}, PLENTY, 6)["one"]
    assert choice.standing == "between"
    assert choice.counts == {2: 3, 3: 3}
    assert choice.expected == pytest.approx(0.5, abs=0.05)


def test_families_off_the_ladder_are_named_and_taken_only_where_they_balance() -> None:
    """A family that is too easy throughout is taken from its hardest rung if the whole stays near one half, else left."""
    easy, hard = fit(*((6, 6),) * 3, (6, 5), (6, 5)), fit((6, 1), (6, 1), *((6, 0),) * 3)
    half = fit((0, 0), (6, 5), (6, 3), (6, 1), (0, 0))
    both = choose(
        {"easy": easy, "hard": hard, "half": half}, dict.fromkeys(("easy", "hard", "half"), PLENTY["one"]), 4
    )
    assert (both["easy"].standing, both["hard"].standing) == ("too easy", "too hard")
    assert both["easy"].counts == {5: 4}
    assert both["hard"].counts == {1: 4}
    alone = choose({"easy": easy}, {"easy": PLENTY["one"]}, 4)["easy"]
    assert alone.counts == {5: 4}
    useless = fit(*((60, 60),) * 5)
    left = choose({"useless": useless, "half": half}, {"useless": PLENTY["one"], "half": PLENTY["one"]}, 4)[
        "useless"
    ]
    assert left.counts == {}
    assert left.expected > 0.9


def test_a_family_without_probes_is_not_chosen() -> None:
    """Nothing is taken from where nothing is available, and the nearest rung that has some is used instead."""
    found = fit((0, 0), (6, 5), (6, 3), (6, 1), (0, 0))
    assert choose({"one": found}, {"one": {}}, 4) == {}
    assert set(choose({"one": found}, {"one": {1: 4, 5: 4}}, 4)["one"].counts) == {1, 5}


def test_the_expected_score_holds_luck_and_ignorance() -> None:
    """The mean is that of the rates; the interval narrows with more probes and more answers, and needs probes at all."""
    rng = np.random.default_rng(3)
    vague, sharp = (
        fit((0, 0), (2, 2), (2, 1), (2, 0), (0, 0)),
        fit((0, 0), (60, 50), (60, 30), (60, 10), (0, 0)),
    )
    few, many = expected_score([(vague, {3: 4})], rng), expected_score([(vague, {3: 400})], rng)
    known = expected_score([(sharp, {3: 400})], rng)
    assert few.estimate == pytest.approx(vague.pass_rate[2])
    assert (few.width or 0) > (many.width or 0) > (known.width or 0) > 0
    empty = expected_score([], rng)
    assert (empty.estimate, empty.low, empty.insufficient) == (None, None, "no probes")


def test_fits_of_equal_answers_are_equal() -> None:
    """Two fits of the same answers compare equal, whatever the order of asking."""
    assert fit((1, 1), *NONE[1:]) == fit((1, 1), *NONE[1:])
    assert replace(fit(*NONE)) != fit((1, 1), *NONE[1:])


@pytest.mark.parametrize("misfit", [0.0, 0.7])
def test_simulated_calibrations_land_near_one_half(misfit: float) -> None:
    """The point is found, and the probes chosen score 30-70% (60 simulations; docs/statistics.md has 200 for each row).

    Measured there: at least 98% for points on rungs 2 to 5, 92-95% at the ends of the ladder.
    """
    rng = np.random.default_rng(20261122)
    by_ability = {
        ability: [calibrate_once(rng, ability, misfit) for _ in range(10)] for ability in range(1, 7)
    }
    done = [each for results in by_ability.values() for each in results]
    assert {each.calls for each in done} == {CALLS}
    assert all(each.probes <= PER_FAMILY * 10 for each in done)
    inner = [0.3 <= each.score <= 0.7 for ability in (2, 3, 4, 5) for each in by_ability[ability]]
    ends = [0.3 <= each.score <= 0.7 for ability in (1, 6) for each in by_ability[ability]]
    assert np.mean(inner) >= 0.95
    assert np.mean(ends) >= 0.8
    assert np.mean([each.held for each in done]) >= 0.88
    errors = np.concatenate([each.errors for each in done])
    assert np.sqrt(np.mean(errors**2)) < (0.9 if misfit == 0 else 1.05)
    assert abs(errors.mean()) < 0.15
    assert np.mean(np.concatenate([each.covered for each in done])) >= (0.94 if misfit == 0 else 0.9)
