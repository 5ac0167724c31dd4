"""One run's tallies -> one number per stream, frozen before the first run: nothing here looks at other runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.claims import Lock
from harness.config import Config
from harness.findings.streams import Signal, Stream, control_arm, identifies, probes_of
from harness.records import Probe
from harness.suites import Suite

Floats: TypeAlias = npt.NDArray[np.float64]
Places: TypeAlias = npt.NDArray[np.intp]
"""Positions of probes in their suite."""
Answers: TypeAlias = Mapping[tuple[str, str, str], Mapping[str, int]]
"""(endpoint, suite, probe) -> answer as read -> how often."""

_NOWHERE: Mapping[str, int] = {}
COUNTS = (
    *(
        "n",
        "answered",
        "unparsed",
        "refused",
        "refused_provider",
        "cut",
        "empty",
        "truncated",
        "denied",
        "failed",
    ),
    *("graded", "score_sum", "noticed", "input_tokens"),
)
"""Columns of the tallies that scores are made from."""


@dataclass(frozen=True, slots=True)
class RunTallies:
    """All that findings need of one finished run."""

    run_id: int
    started_us: int
    seed: int
    """The run's seed, from which the draws that break ties are derived."""
    table: pd.DataFrame = field(repr=False)
    """One row per endpoint, suite and probe: `endpoint`, `suite`, `probe_id` and `COUNTS`."""
    asked: frozenset[tuple[str, str]]
    """(endpoint, suite) that were in the run's plan; what was not asked is no missing data."""
    answers: Answers = field(default_factory=dict, repr=False)
    """Answers to near-tie prompts."""
    served: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Endpoint -> model named in the replies -> how often."""
    denied_for: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Endpoint -> reasons for which access was denied."""


@dataclass(frozen=True, slots=True)
class Score:
    """What one run says of one stream."""

    value: float | None
    """In natural units: a share, or a difference of shares; None when nothing was measured."""
    score: float | None
    """What is ranked: a fixed increasing function of the value and of how many calls are behind it."""
    n: int
    """Measured calls behind it (for a lock: in pairs with both sides measured)."""
    planned: int
    successes: tuple[float, ...] = ()
    """Per probe, for a stream that keeps tallies; per prompt of the reference, for one of identity: the share of its
    answers in this run that are the reference's usual one."""
    trials: tuple[int, ...] = ()
    """For identity 1 per prompt that was answered, because the answers of a run hang together; 0 where missing."""

    @property
    def coverage(self) -> float:
        """Share of the planned calls that were measured."""
        return min(1.0, self.n / self.planned) if self.planned else 1.0


@dataclass(frozen=True, slots=True)
class Pairs:
    """Where the twins of a lock stand, side by side."""

    topic: Places
    """Positions of the watched probes."""
    neutral: Places
    """Positions of their twins."""


