"""Runs, exchanges and observations to put into a store."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from harness.records import Exchange, Message, Observation, Outcome, Probe, RunHeader, RunStatus, Timing
from harness.store import EndpointRecord, Store, SuiteRecord

START_US = 1_760_000_000_000_000
HOUR_US = 3_600_000_000
WORDS = [
    "the",
    "a",
    "of",
    "to",
    "and",
    "in",
    "is",
    "it",
    "answer",
    "capital",
    "river",
    "mountain",
    "twelve",
    "seven",
    "because",
    "however",
    "therefore",
]

PROBES = tuple(
    Probe(
        id=f"p{number}",
        messages=(Message("system", "Be brief."), Message("user", f"How much is {number} + {number}? ≈")),
        grader="numeric",
        target=(str(2 * number),),
        options={"tolerance": 0.5, "units": ["m", None]},
        family="sums",
        pair=f"q{number // 2}",
        arm="topic" if number % 2 else "neutral",
        topic="biology" if number % 2 else None,
        depth=number if number % 3 else None,
        difficulty=1 + number,
        anchor=number == 0,
        fresh=number == 5,
        kind="plain",
        parameters={"max_tokens": 16},
    )
    for number in range(6)
)
SUITE = SuiteRecord("sums", 2, "sha256:" + "5" * 64, {"title": "Sums", "arms": ["topic", "neutral"]}, PROBES)
OTHER_SUITE = SuiteRecord("words", 1, "sha256:" + "6" * 64, {"title": "Words"}, PROBES[:2])
ENDPOINTS = (
    EndpointRecord(
        "gpt", "gpt-4o", "openai-chat", "https://api.example.com/v1", "default", {"temperature": 0}
    ),
    EndpointRecord("local", "small", "openai-chat", None, "home", {}),
)


def header(
    planned: int = 100, started_us: int = START_US, suites: Sequence[SuiteRecord] = (SUITE,)
) -> RunHeader:
    return RunHeader(
        seed=7,
        started_us=started_us,
        clock="simulated",
        planned=planned,
        plan_hash="sha256:" + "1" * 64,
        config_hash="sha256:" + "2" * 64,
        config_json='{"endpoints":{}}',
        suites={suite.name: suite.content_hash for suite in suites},
        endpoints=("gpt", "local"),
        trigger="manual",
        vantage={"default": '{"host":"h"}'},
        harness_version="0.1.0",
        packages={"httpx": "0.28"},
        python="3.11",
        platform="linux",
        git_revision=None,
        git_dirty=None,
    )


def begin(store: Store, planned: int = 100, started_us: int = START_US) -> int:
    return store.begin_run(header(planned, started_us), [SUITE], ENDPOINTS)


def exchange(index: int, seed: int = 0, **changes: object) -> Exchange:
    """Return an exchange as a chat provider would give it, different for every index and seed."""
    rng = random.Random(f"{index} {seed}")
    probe = PROBES[index % len(PROBES)]
    call_seed = rng.getrandbits(31)
    request = {
        "model": "gpt-4o",
        "messages": [{"role": each.role, "content": each.content} for each in probe.messages],
        "seed": call_seed,
        "max_tokens": 16,
    }
    reply = {
        "id": f"chatcmpl-{rng.getrandbits(120):030x}",
        "object": "chat.completion",
        "created": START_US // 1_000_000 + index,
        "model": "gpt-4o-2024-08-06",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": " ".join(rng.choices(WORDS, k=15))}}
        ],
        "usage": {"prompt_tokens": 20, "completion_tokens": 5},
    }
    made = Exchange(
        call_id=f"{rng.getrandbits(80):020x}",
        index=index,
        attempt=1,
        final=True,
        endpoint="gpt" if index % 5 else "local",
        suite="sums",
        probe_id=probe.id,
        sample=index // len(PROBES),
        seed=call_seed,
        protocol="openai-chat",
        streamed=False,
        method="POST",
        url="https://api.example.com/v1/chat/completions",
        request_headers=(("content-type", "application/json"),),
        request_body=json.dumps(request, separators=(",", ":")).encode(),
        status=200,
        response_headers=(
            ("content-type", "application/json"),
            ("x-request-id", str(uuid.UUID(int=rng.getrandbits(128)))),
        ),
        response_body=json.dumps(reply, separators=(",", ":")).encode(),
        failure=None,
        failure_detail="",
        timing=Timing(
            START_US + index * 1_000_000, round(rng.uniform(100, 900), 3), round(rng.uniform(50, 99), 3)
        ),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def observation(score: float | None = 1.0, **changes: object) -> Observation:
    made = Observation(
        outcome=Outcome.ANSWERED,
        rule="content",
        evidence="finish_reason=stop",
        source=None,
        degree=None,
        category=None,
        reason=None,
        notice=None,
        served_model="gpt-4o-2024-08-06",
        rerouted=False,
        unmapped=None,
        score=score,
        answer="4",
        refusal_score=0.01,
        finish_reason="stop",
        fingerprint="fp_1",
        input_tokens=20,
        output_tokens=5,
        cost_usd=0.0001,
        makers="observe/1 outcomes/1 endpoints.openai-chat/1 graders.numeric/1",
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def fill(
    path: Path,
    runs: int = 2,
    exchanges: int = 12,
    status: RunStatus | None = RunStatus.DONE,
) -> None:
    """Write a small database: some runs of some exchanges, all judged; with status None the last stays open."""
    with Store.open(path, mode="write") as store:
        for number in range(runs):
            started_us = START_US + number * 24 * HOUR_US
            run_id = begin(store, exchanges, started_us)
            rows = store.append(run_id, [exchange(index, seed=number) for index in range(exchanges)])
            judged = [(row, observation(float(row % 2), answer=f"answer {row}")) for row in rows]
            store.append(run_id, [], judged)
            if number < runs - 1 or status is not None:
                store.finish_run(run_id, status or RunStatus.DONE, started_us + HOUR_US)
