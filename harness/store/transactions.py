"""One writer's transactions: alone or grouped, undone as a whole, and never into a file that is no longer there."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from harness.errors import StoreError
from harness.store.connection import explained
from harness.store.gone import rescue, still_there


class Transactions:
    """The transactions of one writing connection; one thread at a time gets in."""

    def __init__(
        self, connection: sqlite3.Connection, path: Path, lock: threading.RLock, on_undone: Callable[[], None]
    ) -> None:
        """Take the connection; `on_undone` is told after every rollback, for what is kept in memory beside it."""
        self._connection = connection
        self._path = path
        self._lock = lock
        self._on_undone = on_undone
        self._grouped = False
        self._file = path.stat()

    @contextmanager
    def one(self) -> Iterator[sqlite3.Connection]:
        """Give the connection for one transaction: all of it is kept, or none.

        Raises:
            StoreError: it cannot be written, or the file was moved, replaced or deleted meanwhile.
        """
        with self._lock, explained(self._path):
            if self._grouped:
                yield self._connection
                return
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                if not still_there(self._path, self._file):
                    self._connection.execute("ROLLBACK")
                    raise StoreError(rescue(self._connection, self._path))
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    with suppress(sqlite3.Error):
                        self._connection.execute("ROLLBACK")
                self._on_undone()
                raise

    @contextmanager
    def group(self) -> Iterator[None]:
        """Make every transaction inside part of one: all of it is kept, or nothing."""
        with self.one():
            self._grouped = True
            try:
                yield
            finally:
                self._grouped = False
