"""The suite format: what loads, what is turned away and how each mistake is told, and the content hash."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.errors import ConfigError
from harness.suites import EXAMPLE_FILES, check_suite, find_suite, load_suite, record_hash, shipped
from harness.suites.__main__ import main

HEADER = """\
format = 1
name = "mine"
version = 1
title = "Mine"
description = "A suite for tests."
licence = "CC0-1.0"
languages = ["en"]
families = ["sums", "pairs"]
topics = ["sea"]
arms = ["topic", "neutral"]

[topic_words]
sea = ["ship*", "sea"]

[parameters]
temperature = 0
max_tokens = 16

[[versions]]
version = 1
date = "2026-11-22"
note = "First."
"""
SUM = {"id": "sum", "family": "sums", "prompt": "What is 2 + 2?", "grader": "numeric", "target": "4"}
TWIN_A = {
    "id": "p1-a", "family": "pairs", "topic": "sea", "pair": "p1", "arm": "topic", "depth": 1, "template": "t",
    "prompt": "A ship has 3 sails and gets 2. How many now?", "grader": "numeric", "target": "5",
}  # fmt: skip
TWIN_B = TWIN_A | {"id": "p1-b", "arm": "neutral", "prompt": "A tent has 3 poles and gets 2. How many now?"}
FRESH = {
    "id": "fresh", "family": "sums", "template": "add", "draw": {"a": {"int": [2, 9]}, "b": {"int": [2, 9]}},
    "prompt": "Add {a} and {b}.", "grader": "numeric", "target": "{a + b}",
}  # fmt: skip
LINES = [SUM, TWIN_A, TWIN_B]


def write(folder: Path, lines: object = None, header: str | bytes = HEADER) -> Path:
    """Write a suite named `mine` into a folder: lines are objects, or the raw bytes of probes.jsonl."""
    place = folder / "mine"
    place.mkdir(exist_ok=True)
    (place / "suite.toml").write_bytes(header if isinstance(header, bytes) else header.encode())
    if not isinstance(lines, bytes):
        rows = LINES if lines is None else lines
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()  # type: ignore[attr-defined]
    (place / "probes.jsonl").write_bytes(lines)
    return place


def mistakes(folder: Path, lines: object = None, header: str | bytes = HEADER) -> list[str]:
    """Return the mistakes told about a suite."""
    with pytest.raises(ConfigError) as caught:
        load_suite(write(folder, lines, header))
    return list(caught.value.mistakes)


def test_a_suite_loads_with_its_defaults(tmp_path):
    """Header parameters, the prompt shorthand and the one-item target become a full probe."""
    suite = load_suite(write(tmp_path, [SUM | {"parameters": {"max_tokens": 8}}, TWIN_A, TWIN_B]))
    probe = suite.probes[0]
    assert [message.role for message in probe.messages] == ["user"]
    assert probe.parameters == {"temperature": 0, "max_tokens": 8}
    assert probe.target == ("4",)
    assert probe.language == "en"
    assert suite.arms == ("topic", "neutral")
    assert suite.content_hash.startswith("sha256:")
    assert check_suite(suite) == []


def test_messages_may_be_a_conversation(tmp_path):
    """System, user and assistant turns are kept in order; the last is the user's."""
    turns = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "1 + 1?"},
        {"role": "assistant", "content": "2"},
        {"role": "user", "content": "2 + 2?"},
    ]
    line = {key: value for key, value in SUM.items() if key != "prompt"} | {"messages": turns}
    assert [m.role for m in load_suite(write(tmp_path, [line, TWIN_A, TWIN_B])).probes[0].messages] == [
        "system", "user", "assistant", "user",
    ]  # fmt: skip


def without(line: dict, key: str) -> dict:
    """Return a line without one of its keys."""
    return {name: value for name, value in line.items() if name != key}


