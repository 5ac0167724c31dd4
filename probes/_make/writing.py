"""Putting a made suite into its folder, with the hashes that are already recorded there."""

from __future__ import annotations

import json
import re
import sys
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

from harness.records import JSON
from harness.suites import HEADER_FILE, PROBES_FILE

FOLDER = Path(__file__).resolve().parent.parent
Line = Mapping[str, JSON]

_NOTE = re.compile(r"^\[\[versions\]\]\nversion = (\d+)\n(?:(?:date|note) = [^\n]*\n)+", re.MULTILINE)


def files(name: str, header: str, lines: Iterable[Line]) -> dict[str, str]:
    """Return a suite's files by name.

    Hashes that the folder's header records are kept: content that changed under a recorded hash is then a mistake,
    until its version is raised.
    """
    recorded = _recorded(FOLDER / name / HEADER_FILE)

    def with_hash(note: re.Match[str]) -> str:
        sha256 = recorded.get(int(note.group(1)))
        return note.group() + (f'hash = "{sha256}"\n' if sha256 else "")

    return {
        HEADER_FILE: _NOTE.sub(with_hash, header),
        PROBES_FILE: "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines),
    }


def _recorded(path: Path) -> dict[int, str]:
    if not path.exists():
        return {}
    notes = tomllib.loads(path.read_text(encoding="utf-8"))["versions"]
    return {note["version"]: note["hash"] for note in notes if "hash" in note}


def write(name: str, made: Mapping[str, str]) -> None:
    """Write a suite's files into its folder."""
    (FOLDER / name).mkdir(exist_ok=True)
    for file, text in made.items():
        (FOLDER / name / file).write_text(text, encoding="utf-8")
    sys.stdout.write(f"wrote {name}: {made[PROBES_FILE].count(chr(10))} probes\n")
