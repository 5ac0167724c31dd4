"""Tables -> figures: the only room that knows matplotlib."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from harness.plots.comparison import comparison_plot
from harness.plots.outcomes import outcome_plot
from harness.plots.scores import arm_plot, score_plot, twin_plot
from harness.plots.theme import Plot
from harness.tables import Part

__all__ = [
    "Gallery",
    "Plot",
    "arm_plot",
    "comparison_plot",
    "gallery",
    "outcome_plot",
    "save",
    "score_plot",
    "twin_plot",
]

LIMIT = 12
"""Endpoint-and-suite combinations that are drawn; tables hold all of them."""


@dataclass(frozen=True, slots=True, eq=False)
class Gallery:
    """The pictures of some evidence, and what was not drawn."""

    plots: dict[tuple[str, str], list[Plot]]
    """By endpoint and suite, in the order they should be shown."""
    left_out: tuple[tuple[str, str], ...]


def gallery(parts: Mapping[tuple[str, str], Part], limit: int = LIMIT) -> Gallery:
    """Return every picture of an overview, for at most `limit` combinations of endpoint and suite."""
    plots: dict[tuple[str, str], list[Plot]] = {}
    names: set[str] = set()
    for key in list(parts)[:limit]:
        made = [draw(parts[key]) for draw in (outcome_plot, score_plot, arm_plot, twin_plot)]
        plots[key] = [_unique(plot, names) for plot in made if plot is not None]
    return Gallery(plots, tuple(list(parts)[limit:]))


def save(plot: Plot, path: Path) -> Path:
    """Write a picture as SVG where the name ends so, else as PNG, and return its path."""
    if path.suffix.lower() == ".svg":
        path.write_text(plot.svg(), encoding="utf-8")
        return path
    return plot.png(path)


def _unique(plot: Plot, names: set[str]) -> Plot:
    """Give a plot a name of its own: two endpoints may differ only in signs that no file name keeps."""
    name, count = plot.name, 2
    while name in names:
        name, count = f"{plot.name}-{count}", count + 1
    names.add(name)
    return plot if name == plot.name else replace(plot, name=name)
