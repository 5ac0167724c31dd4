"""Combining evidence: averages hold under dependence, e-BH against its definition, words against simulation."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import stats
from harness.stats import alarm_threshold, average, detector_e, e_bh, score_paths, strength


def test_the_average_is_the_log_of_the_mean() -> None:
    """Plain and weighted, over any axis, with evidence of nothing (-inf) counted as zero."""
    logs = np.log([[1.0, 3.0], [8.0, 4.0]])
    assert np.exp(average(logs)) == pytest.approx([2.0, 6.0])
    assert np.exp(average(logs, axis=0)) == pytest.approx([4.5, 3.5])
    assert np.exp(average(logs[0], [3, 1])) == pytest.approx(1.5)
    assert np.exp(average([-np.inf, np.log(10)])) == pytest.approx(5)
    assert average([-np.inf, -np.inf]) == -np.inf
    assert average([5_000.0, 0.0]) == pytest.approx(5_000 - np.log(2)), "no overflow"
    for logs_, weights in (([], None), ([np.nan], None), ([1.0], [0.0]), ([1.0, 2.0], [1.0])):
        with pytest.raises(ValueError):
            average(logs_, weights)


def test_the_threshold_is_streams_times_horizon_over_alpha() -> None:
    """365 runs at 1% is 36,500 for one stream, twenty times that for twenty; a statistic is worth S / H."""
    assert np.exp(alarm_threshold(365, 0.01)) == pytest.approx(36_500)
    assert np.exp(alarm_threshold(365, 0.01, 20)) == pytest.approx(730_000)
    assert np.exp(detector_e(alarm_threshold(365, 0.01), 365)) == pytest.approx(100)
    with pytest.raises(ValueError, match="alpha"):
        alarm_threshold(365, 1.0)
    with pytest.raises(ValueError, match="horizon"):
        detector_e(1.0, 0)


@given(st.lists(st.floats(-5, 12), max_size=12), st.floats(0.01, 0.5))
@settings(deadline=None)
def test_e_bh_equals_bh_on_inverse_e_values(logs: list[float], alpha: float) -> None:
    """Rejections are those of Benjamini-Hochberg on p = 1 / e, straight from its definition."""
    rejected = e_bh(logs, alpha)
    n = len(logs)
    ranks = [k for k in range(1, n + 1) if sum(n / (np.exp(v) * k) <= alpha for v in logs) >= k]
    k = max(ranks, default=0)
    assert rejected.tolist() == [k > 0 and n / (np.exp(v) * k) <= alpha for v in logs]


def test_e_bh_keeps_its_promise_under_dependence() -> None:
    """Streams that share one noise: the mean share of false rejections stays at most 10% plus three errors (2,000 reps)."""
    rng = np.random.default_rng(3)
    reps, streams, real = 2_000, 20, 5
    z = 0.7 * rng.standard_normal((reps, 1)) + np.sqrt(0.51) * rng.standard_normal((reps, streams))
    z[:, :real] += 4
    logs = 3 * z - 4.5
    shares = [(row[real:].sum() / max(row.sum(), 1)) for row in (e_bh(line, 0.1) for line in logs)]
    assert np.mean(shares) <= 0.1 + 3 * np.std(shares) / np.sqrt(reps)


@pytest.mark.parametrize(
    ("e", "word"),
    [
        (0.5, "none"),
        (1, "slight"),
        (4, "substantial"),
        (11, "strong"),
        (40, "very strong"),
        (100, "decisive"),
    ],
)
def test_words_follow_the_scale(e: float, word: str) -> None:
    """Each word from its least e-value on, with the chance 1 / e."""
    found = strength(float(np.log(e)))
    assert found.word == word
    assert found.chance == pytest.approx(min(1, 1 / e))


def test_words_come_up_no_more_often_than_they_promise() -> None:
    """Over 1,000 null years each word's chance holds for the year's strongest evidence (plus three errors)."""
    rng = np.random.default_rng(4)
    shape = (1_000, 372)
    best = score_paths(rng.normal(size=shape), rng.random(shape)).log_e_down.max(1)
    for e in (3.2, 10.0, 32.0, 100.0):
        reached = np.mean([detector_e(value, 365) >= np.log(e) for value in best])
        assert reached <= 1 / e + 3 * np.sqrt(1 / e / 1_000)


def test_nan_is_no_evidence() -> None:
    """NaN raises instead of reading as any word or rejection."""
    with pytest.raises(ValueError, match="NaN"):
        strength(float("nan"))
    with pytest.raises(ValueError, match="NaN"):
        e_bh([1.0, float("nan")], 0.1)


def test_every_public_name_is_there() -> None:
    """What `harness.stats` names can be had from it, and no engine's module hides a function of the same name."""
    assert all(getattr(stats, name) is not None for name in stats.__all__)
    assert not any(isinstance(getattr(stats, name), ModuleType) for name in stats.__all__)
    with pytest.raises(AttributeError, match="no_such_engine"):
        stats.no_such_engine  # noqa: B018
