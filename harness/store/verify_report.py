"""What a check has found so far, and the few things every part of it does."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from harness.store.reading import Reader
from harness.store.rows import Problem, Verification

PROBLEMS_KEPT = 100


class Report:
    """Collects problems, notes and counts of one check of a database."""

    def __init__(self, connection: sqlite3.Connection, reader: Reader) -> None:
        self.connection = connection
        self.reader = reader
        self.counts: Counter[str] = Counter()
        self._problems: list[Problem] = []
        self._problem_count = 0
        self._notes: list[str] = []

    def bad(self, table: str, row: str, what: str) -> None:
        """Add a problem; the first `PROBLEMS_KEPT` are kept."""
        self._problem_count += 1
        if len(self._problems) < PROBLEMS_KEPT:
            self._problems.append(Problem(table, row, what))

    def note(self, words: str) -> None:
        """Add something that is not wrong, but worth knowing."""
        self._notes.append(words)

    @contextmanager
    def stage(self, table: str) -> Iterator[None]:
        """Go on with the next part when one cannot be read to its end."""
        try:
            yield
        except (sqlite3.DatabaseError, ValueError, TypeError, KeyError) as error:
            self.bad(table, "", f"cannot be read to its end: {error}")

    def rows(self, table: str, sql: str) -> Iterator[Sequence[Any]]:
        """Yield the rows of a query, counted as rows of a table."""
        for row in self.connection.execute(sql):
            self.counts[table] += 1
            yield row

    def compare(
        self, table: str, row_id: int, stored: object, make: Callable[..., bytes], *values: Any
    ) -> None:
        """Make a row's hash again and compare it; a row from which none can be made is bad too."""
        try:
            sha256 = make(*values)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            self.bad(table, str(row_id), f"is not as it was written: {error}")
            return
        if sha256 != stored:
            self.bad(table, str(row_id), "does not match its hash")

    def result(self) -> Verification:
        """Return what was found."""
        return Verification(tuple(self._problems), self._problem_count, tuple(self._notes), dict(self.counts))
