"""Datasets become suites: each known form, every wrong input named, and nothing written unless all is well."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.cli import run
from harness.config import Config
from harness.errors import ConfigError, UsageError
from harness.graders import grade
from harness.interchange import Imported, Wanted, import_suite, parse_mapping
from harness.interchange import rows as reading
from harness.plan import make_plan
from harness.records import JSON, Probe
from harness.suites import check_suite, load_suite

DATA = Path("../shared/data/probe_sets")
TODAY = "2026-11-22"
SUMS = [
    {"id": f"sum-{number}", "input": f"What is {number} + 2?", "target": str(number + 2)}
    for number in range(8)
]


def lines(path: Path, rows: list[dict[str, JSON]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def brought(
    source: Path, mapping: Mapping[str, str] | None = None, **more: object
) -> tuple[Imported, list[Probe]]:
    """Import a file beside itself and return the summary with the probes as loaded and planned."""
    folder = source.parent / "probes" / "mine"
    made = import_suite(Wanted(source, folder, mapping=mapping or {}, **more), TODAY)  # type: ignore[arg-type]
    suite = load_suite(folder)
    assert check_suite(suite) == []
    assert suite.content_hash == suite.recorded_hash == made.content_hash
    assert {path.name for path in folder.parent.iterdir()} == {"mine"}
    config = Config.model_validate(
        {
            "endpoints": {"one": {"protocol": "openai-chat", "url": "http://127.0.0.1:1/v1", "model": "m"}},
            "suites": {"mine": {}},
        }
    )
    calls = list(make_plan(config, {"mine": suite}, 7))
    assert sorted(call.probe.id for call in calls) == sorted(probe.id for probe in suite.probes)
    return made, list(suite.probes)


def refused(source: Path, mapping: Mapping[str, str] | None = None, **more: object) -> str:
    """Return why a file is turned away, having made sure that nothing was written."""
    folder = source.parent / "probes" / "mine"
    with pytest.raises(ConfigError) as caught:
        import_suite(Wanted(source, folder, mapping=mapping or {}, **more), TODAY)  # type: ignore[arg-type]
    assert not folder.parent.exists()
    return str(caught.value)


def test_inspect_samples_keep_their_ids_and_turns(tmp_path: Path) -> None:
    """Inspect samples with text or message inputs, several targets and metadata become probes of the same ids."""
    source = lines(
        tmp_path / "inspect.jsonl",
        [
            {
                "id": "a",
                "input": "Name a primary colour.",
                "target": ["red", "blue"],
                "metadata": {"area": "art"},
            },
            {
                "id": 2,
                "input": [
                    {"role": "system", "content": "Be brief."},
                    {"role": "user", "content": [{"type": "text", "text": "Name the largest ocean."}]},
                ],
                "target": "Pacific",
                "metadata": {"area": "the earth"},
            },
        ],
    )
    made, probes = brought(source, {"family": "metadata.area"}, licence="CC0-1.0")
    assert made.form == "Inspect samples"
    assert [(probe.id, probe.grader, probe.family) for probe in probes] == [
        ("a", "word", "art"),
        ("2", "word", "the-earth"),
    ]
    assert [message.role for message in probes[1].messages] == ["system", "user"]
    assert probes[0].target == ("red", "blue")
    assert load_suite(tmp_path / "probes" / "mine").licence == "CC0-1.0"


def test_inspect_choices_are_lettered_in_the_prompt(tmp_path: Path) -> None:
    """Options that come apart from the question are put under it with letters; a letter or a text is the target."""
    row: dict[str, JSON] = {"input": "Which is a fruit?", "choices": ["brick", "plum", "rope"], "target": "B"}
    other: dict[str, JSON] = {"input": "Which is a tool?", "choices": ["saw", "moon"], "target": "saw"}
    made, probes = brought(lines(tmp_path / "c.jsonl", [row, other]))
    assert made.graders == {"choice": 2}
    assert [probe.target for probe in probes] == [("B",), ("A",)]
    assert "A) brick\nB) plum\nC) rope" in probes[0].messages[0].content
    assert grade("choice", "B) plum", probes[0].target, probes[0].options).score == 1.0


@pytest.mark.parametrize(("target", "letter"), [(1, "B"), ("1", "B"), ("plum", "B"), ("(c)", "C")])
def test_a_choice_may_be_named_by_place(tmp_path: Path, target: JSON, letter: str) -> None:
    """A whole number is an option's place from 0; text may be a letter, an option or a place."""
    row: dict[str, JSON] = {
        "question": "Which is a fruit?",
        "choices": ["brick", "plum", "rope"],
        "answer": target,
    }
    _, probes = brought(lines(tmp_path / "c.jsonl", [row]))
    assert probes[0].target == (letter,)


