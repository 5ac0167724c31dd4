"""The result of a comparison: what both sides were, each group on both sides, and what limits it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from harness.records import JSON
from harness.stats import Interval, PairedDifference
from harness.stats.worst_case import WorstCase
from harness.tables.evidence import OUTCOMES
from harness.tables.matched import Matched

EVEN = 0.02
"""Missing data that leave a difference open by less than this cannot carry one worth naming."""
NOT_A_FINDING = (
    "This describes two sets of runs; it is not yet a finding: two ordinary days can differ as much, "
    "and the interval holds only the variation between probes."
)
WITH_RUNS = (
    "This describes two sets of runs; it is not yet a finding: the runs were chosen by whoever compares. The intervals "
    "hold the variation between probes and between runs."
)


@dataclass(frozen=True, slots=True)
class Answers:
    """How many answers were the same, byte for byte, among those asked in both sets of runs."""

    identical: int
    compared: int


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two sets of runs."""

    label: str
    run_ids: tuple[int, ...]
    first: str
    """Start of its first run, ISO 8601 in UTC."""
    last: str
    endpoints: tuple[str, ...]
    models: tuple[str, ...]
    served_models: tuple[str, ...]
    fingerprints: tuple[str, ...]
    suites: tuple[str, ...]
    """Each suite with its version and the start of its content hash."""
    makers: tuple[str, ...]
    """Versions of the code that read and graded the answers; empty when the table does not say."""
    exchanges: int
    measured: int

    @property
    def coverage(self) -> float | None:
        """Measured over finished exchanges."""
        return self.measured / self.exchanges if self.exchanges else None


@dataclass(frozen=True, slots=True)
class GroupSide:
    """What came back on one side for the probes of a group that are compared."""

    exchanges: int
    measured: int
    score: Interval
    outcomes: Mapping[str, int]

    @property
    def coverage(self) -> float | None:
        """Measured over finished exchanges."""
        return self.measured / self.exchanges if self.exchanges else None


@dataclass(frozen=True, slots=True)
class Row:
    """One group of probes on both sides."""

    endpoint: str
    suite: str
    """Empty for the row over all suites."""
    by: str
    """`all`, `suite`, `family`, `kind`, `arm`, `topic` or `language`."""
    group: str
    left: GroupSide
    right: GroupSide
    difference: PairedDifference
    """With the variation between runs in its interval where there are enough runs (`interval.method` says)."""
    p: float | None = None
    """Two-sided, of no difference."""
    adjusted: float | None = None
    """The same after Holm, over all groups of this kind (`by`) in the comparison."""
    worst: WorstCase | None = None
    """Limits whatever failed and denied calls would have been; None where none are missing."""

    @property
    def uneven(self) -> bool:
        """Whether so much is missing that it could carry a difference worth naming."""
        return self.worst is not None and self.worst.high - self.worst.low > EVEN


@dataclass(frozen=True, slots=True)
class ProbeChange:
    """One probe whose mean score differs between the sides."""

    endpoint: str
    suite: str
    probe_id: str
    family: str
    left: float
    right: float
    p: float | None = None
    """Fisher's exact test, answers as units; None where no number of right answers could be unlikely."""
    adjusted: float | None = None
    """The same after Benjamini and Hochberg, over all probes that several answers make testable."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything `harness compare` says."""

    left: Side
    right: Side
    level: float
    rows: tuple[Row, ...]
    changed: tuple[ProbeChange, ...]
    """Probes that scored differently, the largest difference first."""
    notes: tuple[str, ...]
    """What limits the comparison, in words."""
    answers: Answers | None
    matched: tuple[Matched, ...] = field(default=(), repr=False, compare=False)
    """The same probes run by run, for those who name what changed."""

    @property
    def runs_counted(self) -> bool:
        """Whether run-to-run variation is in the intervals of all rows that have one."""
        methods = {
            row.difference.interval.method for row in self.rows if row.difference.interval.low is not None
        }
        return methods == {"probes-and-runs"}

    @property
    def caution(self) -> str:
        """What no comparison of two sets of runs can say, in words."""
        return WITH_RUNS if self.runs_counted else NOT_A_FINDING

    def table(self) -> pd.DataFrame:
        """Return the rows as a flat table, one line per group."""
        return pd.DataFrame([_flat(row) for row in self.rows])

    def as_json(self) -> dict[str, JSON]:
        """Return the comparison as JSON data; what is missing is null, never NaN."""
        return {
            "level": self.level,
            "left": _side_json(self.left),
            "right": _side_json(self.right),
            "answers": None
            if self.answers is None
            else {"identical": self.answers.identical, "compared": self.answers.compared},
            "rows": [_row_json(row) for row in self.rows],
            "changed_probes": [
                {
                    "endpoint": one.endpoint,
                    "suite": one.suite,
                    "probe_id": one.probe_id,
                    "family": one.family,
                    "left": one.left,
                    "right": one.right,
                    "p": one.p,
                    "p_benjamini_hochberg": one.adjusted,
                }
                for one in self.changed
            ],
            "notes": list(self.notes),
            "caution": self.caution,
            "multiplicity": {
                "intervals": "each for itself",
                "rows": "holm, over all groups of one kind",
                "changed_probes": "benjamini-hochberg",
            },
        }


