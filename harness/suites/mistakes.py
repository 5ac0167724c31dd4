"""Gathering every mistake in a suite's files, each as one line that names place, field, trouble and fix."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import TypeGuard

from harness.graders.base import short
from harness.records import JSON

__all__ = ["Mistakes", "Reader", "short"]


class Mistakes:
    """All mistakes found so far, in the order found."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def add(self, place: str, message: str) -> None:
        """Record one mistake: `place` is the file, with the line where there is one."""
        self.lines.append(f"{place}: {message}")

    def __bool__(self) -> bool:
        return bool(self.lines)


class Reader:
    """Reads the fields of one JSON or TOML object, recording what is wrong instead of raising."""

    def __init__(self, mistakes: Mistakes, place: str, raw: Mapping[str, JSON], prefix: str = "") -> None:
        self.mistakes = mistakes
        self.place = place
        self.raw = raw
        self.prefix = prefix

    def wrong(self, key: str, message: str) -> None:
        """Record a mistake in one field."""
        self.mistakes.add(self.place, f"{self.prefix}{key}: {message}")

    def only(self, known: Iterable[str]) -> None:
        """Record every key that is not among the known ones."""
        names = list(known)
        for key in self.raw:
            if key not in names:
                near = difflib.get_close_matches(key, names, n=1)
                fix = f"did you mean {near[0]}?" if near else f"remove it; known are {', '.join(names)}"
                self.wrong(short(key)[1:-1], f"unknown key; {fix}")

    def _typed(self, key: str, right: bool, wanted: str) -> bool:
        if not right:
            self.wrong(key, f"must be {wanted}, got {short(self.raw[key])}")
        return right

    def text(self, key: str, *, required: bool = False, limit: int = 200_000) -> str | None:
        """Return a field that is a text with something in it."""
        value = self.raw.get(key)
        if value is None and key not in self.raw:
            if required:
                self.wrong(key, "is missing; add it")
            return None
        if not isinstance(value, str):
            self._typed(key, False, "text in quotes")
            return None
        if not value.strip():
            self.wrong(key, "is blank; write something or remove it")
            return None
        if len(value) > limit:
            self.wrong(key, f"is {len(value):,} characters long; keep it under {limit:,}")
            return None
        if not sound(value):
            self.wrong(key, "holds a character that cannot be sent (half a surrogate pair or NUL); remove it")
            return None
        return value

    def whole(self, key: str, low: int, high: int) -> int | None:
        """Return a field that is a whole number in a range."""
        value = self.raw.get(key)
        if key not in self.raw:
            return None
        right = isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
        if not self._typed(key, right, f"a whole number from {low} to {high:,}"):
            return None
        return value if isinstance(value, int) else None

    def flag(self, key: str) -> bool:
        """Return a field that is true or false; false when it is not given."""
        value = self.raw.get(key, False)
        return self._typed(key, isinstance(value, bool), "true or false") and value is True

    def texts(self, key: str) -> tuple[str, ...] | None:
        """Return a field that is a list of different texts; None when it is not given or wrong."""
        if key not in self.raw:
            return None
        value = self.raw[key]
        if not is_list(value) or not all(isinstance(item, str) and item.strip() for item in value):
            self._typed(key, False, 'a list of texts, such as ["one", "two"]')
            return None
        items = tuple(item for item in value if isinstance(item, str))
        repeated = sorted({item for item in items if items.count(item) > 1}) if len(items) < 1_000 else []
        if repeated:
            self.wrong(key, f"has {short(repeated[0])} twice; keep one")
        return items

    def table(self, key: str) -> Mapping[str, JSON]:
        """Return a field that is an object; empty when it is not given or wrong."""
        value = self.raw.get(key, {})
        if isinstance(value, Mapping):
            return value
        self._typed(key, False, "a table of names and values")
        return {}


def is_list(value: JSON) -> TypeGuard[list[JSON]]:
    """Say whether a JSON value is a list."""
    return isinstance(value, list)


def sound(text: str) -> bool:
    """Say whether a text can be encoded and sent: no lone surrogates, no NUL."""
    if text.isascii():
        return "\0" not in text
    return "\0" not in text and not any("\ud800" <= each <= "\udfff" for each in text)
