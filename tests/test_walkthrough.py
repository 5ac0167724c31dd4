"""docs/walkthrough-recorded-data.md: its commands give the figures it prints."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from harness.cli import run as harness
from harness.interchange.mapping import FIELDS, OUTCOMES, load_mapping
from harness.store import Store

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "walkthrough-recorded-data.md").read_text(encoding="utf-8")
DATA = ROOT / "../shared/data"


def figures(line: str) -> list[str]:
    """Return the words of a line up to its interval: how intervals are made may be improved."""
    return line.partition("[")[0].split()


def test_the_walkthrough_gives_the_figures_it_prints(tmp_path, monkeypatch, capsys) -> None:
    """Every command runs, in order, and every line printed under it is in its output, in order."""
    if not (DATA / "llmdrift").is_dir() or not (DATA / "speechmap").is_dir():
        pytest.skip("the recorded data of LLMDrift and SpeechMap is not at ../shared/data")
    (tmp_path / "data").symlink_to(DATA.resolve())
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    monkeypatch.chdir(tmp_path)
    commands = 0
    for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL):
        for command, *printed in (
            part.splitlines() for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]
        ):
            assert harness(shlex.split(command)[1:]) == 0, command
            shown = iter([figures(line) for line in capsys.readouterr().out.splitlines()])
            for line in printed:
                if line.startswith(("endpoint ", "intact:")):
                    continue  # a heading; counts of rows, which grow with the schema
                assert figures(line) in shown, f"{command}: {line}"
            commands += 1
    assert commands == 13
    with Store.open(Path("recorded.db"), mode="read") as store:
        assert store.verify().ok
        assert store.tallies().empty


def test_the_mapping_files_in_the_docs_are_sound() -> None:
    """Every example is a mapping that can be read."""
    examples = sorted((ROOT / "docs" / "examples").glob("*.toml"))
    assert len(examples) >= 5
    for path in examples:
        assert {"model", "prompt", "answer", "at"} <= load_mapping(path).fields.keys()


def test_every_field_of_a_mapping_is_documented() -> None:
    """docs/import.md has a line for each field, and names each outcome."""
    text = (ROOT / "docs" / "import.md").read_text(encoding="utf-8")
    for name, meaning in FIELDS.items():
        assert f"| `{name}` | {meaning} |" in text
    for outcome in OUTCOMES:
        assert f"`{outcome}`" in text
