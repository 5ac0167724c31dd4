"""What a person gets wrong is answered in plain lines with the right exit code, and never with a traceback."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.cli import run
from harness.store import Store

GOOD = """
[endpoints.one]
protocol = "openai-chat"
url = "http://127.0.0.1:9/v1"
model = "m"
[suites.tiny]
path = "tiny"
"""
SUITE = """
format = 1
name = "tiny"
version = 1
title = "Tiny"
description = "Two sums."
licence = "CC0-1.0"
languages = ["en"]
families = ["sums"]
[parameters]
max_tokens = 8
[[versions]]
version = 1
date = "2026-11-21"
note = "First."
"""
PROBES = (
    '{"id": "a", "family": "sums", "prompt": "What is 1 + 1?", "grader": "numeric", "target": "2"}\n'
    '{"id": "b", "family": "sums", "prompt": "What is 1 + 2?", "grader": "numeric", "target": "3"}\n'
)


@dataclass(frozen=True)
class Place:
    """A project folder to spoil."""

    folder: Path

    @property
    def config(self) -> Path:
        return self.folder / "config.toml"

    @property
    def database(self) -> Path:
        return self.folder / "results" / "harness.db"

    def spoil(self, name: str, old: str, new: str) -> None:
        path = self.folder / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "MY_KEY"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "config.toml").write_text(GOOD)
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "suite.toml").write_text(SUITE)
    (tmp_path / "tiny" / "probes.jsonl").write_text(PROBES)
    monkeypatch.chdir(tmp_path)
    return Place(tmp_path)


def _database(place: Place) -> None:
    place.database.parent.mkdir(exist_ok=True)
    with Store.open(place.database, mode="write"):
        pass


def _text_database(place: Place) -> None:
    place.database.parent.mkdir()
    place.database.write_text("this is a shopping list, not a database, whatever its name says\n" * 40)


def _other_database(place: Place) -> None:
    place.database.parent.mkdir()
    connection = sqlite3.connect(place.database)
    connection.execute("create table recipes (name text)")
    connection.commit()
    connection.close()


def _newer_database(place: Place) -> None:
    _database(place)
    connection = sqlite3.connect(place.database)
    connection.execute(
        "insert into _sqlite_migrations (migration_set, name, applied_at) values ('harness', 'm999_future', '2099')"
    )
    connection.commit()
    connection.close()


def _config(old: str, new: str) -> Callable[[Place], None]:
    return lambda place: place.spoil("config.toml", old, new)


def _suite(old: str, new: str) -> Callable[[Place], None]:
    return lambda place: place.spoil("tiny/suite.toml", old, new)


def _probes(old: str, new: str) -> Callable[[Place], None]:
    return lambda place: place.spoil("tiny/probes.jsonl", old, new)


def _nothing(place: Place) -> None:
    del place


Case = tuple[str, Callable[[Place], None], str, int, str]
CASES: list[Case] = [
    # --- config
    ("no config", lambda p: p.config.unlink(), "check", 2, "config.toml"),
    ("config is a folder", lambda p: (p.config.unlink(), p.config.mkdir())[0], "check", 2, "config.toml"),  # type: ignore[func-returns-value]
    ("empty config", lambda p: p.config.write_text("") and None, "check", 2, "is empty"),
    ("not TOML", _config("[suites.tiny]", "[suites.tiny"), "check", 2, "config.toml: line 6"),
    ("not UTF-8", lambda p: p.config.write_bytes(b"\xff\xfe\x00") and None, "check", 2, "UTF-8"),
    ("unknown key", _config('model = "m"', 'model = "m"\nmodle = "m"'), "check", 2, "endpoints.one.modle"),
    ("wrong type", _config('model = "m"', "model = 7"), "check", 2, "endpoints.one.model"),
    ("unknown protocol", _config("openai-chat", "openai-chatter"), "check", 2, "endpoints.one.protocol"),
    ("negative limit", _config('model = "m"', 'model = "m"\nlimits = { concurrency = -1 }'), "check", 2, "concurrency"),
    ("no scheme in the URL", _config("http://127.0.0.1:9/v1", "api.example.com/v1"), "check", 2, "endpoints.one.url"),
    ("pasted path in the URL", _config("9/v1", "9/v1/chat/completions"), "check", 2, "endpoints.one.url"),
    ("key in the URL", _config("http://127", "http://user:secretpass@127"), "check", 2, "endpoints.one.url"),
    ("ftp URL", _config("http://", "ftp://"), "check", 2, "endpoints.one.url"),
    ("impossible cron", _config("[suites.tiny]", '[schedules.d]\ncron = "0 0 31 2 *"\n[suites.tiny]'), "check", 2, "never comes due"),
    ("unreadable cron", _config("[suites.tiny]", '[schedules.d]\ncron = "every day"\n[suites.tiny]'), "check", 2, "five fields"),
    ("schedule without its suite", _config("[suites.tiny]", '[schedules.d]\ncron = "0 6 * * *"\nsuites = ["tinny"]\n[suites.tiny]'), "check", 2, "tinny"),
    ("zero samples", _config('path = "tiny"', 'path = "tiny"\nsamples = 0'), "check", 2, "samples"),
    ("duplicate endpoint", _config("[suites.tiny]", '[endpoints.one]\nprotocol = "gemini"\n[suites.tiny]'), "check", 2, "endpoints.one"),
    # --- keys
    ("key variable not set", _config('model = "m"', 'model = "m"\nkey_env = "MY_KEY"'), "check", 2, "MY_KEY"),
    ("key file missing", _config('model = "m"', 'model = "m"\nkey_file = "secret.txt"'), "run", 2, "secret.txt"),
    ("usual key variable not set", _config("http://127.0.0.1:9/v1", "https://api.openai.com/v1"), "run", 2, "OPENAI_API_KEY"),
    ("key pasted into the config", _config('model = "m"', 'model = "m"\nheaders = { authorization = "Bearer sk-abcdefghijklmnop" }'), "check", 2, "environment or a file"),
    # --- suites
    ("suite folder missing", _config('path = "tiny"', 'path = "huge"'), "check", 2, "huge"),
    ("suite not shipped", _config("[suites.tiny]\npath = \"tiny\"", "[suites.unheard]"), "check", 2, "unheard"),
    ("suite header not TOML", _suite("format = 1", "format = = 1"), "check", 2, "suite.toml"),
    ("suite format of the future", _suite("format = 1", "format = 99"), "check", 2, "99"),
    ("probe not JSON", _probes('{"id": "a"', '{"id": a"'), "check", 2, "line 1"),
    ("duplicate probe", _probes('"id": "b"', '"id": "a"'), "check", 2, "line 2"),
    ("unknown grader", _probes('"grader": "numeric", "target": "3"', '"grader": "vibes", "target": "3"'), "check", 2, "vibes"),
    ("target no number", _probes('"target": "3"', '"target": "three-ish"'), "check", 2, "line 2"),
    ("undeclared family", _probes('"id": "b", "family": "sums"', '"id": "b", "family": "summs"'), "check", 2, "summs"),
    ("pair without a twin", _probes('"id": "b",', '"id": "b", "pair": "p", "arm": "x",'), "check", 2, "line 2"),
    # --- databases
    ("no database yet", _nothing, "status", 1, "harness run makes it"),
    ("database is text", _text_database, "status", 1, "harness.db"),
    ("someone else's database", _other_database, "run", 1, "harness.db"),
    ("database of a newer version", _newer_database, "verify", 1, "newer"),
    ("database is a folder", lambda p: p.database.mkdir(parents=True), "status", 2, "harness.db"),
    ("folder cannot be made", lambda p: p.database.parent.write_text("a file") and None, "run", 2, "storage.database"),
    ("verify without a database", _nothing, "verify --db elsewhere.db", 1, "elsewhere.db"),
    ("regrade without a database", _nothing, "regrade --db elsewhere.db", 1, "elsewhere.db"),
    # --- arguments
    ("no command", _nothing, "", 2, ""),
    ("unknown command", _nothing, "observe", 2, "observe"),
    ("unknown option", _nothing, "run --quick", 2, "--quick"),
    ("unknown suite", _nothing, "run --suite big", 2, "it has: tiny"),
    ("unknown endpoint", _nothing, "plan --endpoint two", 2, "it has: one"),
    ("seed not a number", _nothing, "plan --seed lucky", 2, "--seed"),
    ("resume with a choice", _nothing, "run --resume --suite tiny", 2, "--resume"),
    ("resume with a seed", _nothing, "run --resume --seed 3", 2, "--seed"),
    ("watch without a schedule", _nothing, "watch", 2, "schedule"),
    ("compare with nothing", _database, "compare 1 2", 4, "no runs yet"),
    ("compare one side", _database, "compare 1", 2, "B"),
    ("compare nonsense", _database, "compare yesterday today", 2, "yesterday"),
    ("compare an impossible day", _database, "compare 2026-02-30 2026-03-01", 2, "2026-02-30"),
    ("compare a backward range", _database, "compare run:5-2 run:6", 2, "5-2"),
    ("show nothing", _database, "show", 2, "which call"),
    ("show an unknown call", _database, "show ffffffff", 2, "ffffffff"),
    ("show an unknown outcome", _database, "show --outcome happy", 2, "happy"),
    ("report on nothing", _database, "report", 4, "no finished exchange"),
    ("init over a config", _nothing, "init", 2, "--force"),
    ("install an unknown model", _nothing, "local install gpt-7", 1, "gpt-7"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("spoil", "command", "code", "words"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_bad_input(
    place: Place,
    spoil: Callable[[Place], None],
    command: str,
    code: int,
    words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The mistake is named where it is, on stderr, and the exit code says whose it is."""
    spoil(place)
    assert run(command.split()) == code
    said = capsys.readouterr()
    assert "Traceback" not in said.err + said.out
    assert words in " ".join(said.err.split()), said.err
    assert "secretpass" not in said.err
    assert "sk-abcdefghijklmnop" not in said.err