def test_lettered_options_in_the_question_are_read(tmp_path: Path) -> None:
    """Options lettered inside the question are found, the question is left as it is, and past J exact takes over."""
    eleven = "\n".join(f"({letter}) thing {letter}" for letter in "ABCDEFGHIJK")
    asked = "Which is a bird?\nOptions:\n(A) wren\n(B) oak"
    rows: list[dict[str, JSON]] = [
        {"input": asked, "target": "(A)"},
        {"input": f"Which thing is last?\n{eleven}", "target": "(K)"},
    ]
    made, probes = brought(lines(tmp_path / "c.jsonl", rows))
    assert (probes[0].messages[0].content, probes[0].target) == (asked, ("A",))
    assert probes[0].options == {"choices": ["wren", "oak"]}
    assert (probes[1].grader, probes[1].target) == ("exact", ("(K)", "K"))
    assert "beyond J" in made.notes[0]


def test_options_alike_but_for_punctuation_are_told_apart_by_letter(tmp_path: Path) -> None:
    """Options such as 1 and -1 are graded by letter alone, since their texts read the same."""
    _, probes = brought(
        lines(tmp_path / "c.jsonl", [{"input": "i * i?", "choices": ["1", "-1"], "target": "B"}])
    )
    assert probes[0].options == {"letters": 2}


def test_lm_eval_samples(tmp_path: Path) -> None:
    """lm-eval's samples are asked as they were asked; compared continuations become options."""
    rows: list[dict[str, JSON]] = [
        {
            "doc_id": 0,
            "doc": {"q": 1},
            "target": "1",
            "arguments": [["Water is", " dry"], ["Water is", " wet"]],
        },
        {
            "doc_id": 1,
            "doc": {},
            "target": 0,
            "arguments": {
                "gen_args_0": {"arg_0": "Snow is", "arg_1": " white"},
                "gen_args_1": {"arg_0": "Snow is", "arg_1": " red"},
            },
        },
        {
            "doc_id": 2,
            "doc": {},
            "target": "so 3 + 4 = 7\n#### 7",
            "arguments": [["3 + 4?", {"until": ["\n"]}]],
        },
    ]
    made, probes = brought(lines(tmp_path / "samples_x.jsonl", rows))
    assert made.form == "lm-eval samples"
    assert [(probe.id, probe.grader, probe.target) for probe in probes] == [
        ("0", "choice", ("B",)),
        ("1", "choice", ("A",)),
        ("2", "numeric", ("7",)),
    ]
    assert probes[2].messages[0].content == "3 + 4?"


def test_gsm8k_answers_are_what_follows_the_marks(tmp_path: Path) -> None:
    """GSM8K's worked answers give the number after the last ####, thousands separators included."""
    rows: list[dict[str, JSON]] = [
        {
            "question": "How many seeds are 2 bags of 600?",
            "answer": "2 * 600 = <<2*600=1200>>1200\n#### 1,200",
        },
        {"question": "How many legs have 2 cats?", "answer": "2 * 4\n#### 8"},
    ]
    made, probes = brought(lines(tmp_path / "g.jsonl", rows))
    assert (made.form, made.graders) == ("GSM8K", {"numeric": 2})
    assert grade("numeric", "It is 1200.", probes[0].target).score == 1.0


