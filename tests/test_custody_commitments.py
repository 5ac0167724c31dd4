"""Committing before, revealing after: on real runs against a provider on loopback."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from harness import custody
from harness.cli import run
from harness.custody.commitments import read_commitment, read_opening
from harness.store import Store
from tests.provider import Provider, config_text

PLAN = "We count a drop of ten points, at alpha 0.05. ≥ 30 days.\n"


class Shell:
    """Runs commands in this process and reads what they print."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.capsys = capsys

    def _run(self, words: tuple[str, ...], code: int) -> tuple[str, str]:
        found = run([*words, "--config", str(self.folder / "config.toml")])
        said = self.capsys.readouterr()
        assert found == code, said.err + said.out
        return said.out, said.err

    def __call__(self, *words: str, code: int = 0) -> str:
        return "".join(self._run(words, code))

    def json(self, *words: str, code: int = 0) -> Any:
        return json.loads(self._run((*words, "--json"), code)[0])

    def configure(self, provider: Provider, extra: str = "") -> None:
        (self.folder / "config.toml").write_text(config_text(provider.url, suites="example", extra=extra))


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    monkeypatch.chdir(tmp_path)
    assert run(["init"]) == 0  # brings a suite of a few probes
    capsys.readouterr()
    return Shell(tmp_path, capsys)


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider() as running:
        yield running


def test_what_was_committed_is_what_was_run(shell: Shell, provider: Provider, tmp_path: Path) -> None:
    """Commit, seal, run twice, reveal: from the database and from a bundle; the commitment shows nothing before."""
    shell.configure(provider)
    (tmp_path / "plan.md").write_text(PLAN, encoding="utf-8")
    shell.json("run")
    said = shell("commit", "plan.md", "-o", "commitment.json")
    assert "publish it" in said
    published = (tmp_path / "commitment.json").read_bytes()
    kept = tmp_path / "commitment.opening.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    opening = read_opening(kept.read_bytes())
    assert opening.plan is not None
    assert opening.plan.text == PLAN
    assert [suite.name for suite in opening.suites] == ["example"]
    for secret in (
        "capability",
        "10 points",
        opening.suites[0].content_hash,
        opening.config_hash,
        opening.salt,
    ):
        assert secret.encode() not in published
    assert read_commitment(published).chain.runs == 1
    assert "nothing was run under it yet" in shell("reveal", "commitment.json", code=4)
    shell("key")
    assert "1 commitments" in shell("seal")
    shell.json("run")
    shell.json("run")
    found = shell.json("reveal", "commitment.json")
    assert (found["holds"], found["runs"], found["differences"], found["seals"]) == (True, [2, 3], [], [1])
    assert "as committed: runs 2, 3" in shell("reveal", "commitment.json")
    shell("seal")
    shell("bundle", "b.zip", "--only", "run:2", "--only", "run:3")
    found = shell.json("reveal", "commitment.json", "--bundle", "b.zip")
    assert (found["holds"], found["runs"]) == (True, [2, 3])
    assert shell.json("verify")["ok"]
    assert custody.verify_bundle(tmp_path / "b.zip").ok


def test_what_differs_is_named(shell: Shell, provider: Provider, tmp_path: Path) -> None:
    """Another setting, another suite and another seed are each named with the run."""
    shell.configure(provider)
    shell("commit", "-o", "c.json")
    shell.configure(provider, extra="[run]\nseed = 5\n[suites.topic-pairs]\nsamples = 1\n")
    shell.json("run")
    said = shell("reveal", "c.json", code=1)
    assert "run 1: suite topic-pairs was asked and not committed" in said
    assert "run 1: the config differs in run.seed, suites.topic-pairs" in said
    shell.configure(provider, extra="[budgets]\ncalls_per_run = 3\n")
    shell.json("run", code=1)
    assert "incomplete, run 2: 3 of " in shell("reveal", "c.json", code=1)
    assert "run 1: its seed does not follow from the one that was committed" in said
    assert "NOT AS COMMITTED: 3 differences in runs 1" in said
    shell.configure(provider)
    shell("commit", "-o", "d.json")
    assert "nothing was run under it yet" in shell("reveal", "d.json", code=4)


