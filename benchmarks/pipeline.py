"""The whole pipeline on a loopback provider: plan, runner, durable store with hash chain, grading, tallies.

    python -m benchmarks.pipeline --url http://127.0.0.1:PORT/v1 --calls 10000 --db FILE

prints one JSON object. Run in a process of its own, so that memory and CPU are its own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import sys
import tempfile
import time
from pathlib import Path

from harness.config import Config
from harness.limits import RealClock
from harness.monitor import Access, Summary, run_cycle
from harness.runner import Stop
from harness.store import Store
from harness.suites import Suite, load_suite

PROBES = 500
_HEADER = """
format = 1
name = "bench"
version = 1
title = "Benchmark"
description = "Sums, for measuring."
licence = "CC0-1.0"
languages = ["en"]
families = ["sums"]
[parameters]
temperature = 0
max_tokens = 64
[[versions]]
version = 1
date = "2026-11-21"
note = "First version."
"""


def bench_suite(folder: Path) -> Suite:
    """Write and load a suite of `PROBES` sums."""
    (folder / "bench").mkdir()
    (folder / "bench" / "suite.toml").write_text(_HEADER)
    lines = [
        json.dumps(
            {
                "id": f"sum-{number}",
                "family": "sums",
                "prompt": f"What is {number % 97} + {number // 97 + 3}? Answer with the number alone.",
                "grader": "numeric",
                "target": str(number % 97 + number // 97 + 3),
            }
        )
        for number in range(PROBES)
    ]
    (folder / "bench" / "probes.jsonl").write_text("\n".join(lines) + "\n")
    return load_suite(folder / "bench")


def bench_config(url: str, samples: int, concurrency: int) -> Config:
    """Return a config that asks one endpoint the benchmark suite."""
    return Config.model_validate(
        {
            "endpoints": {
                "loopback": {
                    "protocol": "openai-chat", "url": url, "model": "loopback-1",
                    "parameters": {"temperature": 0, "max_tokens": 64},
                    "limits": {"concurrency": concurrency},
                }
            },
            "suites": {"bench": {"samples": samples}},
        }
    )  # fmt: skip


async def cycle(url: str, calls: int, database: Path, concurrency: int = 32) -> tuple[Summary, float, float]:
    """Run `calls` exchanges to their graded, durable end; return the summary, seconds and CPU seconds."""
    with tempfile.TemporaryDirectory() as folder:
        suite = bench_suite(Path(folder))
    config = bench_config(url, calls // PROBES, concurrency)
    with Store.open(database, mode="write") as store:
        started_s, cpu_s = time.perf_counter(), time.process_time()
        summary = await run_cycle(
            config,
            {"bench": suite},
            store,
            Access({"loopback": "sk-benchmark"}, {}),
            clock=RealClock(),
            stop=Stop(),
        )
        return summary, time.perf_counter() - started_s, time.process_time() - cpu_s


def main() -> None:
    """Run once and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--calls", type=int, default=10_000, help=f"a multiple of {PROBES}")
    parser.add_argument("--db", type=Path, required=True)
    options = parser.parse_args()
    # A short run first: imports, caches and connections are not what is measured.
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(cycle(options.url, PROBES, Path(folder) / "warm.db"))
    summary, seconds, cpu_s = asyncio.run(cycle(options.url, options.calls, options.db))
    json.dump(
        {
            "calls": options.calls,
            "graded": summary.outcomes.get("answered", 0) + summary.outcomes.get("unparsed", 0),
            "seconds": seconds,
            "cpu_s": cpu_s,
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            "bytes": sum(path.stat().st_size for path in options.db.parent.glob(options.db.name + "*")),
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
