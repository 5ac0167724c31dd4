"""The result of a comparison: what both sides were, each group on both sides, and what limits it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from harness.records import JSON
from harness.stats import Interval, PairedDifference
from harness.tables.evidence import OUTCOMES

NOT_A_FINDING = (
    "This describes two sets of runs; it is not yet a finding: two ordinary days can differ as much, "
    "and the interval holds only the variation between probes."
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


@dataclass(frozen=True, slots=True)
class ProbeChange:
    """One probe whose mean score differs between the sides."""

    endpoint: str
    suite: str
    probe_id: str
    family: str
    left: float
    right: float


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
                }
                for one in self.changed
            ],
            "notes": list(self.notes),
            "caution": NOT_A_FINDING,
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
        "higher": row.difference.higher,
        "lower": row.difference.lower,
        "same": row.difference.same,
        "left_coverage": row.left.coverage,
        "right_coverage": row.right.coverage,
        **{f"left_{name}": row.left.outcomes[name] for name in OUTCOMES},
        **{f"right_{name}": row.right.outcomes[name] for name in OUTCOMES},
        "insufficient": interval.insufficient,
    }
