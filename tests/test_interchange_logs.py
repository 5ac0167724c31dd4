"""Logs of lm-eval and promptfoo, and tables of all kinds, as imported runs."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import pytest

from harness.cli import run as harness
from harness.errors import ConfigError, UsageError
from harness.interchange import Mapped, load_mapping, parse_map, read_log, recognise_log, write_log
from harness.records import Outcome
from harness.store import Store
from tests.store_examples import START_US, fill

LM_EVAL = Path(__file__).parent / "data" / "lm-eval-0.4.13"
"""Written by lm-eval 0.4.13's own evaluator and writers, on two made-up tasks with a made-up model; the results file
is cut down to the fields that say what was run."""


def imported(path: Path, database: Path, wanted: Mapped | None = None, form: str | None = None):
    log = read_log(path, form or recognise_log(path), wanted or Mapped({}))
    with Store.open(database, mode="write") as store:
        found = write_log(store, log, START_US)
    with Store.open(database, mode="read") as store:
        assert store.verify().problems == ()
    return found


def seen(database: Path, run_id: int = 1) -> list[tuple[str, str, float | None]]:
    with Store.open(database, mode="read") as store:
        return [
            (each.exchange.probe_id, each.observation.outcome.value, each.observation.score)
            for each in store.exchanges(run_id)
            if each.observation is not None
        ]


# --- lm-eval ------------------------------------------------------------------------------------


def test_lm_evals_generations_come_in(tmp_path: Path) -> None:
    """Question, raw generation, the first filter's metric, the model of the results file and the time of the name."""
    found = imported(next(LM_EVAL.glob("samples_toy_sums_*")), tmp_path / "t.db")
    assert (found.source, found.added[0].label, found.added[0].exchanges) == ("lm-eval", "lab/toy-1", 3)
    assert any("3 rows of other filters" in note for note in found.notes)
    assert seen(tmp_path / "t.db") == [("0", "answered", 1.0), ("1", "answered", 0.0), ("2", "answered", 0.0)]
    with Store.open(tmp_path / "t.db", mode="read") as store:
        call = next(store.exchanges(1))
        assert json.loads(call.exchange.response_body)["text"] == "The answer is 4"
        assert json.loads(call.exchange.request_body)["messages"][0]["content"] == "2 + 2?"
        origin = store.origins.of(1)
        assert store.run_info(1).started_us == 1_795_315_866_433_288
    assert origin is not None
    assert origin.tool == "lm_eval 0.4.13"


def test_lm_evals_generations_can_be_graded_here(tmp_path: Path) -> None:
    """A grader of ours reads the raw generation, not what a filter left of it."""
    imported(next(LM_EVAL.glob("samples_toy_sums_*")), tmp_path / "t.db", Mapped({}, grader="numeric"))
    assert [score for _, _, score in seen(tmp_path / "t.db")] == [1.0, 1.0, 0.0]


def test_of_several_metrics_the_first_is_taken_and_told(tmp_path: Path) -> None:
    """Two metrics that are scores are named with the one that counts; one alone, or a grader of ours, needs no note."""
    source = next(LM_EVAL.glob("samples_toy_sums_*"))
    path = tmp_path / "lab__other" / source.name
    path.parent.mkdir()
    more = {"metrics": ["perplexity", "f1", "exact_match"], "perplexity": 7.5, "f1": 0.25}
    rows = [json.loads(line) | more for line in source.read_text().splitlines()]
    path.write_text("\n".join(map(json.dumps, rows)))
    found = imported(path, tmp_path / "t.db")
    assert "there are 2 metrics (exact_match, f1); taken was the first of each row: f1" in found.notes
    assert [score for _, _, score in seen(tmp_path / "t.db")] == [0.25] * 3
    again = imported(path, tmp_path / "graded.db", Mapped({}, grader="numeric"))
    alone = imported(source, tmp_path / "one.db")
    assert not any("metrics" in note for note in (*again.notes, *alone.notes))


