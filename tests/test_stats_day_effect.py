"""EB-DE: its integrals against quadrature, step and batch alike, a bounded state, and what it is (not) good for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate
from scipy import stats as scipy_stats
from scipy.special import expit, logit

from harness.stats import (
    CONTAMINATED,
    DayEffect,
    DayEffectSettings,
    DayEffectState,
    DayEffectStep,
    day_effect_from_bytes,
    day_effect_paths,
    day_effect_to_bytes,
    fit_prior,
    restart_day_effect,
    start_day_effect,
    step_day_effect,
)
from harness.stats.day_effect import day_nodes, dense_step, sparse_step, sparse_sum
from harness.stats.worlds import QUIET, World, draw_years
from harness.stats.worlds import Change as Shift

ALARM = np.log(365 / 0.01)
SETTINGS = [
    DayEffectSettings(),
    DayEffectSettings(effects=CONTAMINATED),
    DayEffectSettings(direction="up", window=9),
]


def stepped(
    right: np.ndarray, trials: np.ndarray, fixed: DayEffectSettings
) -> tuple[DayEffectState, list[DayEffectStep]]:
    """Return the state after a history (runs, probes), and what each run did."""
    state, steps = start_day_effect(right.shape[1], fixed), []
    for x, r in zip(right, trials, strict=True):
        state, step = step_day_effect(state, x, r)
        steps.append(step)
    return state, steps


@pytest.mark.parametrize(
    "effects", [(DayEffect(1.0, 0.25),), (DayEffect(0.9, 0.25), DayEffect(0.1, 0.8, 31))]
)
@pytest.mark.parametrize("answers", [1, 3])
def test_ratios_agree_with_numerical_integration(effects: tuple[DayEffect, ...], answers: int) -> None:
    """Ratios and the day's posterior mean equal scipy's quadrature of binomials over the effect's density."""
    rng = np.random.default_rng(1)
    q = rng.uniform(0.2, 0.95, 20)
    r = np.where(np.arange(20) == 3, 0, np.where(np.arange(20) == 4, 2 * answers - 1, answers)).astype(float)
    x = rng.binomial(r.astype(int), q * 0.8).astype(float)
    fixed = DayEffectSettings(effects=effects, losses=(0.12,), shifts=(0.6,))
    ratios, day = dense_step(x[None], r[None], q[None], fixed, day_nodes(effects))

    def whole(chance: np.ndarray, moment: int = 0) -> float:
        def part(z: float) -> float:
            prior = sum(e.weight * scipy_stats.norm.pdf(z, scale=e.sd) for e in effects)
            return float(
                z**moment * prior * scipy_stats.binom.pmf(x, r, expit(logit(chance) + z)).prod() * 1e9
            )

        return float(integrate.quad(part, -4, 4, limit=300, points=[-0.5, 0.0, 0.5])[0])

    null = whole(q)
    expected = [np.log(whole(q * 0.88) / null), np.log(whole(expit(logit(q) - 0.6)) / null)]
    assert ratios[0] == pytest.approx(expected, abs=1e-3)
    assert day[0] == pytest.approx(whole(q, 1) / null, abs=1e-3)


def test_ratios_have_mean_one_when_nothing_changed() -> None:
    """With known chances and a day's effect from the prior, the mean ratio over 15,000 runs is 1 within four errors."""
    rng = np.random.default_rng(2)
    q = np.tile(rng.uniform(0.3, 0.9, 10), (15_000, 1))
    x = (rng.random(q.shape) < expit(logit(q) + 0.25 * rng.standard_normal((len(q), 1)))).astype(float)
    ratios = np.exp(
        dense_step(x, np.ones_like(x), q, DayEffectSettings(), day_nodes((DayEffect(1.0, 0.25),)))[0]
    )
    assert (np.abs(ratios.mean(0) - 1) < 4 * ratios.std(0) / np.sqrt(len(q))).all()


