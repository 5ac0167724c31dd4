"""Two sets of runs, side by side: paired by probe, with an interval, described and not judged."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.errors import EvidenceError
from harness.stats import LEVEL, mean_score
from harness.stats.multiplicity import benjamini_hochberg, holm
from harness.stats.worst_case import WorstCase, worst_case
from harness.tables.comparison import Answers, Comparison, GroupSide, ProbeChange, Row, Side
from harness.tables.evidence import OUTCOMES
from harness.tables.matched import match
from harness.tables.summary import PROBE, pool, with_scores
from harness.tables.words import plural, printable, short_hash

_LEVELS = ("family", "kind", "arm", "topic", "language")
_TAGS = ("family", "topic", "arm", "pair", "kind", "language", "depth", "difficulty", "anchor", "fresh")


def compare(
    left: pd.DataFrame,
    right: pd.DataFrame,
    *,
    left_label: str = "A",
    right_label: str = "B",
    level: float = LEVEL,
    identities: pd.DataFrame | None = None,
    answers: Answers | None = None,
    redefined: Collection[tuple[str, str]] = (),
) -> Comparison:
    """Compare two sets of runs, paired by suite and probe, right minus left.

    Several runs on a side are pooled per probe first; what runs differ by among themselves is in the interval
    (`clustered_difference`) where there are at least three in all. A probe that was not asked or not measured on one
    side is left out of the difference and counted. With the same endpoints on both sides they are compared
    each with itself; with one endpoint on each side, with each other. Where the content of a suite differs
    between the sides, probes found on both with the same tags are compared (an id is never given to
    another question) and the note says so.

    Args:
        left: Tallies of the first set of runs.
        right: Tallies of the second.
        left_label: What the first set is called.
        right_label: What the second set is called.
        level: Confidence level of every interval.
        identities: Identities of the runs, to name served models.
        answers: How many answers were byte-identical, when the store was asked.
        redefined: (suite, probe_id) known to ask something else on the two sides: left out.

    Raises:
        EvidenceError: a side is empty, or the sides have no probe in common.
    """
    for label, frame in ((left_label, left), (right_label, right)):
        if frame.empty:
            raise EvidenceError(f"{label}: no finished exchanges there; `harness status` lists the runs")
    left, right, endpoint_note = _same_endpoints(
        left.assign(asked_as=left["endpoint"]), right.assign(asked_as=right["endpoint"])
    )
    notes = [endpoint_note] if endpoint_note else []
    paired = _pair(pool(left), pool(right), set(redefined), notes, left_label, right_label)
    if paired.empty:
        raise EvidenceError(
            f"{left_label} and {right_label} have no probe in common: compare runs of the same suite"
        )
    first, second = (
        _side(left_label, left, identities),
        _side(right_label, right, identities),
    )
    if first.makers != second.makers and (first.makers or second.makers):
        notes.append(
            "The answers were read and graded by different versions of the code "
            f"({'; '.join(first.makers) or 'unknown'} against {'; '.join(second.makers) or 'unknown'}): "
            "`harness regrade` puts both on the same footing."
        )
    if "fresh" in paired and paired["fresh"].fillna(value=False).astype(bool).any():
        count = int(paired["fresh"].fillna(value=False).astype(bool).sum())
        notes.append(
            f"{plural(count, 'probe')} fresh in each run: the same template with new values, "
            "so part of the difference may come from the values."
        )
    rows = _adjusted(_rows(paired, left, right, level))
    matched = match(left, right, paired)
    return Comparison(first, second, level, rows, _changed(paired), tuple(notes), answers, matched)


def _same_endpoints(left: pd.DataFrame, right: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, str]:
    ours, theirs = set(left["endpoint"].unique()), set(right["endpoint"].unique())
    if ours == theirs:
        return left, right, ""
    if len(ours) == 1 and len(theirs) == 1:
        name = f"{next(iter(ours))} → {next(iter(theirs))}"
        return left.assign(endpoint=name), right.assign(endpoint=name), ""
    common = ours & theirs
    if not common:
        raise EvidenceError(
            f"different endpoints on the two sides ({', '.join(sorted(ours))}; {', '.join(sorted(theirs))}): "
            "name one on each"
        )
    dropped = ", ".join(printable(name) for name in sorted(ours ^ theirs))
    note = f"Endpoints asked on one side only are left out: {dropped}."
    return left[left["endpoint"].isin(common)], right[right["endpoint"].isin(common)], note


def _pair(
    left: pd.DataFrame,
    right: pd.DataFrame,
    redefined: set[tuple[str, str]],
    notes: list[str],
    left_label: str,
    right_label: str,
) -> pd.DataFrame:
    merged = left.merge(right, on=PROBE, how="outer", suffixes=("_left", "_right"), indicator="where")
    for where, label in (("left_only", left_label), ("right_only", right_label)):
        count = int((merged["where"] == where).sum())
        if count:
            notes.append(
                f"{plural(count, 'probe')} asked in {label} only: missing on the other side, left out."
            )
    both = merged[merged["where"] == "both"].copy()
    both = _same_definition(both, redefined, notes)
    for tag in _TAGS:
        if f"{tag}_right" in both.columns:
            both[tag] = both[f"{tag}_right"]
    both["task"] = both["task_right"]
    unmeasured = both["score_left"].isna() | both["score_right"].isna()
    if unmeasured.any():
        notes.append(
            f"{plural(int(unmeasured.sum()), 'probe')} asked on both sides but without a measured answer on "
            "one: missing, left out of the difference."
        )
    return both


def _same_definition(both: pd.DataFrame, redefined: set[tuple[str, str]], notes: list[str]) -> pd.DataFrame:
    """Keep the probes whose question is the same on both sides, and say what was left out."""
    changed = both["suite_hash_left"] != both["suite_hash_right"]
    for suite, part in both[changed].groupby("suite", sort=True):
        versions = [
            f"version {part[f'suite_version_{side}'].iloc[0]}, "
            f"{short_hash(part[f'suite_hash_{side}'].iloc[0])}"
            for side in ("left", "right")
        ]
        notes.append(
            f"Suite {printable(suite)} differs between the sides ({versions[0]} against {versions[1]}): only "
            "probes with the same id and tags on both sides are compared."
        )
    keep = pd.Series(data=True, index=both.index)
    for tag in _TAGS:
        if f"{tag}_left" in both.columns:
            one, other = both[f"{tag}_left"], both[f"{tag}_right"]
            keep &= ~changed | (one == other) | (one.isna() & other.isna())
    if redefined:
        keep &= ~pd.Series(
            [key in redefined for key in zip(both["suite"], both["probe_id"], strict=True)], index=both.index
        )
    dropped = int((~keep).sum())
    if dropped:
        notes.append(f"{plural(dropped, 'probe')} changed between the suite versions: left out.")
    return both[keep]


def _rows(paired: pd.DataFrame, left: pd.DataFrame, right: pd.DataFrame, level: float) -> list[Row]:
    rows: list[Row] = []
    sides = [_scores_by_run(frame) for frame in (left, right)]
    for endpoint, mine in paired.groupby("endpoint", sort=True):
        asked = [side[side["endpoint"] == endpoint] for side in sides]
        if mine["suite"].nunique() > 1:
            rows += _level(mine.assign(group=""), asked, str(endpoint), "", "all", level)
        for suite, part in mine.groupby("suite", sort=True):
            there = [side[side["suite"] == suite] for side in asked]
            rows += _level(part.assign(group=""), there, str(endpoint), str(suite), "suite", level)
            for by in (each for each in _LEVELS if each in part.columns):
                known = part[part[by].notna() & (part[by] != "")]
                if by == "language" and known[by].nunique() < 2:
                    continue  # every probe has a language: one for all divides nothing
                rows += _level(known.assign(group=known[by]), there, str(endpoint), str(suite), by, level)
    return rows


def _scores_by_run(frame: pd.DataFrame) -> pd.DataFrame:
    """Return each run's score of each probe; nothing for a side of one run, whose scores show no spread of runs."""
    scored = with_scores(frame)[["run_id", "endpoint", "suite", "probe_id", "score"]]
    return scored[scored["score"].notna()]


