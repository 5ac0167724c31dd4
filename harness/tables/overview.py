"""Everything that is shown of some evidence, computed once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from harness.stats import LEVEL
from harness.tables.bands import Band, bands
from harness.tables.evidence import Evidence
from harness.tables.marks import Mark, marks
from harness.tables.summary import summarise, twins


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One suite as one endpoint answered it, run by run, oldest first."""

    endpoint: str
    suite: str
    runs: pd.DataFrame
    """One row per run, as `summarise` gives it."""
    families: pd.DataFrame
    """One row per run and family."""
    arms: pd.DataFrame
    twins: pd.DataFrame
    """One row per run and topic, as `twins` gives it."""
    bands: tuple[Band, ...]
    marks: tuple[Mark, ...]
    """Findings that stand, with the date from which."""
    simulated: bool

    def latest(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of one of its tables that belong to its latest run."""
        rows: pd.DataFrame = table.loc[table["run_id"] == self.runs["run_id"].iloc[-1]]
        return rows


def overview(evidence: Evidence, level: float = LEVEL) -> dict[tuple[str, str], Part]:
    """Return what came back for each endpoint and suite, in alphabetical order."""
    tallies = evidence.tallies
    tables = {
        "runs": summarise(tallies, "suite", level),
        "families": summarise(tallies, "family", level),
        "arms": summarise(tallies, "arm", level),
        "twins": twins(tallies, evidence.suites, level),
    }
    keys = ["endpoint", "suite"]
    split = {name: dict(list(table.groupby(keys, sort=True))) for name, table in tables.items()}
    parts: dict[tuple[str, str], Part] = {}
    for key in split["runs"]:
        endpoint, suite = str(key[0]), str(key[1])
        found = {name: split[name].get(key, tables[name].iloc[:0]) for name in tables}
        parts[endpoint, suite] = Part(
            endpoint,
            suite,
            found["runs"],
            found["families"],
            found["arms"],
            found["twins"].sort_values(["started_at", "run_id", "topic"]),
            bands(evidence, endpoint, suite),
            marks(evidence.claims, endpoint, suite, *(_moment(found["runs"], place) for place in (0, -1))),
            evidence.simulated,
        )
    return parts


def _moment(runs: pd.DataFrame, place: int) -> datetime:
    moment: datetime = pd.Timestamp(runs["started_at"].iloc[place]).to_pydatetime()
    return moment