class Layout:
    """Where each stream's probes stand in a run's tallies; made once for a config and its suites."""

    def __init__(self, config: Config, suites: Mapping[str, Suite]) -> None:
        self.suites = {name: suites[name] for name in config.suites}
        self._index = {
            name: {probe.id: place for place, probe in enumerate(suite.probes)}
            for name, suite in self.suites.items()
        }
        self._chosen: dict[tuple[str, Signal, str | None], Places] = {}
        self._pairs: dict[tuple[str, str | None], Pairs] = {}

    def probes(self, stream: Stream) -> tuple[Probe, ...]:
        """Return the probes a stream is made from."""
        if stream.key.suite not in self.suites:
            return ()
        return probes_of(self.suites[stream.key.suite], stream.signal, stream.key.topic)

    def places(self, stream: Stream) -> Places:
        """Return where a stream's probes stand in its suite."""
        key = (stream.key.suite, stream.signal, stream.key.topic)
        found = self._chosen.get(key)
        if found is None:
            index = self._index[stream.key.suite]
            found = np.array([index[probe.id] for probe in self.probes(stream)], dtype=np.intp)
            self._chosen[key] = found
        return found

    def pairs(self, stream: Stream) -> Pairs:
        """Return where the twins of a lock stand, side by side."""
        key = (stream.key.suite, stream.key.topic)
        found = self._pairs.get(key)
        if found is None:
            suite, index = self.suites[stream.key.suite], self._index[stream.key.suite]
            control = control_arm(suite)
            sides: dict[str, dict[str, int]] = {}
            for probe in self.probes(stream):
                sides.setdefault(str(probe.pair), {})[str(probe.arm)] = index[probe.id]
            whole = [side for side in sides.values() if len(side) == 2]
            found = Pairs(
                np.array([side[suite.arms[0]] for side in whole], dtype=np.intp),
                np.array([side[str(control)] for side in whole], dtype=np.intp),
            )
            self._pairs[key] = found
        return found

    def columns(self, run: RunTallies) -> dict[tuple[str, str], dict[str, Floats]]:
        """Return a run's counts per (endpoint, suite) as arrays in the suite's order; a probe not there counts 0."""
        found: dict[tuple[str, str], dict[str, Floats]] = {}
        table = run.table
        counts = table[list(COUNTS)].to_numpy(dtype=np.float64)
        rows: dict[tuple[str, str], tuple[list[int], list[int]]] = {}
        names = zip(
            table["endpoint"].tolist(), table["suite"].tolist(), table["probe_id"].tolist(), strict=True
        )
        for row, (endpoint, suite, probe_id) in enumerate(names):
            place = self._index.get(suite, _NOWHERE).get(probe_id)
            if place is not None:
                mine = rows.setdefault((endpoint, suite), ([], []))
                mine[0].append(row)
                mine[1].append(place)
        for (endpoint, suite), (chosen, places) in rows.items():
            sums = np.zeros((len(self._index[suite]), len(COUNTS)))
            np.add.at(sums, places, counts[chosen])
            columns = {name: sums[:, place] for place, name in enumerate(COUNTS)}
            # Denied access is a finding of its own; as an answer it would read as a lost skill.
            columns["measured"] = columns["n"] - columns["failed"] - columns["denied"]
            columns["declined"] = columns["refused"] + columns["cut"] + columns["empty"]
            found[endpoint, suite] = columns
        return found


def score(stream: Stream, layout: Layout, columns: Mapping[str, Floats]) -> Score:
    """Return what a run says of a statistical stream other than identity.

    Args:
        stream: which.
        layout: where its probes stand.
        columns: the run's counts of the stream's endpoint and suite, from `Layout.columns`.
    """
    places = layout.places(stream)
    measured = columns["measured"][places]
    n = int(measured.sum())
    if stream.signal is Signal.LOCK:
        return _lock(stream, layout, columns)
    if n == 0:
        return Score(None, None, 0, stream.planned)
    if stream.signal is Signal.CORRECT:
        right = columns["score_sum"][places]
        mean = _mean(right, measured)
        if not stream.tallied:
            return Score(mean, mean, n, stream.planned)
        trials = tuple(int(each) for each in measured)
        return Score(mean, mean, n, stream.planned, tuple(float(each) for each in right), trials)
    if stream.signal is Signal.ANCHOR_FRESH:
        return _anchor_fresh(stream, layout, columns)
    if stream.signal is Signal.REFUSED:
        count = float(columns["declined"][places].sum())
    else:
        count = float((columns["unparsed"] + columns["truncated"])[places].sum())
    return Score(count / n, anscombe(count, n), n, stream.planned)


def anscombe(count: float, n: float) -> float:
    """Return a rate on the scale on which its spread hardly depends on it: arcsin sqrt((x + 3/8) / (n + 3/4)).

    Source: Anscombe (1948), Biometrika 35, 246-254.
    """
    return float(np.arcsin(np.sqrt((count + 0.375) / (n + 0.75))))


