"""Inspect AI's logs in and out, against files that the real package writes and reads."""

from __future__ import annotations

import importlib.util
import io
import json
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from harness.errors import ConfigError
from harness.interchange import Choice, Mapped, export_inspect, read_log, recognise_log, write_log
from harness.records import Outcome
from harness.store import Store
from tests.store_examples import START_US, begin, exchange, fill, observation

HERE = Path(__file__).parent
REAL = HERE / "data" / "inspect-0.3.285.eval"
"""Written by a run of Inspect AI 0.3.285 on its mock model: 4 questions, 2 epochs, answers made up for this test."""


def imported(path: Path, database: Path, wanted: Mapped | None = None):
    log = read_log(path, recognise_log(path), wanted or Mapped({}))
    with Store.open(database, mode="write") as store:
        return write_log(store, log, START_US)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """Logs written by the installed package, and what it says of one of ours."""
    if importlib.util.find_spec("inspect_ai") is None:
        pytest.skip("inspect-ai is not installed: pip install 'harness[dev]'")
    folder = tmp_path_factory.mktemp("inspect")
    fill(folder / "t.db", runs=1)
    with Store.open(folder / "t.db", mode="write") as store:
        run_id = begin(store, 4, START_US)
        rows = store.append(run_id, [exchange(1, 5), exchange(2, 5), exchange(3, 5, status=None)])
        refusal = observation(None, outcome=Outcome.REFUSED, source="provider", evidence="\udc80")
        lost = observation(None, outcome=Outcome.FAILED, reason="reset", evidence="failure=reset")
        store.append(run_id, [], [(rows[0], observation()), (rows[1], refusal), (rows[2], lost)])
        files = export_inspect(store, Choice(run_ids=(2,), endpoints=("gpt",)), folder / "ours")
    ours = folder / "ours" / next(iter(files))
    made = subprocess.run(
        [sys.executable, str(HERE / "inspect_logs.py"), str(folder), str(ours)],
        capture_output=True,
        check=True,
    )
    return {"folder": folder, "files": files, "told": json.loads(made.stdout)}


@pytest.mark.parametrize("form", ["eval", "json"])
def test_a_log_that_the_package_writes_comes_in(written: dict, tmp_path: Path, form: str) -> None:
    """Questions, answers, scores, tags, usage and what went wrong are taken over, from both forms alike."""
    found = imported(written["folder"] / f"log.{form}", tmp_path / "t.db")
    assert [(each.run_id, each.label, each.exchanges) for each in found.added] == [(1, "m/small", 5)]
    with Store.open(tmp_path / "t.db", mode="read") as store:
        seen = {each.exchange.probe_id: each.observation for each in store.exchanges(1)}
        probes = {probe.id: probe for probe in store.suites(1)[0].probes}
        origin = store.origins.of(1)
        assert store.verify().ok
    assert origin is not None
    assert (origin.source, origin.tool) == ("inspect", "inspect_ai 9.9")
    assert {name: (each.outcome.value, each.score) for name, each in seen.items()} == {
        "1": ("answered", 1.0),
        "2": ("answered", 0.0),
        "3": ("answered", 0.5),
        "4": ("failed", None),
        "5": ("refused", None),
    }
    assert (seen["1"].input_tokens, seen["1"].output_tokens) == (8, 2)
    assert seen["5"].source == "provider"
    assert [each.role for each in probes["3"].messages] == ["system", "user"]
    assert (probes["1"].family, probes["1"].topic, probes["1"].target) == ("sums", "numbers", ("2",))


def test_both_forms_of_a_log_are_one_run(written: dict, tmp_path: Path) -> None:
    """The same log as zip and as JSON is the same content: the second adds nothing."""
    assert len(imported(written["folder"] / "log.eval", tmp_path / "t.db").added) == 1
    again = imported(written["folder"] / "log.json", tmp_path / "t.db")
    assert (again.added, again.there) == ((), (1,))


def test_the_package_reads_what_we_export(written: dict) -> None:
    """Samples, scores, errors and the stop reason of a filter arrive in Inspect's own types, and its list finds the file."""
    told = written["told"]
    assert (told["status"], told["model"], told["task"], told["listed"]) == ("cancelled", "gpt-4o", "sums", 1)
    first, second = (each for each in told["samples"] if each["error"] is None)
    assert (first["value"], first["stop"], second["value"], second["stop"]) == (
        {"numeric": 1.0},
        "stop",
        {"numeric": 0},
        "content_filter",
    )
    lost = next(each for each in told["samples"] if each["error"])
    assert (lost["value"], lost["error"].startswith("reset")) == ({}, True)


