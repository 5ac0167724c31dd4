"""The rehearsal's real counterpart: a swap and a degradation planted in a real language model, and both found.

Twenty minutes or so on one processor: `python -m pytest -m slow tests/test_real_rehearsal.py -s`. The days are simulated, the model,
its server and every answer are real. The weights change at run time by a LoRA adapter of noise, behind an unchanged name: a
little, which another quantization does as well (a swap), and much later a lot (a degradation).
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from harness.claims import Kind, Tier
from harness.config import load_config
from harness.local import Servers
from harness.monitor import Access, run_cycle
from harness.rehearsal.clock import VirtualClock
from harness.runner import Stop
from harness.store import Store
from harness.suites import load_suite
from probes._make.identity import FOUND_TIES
from tests.test_real_model import CAPITALS, HEADER, _installed, adapter, endpoint, set_scale  # noqa: F401 - fixtures

pytestmark = [pytest.mark.model, pytest.mark.slow]

START_US = 1_767_250_800_000_000
DAY_US = 86_400_000_000
SWAP, DEGRADE, DAYS = 22, 36, 48
CONFIG = """
[endpoints.model]
protocol = "openai-chat"
url = "{url}"
model = "smollm2-135m-instruct"
parameters = {{ temperature = 0, top_p = 1 }}
limits = {{ concurrency = 1 }}
[suites.easy]
path = "easy"
[suites.ties]
path = "ties"
"""


def write_suites(folder: Path) -> None:
    """Sixteen easy questions, and sixteen whose first token is a near tie."""
    easy, ties = folder / "easy", folder / "ties"
    easy.mkdir()
    ties.mkdir()
    questions = [
        {"id": f"capital-{number}", "family": "capitals", "grader": "word", "target": city,
         "prompt": f"What is the capital of {country}? Answer with one word."}
        for number, (country, city) in enumerate(list(CAPITALS.items())[:16])
    ]  # fmt: skip
    (easy / "suite.toml").write_text(HEADER.replace('"sums", "capitals"', '"capitals"'))
    (easy / "probes.jsonl").write_text("".join(json.dumps(line) + "\n" for line in questions))
    prompts = [
        {"id": f"tie-{number}", "family": "near-tie", "grader": "regex", "target": "\\S", "prompt": prompt}
        for number, prompt in enumerate(FOUND_TIES[:16])
    ]
    header = HEADER.replace('"sums", "capitals"', '"near-tie"').replace('"easy"', '"ties"').replace("16", "1")
    (ties / "suite.toml").write_text(header)
    (ties / "probes.jsonl").write_text("".join(json.dumps(line) + "\n" for line in prompts))


async def test_a_planted_swap_and_a_planted_degradation_are_found(tmp_path: Path, adapter: Path) -> None:  # noqa: F811
    """Each is found as what it is within two weeks, dated right, and nothing is claimed before."""
    write_suites(tmp_path)
    async with Servers() as servers:
        url = await servers.url(endpoint(lora=str(adapter), lora_scale=0.0), "model")
        (tmp_path / "config.toml").write_text(CONFIG.format(url=url))
        config = load_config(tmp_path / "config.toml")
        suites = {name: load_suite(tmp_path / name) for name in config.suites}
        clock = VirtualClock(START_US, pace=1.0)
        with Store.open(tmp_path / "harness.db", mode="write") as store:
            for day in range(DAYS):
                if day in (SWAP, DEGRADE):
                    await asyncio.to_thread(set_scale, url, 0.35 if day == SWAP else 2.0)
                clock.jump_to(START_US + day * DAY_US)
                await run_cycle(
                    config,
                    suites,
                    store,
                    Access({"model": None}, {"model": None}),
                    clock=clock,
                    stop=Stop(),
                    seed=11,
                )
            found = store.findings.findings()
    persistent = [each for each in found if each.tier is Tier.PERSISTENT]
    for each in persistent:
        print(each.run_id, each.kind.value, each.headline)
    first = persistent[0]
    assert (first.kind, first.stream.suite) == (Kind.IDENTITY, "ties")
    assert SWAP < first.run_id <= SWAP + 14
    # Noise this strong makes a model that never comes to an end: its replies run into our limit and cannot be read.
    lost = next(
        each
        for each in persistent
        if each.stream.suite == "easy" and each.kind in (Kind.CAPABILITY, Kind.FORMAT)
    )
    assert DEGRADE < lost.run_id <= DEGRADE + 14
    assert lost.since is not None
    assert lost.since.low_us <= START_US + DEGRADE * DAY_US + DAY_US
    assert lost.since.high_us >= START_US + DEGRADE * DAY_US