LINE_MISTAKES = [
    ([SUM | {"graeder": "x"}], "line 1: graeder: unknown key; did you mean grader?"),
    ([without(SUM, "id")], "line 1: id: is missing"),
    ([SUM | {"id": "has space"}], "line 1: id: 'has space' is not a name"),
    ([SUM | {"id": 7}], "line 1: id: must be text in quotes, got 7"),
    ([SUM, SUM | {"prompt": "Another?"}], "line 2: id: 'sum' is also on line 1"),
    ([SUM, SUM | {"id": "sum2"}], "line 2: prompt: the same text as on line 1"),
    ([without(SUM, "prompt")], "line 1: prompt: is missing"),
    ([SUM | {"prompt": "  "}], "line 1: prompt: is blank"),
    ([SUM | {"prompt": "a\x00b"}], "line 1: prompt: holds a character that cannot be sent"),
    ([SUM | {"messages": []}], "line 1: prompt: is given beside messages"),
    ([without(SUM, "prompt") | {"messages": []}], "line 1: messages: must be a list of 1 to 100 turns"),
    (
        [without(SUM, "prompt") | {"messages": [{"role": "bot", "content": "x"}]}],
        "line 1: messages[1].role: must be system, user or assistant",
    ),
    (
        [without(SUM, "prompt") | {"messages": [{"role": "assistant", "content": "x"}]}],
        "line 1: messages: must end with the user's turn",
    ),
    ([without(SUM, "prompt") | {"messages": ["hi"]}], "line 1: messages[1]: must have a role and a content"),
    ([without(SUM, "grader")], "line 1: grader: is missing"),
    ([SUM | {"grader": "magic"}], "line 1: grader: there is none named 'magic'; use one of exact, numeric"),
    ([SUM | {"target": "four"}], "line 1: target: 'four' is not a number"),
    ([SUM | {"target": 4}], "line 1: target: must be text or a list of texts, got 4; put numbers in quotes"),
    ([SUM | {"target": ["4", "4"]}], "line 1: target: has the same answer twice"),
    ([SUM | {"options": {"tolerence": 1}}], "line 1: options.tolerence: the numeric grader has no such option"),
    ([SUM | {"options": []}], "line 1: options: must be a table"),
    ([SUM | {"family": "sumz"}], "line 1: family: 'sumz' is not declared; add it to families in suite.toml"),
    ([SUM | {"topic": "land"}], "line 1: topic: 'land' is not declared"),
    ([SUM | {"language": "tlh"}], "line 1: language: 'tlh' is not declared"),
    ([SUM | {"depth": -1}], "line 1: depth: must be a whole number from 0 to 100"),
    ([SUM | {"difficulty": True}], "line 1: difficulty: must be a whole number from 1 to 100"),
    ([SUM | {"anchor": "yes"}], "line 1: anchor: must be true or false"),
    ([SUM | {"parameters": {"max_tokens": 0}}], "line 1: parameters.max_tokens: must be a whole number from 1"),
    ([SUM | {"parameters": {"temperature": 9}}], "line 1: parameters.temperature: must be a number from 0 to 2"),
    ([SUM | {"arm": "topic"}], "line 1: pair: is missing beside arm"),
    ([SUM | {"pair": "p9"}], "line 1: arm: is missing in a pair"),
    ([SUM | {"pair": "p9", "arm": "left"}], "line 1: arm: 'left' is not declared"),
    ([TWIN_A], "line 1: pair: 'p1' has no twin in arm 'neutral'; add it"),
    ([TWIN_A, TWIN_B, TWIN_B | {"id": "c", "prompt": "A tent has 4 poles and gets 1. How many now?"}],
     "line 3: pair: 'p1' already has arm 'neutral'"),
    ([TWIN_A, without(TWIN_B, "topic")], "line 2: topic: is missing in a pair"),
    ([TWIN_A, TWIN_B | {"target": "6"}], "line 2: target: ['6'], but its twin on line 1 has ['5']"),
    ([TWIN_A, TWIN_B | {"template": "u"}], "line 2: template: 'u', but its twin on line 1 has 't'"),
    ([TWIN_A, TWIN_B | {"depth": 2}], "line 2: depth: 2, but its twin on line 1 has 1"),
    ([TWIN_A, TWIN_B | {"parameters": {"max_tokens": 9}}], "line 2: parameters: not those of its twin on line 1"),
    ([TWIN_A, TWIN_B | {"prompt": "A tent has 3 poles and then it gets 2. How many are there now?"}],
     "characters, but its twin on line 1 has"),
    ([TWIN_A | {"prompt": "A boat has 3 sails and gets 2. How many now?"}, TWIN_B],
     "line 1: prompt: no word of topic 'sea' in it"),
    ([TWIN_A, TWIN_B | {"prompt": "A sea has 3 poles and gets 2. How many now?"}],
     "line 2: prompt: 'sea' is a topic word on the plain side"),
    ([TWIN_A, TWIN_B | {"prompt": "A {x} has 3 poles and gets 2. How many now?"}],
     "line 2: prompt: '{x}' looks like a placeholder left over"),
    ([SUM | {"prompt": "What is <NUMBER> + 2?"}], "line 1: prompt: '<NUMBER>' looks like a placeholder"),
    ([FRESH | {"anchor": True}], "line 1: anchor: an anchor's text is fixed"),
    ([FRESH | {"draw": {}}], "line 1: draw: has no variables"),
    ([FRESH | {"draw": {"a": {"int": [2, 9]}}}], "line 1: draw: b is used but not drawn"),
    ([FRESH | {"draw": FRESH["draw"] | {"c": {"int": [1, 2]}}}], "line 1: draw.c: is drawn but not used"),
    ([FRESH | {"draw": FRESH["draw"] | {"a": {"int": [9, 2]}}}], "line 1: draw.a.int: must go from low up"),
    ([FRESH | {"draw": FRESH["draw"] | {"a": {"int": ["1", 2]}}}], "line 1: draw.a.int: must be [low, high]"),
    ([FRESH | {"draw": FRESH["draw"] | {"a": {"pick": [1, 2]}}}], "line 1: draw.a: must be"),
    ([FRESH | {"draw": FRESH["draw"] | {"a": {"choice": ["x"]}}}], "line 1: draw.a.choice: must be at least two"),
    ([FRESH | {"draw": {"a": {"value": "b + 1"}, "b": {"int": [2, 9]}}}], "needs b, which is not drawn before it"),
    ([FRESH | {"draw": FRESH["draw"] | {"A": {"int": [2, 9]}}}], "line 1: draw.A: is not a variable name"),
    ([FRESH | {"where": "a >"}], "line 1: where: 'a >' is not an expression"),
    ([FRESH | {"where": "a > 100"}], "fresh: no draw keeps every condition"),
    ([FRESH | {"prompt": "Add {a} and {b"}], "line 1: prompt: a text has a brace that is neither part of"),
    ([FRESH | {"prompt": "Add {a} and {__import__('os')} {b}"}], "line 1: prompt: a text has"),
    ([FRESH | {"prompt": "Add {a} and {b.real}"}], "uses Attribute, which is not allowed"),
    ([SUM | {"where": "a > 1"}], "line 1: where: has nothing to hold for without draw"),
    ([SUM | {"variant": 2}], "line 1: variant: only tells draws of one template apart"),
    ([FRESH, FRESH | {"id": "f2", "prompt": "Sum {a} and {b}.", "draw": FRESH["draw"] | {"a": {"int": [2, 8]}}}],
     "line 2: draw: not the variables of line 1"),
    ([FRESH, SUM | {"template": "add", "anchor": True}], "line 2: template: not a draw of 'add' on line 1"),
    ([FRESH, SUM | {"template": "add", "prompt": "Add 2 and 99.", "target": "101"}],
     "line 2: template: not a draw of 'add' on line 1: no values in range"),
    ([FRESH, SUM | {"template": "add", "prompt": "Add 2 and 3.", "target": "6"}], "its target should be ['5']"),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "says"), LINE_MISTAKES, ids=[says[:60] for _, says in LINE_MISTAKES])