def test_csv_with_options_in_several_columns(tmp_path: Path) -> None:
    """A gzipped CSV with quoted cells over several lines and options in columns of their own is read."""
    text = 'n,ask,a,b,right\n1,"Which is\na fish?",cod,elm,A\n2,Which is a tree?,cod,elm,B\n'
    source = tmp_path / "t.csv.gz"
    source.write_bytes(gzip.compress(text.encode()))
    mapping = parse_mapping(["id=n,input=ask", "target=right", "choices=a+b"])
    made, probes = brought(source, mapping)
    assert [(probe.id, probe.target) for probe in probes] == [("1", ("A",)), ("2", ("B",))]
    assert dict(made.mapping) == mapping


def test_csv_with_semicolons_is_read(tmp_path: Path) -> None:
    """A CSV as some spreadsheets write it, with semicolons and a byte-order mark, is read."""
    source = tmp_path / "s.csv"
    source.write_bytes(b"\xef\xbb\xbfinput;target\r\nWhat is 1 + 1?;2\r\n\r\nWhat is 2, and 2 more?;4\r\n")
    made, probes = brought(source)
    assert (made.graders, probes[1].messages[0].content) == ({"numeric": 2}, "What is 2, and 2 more?")


@pytest.mark.parametrize("case", ["list cut", "csv quote"])
def test_a_file_that_cannot_be_read_to_its_end_is_never_imported(tmp_path: Path, case: str) -> None:
    """Leaving rows out does not pass over the unread rest of a broken file."""
    name, data, expected = WRONG[case]
    (tmp_path / name).write_bytes(data)
    assert expected in refused(tmp_path / name, leave_out=True)


def test_a_json_list_is_read(tmp_path: Path) -> None:
    """One JSON list of objects is a dataset too, however it is laid out."""
    source = tmp_path / "l.json"
    source.write_text(json.dumps(SUMS, indent=2), encoding="utf-8")
    made, probes = brought(source)
    assert (made.graders, len(probes)) == ({"numeric": 8}, 8)


def test_the_grader_is_chosen_family_by_family(tmp_path: Path) -> None:
    """Numbers, a closed set of words, and long texts in one file each get their own grader."""
    rows: list[dict[str, JSON]] = []
    for number in range(8):
        rows += [
            {"task": "sum", "input": f"{number} + 1?", "target": number + 1},
            {"task": "even", "input": f"Is {number} even?", "target": "no" if number % 2 else "yes"},
            {"task": "say", "input": f"Say {number}", "target": f"one two three four five six {number}"},
        ]
    made, probes = brought(lines(tmp_path / "f.jsonl", rows))
    assert made.graders == {"numeric": 8, "word": 8, "exact": 8}
    assert next(probe for probe in probes if probe.family == "even").options == {"among": ["no", "yes"]}


def test_a_named_grader_wins(tmp_path: Path) -> None:
    """With a grader given, options are not asked and a place becomes the option's text."""
    row: dict[str, JSON] = {"question": "Which fruit is blue?", "choices": ["plum", "lemon"], "answer": 0}
    _, probes = brought(lines(tmp_path / "c.jsonl", [row]), grader="word")
    assert (probes[0].grader, probes[0].target) == ("word", ("plum",))
    assert probes[0].messages[0].content == "Which fruit is blue?"


def test_ids_do_not_depend_on_the_order_of_rows(tmp_path: Path) -> None:
    """Without ids in the source, a probe's id comes from its text, so shuffled rows keep theirs."""
    bare: list[dict[str, JSON]] = [{"input": row["input"], "target": row["target"]} for row in SUMS]
    _, first = brought(lines(tmp_path / "a.jsonl", bare))
    _, second = brought(lines(tmp_path / "a.jsonl", bare[::-1]), force=True)
    assert {(probe.id, probe.messages) for probe in first} == {(probe.id, probe.messages) for probe in second}


