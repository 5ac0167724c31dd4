"""Keys that were used are nowhere afterwards: not a byte of them in database, log, output, report, export or alert."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import sqlite3
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterable
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import quote

import pytest
import zstandard

from harness.cli import run
from harness.config import PROTOCOLS
from harness.config.schema import Config
from harness.limits import RealClock
from harness.monitor import Access, run_cycle
from harness.runner import Stop
from harness.store import Store
from harness.suites import load_suite
from tests.echoing import WAYS, Echoing

KEY = "sk-test/Ab+9=0123456789abcdefghij"
GATE = "gate-way-value-24680"
PROXY_PASSWORD = "proxy-pass%word-1357"
USER, PASSWORD = "ann-at-home-77", "pass/word-in-url-55"
QUERY = "AIza-query-key-0987654321"
SECRETS = (KEY, GATE, PROXY_PASSWORD, PASSWORD, QUERY, USER)
BASE_PATHS = {"openai-chat": "/v1", "openai-responses": "/v1", "anthropic-messages": "", "gemini": "/v1beta"}
SUITE = """
format = 1
name = "echo"
version = 1
title = "Echo"
description = "One probe for each way of giving a key back."
licence = "CC0-1.0"
languages = ["en"]
families = ["echo"]
[parameters]
max_tokens = 64
[[versions]]
version = 1
date = "2026-11-21"
note = "First version."
"""


def forms(secret: str) -> Iterable[bytes]:
    """Yield what to look for: the secret as it is, backwards, quoted, escaped, in hexadecimal and base64."""
    raw = secret.encode()
    yield from (raw, raw[::-1], raw.hex().encode(), raw.hex().upper().encode())
    yield from (
        quote(secret, safe="").encode(),
        quote(secret).encode(),
        quote(secret, safe="").lower().encode(),
    )
    yield from (json.dumps(secret)[1:-1].encode(), secret.replace("/", "\\/").encode())
    yield "".join(f"\\u{ord(each):04x}" for each in secret).encode()
    for before in range(3):
        coded = base64.b64encode(b"\0" * before + raw).rstrip(b"=")
        yield coded[(0, 2, 3)[before] : (before + len(raw)) * 8 // 6]


FORMS = {form: secret for secret in SECRETS for form in forms(secret)}


def leaks(data: bytes) -> set[str]:
    return {secret for form, secret in FORMS.items() if form in data}


def leaks_in_files(folder: Path) -> dict[str, set[str]]:
    """Look through every byte of every file in a folder."""
    looked = {
        str(path.relative_to(folder)): leaks(path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "key"
    }
    assert len(looked) > 2
    return {name: found for name, found in looked.items() if found}


def leaks_in_values(database: Path) -> dict[str, set[str]]:
    """Look through every value of every row, frames unpacked, and through replies as somebody would read them."""
    found: dict[str, set[str]] = defaultdict(set)
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        connection.text_factory = bytes
        tables = [
            name.decode()
            for (name,) in connection.execute(
                "SELECT name FROM sqlite_master WHERE type IN ('table', 'view')"
            )
        ]
        dictionaries: dict[object, zstandard.ZstdCompressionDict] = {}
        for row_id, frame in connection.execute("SELECT id, data FROM dictionaries"):
            dictionaries[row_id] = zstandard.ZstdCompressionDict(zstandard.decompress(frame))
        for table in tables:
            for row in connection.execute(f"SELECT * FROM {table}"):
                for value in row:
                    data = value if isinstance(value, bytes) else str(value).encode()
                    found[table] |= leaks(data)
                    if data.startswith(b"\x28\xb5\x2f\xfd"):
                        found[table] |= leaks(_unpacked(data, dictionaries))
    with Store.open(database, mode="read") as store:
        for stored in store.exchanges(final=False):
            body = stored.exchange.response_body
            # Pieces joined as a reader would: all strings of the reply in a row, whatever holds them.
            for name in ("content", "text", "delta", "token", "arguments"):
                pieces = re.findall(rb'"%s":\s*"((?:[^"\\]|\\.)*)"' % name.encode(), body)
                found[f"joined {stored.exchange.call_id} {name}"] |= leaks(b"".join(pieces))
            found["read"] |= leaks(body) | leaks(repr(stored).encode())
            numbers = re.findall(rb'"bytes":\s*\[([0-9, ]*)\]', body)
            found["numbers"] |= leaks(
                bytes(int(each) for piece in numbers for each in piece.split(b",") if each.strip())
            )
    return {place: each for place, each in found.items() if each}


def _unpacked(frame: bytes, dictionaries: dict[object, zstandard.ZstdCompressionDict]) -> bytes:
    for dictionary in (None, *dictionaries.values()):
        try:
            return zstandard.ZstdDecompressor(dict_data=dictionary).decompress(frame)
        except zstandard.ZstdError:
            continue
    return b""


def write_suite(folder: Path) -> None:
    (folder / "echo").mkdir()
    (folder / "echo" / "suite.toml").write_text(SUITE)
    probes = [
        {"id": way, "family": "echo", "prompt": f"{way} What is 2 + 2?", "grader": "numeric", "target": "4"}
        for way in WAYS
    ]
    (folder / "echo" / "probes.jsonl").write_text("".join(json.dumps(each) + "\n" for each in probes))


def config_text(server: Echoing) -> str:
    """Return a config with every protocol, plain and streamed, and one endpoint behind a proxy with a password."""
    parts = [
        f"""
