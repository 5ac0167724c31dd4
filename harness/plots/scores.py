"""Scores per suite, family and arm, and the difference between twins."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from harness.plots.outcomes import counted, simulated
from harness.plots.series import (
    FEW_RUNS,
    PANELS,
    ROW_LIMIT,
    Group,
    Words,
    choose,
    draw,
    left_out_note,
    overlay,
)
from harness.plots.theme import Plot, short, slug, style
from harness.tables import Band, Evidence, bands, summarise, twins
from harness.tables.words import MINUS, percent, plural, points

_SCORE = "score: 100% = everything as the suite asks for"


def score_plot(evidence: Evidence, endpoint: str, suite: str) -> Plot:
    """Return the scores of the suite and its families with Wilson intervals; with few runs, its arms' too."""
    tallies = _chosen(evidence, endpoint, suite)
    table = summarise(tallies)
    few = len(table) <= FEW_RUNS
    whole = Group("whole suite", _values(table))
    groups = _groups(summarise(tallies, "family"))
    if len(groups) == 1 and tallies["family"].nunique(dropna=False) == 1:
        groups = []  # the only family is the suite once more
    if few:
        groups += [Group(f"arm: {group.name}", group.table) for group in _groups(summarise(tallies, "arm"))]
    shown, left_out = choose(groups, ROW_LIMIT if few else PANELS)
    found = bands(evidence, endpoint, suite)
    title = f"How well {short(endpoint, 40)} did: suite {short(suite, 40)}"
    words = Words(title, _subtitle(table, evidence, "task"), _SCORE if few else "score")
    notes = left_out_note(left_out, "family", "families")
    with style():
        figure = draw(whole, shown, words, notes, found, "share")
    last = table.iloc[-1]
    alt = (
        f"Dots with intervals. Whole suite in the latest run: {percent(last['score'])}, "
        f"{_range(last, percent)}, {plural(int(last['tasks']), 'task')}. " + _named(shown, percent)
    )
    return Plot(slug("scores", endpoint, suite), title, _bars("task"), alt, figure)


def arm_plot(evidence: Evidence, endpoint: str, suite: str) -> Plot | None:
    """Return the arms' scores over each other along time; None without arms or with few runs."""
    tallies = _chosen(evidence, endpoint, suite)
    series = _groups(summarise(tallies, "arm"))
    if len(series) < 2 or tallies["run_id"].nunique() <= FEW_RUNS:
        return None
    shown, left_out = choose(series, 4)
    title = f"The two sides of each pair: {short(endpoint, 40)}, suite {short(suite, 40)}"
    words = Words(title, _subtitle(summarise(tallies), evidence, "task"), "score")
    with style():
        figure = overlay(shown, words, left_out_note(left_out, "arm"), bands(evidence, endpoint, suite))
    alt = "Series of dots with intervals, one for each side. " + _named(shown, percent)
    return Plot(slug("arms", endpoint, suite), title, _bars("task"), alt, figure)


def twin_plot(evidence: Evidence, endpoint: str, suite: str) -> Plot | None:
    """Return the difference between twins per topic, with its interval around zero; None without pairs."""
    table = twins(_chosen(evidence, endpoint, suite), evidence.suites)
    if table.empty:
        return None
    arm, control = str(table["arm"].iloc[0]), str(table["control"].iloc[0])
    table = table[table["arm"] == arm].rename(columns={"difference": "value", "pairs": "n"})
    whole = Group("all pairs", table[table["topic"] == ""].sort_values("started_at"))
    groups = [
        Group(str(topic), part) for topic, part in table[table["topic"] != ""].groupby("topic", sort=True)
    ]
    few = whole.table["started_at"].nunique() <= FEW_RUNS
    shown, left_out = choose(groups, ROW_LIMIT if few else PANELS)
    found: tuple[Band, ...] = bands(evidence, endpoint, suite)
    sides = f"{short(arm, 20).capitalize()} against {short(control, 20)}"
    title = f"{sides}: {short(endpoint, 36)}, suite {short(suite, 36)}"
    axis = f"score in {short(arm, 16)} {MINUS} score in {short(control, 16)}"
    subtitle = (
        (
            "The same task in two wordings. Left of zero"
            if few
            else "The same task in two wordings. Below zero"
        )
        + f": worse in the {short(arm, 20)} wording. {plural(int(whole.table['n'].max()), 'pair')}"
        + (f", {plural(whole.table['run_id'].nunique(), 'run')}{simulated(evidence)}.")
    )
    words = Words(title, subtitle, f"{axis}, points" if few else "difference, points")
    with style():
        figure = draw(whole, shown, words, left_out_note(left_out, "topic"), found, "difference")
    last = whole.table.iloc[-1]
    alt = (
        f"Differences with intervals around zero. All pairs in the latest run: {points(last['value'])}, "
        f"{_range(last, points)}. " + _named(shown, points)
    )
    return Plot(slug("twins", endpoint, suite), title, _bars("pair"), alt, figure)


def _chosen(evidence: Evidence, endpoint: str, suite: str) -> pd.DataFrame:
    tallies = evidence.tallies
    return tallies[(tallies["endpoint"] == endpoint) & (tallies["suite"] == suite)]


def _values(table: pd.DataFrame) -> pd.DataFrame:
    return table.drop(columns="n").rename(columns={"score": "value", "tasks": "n"})


def _groups(table: pd.DataFrame) -> list[Group]:
    return [Group(str(name), part) for name, part in _values(table).groupby("group", sort=True)]


def _subtitle(table: pd.DataFrame, evidence: Evidence, unit: str) -> str:
    low, high = int(table["tasks"].min()), int(table["tasks"].max())
    n = plural(high, unit) if low == high else f"{low}–{high} {unit}s"
    return f"{counted(table)}, {n} in each{simulated(evidence)}. Bars: 95% intervals."


def _bars(unit: str) -> str:
    return f"Each dot is one run; the bar is its 95% interval, with the {unit} as unit."


def _range(row: pd.Series[float], say: Callable[[float], str]) -> str:
    if row["low"] != row["low"]:
        return "no interval"
    return f"interval {say(row['low'])} to {say(row['high'])}"


def _named(groups: list[Group], say: Callable[[float], str]) -> str:
    words = [
        f"{short(group.name)} {say(group.table['value'].iloc[-1])}"
        for group in groups[:12]
        if len(group.table)
    ]
    return f"By group, latest run: {', '.join(words)}." if words else ""
