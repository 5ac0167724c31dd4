"""The real thing moves: a language model made worse behind an unchanged name is seen, and an unchanged one is not."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from harness.config import Endpoint
from harness.local import KNOWN, Servers, problems
from harness.local.weights import find_weights

MODEL = "smollm2-135m-instruct"
pytestmark = pytest.mark.model

CONFIG = """
[endpoints.model]
protocol = "openai-chat"
url = "{url}"
model = "smollm2-135m-instruct"
parameters = {{ temperature = 0, top_p = 1 }}
limits = {{ concurrency = 1 }}
[suites.easy]
path = "easy"
"""
HEADER = """
format = 1
name = "easy"
version = 1
title = "Easy questions"
description = "Questions a very small model answers well."
licence = "CC0-1.0"
languages = ["en"]
families = ["sums", "capitals"]
[parameters]
max_tokens = 16
[[versions]]
version = 1
date = "2026-11-21"
note = "First version."
"""
CAPITALS = {
    "France": "Paris", "Germany": "Berlin", "Italy": "Rome", "Spain": "Madrid", "Japan": "Tokyo", "Russia": "Moscow",
    "Egypt": "Cairo", "Greece": "Athens", "Portugal": "Lisbon", "Austria": "Vienna", "Sweden": "Stockholm",
    "Norway": "Oslo", "Poland": "Warsaw", "Ireland": "Dublin", "Cuba": "Havana", "Hungary": "Budapest",
    "Peru": "Lima", "Thailand": "Bangkok", "Finland": "Helsinki", "China": "Beijing",
}  # fmt: skip


def write_suite(folder: Path) -> None:
    """Forty questions: one-digit sums and capitals."""
    folder.mkdir()
    probes: list[dict[str, Any]] = []
    for number, (country, city) in enumerate(CAPITALS.items()):
        question = f"What is the capital of {country}? Answer with one word."
        probes.append(
            {
                "id": f"capital-{number}",
                "family": "capitals",
                "prompt": question,
                "grader": "word",
                "target": city,
            }
        )
        first, second = 1 + number % 5, 1 + number // 5
        question = f"What is {first} + {second}? Reply with only the number."
        target = str(first + second)
        probes.append(
            {
                "id": f"sum-{number}",
                "family": "sums",
                "prompt": question,
                "grader": "numeric",
                "target": target,
            }
        )
    (folder / "suite.toml").write_text(HEADER)
    (folder / "probes.jsonl").write_text("".join(json.dumps(probe) + "\n" for probe in probes))


def endpoint(**launch: Any) -> Endpoint:
    return Endpoint.model_validate({"protocol": "openai-chat", "model": MODEL, "launch": launch})


@pytest.fixture(autouse=True)
def _installed() -> None:
    missing = problems(endpoint(), "model")
    if missing:
        pytest.skip(missing[0])


def harness(folder: Path, *words: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "harness", *words, "--json", "--config", str(folder / "config.toml")],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def set_scale(url: str, scale: float) -> None:
    body = json.dumps([{"id": 0, "scale": scale}]).encode()
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(url.removesuffix("/v1") + "/lora-adapters", body, headers, method="POST")
    with urllib.request.urlopen(request, timeout=30) as reply:
        assert reply.status == 200


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    pytest.importorskip("gguf", reason="needs the gguf package to write a LoRA adapter")
    from tests.lora import write_noise_lora

    target = tmp_path / "noise.gguf"
    write_noise_lora(find_weights(KNOWN[MODEL]), target)
    return target


async def test_noise_lora_shows_as_a_drop(tmp_path: Path, adapter: Path) -> None:
    """With noise switched on between two runs, compare shows a drop whose interval excludes zero; without, none."""
    import asyncio

    async with Servers() as servers:
        url = await servers.url(endpoint(lora=str(adapter), lora_scale=0.0), "model")
        (tmp_path / "config.toml").write_text(CONFIG.format(url=url))

        write_suite(tmp_path / "easy")

        async def run() -> None:
            await asyncio.to_thread(harness, tmp_path, "run", "--seed", "11")

        await run()
        await run()
        await asyncio.to_thread(set_scale, url, 2.0)
        await run()
    same = harness(tmp_path, "compare", "1", "2")
    assert same["answers"]["identical"] == same["answers"]["compared"] == 40
    overall = same["rows"][0]["difference"]
    assert overall["estimate"] == 0
    assert overall["low"] < 0 < overall["high"]
    drop = harness(tmp_path, "compare", "1", "3")["rows"][0]["difference"]
    print(
        f"same: {overall['estimate']:+.3f} [{overall['low']:+.3f}, {overall['high']:+.3f}], {same['answers']}"
    )
    print(f"noise: {drop['estimate']:+.3f} [{drop['low']:+.3f}, {drop['high']:+.3f}]")
    assert drop["high"] < 0, drop
    names = {side["served_models"][0] for side in (same["left"], same["right"])}
    assert names == {MODEL}, "the name it answers under never changed"
