"""Records to JSON text and back: strict, with errors that name the field."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from harness.dataformat.hashes import plain_probe
from harness.dataformat.lines import LINES, Line, format_of
from harness.dataformat.questions import ProbeLine

_BY_FORMAT: Mapping[str, type[Line]] = {format_of(each): each for each in LINES}
_MISTAKES = 3


def as_json(line: Line) -> dict[str, Any]:
    """Return a record as JSON data."""
    if isinstance(line, ProbeLine):
        return line.model_dump(exclude={"probe"}) | {"probe": plain_probe(line.probe)}
    return line.model_dump(mode="python")


def encode(line: Line) -> str:
    """Return a record as one line of ASCII JSON, without the line feed.

    ASCII, because a reply can hold lone surrogates, which JSON can escape but UTF-8 cannot carry.
    """
    return json.dumps(as_json(line), separators=(",", ":"), allow_nan=False)


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number in JSON")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        repeated = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the field {repeated[:60]!r} is there twice")
    return found


_DECODER = json.JSONDecoder(parse_constant=_constant, object_pairs_hook=_once)


def decode(text: str) -> Line:
    """Return the record in a line of JSON.

    Raises:
        ValueError: it is not JSON, not a record of ours, or a field of it is wrong; the message names the field.
    """
    try:
        data = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"is not JSON: {error.msg} at column {error.colno}") from None
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    return from_json(data)


def from_json(data: object) -> Line:
    """Return the record in JSON data.

    Raises:
        ValueError: it is not a record of ours, or a field of it is wrong; the message names the field.
    """
    name = data.get("format") if isinstance(data, Mapping) else None
    kind = _BY_FORMAT.get(name) if isinstance(name, str) else None
    if kind is None:
        known = ", ".join(_BY_FORMAT)
        raise ValueError(f"`format` is {str(name)[:60]!r}, not one that this version reads ({known})")
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        raise ValueError(_words(error)) from None
    except RecursionError:
        raise ValueError("is nested too deeply") from None


def _words(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    shown = [
        f"{'.'.join(str(part) for part in each['loc']) or 'record'}: {each['msg'].removeprefix('Value error, ')}"
        for each in found[:_MISTAKES]
    ]
    more = f"; and {len(found) - _MISTAKES} more" if len(found) > _MISTAKES else ""
    return "; ".join(shown) + more
