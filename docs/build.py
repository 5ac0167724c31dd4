"""Writes the generated pages of docs/, or checks that they are as generated: `python -m docs.build [--check]`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import typer.main

from harness.cli import app
from harness.config.docs import config_page
from harness.findings.page import page as finding_page
from harness.graders.documentation import markdown as grader_page
from harness.interchange.page import SCHEMA_FILE, schema_text
from harness.interchange.page import page as data_format_page
from harness.outcomes.page import render as outcome_page
from harness.rehearsal.documentation import rehearsal_page

DOCS = Path(__file__).parent
ROOT = DOCS.parent


def command_line() -> str:
    """Return docs/cli.md: the contract's frame by hand, every command's own help below it."""
    command = typer.main.get_command(app)
    parts = [
        "# Command line",
        "",
        "Scripts may depend on these names, on the JSON and on the exit codes; they are extended, not broken.",
        "",
        "Every command takes `--config` (default `./config.toml`) and `--db`. Long work shows a bar on a terminal and",
        "plain lines elsewhere, on stderr. With `--json`, stdout carries data and nothing else.",
        "Times are UTC, ISO 8601.",
        "",
        "| exit code | meaning |",
        "|---|---|",
        "| 0 | done |",
        "| 1 | anything not named below: a database that cannot be read, a run that was stopped before its end |",
        "| 2 | usage or config: the command, config.toml, a suite or a key has a mistake; each is one line on stderr |",
        "| 3 | `--fail-on-findings` was given and there is a finding of change |",
        "| 4 | the evidence is insufficient for what was asked: nothing was measured, or there is nothing to compare |",
        "",
    ]
    for name, help_text in _helps(command, "harness"):
        parts += [f"## {name}", "", "```text", help_text.rstrip(), "```", ""]
    return "\n".join(parts)


def _helps(command: object, name: str) -> Iterator[tuple[str, str]]:
    context = command.make_context(name, ["--help"], resilient_parsing=True)  # type: ignore[attr-defined]
    context.terminal_width = context.max_content_width = 100
    children = getattr(command, "commands", {})
    if not children:
        yield name, command.get_help(context)  # type: ignore[attr-defined]
    for child, sub in children.items():
        yield from _helps(sub, f"{name} {child}")


def pages() -> dict[Path, Callable[[], str]]:
    """Return every generated file with what makes it."""
    return {
        DOCS / "cli.md": command_line,
        DOCS / "config.md": config_page,
        DOCS / "data-format.md": data_format_page,
        DOCS / SCHEMA_FILE: schema_text,
        DOCS / "findings.md": finding_page,
        DOCS / "graders.md": grader_page,
        DOCS / "outcomes.md": outcome_page,
        DOCS / "rehearsal.md": rehearsal_page,
    }


def main(check: bool) -> int:
    """Write the pages, or say which are out of date."""
    stale: list[Path] = []
    for path, make in pages().items():
        text = make()
        if check:
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                stale.append(path)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    for path in stale:
        sys.stderr.write(f"{path.relative_to(ROOT)} is out of date: make docs\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
