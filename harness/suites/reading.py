"""From a folder on disk to a Suite, with every mistake in its files told at once."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path

from harness.errors import ConfigError
from harness.records import JSON
from harness.suites.checking import check_items
from harness.suites.form import HEADER_FILE, PROBES_FILE, Item, Suite, content_hash
from harness.suites.fresh import instantiate
from harness.suites.header import plain, read_header
from harness.suites.lines import read_line
from harness.suites.mistakes import Mistakes, short

HEADER_BYTES = 1_000_000
PROBES_BYTES = 64_000_000
PROBES_LIMIT = 100_000


def shown_path(path: Path) -> str:
    """Return a path as messages show it: relative to here when it lies below."""
    try:
        return path.resolve().relative_to(Path.cwd().resolve()).as_posix()
    except (ValueError, OSError):
        return path.as_posix()


def load_suite(folder: Path) -> Suite:
    """Read and check the suite in a folder.

    Raises:
        ConfigError: with every mistake found, one line each.
    """
    mistakes = Mistakes()
    place = shown_path(folder)
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "there is no such folder"
        raise ConfigError(f"{place}: {what}; a suite is a folder with {HEADER_FILE} and {PROBES_FILE}")
    header_text = _read(folder / HEADER_FILE, HEADER_BYTES, mistakes)
    probes_text = _read(folder / PROBES_FILE, PROBES_BYTES, mistakes)
    raw_header = _toml(header_text, f"{place}/{HEADER_FILE}", mistakes) if header_text is not None else None
    header = (
        read_header(raw_header, f"{place}/{HEADER_FILE}", folder.resolve().name, mistakes)
        if raw_header is not None
        else None
    )
    if header is None or raw_header is None or probes_text is None:
        raise ConfigError(mistakes.lines)
    where = f"{place}/{PROBES_FILE}"
    raw_probes: list[Mapping[str, JSON]] = []
    items: list[Item] = []
    first_line: dict[str, int] = {}
    for line, raw in _objects(probes_text, where, mistakes):
        raw_probes.append(raw)
        probe_id = raw.get("id")
        if isinstance(probe_id, str):
            first = first_line.setdefault(probe_id, line)
            if first != line:
                mistakes.add(
                    f"{where}: line {line}", f"id: {short(probe_id)} is also on line {first}; rename one"
                )
                continue
        item = read_line(raw, line, where, header, mistakes)
        if item is not None:
            items.append(item)
    if not raw_probes and not mistakes:
        mistakes.add(where, "holds no probes; write one JSON object a line")
    hashed = content_hash(raw_header, raw_probes)
    recorded = next((note.hash for note in header.versions if note.version == header.version), None)
    broken = bool(mistakes)
    if recorded is not None and recorded != hashed:
        mistakes.add(
            f"{place}/{HEADER_FILE}",
            f"version: the content is no longer that of version {header.version} ({recorded[:19]}…); "
            f"raise version to {header.version + 1} and add its note to versions, or undo the change",
        )
    complete = len(items) == len(raw_probes)
    try:
        probes = instantiate(header.name, [(item.probe, item.template) for item in items], 0, where)
    except ConfigError as error:
        mistakes.lines += error.mistakes
        raise ConfigError(mistakes.lines) from None
    suite = Suite(
        name=header.name, version=header.version, title=header.title, description=header.description,
        licence=header.licence, languages=header.languages, families=header.families, topics=header.topics,
        arms=header.arms, topic_words=header.topic_words, unmatched=header.unmatched,
        parameters=header.parameters, versions=header.versions, header=raw_header, content_hash=hashed,
        items=tuple(items), probes=probes, place=place,
    )  # fmt: skip
    # A line that could not be read would make its twin look lonely: pairs are judged when all lines are there.
    if complete and not broken:
        mistakes.lines += check_items(suite, probes)
    if mistakes:
        raise ConfigError(mistakes.lines)
    return suite


def raw_probes(folder: Path) -> dict[str, Mapping[str, JSON]]:
    """Return the lines of a sound suite's probes.jsonl as they are written, by probe id.

    Raises:
        ConfigError: the file cannot be read any more.
    """
    mistakes = Mistakes()
    text = _read(folder / PROBES_FILE, PROBES_BYTES, mistakes)
    found = _objects(text, shown_path(folder / PROBES_FILE), mistakes) if text is not None else []
    if mistakes:
        raise ConfigError(mistakes.lines)
    return {str(raw.get("id")): raw for _, raw in found}


def _read(path: Path, limit: int, mistakes: Mistakes) -> str | None:
    """Return a file's text with \\n line ends and no byte-order mark; None when it cannot be had."""
    place = shown_path(path)
    try:
        if not path.exists():
            mistakes.add(place, "there is no such file; a suite needs it")
            return None
        if not path.is_file():
            mistakes.add(place, "is not a file; replace it by one")
            return None
        size = path.stat().st_size
        if size > limit:
            mistakes.add(place, f"is {size:,} bytes long; keep it under {limit:,}")
            return None
        data = path.read_bytes()
    except OSError as error:
        mistakes.add(place, f"cannot be read ({os.strerror(error.errno or 0)}); check its permissions")
        return None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        mistakes.add(
            f"{place}: line {line}", f"byte {data[error.start]:#04x} is not UTF-8; save the file as UTF-8"
        )
        return None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _toml(text: str, place: str, mistakes: Mistakes) -> Mapping[str, JSON] | None:
    try:
        parsed = plain(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        mistakes.add(place, f"is not TOML: {error}; correct it")
        return None
    except RecursionError:
        mistakes.add(place, "is nested too deeply; flatten it")
        return None
    return parsed if isinstance(parsed, Mapping) else None


class _RepeatedKeyError(ValueError):
    pass


def _no_repeats(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    found = dict(pairs)
    if len(found) != len(pairs):
        repeated = next(key for number, (key, _) in enumerate(pairs) if key in dict(pairs[:number]))
        raise _RepeatedKeyError(f"has the key {short(repeated)} twice; keep one")
    return found


def _no_constant(name: str) -> JSON:
    raise _RepeatedKeyError(f"holds {name}, which JSON has no word for; use a number or null")


def _objects(text: str, place: str, mistakes: Mistakes) -> list[tuple[int, dict[str, JSON]]]:
    """Return each line's object with its line number; blank lines are passed over."""
    decode = json.JSONDecoder(object_pairs_hook=_no_repeats, parse_constant=_no_constant).decode
    found: list[tuple[int, dict[str, JSON]]] = []
    for line, row in enumerate(text.split("\n"), start=1):
        if not row or row.isspace():
            continue
        if len(found) >= PROBES_LIMIT:
            mistakes.add(
                f"{place}: line {line}", f"is past the limit of {PROBES_LIMIT:,} probes; split the suite"
            )
            break
        try:
            value = decode(row)
        except _RepeatedKeyError as error:
            mistakes.add(f"{place}: line {line}", str(error))
        except json.JSONDecodeError as error:
            mistakes.add(
                f"{place}: line {line}", f"is not JSON: {error.msg} at column {error.colno}; correct it"
            )
        except (RecursionError, ValueError):  # nested too deeply, or a number with thousands of digits
            mistakes.add(
                f"{place}: line {line}", "is nested too deeply or holds too long a number; simplify it"
            )
        else:
            if isinstance(value, dict):
                found.append((line, value))
            else:
                mistakes.add(f"{place}: line {line}", f"must be an object in braces, got {short(value)}")
    return found
