"""Cron lines mean what they mean to cron, and a missed moment is counted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from harness.monitor.schedule import cron_mistake, moments, next_moment, standing

FRIDAY = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("17 6 * * *", "2026-11-21 06:17"),
        ("0 0 * * 0", "2026-11-22 00:00"),
        ("0 0 * * 7", "2026-11-22 00:00"),
        ("0 0 * * 1", "2026-11-23 00:00"),
        ("0 0 * * sun", "2026-11-22 00:00"),
        ("0 0 * * 5-7", "2026-11-21 00:00"),
        ("30 */6 * * *", "2026-11-20 12:30"),
        ("0 0 1 * 3", "2026-11-25 00:00"),
        ("0 0 29 2 *", "2028-02-29 00:00"),
    ],
)
def test_next_moment(cron: str, expected: str) -> None:
    """Sunday is 0 and 7, ranges may end in it, and two restricted day fields are alternatives."""
    assert f"{next_moment(cron, FRIDAY):%Y-%m-%d %H:%M}" == expected


@pytest.mark.parametrize(
    ("cron", "words"),
    [
        ("0 6 * *", "five fields"),
        ("@daily", "five fields"),
        ("61 * * * *", "61"),
        ("0 0 31 2 *", "never comes due"),
        ("0 0 * * 6-1", "backwards"),
        ("0 0 * * funday", "funday"),
        ("", "five fields"),
        ("*/0 * * * *", "Increment"),
    ],
)
def test_cron_mistakes(cron: str, words: str) -> None:
    """A line that cannot be read, or never comes due, is described."""
    assert words in str(cron_mistake(cron))


def test_moments_are_exclusive_of_the_start() -> None:
    """The moment at which counting starts is not counted again."""
    start = datetime(2026, 11, 1, 6, 0, tzinfo=UTC)
    found = list(moments("0 6 * * *", start, start + timedelta(days=3)))
    assert [moment.day for moment in found] == [2, 3, 4]


def test_standing_counts_missed_moments() -> None:
    """A day without a run is a gap; a late run is not; the moment just past is not yet one."""
    days = [datetime(2026, 11, day, 6, 1, tzinfo=UTC) for day in (1, 2, 4, 6)]
    now = datetime(2026, 11, 7, 6, 30, tzinfo=UTC)
    found = standing("daily", "0 6 * * *", days, now)
    assert found.missed == 2
    assert found.last_missed == datetime(2026, 11, 5, 6, 0, tzinfo=UTC)
    assert found.last_run == days[-1]
    later = standing("daily", "0 6 * * *", days, now + timedelta(hours=2))
    assert later.missed == 3


def test_standing_before_the_first_run() -> None:
    """Before its first run a schedule has missed nothing."""
    found = standing("daily", "0 6 * * *", [], FRIDAY)
    assert (found.last_run, found.missed) == (None, 0)
