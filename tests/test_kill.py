"""A run killed at any moment loses at most what was in flight, and `--resume` sends only what is missing."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from harness.cli import run
from harness.records import RunStatus
from harness.store import Store
from tests.provider import Provider, config_text

CONCURRENCY = 4


def harness(folder: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "harness", *words, "--config", str(folder / "config.toml")]


def forked(folder: Path, *words: str) -> int:
    """Start a command in a copy of this process, which has everything imported; return its process id."""
    pid = os.fork()
    if pid:
        return pid
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    os._exit(run([*words, "--config", str(folder / "config.toml")]))


def ended(pid: int) -> bool:
    """Say whether a child has ended by itself."""
    return os.waitpid(pid, os.WNOHANG)[0] != 0


def many_kills(folder: Path, rng: random.Random, kills: int) -> tuple[int, int]:
    """As `killed_and_resumed`, in forked processes, which start at once; return the same."""
    with Provider(delay_s=0.01) as provider:
        suites = "capability-quick refusal-quick"
        (folder / "config.toml").write_text(config_text(provider.url, suites=suites, concurrency=CONCURRENCY))
        database = folder / "results" / "harness.db"
        for _ in range(kills):
            before = len(provider.bodies)
            child = forked(folder, "run", *(["--resume"] if provider.bodies else []))
            wanted = before + rng.randrange(12)
            while len(provider.bodies) <= wanted and not (over := ended(child)):
                time.sleep(0.001)
            if not over:
                time.sleep(rng.random() * 0.1)
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
            if database.exists():
                with Store.open(database, mode="read") as store:
                    assert store.verify().problems == ()
        assert run(["run", "--resume", "--config", str(folder / "config.toml")]) == 0
        with Store.open(database, mode="read") as store:
            assert store.verify().ok
            info = store.run_info(1)
            assert (info.completed, info.status) == (info.planned, RunStatus.DONE)
            seeds = {stored.exchange.seed for stored in store.exchanges()}
        sent = Counter(json.loads(body)["seed"] for body in provider.bodies)
        assert set(sent) == seeds
        return info.planned, sum(count - 1 for count in sent.values())


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
def test_two_hundred_kills(tmp_path: Path) -> None:
    """The same at two hundred random moments, ten in each of twenty runs; the figures are in docs/durability.md."""
    rng = random.Random(50)
    sent_again: list[int] = []
    planned = 0
    for number in range(20):
        folder = tmp_path / str(number)
        folder.mkdir()
        calls, again = many_kills(folder, rng, 10)
        planned += calls
        sent_again.append(again)
        print(f"run {number + 1}: {calls} calls planned, {again} sent again after 10 kills", flush=True)
    print(
        f"200 kills, {planned} calls planned, {CONCURRENCY} in flight: {sum(sent_again)} sent again, "
        f"{sum(sent_again) / 200:.2f} a kill, at most {max(sent_again)} in a run of ten kills"
    )
    assert max(sent_again) <= 10 * CONCURRENCY * 26
