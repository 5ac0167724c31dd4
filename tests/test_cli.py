"""The command line as scripts use it: names, JSON, exit codes, on a real provider and a real database."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.cli import run
from harness.store import Store
from tests.provider import Provider, config_text
from tests.store_examples import ENDPOINTS, SUITE, exchange, header, observation

KEY = "sk-test-8f3a71c2d94e4b6fa0c5"


class Shell:
    """Runs commands in this process and reads what they print."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.capsys = capsys

    def __call__(self, *words: str, code: int = 0) -> str:
        found = run([*words, "--config", str(self.folder / "config.toml")])
        said = self.capsys.readouterr()
        assert found == code, said.err + said.out
        assert "Traceback" not in said.err
        return said.out

    def json(self, *words: str, code: int = 0) -> Any:
        return json.loads(self(*words, "--json", code=code))

    def lines(self, *words: str) -> list[Any]:
        return [json.loads(line) for line in self(*words, "--json").splitlines()]


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(tmp_path, capsys)


def configure(shell: Shell, provider: Provider, suites: str = "capability-quick", extra: str = "") -> None:
    (shell.folder / "config.toml").write_text(config_text(provider.url, suites=suites, extra=extra))


def test_run_sends_the_plan(shell: Shell) -> None:
    """What `plan --json` lists is what a run sends, call for call, and is stored under the same ids."""
    with Provider() as provider:
        configure(shell, provider)
        planned = shell.lines("plan")
        summary = shell.json("run")
        sent = Counter(json.loads(body)["seed"] for body in provider.bodies)
    assert sent == Counter(call["seed"] for call in planned)
    assert summary["status"] == "done"
    assert summary["completed"] == summary["planned"] == len(planned)
    shown = shell.json("show", planned[0]["call_id"])
    assert shown[0]["probe"] == planned[0]["probe"]
    asked = json.loads(shown[0]["request"]["body"]["text"])
    assert asked["messages"] == planned[0]["messages"]
    for name in (
        "call_id",
        "endpoint",
        "suite",
        "probe",
        "pair",
        "arm",
        "topic",
        "messages",
        "target",
        "grader",
    ):
        assert name in planned[0]


def test_resume_sends_only_what_is_missing(shell: Shell) -> None:
    """After a budget stop, `--resume` with more budget finishes the same run and repeats nothing."""
    with Provider() as provider:
        configure(shell, provider, extra="[budgets]\ncalls_per_run = 20\n")
        first = shell.json("run", code=1)
        assert (first["status"], first["completed"]) == ("budget", 20)
        configure(shell, provider)
        again = shell.json("run", "--resume")
        sent = Counter(json.loads(body)["seed"] for body in provider.bodies)
    assert again["run_id"] == first["run_id"]
    assert again["completed"] == again["planned"] == len(sent)
    assert set(sent.values()) == {1}
    (status,) = shell.json("status")["runs"]
    assert (status["status"], status["coverage"]) == ("done", 1.0)
    assert shell.json("verify")["ok"]


def test_resume_refuses_another_plan(shell: Shell) -> None:
    """A run is not resumed under settings that would send something else."""
    with Provider() as provider:
        configure(shell, provider, extra="[budgets]\ncalls_per_run = 5\n")
        shell.json("run", code=1)
        path = shell.folder / "config.toml"
        path.write_text(path.read_text().replace("test-model", "other-model"))
        shell("run", "--resume", code=2)
        assert len(provider.bodies) == 5


def test_compare_finds_a_planted_drop(shell: Shell) -> None:
    """Two equal runs show no difference and identical answers; a model that got worse shows an interval below zero."""
    right: dict[str, str] = {}
    worse = False

    def answer(request: dict[str, Any]) -> str:
        prompt = request["messages"][-1]["content"]
        return "I like turtles." if worse and hash_of(prompt) % 2 else right.get(prompt, "no idea")

    with Provider(answer) as provider:
        configure(shell, provider)
        for call in shell.lines("plan", "--seed", "5"):
            right[call["messages"][-1]["content"]] = (call["target"] or ["yes"])[0]
        shell("run", "--seed", "5")
        shell("run", "--seed", "5")
        worse = True
        shell("run", "--seed", "5")
    same = shell.json("compare", "1", "2")
    overall = same["rows"][0]["difference"]
    assert overall["estimate"] == 0
    assert overall["low"] < 0 < overall["high"]
    assert same["answers"]["identical"] == same["answers"]["compared"] > 50
    drop = shell.json("compare", "1", "3")["rows"][0]["difference"]
    assert drop["high"] < 0