def identity_score(stream: Stream, answers: Mapping[str, Mapping[str, int]], reference: Reference) -> Score:
    """Return the squared distance of a run's answers from the frozen reference, and which prompts agree with it.

    Args:
        stream: which.
        answers: probe -> answer -> how often, in this run.
        reference: probe -> answer -> share, from the reference runs.
    """
    n, total, asked = 0, 0.0, 0
    agree: list[float] = []
    trials: list[int] = []
    for probe, shares in sorted(reference.items()):
        counts = answers.get(probe, {})
        size = sum(counts.values())
        n += size
        # Of equally frequent answers any will do, if it is always the same one.
        usual = max(shares, key=lambda each: (shares[each], each))
        agree.append(counts.get(usual, 0) / size if size else 0.0)
        trials.append(int(size > 0))
        if size == 0:
            continue
        asked += 1
        total += sum(
            (counts.get(each, 0) / size - shares.get(each, 0.0)) ** 2 for each in sorted({*counts, *shares})
        )
    value = total / asked if asked else None
    return Score(value, value, n, stream.planned, tuple(agree), tuple(trials))


Reference: TypeAlias = Mapping[str, Mapping[str, float]]
"""Probe -> answer -> share."""


def reference_shares(runs: list[Mapping[str, Mapping[str, int]]]) -> dict[str, dict[str, float]]:
    """Return the answer shares of the runs that make the reference."""
    sums: dict[str, dict[str, int]] = {}
    for run in runs:
        for probe, counts in run.items():
            mine = sums.setdefault(probe, {})
            for answer, count in counts.items():
                mine[answer] = mine.get(answer, 0) + count
    return {
        probe: {answer: count / sum(counts.values()) for answer, count in sorted(counts.items())}
        for probe, counts in sorted(sums.items())
        if sum(counts.values())
    }


def lock_parts(columns: Mapping[str, Floats], pairs: Pairs) -> tuple[Floats, dict[Lock, Floats]]:
    """Return each whole pair's difference, topic minus neutral, and how it divides over the three ways to lock.

    A discordant pair is assigned by its notice: any refusal makes it explicit, else an announced fallback announced,
    else it is silent. A pair with a side that was not measured is left out (NaN).
    """
    topic, neutral = pairs.topic, pairs.neutral
    valid = columns["measured"]
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(valid > 0, columns["score_sum"] / valid, np.nan)
    d = share[topic] - share[neutral]
    refused = (columns["declined"][topic] + columns["declined"][neutral]) > 0
    noticed = ~refused & ((columns["noticed"][topic] + columns["noticed"][neutral]) > 0)
    nothing = np.where(np.isnan(d), np.nan, 0.0)
    return d, {
        Lock.EXPLICIT: np.where(refused, d, nothing),
        Lock.ANNOUNCED: np.where(noticed, d, nothing),
        Lock.SILENT: np.where(~refused & ~noticed, d, nothing),
    }


def _lock(stream: Stream, layout: Layout, columns: Mapping[str, Floats]) -> Score:
    pairs = layout.pairs(stream)
    d, _ = lock_parts(columns, pairs)
    whole = ~np.isnan(d)
    n = int((columns["measured"][pairs.topic] + columns["measured"][pairs.neutral])[whole].sum())
    if not whole.any():
        return Score(None, None, 0, stream.planned)
    value = round(float(d[whole].mean()), 12)
    return Score(value, value, n, stream.planned)


def _anchor_fresh(stream: Stream, layout: Layout, columns: Mapping[str, Floats]) -> Score:
    probes, places = layout.probes(stream), layout.places(stream)
    fixed = np.array([probe.anchor for probe in probes])
    sides = []
    for side in (places[fixed], places[~fixed]):
        measured = columns["measured"][side]
        if not measured.any():
            return Score(None, None, int(columns["measured"][places].sum()), stream.planned)
        sides.append(_mean(columns["score_sum"][side], measured))
    value = round(sides[0] - sides[1], 12)  # equal runs tie
    return Score(value, value, int(columns["measured"][places].sum()), stream.planned)


def _mean(total: Floats, measured: Floats) -> float:
    """Return the mean over probes of each probe's own mean; probes not measured are left out."""
    there = measured > 0
    # Rounded, so that equal runs tie whatever the order of summing.
    return round(float((total[there] / measured[there]).mean()), 12)


def identifying(layout: Layout) -> list[str]:
    """Return the suites whose answers tell models apart."""
    return [name for name, suite in layout.suites.items() if identifies(suite)]
