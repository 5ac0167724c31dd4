"""The json_schema grader: which document counts, what a schema may say, and hostile documents."""

from __future__ import annotations

import json
import socket

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.graders import GRADERS, grade
from harness.graders.json_schema import read

ANY = {"schema": {}}
LIST = {"schema": {"type": "array", "items": {"type": "integer"}, "uniqueItems": True}}


@pytest.mark.parametrize(
    ("text", "document"),
    [
        ("null", None),
        ('"word"', "word"),
        ("  [1]  ", [1]),
        ("```\n{}\n```", {}),
        ("First ```json\n[1]\n``` or rather\n```json\n[2]\n```", [2]),
        ("```python\nprint(1)\n```\n```json\n[2]\n```", [2]),
        ('As in [1], it is {"a": [1, 2]}.', {"a": [1, 2]}),
        ("{not json} but {}", {}),
    ],
)
def test_the_document_is_found_by_the_documented_rule(text, document):
    """Whole answer, else the last readable block, else the longest object or list in prose."""
    assert read(text) == (document,)


@pytest.mark.parametrize(
    "text", ["Sorry.", "{", '{"a": NaN}', "[1e999]", "{'a': 1}", "{'a': 1,}", "9" * 10_000]
)
def test_what_is_not_json_is_unparsed(text):
    """Python's own extensions of JSON, and numbers no reader can hold, are not JSON."""
    assert grade("json_schema", text, (), ANY).score is None


def test_a_wrong_document_says_where():
    """A grade of 0 for a shape names the place and what is wrong there."""
    found = grade("json_schema", '[1, "x"]', (), LIST)
    assert found.score == 0.0
    assert found.answer.startswith("/1: ")
    assert "not of type 'integer'" in found.answer


def test_true_is_not_one():
    """Targets compare as JSON values."""
    assert grade("json_schema", "[1]", ("[true]",), ANY).score == 0.0
    assert grade("json_schema", "[1.0]", ("[1]",), ANY).score == 1.0


TREE = {
    "schema": {
        "$defs": {"node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}},
        "$ref": "#/$defs/node",
    }
}
BRANCHING = {
    "schema": {
        "anyOf": [
            {"type": "array", "items": {"$ref": "#"}, "minItems": 1},
            {"type": "array", "items": {"$ref": "#"}, "minItems": 1},
        ]
    }
}
ENDLESS = {"schema": {"$ref": "#"}}


def test_references_inside_the_schema_are_resolved():
    """A recursive shape is checked at every level."""
    assert GRADERS["json_schema"].check((), TREE) == []
    assert grade("json_schema", '{"next": {"next": {}}}', (), TREE).score == 1.0
    assert grade("json_schema", '{"next": {"next": 1}}', (), TREE).score == 0.0


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("[" * 30 + "]" * 30, BRANCHING),
        ("[1]", ENDLESS),
        ("[" * 500 + "]" * 500, ANY),
        (json.dumps(list(range(50_000)))[:99_000].rsplit(",", 1)[0] + "]", LIST),
        (json.dumps([{"a": {}}] * 900), {"schema": {"uniqueItems": True}}),
        (json.dumps([[number] for number in range(990)] + [0]), {"schema": {"uniqueItems": True, "maxItems": 5}}),
        (json.dumps({str(number): "x" * 90 for number in range(900)}), {"schema": {"maxProperties": 2}}),
        (json.dumps("a" * 50_000 + "!"), {"schema": {"pattern": r"^\w+\d$"}}),
    ],
)  # fmt: skip
def test_hostile_documents_end_in_nought_with_bounded_work(text, options):
    """Branching, endless, deep, long and slow checks are given up: no document satisfies by being too big."""
    assert grade("json_schema", text, (), options).score == 0.0


@settings(max_examples=100, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
        max_leaves=15,
    ),
    st.sampled_from(["{}", "```json\n{}\n```", "```\n{}\n```"]),
)  # fmt: skip
def test_any_document_is_read_back_from_any_dress(document, dress):
    """What was written is what is read, bare or fenced."""
    text = json.dumps(document)
    if "```" not in text:
        assert grade("json_schema", dress.replace("{}", text), (text,), ANY).score == 1.0


@pytest.mark.parametrize(
    ("options", "target", "says"),
    [
        ({}, (), "options.schema: the json_schema grader needs a schema"),
        ({"schema": 3}, (), "options.schema: must be an object"),
        ({"schema": {"type": "thing"}}, (), "is no JSON schema"),
        ({"schema": {"$ref": "https://example.com/x.json"}}, (), "points outside"),
        ({"schema": {"items": {"$ref": "file:///etc/passwd"}}}, (), "points outside"),
        ({"schema": {"$ref": "#/$defs/none"}}, (), "leads nowhere"),
        ({"schema": {"$id": "https://example.com/", "$ref": "#"}}, (), "$id is not supported"),
        ({"schema": {"patternProperties": {"(a+)+$": {}}}}, (), "patternProperties is not supported"),
        ({"schema": {"pattern": "(a+)+$"}}, (), "open-ended repeat inside another"),
        ({"schema": {"$schema": "http://json-schema.org/draft-04/schema#"}}, (), "is not of the dialect"),
        ({"schema": {"type": "object"}}, ("[1]",), "does not satisfy options.schema"),
        ({"schema": {"type": "object"}}, ("{",), "is not JSON"),
    ],
)
def test_schemas_are_checked_at_load(options, target, says):
    """A schema that cannot be used, or would reach outside, is told before anything is sent."""
    mistakes = GRADERS["json_schema"].check(target, options)
    assert mistakes
    assert says in mistakes[0]


def test_no_reference_is_ever_fetched(monkeypatch):
    """Even a schema that never passed its check opens no connection and no file."""

    def never(*_args, **_kwargs):
        raise AssertionError("something was opened")

    monkeypatch.setattr(socket, "socket", never)
    monkeypatch.setattr(socket, "create_connection", never)
    for reference in (
        "https://example.com/x.json",
        "file:///etc/passwd",
        "http://127.0.0.1:9/x.json#/a",
    ):
        assert grade("json_schema", "{}", (), {"schema": {"$ref": reference}}).score == 0.0
