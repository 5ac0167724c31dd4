"""The probes two sets of runs share, as arrays: a row per run and a column per probe, on both sides."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.stats.intervals import Floats

MEASURES = ("right", "wrong", "declined", "unreadable")
"""What a measured answer can be; the shares add up to one."""
_TAGS = ("family", "kind", "arm", "topic", "language", "pair", "task")
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class SideCounts:
    """Counts of one side: each array has a row per run and a column per probe of the match."""

    endpoint: str
    """As it is called in the config, also where the comparison is between two endpoints."""
    models: tuple[str, ...]
    run_ids: tuple[int, ...]
    asked: Floats
    """Finished exchanges."""
    measured: Floats
    """Answers that are behaviour: neither failed nor denied."""
    denied: Floats
    noticed: Floats
    """Answers with an announcement that another model or rule took over."""
    counts: dict[str, Floats]
    """By each of `MEASURES`."""
    input_tokens: Floats
    """Summed over the answers that report them."""

    def shares(self, measure: str) -> Floats:
        """Return a measure's share of the measured answers of each run and probe; NaN where none was measured."""
        with np.errstate(invalid="ignore", divide="ignore"):
            shares: Floats = np.where(self.measured > 0, self.counts[measure] / self.measured, np.nan)
        return np.clip(shares, 0.0, 1.0)

    def pooled(self, measure: str) -> Floats:
        """Return a measure's share of each probe over all runs; NaN where none was measured."""
        total = self.measured.sum(0)
        with np.errstate(invalid="ignore", divide="ignore"):
            shares: Floats = np.where(total > 0, self.counts[measure].sum(0) / total, np.nan)
        return np.clip(shares, 0.0, 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Matched:
    """One endpoint and suite on both sides: the probes that can be compared, with what each is about."""

    endpoint: str
    suite: str
    probes: tuple[str, ...]
    tags: dict[str, tuple[str, ...]] = field(repr=False)
    """`family`, `kind`, `arm`, `topic`, `language`, `pair` and `task` of each probe; empty where it has none."""
    left: SideCounts = field(repr=False)
    right: SideCounts = field(repr=False)

    @property
    def shared_runs(self) -> bool:
        """Whether both sides are the same runs: two endpoints or vantages asked side by side."""
        return self.left.run_ids == self.right.run_ids

    def where(self, tag: str, value: str) -> Bools:
        """Return which probes carry a value of a tag."""
        return np.array([each == value for each in self.tags[tag]], dtype=bool)

    def values(self, tag: str) -> tuple[str, ...]:
        """Return the values of a tag that occur, sorted."""
        return tuple(sorted({each for each in self.tags[tag] if each}))


def match(left: pd.DataFrame, right: pd.DataFrame, paired: pd.DataFrame) -> tuple[Matched, ...]:
    """Return the counts run by run of the probes that are compared, per endpoint and suite.

    Args:
        left: Tallies of the first side, endpoints named alike on both sides, `asked_as` as they were.
        right: Of the second.
        paired: One row per probe that is compared, with its tags.
    """
    found = []
    for (endpoint, suite), part in paired.groupby(["endpoint", "suite"], sort=True):
        probes = tuple(str(each) for each in part["probe_id"])
        tags = {name: _texts(part, name) for name in _TAGS}
        sides = [
            _side(frame[(frame["endpoint"] == endpoint) & (frame["suite"] == suite)], probes)
            for frame in (left, right)
        ]
        found.append(Matched(str(endpoint), str(suite), probes, tags, sides[0], sides[1]))
    return tuple(found)


def _texts(part: pd.DataFrame, name: str) -> tuple[str, ...]:
    if name not in part.columns:
        return ("",) * len(part)
    return tuple("" if pd.isna(each) else str(each) for each in part[name])


def _side(frame: pd.DataFrame, probes: Collection[str]) -> SideCounts:
    index = {probe: place for place, probe in enumerate(probes)}
    run_ids = sorted(int(run) for run in frame["run_id"].unique())
    rows = {run: place for place, run in enumerate(run_ids)}
    places = np.array([index.get(str(probe), -1) for probe in frame["probe_id"]], dtype=int)
    kept = places >= 0
    at = np.array([rows[int(run)] for run in frame["run_id"]], dtype=int)[kept], places[kept]

    def column(*names: str) -> Floats:
        grid = np.zeros((len(run_ids), len(index)))
        there = [name for name in names if name in frame.columns]
        if there:
            np.add.at(grid, at, frame.loc[kept, there].sum(axis=1).to_numpy(dtype=float))
        return grid

    graded, right = column("graded"), column("score_sum")
    denied = column("denied")
    asked = column("n")
    measured = asked - column("failed") - denied
    # What was answered and has no grade yet is neither right nor wrong; it stays among the measured.
    counts = {
        "right": right,
        "wrong": np.maximum(graded - right, 0.0),
        "declined": column("refused", "cut", "empty"),
        "unreadable": column("unparsed", "truncated"),
    }
    named = frame["asked_as"] if "asked_as" in frame.columns else frame["endpoint"]
    return SideCounts(
        endpoint=str(named.iloc[0]) if len(named) else "",
        models=tuple(sorted({str(each) for each in frame["model"].unique()})),
        run_ids=tuple(run_ids),
        asked=asked,
        measured=measured,
        denied=denied,
        noticed=column("noticed"),
        counts=counts,
        input_tokens=column("input_tokens"),
    )