def _level(
    part: pd.DataFrame, runs: list[pd.DataFrame], endpoint: str, suite: str, by: str, level: float
) -> list[Row]:
    """Return one row per group: twins are averaged into their task before anything is compared."""
    # scipy takes a moment to load, and only a comparison needs it.
    from harness.stats.clusters import clustered_difference

    if part.empty:
        return []
    keys = ["group", "suite", "task"]
    matched = part[part["score_left"].notna() & part["score_right"].notna()]
    both = _by_group(matched.groupby(keys, sort=True)[["score_left", "score_right"]].mean())
    each = _by_group(part.groupby(keys, sort=True)[["score_left", "score_right"]].mean())
    by_run = [_by_group_and_run(matched[[*keys, "probe_id"]], side) for side in runs]
    numbers = [sorted(side["run_id"].unique().tolist()) for side in runs]
    counts = [f"{name}_{side}" for side in ("left", "right") for name in ("n", "measured", *OUTCOMES)]
    sums = part.groupby("group", sort=True)[counts].sum()
    nothing = np.zeros((0, 2))
    rows = []
    for group, total in sums.to_dict("index").items():
        means = both.get(str(group), nothing)
        sides = [
            GroupSide(
                exchanges=int(total[f"n_{side}"]),
                measured=int(total[f"measured_{side}"]),
                score=mean_score(each[str(group)][:, place], level, "task"),
                outcomes={name: int(total[f"{name}_{side}"]) for name in OUTCOMES},
            )
            for place, side in enumerate(("left", "right"))
        ]
        none = np.zeros((0, len(means)))
        found = clustered_difference(
            means[:, 0],
            means[:, 1],
            by_run[0].get(str(group), none),
            by_run[1].get(str(group), none),
            level,
            unit="task",
            shared=numbers[0] == numbers[1],
        )
        rows.append(
            Row(
                *(endpoint, suite, by, str(group), sides[0], sides[1], found.difference, found.p),
                worst=_worst(part[part["group"] == group], level),
            )
        )
    return rows


