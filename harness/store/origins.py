"""Where imported runs come from: kept with them, hashed, and named by their trigger."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import zstandard

from harness.dataformat import OriginData, origin_hash
from harness.errors import IntegrityError
from harness.store.encoding import unframe
from harness.store.interning import Value
from harness.store.reading import Reader

_COLUMNS = "source, file, file_sha256, tool, imported_us, harness_version, key, record, sha256"
ADD_ORIGIN = f"INSERT INTO origins (run_id, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - ours
ADD_EXCHANGE = "INSERT INTO origin_exchanges (exchange_id, number, previous, hash) VALUES (?, ?, ?, ?)"
NOT_IMPORTED = "run_id NOT IN (SELECT run_id FROM origins)"


def origin_row(run_id: int, origin: OriginData) -> tuple[Value, ...]:
    """Return the columns of an origin."""
    record = json.dumps(origin.record, separators=(",", ":"), sort_keys=True, allow_nan=False).encode()
    return (
        run_id,
        origin.source,
        origin.file,
        bytes.fromhex(origin.file_sha256),
        origin.tool,
        origin.imported_us,
        origin.harness_version,
        bytes.fromhex(origin.key),
        zstandard.ZstdCompressor(level=9).compress(record),
        bytes.fromhex(origin_hash(origin)),
    )


def read_origin(columns: Iterable[Any]) -> OriginData:
    """Return the origin in the columns of a row, its hash left out.

    Raises:
        ValueError: they are not as they were written.
    """
    source, file, file_sha256, tool, imported_us, version, key, record = columns
    return OriginData(
        source=source,
        file=file,
        file_sha256=file_sha256.hex(),
        tool=tool,
        imported_us=imported_us,
        harness_version=version,
        key=key.hex(),
        record=json.loads(unframe(record)),
    )


class Origins:
    """The origins in one database."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def of(self, run_id: int) -> OriginData | None:
        """Return where a run comes from; None for one of our own."""
        row = self._reader.one(f"SELECT {_COLUMNS} FROM origins WHERE run_id = ?", (run_id,))  # noqa: S608 - ours
        if row is None:
            return None
        try:
            return read_origin(row[:-1])
        except (ValueError, TypeError, AttributeError) as error:
            raise IntegrityError(
                f"{self._reader.path}: origin of run {run_id} is not as it was written: {error}"
            ) from error

    def labels(self) -> dict[int, str]:
        """Return, for each imported run, a short text that says where it comes from."""
        rows = self._reader.rows("SELECT run_id, source, file FROM origins ORDER BY run_id")
        return {run_id: f"{file} ({source})" for run_id, source, file in rows}

    def run_known_as(self, key: str) -> int | None:
        """Return the run that was imported under a key, or that is our own run of that hash."""
        known = bytes.fromhex(key)
        row = self._reader.one(
            "SELECT run_id FROM origins WHERE key = ? UNION SELECT id FROM runs WHERE hash = ?",
            (known, known),
        )
        return None if row is None else int(row[0])

    def chain(self, run_id: int) -> dict[int, tuple[int, str, str]]:
        """Return, for an imported run, exchange row -> (number, previous, hash) where it was made."""
        rows = self._reader.rows(
            """SELECT o.exchange_id, o.number, o.previous, o.hash FROM origin_exchanges o
               JOIN exchanges x ON x.id = o.exchange_id WHERE x.run_id = ?""",
            (run_id,),
        )
        return {row_id: (number, previous.hex(), own.hex()) for row_id, number, previous, own in rows}