def test_of_continuations_the_likeliest_is_the_answer(tmp_path: Path) -> None:
    """Where log-likelihoods were compared, the answer is the continuation with the largest."""
    imported(next(LM_EVAL.glob("samples_toy_choice_*")), tmp_path / "t.db")
    with Store.open(tmp_path / "t.db", mode="read") as store:
        texts = [json.loads(each.exchange.response_body)["text"] for each in store.exchanges(1)]
    assert texts == ["red", "blue"]
    assert [score for _, _, score in seen(tmp_path / "t.db")] == [1.0, 0.0]


def test_wrong_lm_eval_samples_are_named_by_line(tmp_path: Path) -> None:
    """A repeated doc, a missing response and a broken line stop the import, each with its line."""
    source = next(LM_EVAL.glob("samples_toy_sums_*"))
    folder = tmp_path / "lab__other"
    folder.mkdir()
    path = folder / source.name
    lines = source.read_text().splitlines()
    for text, words in (
        ([*lines, lines[0]], f"line {len(lines) + 1}: has the doc_id '0' of line 1"),
        ([json.dumps(json.loads(lines[0]) | {"resps": []})], "line 1: resps"),
        ([lines[0], "{"], "line 2: is not JSON"),
        ([json.dumps(json.loads(lines[0]) | {"arguments": 3})], "line 1: input"),
    ):
        path.write_text("\n".join(text))
        with pytest.raises(ConfigError, match="nothing was imported") as error:
            read_log(path, "lm-eval", Mapped({}))
        assert words in str(error.value)
    path.write_text("\n".join(lines))
    assert imported(path, tmp_path / "t.db").added[0].label == "lab/other"
    shutil.copy(path, folder / "samples.jsonl")
    with pytest.raises(ConfigError, match="samples_<task>_<date>"):
        read_log(folder / "samples.jsonl", "lm-eval", Mapped({}))


# --- promptfoo ----------------------------------------------------------------------------------


def promptfoo(*results: dict[str, object], **outer: object) -> str:
    """Return a results file in the shape of `EvaluateSummaryV3` in promptfoo's own src/types/index.ts."""
    summary = {
        "version": 3,
        "timestamp": "2026-01-05T08:00:00.000Z",
        "results": list(results),
        "prompts": [],
        "stats": {},
    }
    return json.dumps(
        {"evalId": "eval-1", "results": summary, "config": {"description": "Toy sums"}, **outer}
    )


def result(number: int, provider: str = "openai:chat:gpt-4o", **changes: object) -> dict[str, object]:
    return {
        "promptIdx": 0, "testIdx": number, "promptId": "p", "provider": {"id": provider, "label": ""},
        "prompt": {"raw": f"How much is {number} + 1?", "label": "p"}, "vars": {"n": number},
        "testCase": {"vars": {"n": number}, "assert": [{"type": "equals", "value": str(number + 1)}],
                     "metadata": {"topic": "numbers"}},
        "response": {"output": str(number + 1), "tokenUsage": {"total": 7, "prompt": 5, "completion": 2}},
        "success": True, "score": 1, "failureReason": 0, "latencyMs": 250, "cost": 0.001, "namedScores": {},
    } | changes  # fmt: skip


