"""Where suites are found, the ones that come with harness, and recording a suite's hash."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from harness.errors import ConfigError
from harness.records import JSON
from harness.suites.form import HEADER_FILE, PROBES_FILE, Suite
from harness.suites.reading import load_suite, shown_path

_PACKAGE = Path(__file__).resolve().parent.parent


def shipped_folder() -> Path:
    """Return the folder of the suites that come with harness: inside the package, or beside it in a checkout."""
    inside = _PACKAGE / "_probes"
    return inside if inside.is_dir() else _PACKAGE.parent / "probes"


def shipped() -> Mapping[str, Path]:
    """Return the folders of the suites that come with harness, by name."""
    folder = shipped_folder()
    if not folder.is_dir():
        return MappingProxyType({})
    return MappingProxyType(
        {path.name: path for path in sorted(folder.iterdir()) if (path / HEADER_FILE).is_file()}
    )


def find_suite(name: str, beside: Path, path: str | None = None) -> Path:
    """Return the folder of a suite that a config names.

    Args:
        name: the suite's name in the config.
        beside: the folder of the config file, which relative paths start from.
        path: the folder the config gives; left out, `probes/<name>` beside the config, else the shipped suite.

    Raises:
        ConfigError: there is no such suite.
    """
    if path is not None:
        return beside / Path(path).expanduser()
    own = beside / "probes" / name
    if own.is_dir():
        return own
    known = shipped()
    if name in known:
        return known[name]
    have = ", ".join(known) or "none"
    raise ConfigError(
        f"suites.{name}: there is no {shown_path(own)} and no suite of that name comes with harness ({have}); "
        "correct the name or give its path"
    )


def record_hash(folder: Path) -> Suite:
    """Write the content hash of a suite's current version into its header, once the suite is free of mistakes.

    Raises:
        ConfigError: the suite has mistakes; among them, content changed after its hash was recorded.
    """
    suite = load_suite(folder)
    if suite.recorded_hash is not None:
        return suite
    path = folder / HEADER_FILE
    text = path.read_text(encoding="utf-8")
    notes = list(re.finditer(r"(?m)^\[\[versions\]\][^\n]*\n(?:(?!\[)[^\n]*\n?)*", text))
    for note in notes:
        if re.search(rf"(?m)^version\s*=\s*{suite.version}\s*(?:#.*)?$", note.group()):
            body = note.group().rstrip("\n")
            line = f'\nhash = "{suite.content_hash}"\n'
            end = note.start() + len(body)
            path.write_text(text[:end] + line + text[end:].removeprefix("\n"), encoding="utf-8")
            return load_suite(folder)
    raise ConfigError(
        f"{shown_path(path)}: versions: cannot find where to write the hash; add "
        f'hash = "{suite.content_hash}" to the note on version {suite.version}'
    )


_NUMBER = "Reply with only the number."
_STOCK: dict[str, JSON] = {"family": "stock", "topic": "gardening", "pair": "stock-1", "depth": 0}
_ADD: dict[str, JSON] = {"family": "arithmetic", "difficulty": 1, "template": "add"}
_EXAMPLE_PROBES: tuple[dict[str, JSON], ...] = (
    {
        "id": "add-fixed", **_ADD, "anchor": True,
        "prompt": f"What is 4 + 3? {_NUMBER}", "grader": "numeric", "target": "7",
    },
    {
        "id": "add-fresh", **_ADD, "draw": {"a": {"int": [2, 9]}, "b": {"int": [2, 9]}},
        "prompt": "What is {a} + {b}? " + _NUMBER, "grader": "numeric", "target": "{a + b}",
    },
    {
        "id": "stock-1-topic", **_STOCK, "arm": "topic",
        "prompt": f"A gardener has 5 seeds and buys 3 more. How many seeds now? {_NUMBER}",
        "grader": "numeric", "target": "8",
    },
    {
        "id": "stock-1-neutral", **_STOCK, "arm": "neutral",
        "prompt": f"A collector has 5 coins and buys 3 more. How many coins now? {_NUMBER}",
        "grader": "numeric", "target": "8",
    },
)  # fmt: skip
EXAMPLE_FILES: Mapping[str, str] = MappingProxyType(
    {
        HEADER_FILE: """\
# A suite: a folder with this header and probes.jsonl, one probe a line.
format = 1                # version of this file format
name = "example"          # the folder's name
version = 1               # raise it with every change of content, and add a note below
title = "An example suite"
description = "Three kinds of probes to start your own from: fixed, freshly drawn, and a matched pair."
licence = "CC0-1.0"
languages = ["en"]
families = ["arithmetic", "stock"]
topics = ["gardening"]
arms = ["topic", "neutral"]     # the sides of a pair: the watched one first, the plain one last

[topic_words]             # must occur on the watched side of a pair, and never on the plain side
gardening = ["seed*", "garden*"]

[parameters]              # of every probe that does not say otherwise
temperature = 0
max_tokens = 24

[[versions]]
version = 1
date = "2026-11-22"
note = "First version."
# hash = "sha256:..."     # once recorded, a change of content without a new version is a mistake
""",
        PROBES_FILE: "".join(json.dumps(probe, ensure_ascii=False) + "\n" for probe in _EXAMPLE_PROBES),
    }
)
"""The files of the example suite that `harness init` writes."""
