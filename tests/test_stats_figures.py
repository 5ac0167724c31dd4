"""The figures of docs/statistics.md are what the seeded simulations print, and the worlds are what they say."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit

from harness.stats.worlds import (
    QUIET,
    WORLDS,
    Arms,
    Border,
    Change,
    World,
    change_skills,
    draw_arms,
    draw_border_counts,
    draw_day_effects,
    draw_pair_differences,
    draw_skills,
    draw_years,
)
from tests import engine_figures

DOC = Path(__file__).parent.parent / "docs" / "statistics.md"


def documented(name: str) -> str:
    """Return a table of the page."""
    shown = re.search(
        rf"<!-- engine_figures: {name} -->\n(.*?)\n<!-- end -->",
        DOC.read_text(encoding="utf-8"),
        flags=re.DOTALL,
    )
    assert shown is not None, name
    return shown[1]


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in engine_figures.TABLES if name != "cost"])
def test_the_documented_figures_are_the_measured_ones(name: str) -> None:
    """docs/statistics.md holds exactly what the seeded simulation gives, table by table."""
    assert documented(name) == "\n".join(engine_figures.TABLES[name]())


def test_every_table_is_documented() -> None:
    """Each table that can be printed stands on the page, and no other does."""
    names = re.findall(r"<!-- engine_figures: (\S+) -->", DOC.read_text(encoding="utf-8"))
    assert sorted(names) == sorted(engine_figures.TABLES)


def test_a_documented_table_is_reproduced_in_every_test_run() -> None:
    """The cheapest of the tables, from its seeds, to the digit."""
    assert documented("silent-locks") == "\n".join(engine_figures.silent_locks())


@pytest.mark.parametrize("shape", ["uniform", "logit"])
def test_changes_have_the_size_they_name(shape: str) -> None:
    """A suite-wide drop of five points lowers the mean chance by five points in every year."""
    rng = np.random.default_rng(1)
    before = draw_skills(QUIET, 50, 100, rng)
    after = change_skills(before, Change(shape, 0.05), rng)  # type: ignore[arg-type]
    assert (before - after).mean(1) == pytest.approx([0.05] * 50, abs=1e-6)
    assert (after <= before).all()


def test_a_sparse_change_hits_a_tenth_of_the_probes() -> None:
    """Ten of a hundred probes lose exactly the named size, the rest nothing."""
    rng = np.random.default_rng(2)
    before = draw_skills(QUIET, 50, 100, rng)
    lost = before - change_skills(before, Change("sparse", 0.5), rng)
    assert ((lost > 1e-9).sum(1) == 10).all()
    assert lost[lost > 1e-9] == pytest.approx(0.5)


def test_answers_follow_the_world() -> None:
    """Bad days lose answers, days move together as much as they say, and the first changed run is the named one."""
    rng = np.random.default_rng(3)
    effects = draw_day_effects(World("", day_sd=0.2, autocorrelation=0.5, weekend=-0.3), 400, 70, rng)
    weekday = effects[:, np.arange(70) % 7 < 5]
    assert weekday.std() == pytest.approx(0.2, abs=0.01)
    assert np.corrcoef(effects[:, 8], effects[:, 9])[0, 1] == pytest.approx(0.5, abs=0.12)
    assert effects[:, 5].mean() - effects[:, 4].mean() == pytest.approx(-0.3, abs=0.04)
    lost = draw_years(World("", bad_days=0.5), Change(), rng, years=200, runs=20).mean()
    assert lost < draw_years(QUIET, Change(), rng, years=200, runs=20).mean() - 0.005
    right = draw_years(QUIET, Change("uniform", 0.6, 12), rng, years=50, runs=20, answers=3)
    assert right.max() == 3
    assert right[:, 11].mean() - right[:, 12].mean() > 1
    near = next(w for w in WORLDS if w.near_deterministic)
    assert 0.98 < draw_years(near, Change(), rng, years=50, runs=10).mean() < 1


def test_arms_pairs_and_borders_follow_their_settings() -> None:
    """Rates, the broad shift, the lock and the distance of border inputs come out as planted."""
    rng = np.random.default_rng(4)
    quiet = {"day_sd": 0.0, "outages": 0.0}
    watched, control = draw_arms(
        Arms(later_rate=0.3, control_rate=0.02, broad=True, **quiet), rng, years=200, runs=60
    )
    shifted = float(expit(np.log(0.02 / 0.98) + np.log(0.3 / 0.7) - np.log(0.1 / 0.9)))
    means = [
        part.mean() / 40 for part in (watched[:, :30], watched[:, 30:], control[:, :30], control[:, 30:])
    ]
    assert means == pytest.approx([0.1, 0.3, 0.02, shifted], abs=0.01)
    differences = draw_pair_differences(rng, lock=0.2, years=200, runs=60)
    assert differences[:, :30].mean() == pytest.approx(0.015, abs=0.005)
    assert differences[:, 30:].mean() == pytest.approx(0.215, abs=0.005)
    counts, reference = draw_border_counts(Border(shift_sd=0.35, rerouted=0.5), rng, years=50, runs=60)
    apart = ((counts / 10 - reference) ** 2).sum(2)
    assert apart[:, 30:].mean() > 2 * apart[:, :30].mean()