def test_promptfoos_results_come_in(tmp_path: Path) -> None:
    """One run per provider; an assertion that failed is a score of 0, a call that failed is missing data."""
    chat = json.dumps([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "2 + 2?"}])
    results = [
        result(1),
        result(
            2,
            success=False,
            score=0,
            failureReason=1,
            error="Expected output to equal 3",
            response={"output": "4"},
        ),
        result(
            3, success=False, score=0, failureReason=2, error="500 from the API", response={"error": "500"}
        ),
        result(4, prompt={"raw": chat, "label": "chat"}, response={"output": {"a": [1]}}),
        result(1, "anthropic:messages:claude"),
    ]
    (tmp_path / "results.json").write_text(promptfoo(*results))
    found = imported(tmp_path / "results.json", tmp_path / "t.db")
    assert [(each.label, each.exchanges) for each in found.added] == [
        ("anthropic:messages:claude", 1),
        ("openai:chat:gpt-4o", 4),
    ]
    assert [each[1:] for each in seen(tmp_path / "t.db", 2)] == [
        ("answered", 1.0), ("answered", 0.0), ("failed", None), ("answered", 1.0),
    ]  # fmt: skip
    with Store.open(tmp_path / "t.db", mode="read") as store:
        first, *_, last = store.exchanges(2)
        probes = {probe.id: probe for probe in store.suites(2)[0].probes}
        assert list(store.run_info(2).header.suites) == [store.suites(2)[0].name]
        assert store.endpoints(2)[0].name == "gpt-4o"
    assert first.observation is not None
    assert (first.observation.input_tokens, first.observation.cost_usd, first.exchange.timing.total_ms) == (
        5,
        0.001,
        250,
    )
    assert [each.role for each in probes[last.exchange.probe_id].messages] == ["system", "user"]
    assert probes[first.exchange.probe_id].topic == "numbers"


def test_promptfoos_answers_can_be_graded_here(tmp_path: Path) -> None:
    """A grader of ours compares with what the assertions state."""
    (tmp_path / "r.json").write_text(promptfoo(result(1), result(2, response={"output": "it is 9"}, score=1)))
    imported(tmp_path / "r.json", tmp_path / "t.db", Mapped({}, grader="numeric"))
    assert [score for _, _, score in seen(tmp_path / "t.db")] == [1.0, 0.0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (promptfoo(), "results.results"),
        (promptfoo(result(1), {}), "result 2: provider"),
        (promptfoo(result(1, prompt="p")), "result 1: prompt.raw"),
        (promptfoo(result(1, prompt={"raw": " "})), "result 1: input"),
        ('{"results": {"timestamp": 5, "results": [{}], "evalId": 1}}', "results.timestamp"),
        ('{"evalId": 1, "results": {"results": ' + "[" * 100_000, "nested too deeply"),
        ('{"evalId": 1, "results": ', "is not JSON"),
    ],
)
def test_wrong_promptfoo_results_are_named(tmp_path: Path, text: str, words: str) -> None:
    """Each mistake names the result or the field."""
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(ConfigError, match="nothing was imported") as error:
        read_log(tmp_path / "r.json", "promptfoo", Mapped({}))
    assert words in str(error.value)


# --- tables -------------------------------------------------------------------------------------

CSV = """,engine,asked,said,when,ok,group,ref
0,lab/a-1,2 + 2?,4,2026-01-05T08:00:00Z,true,sums,4
1,lab/a-1,3 + 3?,"I'm sorry, I can't help with that.",2026-01-05 09:00,false,sums,6
2,lab/a-2,2 + 2?,5,2026-02-05,0.25,sums,4
3,lab/a-2,3 + 3?,6,2026-02-06,,sums,6
"""
MAP = parse_map(["model=engine,prompt=asked", "answer=said,at=when,family=group"])


def test_a_table_becomes_a_run_for_each_model(tmp_path: Path) -> None:
    """Scores of the file, refusals in prose, and a missing score as missing data; a second import adds nothing."""
    path = tmp_path / "t.csv"
    path.write_text(CSV)
    fields = {**MAP, **parse_map(["score=ok"])}
    found = imported(path, tmp_path / "t.db", Mapped(fields, suite="s"), "columns")
    assert [each.label for each in found.added] == ["lab/a-1", "lab/a-2"]
    assert [each[1:] for each in seen(tmp_path / "t.db", 1)] == [("answered", 1.0), ("refused", None)]
    assert [each[1:] for each in seen(tmp_path / "t.db", 2)] == [("answered", 0.25), ("failed", None)]
    (tmp_path / "renamed.csv").write_text(CSV)
    again = imported(tmp_path / "renamed.csv", tmp_path / "t.db", Mapped(fields, suite="s"), "columns")
    assert (again.added, again.there) == ((), (1, 2))
    by_day = imported(path, tmp_path / "d.db", Mapped(fields, runs=("model", "day")), "columns")
    assert len(by_day.added) == 3
    graded = Mapped({**MAP, **parse_map(["target=ref"])}, grader="numeric")
    imported(path, tmp_path / "g.db", graded, "columns")
    assert [score for _, _, score in seen(tmp_path / "g.db", 2)] == [0.0, 1.0]