[endpoints.{protocol}-{stream}]
protocol = "{protocol}"
url = "http://{server.address}{BASE_PATHS[protocol]}"
model = "test-model"
{"key_env" if stream == "true" else "key_file"} = "{"ECHO_KEY" if stream == "true" else "key"}"
stream = {stream}
headers = {{ x-gate-auth = "{GATE}" }}
limits = {{ attempts = 2, backoff_s = 0.01, timeout_s = 10 }}
"""
        for protocol in PROTOCOLS
        for stream in ("false", "true")
    ]
    parts.append("""
[endpoints.proxied]
protocol = "openai-chat"
url = "http://provider.invalid/v1"
model = "test-model"
proxy_env = "ECHO_PROXY"
limits = { attempts = 2, backoff_s = 0.01, timeout_s = 10 }
[suites.echo]
path = "echo"
[alerts]
urls_env = "ECHO_ALERTS"
""")
    return "".join(parts)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ECHO_KEY", KEY)
    folder = tmp_path / "project"
    folder.mkdir()
    write_suite(folder)
    (folder / "key").write_text(KEY)
    (folder / "key").chmod(0o600)
    return folder


class Told:
    """Takes notifications."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.messages.append(self.rfile.read(int(self.headers["content-length"])))
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()


def test_keys_are_in_nothing_that_a_run_leaves(
    project: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Keys in the header of all four protocols, in an extra header and in a proxy's URL, echoed in every way."""
    told = Told()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(project / "account"))
    with Echoing() as server:
        proxy = f"http://proxy-user:{quote(PROXY_PASSWORD)}@{server.address}"
        monkeypatch.setenv("ECHO_PROXY", proxy)
        monkeypatch.setenv("ECHO_ALERTS", f"json://127.0.0.1:{told.server.server_address[1]}/")
        (project / "config.toml").write_text(config_text(server))
        config = ["--config", str(project / "config.toml")]
        assert run(["check", *config]) in (0, 2)
        assert run(["run", *config]) == 0
        assert server.asked >= 9 * len(WAYS)
        assert {KEY, GATE, PROXY_PASSWORD} <= server.seen
    told.server.shutdown()
    told.server.server_close()
    database = project / "results" / "harness.db"
    assert leaks_in_values(database) == {}
    for arguments in (
        ["status"], ["status", "--json"], ["show", "--run", "1"], ["show", "--run", "1", "--json"], ["verify"],
        ["report"], ["regrade", "--all"],
        ["export", "-o", str(project / "jsonl")], ["export", "-o", str(project / "csv"), "--format", "csv"],
        ["backup", str(project / "copy.db")], ["commit", "-o", str(project / "commitment.json")], ["key"], ["seal"],
        ["bundle", str(project / "bundle.tar")], ["verify", str(project / "bundle.tar")],
    ):  # fmt: skip
        run([*arguments, *config])
    assert (project / "bundle.tar").stat().st_size > 100_000
    with Store.open(database, mode="read") as store:
        kinds = {stored.exchange.redacted for stored in store.exchanges()}
        rows = [stored.row_id for stored in store.exchanges(final=False)]
    assert True in kinds
    for row in rows[::9]:
        assert run(["show", str(row), *config]) == 0
    printed = capfd.readouterr()
    assert len(printed.out) > 10_000
    assert leaks(printed.out.encode()) == set()
    assert leaks(printed.err.encode()) == set()
    assert told.messages
    assert leaks(b"".join(told.messages)) == set()
    # The extra header stands in the config, where the user put it; nothing that harness wrote has it.
    assert leaks_in_files(project) == {"config.toml": {GATE}}