def test_repeats_are_written_once_and_limit_takes_the_first(tmp_path: Path) -> None:
    """A row that says what an earlier one says is counted and not written; --limit counts rows."""
    made, _ = brought(lines(tmp_path / "r.jsonl", [*SUMS, *SUMS]))
    assert (made.rows, made.probes, made.repeated) == (16, 8, 8)
    made, _ = brought(tmp_path / "r.jsonl", limit=3, force=True)
    assert (made.rows, made.probes) == (3, 3)


def test_a_suite_is_replaced_only_by_force_and_as_its_next_version(tmp_path: Path) -> None:
    """A folder that is there stops the import; --force makes version 2 and keeps the note and hash of version 1."""
    source = lines(tmp_path / "s.jsonl", SUMS)
    first, _ = brought(source)
    with pytest.raises(UsageError, match="already there; --force"):
        brought(source)
    second, _ = brought(source, force=True, limit=4)
    suite = load_suite(tmp_path / "probes" / "mine")
    assert (second.version, [note.hash for note in suite.versions]) == (
        2,
        [first.content_hash, second.content_hash],
    )


_GOOD = b'{"input": "2 + 2?", "target": "4"}\n'
WRONG: dict[str, tuple[str, bytes, str]] = {
    "empty": ("e.jsonl", b"", "holds no rows"),
    "not json": ("e.jsonl", _GOOD + b"{oops}\n", "line 2: is not JSON: Expecting property name"),
    "not an object": ("e.jsonl", _GOOD + b"[1]\n", "line 2: must be an object in braces"),
    "repeated key": ("e.jsonl", b'{"input": "a", "input": "b"}', "line 1: has the key 'input' twice"),
    "deep": ("e.jsonl", _GOOD + b'{"input": ' + b"[" * 200_000 + b"\n", "line 2: is n"),
    "long number": ("e.jsonl", _GOOD + b'{"target": ' + b"9" * 9_000 + b"}\n", "too long a number"),
    "not utf-8": ("e.jsonl", _GOOD + b'{"input": "\xff"}', "line 2: byte 0xff is not UTF-8"),
    "cut gzip": ("e.jsonl.gz", gzip.compress(_GOOD * 99)[:-9], "is a damaged gzip file"),
    "no input column": ("e.jsonl", b'{"x": "a", "target": "4"}', "add --map input=COLUMN (it has x, target)"),
    "no target column": ("e.jsonl", b'{"input": "a"}', "add --map target=COLUMN"),
    "blank input": (
        "e.jsonl",
        _GOOD + b'{"input": " ", "target": "4"}',
        "line 2: input: is missing or blank",
    ),
    "no target": ("e.jsonl", _GOOD + b'{"input": "3 + 1?"}', "line 2: target: is missing or blank"),
    "odd target": (
        "e.jsonl",
        _GOOD + b'{"input": "q", "target": {"a": 1}}',
        "line 2: target: must be text, a number",
    ),
    "surrogate": (
        "e.jsonl",
        b'{"input": "\\ud800", "target": "4"}',
        "line 1: input: is blank, or holds a char",
    ),
    "NUL": ("e.jsonl", b'{"input": "a\\u0000", "target": "4"}', "line 1: input: is blank, or holds a char"),
    "tool turn": (
        "e.jsonl",
        b'{"input": [{"role": "tool", "content": "x"}], "target": "4"}',
        "message 1 has the role 'tool'",
    ),
    "last turn": (
        "e.jsonl",
        b'{"input": [{"role": "system", "content": "x"}], "target": "4"}',
        "must be the user's",
    ),
    "image": (
        "e.jsonl",
        b'{"input": [{"role": "user", "content": [{"type": "image", "image": "x"}]}], "target": "4"}',
        "message 1 holds no text",
    ),
    "one option": (
        "e.jsonl",
        b'{"input": "q", "choices": ["a"], "target": "A"}',
        "choices: must be a list of 2 to 26",
    ),
    "no such option": (
        "e.jsonl",
        b'{"input": "q", "choices": ["a", "b"], "target": "E"}',
        "'E' is no option; use a letter from A to B",
    ),
    "place of none": (
        "e.jsonl",
        b'{"input": "q", "choices": ["a", "b"], "target": 2}',
        "2 is the place of no option",
    ),
    "place or text": (
        "e.jsonl",
        b'{"input": "q", "choices": ["1", "2"], "target": "1"}',
        "both an option's text and the place",
    ),
    "same id": (
        "e.jsonl",
        b'{"id": 1, "input": "a?", "target": "4"}\n{"id": 1, "input": "b?", "target": "4"}',
        "line 2: id: '1' is also on line 1",
    ),
    "two answers": (
        "e.jsonl",
        _GOOD + b'{"input": "2 + 2?", "target": "5"}',
        "line 2: input: the question of line 1 again",
    ),
    "placeholder": (
        "e.jsonl",
        _GOOD + b'{"input": "Dear [YOUR NAME],", "target": "4"}',
        "line 2: input: '[YOUR NAME]' looks",
    ),
    "list cut": (
        "e.json",
        b'[{"input": "2 + 2?", "target": "4"}\n',
        "the list goes on without a comma or ends",
    ),
    "list item": (
        "e.json",
        b'[{"input": "2 + 2?", "target": "4"},\n 7]',
        "line 2: must be an object in braces, got 7",
    ),
    "csv cells": ("e.csv", b"input,target\n2 + 2?,4\na,b,c\n", "line 3: has 3 cells under 2 columns"),
    "csv header": ("e.csv", b"input,input\na,b\n", "columns with different names"),
    "wrapped list": (
        "e.json",
        b'{"data": [\n{"input": "2 + 2?", "target": "4"}]}',
        "save the list under 'data' by itself",
    ),
    "csv quote": ("e.csv", b'input,target\n"a,b\n', "is not CSV"),
    "csv cell": (
        "e.csv",
        b"input,target\n" + b"a" * 140_000 + b",4\n",
        "is not CSV: field larger than field limit",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_is_named_with_place_and_fix(tmp_path: Path, case: str) -> None:
    """Each wrong input is one line with the file, the row's line, the column and what to do; nothing is written."""
    name, data, expected = WRONG[case]
    (tmp_path / name).write_bytes(data)
    message = refused(tmp_path / name)
    assert expected in message
    assert message.startswith(f"{(tmp_path / name).as_posix()}: ")


def test_wrong_rows_are_told_all_at_once_and_the_rest_counted(tmp_path: Path) -> None:
    """Fifty wrong rows make twenty messages, a count of the others, and the way to leave them out."""
    rows: list[dict[str, JSON]] = [{"input": f"q{number}", "target": None} for number in range(50)]
    message = refused(lines(tmp_path / "w.jsonl", [*SUMS, *rows])).splitlines()  # type: ignore[list-item]
    assert len(message) == 22
    assert message[-2].endswith("and 30 more")
    assert "--leave-out" in message[-1]


def test_wrong_rows_can_be_left_out(tmp_path: Path) -> None:
    """With --leave-out the sound rows are imported, the others named and counted, in the suite's description too."""
    rows: list[dict[str, JSON]] = [{"input": "[YOUR NAME]?", "target": "5"}, {"input": "q"}]
    made, probes = brought(lines(tmp_path / "w.jsonl", [*SUMS, *rows]), leave_out=True)  # type: ignore[list-item]
    assert (len(probes), made.left_out_rows, made.rows) == (8, 2, 10)
    assert ["line 9: input: " in made.left_out[0], "line 10: target: " in made.left_out[1]] == [True, True]
    assert "2 left out for mistakes" in load_suite(tmp_path / "probes" / "mine").description


def test_numeric_targets_are_bounded(tmp_path: Path) -> None:
    """A target that would take forever to work out is turned away, and does not count as a number."""
    source = lines(tmp_path / "n.jsonl", [{"input": "How big?", "target": "1e999999999"}])
    assert "'1e999999999' is not a number" in refused(source, grader="numeric")
    made, _ = brought(source)
    assert made.graders == {"word": 1}


def test_size_and_row_count_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file too large on disk or unpacked, or with too many rows, is turned away before it is worked on."""
    monkeypatch.setattr(reading, "FILE_BYTES", 5_000)
    monkeypatch.setattr(reading, "ROWS_LIMIT", 5)
    source = lines(tmp_path / "n.jsonl", SUMS)  # type: ignore[arg-type]
    assert "has more than 5 rows" in refused(source)
    source.write_bytes(_GOOD * 1_000)
    assert "bytes long; keep it under" in refused(source)
    source.write_bytes(gzip.compress(_GOOD * 1_000))
    assert "unpacks to more than 5,000 bytes" in refused(source)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("input", "must be FIELD=COLUMN"),
        ("question=input", "there is no field"),
        ("id=a,id=b", "given twice"),
    ],
)
def test_a_wrong_mapping_is_named(given: str, expected: str) -> None:
    """A mapping that is no pair, names no field or names one twice is a usage error."""
    with pytest.raises(UsageError, match=expected):
        parse_mapping([given])


def test_instructions_become_constraints(tmp_path: Path) -> None:
    """IFEval's instructions are checked by the constraints grader, bounds and arguments taken over."""
    row: dict[str, JSON] = {
        "key": 7,
        "prompt": "Describe a lake in under 9 words, without commas, and use the word deep.",
        "instruction_id_list": [
            "length_constraints:number_words",
            "punctuation:no_comma",
            "keywords:existence",
        ],
        "kwargs": [{"relation": "less than", "num_words": 9}, {}, {"keywords": ["deep"], "relation": None}],
    }
    made, probes = brought(lines(tmp_path / "i.jsonl", [row]))
    assert (made.form, made.graders, probes[0].id) == ("IFEval", {"constraints": 1}, "7")
    scores = [
        grade("constraints", text, (), probes[0].options).score
        for text in ("A deep blue lake lies still.", "A deep, blue lake.", "A lake.", "deep " * 9)
    ]
    assert scores == [1.0, 0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("ids", "arguments", "expected"),
    [
        (["keywords:existence"], [], "needs kwargs beside it"),
        (["keywords:existence"], [{}], "'keywords:existence' lacks an argument"),
        (["keywords:colour"], [{}], "there is no check for the instruction 'keywords:colour'"),
        (["length_constraints:number_words"], [{"relation": "about", "num_words": 3}], "lacks an argument"),
        (["length_constraints:number_paragraphs"], [{"num_paragraphs": "3"}], "must be a whole number"),
        ("punctuation:no_comma", [{}], "must be a list of instructions"),
    ],
)
def test_wrong_instructions_are_named(tmp_path: Path, ids: JSON, arguments: JSON, expected: str) -> None:
    """An instruction that is unknown or lacks what it needs is a mistake, unless only refusals are looked for."""
    row: dict[str, JSON] = {"prompt": "Write.", "instruction_id_list": ids, "kwargs": arguments}
    message = refused(lines(tmp_path / "i.jsonl", [row]))
    assert "line 1: instruction_id_list: " in message
    assert expected in message
    made, _ = brought(tmp_path / "i.jsonl", grader="refusal")
    assert made.graders == {"refusal": 1}


def test_a_mapped_column_must_be_there(tmp_path: Path) -> None:
    """A column that no row has is a mistake that shows the columns there are."""
    source = lines(tmp_path / "n.jsonl", SUMS)  # type: ignore[arg-type]
    assert "--map family=topic: no row has that column; the first has id, input, target" in refused(
        source, {"family": "topic"}
    )


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["role", "content", "text", "a"]), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
_COLUMNS = st.sampled_from(
    [
        "input",
        "target",
        "choices",
        "id",
        "question",
        "answer",
        "arguments",
        "doc_id",
        "prompt",
        "instruction_id_list",
        "task",
    ]
)


@settings(max_examples=150, deadline=None)
@given(rows=st.lists(st.dictionaries(_COLUMNS, _VALUES, max_size=6), min_size=1, max_size=4))
def test_any_rows_make_a_sound_suite_or_a_named_mistake(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, JSON]]
) -> None:
    """Whatever the rows hold, the import ends in a suite that loads, or in mistakes and no folder."""
    source = lines(tmp_path_factory.mktemp("any") / "a.jsonl", rows)
    folder = source.parent / "probes" / "mine"
    try:
        made = import_suite(Wanted(source, folder, leave_out=True), TODAY)
    except ConfigError:
        assert not folder.exists()
    else:
        assert len(load_suite(folder).probes) == made.probes > 0


