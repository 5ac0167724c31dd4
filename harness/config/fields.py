"""The schema, looked up by place in the file: which section, which field, which default."""

from __future__ import annotations

import json
import types
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, TypeGuard, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from harness.config.schema import Config, Section
from harness.config.shown import Where


def bare(annotation: Any) -> Any:
    """Strip `Annotated` and `| None` from a type."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif get_origin(annotation) in (Union, types.UnionType):
            (annotation,) = (arm for arm in get_args(annotation) if arm is not type(None))
        else:
            return annotation


def is_section(annotation: Any) -> TypeGuard[type[Section]]:
    """Say whether a type is a section of the schema."""
    return isinstance(annotation, type) and issubclass(annotation, Section)


def named_section(annotation: Any) -> type[Section] | None:
    """Return the section that a table of named sections holds, or None for another type."""
    if get_origin(annotation) in (Mapping, dict):
        value = bare(get_args(annotation)[1])
        if is_section(value):
            return value
    return None


def type_at(where: Where) -> Any:
    """Return the type the schema expects at a place, or None when it knows no such place."""
    found: Any = Config
    for part in where:
        if is_section(found):
            field = found.model_fields.get(str(part))
            found = bare(field.annotation) if field is not None else None
        elif get_origin(found) in (Mapping, dict):
            found = bare(get_args(found)[1])
        elif get_origin(found) is tuple:
            found = bare(get_args(found)[0])
        else:
            return None
    return found


def field_at(where: Where) -> FieldInfo | None:
    """Return the field at a place; None for a named section, a list item or an unknown key."""
    section = type_at(where[:-1]) if where else None
    return section.model_fields.get(str(where[-1])) if is_section(section) else None


def section_keys(where: Where) -> tuple[str, ...]:
    """Return the keys the section at a place may have."""
    section = type_at(where)
    return tuple(section.model_fields) if is_section(section) else ()


def deeper(where: Where) -> Iterator[tuple[Where, type[Section]]]:
    """Yield the plain (not named) sections inside the one at a place."""
    for name in section_keys(where):
        inside = type_at((*where, name))
        if is_section(inside):
            yield (*where, name), inside


def default_text(field: FieldInfo) -> str | None:
    """Return a field's default as it would stand in the file; None when that is nothing."""
    default = field.get_default(call_default_factory=True, validated_data={})
    if field.is_required() or default is None or isinstance(default, Section | Mapping):
        return None
    if isinstance(default, float) and default.is_integer():
        default = int(default)
    return json.dumps(list(default) if isinstance(default, tuple) else default)
