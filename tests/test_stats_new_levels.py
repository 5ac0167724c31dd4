"""EB-NL: step and batch alike, a fair game, a bounded state, quick on visits, and honest about shared answers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import betaln

from harness.stats import (
    NARROW,
    DayEffectSettings,
    NewLevelsState,
    NewLevelsStep,
    day_effect_paths,
    new_levels_from_bytes,
    new_levels_paths,
    new_levels_to_bytes,
    restart_new_levels,
    start_new_levels,
    step_new_levels,
)
from harness.stats.new_levels import SHARE, WINDOW, predicted

BURN_IN = DayEffectSettings().burn_in


def stepped(right: np.ndarray, trials: np.ndarray) -> tuple[NewLevelsState, list[NewLevelsStep]]:
    """Return the state after a history (runs, probes), and what each run did."""
    state, steps = start_new_levels(right.shape[1]), []
    for x, r in zip(right, trials, strict=True):
        state, step = step_new_levels(state, x, r)
        steps.append(step)
    return state, steps


def visited(rng: np.random.Generator, runs: int, first: int) -> np.ndarray:
    """Return agreement of forty prompts, of which a third have another level from a run on."""
    before = rng.beta(2, 0.5, 40)
    after = np.where(rng.random(40) < 0.33, rng.random(40), before)
    chance = np.where((np.arange(runs) >= first)[:, None], after, before)
    return (rng.random((runs, 40)) < chance).astype(float)


def test_one_run_at_a_time_gives_what_a_batch_gives() -> None:
    """The step by step state and the batch agree run by run, with missing prompts and shares of answers."""
    rng = np.random.default_rng(3)
    right = visited(rng, 45, 30)
    trials = (rng.random(right.shape) < 0.9).astype(int)
    right = np.where(rng.random(right.shape) < 0.1, 0.5, right) * trials
    _, steps = stepped(right, trials)
    batch = new_levels_paths(right[None], trials[None])[0]
    assert [step.counted for step in steps] == [run >= BURN_IN for run in range(45)]
    assert [step.log_e for step in steps] == pytest.approx(batch.tolist())


def test_a_prompts_prediction_is_that_of_its_mixture() -> None:
    """With s of n since the change, the predicted chance is the ratio of the mixture's marginals, to nine digits."""
    for h, n, q in ((0, 0, 0.9), (0, 3, 0.9), (2, 5, 0.2), (7, 7, 0.97)):
        old = q**h * (1 - q) ** (n - h)
        new = np.exp(betaln(0.5 + h, 0.5 + n - h) - betaln(0.5, 0.5))
        more = np.exp(betaln(1.5 + h, 0.5 + n - h) - betaln(0.5, 0.5))
        whole = (1 - SHARE) * old + SHARE * new
        wanted = ((1 - SHARE) * old * q + SHARE * more) / whole
        found = predicted(np.array(float(h)), np.array(float(n)), np.array(q), np.array(q))
        assert float(found) == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize("answers", [1, 3])
def test_evidence_is_a_fair_game(answers: int) -> None:
    """While nothing changes the mean ratio of one first run is 1, and below it for shares of several answers."""
    rng = np.random.default_rng(5)
    chances = rng.beta(2, 0.5, (4_000, 1, 12))
    right = rng.binomial(answers, np.repeat(chances, BURN_IN + 1, axis=1)) / answers
    log_e = new_levels_paths(right, 1, DayEffectSettings(prior=(2.0, 0.5), spreads=NARROW))[:, -1]
    e = np.exp(log_e)
    assert e.mean() <= 1 + 4 * e.std() / np.sqrt(e.size)
    if answers == 1:
        assert e.mean() == pytest.approx(1, abs=4 * e.std() / np.sqrt(e.size))


def test_a_visit_of_a_few_runs_is_found_where_common_drops_are_too_slow() -> None:
    """Five runs with other levels in a third of the prompts are found far more often than by drops in common."""
    rng = np.random.default_rng(8)
    right = np.stack([visited(rng, 45, 40) for _ in range(60)])
    bar = np.log(365 / 0.02)
    quick = (new_levels_paths(right, 1)[:, 40:] >= bar).any(1).mean()
    slow = (day_effect_paths(right, 1).log_e[:, 40:] >= bar).any(1).mean()
    assert quick >= 0.6
    assert slow <= quick - 0.2


def test_the_way_answers_moved_is_told() -> None:
    """Fewer agreeing answers weigh down, more of them up."""
    rng = np.random.default_rng(9)
    low, high = ((rng.random((40, 40)) < chance).astype(float) for chance in (0.2, 0.9))
    trials = np.ones((50, 40), dtype=int)
    for before, after, way in ((high, low, "down"), (low, high, "up")):
        _, steps = stepped(np.concatenate([before, after[:10]]), trials)
        assert (steps[-1].log_down > steps[-1].log_up) == (way == "down")
        assert steps[-1].log_e > 20


def test_the_state_is_bounded_survives_storage_and_begins_again() -> None:
    """After a year the state is a few kB, equal once decoded, and a restart keeps what is known of the prompts."""
    rng = np.random.default_rng(10)
    right = visited(rng, 365, 400)
    state, _ = stepped(right, np.ones(right.shape, dtype=int))
    stored = new_levels_to_bytes(state)
    assert len(stored) < 4_000
    assert new_levels_from_bytes(stored) == state
    assert len(state.latest) == len(state.log_e) == WINDOW
    again = restart_new_levels(state)
    assert (again.log_e, again.right) == ((), state.right)
    _, step = step_new_levels(again, right[0], np.ones(40, dtype=int))
    assert step.counted
    assert step.log_e < 5


def test_damaged_states_and_bad_input_are_refused() -> None:
    """No probes, tallies out of range and damaged bytes are errors that say so."""
    with pytest.raises(ValueError, match="at least one probe"):
        start_new_levels(0)
    with pytest.raises(ValueError, match="successes within"):
        new_levels_paths(np.full((1, 9, 3), 2), 1)
    state, _ = stepped(np.ones((9, 3)), np.ones((9, 3), dtype=int))
    stored = new_levels_to_bytes(state)
    with pytest.raises(ValueError, match="damaged state of EB-NL"):
        new_levels_from_bytes(stored[:-9] + b"123456789")
