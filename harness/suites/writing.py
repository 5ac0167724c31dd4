"""Writing a suite's folder: made beside its place, checked there, and moved in whole."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from harness.errors import ConfigError, UsageError
from harness.records import JSON
from harness.suites.checking import check_suite
from harness.suites.form import HEADER_FILE, PROBES_FILE, Suite
from harness.suites.packaged import record_hash
from harness.suites.reading import load_suite, shown_path

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def write_suite(
    folder: Path, header: Mapping[str, JSON], probes: Sequence[Mapping[str, JSON]], comment: str
) -> Suite:
    """Write a suite with its hash recorded, in place of the one that is there.

    Args:
        folder: where it goes; its name is the suite's.
        header: suite.toml, without hashes; keys without a value (None) are left out.
        probes: the lines of probes.jsonl.
        comment: first line of suite.toml.

    Raises:
        ConfigError: the checker finds mistakes; nothing is written.
        UsageError: the folder cannot be written.
    """
    place = folder.resolve()
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=".suite-") as above:
            made = Path(above) / place.name
            made.mkdir()
            text = "".join(json.dumps(probe, ensure_ascii=False) + "\n" for probe in probes)
            (made / PROBES_FILE).write_text(text, encoding="utf-8")
            (made / HEADER_FILE).write_text(f"# {comment}\n{toml_text(header)}", encoding="utf-8")
            mistakes = check_suite(record_hash(made))
            if mistakes:
                raise ConfigError(mistakes)
            place.mkdir(exist_ok=True)
            for name in (PROBES_FILE, HEADER_FILE):
                (made / name).replace(place / name)
    except OSError as error:
        raise UsageError(
            f"{shown_path(folder)}: cannot write there ({error.strerror}); choose another folder"
        ) from error
    return load_suite(folder)


def toml_text(table: Mapping[str, JSON]) -> str:
    """Return a table of JSON data as TOML: values first, then tables and lists of tables under their own headings."""
    return "\n".join(_lines(table, "")).lstrip("\n") + "\n"


def _lines(table: Mapping[str, JSON], path: str) -> Iterator[str]:
    deeper: list[tuple[str, JSON]] = []
    for key, value in table.items():
        if isinstance(value, Mapping) or _is_tables(value):
            deeper.append((f"{path}{_key(key)}", value))
        elif value is not None:
            yield f"{_key(key)} = {_value(value)}"
    for name, value in deeper:
        if isinstance(value, Mapping):
            yield f"\n[{name}]"
            yield from _lines(value, f"{name}.")
        else:
            for each in value:  # type: ignore[union-attr]
                yield f"\n[[{name}]]"
                yield from _lines(each, f"{name}.")  # type: ignore[arg-type]


def _is_tables(value: JSON) -> bool:
    return (
        isinstance(value, list | tuple) and bool(value) and all(isinstance(each, Mapping) for each in value)
    )


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else json.dumps(key)


def _value(value: JSON) -> str:
    if isinstance(value, str):
        # A TOML basic string is a JSON string in which DEL is escaped too.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(each) for each in value) + "]"
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(key)} = {_value(each)}" for key, each in value.items()) + " }"
    return json.dumps(value)
