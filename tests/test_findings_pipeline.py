"""Forty days through the whole pipeline: plan, HTTP, store, streams, finding, command line."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import time
from pathlib import Path
from typing import Any, Literal

import pytest

from harness.claims import Kind, Tier
from harness.cli import run as command
from harness.cli.context import load_project
from harness.monitor import Access, next_seed, run_cycle
from harness.plan import make_plan
from harness.runner import Stop
from harness.store import Store
from tests.provider import Provider, config_text

DAY_US = 86_400_000_000
START_US = 1_790_000_000_000_000
CHANGE = 24


class Days:
    """A clock that a test sets forward a day at a time; waiting takes no time."""

    kind: Literal["real", "simulated"] = "simulated"

    def __init__(self) -> None:
        self.day = 0

    def now_us(self) -> int:
        return START_US + self.day * DAY_US + int(time.monotonic() * 1e6) % 1_000_000

    def monotonic_s(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        del seconds
        await asyncio.sleep(0)


@pytest.mark.slow
def test_a_drop_is_found_over_http(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A model that gets worse on day 24 is found, dated and shown; the record verifies and replays."""
    right: dict[str, str] = {}
    clock = Days()

    def answer(request: dict[str, Any]) -> str:
        prompt = request["messages"][-1]["content"]
        easy = int(hashlib.sha256(prompt.encode()).hexdigest()[:8], 16) / 2**32 < 0.5
        skill = (0.95 if easy else 0.6) - (0.4 if clock.day >= CHANGE else 0.0)
        lucky = random.Random(f"{prompt} {request.get('seed')} {clock.day}").random() < skill
        return right.get(prompt, "?") if lucky else "The answer is 99999."

    with Provider(answer) as provider:
        (tmp_path / "config.toml").write_text(config_text(provider.url))
        project = load_project(tmp_path / "config.toml", None)
        suites = project.suites()
        access = Access({"one": None}, {"one": None})
        found = []
        with Store.open(project.database, mode="write") as store:
            for day in range(40):
                clock.day = day
                for call in make_plan(project.config, suites, next_seed(project.config, store)):
                    right[call.probe.messages[-1].content] = call.probe.target[0]
                cycle = run_cycle(project.config, suites, store, access, clock=clock, stop=Stop())
                found += asyncio.run(cycle).findings
            assert store.verify().problems == ()
            calls = {call for each in found for call in each.exchanges}
            assert all(store.exchange(call) for call in calls)
    lasting = [each for each in found if each.tier is Tier.PERSISTENT]
    assert lasting[0].kind is Kind.CAPABILITY
    assert CHANGE < lasting[0].run_id <= 40
    assert lasting[0].since is not None
    assert abs((lasting[0].since.best_us - START_US) // DAY_US - CHANGE) <= 1
    assert lasting[0].exchanges
    place = ["--config", str(tmp_path / "config.toml")]
    assert command(["findings", "--fail-on-findings", *place]) == 3
    assert "consistent with a loss of capability" in capsys.readouterr().out
    assert command(["findings", "--replay", "--json", *place]) == 0
    assert json.loads(capsys.readouterr().out)["differs"] == []
    assert command(["report", "-o", str(tmp_path / "out"), *place]) == 0
    assert "loss of capability" in (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
