"""A gateway that no one here wrote: the LiteLLM proxy answers our adapters in all four protocols, on loopback.

It is heavy, and its dependencies are its own: it lives in an environment apart. `HARNESS_LITELLM_PYTHON` names
that environment's interpreter; without it, `.venv-litellm` in the checkout is looked for.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from harness.endpoints import adapter
from harness.outcomes import decide, may_retry
from harness.records import Decision, Outcome, Reply
from tests import wire

pytest.importorskip("starlette", reason="the rehearsal extra is not installed")

from harness.rehearsal.script import Asked, Kind, Scripted, Trouble
from harness.rehearsal.server import serve

INTERPRETER = Path(
    os.environ.get("HARNESS_LITELLM_PYTHON") or Path(__file__).parents[1] / ".venv-litellm" / "bin" / "python"
)
KEY = "sk-only-for-loopback-0123456789abcdef"
PATHS = {"openai-chat": "/v1", "openai-responses": "/v1", "anthropic-messages": "", "gemini": "/v1beta"}
BEHIND = {
    "answer": Scripted("It is 4.", reasoning="Two and two."),
    "limit": Scripted("It is more than that", Kind.LIMIT),
    "filter": Scripted("It is", Kind.FILTER),
    "block": Scripted(
        "", Kind.BLOCK, explanation="Your request was rejected as a result of our safety system."
    ),
    "empty": Scripted("", Kind.EMPTY),
    "busy": Scripted("", Kind.ERROR, trouble=Trouble.RATE_LIMIT),
    "gone": Scripted("", Kind.ERROR, trouble=Trouble.WITHDRAWN),
    "key": Scripted("", Kind.ERROR, trouble=Trouble.KEY),
}


def behind(asked: Asked) -> Scripted:
    """Answer as the provider behind the gateway, by the script that the last message names."""
    return BEHIND[asked.messages[-1].content]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if not INTERPRETER.is_file():
        pytest.skip(
            f"no LiteLLM at {INTERPRETER}: python -m venv .venv-litellm, then pip install 'litellm[proxy]'"
        )
    folder = tmp_path_factory.mktemp("litellm")
    with serve(behind) as provider:
        mock = {"model": "openai/gpt-4o-mini", "api_key": "none", "mock_response": "It is 4."}
        real = {"model": "hosted_vllm/scripted", "api_key": "none", "api_base": f"{provider}/v1"}
        config = {
            "model_list": [
                {"model_name": "mock", "litellm_params": mock},
                {"model_name": "scripted", "litellm_params": real},
            ],
            "litellm_settings": {"telemetry": False, "num_retries": 0},
            "router_settings": {"num_retries": 0, "disable_cooldowns": True},
        }
        (folder / "config.yaml").write_text(json.dumps(config))  # JSON is YAML
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [str(INTERPRETER.with_name("litellm")), "--config", "config.yaml"]
        environment = os.environ | {"LITELLM_MASTER_KEY": KEY, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [*command, "--host", "127.0.0.1", "--port", str(port)],
                cwd=folder,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
            try:
                address = f"http://127.0.0.1:{port}"
                await_health(address, process, folder / "log")
                yield address
            finally:
                process.terminate()
                process.wait(20)


def await_health(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    with httpx.Client(trust_env=False, timeout=2) as client:
        for _ in range(240):
            if process.poll() is not None:
                break
            try:
                if client.get(f"{address}/health/liveliness").status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.5)
    pytest.fail(f"LiteLLM did not start:\n{log.read_text(errors='replace')[-2000:]}")


def ask(
    address: str, protocol: str, model: str, text: str, *, stream: bool, limit: int = 5
) -> tuple[Reply, Decision, int]:
    endpoint = wire.endpoint(
        protocol,
        url=address + PATHS[protocol],
        model=model,
        stream=stream,
        headers={"authorization": f"Bearer {KEY}"},
        parameters={"max_tokens": limit},
    )
    built = adapter(protocol).build(endpoint, wire.probe(("user", text)), 1, None)
    with httpx.Client(trust_env=False, timeout=60) as client:
        got = client.request(built.method, built.url, headers=list(built.headers), content=built.body)
    reply = adapter(protocol).read(got.status_code, tuple(got.headers.items()), got.content, streamed=stream)
    sent = wire.exchange(protocol, got.content, status=got.status_code, streamed=stream)
    return reply, decide(replace(sent, request_body=built.body), reply, model), got.status_code


@pytest.mark.parametrize("protocol", wire.PROTOCOLS)
def test_a_mocked_answer_of_the_gateway_is_answered(gateway: str, protocol: str) -> None:
    """The gateway's own mocked reply is an answer of the requested model in every protocol."""
    # Its mock of the Responses protocol has no stream.
    for stream in (False,) if protocol == "openai-responses" else (False, True):
        reply, decision, _ = ask(gateway, protocol, "mock", "hi", stream=stream, limit=500)
        assert (decision.outcome, decision.unmapped, decision.rerouted) == (Outcome.ANSWERED, None, False)
        assert reply.text == "It is 4."


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("protocol", wire.PROTOCOLS)
@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        ("answer", Outcome.ANSWERED),
        ("limit", Outcome.TRUNCATED),
        ("filter", Outcome.REFUSED),
        ("block", Outcome.REFUSED),
        ("empty", Outcome.EMPTY),
    ],
)
def test_the_gateways_translation_keeps_its_meaning(
    gateway: str, protocol: str, script: str, outcome: Outcome, stream: bool
) -> None:
    """A provider's reply, translated by the gateway into each protocol, comes to the same outcome."""
    reply, decision, _ = ask(gateway, protocol, "scripted", script, stream=stream)
    assert (decision.outcome, decision.unmapped, decision.rerouted) == (outcome, None, False)
    if script == "answer":
        assert reply.text == "It is 4."
        assert reply.reasoning in ("Two and two.", "")  # its Gemini has no thoughts


@pytest.mark.parametrize("protocol", wire.PROTOCOLS)
@pytest.mark.parametrize(
    ("script", "outcome", "reason"),
    [
        ("busy", Outcome.FAILED, "rate_limited"),
        ("gone", Outcome.DENIED, "withdrawn"),
        ("key", Outcome.DENIED, "key"),
    ],
)
def test_the_gateways_errors_keep_their_meaning(
    gateway: str, protocol: str, script: str, outcome: Outcome, reason: str
) -> None:
    """A provider's error, translated by the gateway, is denied or failed for the same reason."""
    for stream in (False, True):
        reply, decision, status = ask(gateway, protocol, "scripted", script, stream=stream)
        assert (decision.outcome, decision.reason, decision.unmapped) == (outcome, reason, None)
        assert may_retry(status, None, reply) == (script == "busy")