def test_a_log_of_a_real_run_comes_in(tmp_path: Path) -> None:
    """Epochs are samples, long texts are put back in their place, prose refusals are seen; our graders can judge instead."""
    imported(REAL, tmp_path / "t.db")
    imported(REAL, tmp_path / "t.db", Mapped({}, grader="numeric"))
    with Store.open(tmp_path / "t.db", mode="read") as store:
        ours, theirs = store.outcomes(2), store.outcomes(1)
        calls = list(store.exchanges(1))
        assert store.run_info(2).header.suites.keys() == {"sums"}
        assert sorted((each.exchange.probe_id, each.exchange.sample) for each in calls) == [
            (f"q{number}", sample) for number in (2, 3, 4, 5) for sample in (0, 1)
        ]
        long = next(each for each in calls if each.exchange.probe_id == "q5")
        assert b"attachment" not in long.exchange.request_body + long.exchange.response_body
        assert len(long.exchange.response_body) > 3_000
        tallies = store.tallies(run_ids=[1, 2]).groupby("run_id")[["n", "graded", "score_sum"]].sum()
        assert store.verify().ok
    assert theirs == ours == {"answered": 6, "refused": 2}
    assert tallies.to_numpy().tolist() == [[8, 6, 4.0], [8, 6, 4.0]]


def zipped(path: Path, members: dict[str, bytes], form: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", form) as log:
        for name, data in members.items():
            log.writestr(name, data)
    return path


SPEC = {"created": "2026-01-05T08:00:00Z", "task": "t", "model": "m", "dataset": {}, "config": {}}
SAMPLE = {
    "id": 1,
    "epoch": 1,
    "input": "q",
    "target": "a",
    "output": {"completion": "a"},
    "scores": {"s": {"value": "C"}},
}


def test_hostile_logs_are_turned_away(tmp_path: Path) -> None:
    """Bombs, lies, damage and wrong types end in one error that names file and place, and nothing is imported."""
    header = json.dumps({"status": "success", "eval": SPEC}).encode()
    good = json.dumps(SAMPLE).encode()
    lying = bytearray(
        zipped(tmp_path / "l", {"header.json": header, "samples/1.json": b" " * 70_000_000}).read_bytes()
    )
    place = lying.rindex(b"PK\x01\x02")
    lying[place + 24 : place + 28] = struct.pack("<I", 10)  # the directory says 10 bytes
    bomb = {"header.json": header, **{f"samples/{n}.json": b"" for n in range(3)}}
    encrypted = bytearray(zipped(tmp_path / "e", {"header.json": header}).read_bytes())
    encrypted[encrypted.index(b"PK\x01\x02") + 8] |= 1
    packed = io.BytesIO(REAL.read_bytes())
    damaged = bytearray(packed.getvalue())
    damaged[1_500:1_600] = bytes(100)
    cases: dict[str, bytes] = {
        "samples/1.json": bytes(lying),
        "no Inspect log": zipped(tmp_path / "n", {"x": b""}).read_bytes(),
        "samples/0.json": zipped(tmp_path / "b", bomb).read_bytes(),
        "encrypted": bytes(encrypted),
        "not imported": bytes(damaged[: len(damaged) // 2]),
        "eval.model": json.dumps(
            {"eval": SPEC | {"model": 7}, "status": "success", "samples": [SAMPLE]}
        ).encode(),
        "eval.created": json.dumps(
            {"eval": SPEC | {"created": "soon"}, "status": "", "samples": [SAMPLE]}
        ).encode(),
        "holds no samples": json.dumps({"eval": SPEC, "status": "success"}).encode(),
        "sample 2: has the id": json.dumps(
            {"eval": SPEC, "status": "success", "samples": [SAMPLE, SAMPLE]}
        ).encode(),
        "sample 1: input": json.dumps(
            {"eval": SPEC, "status": "x", "samples": [SAMPLE | {"input": [7]}]}
        ).encode(),
        "sample 1: must be": json.dumps({"eval": SPEC, "status": "x", "samples": [[]]}).encode(),
        "is not JSON": b'{"status": "success", "eval": {',
        "nested too deeply": b'{"status": "success", "eval": ' + b"[" * 200_000,
        "twice": b'{"status": "success", "status": "x", "eval": {}}',
        "damaged": zipped(tmp_path / "d", {"header.json": header, "samples/1.json": good}).read_bytes()[:-40],
    }
    for words, data in cases.items():
        path = tmp_path / "log.eval"
        path.write_bytes(data)
        with pytest.raises(ConfigError) as error:
            read_log(path, "inspect", Mapped({}))
        assert "log.eval" in str(error.value)
        if words != "not imported":
            assert words in str(error.value), words
        assert "nothing was imported" in str(error.value)
