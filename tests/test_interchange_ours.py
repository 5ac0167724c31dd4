"""Our own data out and back in: without loss, checked by hash, kept apart from our own measurements."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path

import pytest

from harness import dataformat
from harness.claims import Finding, Kind, StreamKey, Tier, Verdict
from harness.cli import run as harness
from harness.errors import ConfigError, EvidenceError, UsageError
from harness.interchange import Choice, export_folder, export_lines, import_export
from harness.records import Outcome, RunStatus
from harness.store import Store
from tests.provider import Provider
from tests.store_examples import HOUR_US, START_US, begin, exchange, fill, observation
from tests.test_judge import Judge, Shell

NOW_US = START_US + 1_000 * HOUR_US
IMPORTED = Choice(origin="imported")


def lively(path: Path) -> None:
    """Write a database with retried tries, odd bytes and text, replaced judgements and an interrupted run."""
    fill(path, runs=1)
    with Store.open(path, mode="write") as store:
        run_id = begin(store, 12, START_US + 30 * HOUR_US)
        odd = exchange(0, 1, response_body=b"\xff\x00\xfe", attempt=2)
        tried = exchange(
            0, 2, final=False, call_id=odd.call_id, status=None, failure_detail='\udc80 cut\r\n,"x'
        )
        quote = exchange(1, 1, response_headers=(("x", '"=1+1'), ("\ud800", "")), response_body=b"")
        rows = store.append(run_id, [tried, odd, quote, exchange(2, 1)])
        seen = observation(None, outcome=Outcome.REFUSED, evidence="=cmd()", answer="", notice="\udfff")
        store.append(run_id, [], [(rows[1], observation()), (rows[2], seen)])
        store.replace_observations([(rows[1], observation(0.5, answer='"quoted"'))], START_US)
        store.replace_observations([(rows[1], observation(0.25, answer="\x00\r"))], START_US + 1)
        store.finish_run(run_id, RunStatus.INTERRUPTED, START_US + 31 * HOUR_US)


def exported(path: Path, choice: Choice = IMPORTED) -> list[str]:
    with Store.open(path, mode="read") as store:
        file = io.StringIO()
        export_lines(store, choice, file)
    return file.getvalue().splitlines()


def brought(source: Path, target: Path):
    with Store.open(target, mode="write") as store:
        return import_export(store, source, NOW_US)


@pytest.mark.parametrize("form", ["stream", "gzip", "jsonl", "csv", "parquet"])
def test_an_export_comes_back_without_loss(tmp_path: Path, form: str) -> None:
    """Imported into an empty database and exported again, every record is the same, and both databases verify."""
    lively(tmp_path / "a.db")
    lines = exported(tmp_path / "a.db", Choice())
    source = tmp_path / "out"
    if form == "stream":
        source.write_text("\n".join(lines) + "\n", encoding="ascii")
    elif form == "gzip":
        source.write_bytes(gzip.compress("\n".join(lines).encode()))
    else:
        with Store.open(tmp_path / "a.db", mode="read") as store:
            export_folder(store, Choice(), source, form)  # type: ignore[arg-type]
    found = brought(source, tmp_path / "b.db")
    assert [each.exchanges for each in found.added] == [12, 4]
    assert exported(tmp_path / "b.db") == lines
    with Store.open(tmp_path / "b.db", mode="read") as store:
        assert store.verify().problems == ()
        assert store.run_header(1).trigger.startswith("import:")


def test_importing_again_adds_nothing(tmp_path: Path) -> None:
    """Neither the same file, nor the same runs from another file, nor our own runs are added a second time."""
    lively(tmp_path / "a.db")
    (tmp_path / "all.jsonl").write_text("\n".join(exported(tmp_path / "a.db", Choice())))
    (tmp_path / "one.jsonl").write_text("\n".join(exported(tmp_path / "a.db", Choice(run_ids=(1,)))))
    assert len(brought(tmp_path / "all.jsonl", tmp_path / "b.db").added) == 2
    for source in ("all.jsonl", "one.jsonl"):
        again = brought(tmp_path / source, tmp_path / "b.db")
        assert again.added == ()
        assert again.there[0] == 1
    assert brought(tmp_path / "all.jsonl", tmp_path / "a.db").there == (1, 2)
    with Store.open(tmp_path / "b.db", mode="read") as store:
        assert store.run_count() == 2


def test_a_part_of_a_run_that_is_here_is_said(tmp_path: Path) -> None:
    """When the file has more of a run than the database, a note says so; nothing is mixed."""
    fill(tmp_path / "a.db", runs=1)
    (tmp_path / "part.jsonl").write_text("\n".join(exported(tmp_path / "a.db", Choice(endpoints=("gpt",)))))
    (tmp_path / "all.jsonl").write_text("\n".join(exported(tmp_path / "a.db", Choice())))
    assert brought(tmp_path / "part.jsonl", tmp_path / "b.db").added[0].exchanges == 9
    found = brought(tmp_path / "all.jsonl", tmp_path / "b.db")
    assert "9 of its 12 exchanges" in found.notes[0]
    with Store.open(tmp_path / "b.db", mode="read") as store:
        assert store.verify().ok


def test_imported_runs_stay_apart(tmp_path: Path) -> None:
    """No table, sum, budget or list of runs holds imported runs unless they are asked for."""
    lively(tmp_path / "a.db")
    (tmp_path / "all.jsonl").write_text("\n".join(exported(tmp_path / "a.db", Choice())))
    fill(tmp_path / "b.db", runs=1)
    with Store.open(tmp_path / "b.db", mode="read") as store:
        alone = store.tallies(), store.identities(), store.runs(), store.spent(0), store.mean_latency_ms()
    (tmp_path / "other.jsonl").write_text("\n".join(exported(tmp_path / "a.db", Choice(run_ids=(2,)))))
    brought(tmp_path / "other.jsonl", tmp_path / "b.db")
    with Store.open(tmp_path / "b.db", mode="read") as store:
        assert store.tallies().equals(alone[0])
        assert store.identities().equals(alone[1])
        assert store.runs().equals(alone[2])
        assert (store.spent(0), store.mean_latency_ms()) == alone[3:]
        assert store.resumable() == []
        assert set(store.tallies(origin="imported")["run_id"]) == {2}
        assert set(store.tallies(origin="all")["run_id"]) == {1, 2}
        assert set(store.tallies(run_ids=[2])["run_id"]) == {2}
        assert store.runs("imported")["run_id"].tolist() == [2]
        with pytest.raises(EvidenceError):
            export_lines(store, Choice(since_us=NOW_US), io.StringIO())


@pytest.mark.parametrize(
    ("sql", "table"),
    [
        ("UPDATE origins SET file = 'other'", "origins"),
        ("UPDATE origins SET key = zeroblob(32)", "origins"),
        ("DELETE FROM origins", "origins"),
        ("UPDATE origin_exchanges SET hash = zeroblob(32) WHERE exchange_id = 3", "origin_exchanges"),
        ("UPDATE origin_exchanges SET previous = zeroblob(32) WHERE exchange_id = 3", "origin_exchanges"),
        ("DELETE FROM origin_exchanges WHERE exchange_id = 3", "origin_exchanges"),
        ("INSERT INTO origins SELECT 3, source, file, file_sha256, tool, imported_us, harness_version, zeroblob(32), record, sha256 FROM origins", "origins"),
    ],
)  # fmt: skip
def test_an_altered_origin_shows(tmp_path: Path, sql: str, table: str) -> None:
    """Altering, deleting or inserting a row about where runs come from is found by verify."""
    fill(tmp_path / "a.db", runs=1)
    (tmp_path / "all.jsonl").write_text("\n".join(exported(tmp_path / "a.db", Choice())))
    brought(tmp_path / "all.jsonl", tmp_path / "b.db")
    with Store.open(tmp_path / "b.db", mode="write") as store:
        begin(store, 12, NOW_US)
        begin(store, 12, NOW_US)
    with Store.open(tmp_path / "b.db", mode="write") as store:
        assert store.verify().ok
        store.db.execute("PRAGMA foreign_keys = OFF")
        store.db.execute(sql)
    with Store.open(tmp_path / "b.db", mode="read") as store:
        assert table in {problem.table for problem in store.verify().problems}


def changed(lines: list[str], kind: str, change: dict[str, object], place: int = 0) -> list[str]:
    """Return the lines with one record of a kind altered."""
    at = [number for number, line in enumerate(lines) if f"harness.record.{kind}/" in line[:80]][place]
    return [*lines[:at], json.dumps(json.loads(lines[at]) | change), *lines[at + 1 :]]


def test_a_file_with_a_mistake_adds_nothing(tmp_path: Path) -> None:
    """Each kind of mistake is named by file and line, and the database stays as it was."""
    lively(tmp_path / "a.db")
    lines = exported(tmp_path / "a.db", Choice())
    kinds = [json.loads(line)["format"].split(".")[2].split("/")[0] for line in lines]
    first = kinds.index("exchange")
    wrong = {
        "does not match its hash": changed(lines, "exchange", {"seed": 5}, 3),
        "run 1 does not match": changed(lines, "run", {"run": 1, "hash": "00" * 32}),
        "is not JSON": [*lines[:-1], "{"],
        "`format`": changed(lines, "observation", {"format": "harness.record.observation/7"}),
        "score": changed(lines, "observation", {"score": 2}),
        "there twice": [*lines[: first + 1], lines[first], *lines[first + 1 :]],
        "has its observation already": [*lines, lines[kinds.index("observation")]],
        "did not come before": [*lines[:first], *lines[first + 1 :]],
        "is missing": [line for line, kind in zip(lines, kinds, strict=True) if kind != "probe"],
        "does not hold": [
            *(line for line in lines if "record.run/" not in line[:60]),
            lines[kinds.index("run")],
        ],
        "no run": [line for line, kind in zip(lines, kinds, strict=True) if kind == "probe"],
        "NaN": [lines[0][:-1] + ',"x":NaN}'],
    }
    for words, text in wrong.items():
        (tmp_path / "bad.jsonl").write_text("\n".join(text))
        with pytest.raises(ConfigError) as error:
            brought(tmp_path / "bad.jsonl", tmp_path / "b.db")
        assert words in str(error.value), words
        assert "bad.jsonl" in str(error.value)
        with Store.open(tmp_path / "b.db", mode="read") as store:
            assert store.run_count() == 0
            assert store.verify().ok
    (tmp_path / "good.jsonl").write_text("\n".join(lines))
    assert len(brought(tmp_path / "good.jsonl", tmp_path / "b.db").added) == 2


def test_exports_are_chosen_and_files_are_not_overwritten(tmp_path: Path, capsys) -> None:
    """Runs, endpoints, suites and dates narrow an export; what is in the folder stays unless told otherwise."""
    lively(tmp_path / "a.db")
    db = ["--db", str(tmp_path / "a.db")]
    assert harness(["export", *db, "--run", "1", "--endpoint", "local"]) == 0
    shown = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {each["endpoint"] for each in shown if "exchange/" in each["format"]} == {"local"}
    assert harness(["export", *db, "-o", str(tmp_path / "o"), "--format", "csv", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["files"]["runs.csv"] == 2
    assert harness(["export", *db, "-o", str(tmp_path / "o"), "--format", "csv"]) == 2
    assert "--force" in capsys.readouterr().err
    assert harness(["export", *db, "-o", str(tmp_path / "o"), "--format", "csv", "--force"]) == 0
    assert harness(["export", *db, "--until", "2025-01-01"]) == 4
    assert harness(["export", *db, "--since", "yesterday"]) == 2
    assert harness(["export", *db, "--format", "parquet"]) == 2
    with Store.open(tmp_path / "a.db", mode="read") as store, pytest.raises(UsageError):
        export_folder(store, Choice(), tmp_path / "a.db", "jsonl")


def test_verdicts_of_judges_come_back_too(tmp_path: Path, capsys) -> None:
    """Which exchange of a judge graded which answer is exported, imported and checked, where both are exported."""
    with Provider(Judge('{"points": 3}', '{"points": 0}', '{"points": 4}')) as provider:
        shell = Shell(tmp_path, capsys, provider.url)
        shell.json("run")
    database = tmp_path / "results" / "harness.db"
    lines = exported(database, Choice())
    links = [json.loads(line) for line in lines if "record.judgement/" in line[:60]]
    assert [(each["run"], each["number"], each["judge_run"]) for each in links] == [(1, 1, 2)] * 3
    (tmp_path / "all.jsonl").write_text("\n".join(lines))
    brought(tmp_path / "all.jsonl", tmp_path / "b.db")
    assert exported(tmp_path / "b.db") == lines
    with Store.open(tmp_path / "b.db", mode="read") as store:
        assert store.verify().problems == ()
        assert len(store.judgements.of_run(1)) == 3
        assert store.judgements.runs_about(1) == []
    assert not any("record.judgement/" in line[:60] for line in exported(database, Choice(run_ids=(1,))))
    for wrong in (
        changed(lines, "judgement", {"number": 2}),
        changed(lines, "judgement", {"judge_exchange": "00" * 32}),
        changed(lines, "judgement", {"judge_run": 9}),
        [*lines, lines[-1]],
    ):
        (tmp_path / "bad.jsonl").write_text("\n".join(wrong))
        with pytest.raises(ConfigError, match=r"bad\.jsonl: line \d+: "):
            brought(tmp_path / "bad.jsonl", tmp_path / "c.db")


def test_findings_come_back_as_data_of_their_run(tmp_path: Path) -> None:
    """A finding leaves with the run that raised it, comes back unchanged, and is none of the new database's own."""
    fill(tmp_path / "a.db", runs=1)
    claim = Finding(
        "f1", Kind.REFUSAL, Tier.INCIDENT, Verdict.CHANGE, StreamKey("gpt", "sums", "refused"), "It refuses more.",
        START_US, 1, 1,
    )  # fmt: skip
    lines = [*exported(tmp_path / "a.db", Choice()), dataformat.encode(dataformat.finding_line(claim))]
    (tmp_path / "all.jsonl").write_text("\n".join(lines))
    brought(tmp_path / "all.jsonl", tmp_path / "b.db")
    assert sorted(exported(tmp_path / "b.db")) == sorted(lines)
    with Store.open(tmp_path / "b.db", mode="read") as store:
        assert store.findings.findings() == []
        assert [dataformat.to_finding(line) for line in store.lines.findings(1)] == [claim]
    (tmp_path / "bad.jsonl").write_text("\n".join([*lines, lines[-1].replace('"run_id":1', '"run_id":7')]))
    with pytest.raises(ConfigError, match="run 7, which the export does not hold"):
        brought(tmp_path / "bad.jsonl", tmp_path / "c.db")
