"""docs/data-format.md and its JSON Schema are true."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import jsonschema
import pytest

from harness import dataformat
from harness.claims import Finding, Kind, StreamKey, Tier, Verdict
from harness.dataformat.fields import KINDS, fields_of
from harness.interchange import Choice, page, records
from harness.records import Failure, Outcome
from harness.store import Store
from tests.store_examples import fill

DOCS = Path(__file__).parent.parent / "docs"
TEXT = (DOCS / "data-format.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    schema = json.loads((DOCS / page.SCHEMA_FILE).read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_every_field_and_word_is_on_the_page() -> None:
    """Each field of each record has a line with a meaning; each outcome and failure has one too."""
    for kind in KINDS.values():
        assert dataformat.format_of(kind) in TEXT
        for field in fields_of(kind):
            assert f"| `{field.name}` | " in TEXT
            assert field.meaning, field.name
    for word in (*Outcome, *Failure):
        assert f"| `{word.value}` | " in TEXT


def test_units_are_named_where_they_belong() -> None:
    """A field whose name ends in a unit says so in words."""
    for kind in KINDS.values():
        for field in fields_of(kind):
            for suffix, words in (("_us", "microseconds"), ("_ms", "milliseconds"), ("_usd", "US dollars")):
                if field.path[-1].endswith(suffix):
                    assert words in field.meaning, field.name


def test_the_worked_example_is_as_it_says(validator: jsonschema.Draft202012Validator) -> None:
    """Its records are valid, the hash is that of the bytes shown, and the observation names it."""
    shown = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)]
    assert [each["format"].split(".")[2] for each in shown] == ["probe/1", "exchange/1", "observation/1"]
    for data in shown:
        validator.validate(data)
        dataformat.from_json(data)
    hashed = re.findall(r"```text\n(.*?)\n```", TEXT, re.DOTALL)[-1]
    assert hashlib.sha256(hashed.encode()).hexdigest() == shown[1]["hash"] == shown[2]["exchange"]
    line = dataformat.from_json(shown[1])
    assert isinstance(line, dataformat.ExchangeLine)
    assert dataformat.check(line) is None


def test_what_is_exported_fits_the_schema(tmp_path: Path, validator: jsonschema.Draft202012Validator) -> None:
    """Every record of a database, and a finding, is valid; altered ones are not."""
    fill(tmp_path / "t.db", runs=2)
    with Store.open(tmp_path / "t.db", mode="read") as store:
        lines = list(records(store, Choice()))
    claim = Finding(
        "f", Kind.ACCESS, Tier.PERSISTENT, Verdict.CHANGE, StreamKey("e", "s", "denied"), "Gone.", 1, 1, 1
    )
    lines.append(dataformat.finding_line(claim))
    lines.append(
        dataformat.JudgementLine(
            run=1, exchange="ab" * 32, number=1, judge_run=2, judge_exchange="cd" * 32, judged_us=1
        )
    )
    assert {dataformat.kind_of(type(line)) for line in lines} == set(KINDS)
    for line in {type(line): line for line in lines}.values():
        data = json.loads(dataformat.encode(line))
        validator.validate(data)
        for wrong in (
            data | {"surplus": 1},
            data | {"format": "harness.record.other/1"},
            {"format": data["format"]},
        ):
            with pytest.raises(jsonschema.ValidationError):
                validator.validate(wrong)
