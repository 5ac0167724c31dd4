"""Invented models asked real suites: tallies of runs, from a seed, without a provider."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from harness.config.schema import Config, Endpoint, Findings, SuiteUse
from harness.findings import COUNTS, InMemory, RunTallies
from harness.records import Probe
from harness.suites import Suite, load_suite

ROOT = Path(__file__).parent.parent
DAY_US = 86_400_000_000
START_US = 1_790_000_000_000_000
Share = dict[str, float]
Model = Callable[[str, Probe, int], Share]
"""(endpoint, probe, day) -> share of the replies that are right, declined, unreadable, noticed, denied, failed; the
rest is wrong."""


def config(
    suites: Sequence[str], endpoints: Sequence[str] = ("one",), *, reference: str | None = None, samples: int = 1,
    **settings: float,
) -> Config:  # fmt: skip
    return Config(
        endpoints={
            name: Endpoint(
                protocol="openai-chat", url="http://127.0.0.1:9/v1", model="m", reference=name == reference
            )
            for name in endpoints
        },
        suites={name: SuiteUse(samples=samples) for name in suites},
        findings=Findings(**settings),
    )


def load(names: Sequence[str]) -> dict[str, Suite]:
    return {name: load_suite(ROOT / "probes" / name) for name in names}


def ability(probe: Probe, seed: int = 7) -> float:
    """Return how often a steady model gets a probe right: a quarter always, a few never, the rest between."""
    return _ability(probe.id.removesuffix(f"-{probe.arm}"), seed)


@cache
def _ability(task: str, seed: int) -> float:
    rng = np.random.default_rng([seed, *task.encode()])
    kind = rng.random()
    return 1.0 if kind < 0.25 else 0.0 if kind < 0.3 else float(rng.beta(1.2, 0.6))


def steady(endpoint: str, probe: Probe, day: int) -> Share:
    del endpoint, day
    return {"right": 1.0 if probe.grader == "refusal" else ability(probe)}


class World:
    """One config, its suites, and a model that answers them day by day."""

    def __init__(self, made: Config, suites: Mapping[str, Suite], model: Model, seed: int = 1) -> None:
        self.config = made
        self.suites = suites
        self.model = model
        self.rng = np.random.default_rng(seed)
        self.served: dict[str, dict[str, int]] = {}
        self.answers: Callable[[str, Probe, int], str] | None = None
        self.rows = [
            (endpoint, name, probe)
            for endpoint in made.endpoints
            for name in made.suites
            for probe in suites[name].probes
        ]
        self.samples = np.array([made.suites[name].samples for _, name, _ in self.rows])

    def run(self, day: int, asked: Sequence[str] | None = None) -> RunTallies:
        """Return the tallies of one day's run."""
        names = ("right", "declined", "unreadable", "denied", "failed")
        shares = [self.model(endpoint, probe, day) for endpoint, _, probe in self.rows]
        p = np.array([[share.get(name, 0.0) for name in names] for share in shares])
        wrong = 1 - p.sum(1)
        counts = self.rng.multinomial(self.samples, np.clip(np.column_stack([p, wrong]), 0, 1))
        right, declined, unreadable, denied, failed, others = counts.T
        noticed = np.minimum(
            right + others, self.rng.binomial(self.samples, [s.get("noticed", 0.0) for s in shares])
        )
        table = pd.DataFrame(dict.fromkeys(COUNTS, 0), index=range(len(self.rows)))
        table.insert(0, "endpoint", [endpoint for endpoint, _, _ in self.rows])
        table.insert(1, "suite", [name for _, name, _ in self.rows])
        table.insert(2, "probe_id", [probe.id for _, _, probe in self.rows])
        table["n"], table["answered"], table["graded"] = self.samples, right + others, right + others
        table["score_sum"], table["refused"], table["unparsed"] = right.astype(float), declined, unreadable
        table["denied"], table["failed"], table["noticed"] = denied, failed, noticed
        table["input_tokens"] = [len(probe.messages[-1].content) for _, _, probe in self.rows] * self.samples
        answers: dict[tuple[str, str, str], dict[str, int]] = {}
        if self.answers is not None:
            for (endpoint, name, probe), n in zip(self.rows, self.samples, strict=True):
                if probe.family == "near-tie":
                    said = answers.setdefault((endpoint, name, probe.id), {})
                    for _ in range(n):
                        answer = self.answers(endpoint, probe, day)
                        said[answer] = said.get(answer, 0) + 1
        pairs = {(endpoint, name) for endpoint, name, _ in self.rows if asked is None or name in asked}
        if asked is not None:
            table = table[table["suite"].isin(list(asked))]
        return RunTallies(
            day + 1, START_US + day * DAY_US, 1000 + day, table, frozenset(pairs), answers, dict(self.served)
        )

    def live(self, days: int) -> InMemory:
        """Live through so many days and return the streams."""
        memory = InMemory.of(self.config, self.suites)
        for day in range(days):
            memory.take(self.run(day))
        return memory
