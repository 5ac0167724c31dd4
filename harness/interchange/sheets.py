"""Records as tables: CSV and Parquet, a column per field, without loss.

A CSV cell knows neither null nor types, so: an empty cell is null, and a text that is empty, begins with a quote or
with a sign that spreadsheets take for a formula, or holds what a cell cannot, is written as a JSON string. Parquet
cannot hold lone surrogates: a row with some has its whole record as JSON in the column `exact`.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from harness.dataformat import Line, from_json
from harness.dataformat.coding import as_json
from harness.dataformat.fields import Cell, Field, fields_of, flat, from_flat
from harness.errors import UsageError

CELL_BYTES = 1 << 28
EXACT = "exact"
_BATCH = 500
_QUOTED = ('"', "=", "+", "-", "@", "\t")


def _cell(value: Cell) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return repr(value)
    plain = value != "" and not value.startswith(_QUOTED) and not any(c in value for c in "\r\x00")
    return value if plain and _encodable(value) else json.dumps(value)


def _encodable(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _uncell(text: str, field: Field) -> Cell:
    if text == "":
        return None
    try:
        if field.shape == "boolean":
            return {"true": True, "false": False}[text]
        if field.shape == "integer":
            return int(text)
        if field.shape == "number":
            return float(text)
        if text.startswith('"') and field.shape == "text":
            return str(json.loads(text))
    except (ValueError, KeyError):
        raise ValueError(f"{field.name}: {text[:40]!r} is no {field.shape}") from None
    return text


class CsvSheet:
    """Writes records of one kind as CSV, UTF-8, with a header."""

    def __init__(self, path: Path, kind: type[Line]) -> None:
        self._file = path.open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._writer.writerow([field.name for field in fields_of(kind)])

    def add(self, line: Line) -> None:
        """Write one record."""
        self._writer.writerow([_cell(value) for value in flat(line).values()])

    def close(self) -> None:
        """Finish the file."""
        self._file.close()


def pyarrow(why: str) -> Any:
    """Return pyarrow.

    Raises:
        UsageError: it is not installed.
    """
    try:
        import pyarrow.parquet
    except ImportError:
        raise UsageError(f"{why} needs pyarrow: pip install 'harness[parquet]'") from None
    return pyarrow


class ParquetSheet:
    """Writes records of one kind as Parquet."""

    def __init__(self, path: Path, kind: type[Line]) -> None:
        self._arrow = pyarrow("writing Parquet")
        types = {
            "integer": self._arrow.int64(), "number": self._arrow.float64(), "boolean": self._arrow.bool_(),
            "text": self._arrow.string(), "json": self._arrow.string(),
        }  # fmt: skip
        columns = [(field.name, types[field.shape]) for field in fields_of(kind)]
        self._schema = self._arrow.schema([*columns, (EXACT, self._arrow.string())])
        self._writer = self._arrow.parquet.ParquetWriter(path, self._schema, compression="zstd")
        self._rows: list[dict[str, Cell]] = []

    def add(self, line: Line) -> None:
        """Write one record."""
        row = flat(line)
        odd = [name for name, value in row.items() if isinstance(value, str) and not _encodable(value)]
        row[EXACT] = json.dumps(as_json(line), separators=(",", ":")) if odd else None
        row |= {name: str(row[name]).encode("utf-8", "backslashreplace").decode() for name in odd}
        self._rows.append(row)
        if len(self._rows) >= _BATCH:
            self._flush()

    def _flush(self) -> None:
        self._writer.write_table(self._arrow.Table.from_pylist(self._rows, schema=self._schema))
        self._rows.clear()

    def close(self) -> None:
        """Finish the file."""
        try:
            self._flush()
        finally:
            self._writer.close()


@contextmanager
def _long_cells() -> Iterator[None]:
    # The csv module has one limit for everyone: ours is put back.
    before = csv.field_size_limit(CELL_BYTES)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def read_csv(file: IO[str], kind: type[Line]) -> Iterator[tuple[int, Line]]:
    """Yield (line of the file, record) of a CSV that `CsvSheet` wrote.

    Raises:
        ValueError: with the line and the field that is wrong.
    """
    fields = fields_of(kind)
    with _long_cells():
        reader = csv.reader(file, strict=True)
        start = 1
        try:
            header = next(reader, None)
            if header != [field.name for field in fields]:
                raise ValueError("the header is not that of an export")
            start = reader.line_num + 1
            for cells in reader:
                if len(cells) != len(fields):
                    raise ValueError(f"has {len(cells)} cells under {len(fields)} columns")
                row = {field.name: _uncell(text, field) for field, text in zip(fields, cells, strict=True)}
                yield start, from_json(from_flat(kind, row))
                start = reader.line_num + 1
        except (csv.Error, ValueError) as error:
            raise ValueError(f"line {start}: {error}") from None


def read_parquet(path: Path, kind: type[Line]) -> Iterator[tuple[int, Line]]:
    """Yield (row from 1, record) of a Parquet file that `ParquetSheet` wrote.

    Raises:
        ValueError: with the row and the field that is wrong.
    """
    arrow = pyarrow("reading Parquet")
    number = 0
    try:
        with arrow.parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=_BATCH):
                for row in batch.to_pylist():
                    yield number + 1, _from_row(kind, row)
                    number += 1
    except (arrow.ArrowException, OSError, ValueError, OverflowError) as error:
        raise ValueError(f"row {number + 1}: {error}") from None


def _from_row(kind: type[Line], row: Mapping[str, Cell]) -> Line:
    exact = row.get(EXACT)
    return from_json(json.loads(str(exact)) if exact is not None else from_flat(kind, row))
