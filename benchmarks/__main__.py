"""`make bench`: the published figures, measured in one run on one machine.

Ratios are what counts: the machine's own speed is measured beside ours, in turns, against the same loopback provider in
a process of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.server import serving
from benchmarks.throughput import CONCURRENCY, Measured, bare_loop

_REPORTED = 100_000


def pipeline(url: str, calls: int, database: Path) -> dict[str, Any]:
    """Run the pipeline in a process of its own."""
    words = [
        sys.executable,
        "-m",
        "benchmarks.pipeline",
        "--url",
        url,
        "--calls",
        str(calls),
        "--db",
        str(database),
    ]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    figures: dict[str, Any] = json.loads(done.stdout)
    if figures["graded"] != calls:
        raise SystemExit(f"{figures['graded']} of {calls} exchanges were graded")
    return figures


def harness(database: Path, *words: str) -> float:
    """Run one command on a database; return the seconds it took as a whole process."""
    started_s = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "harness", *words, "--db", str(database)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return time.perf_counter() - started_s


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--calls", type=int, default=10_000)
    options = parser.parse_args()
    print(
        f"machine: {os.cpu_count()} cores, {platform.machine()}, {platform.system()}, "
        f"Python {platform.python_version()}"
    )
    print(
        f"provider: loopback, a process of its own; {CONCURRENCY} in flight; replies of about 600 bytes, all different"
    )
    with tempfile.TemporaryDirectory() as name, serving() as url:
        folder = Path(name)
        bare: list[Measured] = []
        ours: list[dict[str, Any]] = []
        for number in range(options.rounds):
            bare.append(asyncio.run(bare_loop(url, options.calls)))
            ours.append(pipeline(url, options.calls, folder / f"{number}.db"))
        large = pipeline(url, _REPORTED, folder / "large.db")
        report_s = harness(folder / "large.db", "report", "-o", str(folder / "report"))
        verify_s = harness(folder / "large.db", "verify")
    bare_per_s = statistics.median(one.per_s for one in bare)
    ours_per_s = statistics.median(one["calls"] / one["seconds"] for one in ours)
    ratios = [one["calls"] / one["seconds"] / base.per_s for one, base in zip(ours, bare, strict=True)]
    print(
        f"bare httpx-aiohttp loop      {bare_per_s:8.0f} requests/s  "
        f"{statistics.median(b.cpu_ms for b in bare):.3f} ms CPU each"
    )
    print(
        f"durable graded exchanges     {ours_per_s:8.0f} /s          "
        f"{statistics.median(1e3 * one['cpu_s'] / one['calls'] for one in ours):.3f} ms CPU each"
    )
    print(
        f"ratio (median of {options.rounds} pairs)    {statistics.median(ratios):8.2f}  "
        f"({', '.join(f'{ratio:.2f}' for ratio in ratios)})"
    )
    print(f"peak memory at {options.calls:,} calls {ours[0]['peak_mb']:8.0f} MB")
    print(
        f"peak memory at {_REPORTED:,} calls {large['peak_mb']:7.0f} MB  "
        f"(growth {large['peak_mb'] - ours[0]['peak_mb']:.0f} MB)"
    )
    print(f"stored per exchange          {large['bytes'] / _REPORTED:8.0f} bytes at {_REPORTED:,}")
    print(f"report over {_REPORTED:,} exchanges {report_s:6.1f} s, whole process")
    print(f"verify {_REPORTED:,} exchanges      {verify_s:6.1f} s, whole process")


if __name__ == "__main__":
    main()
