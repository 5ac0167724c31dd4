"""What an alarm looks back at: the runs before, read only when there is something to explain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import pandas as pd

from harness.findings.scores import Score


@dataclass(frozen=True, slots=True)
class Point:
    """One past run of one stream."""

    run_id: int
    started_us: int
    value: float
    coverage: float
    u: float = 0.5
    score: Score | None = field(default=None, repr=False)
    """What was taken in, where it was asked for."""


class History(Protocol):
    """Past runs of one world (real or simulated). The run being taken in is not in it yet."""

    def points(self, streams: Sequence[tuple[str, str]]) -> Mapping[str, list[Point]]:
        """Return the past runs of streams given as (name, definition), oldest first, by name; missing runs left out."""

    def tallies(self, endpoints: Sequence[str], run_ids: Sequence[int]) -> pd.DataFrame:
        """Return one row per run, endpoint, suite and probe, with the columns of `scores.COUNTS`."""

    def calls(self, run_id: int, endpoint: str, suite: str, probes: Sequence[str]) -> Mapping[str, str]:
        """Return one call id per probe in a run."""