def test_mistakes_in_probes_are_told_with_line_and_field(tmp_path, lines, says):
    """Each kind of mistake names the file, the line, the field and the fix."""
    told = mistakes(tmp_path, lines)
    assert any(says in mistake for mistake in told), told
    assert all("probes.jsonl" in mistake or "suite.toml" in mistake for mistake in told)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("format = 1", "format = 9", "suite.toml: format: 9 is not a suite format this version reads (1)"),
        ("format = 1", "", "suite.toml: format: is missing; add format = 1"),
        ('name = "mine"', 'name = "yours"', "suite.toml: name: is 'yours' in a folder named 'mine'"),
        ('name = "mine"', "", "suite.toml: name: is missing"),
        ("version = 1\ntitle", 'version = "1"\ntitle', "suite.toml: version: must be a whole number"),
        ("version = 1\ntitle", "version = 2\ntitle", "suite.toml: versions: has no note on version 2"),
        ('title = "Mine"', 'titel = "Mine"', "suite.toml: titel: unknown key; did you mean title?"),
        ('licence = "CC0-1.0"', "", "suite.toml: licence: is missing"),
        ('languages = ["en"]', "", "suite.toml: languages: is missing"),
        ('languages = ["en"]', 'languages = ["English!"]', "suite.toml: languages: 'English!' is not a name"),
        ('arms = ["topic", "neutral"]', 'arms = ["topic"]', "suite.toml: arms: a pair needs at least two"),
        ('arms = ["topic", "neutral"]', 'arms = ["topic", "topic"]', "suite.toml: arms: has 'topic' twice"),
        ('sea = ["ship*", "sea"]', "sea = []", "suite.toml: topic_words.sea: needs words"),
        (
            'sea = ["ship*", "sea"]',
            'land = ["hill"]',
            "suite.toml: topic_words.land: is no topic of this suite",
        ),
        ("max_tokens = 16", "max_tokens = -1", "suite.toml: parameters.max_tokens: must be a whole number"),
        ('date = "2026-11-22"', 'date = "soon"', "suite.toml: versions[1].date: must be a day such as"),
        ('note = "First."', "", "suite.toml: versions[1].note: is missing"),
        ('note = "First."', 'note = "First."\nhash = "abc"', "suite.toml: versions[1].hash: must be sha256:"),
        ("[[versions]]", "[versions]", "suite.toml: versions: must be a list of tables"),
        ("[parameters]", "[parameters", "suite.toml: is not TOML"),
    ],
)
def test_mistakes_in_the_header_are_told_with_the_field(tmp_path, old, new, says):
    """Each kind of mistake in suite.toml is one line with its fix."""
    assert old in HEADER
    told = mistakes(tmp_path, header=HEADER.replace(old, new, 1))
    assert any(says in mistake for mistake in told), told


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "holds no probes"),
        (b"\n\n  \n", "holds no probes"),
        (b"[1]\n", "line 1: must be an object in braces, got [1]"),
        (b"{'id': 1}\n", "line 1: is not JSON"),
        (b'{"id": "a", "id": "b"}\n', "line 1: has the key 'id' twice"),
        (b'{"id": "a", "depth": NaN}\n', "line 1: holds NaN"),
        (b'\n\n{"id": "\xff"}\n', "line 3: byte 0xff is not UTF-8"),
        (b"[" * 100_000 + b"\n", "line 1: is nested too deeply"),
        (b'{"id": "a", "depth": ' + b"9" * 5_000 + b"}\n", "line 1:"),
    ],
)
def test_files_that_are_not_json_lines_are_told_with_the_line(tmp_path, data, says):
    """Broken encodings, JSON and shapes are mistakes with a line, never a traceback."""
    assert any(says in mistake for mistake in mistakes(tmp_path, data))


