"""Tables -> figures: the only room that knows matplotlib."""

from __future__ import annotations

from dataclasses import dataclass

from harness.plots.comparison import comparison_plot
from harness.plots.outcomes import outcome_plot
from harness.plots.scores import arm_plot, score_plot, twin_plot
from harness.plots.theme import Plot
from harness.tables import Evidence

__all__ = [
    "Gallery",
    "Plot",
    "arm_plot",
    "comparison_plot",
    "gallery",
    "outcome_plot",
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


def gallery(evidence: Evidence, limit: int = LIMIT) -> Gallery:
    """Return every picture of the evidence, for at most `limit` combinations of endpoint and suite."""
    combinations = (
        evidence.tallies[["endpoint", "suite"]].drop_duplicates().sort_values(["endpoint", "suite"])
    )
    pairs = [(str(endpoint), str(suite)) for endpoint, suite in combinations.itertuples(index=False)]
    plots: dict[tuple[str, str], list[Plot]] = {}
    names: set[str] = set()
    for endpoint, suite in pairs[:limit]:
        made = [
            outcome_plot(evidence, endpoint, suite),
            score_plot(evidence, endpoint, suite),
            arm_plot(evidence, endpoint, suite),
            twin_plot(evidence, endpoint, suite),
        ]
        plots[endpoint, suite] = [_unique(plot, names) for plot in made if plot is not None]
    return Gallery(plots, tuple(pairs[limit:]))


def _unique(plot: Plot, names: set[str]) -> Plot:
    """Give a plot a name of its own: two endpoints may differ only in signs that no file name keeps."""
    name, count = plot.name, 2
    while name in names:
        name, count = f"{plot.name}-{count}", count + 1
    names.add(name)
    return plot if name == plot.name else Plot(name, plot.title, plot.caption, plot.alt, plot.figure)
