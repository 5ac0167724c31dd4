"""`harness calibrate`: a ladder sampled over the wire, and the suite that comes of it."""

from __future__ import annotations

import hashlib
import json
import math
import re
from pathlib import Path
from typing import Any

import pytest

from harness.cli import run
from harness.store import Store
from harness.suites import check_suite, load_suite
from harness.suites.writing import toml_text
from tests.provider import Provider, config_text

FAMILIES = ("walk", "swim", "climb")
HEADER = f"""\
format = 1
name = "stairs"
version = 3
title = "Stairs"
description = "A ladder for tests."
licence = "CC0-1.0"
languages = ["en"]
families = {json.dumps([*FAMILIES, "flat"])}

[parameters]
temperature = 0
max_tokens = 16

[[versions]]
version = 3
date = "2026-11-22"
note = "Third."
"""


def stairs(folder: Path, rungs: int = 6, per_rung: int = 6, header: str = HEADER) -> Path:
    """Write a suite whose questions say their own rung, half of them anchors and half drawn for every run."""
    place = folder / "probes" / "stairs"
    place.mkdir(parents=True, exist_ok=True)
    lines: list[dict[str, Any]] = []
    for family in FAMILIES:
        for rung in range(1, rungs + 1):
            for number in range(per_rung):
                common = {
                    "id": f"{family}-{rung}-{number}",
                    "family": family,
                    "difficulty": rung,
                    "grader": "numeric",
                }
                if number % 2:
                    draw = {"draw": {"a": {"int": [100, 999]}}, "target": "{a}"}
                    lines.append(
                        common | draw | {"prompt": f"{family}, rung {rung}, number {number}: repeat {{a}}."}
                    )
                else:
                    text = f"{family}, rung {rung}, number {number}: repeat 7."
                    lines.append(common | {"anchor": True, "prompt": text, "target": "7"})
    lines.append({"id": "flat", "family": "flat", "prompt": "repeat 5.", "grader": "numeric", "target": "5"})
    (place / "suite.toml").write_text(header)
    (place / "probes.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return place


class Climber:
    """Answers rightly with a chance that falls with the rung; the same question always gets the same answer."""

    def __init__(self, points: dict[str, float]) -> None:
        self.points = points

    def __call__(self, request: dict[str, Any]) -> str:
        prompt = request["messages"][-1]["content"]
        wanted = re.search(r"repeat (\d+)", prompt)
        placed = re.match(r"(\w+), rung (\d+)", prompt)
        assert wanted is not None
        if placed is None:
            return wanted[1]
        chance = 1 / (1 + math.exp(1.2 * (int(placed[2]) - self.points[placed[1]])))
        luck = int(hashlib.sha256(prompt.encode()).hexdigest()[:8], 16) / 2**32
        return wanted[1] if luck < chance else "0"


ABLE = Climber({"walk": 4.5, "swim": 3.0, "climb": 2.0})


class Shell:
    """Runs commands against one provider and reads what they print."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str], url: str, extra: str = "") -> None:
        self.folder, self.capsys = folder, capsys
        self.config = folder / "config.toml"
        text = config_text(url, suites="identity", extra=extra)
        self.config.write_text(text.replace("[suites.identity]", "[suites.stairs]"))

    def __call__(self, *words: str, code: int = 0) -> str:
        found = run([*words, "--config", str(self.config)])
        said = self.capsys.readouterr()
        assert found == code, said.err + said.out
        assert "Traceback" not in said.err
        return said.out if code == 0 else said.err

    def json(self, *words: str) -> Any:
        return json.loads(self(*words, "--json"))


def test_a_calibrated_suite_lands_near_one_half(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is found agrees with the curves behind the answers, and a run of the suite written lands in its interval."""
    stairs(tmp_path)
    with Provider(ABLE) as provider:
        shell = Shell(tmp_path, capsys, provider.url)
        found = shell.json("calibrate", "one", "--suite", "stairs", "--calls", "60")
        assert len(provider.bodies) == found["calls"] == 60
        families = {each["family"]: each for each in found["families"]}
        for name, point in ABLE.points.items():
            assert families[name]["standing"] == "near"
            assert families[name]["point_low"] <= point <= families[name]["point_high"]
        assert "flat" not in families
        written = load_suite(tmp_path / "probes" / "stairs-one")
        with shell.config.open("a") as file:
            file.write('[suites.stairs-one]\nendpoints = ["one"]\n')
        shell("run", "--suite", "stairs-one")
        assert shell.json("verify")["ok"]
    with Store.open(tmp_path / "results" / "harness.db", mode="read") as store:
        frame = store.tallies(run_ids=[2])
        header, (used,) = store.run_header(1), store.suites(1)
        asked = [stored.exchange.probe_id for stored in store.exchanges(run_id=1)]
    score = frame["score_sum"].sum() / frame["n"].sum()
    assert 0.3 <= score <= 0.7
    assert found["expected"]["low"] <= score <= found["expected"]["high"]
    assert (header.trigger, header.planned) == ("calibrate", 60)
    assert (used.name, used.content_hash) == ("stairs-calibration", found["suite_hash"])
    assert len(asked) == len(set(asked)) == 60
    record: Any = written.header["calibration"]
    assert (record["endpoint"], record["model"], record["run"], record["calls"]) == (
        "one",
        "test-model",
        1,
        60,
    )
    assert record["suite_hash"] == found["suite_hash"]
    assert record["families"][0]["point"] == families["walk"]["point"]


def test_the_suite_written_passes_the_checker_and_keeps_its_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Probes are taken line for line, anchors first, at most so many per family; the folder's name is the suite's."""
    source = stairs(tmp_path)
    with Provider(ABLE) as provider:
        shell = Shell(tmp_path, capsys, provider.url)
        said = shell(
            "calibrate",
            "one",
            "--suite",
            "stairs",
            "--calls",
            "30",
            "--per-family",
            "4",
            "--out",
            str(tmp_path / "mine"),
        )
    suite = load_suite(tmp_path / "mine")
    assert check_suite(suite) == []
    assert (suite.name, suite.version, suite.licence) == ("mine", 1, "CC0-1.0")
    assert suite.recorded_hash == suite.content_hash
    for family in FAMILIES:
        taken = [probe for probe in suite.probes if probe.family == family]
        assert len(taken) == 4
        for rung in {probe.difficulty for probe in taken}:
            on_rung = [probe.anchor for probe in taken if probe.difficulty == rung]
            assert sum(on_rung) == min(3, len(on_rung))
    lines = set((source / "probes.jsonl").read_text().splitlines())
    assert set((tmp_path / "mine" / "probes.jsonl").read_text().splitlines()) < lines
    assert "[suites.mine]" in said
    assert f'path = "{tmp_path / "mine"}"' in said
    assert "expected: " in said


def test_the_same_seed_asks_the_same_and_writes_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A calibration follows from its seed and the answers; --force writes the next version of a suite."""
    stairs(tmp_path)
    words = ("calibrate", "one", "--suite", "stairs", "--calls", "20", "--seed", "4")
    with Provider(ABLE) as provider:
        shell = Shell(tmp_path, capsys, provider.url)
        first = shell.json(*words)
        said = shell(*words, code=2)
        assert "already there; --force" in said
        assert len(provider.bodies) == 20
        second = shell.json(*words, "--force")
    assert first["families"] == second["families"]
    assert (first["written"]["version"], second["written"]["version"]) == (1, 2)
    suite = load_suite(tmp_path / "probes" / "stairs-one")
    assert [note.version for note in suite.versions] == [1, 2]
    assert suite.versions[0].hash == first["written"]["content_hash"]


@pytest.mark.parametrize(("point", "words"), [(30.0, "too easy"), (-30.0, "too hard")])
def test_a_ladder_on_which_nothing_is_near_writes_nothing(
    point: float, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An endpoint far beyond every rung is said to be so, with exit code 4."""
    stairs(tmp_path)
    with Provider(Climber(dict.fromkeys(FAMILIES, point))) as provider:
        shell = Shell(tmp_path, capsys, provider.url)
        assert (
            run(["calibrate", "one", "--suite", "stairs", "--calls", "60", "--config", str(shell.config)])
            == 4
        )
    said = capsys.readouterr()
    assert said.out.count(f"{words}: left out") == 3
    assert "no family of stairs has a rung near one half" in said.err
    assert not (tmp_path / "probes" / "stairs-one").exists()


def test_a_family_at_the_end_of_its_ladder_is_left_out_or_balanced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A family that is too easy is named so, and the whole stays near one half."""
    stairs(tmp_path)
    with Provider(Climber({"walk": 30.0, "swim": 3.0, "climb": 2.5})) as provider:
        found = Shell(tmp_path, capsys, provider.url).json(
            "calibrate", "one", "--suite", "stairs", "--calls", "60"
        )
    families = {each["family"]: each for each in found["families"]}
    assert families["walk"]["standing"] == "too easy"
    assert families["walk"]["rungs"] == []
    assert 0.3 <= found["expected"]["score"] <= 0.7


def test_answers_that_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A family whose answers are mostly unreadable is not measured; when all are, that is told with exit code 4."""
    stairs(tmp_path)

    def mumble(request: dict[str, Any]) -> str:
        return "Well, well." if "climb" in request["messages"][-1]["content"] else ABLE(request)

    with Provider(mumble) as provider:
        shell = Shell(tmp_path, capsys, provider.url)
        found = shell.json("calibrate", "one", "--suite", "stairs", "--calls", "30")
        families = {each["family"]: each for each in found["families"]}
        assert families["climb"]["standing"] == "not measured"
        assert families["climb"]["unread"] == families["climb"]["asked"] == 10
        assert "climb" not in load_suite(tmp_path / "probes" / "stairs-one").families
        provider.answer = lambda _: "Well, well."
        words = ("calibrate", "one", "--suite", "stairs", "--calls", "10", "--out", str(tmp_path / "none"))
        assert "none of 10 replies held an answer that could be read (run 2, done)" in shell(*words, code=4)


def test_budgets_hold_and_a_calibration_is_not_resumed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Calls stop at the budget, what was learnt is used and said, and `run --resume` leaves the run alone."""
    stairs(tmp_path)
    with Provider(ABLE) as provider:
        shell = Shell(tmp_path, capsys, provider.url, extra="[budgets]\ncalls_per_run = 25\n")
        found = shell.json("calibrate", "one", "--suite", "stairs", "--calls", "60")
        assert (found["status"], found["calls"], len(provider.bodies)) == ("budget", 25, 25)
        assert "budgets.calls_per_run" in found["stopped_by"]
        assert found["written"]["suite"] == "stairs-one"
        shell("run", "--resume")
        assert len(provider.bodies) == 25
        assert shell.json("verify")["ok"]


def test_long_probes_are_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Probes longer than --max-input-tokens are neither asked nor written, and their number is told."""
    folder = stairs(tmp_path)
    long = {
        "id": "long",
        "family": "walk",
        "difficulty": 7,
        "grader": "numeric",
        "target": "7",
        "anchor": True,
    }
    with (folder / "probes.jsonl").open("a") as file:
        file.write(
            json.dumps(long | {"prompt": "walk, rung 7, long " + "word " * 400 + ": repeat 7."}) + "\n"
        )
    with Provider(Climber({"walk": 7.0, "swim": 3.0, "climb": 3.0})) as provider:
        shell = Shell(tmp_path, capsys, provider.url)
        words = ("calibrate", "one", "--suite", "stairs", "--calls", "60", "--max-input-tokens", "100")
        found = shell.json(*words)
        assert not any(b"word word" in body for body in provider.bodies)
    assert {each["family"]: each["too_long"] for each in found["families"]} == {
        "walk": 1,
        "swim": 0,
        "climb": 0,
    }
    assert "long" not in {probe.id for probe in load_suite(tmp_path / "probes" / "stairs-one").probes}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["two", "--suite", "stairs"], "no endpoint named 'two'"),
        (["one", "--suite", "topic-pairs"], "suite topic-pairs has pairs"),
        (["one", "--suite", "identity"], "suite identity has no ladder to climb"),
        (["one", "--suite", "nowhere"], "suites.nowhere: there is no"),
        (["one", "--suite", "stairs", "--out", "{folder}/config.toml"], "already there"),
        (["one", "--suite", "stairs", "--out", "{folder}", "--force"], "holds no suite to replace"),
    ],
)
def test_a_users_mistake_is_told_before_anything_is_asked(
    words: list[str], expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Wrong names, suites without a ladder and folders that are taken end in one line, with nothing sent."""
    stairs(tmp_path)
    with Provider(ABLE) as provider:
        shell = Shell(tmp_path, capsys, provider.url)
        said = shell("calibrate", *(word.format(folder=tmp_path) for word in words), code=2)
        assert expected in said
        assert provider.bodies == []


def test_an_endpoint_that_does_not_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Errors are missing data: when nothing is learnt nothing is written, with exit code 4."""
    stairs(tmp_path)
    with Provider(lambda _: (401, {"error": {"message": "no", "type": "invalid_request_error"}})) as provider:
        shell = Shell(tmp_path, capsys, provider.url)
        assert "could be read" in shell("calibrate", "one", "--suite", "stairs", "--calls", "10", code=4)
    assert not (tmp_path / "probes" / "stairs-one").exists()


def test_a_calibration_record_with_an_unknown_key_is_a_mistake(tmp_path: Path) -> None:
    """The checker knows the keys of a calibration's record."""
    header = HEADER + '\n[calibration]\nendpoint = "one"\nmodle = "m"\n'
    with pytest.raises(Exception, match=r"calibration.modle: unknown key; did you mean model\?"):
        load_suite(stairs(tmp_path, header=header))


def test_toml_reads_back() -> None:
    """Whatever JSON data a header holds, TOML gives it back; keys without a value are left out."""
    import tomllib

    data = {
        "text": 'a "quoted" \\ line\nwith é and \x7f',
        "list": ["a", 1, 2.5, True],
        "empty": [],
        "odd key": 1,
        "table": {"x": 1, "inner": {"y": [1]}, "rows": [{"a": 1, "none": None}, {"b": "c"}]},
        "none": None,
    }
    assert tomllib.loads(toml_text(data)) == {  # type: ignore[arg-type]
        **{key: value for key, value in data.items() if key not in ("none", "table")},
        "table": {"x": 1, "inner": {"y": [1]}, "rows": [{"a": 1}, {"b": "c"}]},
    }
