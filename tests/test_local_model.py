"""The real local model: what it answers, that it answers the same again, and that its server ends with its run."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest

from harness.config.schema import Endpoint
from harness.errors import LaunchError
from harness.local import KNOWN, Servers, launched, status
from harness.local.launch import parse_ready
from tests.lora import write_noise_lora

pytestmark = pytest.mark.model

MODEL = "smollm2-135m-instruct"
QUESTIONS = (
    "What is the capital of France? Answer with one word.",
    "What is 4 + 3? Reply with only the number.",
    "What is the opposite of hot? One word.",
    "Who wrote Romeo and Juliet?",
)
NO_ANSWER = (OSError, HTTPException)


@pytest.fixture(scope="module")
def weights() -> Path:
    """The installed weights."""
    row = next(row for row in status() if row.name == MODEL)
    if not row.ready or row.weights is None:
        pytest.skip(row.words)
    return row.weights


@pytest.fixture(scope="module")
def lora(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter of noise."""
    target = tmp_path_factory.mktemp("lora") / "noise.gguf"
    write_noise_lora(weights, target)
    return target


@pytest.fixture(scope="module")
def first(weights: Path) -> Iterator[tuple[str, list[str]]]:
    """A server run by hand, and what it answers when asked one question at a time."""
    command = [sys.executable, "-m", "harness.local.serve", "--weights", str(weights), "--alias", MODEL]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        address = parse_ready(server.stdout.readline())
        yield address, answers(f"{address}/v1")
        server.stdin.close()
        assert server.wait(30) == 0
        assert server.stdout.read() == b"", "stdout holds the ready line and nothing else"


def endpoint(protocol: str = "openai-chat", **launch: object) -> Endpoint:
    return Endpoint.model_validate({"protocol": protocol, "model": MODEL, "launch": launch})


