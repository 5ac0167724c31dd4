"""Measured coverage of the intervals in use; seeded, so that the same code gives the same shares."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from harness.stats import newcombe_paired
from tests.interval_coverage import (
    WORLDS,
    coverage,
    newcombe,
    paired_table,
    score_coverage,
    score_table,
)

REPS = 1_000
DOC = Path(__file__).parent.parent / "docs" / "statistics.md"


@pytest.mark.parametrize("probes", [5, 10, 20, 60])
def test_the_paired_interval_holds_the_truth_in_every_setting(probes: int) -> None:
    """At least .92 of 1,000 simulated comparisons at nominal .95, less three Monte Carlo errors (.026)."""
    held = {world.name: coverage("Bonett-Price", world, probes, REPS)[0] for world in WORLDS}
    assert min(held.values()) >= 0.92 - 0.026, held


def test_the_paired_t_interval_would_claim_certainty_at_temperature_zero() -> None:
    """The reason for the choice: with fixed answers and rare changes t holds the truth in under half of 1,000."""
    rare = next(world for world in WORLDS if world.name == "5% of probes lost, fixed answers")
    assert coverage("paired t", rare, 20, REPS)[0] < 0.6
    assert coverage("Bonett-Price", rare, 20, REPS)[0] > 0.95


def test_the_task_is_the_right_unit_of_a_score() -> None:
    """With five equal answers per probe, answers as units hold the truth in 70%, probes in 92% or more (1,000 reps)."""
    assert score_coverage(60, 5, REPS, unit="probe", fixed=True) >= 0.92
    assert score_coverage(60, 5, REPS, unit="answer", fixed=True) < 0.8


def test_the_simulated_newcombe_is_the_one_in_use() -> None:
    """The vectorised arithmetic of the simulation gives the same bounds as the library's function."""
    first = np.repeat([1.0, 1.0, 0.0, 0.0], [11, 7, 2, 5])
    second = np.repeat([1.0, 0.0, 1.0, 0.0], [11, 7, 2, 5])
    low, high = newcombe(first[None, :], second[None, :])
    ours = newcombe_paired(11, 7, 2, 5)
    assert (low[0], high[0]) == pytest.approx((ours.low, ours.high), abs=1e-12)


@pytest.mark.slow
def test_the_documented_tables_are_the_measured_ones() -> None:
    """docs/statistics.md holds exactly what the seeded simulation gives (4,000 repetitions per setting)."""
    text = DOC.read_text(encoding="utf-8")
    for name, rows in (("paired", paired_table()), ("score", score_table())):
        shown = re.search(rf"<!-- interval_coverage: {name} -->\n(.*?)\n<!-- end -->", text, flags=re.DOTALL)
        assert shown is not None
        assert shown[1] == "\n".join(rows)
