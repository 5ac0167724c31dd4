"""How the columns of a table are read as a log: `--map` texts and mapping files in TOML."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.errors import ConfigError, UsageError
from harness.graders import GRADERS, judge
from harness.graders.base import short
from harness.records import JSON

FIELDS: Mapping[str, str] = {
    "model": "the model asked; every row has one",
    "endpoint": "the name it goes by; by default made of the model's",
    "prompt": "the question: text, or a list of messages with role and content",
    "system": "a system message before the question",
    "answer": "what came back",
    "target": "the right answer, or a list of accepted ones",
    "at": "when it was asked; ISO 8601, or as `format` says",
    "score": "the log's own score, 0 to 1",
    "outcome": "the log's own outcome, in our words",
    "probe": "an id of the question; by default made of its text",
    "suite": "the name of the suite",
    "family": "skill or theme",
    "topic": "topic",
    "language": "language code",
    "arm": "side of a matched pair",
    "pair": "shared by the twins of a pair",
    "kind": "task kind",
    "finish_reason": "why the answer ended, in the provider's word",
    "served_model": "the model that says it answered",
    "input_tokens": "tokens in",
    "output_tokens": "tokens out",
    "latency_s": "seconds until the answer was there",
    "cost_usd": "US dollars",
    "error": "what went wrong, where something did",
}
"""What a column can be mapped to, with its meaning."""
OUTCOMES = (
    "answered", "unparsed", "refused", "refused partial", "refused provider", "cut", "empty", "truncated", "denied",
    "failed",
)  # fmt: skip
"""Words that `outcome` is mapped to."""
_KEYS = {"suite", "title", "description", "licence", "grader", "options", "runs", "fields", "parameters"}
_FIELD_KEYS = {"column", "value", "values", "pattern", "format"}


@dataclass(frozen=True, slots=True)
class Column:
    """Where one field comes from."""

    columns: tuple[str, ...] = ()
    """One column, or several joined with a hyphen."""
    value: str | None = None
    """The same for all rows, instead of a column."""
    values: Mapping[str, str] | None = None
    """What each of the column's texts stands for; a text that is not among them is a mistake."""
    pattern: str | None = None
    """1 where it is found in the column's text, 0 where not."""
    format: str | None = None
    """For `at`: `unix` (seconds), `unix_ms`, or a format such as `%m/%d/%Y, %H:%M:%S`, in UTC."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """A whole mapping."""

    fields: Mapping[str, Column]
    suite: str | None = None
    title: str | None = None
    description: str = ""
    licence: str | None = None
    grader: str | None = None
    options: Mapping[str, JSON] = field(default_factory=dict)
    runs: tuple[str, ...] = ("model",)
    """Fields whose values make a run of their own; `day` is the UTC day of `at`."""
    parameters: Mapping[str, JSON] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the mapping as JSON data, for the origin."""
        fields = {
            name: {
                key: list(value)
                if isinstance(value, tuple)
                else dict(value)
                if isinstance(value, Mapping)
                else value
                for key in Column.__slots__
                if (value := getattr(column, key)) not in (None, ())
            }
            for name, column in self.fields.items()
        }
        return {
            "fields": fields,
            "suite": self.suite,
            "grader": self.grader,
            "options": dict(self.options),
            "runs": list(self.runs),
        }


def parse_map(given: Sequence[str]) -> dict[str, Column]:
    """Return the columns of `--map` texts such as `model=engine,prompt=question`.

    Raises:
        UsageError: one of them is no such pair.
    """
    found: dict[str, Column] = {}
    for pair in (part.strip() for text in given for part in text.split(",")):
        name, sign, column = (part.strip() for part in pair.partition("="))
        if not sign or not column:
            raise UsageError(f"--map {short(pair)}: must be FIELD=COLUMN, such as prompt=question")
        if name not in FIELDS:
            raise UsageError(f"--map {short(pair)}: there is no field {short(name)}; use {', '.join(FIELDS)}")
        if name in found:
            raise UsageError(f"--map {name}: given twice; keep one")
        found[name] = Column(tuple(column.split("+")))
    return found