def test_all_mistakes_are_told_at_once(tmp_path):
    """Mistakes of header and probes come together, in order."""
    told = mistakes(
        tmp_path,
        [SUM | {"depth": "deep", "grader": "magic"}, SUM | {"id": "b", "target": "x"}, TWIN_A],
        HEADER.replace('title = "Mine"', ""),
    )
    assert [
        part in mistake for part, mistake in zip(("title", "grader", "depth", "target"), told, strict=True)
    ] == [True] * 4


def test_byte_order_marks_and_windows_line_ends_change_nothing(tmp_path):
    """The same content gives the same hash, however an editor saved it."""
    plain = load_suite(write(tmp_path))
    rows = "".join(json.dumps(row) + "\n" for row in LINES)
    saved = write(
        tmp_path,
        b"\xef\xbb\xbf" + rows.replace("\n", "\r\n").encode(),
        b"\xef\xbb\xbf" + HEADER.replace("\n", "\r\n").encode(),
    )
    assert load_suite(saved).content_hash == plain.content_hash


def test_missing_folders_and_files_are_told(tmp_path):
    """No folder, a file in its place, and missing parts each get their own line."""
    with pytest.raises(ConfigError, match="there is no such folder"):
        load_suite(tmp_path / "none")
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="is a file; a suite is a folder"):
        load_suite(tmp_path / "file")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError) as caught:
        load_suite(tmp_path / "empty")
    assert ["there is no such file" in mistake for mistake in caught.value.mistakes] == [True, True]


