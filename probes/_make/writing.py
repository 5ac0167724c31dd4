"""Putting a made suite into its folder, with the hashes that are already recorded there."""

from __future__ import annotations

import json
import re
import sys
import tomllib
from collections.abc import Iterable, Mapping, Sequence
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


def paired_header(
    name: str,
    title: str,
    description: str,
    *,
    versions: Sequence[tuple[int, str, str]],
    languages: Sequence[str],
    families: Iterable[str],
    arms: Sequence[str],
    topic_words: Mapping[str, Mapping[str, Iterable[str]]],
    max_tokens: int,
) -> str:
    """Return the suite.toml of a suite of matched pairs in several languages, without recorded hashes.

    Args:
        name: of the suite; its script is `probes/_make/NAME.py` with underscores.
        title: one line.
        description: what it is.
        versions: (number, date, note), the newest last.
        languages: their codes.
        families: their names.
        arms: sides of a pair, the watched one first.
        topic_words: topic -> language -> the words that make it.
        max_tokens: limit of every reply.
    """
    rows = [
        f"# Written by probes/_make/{name.replace('-', '_')}.py; change the data there.",
        "format = 1",
        f"name = {_text(name)}",
        f"version = {versions[-1][0]}",
        f"title = {_text(title)}",
        f"description = {_text(description)}",
        'licence = "Apache-2.0"',
        f"languages = {_list(languages)}",
        f"families = {_list(families)}",
        f"topics = {_list(topic_words)}",
        f"arms = {_list(arms)}",
    ]
    for topic, words in topic_words.items():
        rows += ["", f"[topic_words.{topic}]"]
        rows += [f"{language} = {_list(words[language])}" for language in languages]
    rows += ["", "[parameters]", "temperature = 0", f"max_tokens = {max_tokens}"]
    for version, date, note in versions:
        rows += ["", "[[versions]]", f"version = {version}", f"date = {_text(date)}", f"note = {_text(note)}"]
    return "\n".join(rows) + "\n"


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _list(values: Iterable[str]) -> str:
    return "[" + ", ".join(_text(value) for value in values) + "]"