def test_the_sparse_channel_by_hand() -> None:
    """One probe at chance .8 that fails gains ln((1 - .4) / .2); starts are mixed over probes and summed."""
    got = sparse_step(
        np.array([[0.0, 1.0, 0.0]]), np.array([[1.0, 1.0, 0.0]]), np.full((1, 3), 0.8), np.zeros(1), 0.5
    )
    assert got[0] == pytest.approx([np.log(0.6 / 0.2), np.log(0.5), 0.0])
    since = np.log(np.array([[[4.0, 1.0], [2.0, 0.5]]]))
    assert np.exp(sparse_sum(since, 0.1))[0] == pytest.approx(1.3 * 1.0 + 1.1 * 0.95)
    assert np.isfinite(sparse_sum(np.full((1, 2, 3), 5_000.0), 0.1)).all()


def test_the_day_itself_is_taken_out_of_the_sparse_channel() -> None:
    """With a day's drop of 1 on the logit, a failure counts as under the chance lowered by it; a rise is left in."""
    q, x, r = np.full((1, 1), 0.8), np.zeros((1, 1)), np.ones((1, 1))
    lowered = expit(logit(0.8) - 1)
    assert sparse_step(x, r, q, np.array([-1.0]), 0.5)[0, 0] == pytest.approx(
        np.log((1 - lowered / 2) / (1 - lowered))
    )
    assert (
        sparse_step(x, r, q, np.array([1.0]), 0.5)[0, 0] == sparse_step(x, r, q, np.array([0.0]), 0.5)[0, 0]
    )


@pytest.mark.parametrize("fixed", SETTINGS)
@pytest.mark.parametrize("answers", [1, 3])
def test_steps_and_paths_agree(fixed: DayEffectSettings, answers: int) -> None:
    """Run by run and many years at once give the same statistics, with missing probes and a short window."""
    rng = np.random.default_rng(4)
    right = draw_years(QUIET, Shift("uniform", 0.1, 15), rng, years=2, runs=30, probes=20, answers=answers)
    trials = np.where(rng.random(right.shape) < 0.1, 0, answers)
    right = np.minimum(right, trials)
    paths = day_effect_paths(right, trials, fixed)
    for year in range(2):
        _, steps = stepped(right[year], trials[year], fixed)
        assert [s.log_e for s in steps] == pytest.approx(paths.log_e[year].tolist(), abs=1e-9)
        assert [s.log_sparse for s in steps] == pytest.approx(paths.log_sparse[year].tolist(), abs=1e-9)
        assert [s.day for s in steps[7:]] == pytest.approx(paths.day[year, 7:].tolist(), abs=1e-9)
        assert not any(s.counted for s in steps[:7])


@given(st.integers(0, 10_000), st.integers(0, 14), st.integers(1, 9))
@settings(max_examples=25, deadline=None)
def test_states_survive_storage_and_go_on_alike(seed: int, runs: int, probes: int) -> None:
    """A state comes back from bytes as it was, replay leads to the same state, and the next step is the same."""
    rng = np.random.default_rng(seed)
    trials = rng.integers(1, 4, (runs + 1, probes))
    right = rng.binomial(trials, 0.7)
    fixed = DayEffectSettings(window=5)
    state, _ = stepped(right[:-1], trials[:-1], fixed)
    back = day_effect_from_bytes(day_effect_to_bytes(state))
    assert back == state == stepped(right[:-1], trials[:-1], fixed)[0]
    assert step_day_effect(back, right[-1], trials[-1]) == step_day_effect(state, right[-1], trials[-1])


def test_the_state_stops_growing() -> None:
    """After 200 runs of 100 probes it takes under 4 kB, and no more runs of tallies than the window are kept."""
    right = draw_years(QUIET, Shift(), np.random.default_rng(5), years=1, runs=200)[0]
    state, _ = stepped(right, np.ones_like(right), DayEffectSettings())
    assert len(state.days) == 60
    assert len(day_effect_to_bytes(state)) < 4_000


def test_damaged_and_foreign_states_are_refused() -> None:
    """Cut states, flipped bytes and another version raise ValueError and nothing else."""
    right = np.ones((12, 4), dtype=int)
    stored = day_effect_to_bytes(stepped(right, right, DayEffectSettings())[0])
    with pytest.raises(ValueError, match="version 7"):
        day_effect_from_bytes(stored[:4] + b"\x07" + stored[5:])
    for at in range(0, len(stored), 3):
        broken = bytearray(stored)
        broken[at] ^= 0xFF
        for bad in (stored[:at], bytes(broken)):
            with pytest.raises(ValueError, match="EB-DE"):
                day_effect_from_bytes(bad)