def test_all_mistakes_at_once(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """Mistakes in several sections are all told in one go, one line each, with file, key, value and fix."""
    place.spoil("config.toml", 'model = "m"', 'model = ""\nlimits = { attempts = 0 }\nprices = { input = 3 }')
    place.spoil("config.toml", 'path = "tiny"', 'path = "tiny"\nsamples = -2')
    assert run(["check"]) == 2
    lines = capsys.readouterr().err.splitlines()
    for key in ("endpoints.one.model", "limits.attempts", "prices.input", "suites.tiny.samples"):
        assert sum(key in line for line in lines) == 1
    assert all(line.startswith("error: config.toml: ") for line in lines)


def test_both_files_of_a_suite_at_once(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """Every bad line of a suite is told at once."""
    place.spoil("tiny/probes.jsonl", '"target": "2"', '"target": "two point x"')
    place.spoil("tiny/probes.jsonl", '"id": "b"', '"idd": "b"')
    assert run(["check"]) == 2
    said = capsys.readouterr().err
    assert "line 1" in said
    assert "line 2" in said


def test_a_second_writer_is_told_who_writes(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """A database that is being written to names the process that does."""
    place.database.parent.mkdir()
    with Store.open(place.database, mode="write"):
        assert run(["regrade"]) == 1
    assert str(os.getpid()) in capsys.readouterr().err
