"""Could missing answers carry a difference of two snapshots? Worst-case limits for shares and contrasts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.claims import RuledOut
from harness.findings.snapshot_named import EVEN
from harness.findings.snapshot_questions import twins_of
from harness.tables.matched import Bools, Matched, SideCounts

Limits = tuple[float, float]


def coverages(matched: Matched) -> tuple[float, float]:
    """Return the share of the calls that were measured on both sides."""
    first, second = (
        float(side.measured.sum() / side.asked.sum()) if side.asked.sum() else 0.0
        for side in (matched.left, matched.right)
    )
    return first, second


def even(matched: Matched) -> bool:
    """Say whether too little is missing to carry anything worth naming."""
    return min(coverages(matched)) > 1 - EVEN


def limits(matched: Matched, measure: str, where: Bools | None = None) -> Limits | None:
    """Return between what a share moved, whatever the missing answers would have been; None without probes.

    The mean is over probes asked on both sides; missing answers on the first side are all taken as instances and on the
    second as none, and the other way round.
    """
    asked = [side.asked.sum(0) for side in (matched.left, matched.right)]
    both = (asked[0] > 0) & (asked[1] > 0) & (True if where is None else where)
    if not both.any():
        return None

    def mean(side: SideCounts, filled: bool) -> float:
        gone = side.asked - side.measured if filled else np.zeros_like(side.asked)
        return float(
            np.clip((side.counts[measure] + gone).sum(0)[both] / side.asked.sum(0)[both], 0.0, 1.0).mean()
        )

    left, right = matched.left, matched.right
    return mean(right, False) - mean(left, True), mean(right, True) - mean(left, False)


def contrast_limits(matched: Matched, topics: Sequence[str], arms: Sequence[str]) -> Limits | None:
    """Return between what a topic's difference in differences lies: its watched probes less its controls."""
    twins = twins_of(matched, arms)
    places = np.arange(len(matched.probes))
    mine = np.isin(np.array(matched.tags["topic"]), list(topics))
    if twins:
        watched = mine & np.isin(places, list(twins))
        controls = np.isin(places, [twins[place] for place in np.flatnonzero(watched).tolist()])
    else:
        watched, controls = mine, ~mine & (np.array(matched.tags["topic"]) != "")
    own, other = limits(matched, "right", watched), limits(matched, "right", controls)
    if own is None or other is None:
        return None
    return own[0] - other[1], own[1] - other[0]


def ruling(matched: Matched, found: Limits | None, effect: float, what: str) -> RuledOut:
    """Judge whether missing answers can explain a change: not where the worst case has the same sign.

    Args:
        matched: one endpoint and suite.
        found: limits of the share or contrast that moved.
        effect: how it moved; 0 where nothing was shown.
        what: its name.
    """
    first, second = coverages(matched)
    words = f"measured {first:.1%} of the calls on one side and {second:.1%} on the other"
    if even(matched):
        return RuledOut("missing-data", "ruled out", words)
    if found is None:
        return RuledOut("missing-data", "not ruled out", words)
    low, high = found
    words += (
        f"; had every missing call gone the worst way, {what} would have moved by {100 * low:+.1f} to "
        f"{100 * high:+.1f} points"
    )
    outside = high < 0 if effect < 0 else low > 0
    return RuledOut("missing-data", "ruled out" if effect and outside else "not ruled out", words)