@pytest.mark.parametrize("form", ["jsonl", "json", "gz"])
def test_tables_of_other_forms_are_read(tmp_path: Path, form: str) -> None:
    """JSON lines, a JSON list and gzipped files say the same; a dot goes into objects, NaN is an empty cell."""
    rows = [
        {
            "engine": "m",
            "asked": [{"role": "user", "content": "a?"}],
            "said": "b",
            "when": 1_767_600_000.5,
            "m": {"s": 1},
        },
        {"engine": "m", "asked": "c?", "said": None, "when": 1_767_600_001, "m": {"s": float("nan")}},
    ]
    text = json.dumps(rows) if form == "json" else "\n".join(map(json.dumps, rows))
    path = tmp_path / f"t.{form if form != 'gz' else 'jsonl.gz'}"
    path.write_bytes(gzip.compress(text.encode()) if form == "gz" else text.encode())
    (tmp_path / "m.toml").write_text(
        '[fields]\nmodel = "engine"\nprompt = "asked"\nanswer = "said"\nscore = "m.s"\n'
        '[fields.at]\ncolumn = "when"\nformat = "unix"\n'
    )
    imported(path, tmp_path / "t.db", load_mapping(tmp_path / "m.toml"), "columns")
    assert [each[1:] for each in seen(tmp_path / "t.db")] == [("answered", 1.0), ("failed", None)]
    with Store.open(tmp_path / "t.db", mode="read") as store:
        assert store.run_info(1).started_us == 1_767_600_000_500_000


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("9,m,q,a,yesterday,1,g,1", "line 6: at: 'yesterday' is no time"),
        ("9,m,q,a,2026-01-05,2,g,1", "line 6: score: must be from 0 to 1"),
        ("9,m,q,a,2026-01-05,good,g,1", "line 6: score: must be a number"),
        ("9,,q,a,2026-01-05,1,g,1", "line 6: model: is missing"),
        ("9,m, ,a,2026-01-05,1,g,1", "line 6: prompt: is blank"),
        ("9,m,q,a", "line 6: has 4 cells under 8 columns"),
        ("9,m,q,a,,1,g,1", "line 6: at: is missing or blank"),
        ('9,m,"q,a,2026', "is not CSV"),
        ("9,m,q,a,99999-01-01,1,g,1", "line 6: at:"),
    ],
)
def test_a_wrong_row_is_named_and_nothing_is_imported(tmp_path: Path, capsys, line: str, words: str) -> None:
    """One bad row stops the whole import, in one line and with exit code 2."""
    (tmp_path / "t.csv").write_text(CSV + line + "\n")
    db = tmp_path / "t.db"
    fill(db, runs=1)
    columns = "model=engine,prompt=asked,answer=said,at=when,score=ok"
    assert harness(["import", str(tmp_path / "t.csv"), "--map", columns, "--db", str(db)]) == 2
    assert words in capsys.readouterr().err
    with Store.open(db, mode="read") as store:
        assert store.run_count() == 1


def test_the_same_id_for_two_questions_is_a_mistake(tmp_path: Path) -> None:
    """Both lines are named; the same question asked again is a further sample."""
    text = "engine,asked,said,when,id\nm,a?,1,2026-01-01,x\nm,b?,1,2026-01-01,x\n"
    (tmp_path / "t.csv").write_text(text)
    fields = {**MAP, **parse_map(["probe=id"])}
    fields.pop("family")
    with pytest.raises(ConfigError, match=r"line 3: probe 'x' asks or expects something else than on line 2"):
        imported(tmp_path / "t.csv", tmp_path / "t.db", Mapped(fields), "columns")
    (tmp_path / "t.csv").write_text(text.replace("b?", "a?"))
    found = imported(tmp_path / "t.csv", tmp_path / "t.db", Mapped(fields), "columns")
    assert "1 rows ask a question of their run again" in found.notes[0]


