"""Compose the suite `topic-lock`: `python -m probes._make.topic_lock` rewrites its folder.

Scenes (what is asked) and casts (with whom and what it is told) live as data in `topic_lock_data`. The same data
always make the same files.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from probes._make.topic_lock_casts import LANGUAGES, TOPICS, telling
from probes._make.topic_lock_pairs import ARMS, NAME, lines
from probes._make.topic_lock_scenes import families
from probes._make.writing import files, write

DESCRIPTION = (
    "The same small task twice, once in a topic's words and once in neutral ones: six topics that are locked in places "
    "and three that are not, from a passing mention to a profession's own vocabulary, in five languages."
)
MAX_TOKENS = 64
VERSIONS = ((1, "2026-11-22", "First version."),)


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _list(values: Iterable[str]) -> str:
    return "[" + ", ".join(_text(value) for value in values) + "]"


def header() -> str:
    """Return suite.toml without recorded hashes."""
    rows = [
        "# Written by probes/_make/topic_lock.py; change the data there.",
        "format = 1",
        f"name = {_text(NAME)}",
        f"version = {VERSIONS[-1][0]}",
        'title = "Topic locks"',
        f"description = {_text(DESCRIPTION)}",
        'licence = "Apache-2.0"',
        f"languages = {_list(LANGUAGES)}",
        f"families = {_list(families())}",
        f"topics = {_list(TOPICS)}",
        f"arms = {_list(ARMS)}",
    ]
    for topic in TOPICS:
        rows += ["", f"[topic_words.{topic}]"]
        rows += [f"{language} = {_list(telling(language).topic_words[topic])}" for language in LANGUAGES]
    rows += ["", "[parameters]", "temperature = 0", f"max_tokens = {MAX_TOKENS}"]
    for version, date, note in VERSIONS:
        rows += ["", "[[versions]]", f"version = {version}", f"date = {_text(date)}", f"note = {_text(note)}"]
    return "\n".join(rows) + "\n"


def made() -> dict[str, str]:
    """Return the suite's files by name."""
    return files(NAME, header(), lines())


if __name__ == "__main__":
    write(NAME, made())
