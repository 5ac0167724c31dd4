"""Which rungs of which families to ask so that a model gets about half of them right, where information is greatest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from harness.stats.ladder import LadderFit

NEAR = (0.3, 0.7)
"""Expected shares of right answers that count as near one half."""
_FAR = (0.1, 0.9)
"""Beyond these a rung is next to useless: it moves only when everything does."""
_BALANCED = (0.4, 0.6)
"""Families off one half are left out until the whole is expected to be within this."""

Standing = Literal["near", "between", "too easy", "too hard"]


@dataclass(frozen=True, slots=True)
class Choice:
    """What is taken from one family."""

    standing: Standing
    """`near`: from rungs near one half. `between`: there is none; from the rungs on both sides of it, in equal numbers.
    `too easy`, `too hard`: every rung is; from the one nearest to one half, if it is of any use."""
    counts: Mapping[int, int] = field(hash=False)
    """Rung -> how many probes; empty for a family that is left out."""
    expected: float
    """Share of right answers expected of those taken, or of the nearest rung where none are."""


def choose(
    fits: Mapping[str, LadderFit], available: Mapping[str, Mapping[int, int]], per_family: int
) -> dict[str, Choice]:
    """Return what to take from each family.

    Args:
        fits: family -> what its answers say.
        available: family -> rung -> how many probes could be taken. A family without any is not in the result.
        per_family: the most to take from one family.
    """
    chosen = {
        name: _of_family(fit, available[name], per_family)
        for name, fit in fits.items()
        if any(available[name].get(rung, 0) > 0 for rung in fit.rungs)
    }
    for name in _unbalanced(chosen):
        chosen[name] = Choice(chosen[name].standing, {}, chosen[name].expected)
    return chosen


def _unbalanced(chosen: Mapping[str, Choice]) -> list[str]:
    """Return the families that are left out: those too far off, and what would pull the whole away from one half."""
    off = {name: each for name, each in chosen.items() if each.standing in ("too easy", "too hard")}
    useless = [name for name, each in off.items() if not _FAR[0] <= each.expected <= _FAR[1]]
    kept = {name: each for name, each in chosen.items() if name not in useless}
    left_out = useless
    while len(kept) > 1:
        total = sum(sum(each.counts.values()) for each in kept.values())
        share = sum(sum(each.counts.values()) * each.expected for each in kept.values()) / total
        if _BALANCED[0] <= share <= _BALANCED[1]:
            break
        heavy = "too easy" if share > _BALANCED[1] else "too hard"
        pulling = [name for name in off if name in kept and kept[name].standing == heavy]
        if not pulling:
            break
        worst = max(pulling, key=lambda name: (abs(kept[name].expected - 0.5), name))
        del kept[worst]
        left_out.append(worst)
    return left_out


def _of_family(fit: LadderFit, available: Mapping[int, int], most: int) -> Choice:
    expected = dict(zip(fit.rungs, fit.pass_rate, strict=True))
    there = [rung for rung in fit.rungs if available.get(rung, 0) > 0]
    near = [rung for rung in there if NEAR[0] <= expected[rung] <= NEAR[1]]
    if near:
        return _taken(
            "near", sorted(near, key=lambda rung: abs(expected[rung] - 0.5)), available, most, expected
        )
    easy = [rung for rung in there if expected[rung] > NEAR[1]]
    hard = [rung for rung in there if expected[rung] < NEAR[0]]
    if easy and hard:
        above, below = max(easy, key=lambda rung: rung), min(hard)
        number = min(available[above], available[below], max(1, most // 2))
        counts = {above: number, below: number}
        return Choice("between", counts, (expected[above] + expected[below]) / 2)
    if easy:
        return _taken("too easy", [max(easy)], available, most, expected)
    return _taken("too hard", [min(hard)], available, most, expected)


def _taken(
    standing: Standing,
    rungs: Sequence[int],
    available: Mapping[int, int],
    most: int,
    expected: Mapping[int, float],
) -> Choice:
    counts: dict[int, int] = {}
    for rung in rungs:
        number = min(available[rung], most - sum(counts.values()))
        if number > 0:
            counts[rung] = number
    total = sum(counts.values())
    return Choice(standing, counts, sum(number * expected[rung] for rung, number in counts.items()) / total)