def test_an_opening_must_fit(shell: Shell, provider: Provider, tmp_path: Path) -> None:
    """Another salt, another suite hash, another commitment, junk: none of them opens it."""
    shell.configure(provider)
    shell("commit", "-o", "c.json")
    shell.json("run")
    opening = json.loads((tmp_path / "c.opening.json").read_bytes())
    for change in ({"salt": "0" * 64}, {"seed": 9}, {"plan": {"name": "p", "text": "other"}}):
        data = json.dumps(opening | change, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        (tmp_path / "o.json").write_text(data, encoding="utf-8")
        assert "the opening is not what was committed to" in shell(
            "reveal", "c.json", "--opening", "o.json", code=1
        )
    for junk, told in (
        ("", "is not JSON"),
        ("{}", "is not of the form"),
        (json.dumps(opening), "canonical form"),
    ):
        (tmp_path / "o.json").write_text(junk)
        assert told in shell("reveal", "c.json", "--opening", "o.json", code=2)
    assert "cannot be read" in shell("reveal", "none.json", code=2)
    forged = json.loads((tmp_path / "c.json").read_bytes()) | {"made_us": 1}
    (tmp_path / "f.json").write_text(json.dumps(forged, sort_keys=True, separators=(",", ":")))
    said = shell("reveal", "f.json", "--opening", "c.opening.json", code=1)
    assert "the record does not have this commitment" in said
    assert "never overwritten" in shell("commit", "-o", "c.json", code=2)


def test_commitments_cannot_be_taken_back(shell: Shell, provider: Provider, tmp_path: Path) -> None:
    """One that is deleted, or put in before a run that began without it, is found by `harness verify`."""
    shell.configure(provider)
    shell.json("run")
    shell("commit", "-o", "a.json")
    shell.json("run")
    shell("commit", "-o", "b.json")
    shell.json("run")
    assert shell.json("verify")["ok"]
    (database,) = tmp_path.rglob("*.db")
    original = database.read_bytes()
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("DELETE FROM commitments WHERE id = 2")
    said = shell("verify", code=1)
    assert "additions commitments: does not agree with the 1 rows of commitments" in said
    assert "commitments: run 3 was begun after a commitment that is missing" in said
    database.write_bytes(original)
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE commitments SET made_us = made_us + 1 WHERE id = 1")
    assert "commitments 1: is not as it was written" in shell("verify", code=1)
    database.write_bytes(original)
    with Store.open(database, mode="read") as store:
        first, second = store.seals.commitments()
        assert (
            json.loads(second.document)["previous"]
            == first.sha256
            == hashlib.sha256(first.document).hexdigest()
        )
        headers = [store.run_header(number).commitment for number in (1, 2, 3)]
    assert headers == [None, first.sha256, second.sha256]


def test_a_plan_must_be_text(shell: Shell, provider: Provider, tmp_path: Path) -> None:
    """A plan that cannot be shown word by word later is refused, and nothing is written."""
    shell.configure(provider)
    (tmp_path / "plan.pdf").write_bytes(b"%PDF\xff")
    assert "is not text in UTF-8" in shell("commit", "plan.pdf", "-o", "c.json", code=2)
    assert "cannot be read" in shell("commit", "none.md", "-o", "c.json", code=2)
    assert not list(tmp_path.glob("c*.json"))


def test_runs_can_seal_themselves(shell: Shell, provider: Provider, tmp_path: Path) -> None:
    """With `seal_runs` each run is sealed when it ends; without a key the run goes on and says so."""
    shell.configure(provider, extra="[custody]\nseal_runs = true\n")
    assert "note: not sealed: " in shell("run")
    shell("key")
    assert "note: sealed in seal 1" in shell("run")
    assert [each.name for each in sorted((tmp_path / "results" / "seals").iterdir())] == [
        "seal-0001.json", "seal-0001.pem", "seal-0001.sig",
    ]  # fmt: skip
    assert "nothing new since seal 1" in shell("seal")