def test_a_new_period_forgets_the_evidence_and_keeps_the_probes() -> None:
    """After a restart the predictions go on; the statistic starts from one run's ratio."""
    right = draw_years(QUIET, Shift(), np.random.default_rng(6), years=1, runs=31, probes=30)[0]
    trials = np.ones_like(right)
    state, _ = stepped(right[:30], trials[:30], DayEffectSettings())
    again, step = step_day_effect(restart_day_effect(state), right[30], trials[30])
    assert (again.right, again.prior, len(again.days)) == (
        step_day_effect(state, right[30], trials[30])[0].right,
        state.prior,
        1,
    )
    assert step.log_e < 3


def test_the_prior_is_the_likeliest_of_the_grid() -> None:
    """The fit beats every other grid point in scipy's beta-binomial likelihood, and recovers a planted prior roughly."""
    rng = np.random.default_rng(7)
    n = np.full(2_000, 7)
    s = rng.binomial(n, rng.beta(1.5, 1.0, 2_000))
    a, b = fit_prior(s, n)
    best = scipy_stats.betabinom.logpmf(s, n, a, b).sum()
    for mean in np.linspace(0.05, 0.97, 24)[::3]:
        for size in (0.15, 0.6, 2.5, 8.0):
            assert scipy_stats.betabinom.logpmf(s, n, mean * size, (1 - mean) * size).sum() <= best + 1e-6
    assert a / (a + b) == pytest.approx(0.6, abs=0.05)
    assert 1.5 <= a + b <= 4


def test_a_drop_is_found_within_days() -> None:
    """Median delay over 30 simulated years: 10 points within 3 runs, half of a tenth of the probes within 6."""
    rng = np.random.default_rng(8)
    for change, most in ((Shift("uniform", 0.10), 3), (Shift("sparse", 0.5), 6)):
        hit = day_effect_paths(draw_years(QUIET, change, rng, years=30, runs=45), 1).log_e >= ALARM
        delay = np.where(hit.any(1), hit.argmax(1) - 29, 10**6)
        assert delay.min() > 0
        assert np.median(delay) <= most


def test_a_rise_is_found_by_the_upward_form_alone() -> None:
    """Swapping right and wrong: ten points up raise the upward statistic and not the downward one."""
    rng = np.random.default_rng(9)
    right = 1 - draw_years(QUIET, Shift("uniform", 0.10), rng, years=5, runs=40)
    up = day_effect_paths(right, 1, DayEffectSettings(direction="up"))
    down = day_effect_paths(right, 1)
    assert (up.log_e[:, -1] >= ALARM).all()
    assert (down.log_e < ALARM).all()


@pytest.mark.parametrize("noise", [0.0, 0.2])
def test_false_alarms_on_quiet_days_stay_below_the_budget(noise: float) -> None:
    """At most 1% plus three Monte Carlo errors of 40 null years of 50 probes while days are as assumed."""
    right = draw_years(World("", day_sd=noise), Shift(), np.random.default_rng(10), years=40, probes=50)
    alarms = (day_effect_paths(right, 1).log_e >= ALARM).any(1).mean()
    assert alarms <= 0.01 + 3 * np.sqrt(0.01 * 0.99 / 40)


def test_bad_days_break_the_plain_prior() -> None:
    """Why it is provisional: with 10% bad days most of 20 null years raise an alarm."""
    right = draw_years(World("", bad_days=0.1), Shift(), np.random.default_rng(11), years=20, runs=250)
    assert (day_effect_paths(right, 1).log_e >= ALARM).any(1).mean() > 0.5


def test_settings_that_mean_nothing_are_refused() -> None:
    """Weights that do not sum to one, losses outside 0..1, no window, a prior of zero, no probes."""
    for wrong in (
        {"effects": (DayEffect(0.5, 0.25),)},
        {"effects": (DayEffect(1.0, -1.0),)},
        {"losses": (1.0,)},
        {"shifts": (0.0,)},
        {"window": 0},
        {"prior": (0.0, 1.0)},
    ):
        with pytest.raises(ValueError):
            DayEffectSettings(**wrong)
    with pytest.raises(ValueError, match="probe"):
        start_day_effect(0)
    with pytest.raises(ValueError, match="within"):
        day_effect_paths(np.full((1, 2, 3), 2), 1)
