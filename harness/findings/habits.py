"""How an endpoint answers a suite: from stored tallies where there are enough, else assumed, and it says which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from harness.findings.scores import Floats
from harness.records import Probe
from harness.stats.shares import ORDINARY_DAY_SD, Shares, day_sd, shares
from harness.stats.worlds import QUIET, draw_skills
from harness.suites import Suite

ASSUMED_DECLINED = (0.1, 1.9)
ASSUMED_UNREADABLE = (0.02, 1.98)
"""Beta distributions of a probe's chance to be declined (5% on average), and to come back unreadable (1%)."""
LEAST_ANSWERS = 3.0
"""Mean measured answers a probe, below which nothing is taken from them."""
NEWEST_RUNS = 60
"""So many of the latest runs of a suite are used."""


@dataclass(frozen=True, slots=True)
class Chances:
    """What becomes of one answer, per world and probe: each shape (worlds, probes), in the suite's order."""

    right: Floats
    declined: Floats
    unreadable: Floats


@dataclass(frozen=True, slots=True)
class Habits:
    """How one endpoint answers one suite."""

    suite: Suite
    known: Mapping[str, Shares] | None
    """Measured shares: right, declined, unreadable; None where they are assumed."""
    runs: int
    """Runs they were measured in."""
    days: int
    """Days (UTC) of these runs."""
    day_sd_right: float
    """How much days differ, as an sd on the logit of being right."""
    day_sd_declined: float
    cost_usd: float | None
    """Measured mean cost of a call; None if nothing was measured, or no reply told its tokens."""

    def words(self) -> str:
        """Return in one line what is used."""
        noise = f"days differ with an sd of {self.day_sd_right:.2f} on the logit"
        if self.known is None:
            return f"{self.suite.name}: assumed, too little is measured yet; {noise} (assumed)"
        few = " (assumed: one day says nothing)" if self.days < 2 else ""
        seen = f"measured in {self.runs} runs on {self.days} days, each probe's share shrunk"
        return f"{self.suite.name}: {seen}; {noise}{few}"

    def draw(self, rng: np.random.Generator, worlds: int) -> Chances:
        """Return the chances in so many worlds that fit what is known."""
        probes = self.suite.probes
        if self.known is not None:
            right, declined, unreadable = (
                self.known[name].draw(rng, worlds) for name in ("right", "declined", "unreadable")
            )
            lost = np.clip(declined + unreadable, 0.0, 1.0)
            return Chances(np.minimum(right, 1 - lost), np.minimum(declined, 1 - unreadable), unreadable)
        tasks = {task: place for place, task in enumerate(dict.fromkeys(map(_task, probes)))}
        place = np.array([tasks[_task(probe)] for probe in probes], dtype=np.intp)
        shape = (worlds, len(probes))
        declined = rng.beta(*ASSUMED_DECLINED, shape)
        unreadable = rng.beta(*ASSUMED_UNREADABLE, shape) * (1 - declined)
        skill = draw_skills(QUIET, worlds, len(tasks), rng)[:, place]
        return Chances(skill * (1 - declined - unreadable), declined, unreadable)


def _task(probe: Probe) -> str:
    """Return the probe's task: twins are the same one, and equally hard until something is measured."""
    return f"pair {probe.pair}" if probe.pair is not None else f"probe {probe.id}"


def habits(suite: Suite, tallies: pd.DataFrame | None) -> Habits:
    """Return how an endpoint answers a suite.

    Args:
        suite: as asked.
        tallies: of this endpoint and suite, as `Store.tallies` gives them; rows of other versions are left out.
            None: there are none yet.
    """
    if tallies is None:
        return Habits(suite, None, 0, 0, ORDINARY_DAY_SD, ORDINARY_DAY_SD, None)
    index = {probe.id: place for place, probe in enumerate(suite.probes)}
    table = tallies[tallies["probe_id"].isin(index) & (tallies["suite_hash"] == suite.content_hash)]
    # Replies that never say how many tokens they took leave the cost unknown, not nothing.
    told = table["cost_usd"].sum() + table["input_tokens"].sum()
    cost = float(table["cost_usd"].sum() / table["n"].sum()) if told else None
    newest = np.unique(table["run_id"])[-NEWEST_RUNS:]
    table = table[table["run_id"].isin(newest)]
    days, day = np.unique(table["started_at"].dt.floor("D"), return_inverse=True)
    place = table["probe_id"].map(index).to_numpy(dtype=np.intp)

    def sums(column: pd.Series) -> Floats:
        out = np.zeros((len(days), len(index)))
        np.add.at(out, (day, place), column.to_numpy(dtype=np.float64))
        return out

    measured = sums(table["n"] - table["failed"] - table["denied"])
    if measured.sum() < LEAST_ANSWERS * len(index):
        return Habits(suite, None, len(newest), len(days), ORDINARY_DAY_SD, ORDINARY_DAY_SD, cost)
    found = {
        "right": sums(table["score_sum"]),
        "declined": sums(table["refused"] + table["cut"] + table["empty"]),
        "unreadable": sums(table["unparsed"] + table["truncated"]),
    }
    known = {name: shares(each.sum(0), measured.sum(0)) for name, each in found.items()}
    right, declined = (day_sd(known[name], found[name], measured) for name in ("right", "declined"))
    return Habits(suite, known, len(newest), len(days), right, declined, cost)