def test_keys_in_query_and_userinfo_are_in_nothing_that_a_run_leaves(project: Path) -> None:
    """A Config made by a program may hold a key in the URL's query, user and password, and proxy; no file would."""
    with Echoing() as server:
        endpoints = {
            f"{protocol}-{stream}": {
                "protocol": protocol,
                "url": f"http://{USER}:{quote(PASSWORD, safe='')}@{server.address}{BASE_PATHS[protocol]}?key={QUERY}",
                "model": "test-model",
                "stream": stream,
                "headers": {"x-gate-auth": GATE},
                "limits": {"attempts": 2, "backoff_s": 0.01, "timeout_s": 10.0},
            }
            for protocol in PROTOCOLS
            for stream in (False, True)
        }
        endpoints["proxied"] = {
            "protocol": "openai-chat",
            "url": "http://provider.invalid/v1",
            "model": "test-model",
            "proxy": f"http://proxy-user:{quote(PROXY_PASSWORD)}@{server.address}",
        }
        config = Config.model_validate({"endpoints": endpoints, "suites": {"echo": {"path": "echo"}}})
        database = project / "t.db"
        with Store.open(database, mode="write") as store:
            summary = asyncio.run(
                run_cycle(
                    config,
                    {"echo": load_suite(project / "echo")},
                    store,
                    Access({}, {}),
                    clock=RealClock(),
                    stop=Stop(),
                )
            )
            assert summary.completed == 9 * len(WAYS)
            assert leaks_in_values(database) == {}
            assert leaks_in_files(project) == {}  # the log too, while it is being written
        assert {QUERY, PASSWORD, USER, PROXY_PASSWORD, GATE} <= server.seen
    assert leaks_in_values(database) == {}
    assert leaks_in_files(project) == {}


def test_a_config_with_a_key_in_its_url_is_refused_without_repeating_it(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """From a file a key in query, userinfo or proxy gets no further than the message, which does not have it."""
    for url, proxy in (
        (f"https://api.example.com/v1?key={QUERY}", None),
        (f"https://{USER}:{quote(PASSWORD, safe='')}@api.example.com/v1", None),
        ("https://api.example.com/v1", f"http://{USER}:{quote(PASSWORD, safe='')}@proxy.example.com:3128"),
    ):
        lines = [
            "[endpoints.one]",
            'protocol = "openai-chat"',
            f'url = "{url}"',
            'model = "m"',
            "[suites.echo]",
        ]
        lines[3:3] = [f'proxy = "{proxy}"'] if proxy else []
        (project / "config.toml").write_text("\n".join(lines))
        for command in ("check", "run"):
            assert run([command, "--config", str(project / "config.toml")]) == 2
    printed = capfd.readouterr()
    assert printed.err.count("error: ") >= 6
    assert leaks((printed.out + printed.err).encode()) == set()
    assert not (project / "results").exists()


def test_a_killed_run_leaves_no_key(project: Path) -> None:
    """Database, log and shared memory of a writer, while it runs and after kill -9, and what it printed."""
    with Echoing() as server:
        server.delay = lambda: time.sleep(0.02)
        (project / "config.toml").write_text(config_text(server))
        environ = os.environ | {
            "ECHO_PROXY": f"http://proxy-user:{quote(PROXY_PASSWORD)}@{server.address}",
            "ECHO_ALERTS": "json://127.0.0.1:9/",
        }
        command = [sys.executable, "-m", "harness", "run", "--config", str(project / "config.toml")]
        with (project / "printed").open("wb") as printed:
            process = subprocess.Popen(command, stdout=printed, stderr=printed, env=environ)
            while server.asked < 60 and process.poll() is None:
                time.sleep(0.01)
            for _ in range(5):
                assert leaks_in_files(project) == {"config.toml": {GATE}}
                time.sleep(0.05)
            process.kill()
            process.wait()
    left = {path.name for path in (project / "results").iterdir()}
    assert {"harness.db", "harness.db-wal", "harness.db-shm"} <= left
    assert leaks_in_files(project) == {"config.toml": {GATE}}
    assert leaks_in_values(project / "results" / "harness.db") == {}
