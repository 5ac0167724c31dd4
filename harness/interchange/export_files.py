"""The files of an export of ours, read record by record and surveyed before anything of them is written."""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from harness import dataformat
from harness.dataformat import (
    EndpointLine,
    ExchangeLine,
    FindingLine,
    JudgementLine,
    Line,
    ObservationLine,
    ProbeLine,
    RunLine,
    SuiteLine,
)
from harness.dataformat.fields import KINDS
from harness.errors import ConfigError
from harness.interchange.exporting import FILES
from harness.interchange.sheets import read_csv, read_parquet

LINE_BYTES = 1 << 28
"""Longest line read: as much as the longest body that is stored."""


_CHUNK = 1 << 20


def is_export(path: Path) -> bool:
    """Say whether a folder or a file looks like an export of harness."""
    if path.is_dir():
        return any((path / f"runs.{form}").is_file() for form in ("jsonl", "csv", "parquet"))
    try:
        with _opened(path) as file:
            return b'"harness.record.' in file.readline(512)
    except (OSError, EOFError, zlib.error):
        return False


def _opened(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return gzip.open(path) if packed else path.open("rb")  # type: ignore[return-value]


def _parts(path: Path) -> list[Path]:
    """Return the files of an export in the order in which they are read."""
    if not path.is_dir():
        return [path]
    for form in ("jsonl", "csv", "parquet"):
        found = [path / f"{name}.{form}" for name in FILES.values() if (path / f"{name}.{form}").is_file()]
        if (path / f"runs.{form}") in found:
            return found
    raise ConfigError(f"{path}: holds no export: there is no runs.jsonl, runs.csv or runs.parquet in it")


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file, hex; of a folder's export, over its files' names and hashes."""
    if path.is_dir():
        listed = "".join(f"{file_hash(part)}  {part.name}\n" for part in _parts(path))
        return hashlib.sha256(listed.encode()).hexdigest()
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def lines_of(path: Path) -> Iterator[tuple[str, Line]]:
    """Yield (place, record) of every file of an export.

    Raises:
        ConfigError: with the file and line that cannot be read.
    """
    for part in _parts(path):
        kind = next((kind for kind, name in FILES.items() if name == part.stem), "run")
        try:
            if part.suffix == ".parquet":
                yield from (
                    (f"{part}: row {number}", line) for number, line in read_parquet(part, KINDS[kind])
                )
            elif part.suffix == ".csv":
                with _opened(part) as raw, io.TextIOWrapper(raw, "utf-8", newline="") as file:
                    yield from (
                        (f"{part}: line {number}", line) for number, line in read_csv(file, KINDS[kind])
                    )
            else:
                yield from _json_lines(part)
        except (OSError, EOFError, zlib.error) as error:
            raise ConfigError(f"{part}: cannot be read ({error}); nothing was imported") from None
        except ValueError as error:
            raise ConfigError(f"{part}: {error}; nothing was imported") from None


def _json_lines(part: Path) -> Iterator[tuple[str, Line]]:
    with _opened(part) as file:
        number = 0
        while raw := file.readline(LINE_BYTES + 1):
            number += 1
            if len(raw) > LINE_BYTES:
                raise ValueError(f"line {number}: is longer than {LINE_BYTES:,} bytes")
            if raw.isspace():
                continue
            try:
                yield f"{part}: line {number}", dataformat.decode(raw.decode())
            except ValueError as error:
                raise ValueError(f"line {number}: {error}") from None


@dataclass(slots=True)
class Found:
    """What the first reading of an export found: everything but exchanges and observations."""

    probes: dict[str, ProbeLine] = field(default_factory=dict)
    suites: dict[str, SuiteLine] = field(default_factory=dict)
    endpoints: dict[str, EndpointLine] = field(default_factory=dict)
    runs: dict[int, RunLine] = field(default_factory=dict)
    findings: dict[int, list[FindingLine]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    exchanges: Counter[int] = field(default_factory=Counter)


def wrong(place: str, words: str) -> ConfigError:
    """Return the error that names a place in an export and says that nothing came of the import."""
    return ConfigError(f"{place}: {words}; nothing was imported")


def survey(path: Path) -> Found:
    """Read an export through, checking every record against its hash.

    Raises:
        ConfigError: with the file and line that cannot be read, or does not match its hash.
    """
    found = Found()
    for place, line in lines_of(path):
        found.counts[dataformat.kind_of(type(line))] += 1
        if not isinstance(line, ObservationLine | FindingLine | JudgementLine):
            problem = dataformat.check(line)
            if problem is not None:
                raise wrong(place, problem)
        if isinstance(line, ProbeLine):
            found.probes[line.sha256] = line
        elif isinstance(line, SuiteLine):
            found.suites[line.sha256] = line
        elif isinstance(line, EndpointLine):
            found.endpoints[line.sha256] = line
        elif isinstance(line, RunLine):
            if line.run in found.runs:
                raise wrong(place, f"run {line.run} is there twice")
            found.runs[line.run] = line
        elif isinstance(line, FindingLine):
            run = line.finding.get("run_id")
            try:
                dataformat.to_finding(line)
            except ValueError as error:
                raise wrong(place, str(error)) from None
            found.findings.setdefault(int(str(run)), []).append(line)
        elif isinstance(line, ExchangeLine):
            found.exchanges[line.run] += 1
    return found