def call(url: str, body: object = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as reply:
        return json.loads(reply.read())


def chat(url: str, question: str, **body: object) -> Mapping[str, Any]:
    messages = [{"role": "user", "content": question}]
    settings = {"temperature": 0, "max_tokens": 8, "seed": 1, "logprobs": True}
    reply: Mapping[str, Any] = call(f"{url}/chat/completions", {"messages": messages, **settings, **body})
    return reply


def answers(url: str, concurrency: int = 1, questions: Sequence[str] = QUESTIONS) -> list[str]:
    """Each question's answer with its log-probabilities, as the bytes that came."""

    def ask(question: str) -> str:
        return json.dumps(chat(url, question)["choices"])

    with ThreadPoolExecutor(concurrency) as pool:
        return list(pool.map(ask, questions))


def texts(found: Sequence[str]) -> list[str]:
    return [json.loads(choices)[0]["message"]["content"] for choices in found]


def gone(url: str) -> bool:
    """Wait until nothing listens at a server's address any more."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            call(f"{url}/models")
        except NO_ANSWER:
            return True
        time.sleep(0.05)
    return False


async def none_running(servers: Servers) -> None:
    """Wait until every server is known to have ended."""
    async with asyncio.timeout(30):
        while servers.pids:  # noqa: ASYNC110 - nothing announces the end of a process
            await asyncio.sleep(0.01)


def test_it_knows_the_capital_of_france(first: tuple[str, list[str]]) -> None:
    """A real model answers, under the name it was given, whatever name the request gives."""
    address, found = first
    assert "Paris" in texts(found)[0]
    reply = chat(f"{address}/v1", QUESTIONS[0], model="another")
    assert reply["model"] == MODEL
    assert reply["usage"]["prompt_tokens"] > 0


def test_it_listens_on_loopback_with_nothing_else_switched_on(first: tuple[str, list[str]]) -> None:
    """Metrics, slots and the web page are off."""
    address, _ = first
    assert address.startswith("http://127.0.0.1:")
    for path in ("/metrics", "/slots", "/"):
        with pytest.raises(OSError, match="HTTP Error"):
            call(address + path)


async def test_two_servers_give_the_same_bytes(first: tuple[str, list[str]]) -> None:
    """At temperature 0 text and log-probabilities do not depend on the process or on who else is asking."""
    async with launched(endpoint(), "local") as url:
        assert await asyncio.to_thread(answers, url, 4) == first[1]


async def test_equal_settings_share_a_server() -> None:
    """Endpoints that differ in protocol alone are answered by one process, each at its own base URL."""
    noticed: list[str] = []
    async with Servers(notice=noticed.append) as servers:
        chat_url = await servers.url(endpoint(), "chat")
        messages_url = await servers.url(endpoint("anthropic-messages"), "messages")
        assert chat_url == messages_url + "/v1"
        assert list(servers.pids) == ["chat"]
        body = {"model": MODEL, "max_tokens": 8, "messages": [{"role": "user", "content": QUESTIONS[0]}]}
        reply = await asyncio.to_thread(call, f"{messages_url}/v1/messages", body)
        assert reply["type"] == "message"
    assert gone(chat_url)
    assert noticed == []


async def test_a_server_that_dies_is_noticed_and_replaced() -> None:
    """A killed server ends what it was answering; the next request for its URL starts another."""
    noticed: list[str] = []
    async with Servers(notice=noticed.append) as servers:
        url = await servers.url(endpoint(), "local")
        story = {"max_tokens": 2000, "ignore_eos": True}
        asking = asyncio.create_task(asyncio.to_thread(chat, url, "Tell me a story.", **story))
        await asyncio.sleep(0.3)
        os.kill(servers.pids["local"], signal.SIGKILL)
        with pytest.raises(NO_ANSWER):
            await asking
        await none_running(servers)
        another = await servers.url(endpoint(), "local")
        assert "Paris" in texts([json.dumps(chat(another, QUESTIONS[0])["choices"])])[0]
        os.kill(servers.pids["local"], signal.SIGTERM)
        await none_running(servers)
    assert [words.partition(";")[0] for words in noticed] == [
        "endpoints.local: its local server died (signal 9)",
        "endpoints.local: its local server died (signal 15)",
    ]


async def test_leaving_does_not_wait_for_a_long_answer() -> None:
    """The server is stopped though it is still answering."""
    async with launched(endpoint(), "local") as url:
        story = {"max_tokens": 2000, "ignore_eos": True}
        asking = asyncio.create_task(asyncio.to_thread(chat, url, "Tell me a story.", **story))
        await asyncio.sleep(0.3)
    with pytest.raises(NO_ANSWER):
        await asking


PARENT = """
import asyncio, sys
from harness.config.schema import Endpoint
from harness.local import launched

async def main():
    endpoint = Endpoint.model_validate({"protocol": "openai-chat", "model": "m", "launch": {}})
    async with launched(endpoint, "local") as url:
        print(url, flush=True)
        await asyncio.sleep(600)

try:
    asyncio.run(main())
except KeyboardInterrupt:
    print("stopped by hand", flush=True)
"""


@pytest.mark.parametrize("deadly", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_no_server_outlives_its_parent(weights: Path, deadly: signal.Signals) -> None:
    """Killed, interrupted or terminated, a parent leaves no server behind."""
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        url = parent.stdout.readline().strip()
        assert call(f"{url}/models")
        parent.send_signal(deadly)
        assert gone(url)
        assert ("stopped by hand" in parent.stdout.read()) == (deadly == signal.SIGINT)


def test_ctrl_c_in_the_terminal_reaches_the_parent_alone(weights: Path) -> None:
    """A signal to the whole foreground group leaves the server answering until the parent stops it."""
    patient = PARENT.replace(
        "import asyncio, sys", "import asyncio, signal\nsignal.signal(signal.SIGINT, print)"
    )
    command = [sys.executable, "-c", patient.replace("asyncio.run(main())", "asyncio.Runner().run(main())")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as parent:
        assert parent.stdout is not None
        url = parent.stdout.readline().strip()
        os.killpg(parent.pid, signal.SIGINT)
        assert "Paris" in texts([json.dumps(chat(url, QUESTIONS[0])["choices"])])[0]
        parent.kill()
        assert gone(url)


async def test_truncated_weights_fail_with_the_reason(weights: Path, tmp_path: Path) -> None:
    """Half a file is found out by the server; its own words are passed on, without a traceback."""
    with weights.open("rb") as file:
        (tmp_path / "half.gguf").write_bytes(file.read(KNOWN[MODEL].size_bytes // 2))
    with pytest.raises(LaunchError) as caught:
        async with launched(endpoint(weights="half.gguf"), "local", folder=tmp_path):
            pytest.fail("started")
    said = str(caught.value)
    assert said.startswith(
        f"endpoints.local.launch: the server of {tmp_path / 'half.gguf'} did not start (exit code 1)"
    )
    assert "data is not within the file bounds" in said
    assert "Traceback" not in said


async def test_a_server_that_takes_too_long_is_given_up(weights: Path) -> None:
    """The deadline ends the wait and the child."""
    async with Servers(deadline_s=0.01) as servers:
        with pytest.raises(LaunchError, match=r"was not ready after 0\.01 s"):
            await servers.url(endpoint(), "local")
        assert servers.pids == {}


def test_a_taken_port_fails_with_the_reason(first: tuple[str, list[str]], weights: Path) -> None:
    """The runtime's words about the port are on stderr, and the exit code is 1."""
    port = first[0].rpartition(":")[2]
    command = [
        sys.executable,
        "-m",
        "harness.local.serve",
        "--weights",
        str(weights),
        "--alias",
        "m",
        "--port",
        port,
    ]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) as server:
        assert server.stdout is not None
        assert server.stderr is not None
        assert server.wait(60) == 1
        assert server.stdout.read() == b""
        assert b"couldn't bind" in server.stderr.read()


async def test_a_lora_is_a_volume_knob(first: tuple[str, list[str]], lora: Path) -> None:
    """At scale 0 the answers are the base model's, bit for bit; turned up while running, they change; and back."""
    some, base = QUESTIONS[:2], first[1][:2]
    async with launched(endpoint(lora=str(lora)), "local") as url:
        knob = url.removesuffix("/v1") + "/lora-adapters"
        assert await asyncio.to_thread(answers, url, 1, some) == base
        await asyncio.to_thread(call, knob, [{"id": 0, "scale": 1.5}])
        turned_up = await asyncio.to_thread(answers, url, 1, some)
        await asyncio.to_thread(call, knob, [{"id": 0, "scale": 0.0}])
        assert await asyncio.to_thread(answers, url, 1, some) == base
    assert texts(turned_up) != texts(base)
    async with launched(endpoint(lora=str(lora), lora_scale=1.5), "local") as url:
        assert await asyncio.to_thread(answers, url, 1, some) == turned_up
