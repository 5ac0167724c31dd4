"""The same behaviour is told the same in every protocol, plain or streamed: from the wire to the database."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.cli import run
from harness.config import PROTOCOLS
from harness.rehearsal.script import Asked, Kind, Scripted, Trouble
from harness.rehearsal.server import BASE_PATHS, serve
from harness.store import Store

SERVED = "model-one-2026-11-01"
REPLIES: dict[str, tuple[Scripted, dict[str, Any]]] = {
    "answer": (Scripted("The answer is 4."), {"outcome": "answered", "score": 1.0}),
    "wrong": (Scripted("The answer is 5."), {"outcome": "answered", "score": 0.0}),
    "reasoned": (
        Scripted("4", reasoning="Perhaps 5? No."),
        {"outcome": "answered", "score": 1.0, "answer": "4"},
    ),
    "alias": (Scripted("4", served_model=SERVED), {"outcome": "answered", "rerouted": False}),
    "another": (Scripted("4", served_model="tiny-model"), {"outcome": "answered", "rerouted": True}),
    "prose": (
        Scripted("I'm sorry, but I can't help with that request."),
        {"outcome": "refused", "source": "model", "degree": "full"},
    ),
    "refusal": (Scripted(kind=Kind.REFUSAL, category="bio"), {"outcome": "refused", "source": "provider"}),
    "filter": (Scripted(kind=Kind.FILTER), {"outcome": "refused", "source": "provider"}),
    "block": (Scripted(kind=Kind.BLOCK), {"outcome": "refused", "source": "provider"}),
    "empty": (Scripted(kind=Kind.EMPTY), {"outcome": "empty", "score": None}),
    "limit": (Scripted("word " * 400), {"outcome": "truncated", "score": None}),
    "unreadable": (Scripted("Who can say?"), {"outcome": "unparsed", "score": None}),
    "region": (Scripted(kind=Kind.ERROR, trouble=Trouble.REGION), {"outcome": "denied", "reason": "region"}),
    "key": (Scripted(kind=Kind.ERROR, trouble=Trouble.KEY), {"outcome": "denied", "reason": "key"}),
    "withdrawn": (
        Scripted(kind=Kind.ERROR, trouble=Trouble.WITHDRAWN),
        {"outcome": "denied", "reason": "withdrawn"},
    ),
    "overloaded": (Scripted(kind=Kind.ERROR, trouble=Trouble.OVERLOADED), {"outcome": "failed"}),
}
HEADER = """
format = 1
name = "wires"
version = 1
title = "Wires"
description = "One probe for each way a provider may treat a request."
licence = "CC0-1.0"
languages = ["en"]
families = ["wires"]
[parameters]
max_tokens = 64
[[versions]]
version = 1
date = "2026-11-21"
note = "First version."
"""


def answer(asked: Asked) -> Scripted:
    return REPLIES[asked.messages[-1].content.split()[0].lower()][0]


@pytest.fixture(scope="module")
def observed(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, bool, str], dict[str, Any]]:
    """One run over all protocols, plain and streamed; (protocol, streamed, probe) -> observation."""
    folder: Path = tmp_path_factory.mktemp("wires")
    (folder / "wires").mkdir()
    (folder / "wires" / "suite.toml").write_text(HEADER)
    probes = [
        {
            "id": name,
            "family": "wires",
            "prompt": f"{name} What is 2 + 2?",
            "grader": "numeric",
            "target": "4",
        }
        for name in REPLIES
    ]
    (folder / "wires" / "probes.jsonl").write_text("".join(json.dumps(probe) + "\n" for probe in probes))
    with serve(answer) as url:
        blocks = [
            f"""
[endpoints.{protocol}-{"stream" if stream else "plain"}]
protocol = "{protocol}"
url = "{url}{BASE_PATHS[protocol]}"
model = "model-one"
stream = {str(stream).lower()}
parameters = {{ temperature = 0 }}
limits = {{ attempts = 2, backoff_s = 0, timeout_s = 20 }}
"""
            for protocol in PROTOCOLS
            for stream in (False, True)
        ]
        (folder / "config.toml").write_text("".join(blocks) + '[suites.wires]\npath = "wires"\n')
        assert run(["run", "--config", str(folder / "config.toml"), "--json"]) == 0
    found: dict[tuple[str, bool, str], dict[str, Any]] = {}
    with Store.open(folder / "results" / "harness.db", mode="read") as store:
        assert store.verify().ok
        for stored in store.exchanges(run_id=1):
            seen = stored.observation
            assert seen is not None
            facts = {name: getattr(seen, name) for name in type(seen).__slots__}
            exchange = stored.exchange
            facts["first_token_ms"] = exchange.timing.first_token_ms
            found[exchange.protocol, exchange.streamed, exchange.probe_id] = facts
    return found


@pytest.mark.parametrize("name", list(REPLIES))
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_outcome(
    observed: dict[tuple[str, bool, str], dict[str, Any]], protocol: str, stream: bool, name: str
) -> None:
    """Each treatment has its one outcome, whatever the protocol and whether it came at once or in pieces."""
    facts = observed[protocol, stream, name]
    expected = REPLIES[name][1]
    assert {key: facts[key] for key in expected} == expected
    assert facts["unmapped"] is None
    if name == "answer":
        assert (facts["first_token_ms"] is not None) == stream
        assert facts["input_tokens"] > 0