def hash_of(text: str) -> int:
    return sum(text.encode())


def test_keys_are_stored_nowhere(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A key that the provider echoes is in no file that harness writes and in nothing it prints."""

    def echo(request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        return 401, {
            "error": {"message": f"Incorrect API key provided: {KEY}", "type": "invalid_request_error"}
        }

    monkeypatch.setenv("MY_KEY", KEY)
    with Provider(echo) as provider:
        configure(shell, provider)
        path = shell.folder / "config.toml"
        path.write_text(path.read_text().replace('model = "test', 'key_env = "MY_KEY"\nmodel = "test'))
        assert run(["run", "--config", str(path)]) == 4
        said = capsys.readouterr()
        assert KEY not in said.out + said.err
        for words in (("status",), ("show", "--run", "1"), ("report",)):
            assert KEY not in shell(*words)
    files = [path for path in shell.folder.rglob("*") if path.is_file()]
    assert len(files) > 3
    for path in files:
        assert KEY.encode() not in path.read_bytes(), path


def test_dead_line_is_missing_data(shell: Shell) -> None:
    """With nothing at the other end a run ends early, says why, and is not a row of zeros."""
    (shell.folder / "config.toml").write_text(
        config_text("http://127.0.0.1:9/v1").replace("backoff_s = 0.01", "backoff_s = 0, attempts = 2")
    )
    summary = shell.json("run", code=1)
    assert summary["coverage"] == 0
    assert "set aside" in summary["stopped_by"]
    (status,) = shell.json("status")["runs"]
    assert status["measured"] == 0


def test_regrade_changes_nothing_without_a_new_version(shell: Shell) -> None:
    """Judging everything again with the same versions gives the same observations, and the record stays intact."""
    with Provider() as provider:
        configure(shell, provider)
        shell("run")
    found = shell.json("regrade", "--all")
    assert found["looked_at"] == found["remade"] > 0
    assert found["changed"] == 0
    assert shell.json("regrade")["same_versions"] == found["looked_at"]
    assert shell.json("verify")["ok"]


@pytest.mark.parametrize("described", ["", '"gpt":{"url":5},"local":[]'])
def test_regrade_leaves_what_no_stored_config_describes(shell: Shell, described: str) -> None:
    """Exchanges of an endpoint that their run's config lacks, or describes in a form unknown here, stay as they are."""
    path = shell.folder / "results/harness.db"
    with Store.open(path, mode="write") as store:
        made = replace(header(4), config_json=f'{{"endpoints":{{{described}}}}}')
        run_id = store.begin_run(made, [SUITE], ENDPOINTS)
        rows = store.append(run_id, [exchange(index) for index in range(4)])
        store.append(run_id, [], [(row, observation()) for row in rows])
    found = shell.json("regrade", "--all", "--db", str(path))
    assert (found["looked_at"], found["unknown"], found["remade"]) == (4, 4, 0)
    assert run(["regrade", "--db", str(path)]) == 0
    said = " ".join(shell.capsys.readouterr().err.split())
    assert "4 are left as they are: the config stored with their run does not describe their endpoint" in said
    assert shell.json("verify", "--db", str(path))["ok"]


def test_verify_names_a_changed_byte(shell: Shell) -> None:
    """One altered reply is found, named, and ends in exit code 1."""
    import sqlite3

    with Provider() as provider:
        configure(shell, provider)
        shell("run")
    with sqlite3.connect(shell.folder / "results" / "harness.db") as connection:
        connection.execute("update exchanges set status = 201 where id = 7")
    connection.close()
    found = shell.json("verify", code=1)
    assert not found["ok"]
    assert found["problems"][0]["table"] == "exchanges"
    assert "7" in found["problems"][0]["row"]


def test_init_writes_a_project_that_checks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `init` writes is free of mistakes."""
    monkeypatch.chdir(tmp_path)
    assert run(["init", "new"]) == 0
    text = (tmp_path / "new" / "config.toml").read_text()
    (tmp_path / "new" / "config.toml").write_text(text + "\n[suites.example]\n")
    monkeypatch.chdir(tmp_path / "new")
    assert run(["plan"]) == 0


def test_show_makes_hostile_text_harmless(shell: Shell) -> None:
    """Terminal control characters in an answer are shown, not obeyed."""
    with Provider(lambda _: "\x1b]0;owned\x07\x1b[2J [bold red]4[/]") as provider:
        configure(shell, provider)
        shell("run")
    listing = shell("show", "--run", "1")
    call = re.search(r"^([0-9a-f]{20})", listing, re.MULTILINE)
    assert call is not None
    for text in (listing, shell("show", call[1])):
        assert "\x1b" not in text
        assert "\x07" not in text


def test_ctrl_c_stops_cleanly(tmp_path: Path) -> None:
    """Ctrl-C ends a run with what has come back stored, and says how to go on."""
    with Provider(delay_s=0.05) as provider:
        (tmp_path / "config.toml").write_text(config_text(provider.url))
        words = [sys.executable, "-m", "harness", "run", "--config", str(tmp_path / "config.toml")]
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        while len(provider.bodies) < 10:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        sent = len(provider.bodies)
    assert process.returncode == 1, err
    assert "Traceback" not in err
    assert "interrupted" in out
    assert "--resume" in out
    database = str(tmp_path / "results" / "harness.db")
    status = subprocess.run(
        [sys.executable, "-m", "harness", "status", "--json", "--db", database],
        capture_output=True, text=True, check=True, cwd=tmp_path,
    )  # fmt: skip
    (stored,) = json.loads(status.stdout)["runs"]
    assert stored["completed"] == sent


def test_watch_runs_on_schedule_and_stops(tmp_path: Path) -> None:
    """The daemon runs when its cron line comes due, keeps others out, and stops on SIGTERM."""
    with Provider() as provider:
        text = config_text(provider.url, extra='[schedules.often]\ncron = "* * * * *"\n')
        (tmp_path / "config.toml").write_text(text)
        words = [sys.executable, "-m", "harness", "watch", "--config", str(tmp_path / "config.toml")]
        environment = os.environ | {"PYTHONUNBUFFERED": "1"}
        process = subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        )
        assert process.stdout is not None
        assert "next run" in process.stdout.readline()
        second = subprocess.run(words, capture_output=True, text=True)
        assert second.returncode == 1
        assert "Traceback" not in second.stderr
        line = process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
    assert re.match(r"run 1 done: (\d+) of \1 calls", line), line + err
    assert process.returncode == 0, err


def test_a_withdrawn_model_is_an_access_event(shell: Shell) -> None:
    """A model that was served and then is not, is an event with the run that first saw it, and so is its return."""
    gone = False

    def answer(request: dict[str, Any]) -> str | tuple[int, dict[str, Any]]:
        if gone:
            error = {"message": "The model `test-model` does not exist", "type": "invalid_request_error"}
            return 404, {"error": error | {"param": None, "code": "model_not_found"}}
        return "4"

    with Provider(answer) as provider:
        configure(shell, provider)
        shell("run")
        gone = True
        shell("run", code=4)
        shell("run", code=4)
        gone = False
        shell("run")
    status = shell.json("status")
    assert [(event["kind"], event["run_id"]) for event in status["access"]] == [("lost", 2), ("regained", 4)]
    lost = status["access"][0]
    assert lost["reasons"] == ["withdrawn"]
    assert lost["first_seen"][:16] == status["runs"][1]["started_at"][:16]
    assert "access lost: one (test-model) (withdrawn)" in shell("status")


def test_an_unknown_finish_reason_is_shown_as_unmapped(shell: Shell) -> None:
    """A word of the provider's that we do not know is kept, not taken for an answer, and shown in the status."""

    def answer(request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        message = {"role": "assistant", "content": "4"}
        return 200, {
            "model": request["model"],
            "choices": [{"message": message, "finish_reason": "mood_swing"}],
        }

    with Provider(answer) as provider:
        configure(shell, provider)
        summary = shell.json("run")
    assert "answered" not in summary["outcomes"]
    (unmapped,) = shell.json("status")["unmapped"]
    assert "mood_swing" in unmapped["value"]
    assert unmapped["count"] == summary["planned"]
