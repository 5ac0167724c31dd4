"""Numbers as readers meet them: percentages, intervals and counts in plain words."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime

from harness.stats import Interval, PairedDifference

MINUS = "\u2212"
OUTCOME_WORDS: dict[str, str] = {
    "answered": "content came back and an answer could be read in it",
    "unparsed": "content came back, but no answer could be read in it (neither right nor wrong)",
    "refused": "declined, by the provider's system or in the model's own words",
    "cut": "stopped mid-answer by the provider",
    "empty": "a success reply with nothing in it",
    "truncated": "our own length limit ended the answer",
    "denied": "no access: key, permission, region, or a withdrawn model",
    "failed": "nothing learnt (time-outs, broken connections, overload): missing data, not behaviour",
}


def plural(count: int, word: str, many: str | None = None) -> str:
    """Return the count with its word: `1 probe`, `1,024 probes`."""
    return f"{count:,} {word if count == 1 else many or word + 's'}"


def percent(value: float | None) -> str:
    """Return a share as whole percent; a share that is neither none nor all never reads as such."""
    if value is None or value != value:
        return "–"
    rounded = round(value * 100)
    if rounded == 0 and value > 0:
        return "<1%"
    if rounded == 100 and value < 1:
        return ">99%"
    return f"{rounded}%"


def signed(value: float) -> str:
    """Return a difference in whole points with its sign: `+3`, `−12`, `0`."""
    points = round(value * 100)
    if points == 0:
        return "0"
    return f"+{points}" if points > 0 else f"{MINUS}{-points}"


def points(value: float | None) -> str:
    """Return a difference between two shares in percentage points, with its sign."""
    if value is None or value != value:
        return "–"
    return f"{signed(value)} point" + ("" if abs(round(value * 100)) == 1 else "s")


def score_words(interval: Interval) -> str:
    """Return a score with its interval, or the reason why it has none."""
    if interval.low is None or interval.high is None:
        reason = interval.insufficient or "no interval"
        return f"{percent(interval.estimate)} ({reason})" if interval.estimate is not None else reason
    return (
        f"{percent(interval.estimate)} ({interval.level:.0%} interval"
        f" {percent(interval.low)} to {percent(interval.high)})"
    )


def difference_words(difference: PairedDifference) -> str:
    """Return a difference with its interval, or the reason why it has none."""
    interval = difference.interval
    if interval.low is None or interval.high is None:
        reason = interval.insufficient or "no interval"
        return f"{points(interval.estimate)} ({reason})" if interval.estimate is not None else reason
    return (
        f"{points(interval.estimate)} ({interval.level:.0%} interval"
        f" {signed(interval.low)} to {signed(interval.high)})"
    )


def moment(value: datetime | None, *, seconds: bool = False) -> str:
    """Return a time as `2026-11-21 06:00 UTC`; a dash for a time that never came."""
    if value is None or value != value:
        return "–"
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC" if seconds else "%Y-%m-%d %H:%M UTC")


def short_hash(value: object) -> str:
    """Return the first eight hex digits of a tagged hash: enough to tell versions apart."""
    return str(value).removeprefix("sha256:")[:8]


def printable(text: object, limit: int = 60) -> str:
    """Return one line of visible text, shortened in the middle.

    Names come from configuration files and from providers. Control, formatting and direction-changing
    characters would let one of them reorder or hide what stands around it; both ends are kept because
    model names differ at the end.
    """
    raw = str(text)[: 4 * limit + 400]
    seen = "".join(
        " " if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} else char
        for char in raw
    )
    line = " ".join(seen.split())
    if len(line) <= limit:
        return line
    tail = limit // 3
    return f"{line[: limit - tail - 1].rstrip()}…{line[-tail:].lstrip()}"
