"""Small things every part of a report is made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd

from harness.tables.words import printable


@dataclass(frozen=True, slots=True)
class Table:
    """A table as read: cells are plain text and are escaped where they are written."""

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    numeric: int = 0
    """So many columns at the end hold numbers and are set to the right."""


def listed(names: Sequence[str], limit: int) -> str:
    """Return names as a list in words, the rest counted."""
    if len(names) > limit:
        return f"{', '.join(names[:limit])} and {len(names) - limit} more"
    return ", ".join(names[:-1]) + (" and " if len(names) > 1 else "") + names[-1] if names else ""


def cells(
    part: pd.DataFrame, name: str, value: str, n: str, say: Callable[[float], str]
) -> list[tuple[str, str, str, str]]:
    """Return rows of name, n, value and interval."""
    return [
        (
            printable(row[name], 40),
            f"{int(row[n]):,}",
            say(float(row[value])),
            "–" if row["low"] != row["low"] else f"{say(float(row['low']))} to {say(float(row['high']))}",
        )
        for row in part.to_dict("records")
    ]