def test_the_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`suite import` writes and says what it chose, `suite check` counts, and both print JSON when asked."""
    monkeypatch.chdir(tmp_path)
    lines(tmp_path / "s.jsonl", SUMS)  # type: ignore[arg-type]
    assert run(["suite", "import", "s.jsonl", "-o", "probes/mine", "--licence", "MIT"]) == 0
    said = capsys.readouterr().out
    assert "graders: numeric 8" in said
    assert "[suites.mine]" in said
    assert run(["suite", "check", "probes/mine"]) == 0
    assert "mine 1: 8 probes" in capsys.readouterr().out
    assert run(["suite", "import", "s.jsonl", "-o", "probes/mine"]) == 2
    assert "--force" in capsys.readouterr().err
    assert run(["suite", "import", "s.jsonl", "-o", "probes/mine", "--force", "--limit", "2", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert (made["version"], made["probes"], made["folder"]) == (2, 2, "probes/mine")
    assert run(["suite", "check", "probes/mine", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["content_hash"] == made["content_hash"]
    assert run(["suite", "check", "probes/none"]) == 2
    assert "there is no such folder" in capsys.readouterr().err


@pytest.mark.skipif(not DATA.is_dir(), reason="the public probe sets are not beside the checkout")
@pytest.mark.parametrize(
    ("name", "mapping", "counts", "graders"),
    [
        ("gsm8k_test", "", (1_319, 1_319, 0, 0), {"numeric": 1_319}),
        ("bbh", "", (6_511, 6_507, 2, 2), {"choice": 3_845, "word": 1_437, "exact": 725, "numeric": 500}),
        ("mmlu_stem", "family=type", (3_018, 3_006, 12, 0), {"choice": 3_006}),
        ("ifeval_input_data", "", (541, 541, 0, 0), {"constraints": 541}),
    ],
)
def test_public_probe_sets_load_and_plan(
    tmp_path: Path, name: str, mapping: str, counts: tuple[int, ...], graders: dict[str, int]
) -> None:
    """GSM8K, BBH, MMLU and IFEval become suites; the two rows left out contradict another."""
    source = tmp_path / f"{name}.jsonl.gz"
    source.symlink_to((DATA / source.name).resolve())
    made, probes = brought(source, parse_mapping([mapping] if mapping else []), leave_out=True)
    assert (made.rows, made.probes, made.repeated, made.left_out_rows) == counts
    assert made.graders == graders
    # A target given as the answer is right by its own grader.
    wrong = [p for p in probes if p.target and grade(p.grader, p.target[0], p.target, p.options).score != 1.0]
    assert wrong == []
