"""Quick forms of docs/validation: false alarms, delays, bets on ranks and rivals, seeded; full tables are slow tests."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmarks import rivals, rivals_identity
from harness.stats import DayEffectSettings, alarm_threshold, day_effect_paths, follow, tally_p
from harness.stats.rank_bets import RankBets, bet
from harness.stats.worlds import QUIET, WORLDS, Border, Change, World, draw_border_counts, draw_years
from tests import floor_figures, identity_figures, robust_figures, snapshot_figures

PAGES = Path(__file__).parent.parent / "docs" / "validation"
FILES = {"snapshot": "snapshots"}
FULL = {
    (page, name): table
    for page, tables in (
        ("robust", robust_figures.TABLES),
        ("floor", floor_figures.TABLES),
        ("identity", identity_figures.TABLES),
        ("snapshot", snapshot_figures.TABLES),
    )
    for name, table in tables.items()
}


@pytest.mark.slow
@pytest.mark.parametrize(("page", "name"), FULL)
def test_documented_figures_are_the_measured_ones(page: str, name: str) -> None:
    """The pages hold exactly what the seeded simulations give, table by table."""
    shown = re.search(
        rf"<!-- {page}_figures: {name} -->\n(.*?)\n<!-- end -->",
        (PAGES / f"{FILES.get(page, page)}.md").read_text(encoding="utf-8"),
        flags=re.DOTALL,
    )
    assert shown is not None
    assert shown[1] == "\n".join(FULL[page, name]())


@pytest.mark.parametrize(
    ("page", "tag", "tables"),
    [
        ("robust", "robust_figures", robust_figures.TABLES),
        ("floor", "floor_figures", floor_figures.TABLES),
        ("identity", "identity_figures", identity_figures.TABLES),
        ("rivals", "rivals", rivals.TABLES),
        ("snapshots", "snapshot_figures", snapshot_figures.TABLES),
    ],
)
def test_every_table_stands_on_its_page(
    page: str, tag: str, tables: dict[str, Callable[[], list[str]]]
) -> None:
    """Each table that can be printed is on the page, and no other is."""
    names = re.findall(rf"<!-- {tag}: (\S+) -->", (PAGES / f"{page}.md").read_text(encoding="utf-8"))
    assert sorted(names) == sorted(tables)


@pytest.mark.parametrize("world", [w for w in WORLDS if w.name in ("10% bad days", "day noise, logit sd .4")])
def test_the_incident_tier_holds_on_bad_and_noisy_days(world: World) -> None:
    """Of ten null years at most one reaches the alarm at 2%: one year above it has a chance of 18% at the bound."""
    most = robust_figures.largest(world, DayEffectSettings(), 10)
    assert (most >= alarm_threshold(365, 0.02)).sum() <= 1


def test_the_incident_tier_is_fast_at_every_size() -> None:
    """Median runs of 15 changes: at most 2, 5 and 10 for 20, 10 and 5 points, 9 for half of a tenth of the probes."""
    rng = np.random.default_rng(1)
    for change, most in (
        (Change("uniform", 0.20), 2),
        (Change("uniform", 0.10), 5),
        (Change("uniform", 0.05), 10),
        (Change("sparse", 0.50), 9),
    ):
        right = draw_years(QUIET, change, rng, years=15, runs=45)
        hit = day_effect_paths(right, 1).log_e >= alarm_threshold(365, 0.02)
        assert np.median(np.where(hit.any(1), hit.argmax(1) - 29, 10**6)) <= most


def test_rank_bets_of_many_years_are_those_of_steps() -> None:
    """The vectorised sums of the figures equal the shipped engine's, run by run."""
    p = np.random.default_rng(2).random((1, 2, 90))
    p[0, :, 60:] /= 20
    path, state = floor_figures.rank_bets(p)[0], RankBets()
    held: RankBets | None = None
    for run in range(7, 90):
        held = state = bet(held, run + 1, p[0, :, run])
        assert path[run] == pytest.approx(state.log_evidence[0], abs=1e-9)


