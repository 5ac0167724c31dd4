"""Tallies -> what came back, per run and group: shares, scores, twin differences, coverage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

import numpy as np
import pandas as pd

from harness.stats import LEVEL, paired_bounds, wilson_bounds
from harness.tables.evidence import OUTCOMES, Evidence, SuiteNote, control_arm

By: TypeAlias = Literal["suite", "family", "arm", "topic"]
"""What a group is: the whole suite, or one value of a probe's tag."""

PROBE = ["endpoint", "suite", "probe_id"]
_COUNTS = ["n", *OUTCOMES, "graded", "score_sum"]
_RUN = ["run_id", "started_at", "endpoint", "suite"]
_TAGS = (
    "model", "suite_version", "suite_hash", "family", "topic", "arm", "pair", "language", "depth",
    "difficulty", "anchor", "fresh", "kind",
)  # fmt: skip


def with_scores(tallies: pd.DataFrame) -> pd.DataFrame:
    """Return the tallies with `measured`, the probe's `score` and the `task` it belongs to.

    The score is the capability in use: right answers over measured exchanges, so that a refusal, an empty
    or an unreadable answer is no right answer, while a failed exchange is not counted at all (NaN where
    nothing was measured). Twins are one task asked in two wordings and not independent of each other, so
    the task, not the probe, is the unit of every interval.
    """
    measured = tallies["n"] - tallies["failed"]
    score = tallies["score_sum"] / measured.where(measured > 0)
    pair = tallies["pair"]
    task = pair.where(pair.notna() & (pair != ""), tallies["probe_id"])
    return tallies.assign(measured=measured, score=score.astype(float), task=task)


def pool(tallies: pd.DataFrame) -> pd.DataFrame:
    """Return one row per endpoint, suite and probe: counts summed over runs, tags as they were last."""
    tags = [name for name in _TAGS if name in tallies.columns]
    ordered = tallies.sort_values(["started_at", "run_id"], kind="stable")
    sums = ordered.groupby(PROBE, sort=True)[_COUNTS].sum()
    named = ordered.drop_duplicates(PROBE, keep="last").set_index(PROBE)[tags]
    return with_scores(sums.join(named).reset_index())


