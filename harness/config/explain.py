"""pydantic's errors -> our one-line mistakes."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from harness.config.fields import deeper, default_text, field_at, section_keys, type_at
from harness.config.parameters import RANGES
from harness.config.shown import SECOND, UNREADABLE, Mistake, Where, dotted, key_text, secret_name, shown

_KIND = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "dict_type": "a table",
    "mapping_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "tuple_type": "a list",
}
_KEY_FIX = "keys come only from the environment or a file: name them with key_env or key_file"
_OTHER_NAMES: Mapping[str, str] = {
    "base_url": "url", "api_base": "url", "endpoint": "url", "address": "url", "host": "url",
    "provider": "protocol", "type": "protocol", "api": "protocol",
    "model_name": "model", "name": "model",
    "retries": "limits.attempts", "max_retries": "limits.attempts", "timeout": "limits.timeout_s",
    "rpm": "limits.requests_per_minute", "tpm": "limits.tokens_per_minute",
    "every": "cron", "interval": "cron", "at": "cron", "repeat": "samples", "n": "samples", "db": "database",
    "urls": "urls_env", "url": "urls_env",
}  # fmt: skip
"""What other tools call our keys."""


def close_to(name: str, known: Iterable[str]) -> str | None:
    """Return the known name the given one was most likely meant to be."""
    names = {known_name.lower(): known_name for known_name in islice(known, 1000)}
    found = difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.6)
    return names[found[0]] if found else None


def mistakes_in(error: ValidationError) -> list[Mistake]:
    """Return a mistake for every error, except those that another check words better or has told already."""
    found = (_mistake(details) for details in error.errors(include_url=False))
    return [mistake for mistake in found if mistake is not None]


def _mistake(details: ErrorDetails) -> Mistake | None:
    kind, where, value = details["type"], details["loc"], details["input"]
    bounds: Mapping[str, Any] = details.get("ctx", {})
    if where and isinstance(where[-1], str) and where[-1].endswith(SECOND):
        return None
    if kind == "value_error":
        # A parameter that has no JSON form: checks.py names the very value.
        return None
    if kind == "extra_forbidden":
        return _unknown(where, value)
    if value == UNREADABLE:
        return None
    if kind == "missing":
        return _missing(where)
    if where and where[-1] == "[key]":
        if str(value).endswith(SECOND):
            return None
        return Mistake(where[:-1], "is not a usable name", _NAME_FIX)
    got = "" if where and secret_name(str(where[-1])) else f", got {shown(value)}"
    if kind in _KIND:
        return Mistake(where, f"must be {_KIND[kind]}{got}", _type_fix(kind, where, value))
    if kind in ("greater_than", "greater_than_equal", "less_than", "less_than_equal"):
        sign = {"greater_than": ">", "greater_than_equal": ">=", "less_than": "<", "less_than_equal": "<="}[
            kind
        ]
        (bound,) = bounds.values()
        return Mistake(where, f"must be {sign} {_number(bound)}{got}", _range_fix(kind, bound, where))
    if kind == "finite_number":
        return Mistake(where, f"must be a finite number{got}", f"write a number{_or_leave_out(where)}")
    if kind == "literal_error":
        return _not_one_of(where, value, str(bounds.get("expected", "")))
    if kind == "string_pattern_mismatch":
        return Mistake(where, f"is not a usable name{got}", _NAME_FIX)
    if kind in ("too_short", "string_too_short"):
        return _empty(where)
    if kind in ("too_long", "string_too_long"):
        return Mistake(where, f"must be at most {bounds.get('max_length')} long{got}", "shorten it")
    return Mistake(where, f"is not usable: {details['msg']}{got}", f"correct it{_or_leave_out(where)}")


_NAME_FIX = "use letters, digits, '.', '_' and '-', at most 64, a letter or digit first"


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else str(value)


def _or_leave_out(where: Where) -> str:
    """Return how leaving the key out would end, as the tail of a fix."""
    field = field_at(where)
    if field is None or field.is_required():
        return ""
    default = default_text(field)
    return (
        f", or leave it out for the default, {default}"
        if default not in (None, '""')
        else ", or leave it out"
    )


def _range_fix(kind: str, bound: float, where: Where) -> str:
    word = {
        "greater_than": "above",
        "greater_than_equal": "of at least",
        "less_than": "below",
        "less_than_equal": "of at most",
    }[kind]
    return f"use a number {word} {_number(bound)}{_or_leave_out(where)}"


def _type_fix(kind: str, where: Where, value: object) -> str:
    if kind == "string_type" and isinstance(value, bool | int | float):
        return f'write it in quotes, "{shown(value)}"'
    if (
        kind in ("int_type", "float_type")
        and isinstance(value, str)
        and value.strip().replace(".", "", 1).isdigit()
    ):
        return f"write it without quotes, {value.strip()}"
    if kind == "bool_type":
        truth = {"true": "true", "yes": "true", "on": "true", "false": "false", "no": "false", "off": "false"}
        word = truth.get(str(value).lower())
        return f"write {word}, without quotes" if word else f"write true or false{_or_leave_out(where)}"
    if kind == "tuple_type" and field_at(where) is not None and type_at((*where, 0)) is int:
        return f'write a list, [1, 2], or a range, "1-3"{_or_leave_out(where)}'
    if kind == "tuple_type":
        return f"write a list, [{shown(value)}]" if isinstance(value, str) else 'write a list, ["a", "b"]'
    if _KIND[kind] == "a table":
        if len(where) == 1 and type_at((*where, "NAME")) is not None:
            return f"write [{dotted(where)}.NAME]"
        return f"write [{dotted(where)}] and its keys below it"
    if kind == "int_from_float":
        return f"use a whole number{_or_leave_out(where)}"
    return f"write {_KIND[kind]}{_or_leave_out(where)}"


def _missing(where: Where) -> Mistake:
    if len(where) == 1:
        return Mistake(
            where, "is missing", f"add a table [{where[0]}.NAME]; `harness init` writes an example"
        )
    field = field_at(where)
    example = field.examples[0] if field is not None and field.examples else "..."
    return Mistake(where, "is missing", f'add {where[-1]} = "{example}" under [{dotted(where[:-1])}]')


def _empty(where: Where) -> Mistake:
    inside = type_at((*where, "NAME")) if len(where) == 1 else None
    if inside is not None:
        return Mistake(where, "is empty", f"add a table [{where[0]}.NAME]; `harness init` writes an example")
    if isinstance(where[-1], int) or field_at(where) is None:
        return Mistake(where, "must not be empty", "write a name")
    if type_at(where) is str:
        example = (field_at(where).examples or ["..."])[0]  # type: ignore[union-attr]
        return Mistake(
            where, 'must not be empty, got ""', f'write one, such as "{example}"{_or_leave_out(where)}'
        )
    return Mistake(
        where, "must not be an empty list", "name at least one, or leave it out to mean all of them"
    )


def _not_one_of(where: Where, value: object, expected: str) -> Mistake:
    known = [word.strip("' ") for word in expected.replace(" or ", ", ").split(",")]
    near = close_to(value, known) if isinstance(value, str) else None
    fix = f'did you mean "{near}"?' if near else "use one of them" + _or_leave_out(where)
    return Mistake(where, f"must be one of {', '.join(known)}, got {shown(value)}", fix)


def _unknown(where: Where, value: object) -> Mistake:
    *above, name = where
    section = tuple(above)
    known = section_keys(section)
    text = "is not a key of this section" if section else "is not a section"
    if isinstance(value, Mapping | list):
        text = "is not a section" if isinstance(value, Mapping) else text
    elif value != UNREADABLE and not secret_name(str(name)) and name != "key":
        text += f", got {shown(value)}"
    return Mistake(where, text, _unknown_fix(section, str(name), known))


def _unknown_fix(section: Where, name: str, known: tuple[str, ...]) -> str:
    if "key_env" in known and (secret_name(name) or name in ("key", "keys")):
        return _KEY_FIX
    if name in RANGES and "parameters" in known:
        return f"put it under [{dotted((*section, 'parameters'))}]"
    for inside, schema in deeper(section):
        if name in schema.model_fields:
            return f"put it under [{dotted(inside)}]"
    other = _OTHER_NAMES.get(name)
    if other is not None and other.split(".")[0] in known:
        return f"did you mean {other}?"
    near = close_to(name, known)
    if near is not None:
        return f"did you mean {near}?"
    for inside, schema in deeper(section):
        near = close_to(name, schema.model_fields)
        if near is not None:
            return f"did you mean {near}, under [{dotted(inside)}]?"
    return f"remove it; known here: {', '.join(key_text(key) for key in known)}"
