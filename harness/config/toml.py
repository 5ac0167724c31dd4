"""A file -> its tables, or one message for every place that cannot be read.

`tomllib` stops at the first error. So that one slip does not hide the rest, the statement it stopped at is
set aside and the file is read again, as long as it is clear where that statement ends.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.config.shown import SECOND, UNREADABLE, Mistake, dotted, plain, plain_path, secret_name
from harness.errors import ConfigError

MOST_BYTES = 1_000_000
MOST_DEPTH = 20
"""Tables and lists inside one another."""
_MOST_REPAIRS = 40
_REPAIR_BYTES = 64_000
"""Every repair reads the file again; longer files get their first error only."""

_PART = r"""(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')"""
_KEY = rf"{_PART}(?:[ \t]*\.[ \t]*{_PART})*"
_STATEMENT = re.compile(rf"^[ \t]*(?P<key>{_KEY})[ \t]*(?P<sign>[=:])[ \t]*(?P<value>.*?)[ \t\r]*$")
_HEADER = re.compile(rf"^[ \t]*\[[ \t]*(?P<key>{_KEY})[ \t]*\]?[ \t]*(?:\#.*)?\r?$")
_LINE = re.compile(r"\(at line (\d+), column (\d+)\)$")
_WORD = re.compile(r"[A-Za-z0-9][\w./:@+-]*")


@dataclass(frozen=True, slots=True)
class Parsed:
    """What could be read of a file."""

    data: dict[str, Any]
    mistakes: tuple[Mistake, ...]
    whole: bool
    """False when reading stopped somewhere, so that what follows is unknown."""


def read_text(path: Path) -> str:
    """Return the text of a config file.

    Raises:
        ConfigError: it is not there, is no file, cannot be opened, or is no UTF-8 text of a sensible size.
    """
    name = plain_path(str(path))
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(
            f"{name}: there is no such file (fix: run `harness init`, or name one with --config)"
        ) from None
    except IsADirectoryError:
        raise ConfigError(
            f"{name}: is a folder, not a file (fix: name the file in it with --config)"
        ) from None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ConfigError(
            f"{name}: cannot be read: {why} (fix: check the path and its permissions)"
        ) from None
    if len(data) > MOST_BYTES:
        raise ConfigError(f"{name}: is longer than {MOST_BYTES:,} bytes (fix: is this the right file?)")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ConfigError(f"{name}: is UTF-16 text (fix: save it as UTF-8)")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            f"{name}: line {line}: byte 0x{data[error.start]:02x} is not UTF-8 (fix: save it as UTF-8)"
        ) from None
    if not text.strip():
        raise ConfigError(
            f"{name}: is empty (fix: run `harness init` in a new folder to get a commented example)"
        )
    return text


def parse(text: str) -> Parsed:
    """Read TOML, going on behind every statement that cannot be read."""
    lines = text.replace("\r\n", "\n").split("\n")
    mistakes: list[Mistake] = []
    last = 0
    while True:
        try:
            data = tomllib.loads("\n".join(lines) + "\n")
        except tomllib.TOMLDecodeError as error:
            message = str(error)
        except RecursionError:
            mistakes.append(_too_deep(()))
            return Parsed({}, tuple(mistakes), whole=False)
        except ValueError:
            # The one other thing tomllib raises: Python refuses to read integers of thousands of digits.
            mistakes.append(Mistake((), "has a number with thousands of digits", "shorten it"))
            return Parsed({}, tuple(mistakes), whole=False)
        else:
            deep = _deep(data)
            if deep is not None:
                mistakes.append(_too_deep(deep))
            return Parsed(data, tuple(mistakes), whole=deep is None)
        found = _LINE.search(message)
        number = int(found[1]) if found else 0
        repaired = None
        if last < number <= len(lines) and len(mistakes) < _MOST_REPAIRS and len(text) < _REPAIR_BYTES:
            repaired = _repair(lines, number, message)
        if repaired is None:
            mistakes.append(_syntax(lines, number, message))
            return Parsed({}, tuple(mistakes), whole=False)
        mistake, lines[number - 1] = repaired
        mistakes.append(mistake)
        last = number


def _too_deep(where: tuple[str | int, ...]) -> Mistake:
    return Mistake(where, f"has more than {MOST_DEPTH} tables or lists inside one another", "flatten it")


def _deep(data: dict[str, Any]) -> tuple[str | int, ...] | None:
    """Return a key whose value is nested too deeply; no recursion, which is what would break."""
    for key, value in data.items():
        level: list[Any] = [value]
        for _ in range(MOST_DEPTH):
            following: list[Any] = []
            for item in level:
                following.extend(
                    item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()
                )
            level = following
        if level:
            return (key,)
    return None


def _twice(message: str) -> bool:
    return message.startswith(("Cannot overwrite", "Cannot declare", "Cannot mutate"))