def task_scores(frame: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Return per group how many `tasks` were measured, the `total` of their scores and its mean `score`."""
    scored = frame[frame["score"].notna()]
    if scored.duplicated([*keys, "task"]).any():
        scored = scored.groupby([*keys, "task"], sort=False)[["score"]].mean().reset_index()
    grouped = scored.groupby(list(keys), sort=True)["score"]
    table = pd.DataFrame({"tasks": grouped.size(), "total": grouped.sum()})
    return table.assign(score=table["total"] / table["tasks"])


def summarise(tallies: pd.DataFrame, by: By = "suite", level: float = LEVEL) -> pd.DataFrame:
    """Return one row per run, endpoint, suite and group, oldest run first.

    Columns: run_id, started_at, endpoint, suite, group, probes (asked), tasks (with a measured exchange),
    the counts n, measured, the eight outcomes, graded, score_sum; coverage (measured / n), score (mean
    over tasks) with low and high (Wilson, the task as unit; NaN with fewer than two), accuracy
    (score_sum / graded: among answers that could be read; never to be shown alone).
    """
    frame = with_scores(tallies)
    frame["group"] = "" if by == "suite" else frame[by]
    if by != "suite":
        frame = frame[frame["group"].notna() & (frame["group"] != "")]
    keys = [*_RUN, "group"]
    grouped = frame.groupby(keys, sort=True)
    table = grouped[[*_COUNTS, "measured"]].sum()
    table["probes"] = grouped["probe_id"].nunique()
    table = table.join(task_scores(frame, keys))
    table[["tasks", "total"]] = table[["tasks", "total"]].fillna(0)
    table["tasks"] = table["tasks"].astype(int)
    table["coverage"] = table["measured"] / table["n"].where(table["n"] > 0)
    table["low"], table["high"] = wilson_bounds(table["total"], table["tasks"], level)
    table["accuracy"] = table["score_sum"] / table["graded"].where(table["graded"] > 0)
    order = ["started_at", "run_id", "endpoint", "suite", "group"]
    return table.drop(columns="total").reset_index().sort_values(order, ignore_index=True)


def shares(tallies: pd.DataFrame, level: float = LEVEL) -> pd.DataFrame:
    """Return each outcome's share of the measured exchanges, in long form, per endpoint and suite.

    Pooled over the runs given. Columns: endpoint, suite, outcome, count, measured, failed, tasks, share,
    low, high. `failed` has a count and no share: it is missing data. The interval takes the task as its
    unit, because several answers to one probe, or to twins, are not independent.
    """
    pooled = pool(tallies)
    grouped = pooled.groupby(["endpoint", "suite"], sort=True)
    sums = grouped[[*OUTCOMES, "measured"]].sum()
    tasks = pooled[pooled["measured"] > 0].groupby(["endpoint", "suite"])["task"].nunique()
    sums["tasks"] = tasks.reindex(sums.index).fillna(0).astype(int)
    long = sums.reset_index().melt(
        id_vars=["endpoint", "suite", "measured", "tasks"],
        value_vars=list(OUTCOMES), var_name="outcome", value_name="count",
    )  # fmt: skip
    keys = ["endpoint", "suite"]
    long = long.merge(sums["failed"].reset_index(), on=keys)
    real = (long["outcome"] != "failed") & (long["measured"] > 0)
    long["share"] = (long["count"] / long["measured"].where(long["measured"] > 0)).where(real)
    low, high = wilson_bounds(long["share"].fillna(0.0) * long["tasks"], long["tasks"], level)
    long["low"], long["high"] = np.where(real, low, np.nan), np.where(real, high, np.nan)
    long["place"] = long["outcome"].map({name: place for place, name in enumerate(OUTCOMES)})
    long = long.sort_values([*keys, "place"], ignore_index=True)
    columns = ["outcome", "count", "measured", "failed", "tasks", "share", "low", "high"]
    return long[[*keys, *columns]]


_TWIN_COLUMNS = [
    *_RUN, "topic", "arm", "control", "pairs", "arm_score", "control_score", "difference", "low", "high",
]  # fmt: skip


def twins(
    tallies: pd.DataFrame, notes: Mapping[str, SuiteNote] | None = None, level: float = LEVEL
) -> pd.DataFrame:
    """Return the difference between twins, arm minus control, per run, endpoint, suite and topic.

    A pair counts where both its arms were measured in the run. Topic `""` stands for all pairs of the
    suite. The interval is that of `paired_difference`, with the pair as unit; NaN with fewer than two.
    """
    paired = tallies[tallies["pair"].notna() & tallies["arm"].notna()]
    tables: list[pd.DataFrame] = []
    for suite, part in paired.groupby("suite", sort=True):
        declared = notes[str(suite)].arms if notes and str(suite) in notes else ()
        arms = [str(name) for name in part["arm"].unique()]
        control = control_arm(arms, declared)
        if control is None:
            continue
        tables.extend(_arm_table(part, name, control, level) for name in sorted(arms) if name != control)
    tables = [table for table in tables if not table.empty]
    if not tables:
        return pd.DataFrame(columns=_TWIN_COLUMNS)
    return pd.concat(tables, ignore_index=True)


def _arm_table(part: pd.DataFrame, arm: str, control: str, level: float) -> pd.DataFrame:
    keys = [*_RUN, "pair"]
    scored = with_scores(part)
    sums = scored.groupby([*keys, "arm"], sort=True)[["score_sum", "measured"]].sum()
    mean = (sums["score_sum"] / sums["measured"].where(sums["measured"] > 0)).unstack("arm")
    if arm not in mean.columns or control not in mean.columns:
        return pd.DataFrame(columns=_TWIN_COLUMNS)
    both = mean[[arm, control]].dropna().reset_index()
    both.columns = pd.Index([*keys, "arm_score", "control_score"])
    # The topic of a pair is that of its arm; the control's words may belong to no topic.
    topics = part.loc[part["arm"] == arm].groupby("pair")["topic"].first()
    both["topic"] = both["pair"].map(topics)
    both["d"] = both["arm_score"] - both["control_score"]
    both["d2"] = both["d"] ** 2
    everything = both.assign(topic="")
    known = both[both["topic"].notna() & (both["topic"] != "")]
    grouped = pd.concat([everything, known], ignore_index=True).groupby([*_RUN, "topic"], sort=True)
    table = grouped[["d", "d2"]].sum()
    table["pairs"] = grouped["pair"].nunique()
    table[["arm_score", "control_score"]] = grouped[["arm_score", "control_score"]].mean()
    table["difference"] = table["d"] / table["pairs"]
    table["low"], table["high"] = paired_bounds(table["pairs"], table["d"], table["d2"], level)
    return table.reset_index().assign(arm=arm, control=control)[_TWIN_COLUMNS]


def coverage(evidence: Evidence) -> pd.DataFrame:
    """Return how much of what each run planned was measured, one row per run, oldest first.

    Columns: run_id, started_at, status, clock, trigger, planned, completed, measured, failed, coverage
    (measured / planned). A call that was never sent and a call that failed are both missing.
    """
    columns = ["run_id", "started_at", "status", "clock", "trigger", "planned", "completed"]
    table = evidence.runs[columns].copy()
    sums = evidence.tallies.groupby("run_id")[["n", "failed"]].sum()
    table["failed"] = table["run_id"].map(sums["failed"]).fillna(0).astype(int)
    finished = table["run_id"].map(sums["n"]).fillna(0).astype(int)
    table["measured"] = finished - table["failed"]
    table["coverage"] = table["measured"] / table["planned"].where(table["planned"] > 0)
    return table.sort_values(["started_at", "run_id"], ignore_index=True)