def interval_json(interval: Interval) -> dict[str, JSON]:
    """Return an interval as JSON data; null where there is none."""
    return {
        "n": interval.n,
        "estimate": interval.estimate,
        "low": interval.low,
        "high": interval.high,
        "level": interval.level,
        "method": interval.method,
        "insufficient": interval.insufficient,
    }


def _side_json(side: Side) -> dict[str, JSON]:
    return {
        "label": side.label,
        "run_ids": list(side.run_ids),
        "first": side.first,
        "last": side.last,
        "endpoints": list(side.endpoints),
        "models": list(side.models),
        "served_models": list(side.served_models),
        "fingerprints": list(side.fingerprints),
        "suites": list(side.suites),
        "makers": list(side.makers),
        "exchanges": side.exchanges,
        "measured": side.measured,
        "coverage": side.coverage,
    }


def _row_json(row: Row) -> dict[str, JSON]:
    difference = row.difference
    sides: dict[str, JSON] = {
        name: {
            "exchanges": side.exchanges,
            "measured": side.measured,
            "coverage": side.coverage,
            "score": interval_json(side.score),
            "outcomes": dict(side.outcomes),
        }
        for name, side in (("left", row.left), ("right", row.right))
    }
    return {
        "endpoint": row.endpoint,
        "suite": row.suite,
        "by": row.by,
        "group": row.group,
        **sides,
        "difference": interval_json(difference.interval),
        "p": row.p,
        "p_holm": row.adjusted,
        "worst_case": None
        if row.worst is None
        else {
            "low": row.worst.low,
            "high": row.worst.high,
            "interval_low": row.worst.interval_low,
            "interval_high": row.worst.interval_high,
        },
        "left_mean": difference.first_mean,
        "right_mean": difference.second_mean,
        "tasks_higher": difference.higher,
        "tasks_lower": difference.lower,
        "tasks_same": difference.same,
    }


def _flat(row: Row) -> dict[str, Any]:
    interval = row.difference.interval
    return {
        "endpoint": row.endpoint,
        "suite": row.suite,
        "by": row.by,
        "group": row.group,
        "tasks": interval.n,
        "left": row.difference.first_mean,
        "right": row.difference.second_mean,
        "difference": interval.estimate,
        "low": interval.low,
        "high": interval.high,
        "p": row.p,
        "p_holm": row.adjusted,
        "worst_low": None if row.worst is None else row.worst.low,
        "worst_high": None if row.worst is None else row.worst.high,
        "higher": row.difference.higher,
        "lower": row.difference.lower,
        "same": row.difference.same,
        "left_coverage": row.left.coverage,
        "right_coverage": row.right.coverage,
        **{f"left_{name}": row.left.outcomes[name] for name in OUTCOMES},
        **{f"right_{name}": row.right.outcomes[name] for name in OUTCOMES},
        "insufficient": interval.insufficient,
    }
