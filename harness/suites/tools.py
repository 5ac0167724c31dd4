"""The functions a probe offers: checked on loading, so that what is sent is what every protocol takes.

Arguments are described in the part of JSON schema that all four protocols understand: objects, arrays,
strings (with or without a list of values), whole numbers, numbers and truth values.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TypeGuard

from harness.graders import GRADERS
from harness.records import JSON, Probe, Tool
from harness.suites.mistakes import Reader, is_list, short

TOOLS_LIMIT = 64
DEPTH_LIMIT = 4
"""Most objects and lists inside one another, the arguments themselves among them."""

# What all four providers accept as a function's name.
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_KEYS: Mapping[str, tuple[str, ...]] = {
    "object": ("type", "description", "properties", "required"),
    "array": ("type", "description", "items"),
    "string": ("type", "description", "enum"),
    "integer": ("type", "description", "minimum", "maximum"),
    "number": ("type", "description", "minimum", "maximum"),
    "boolean": ("type", "description"),
}


def read_tools(reader: Reader) -> tuple[Tool, ...]:
    """Return the functions that a probe's line offers; everything wrong with them is recorded."""
    value = reader.raw.get("tools", [])
    if not is_list(value) or len(value) > TOOLS_LIMIT or ("tools" in reader.raw and not value):
        reader.wrong("tools", f"must be a list of 1 to {TOOLS_LIMIT} functions, got {short(value)}")
        return ()
    found: list[Tool] = []
    for number, item in enumerate(value, start=1):
        if not isinstance(item, Mapping):
            reader.wrong(
                f"tools[{number}]", f"must have a name, a description and parameters, got {short(item)}"
            )
            continue
        inner = Reader(reader.mistakes, reader.place, item, f"tools[{number}].")
        inner.only(("name", "description", "parameters"))
        name = inner.text("name", required=True, limit=64)
        if name is not None and not _NAME.fullmatch(name):
            inner.wrong("name", f"{short(name)} is not a function's name; use letters, digits, _ and -")
        elif name is not None and any(each.name == name for each in found):
            inner.wrong("name", f"{short(name)} is offered twice; rename one")
        description = inner.text("description", required=True, limit=2_000)
        parameters = inner.table("parameters")
        if "parameters" not in item:
            inner.wrong("parameters", 'is missing; add {"type": "object", "properties": {...}}')
        elif isinstance(item["parameters"], Mapping):
            if parameters.get("type") != "object":
                inner.wrong("parameters.type", 'must be "object": arguments have names')
            else:
                _check_schema(inner, parameters, "parameters", 1)
        found.append(Tool(name or "", description or "", parameters))
    return tuple(found)


def _check_schema(reader: Reader, schema: Mapping[str, JSON], place: str, depth: int) -> None:
    """Record everything in a description of arguments that some protocol would not take."""
    kind = schema.get("type")
    if not isinstance(kind, str) or kind not in _KEYS:
        reader.wrong(f"{place}.type", f"must be one of {', '.join(_KEYS)}, got {short(kind)}")
        return
    inner = Reader(reader.mistakes, reader.place, schema, f"{reader.prefix}{place}.")
    inner.only(_KEYS[kind])
    if depth > DEPTH_LIMIT:
        reader.wrong(place, f"is nested more than {DEPTH_LIMIT} deep; flatten it")
        return
    inner.text("description", limit=2_000)
    if kind == "object":
        properties = inner.table("properties")
        for name, value in properties.items():
            if isinstance(value, Mapping):
                _check_schema(inner, value, f"properties.{name}", depth + 1)
            else:
                inner.wrong(f"properties.{name}", f"must be a table with a type, got {short(value)}")
        for name in inner.texts("required") or ():
            if name not in properties:
                inner.wrong("required", f"{short(name)} is no property; add it to properties or remove it")
    elif kind == "array":
        items = schema.get("items")
        if isinstance(items, Mapping):
            _check_schema(inner, items, "items", depth + 1)
        else:
            inner.wrong("items", "is missing; say what the list holds, such as " + '{"type": "string"}')
    elif kind == "string":
        inner.texts("enum")
    else:
        for bound in ("minimum", "maximum"):
            if bound in schema and not _is_number(schema[bound]):
                inner.wrong(bound, f"must be a number, got {short(schema[bound])}")


def _is_number(value: JSON) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_of_type(value: JSON, kind: JSON) -> bool:
    if kind == "object":
        return isinstance(value, Mapping)
    if kind == "array":
        return is_list(value)
    if kind == "string":
        return isinstance(value, str)
    if kind == "boolean":
        return isinstance(value, bool)
    if not _is_number(value):
        return False
    return kind == "number" or isinstance(value, int) or value.is_integer()


def misfit(value: JSON, schema: Mapping[str, JSON], place: str = "arguments") -> str | None:
    """Say where a value is not what a schema of the checked kind describes; None when it fits."""
    kind = schema.get("type")
    if not _is_of_type(value, kind):
        return f"{place} must be of type {kind}, got {short(value)}"
    if isinstance(value, Mapping):
        return _misfit_of_object(value, schema, place)
    if is_list(value):
        items = schema.get("items")
        found = (
            misfit(item, items, f"{place}[{number}]")
            for number, item in enumerate(value, start=1)
            if isinstance(items, Mapping)
        )
        return next((wrong for wrong in found if wrong is not None), None)
    values = schema.get("enum")
    if is_list(values) and value not in values:
        return f"{place} must be one of {', '.join(map(str, values))}, got {short(value)}"
    if _is_number(value):
        low, high = schema.get("minimum", value), schema.get("maximum", value)
        if (_is_number(low) and value < low) or (_is_number(high) and value > high):
            return f"{place} must be from {low} to {high}, got {value}"
    return None


def _misfit_of_object(value: Mapping[str, JSON], schema: Mapping[str, JSON], place: str) -> str | None:
    properties, required = schema.get("properties"), schema.get("required")
    for name in required if is_list(required) else ():
        if name not in value:
            return f"{place} lacks {short(name)}"
    for name, item in value.items():
        inner = properties.get(name) if isinstance(properties, Mapping) else None
        if not isinstance(inner, Mapping):
            return f"{place} has {short(name)}, which the function does not take"
        wrong = misfit(item, inner, f"{place}.{name}")
        if wrong is not None:
            return wrong
    return None


def call_mistakes(probe: Probe) -> list[str]:
    """Return what is wrong between a probe's functions and the calls it expects, each as `field: trouble; fix`."""
    if not GRADERS[probe.grader].reads_calls:
        return []
    if not probe.tools:
        return [f"tools: is missing; the {probe.grader} grader needs functions to choose from"]
    offered = {tool.name: tool for tool in probe.tools}
    mistakes = []
    for target in probe.target:
        try:
            call = json.loads(target)
            tool, arguments = offered.get(call["name"]), call["arguments"]
        except (ValueError, KeyError, TypeError, RecursionError):
            continue  # the grader's own check has said so
        if tool is None:
            mistakes.append(
                f"target: calls {short(call['name'])}, which is not offered; use one of {', '.join(offered)}"
            )
            continue
        wrong = misfit(arguments, tool.parameters)
        if wrong is not None:
            mistakes.append(f"target: {wrong}; make the call fit {tool.name}")
    return mistakes