def _worst(part: pd.DataFrame, level: float) -> WorstCase | None:
    """Return the limits that failed and denied calls leave open, twins averaged into their task; None without any."""
    gone = {side: part[f"failed_{side}"] + part[f"denied_{side}"] for side in ("left", "right")}
    if not sum(int(each.sum()) for each in gone.values()):
        return None
    shares = {"task": part["task"], "suite": part["suite"]}
    for side, missing in gone.items():
        shares[f"got_{side}"] = part[f"score_sum_{side}"] / part[f"n_{side}"]
        shares[f"gone_{side}"] = missing / part[f"n_{side}"]
    tasks = pd.DataFrame(shares).groupby(["suite", "task"], sort=True).mean()
    ones = np.ones(len(tasks))
    return worst_case(
        (tasks["got_left"].to_numpy(), tasks["got_right"].to_numpy()),
        (tasks["gone_left"].to_numpy(), tasks["gone_right"].to_numpy()),
        (ones, ones),
        level,
    )


def _by_group_and_run(matched: pd.DataFrame, runs: pd.DataFrame) -> dict[str, npt.NDArray[np.float64]]:
    """Return each group's task scores with a row per run and the columns of `_by_group`; NaN where not measured."""
    if matched.empty:
        return {}
    if runs["run_id"].nunique() < 2:
        count = matched.groupby("group")[["suite", "task"]].apply(lambda part: len(part.drop_duplicates()))
        return {str(name): np.full((1, int(n)), np.nan) for name, n in count.items()}
    joined = matched.merge(runs, on=["suite", "probe_id"])
    tasks = matched.drop_duplicates(["group", "suite", "task"]).sort_values(["group", "suite", "task"])
    numbers = sorted(runs["run_id"].unique().tolist())
    found = {}
    for group, part in joined.groupby("group", sort=True):
        wide = part.pivot_table(index="run_id", columns=["suite", "task"], values="score", aggfunc="mean")
        mine = pd.MultiIndex.from_frame(tasks.loc[tasks["group"] == group, ["suite", "task"]])
        found[str(group)] = wide.reindex(index=numbers, columns=mine).to_numpy(dtype=float)
    return found