def test_a_bomb_and_a_huge_cell_are_turned_away(tmp_path: Path) -> None:
    """What unpacks or reads to more than is bearable is refused before it is held."""
    (tmp_path / "bomb.jsonl.gz").write_bytes(gzip.compress(b" " * 130_000_000))
    with pytest.raises(ConfigError, match="unpacks to more"):
        read_log(tmp_path / "bomb.jsonl.gz", "columns", Mapped(MAP))
    (tmp_path / "huge.csv").write_text("engine,asked,said,when\nm,q," + "x" * 200_000 + ",2026-01-01\n")
    with pytest.raises(ConfigError, match="line 2"):
        read_log(tmp_path / "huge.csv", "columns", Mapped(MAP))


def test_labels_of_a_table_are_taken_as_the_mapping_says(tmp_path: Path) -> None:
    """Each word has its outcome; a word without one is a mistake, and so is a grader beside labels."""
    path = tmp_path / "t.csv"
    path.write_text("engine,asked,said,when,label\n" + "".join(f"m,{n}?,x,2026-01-01,{n}\n" for n in "abcde"))
    mapping = tmp_path / "m.toml"
    text = (
        '[fields]\nmodel="engine"\nprompt="asked"\nanswer="said"\nat="when"\n[fields.outcome]\ncolumn="label"\n'
        'values={a="answered",b="refused",c="refused partial",d="refused provider",e="failed"}\n'
    )
    mapping.write_text(text)
    imported(path, tmp_path / "t.db", load_mapping(mapping), "columns")
    with Store.open(tmp_path / "t.db", mode="read") as store:
        found = [each.observation for each in store.exchanges(1)]
    assert [(each.outcome, each.score, each.source, each.degree) for each in found if each] == [
        (Outcome.ANSWERED, 1.0, None, None),
        (Outcome.REFUSED, None, "model", "full"),
        (Outcome.REFUSED, None, "model", "partial"),
        (Outcome.REFUSED, None, "provider", "full"),
        (Outcome.FAILED, None, None, None),
    ]
    assert found[1] is not None
    assert found[1].evidence == "label=b"
    mapping.write_text(text.replace('e="failed"', 'f="failed"'))
    with pytest.raises(ConfigError, match="line 6: outcome: the mapping has no value for 'e'"):
        read_log(path, "columns", load_mapping(mapping))
    mapping.write_text('grader="exact"\n' + text)
    with pytest.raises(UsageError, match="leave one out"):
        read_log(path, "columns", load_mapping(mapping))


def test_regrading_an_imported_log_gives_the_same(tmp_path: Path, capsys) -> None:
    """Labels lie in the exchange, so that judging it again, when it is named, finds them again."""
    (tmp_path / "t.csv").write_text(CSV)
    db = ["--db", str(tmp_path / "t.db")]
    columns = ["--map", "model=engine,prompt=asked,answer=said,at=when,score=ok"]
    assert harness(["import", str(tmp_path / "t.csv"), *columns, *db]) == 0
    before = seen(tmp_path / "t.db")
    capsys.readouterr()
    assert harness(["regrade", "--json", "--all", *db]) == 0
    assert json.loads(capsys.readouterr().out)["looked_at"] == 0
    assert harness(["regrade", "--json", "--all", "--run", "1", *db]) == 0
    assert json.loads(capsys.readouterr().out)["changed"] == 0
    assert seen(tmp_path / "t.db") == before


