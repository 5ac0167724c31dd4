"""How values from a config file look in a message: short, on one line, and never a secret."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

LONGEST = 60
"""Characters of a value that a message shows."""

Where = tuple[str | int, ...]

_SECRET = re.compile(
    r"""\b(?:sk|rk|pk|gsk|xai|pplx|nvapi|csk|fw|tgp|r8|hf|ghp|gho|ghs|glpat)[-_][A-Za-z0-9_-]{16,}
      | \bgithub_pat_[A-Za-z0-9_]{20,}
      | \bAIza[A-Za-z0-9_-]{30,}
      | \bAKIA[A-Z0-9]{16}\b
      | \bya29\.[A-Za-z0-9_-]{16,}
      | \beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.
      | \b[Bb](?:earer|asic)\s+[A-Za-z0-9+/=._-]{8,}""",
    re.VERBOSE,
)
_RANDOM = re.compile(r"\b(?=[A-Za-z]*\d)(?=[a-z0-9]*[A-Z])(?=[A-Z0-9]*[a-z])[A-Za-z0-9]{20,}")
_HEX = re.compile(r"\b[0-9a-fA-F]{32,}\b")
_SECRET_NAME = re.compile(
    r"(?:^|[-_])(?:authorization|api[-_]?key|apikey|access[-_]?key|token|secret|password|passwd|cookie)$",
    re.IGNORECASE,
)
_USERINFO = re.compile(r"(?<=//)[^/@\s]+(?=@)")
_QUERY = re.compile(r"(?<=[?&])([^=&#\s]*)=[^&#\s]*")


def secret_in(text: str) -> bool:
    """Say whether a text holds something in the form of a provider's key or a bearer token."""
    return _SECRET.search(text) is not None


def secret_name(name: str) -> bool:
    """Say whether a header or key of this name carries a secret: `Authorization`, `x-api-key`, ..."""
    return _SECRET_NAME.search(name) is not None


def plain(text: str, longest: int = LONGEST) -> str:
    """Return the text on one line, control characters escaped, secrets hidden, shortened."""
    if secret_in(text) or _RANDOM.search(text) or _HEX.search(text):
        return f"<hidden, {len(text)} characters>"
    text = _QUERY.sub(r"\1=<hidden>", _USERINFO.sub("<hidden>", text))
    if len(text) > longest:
        text = text[: longest - 1] + "…"
    return "".join(character if character.isprintable() else _escaped(character) for character in text)


def _escaped(character: str) -> str:
    return json.dumps(character)[1:-1] if ord(character) < 0x20 else f"\\u{ord(character):04x}"


def shown(value: object) -> str:
    """Return a value as it would stand in the file, shortened; tables and lists by what they are."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        text = plain(value)
        return text if text.startswith("<hidden") else '"' + text.replace('"', '\\"') + '"'
    if isinstance(value, int):
        return str(value) if abs(value) < 10**20 else "a huge number"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}" if value else "an empty list"
    return plain(str(value))


def key_text(part: str) -> str:
    """Return one part of a dotted key, quoted where TOML wants quotes."""
    text = plain(part)
    return text if re.fullmatch(r"[A-Za-z0-9_-]+", text) else f'"{text}"'


def dotted(where: Where) -> str:
    """Return a place as a dotted key: `endpoints.gpt.limits.attempts`, `suites.a.endpoints[0]`."""
    text = ""
    for part in where:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            # The second of two tables of one name is kept apart by a mark that no file can hold by accident.
            name = key_text(part.rstrip(SECOND)) + " (second)" * part.endswith(SECOND)
            text += f".{name}" if text else name
    return text


SECOND = "\ue001"
"""Mark at the end of the name of a table that was declared twice."""
UNREADABLE = "\ue000unreadable"
"""Stands for a value that could not be read; it has had its message already."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong in the file."""

    where: Where
    """The key, from the top of the file."""
    text: str
    """What about it, the value included."""
    fix: str

    def line(self, file: str) -> str:
        """Return the message: file, key, what is wrong, fix."""
        head = " ".join(filter(None, (dotted(self.where), self.text)))
        return f"{file}: {head} (fix: {self.fix})"


def file_text(path: Path) -> str:
    """Return a path as messages show it."""
    return plain_path(str(path))


def plain_path(text: str) -> str:
    """Return a path on one line, whole, control characters and undecodable bytes escaped."""
    return "".join(character if character.isprintable() else _escaped(character) for character in text)


def leaves(value: object, where: Where = ()) -> Iterator[tuple[Where, object]]:
    """Yield every value that is neither table nor list, with its place, in file order."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from leaves(item, (*where, key))
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from leaves(item, (*where, place))
    else:
        yield where, value
