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
from harness.plots.theme import Plot, short, slug, style, wide
from harness.plots.timeline import mark_words
from harness.tables import Part
from harness.tables.words import MINUS, percent, plural, points

_SCORE = "score: 100% = everything as the suite asks for"


def score_plot(part: Part) -> Plot:
    """Return the scores of the suite and its families with Wilson intervals; with few runs, its arms' too."""
    table = part.runs
    few = len(table) <= FEW_RUNS
    whole = Group("whole suite", _values(table))
    groups = _groups(part.families)
    if len(groups) == 1 and part.families["probes"].sum() == table["probes"].sum():
        groups = []  # the only family is the suite once more
    if few:
        groups += [Group(f"arm: {group.name}", group.table) for group in _groups(part.arms)]
    shown, left_out = choose(groups, ROW_LIMIT if few else PANELS)
    title = f"How well {short(part.endpoint, 40)} did: suite {short(part.suite, 40)}"
    words = Words(title, _subtitle(part), _SCORE if few else "score")
    notes = left_out_note(left_out, "family", "families")
    broad = wide(part.endpoint, part.suite, *(group.name for group in shown))
    with style(wide=broad):
        figure = draw(whole, shown, words, notes, part.bands, part.marks, "share")
    last = table.iloc[-1]
    alt = (
        f"Dots with intervals. Whole suite in the latest run: {percent(last['score'])}, "
        f"{_range(last, percent)}, {plural(int(last['tasks']), 'task')}. " + _named(shown, percent)
    )
    alt += "" if few else mark_words(part.marks)
    return Plot(slug("scores", part.endpoint, part.suite), title, _bars("task"), alt, figure, broad)


def arm_plot(part: Part) -> Plot | None:
    """Return the arms' scores over each other along time; None without arms or with few runs."""
    series = _groups(part.arms)
    if len(series) < 2 or len(part.runs) <= FEW_RUNS:
        return None
    shown, left_out = choose(series, 4)
    title = f"The two sides of each pair: {short(part.endpoint, 40)}, suite {short(part.suite, 40)}"
    words = Words(title, _subtitle(part), "score")
    broad = wide(part.endpoint, part.suite, *(group.name for group in shown))
    with style(wide=broad):
        figure = overlay(shown, words, left_out_note(left_out, "arm"), part.bands, part.marks)
    alt = (
        "Series of dots with intervals, one for each side. " + _named(shown, percent) + mark_words(part.marks)
    )
    return Plot(slug("arms", part.endpoint, part.suite), title, _bars("task"), alt, figure, broad)


def twin_plot(part: Part) -> Plot | None:
    """Return the difference between twins per topic, with its interval around zero; None without pairs."""
    table = part.twins
    if table.empty:
        return None
    arm, control = str(table["arm"].iloc[0]), str(table["control"].iloc[0])
    table = table[table["arm"] == arm].rename(columns={"difference": "value", "pairs": "n"})
    whole = Group("all pairs", table[table["topic"] == ""])
    groups = [
        Group(str(topic), part) for topic, part in table[table["topic"] != ""].groupby("topic", sort=True)
    ]
    few = whole.table["started_at"].nunique() <= FEW_RUNS
    shown, left_out = choose(groups, ROW_LIMIT if few else PANELS)
    sides = f"{short(arm, 20).capitalize()} against {short(control, 20)}"
    title = f"{sides}: {short(part.endpoint, 36)}, suite {short(part.suite, 36)}"
    axis = f"score in {short(arm, 16)} {MINUS} score in {short(control, 16)}"
    subtitle = (
        (
            "The same task in two wordings. Left of zero"
            if few
            else "The same task in two wordings. Below zero"
        )
        + f": worse in the {short(arm, 20)} wording. {plural(int(whole.table['n'].max()), 'pair')}"
        + (f", {plural(whole.table['run_id'].nunique(), 'run')}{simulated(part)}.")
    )
    words = Words(title, subtitle, f"{axis}, points" if few else "difference, points")
    broad = wide(part.endpoint, part.suite, *(group.name for group in shown))
    with style(wide=broad):
        figure = draw(
            whole, shown, words, left_out_note(left_out, "topic"), part.bands, part.marks, "difference"
        )
    last = whole.table.iloc[-1]
    alt = (
        f"Differences with intervals around zero. All pairs in the latest run: {points(last['value'])}, "
        f"{_range(last, points)}. " + _named(shown, points)
    )
    alt += "" if few else mark_words(part.marks)
    return Plot(slug("twins", part.endpoint, part.suite), title, _bars("pair"), alt, figure, broad)


def _values(table: pd.DataFrame) -> pd.DataFrame:
    return table.drop(columns="n").rename(columns={"score": "value", "tasks": "n"})


def _groups(table: pd.DataFrame) -> list[Group]:
    return [Group(str(name), part) for name, part in _values(table).groupby("group", sort=True)]


def _subtitle(part: Part) -> str:
    table = part.runs
    low, high = int(table["tasks"].min()), int(table["tasks"].max())
    n = plural(high, "task") if low == high else f"{low}–{high} tasks"
    return f"{counted(table)}, {n} in each{simulated(part)}. Bars: 95% intervals."


def _bars(unit: str) -> str:
    return f"Dots: what was measured. Bars: 95% intervals, with the {unit} as unit."


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
