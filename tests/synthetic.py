"""Tables like the store's, made from a seed: an invented model asked invented suites."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from harness.tables import OUTCOMES, Evidence, SuiteNote

START = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)
FAMILIES = ("arithmetic", "capitals", "ordering", "parity")
TOPICS = ("chemistry", "elections", "finance", "health", "law")


def _probes(suite: str, families: Sequence[str], topics: Sequence[str], per_group: int) -> pd.DataFrame:
    if suite == "topic-pairs":
        rows = [
            {
                "suite": suite, "probe_id": f"{topic}-{number:02d}-{arm}", "family": "applied",
                "topic": topic if arm == "topic" else None, "arm": arm, "pair": f"{topic}-{number:02d}",
            }
            for topic in topics
            for number in range(per_group)
            for arm in ("topic", "neutral")
        ]  # fmt: skip
    else:
        rows = [
            {
                "suite": suite, "probe_id": f"{family}-{number:02d}", "family": family,
                "topic": None, "arm": None, "pair": None,
            }
            for family in families
            for number in range(per_group)
        ]  # fmt: skip
    return pd.DataFrame(rows)


def make_evidence(
    runs: int,
    *,
    seed: int = 1,
    suites: Sequence[str] = ("capability", "topic-pairs"),
    endpoints: Sequence[str] = ("smollm2",),
    families: Sequence[str] = FAMILIES,
    topics: Sequence[str] = TOPICS,
    per_group: int = 16,
    samples: int = 1,
    every: timedelta = timedelta(days=1),
    drop_at: int | None = None,
    failed: float = 0.01,
    refused: float = 0.03,
    clock: str = "real",
    served: Sequence[str] = ("smollm2-135m-instruct",),
    fingerprints: Sequence[str] = ("b1-2f3c",),
    starts: Sequence[datetime] | None = None,
) -> Evidence:
    """Return evidence of `runs` runs; `drop_at` halves what is right from that run on."""
    rng = np.random.default_rng(seed)
    when = list(starts) if starts else [START + every * number for number in range(runs)]
    base = pd.concat([_probes(suite, families, topics, per_group) for suite in suites], ignore_index=True)
    skill = np.where(rng.random(len(base)) < 0.3, 1.0, rng.beta(1.2, 0.8, len(base)))
    frames = []
    for endpoint in endpoints:
        for number in range(runs):
            right = skill * (0.5 if drop_at is not None and number >= drop_at else 1.0)
            kinds = rng.multinomial(
                samples,
                [1 - 0.05 - refused - failed, 0.02, refused, 0.01, 0.01, 0.01, 0.0, failed],
                len(base),
            )
            frame = base.assign(
                run_id=number + 1, started_at=when[number], endpoint=endpoint, model=served[0],
                suite_version=1, n=samples,
            )  # fmt: skip
            for place, outcome in enumerate(OUTCOMES):
                frame[outcome] = kinds[:, place]
            frame["graded"] = frame["answered"]
            frame["score_sum"] = rng.binomial(frame["answered"], right).astype(float)
            frames.append(frame)
    tallies = pd.concat(frames, ignore_index=True)
    tallies["started_at"] = pd.to_datetime(tallies["started_at"], utc=True).astype("datetime64[us, UTC]")
    tallies["suite_hash"] = "sha256:" + tallies["suite"].map({s: f"{hash_of(s)}" for s in suites})
    tallies = tallies.assign(
        language="en", depth=None, difficulty=1, anchor=False, fresh=False, kind=None,
        refused_provider=tallies["refused"], refused_partial=0, rerouted=0, noticed=0, unmapped=0,
        input_tokens=40 * samples, output_tokens=8 * samples, cost_usd=0.0, latency_ms_sum=120.0 * samples,
    )  # fmt: skip
    per_run = tallies.groupby("run_id")["n"].sum()
    run_rows = pd.DataFrame(
        {
            "run_id": range(1, runs + 1), "started_at": when,
            "finished_at": [moment + timedelta(minutes=3) for moment in when], "status": "done",
            "trigger": "manual", "clock": clock, "planned": per_run.to_numpy(), "completed": per_run.to_numpy(),
            "seed": range(runs), "suites": "{}", "endpoints": "[]", "harness_version": "0.1.0",
            "cost_usd": 0.0, "input_tokens": 0, "output_tokens": 0, "vantage": "{}",
        }
    )  # fmt: skip
    identities = pd.DataFrame(
        [
            {
                "run_id": number + 1, "started_at": when[number], "endpoint": endpoint, "model": served[0],
                "served_model": served[number * len(served) // runs],
                "fingerprint": fingerprints[number * len(fingerprints) // runs], "n": int(per_run.iloc[number]),
            }
            for endpoint in endpoints
            for number in range(runs)
        ]
    )  # fmt: skip
    return Evidence(
        run_rows, tallies, identities,
        generated_at=when[-1] + timedelta(hours=1), harness_version="0.1.0", database="harness.db",
        suites={
            "capability": SuiteNote("Everyday skills", "Short questions with one right answer."),
            "topic-pairs": SuiteNote(
                "Matched topic pairs", "The same task in a topic's words and in neutral words.", ("topic", "neutral")
            ),
        },
    )  # fmt: skip


def hash_of(text: str) -> str:
    """Return a made-up content hash that is the same in every process."""
    return f"{sum(ord(char) * 31**place for place, char in enumerate(text)) % 16**16:016x}" * 4