def test_every_bet_on_ranks_keeps_the_guarantee() -> None:
    """With uniform p each bet's factor has mean 1: of 200 stretches at most 1% plus three errors reach the alarm."""
    p = np.random.default_rng(3).random((200, 1, 60))
    limit = 0.01 + 3 * np.sqrt(0.01 * 0.99 / 200)
    for method in floor_figures.METHODS.values():
        assert (method(p) >= floor_figures.ALARM).any(1).mean() <= limit


def test_bets_that_reckon_with_changed_runs_are_faster() -> None:
    """After a clean change the mean of both engines' evidence crosses earlier than normal scores alone."""
    right = draw_years(QUIET, Change("uniform", 0.20), np.random.default_rng(4), years=15, runs=45)
    u = np.random.default_rng(5).random((15, 45))
    p = np.stack(
        [
            tally_p(x, np.ones_like(x), draws, floor_figures.SETTINGS)
            for x, draws in zip(right, u, strict=True)
        ]
    )
    alone = follow(p, np.tile(np.arange(1, 46), (15, 1)), floor_figures.SETTINGS).log_e_down
    first = [rivals.first_run(log_e >= floor_figures.ALARM) for log_e in (floor_figures.both(p), alone)]
    assert np.median(first[0]) <= np.median(first[1]) - 1


def test_plug_in_rivals_claim_too_often_on_noisy_days() -> None:
    """Why they make no claims here: on days of sd .4 CUSUM, GLR, z and CMH each alarm in over 3% of 100 null years."""
    noisy = next(w for w in WORLDS if w.day_sd == 0.4)
    right = draw_years(noisy, Change(), np.random.default_rng(6), years=100)
    for rival in (rivals.cusum, rivals.glr, rivals.daily_z, rivals.cmh):
        assert np.isfinite(rival(right)).mean() > 0.03


def test_the_statistic_from_counts_is_that_of_all_pairs_of_answers() -> None:
    """The MMD from counts is the mean agreement over pairs of answers to one prompt, within less twice across."""
    rng = np.random.default_rng(7)
    sides = [(rng.integers(0, 3, n), rng.integers(0, 2, n)) for n in (20, 14)]

    def agreement(one: int, other: int) -> float:
        alike = [
            sides[one][1][i] == sides[other][1][j]
            for i, prompt in enumerate(sides[one][0])
            for j, again in enumerate(sides[other][0])
            if prompt == again and (one != other or i != j)
        ]
        return float(np.mean(alike))

    counts = [
        np.array([[((prompts == p) & (tokens == t)).sum() for t in (0, 1)] for p in range(3)])
        for prompts, tokens in sides
    ]
    expected = agreement(0, 0) - 2 * agreement(0, 1) + agreement(1, 1)
    assert rivals_identity.mmd(*counts) == pytest.approx(expected)


def test_the_corrected_test_of_equality_alarms_when_border_inputs_tip_and_not_before() -> None:
    """At .01 / 365 it finds a change of the size of 8-bit weights with its first run, in each of two years."""
    rng = np.random.default_rng(8)
    counts, reference = draw_border_counts(Border(shift_sd=0.075, first_run=5), rng, years=2, runs=8)
    assert rivals_identity.model_equality_corrected(counts, reference, rng).tolist() == [6, 6]


def test_waits_count_runs_begun_and_calls_made() -> None:
    """An alarm a fifth into a run took that run and a fifth of its calls; one before the change finds nothing."""
    assert rivals.waited(np.array([31, 33.2, np.inf, 12]), 100) == "4 / 2.5 / 320 (50%)"
    assert rivals.waited(np.array([31, np.inf, np.inf]), 100) == "– / 1.0 / – (33%)"
    assert rivals.waited(np.array([12.0, np.inf]), 100) == "– (0%)"