def _adjusted(rows: list[Row]) -> tuple[Row, ...]:
    """Return the rows with p-values adjusted over all groups of one kind."""
    families: dict[str, list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        families[row.by].append(place)
    made = list(rows)
    for places in families.values():
        own = [rows[place].p for place in places]
        adjusted = holm([np.nan if p is None else p for p in own])
        for place, value in zip(places, adjusted.tolist(), strict=True):
            made[place] = replace(rows[place], adjusted=None if np.isnan(value) else value)
    return tuple(made)


def _by_group(means: pd.DataFrame) -> dict[str, npt.NDArray[np.float64]]:
    """Return each group's task means as an array with a column per side."""
    return {str(name): part.to_numpy(dtype=float) for name, part in means.groupby(level="group", sort=True)}


def _changed(paired: pd.DataFrame) -> tuple[ProbeChange, ...]:
    tested = paired[paired["score_left"].notna() & paired["score_right"].notna()]
    p = _fisher(tested)
    adjusted = benjamini_hochberg(p)
    moved = tested.assign(d=(tested["score_right"] - tested["score_left"]).abs(), p=p, adjusted=adjusted)
    moved = moved[moved["d"] > 1e-12].sort_values(["d", *PROBE], ascending=[False, True, True, True])
    return tuple(
        ProbeChange(
            endpoint=str(row["endpoint"]),
            suite=str(row["suite"]),
            probe_id=str(row["probe_id"]),
            family=str(row["family"] or ""),
            left=float(row["score_left"]),
            right=float(row["score_right"]),
            p=None if np.isnan(row["p"]) else float(row["p"]),
            adjusted=None if np.isnan(row["adjusted"]) else float(row["adjusted"]),
        )
        for row in moved.to_dict("records")
    )


def _fisher(tested: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Return Fisher's exact p per probe; NaN where scores are not whole or so few answers could show nothing."""
    p = np.full(len(tested), np.nan)
    columns = ["score_sum_left", "measured_left", "score_sum_right", "measured_right"]
    numbers = tested[columns].to_numpy(dtype=float)
    _, n_first, _, n_second = numbers.T
    whole = (np.abs(numbers - np.round(numbers)) < 1e-9).all(axis=1)
    # With m and n answers the least p is 2 / binomial(m + n, m): 0.1 at three and three.
    testable = np.flatnonzero(whole & (n_first + n_second >= 6) & (np.minimum(n_first, n_second) >= 2))
    if not testable.size:
        return p
    from scipy.stats import fisher_exact

    known: dict[tuple[int, int, int, int], float] = {}
    for place in testable:
        a, m, b, n = (round(float(each)) for each in numbers[place])
        if (a, m, b, n) not in known:
            known[a, m, b, n] = min(1.0, float(fisher_exact([[a, m - a], [b, n - b]])[1]))
        p[place] = known[a, m, b, n]
    return p


def _side(label: str, frame: pd.DataFrame, identities: pd.DataFrame | None) -> Side:
    runs = tuple(sorted(int(run) for run in frame["run_id"].unique()))
    mine = None if identities is None else identities[identities["run_id"].isin(runs)]

    def named(column: str) -> tuple[str, ...]:
        source = frame if mine is None or column not in mine.columns else mine
        if column not in source.columns:
            return ()
        return tuple(sorted({str(value) for value in source[column].dropna().unique() if value != ""}))

    suites = frame[["suite", "suite_version", "suite_hash"]].drop_duplicates()
    first, last = frame["started_at"].min(), frame["started_at"].max()
    return Side(
        label=label,
        run_ids=runs,
        first=pd.Timestamp(first).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        last=pd.Timestamp(last).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        endpoints=tuple(sorted({str(name) for name in frame["endpoint"].unique()})),
        models=tuple(sorted({str(name) for name in frame["model"].unique()})),
        served_models=named("served_model") if mine is not None else (),
        fingerprints=named("fingerprint") if mine is not None else (),
        suites=tuple(
            sorted(
                f"{row['suite']} version {row['suite_version']} ({short_hash(row['suite_hash'])})"
                for row in suites.to_dict("records")
            )
        ),
        makers=named("makers"),
        exchanges=int(frame["n"].sum()),
        measured=int((frame["n"] - frame["failed"]).sum()),
    )