def _parts(key: str) -> tuple[str, ...]:
    """Return the parts of a dotted key as TOML reads them."""
    parts: list[str] = []
    table: Any = tomllib.loads(f"{key} = 0")
    while isinstance(table, dict):
        name, table = next(iter(table.items()))
        parts.append(name)
    return tuple(parts)


def _table_at(before: list[str]) -> tuple[str, ...]:
    """Return the table that the line after these belongs to."""
    for line in reversed(before):
        header = _HEADER.match(line)
        if header:
            return _parts(header["key"])
    return ()


def _at(number: int, text: str, fix: str) -> Mistake:
    return Mistake((), f"line {number}: {text}", fix)


def _repair(lines: list[str], number: int, message: str) -> tuple[Mistake, str] | None:
    """Return the mistake on a line and what to read in its place; None when reading ends there."""
    before, line = lines[: number - 1], lines[number - 1]
    try:
        tomllib.loads("\n".join(before) + "\n")
        header, statement = _HEADER.match(line), _STATEMENT.match(line)
        if header:
            return _repair_header(_parts(header["key"]), line, number, message)
        if statement and not line.rstrip().endswith((",", "{", "[", '"""', "'''")):
            return _repair_statement(_table_at(before), statement, number, message)
    except ValueError:
        # The statement began further up and ends nobody knows where, or its key cannot be read either.
        return None
    if statement or "=" in line or line.lstrip().startswith("["):
        return None
    got = "" if any(map(secret_name, line.split())) else f", got {plain(line.strip())}"
    text = f"is neither a table nor a key with a value{got}"
    return _at(number, text, "write key = value, [table], or # and a comment"), ""


def _repair_header(
    parts: tuple[str, ...], line: str, number: int, message: str
) -> tuple[Mistake, str] | None:
    name = dotted(parts)
    if _twice(message):
        renamed = ".".join(map(_quoted, (*parts[:-1], parts[-1] + SECOND)))
        return _at(
            number, f"[{name}] is declared a second time", "merge the two, or rename one"
        ), f"[{renamed}]"
    if "]" not in line:
        return _at(number, f"[{name} has no closing bracket", f"write [{name}]"), f"{line.split('#')[0]}]"
    return None


def _repair_statement(
    table: tuple[str, ...], statement: re.Match[str], number: int, message: str
) -> tuple[Mistake, str]:
    parts = _parts(statement["key"])
    name, key = dotted(table + parts), dotted(parts)
    if _twice(message):
        return _at(number, f"{name} is set a second time", "keep one of the two"), ""
    kept = f'{statement["key"]} = "{UNREADABLE}"'
    if statement["sign"] == ":":
        return _at(number, f"{name} is followed by a colon", f"write {key} = ..."), kept
    if message.startswith("Duplicate inline table key"):
        return _at(number, f"{name} has one key twice", "keep one of the two"), kept
    text, fix = _unreadable(parts, statement["value"]), _value_fix(key, statement["value"], message)
    return _at(number, f"{name} {text}", fix), kept


def _quoted(part: str) -> str:
    escaped = part.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _unreadable(where: tuple[str, ...], value: str) -> str:
    if not value:
        return "has no value"
    return "has a value that cannot be read" + ("" if secret_name(where[-1]) else f", got {plain(value)}")


def _value_fix(key: str, value: str, message: str) -> str:
    word = value.split("#")[0].strip()
    if not word:
        return f"write {key} = VALUE, or remove the line"
    if word.lower() in ("true", "false", "yes", "no", "on", "off"):
        return f"write {key} = {'true' if word.lower() in ('true', 'yes', 'on') else 'false'}"
    if word.lower() in ("null", "none", "nil"):
        return "remove the line: TOML has no null"
    if _WORD.fullmatch(word) and not word[0].isdigit():
        return f'put text in quotes: {key} = "{plain(word)}"'
    if "'\\\\'" in message or "Unescaped" in message:
        return f"write {key} with single quotes, 'C:\\like\\this', or double every backslash"
    return 'write text in "quotes", numbers without, lists in [brackets]'


def _syntax(lines: list[str], number: int, message: str) -> Mistake:
    """Return the mistake for a place behind which nothing can be read."""
    later = "; what comes after it is checked then"
    text = plain(_LINE.sub("", message.removesuffix("(at end of document)")).strip(), 120)
    if not number:
        return Mistake((), f"end of file: {text}", "close what was opened: a list, a table or a text")
    line = lines[number - 1].strip() if number <= len(lines) else ""
    secret = secret_name(re.split(r"[=:]", line)[0].strip())
    text += f", got {plain(line)}" if line and not secret else ""
    if line.endswith(("{", ",")):
        return _at(number, text, f"an inline table {{...}} stands on one line{later}")
    return _at(number, text, f"write key = value, or [table]{later}")