def test_files_beyond_the_size_limit_are_not_read(tmp_path, monkeypatch):
    """A file too large is told, not loaded."""
    monkeypatch.setattr("harness.suites.reading.PROBES_BYTES", 50)
    assert any("bytes long; keep it under 50" in mistake for mistake in mistakes(tmp_path))


def test_the_hash_covers_header_and_probes_and_not_itself(tmp_path):
    """Recording the hash does not change it; any change of content does."""
    suite = load_suite(write(tmp_path))
    recorded = record_hash(tmp_path / "mine")
    assert recorded.content_hash == suite.content_hash == recorded.recorded_hash
    assert record_hash(tmp_path / "mine").content_hash == suite.content_hash
    changed = load_suite(write(tmp_path, header=HEADER.replace("A suite", "Another suite")))
    assert changed.content_hash != suite.content_hash
    changed = load_suite(write(tmp_path, [SUM | {"prompt": "What is 2+2?"}, TWIN_A, TWIN_B]))
    assert changed.content_hash != suite.content_hash
    assert load_suite(write(tmp_path, [TWIN_A, TWIN_B, SUM])).content_hash != suite.content_hash


def test_content_changed_under_a_recorded_version_is_a_mistake(tmp_path):
    """A new text needs a new version; with one, the old hash stays as history."""
    record_hash(write(tmp_path))
    header = (tmp_path / "mine" / "suite.toml").read_text()
    changed = [SUM | {"prompt": "What is 2+2?"}, TWIN_A, TWIN_B]
    told = mistakes(tmp_path, changed, header)
    assert told == [mistake for mistake in told if "raise version to 2" in mistake]
    assert len(told) == 1
    raised = header.replace("version = 1\ntitle", "version = 2\ntitle") + (
        '\n[[versions]]\nversion = 2\ndate = "2026-11-23"\nnote = "Second."\n'
    )
    suite = record_hash(write(tmp_path, changed, raised))
    assert suite.version == 2
    assert suite.recorded_hash == suite.content_hash
    assert suite.versions[0].hash is not None


def test_declared_names_nothing_uses_are_found_by_the_checker(tmp_path):
    """check_suite tells families, topics, arms and languages without a probe."""
    suite = load_suite(
        write(tmp_path, header=HEADER.replace('["sums", "pairs"]', '["sums", "pairs", "spare"]'))
    )
    assert check_suite(suite) == [
        f"{suite.place}/suite.toml: families: no probe uses 'spare'; remove it or write one"
    ]


def test_the_example_suite_is_free_of_mistakes(tmp_path):
    """What `harness init` writes loads and passes the checker."""
    folder = tmp_path / "example"
    folder.mkdir()
    for name, text in EXAMPLE_FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    suite = load_suite(folder)
    assert check_suite(suite) == []
    assert {probe.fresh for probe in suite.probes} == {True, False}


def test_suites_are_found_by_path_beside_the_config_or_among_the_shipped(tmp_path):
    """A given path wins, then probes/<name>, then what comes with harness; else one line with the choice."""
    assert find_suite("x", tmp_path, "some/where") == tmp_path / "some" / "where"
    assert find_suite("capability-quick", tmp_path) == shipped()["capability-quick"]
    (tmp_path / "probes" / "capability-quick").mkdir(parents=True)
    assert find_suite("capability-quick", tmp_path) == tmp_path / "probes" / "capability-quick"
    with pytest.raises(ConfigError, match=r"suites\.nosuch: there is no .* \(.*capability"):
        find_suite("nosuch", tmp_path)


def test_the_authoring_command_checks_and_records(tmp_path, capsys):
    """`python -m harness.suites` prints the hash it recorded, or every mistake, with the exit code to match."""
    assert main([str(write(tmp_path))]) == 0
    assert "mine 1: 3 probes, sha256:" in capsys.readouterr().out
    assert main([str(write(tmp_path, [TWIN_A]))]) == 2
    assert "has no twin" in capsys.readouterr().err
    assert main([]) == 2
