"""Mappings that cannot be changed by accident, so that a Config is frozen all the way down."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, NoReturn, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class FrozenDict(dict[K, V]):
    """A dict that refuses every change and can be hashed.

    It stays a `dict` so that `json.dumps`, `|` and pydantic treat it as one; `|` gives a new, ordinary dict.
    """

    __slots__ = ()

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("a loaded config cannot be changed; make a changed copy with model_copy(update=...)")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))

    def __copy__(self) -> FrozenDict[K, V]:
        return self

    def __deepcopy__(self, memo: object) -> FrozenDict[K, V]:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return (FrozenDict, (dict(self),))


def freeze(value: Any) -> Any:
    """Return the same JSON-like value with lists as tuples and mappings as FrozenDicts, all the way down."""
    if isinstance(value, Mapping):
        return FrozenDict({key: freeze(item) for key, item in value.items()})
    if isinstance(value, list | tuple):
        return tuple(freeze(item) for item in value)
    return value


def freeze_json(value: Any) -> Any:
    """Freeze a value that has to go into a request body.

    Raises:
        ValueError: part of it has no JSON form (a date, NaN, an infinity, a key that is no string).
    """
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, Mapping):
            pending.extend(item.values())
            pending.extend(key if isinstance(key, str) else object() for key in item)
        elif isinstance(item, list | tuple):
            pending.extend(item)
        elif not json_leaf(item):
            raise ValueError(f"{item!r} cannot be sent as JSON")
    return freeze(value)


_RANGE = re.compile(r"\s*(\d{1,4})\s*-\s*(\d{1,4})\s*")


def numbers_in(value: Any) -> Any:
    """Return the whole numbers a text such as "2-4" stands for; anything else as it is, for the schema to judge."""
    found = _RANGE.fullmatch(value) if isinstance(value, str) else None
    if found is None or int(found[1]) > int(found[2]):
        return value
    return tuple(range(int(found[1]), int(found[2]) + 1))


def json_leaf(value: object) -> bool:
    """Say whether a value that is neither table nor list can stand in a JSON text."""
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, str | int)