def load_mapping(path: Path) -> Mapped:
    """Read a mapping file.

    Raises:
        ConfigError: with every mistake in it, by file and key.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such mapping file") from None
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: cannot be read as TOML: {error}") from None
    mistakes: list[str] = []

    def text(name: str) -> str | None:
        value = data.get(name)
        if value is not None and (not isinstance(value, str) or not value.strip() or len(value) > 2_000):
            mistakes.append(f"{path}: {name}: must be a text, got {short(value)}")
            return None
        return value

    mistakes += [
        f"{path}: {name}: there is no such key; use {', '.join(sorted(_KEYS))}"
        for name in sorted(set(data) - _KEYS)
    ]
    tables = data.get("fields")
    fields: dict[str, Column] = {}
    if not isinstance(tables, dict) or not tables:
        mistakes.append(f"{path}: fields: must be a table of fields and their columns")
    else:
        for name, table in tables.items():
            fields |= _field(f"{path}: fields.{name}", name, table, mistakes)
    runs = data.get("runs", ["model"])
    if not isinstance(runs, list) or not all(each in (*FIELDS, "day") for each in runs):
        mistakes.append(f"{path}: runs: must be a list of fields, or `day`, got {short(runs)}")
        runs = ["model"]
    grader = text("grader")
    if grader is not None and (grader not in GRADERS or grader == judge.NAME):
        mistakes.append(
            f"{path}: grader: there is none named {short(grader)}; use one of {', '.join(GRADERS)}"
        )
    mistakes += [
        f"{path}: {name}: must be a table, got {short(data[name])}"
        for name in ("options", "parameters")
        if not isinstance(data.get(name, {}), dict)
    ]
    made = Mapped(
        fields, text("suite"), text("title"), text("description") or "", text("licence"), grader,
        data.get("options", {}), tuple(runs), data.get("parameters", {}),
    )  # fmt: skip
    if mistakes:
        raise ConfigError(mistakes)
    return made


def _field(place: str, name: str, table: object, mistakes: list[str]) -> dict[str, Column]:
    before = len(mistakes)
    if name not in FIELDS:
        mistakes.append(f"{place}: there is no such field; use {', '.join(FIELDS)}")
    if isinstance(table, str | list):
        table = {"column": table}
    if not isinstance(table, dict):
        mistakes.append(f"{place}: must be a column's name, several, or a table, got {short(table)}")
        return {}
    mistakes += [
        f"{place}.{key}: there is no such key; use {', '.join(sorted(_FIELD_KEYS))}"
        for key in sorted(set(table) - _FIELD_KEYS)
    ]
    columns = table.get("column", [])
    columns = [columns] if isinstance(columns, str) else columns
    value, values = table.get("value"), table.get("values")
    pattern, form = table.get("pattern"), table.get("format")
    if not isinstance(columns, list) or not all(isinstance(each, str) for each in columns):
        mistakes.append(f"{place}.column: must be a column's name, or a list of them")
        columns = []
    if bool(columns) == (value is not None):
        mistakes.append(f"{place}: needs either a column or a value")
    for key, each in (("value", value), ("pattern", pattern), ("format", form)):
        if each is not None and not isinstance(each, str):
            mistakes.append(f"{place}.{key}: must be a text, got {short(each)}")
    if values is not None and not (
        isinstance(values, dict) and values and all(isinstance(each, str) for each in values.values())
    ):
        mistakes.append(f"{place}.values: must be a table of texts")
    if isinstance(pattern, str):
        problems = GRADERS["regex"].check((pattern,), {"ignore_case": True})
        if name != "score":
            problems = ["only a score can be found by a pattern"]
        mistakes += [f"{place}.pattern: {problem}" for problem in problems]
    if form is not None and name != "at":
        mistakes.append(f"{place}.format: only `at` has a format")
    if name == "outcome" and isinstance(values, dict):
        mistakes += [
            f"{place}.values.{key}: {short(each)} is no outcome; use one of {', '.join(OUTCOMES)}"
            for key, each in values.items()
            if each not in OUTCOMES
        ]
    if len(mistakes) > before:
        return {}
    return {name: Column(tuple(columns), value, values, pattern, form)}
