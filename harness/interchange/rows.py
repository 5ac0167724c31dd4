"""A file of rows, read with bounds: JSON lines, one JSON list, or CSV, gzipped or not."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import os
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.errors import ConfigError
from harness.graders.base import short
from harness.records import JSON
from harness.suites.mistakes import sound

FILE_BYTES = 128_000_000
"""Largest file read, and the most text unpacked from a gzipped one."""
ROWS_LIMIT = 100_000
"""Most rows: as many as a suite may have probes."""
COLUMNS_LIMIT = 1_000
CELL_LIMIT = 131_072
"""Longest CSV cell, the reader's own limit."""
SHOWN = 20
"""Mistakes listed before the rest is only counted."""

_SPACE = re.compile(r"[ \t\r\n]*")


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a dataset: its columns, and the line of the file it starts on."""

    line: int
    fields: Mapping[str, JSON]


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a file and what identifies the file."""

    name: str
    sha256: str
    """Of the bytes on disk, `sha256:<hex>`."""
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong in a dataset: a row's, or the whole file's when there is no line."""

    line: int | None
    words: str


class Faults:
    """Every fault found so far; raised all at once, a bounded number of them listed."""

    def __init__(self, place: str) -> None:
        self.place = place
        self.found: list[Fault] = []

    def add(self, line: int | None, words: str) -> None:
        """Record one: `column: what is wrong; what to do`."""
        self.found.append(Fault(line, words))

    def lines(self) -> list[str]:
        """Return the faults as messages, in the order of the file, the rest counted."""
        ordered = sorted(self.found, key=lambda fault: fault.line or 0)
        shown = [
            f"{self.place}: {fault.words}"
            if fault.line is None
            else f"{self.place}: line {fault.line}: {fault.words}"
            for fault in ordered[:SHOWN]
        ]
        if len(ordered) > SHOWN:
            shown.append(f"{self.place}: and {len(ordered) - SHOWN:,} more")
        return shown

    def stop(self, *, rows_too: bool) -> None:
        """End here when something is wrong.

        Args:
            rows_too: whether a fault in single rows ends it as well.

        Raises:
            ConfigError: with the faults.
        """
        if self.found and (rows_too or any(fault.line is None for fault in self.found)):
            hint = f"{self.place}: nothing was written; correct these rows, or import the others with --leave-out"
            whole = any(fault.line is None for fault in self.found)
            raise ConfigError([*self.lines(), *([] if whole else [hint])])


def read_table(path: Path, limit: int | None, faults: Faults) -> Table:
    """Read a file's rows, at most `limit` of them; rows that cannot be read are recorded as faults.

    Raises:
        ConfigError: the file itself cannot be read.
    """
    data = _bytes(path, faults.place)
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    text = _text(_unpacked(data, faults.place), faults.place)
    stem = path.name.lower().removesuffix(".gz")
    if stem.endswith((".csv", ".tsv")):
        found = _csv(text, "\t" if stem.endswith(".tsv") else _delimiter(text), faults)
    elif text.lstrip()[:1] == "[":
        found = _list(text, faults)
    else:
        if stem.endswith(".json"):
            _not_wrapped(text, faults)
        found = _lines(text, faults)
    rows: list[Row] = []
    for row in found:
        if limit is not None and len(rows) >= limit:
            break
        if len(rows) >= ROWS_LIMIT:
            faults.add(None, f"has more than {ROWS_LIMIT:,} rows; take part of it with --limit, or split it")
            break
        rows.append(row)
    if not rows and not faults.found:
        faults.add(
            None, "holds no rows; a dataset is JSON lines, a JSON list of objects, or CSV with a header"
        )
    return Table(path.name, digest, tuple(rows))


def _bytes(path: Path, place: str) -> bytes:
    try:
        if not path.exists():
            raise ConfigError(f"{place}: there is no such file; correct the path")
        if not path.is_file():
            raise ConfigError(f"{place}: is not a file; name one file of the dataset")
        size = path.stat().st_size
        if size > FILE_BYTES:
            raise ConfigError(f"{place}: is {size:,} bytes long; keep it under {FILE_BYTES:,}, or split it")
        return path.read_bytes()
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise ConfigError(f"{place}: cannot be read ({why}); check its permissions") from None


def _unpacked(data: bytes, place: str) -> bytes:
    if not data.startswith(b"\x1f\x8b"):
        return data
    try:
        with gzip.open(io.BytesIO(data)) as packed:
            unpacked = packed.read(FILE_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise ConfigError(f"{place}: is a damaged gzip file ({error}); fetch it again") from None
    if len(unpacked) > FILE_BYTES:
        raise ConfigError(f"{place}: unpacks to more than {FILE_BYTES:,} bytes; split it")
    return unpacked


def _text(data: bytes, place: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            f"{place}: line {line}: byte {data[error.start]:#04x} is not UTF-8; save the file as UTF-8"
        ) from None


class _RowError(ValueError):
    pass


def _no_repeats(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        repeated = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise _RowError(f"has the key {short(repeated)} twice; keep one")
    return found


def _missing(_name: str) -> JSON:
    return None  # NaN is how pandas writes an empty cell


DECODER = json.JSONDecoder(object_pairs_hook=_no_repeats, parse_constant=_missing)


def _object(value: JSON) -> Mapping[str, JSON]:
    if not isinstance(value, Mapping):
        raise _RowError(f"must be an object in braces, got {short(value)}; write one object a row")
    return value


def _why(error: Exception, line: int) -> str:
    if isinstance(error, _RowError):
        return str(error)
    if isinstance(error, json.JSONDecodeError):
        where = f" (line {line + error.lineno - 1})" if error.lineno > 1 else ""
        return f"is not JSON: {error.msg} at column {error.colno}{where}; correct it"
    return "is nested too deeply or holds too long a number; simplify it"


def _lines(text: str, faults: Faults) -> Iterator[Row]:
    for line, raw in enumerate(io.StringIO(text), start=1):
        if raw.isspace():
            continue
        try:
            yield Row(line, _object(DECODER.decode(raw)))
        except (RecursionError, ValueError) as error:
            faults.add(line, _why(error, line))


def _not_wrapped(text: str, faults: Faults) -> None:
    """Record a fault when the file is one object around the list of rows."""
    try:
        value = DECODER.decode(text)
    except (RecursionError, ValueError):
        return  # then it is JSON lines, or each of its lines says what is wrong
    lists = (
        [key for key, inner in value.items() if isinstance(inner, list)] if isinstance(value, dict) else []
    )
    if any(isinstance(item, dict) for key in lists for item in value[key]):
        faults.add(None, f"is one object around its rows; save the list under {short(lists[0])} by itself")


def _list(text: str, faults: Faults) -> Iterator[Row]:
    """Yield the objects of a JSON list one by one, so that each has its line."""
    place = text.index("[") + 1
    line, counted = 1, 0
    while True:
        place = _skip(text, place)
        line, counted = line + text.count("\n", counted, place), place
        if text[place : place + 1] == "]" and text[_skip(text, place + 1) :] == "":
            return
        try:
            value, end = DECODER.raw_decode(text, place)
        except (RecursionError, ValueError) as error:
            why = (
                str(error)
                if isinstance(error, _RowError)
                else "is not JSON, or is nested too deeply; correct it"
            )
            faults.add(None, f"line {line}: {why}")  # where the next item starts is anybody's guess
            return
        try:
            yield Row(line, _object(value))
        except _RowError as error:
            faults.add(line, str(error))
        place = _skip(text, end)
        if text[place : place + 1] == ",":
            place += 1
        elif text[place : place + 1] != "]":
            line += text.count("\n", counted, place)
            faults.add(None, f"line {line}: the list goes on without a comma or ends without ]; correct it")
            return


def _skip(text: str, place: int) -> int:
    found = _SPACE.match(text, place)
    return found.end() if found else place


def _csv(text: str, delimiter: str, faults: Faults) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header: list[str] | None = None
    unnamed = False
    line = 1
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            # After a broken quote every later row would be read askew, so this is the whole file's fault.
            faults.add(
                None,
                f"line {line}: is not CSV: {error}; check its quotes, and cells of over {CELL_LIMIT:,} characters",
            )
            return
        if not cells:
            continue
        if header is None:
            header = [cell.strip() for cell in cells]
            # pandas writes its index as a first column without a name: no column of the data.
            unnamed = header[0] == "" and len(header) > 1
            if unnamed:
                header = header[1:]
            if len(header) > COLUMNS_LIMIT or len(set(header)) != len(header) or "" in header:
                faults.add(
                    None,
                    f"line {line}: the header needs at most {COLUMNS_LIMIT:,} columns with different names; correct it",
                )
                return
        elif len(cells) != len(header) + unnamed:
            columns = len(header) + unnamed
            faults.add(line, f"has {len(cells)} cells under {columns} columns; check its commas and quotes")
        else:
            yield Row(line, dict(zip(header, cells[unnamed:], strict=True)))


def _delimiter(text: str) -> str:
    """Return what separates cells: a semicolon where the header has those and no comma, as some spreadsheets write."""
    header = text.lstrip().split("\n", 1)[0][:CELL_LIMIT]
    return ";" if ";" in header and "," not in header else ","


def usable(text: str) -> bool:
    """Say whether a text has something in it and can be sent."""
    return bool(text.strip()) and sound(text)
