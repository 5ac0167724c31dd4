"""The schema in words, for docs/database.md: made from the comments that SQLite keeps with each table."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from dataclasses import dataclass

_TABLE = re.compile(r"CREATE (?:TABLE|VIEW) (\w+) (?:\(|AS) -- (.+)")
_COLUMN = re.compile(r"  (\w+) (.+?),? -- (.+)")
_KEY = re.compile(r"  PRIMARY KEY \((.+)\)")


@dataclass(frozen=True, slots=True)
class Column:
    """One column as its comment describes it."""

    name: str
    type: str
    """Type and constraints, as in the schema."""
    meaning: str


@dataclass(frozen=True, slots=True)
class Table:
    """One table or view as its comments describe it."""

    name: str
    meaning: str
    key: str
    """Columns of the primary key."""
    columns: tuple[Column, ...]
    """Empty for a view."""


def tables() -> list[Table]:
    """Return all tables and views of the newest schema, in the order of their making."""
    from sqlite_utils import Database

    from harness.store.migrations import MIGRATIONS

    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        MIGRATIONS.apply(Database(connection, execute_plugins=False))
        texts = [
            text
            for (text,) in connection.execute(
                "SELECT sql FROM sqlite_master WHERE type IN ('table', 'view') AND sql LIKE '% -- %' ORDER BY rowid"
            )
        ]
    return [_read(text) for text in texts]


def _read(text: str) -> Table:
    first, *lines = text.splitlines()
    heading = _TABLE.fullmatch(first)
    if heading is None:
        raise ValueError(f"no comment on a table: {first}")
    columns = [Column(*found.groups()) for line in lines if (found := _COLUMN.fullmatch(line))]
    keys = [found[1] for line in lines if (found := _KEY.fullmatch(line))]
    keys += [each.name for each in columns if "PRIMARY KEY" in each.type]
    if first.startswith("CREATE TABLE") and len(columns) + len(keys) < len(lines) - 1:
        raise ValueError(f"a column without a comment in {heading[1]}")
    return Table(heading[1], heading[2], ", ".join(keys), tuple(columns))


def as_markdown() -> str:
    """Return the reference part of docs/database.md."""
    parts: list[str] = []
    for table in tables():
        parts.append(f"### {table.name}\n\n{table.meaning}\n")
        if table.columns:
            parts.append(f"Key: {table.key}\n")
            rows = [f"| `{each.name}` | {each.type} | {each.meaning} |" for each in table.columns]
            parts.append("\n".join(["| column | type | meaning |", "|---|---|---|", *rows]) + "\n")
    return "\n".join(parts)