def test_imported_runs_are_labelled_wherever_they_are_shown(tmp_path: Path, capsys) -> None:
    """Status, compare and report say where runs come from, and leave them out unless asked."""
    (tmp_path / "t.csv").write_text(CSV)
    db = ["--db", str(tmp_path / "t.db")]
    fill(tmp_path / "t.db", runs=1)
    columns = ["--map", "model=engine,prompt=asked,answer=said,at=when,score=ok"]
    assert harness(["import", str(tmp_path / "t.csv"), *columns, *db, "--json"]) == 0
    assert [each["run_id"] for each in json.loads(capsys.readouterr().out)["added"]] == [2, 3]
    assert harness(["status", "--json", *db]) == 0
    assert [each["run_id"] for each in json.loads(capsys.readouterr().out)["runs"]] == [1]
    assert harness(["status", "--origin", "imported", *db]) == 0
    assert "run 2 was imported from t.csv (columns)" in capsys.readouterr().out
    assert harness(["compare", "model:lab/a-1", "model:lab/a-2", *db]) == 2
    assert "no model" in capsys.readouterr().err
    assert harness(["compare", "2", "3", "--json", *db]) == 0
    assert "Run 2 was imported from t.csv (columns)." in json.loads(capsys.readouterr().out)["notes"]
    assert harness(["report", "-o", str(tmp_path / "own"), *db]) == 0
    assert harness(["report", "-o", str(tmp_path / "all"), "--origin", "all", *db]) == 0
    assert "t.csv" not in (tmp_path / "own" / "report.md").read_text()
    assert "come from t.csv (columns)" in (tmp_path / "all" / "report.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--map", "model=engine"], "prompt, answer, at"),
        (["--map", "modle=engine"], "there is no field 'modle'"),
        (["--map", "model"], "must be FIELD=COLUMN"),
        (["--map", "model=engine,model=x"], "given twice"),
        (["--map", "model=x,prompt=asked,answer=said,at=when"], "no row has the column 'x'"),
        (["--map", "model=engine,prompt=asked,answer=said,at=when,target=ref"], "add --grader"),
        (["--map", "model=engine,prompt=asked,answer=said,at=when", "--grader", "exact"], "add --map target"),
        (
            ["--map", "model=engine,prompt=asked,answer=said,at=when", "--grader", "judge"],
            "another model judges",
        ),
        (["--grader", "nobody"], "is no export of harness"),
        (["--format", "columns"], "no column is mapped"),
        (["--format", "inspect"], "is not JSON"),
        (["--mapping", "nowhere.toml"], "no such mapping file"),
        ([], "is no export of harness"),
    ],
)
def test_what_cannot_be_carried_out_is_said(tmp_path: Path, capsys, arguments: list[str], words: str) -> None:
    """Each mistake in the command ends in one line, exit code 2, and no database."""
    (tmp_path / "t.csv").write_text(CSV)
    assert harness(["import", str(tmp_path / "t.csv"), *arguments, "--db", str(tmp_path / "t.db")]) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "t.db").exists()


def test_every_mistake_of_a_mapping_file_is_named(tmp_path: Path) -> None:
    """Unknown keys, words that are no outcome, patterns that run forever: all at once, each by its key."""
    (tmp_path / "m.toml").write_text(
        'colour = 1\ngrader = "nobody"\nruns = ["hour"]\noptions = 3\n[fields]\nmodel = 5\nwhat = "x"\n'
        '[fields.outcome]\ncolumn = "a"\nvalues = {x = "rejected"}\n[fields.score]\ncolumn = "b"\npattern = "(a+)+"\n'
        '[fields.at]\ncolumn = "c"\nvalue = "2026"\nformatt = "unix"\n[fields.prompt]\ncolumn = "d"\nformat = "unix"\n'
    )
    with pytest.raises(ConfigError) as error:
        load_mapping(tmp_path / "m.toml")
    text = str(error.value)
    for words in (
        "colour: there is no such key", "grader: there is none", "runs: must be", "options: must be a table",
        "fields.model: must be", "fields.what: there is no such field", "fields.outcome.values.x: 'rejected' is no outcome",
        "fields.score.pattern:", "fields.at: needs either", "fields.at.formatt:", "fields.prompt.format:",
    ):  # fmt: skip
        assert words in text, words
