"""A run killed at any moment loses at most what was in flight, and `--resume` sends only what is missing."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.provider import Provider, config_text

CONCURRENCY = 4


def harness(folder: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "harness", *words, "--config", str(folder / "config.toml")]


def killed_and_resumed(folder: Path, rng: random.Random, kills: int) -> tuple[int, int]:
    """Kill one run `kills` times at random moments, finish it; return (calls planned, calls sent more than once)."""
    with Provider(delay_s=0.01) as provider:
        (folder / "config.toml").write_text(
            config_text(provider.url, suites="capability-quick refusal-quick", concurrency=CONCURRENCY)
        )
        planned = subprocess.run(
            harness(folder, "plan", "--json"), capture_output=True, text=True, check=True
        )
        calls = [json.loads(line) for line in planned.stdout.splitlines()]
        started = False
        for _ in range(kills):
            before = len(provider.bodies)
            resume = ["--resume"] if started and (folder / "results" / "harness.db").exists() else []
            process = subprocess.Popen(
                harness(folder, "run", *resume), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
            )
            wanted = before + rng.randrange(len(calls) // (kills + 1))
            while len(provider.bodies) <= wanted and process.poll() is None:
                time.sleep(0.002)
            time.sleep(rng.random() * 0.4)
            process.send_signal(signal.SIGKILL)
            process.communicate()
            started = started or len(provider.bodies) > 0
        subprocess.run(harness(folder, "run", "--resume"), capture_output=True, check=True)
        verified = subprocess.run(harness(folder, "verify", "--json"), capture_output=True, text=True)
        assert verified.returncode == 0, verified.stdout + verified.stderr
        status = json.loads(
            subprocess.run(
                harness(folder, "status", "--json"), capture_output=True, text=True, check=True
            ).stdout
        )
        (run,) = status["runs"]
        assert (run["planned"], run["completed"], run["status"]) == (len(calls), len(calls), "done")
        sent = Counter(json.loads(body)["seed"] for body in provider.bodies)
        assert set(sent) == {call["seed"] for call in calls}
        return len(calls), sum(count - 1 for count in sent.values())


@pytest.mark.parametrize("seed", range(3))
def test_kill_resume(tmp_path: Path, seed: int) -> None:
    """After kill -9 and --resume every planned call is stored once and only what was at risk was sent again."""
    kills = 2
    _, again = killed_and_resumed(tmp_path, random.Random(seed), kills)
    # At risk at a kill: what is in flight, and what came back in the last quarter second (25 rounds of 10 ms).
    assert again <= kills * CONCURRENCY * 26


@pytest.mark.slow
def test_fifty_kills(tmp_path: Path) -> None:
    """The same at fifty random moments, five in each of ten runs."""
    rng = random.Random(50)
    sent_again: list[int] = []
    for number in range(10):
        folder = tmp_path / str(number)
        folder.mkdir()
        _, again = killed_and_resumed(folder, rng, 5)
        sent_again.append(again)
    print(f"sent again after five kills each, {CONCURRENCY} in flight: {sent_again}")
    assert max(sent_again) <= 5 * CONCURRENCY * 26
