"""The fields of each record, read off its type: for tables with a column per field, and for the docs."""

from __future__ import annotations

import json
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from harness.dataformat.coding import as_json
from harness.dataformat.lines import LINES, Line, kind_of
from harness.dataformat.parts import Part

Shape = Literal["integer", "number", "boolean", "text", "json"]
KINDS: Mapping[str, type[Line]] = {kind_of(each): each for each in LINES}
"""Short name of a kind of record -> its type."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a record, parts of parts included."""

    path: tuple[str, ...]
    shape: Shape
    """`json` for lists, for objects of any shape, and for parts that can be missing."""
    nullable: bool
    meaning: str
    words: tuple[str, ...]
    """The vocabulary, where the field has a closed one."""

    @property
    def name(self) -> str:
        """The path with dots: the name of its column."""
        return ".".join(self.path)


@lru_cache(maxsize=32)
def fields_of(line: type[BaseModel]) -> tuple[Field, ...]:
    """Return the fields of a kind of record, in order; parts that are always there are taken apart."""
    return tuple(_walk(line, ()))


def _walk(part: type[BaseModel], path: tuple[str, ...]) -> Iterator[Field]:
    for name, info in part.model_fields.items():
        kind, nullable = _plain_type(info.annotation)
        here = (*path, name)
        if isinstance(kind, type) and issubclass(kind, Part) and not nullable:
            yield from _walk(kind, here)
            continue
        shape, words = _shape(kind)
        yield Field(here, shape, nullable, info.description or "", words)


def _plain_type(annotation: Any) -> tuple[Any, bool]:
    """Return a type without Annotated and without None, and whether None was there."""
    nullable = False
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif get_origin(annotation) in (Union, types.UnionType):
            left = [each for each in get_args(annotation) if each is not type(None)]
            nullable = nullable or len(left) < len(get_args(annotation))
            annotation = left[0]
        else:
            return annotation, nullable


def _shape(kind: Any) -> tuple[Shape, tuple[str, ...]]:
    if get_origin(kind) is Literal:
        words = get_args(kind)
        return ("text", tuple(words)) if isinstance(words[0], str) else ("integer", ())
    if isinstance(kind, type):
        if issubclass(kind, Enum):
            return "text", tuple(str(each.value) for each in kind)
        for python, shape in _SHAPES:
            if issubclass(kind, python):
                return shape, ()
    return "json", ()


_SHAPES: tuple[tuple[type, Shape], ...] = (
    (bool, "boolean"),
    (int, "integer"),
    (float, "number"),
    (str, "text"),
)

Cell = int | float | bool | str | None


def flat(line: Line) -> dict[str, Cell]:
    """Return a record as one row of a table: a cell per field, JSON text in those of shape `json`."""
    data = as_json(line)
    row: dict[str, Cell] = {}
    for field in fields_of(type(line)):
        value: Any = data
        for step in field.path:
            value = value.get(step, None if field.nullable else ())
        if field.shape == "json":
            row[field.name] = None if value is None else json.dumps(value, separators=(",", ":"))
        else:
            row[field.name] = value.value if isinstance(value, Enum) else value
    return row


def from_flat(kind: type[Line], row: Mapping[str, Cell]) -> dict[str, Any]:
    """Return the JSON data of a record from its row; `from_json` checks it.

    Raises:
        ValueError: a column is missing, or a cell that should hold JSON does not.
    """
    data: dict[str, Any] = {}
    for field in fields_of(kind):
        if field.name not in row:
            raise ValueError(f"there is no column {field.name}")
        value: Any = row[field.name]
        if field.shape == "json" and value is not None:
            try:
                value = json.loads(str(value))
            except (ValueError, RecursionError):
                raise ValueError(f"{field.name}: does not hold JSON") from None
        inner = data
        for step in field.path[:-1]:
            inner = inner.setdefault(step, {})
        inner[field.path[-1]] = value
    return data
