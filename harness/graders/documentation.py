"""docs/graders.md, made from the graders themselves: `python -m harness.graders.documentation > docs/graders.md`."""

from __future__ import annotations

import json
import sys

from harness.graders import GRADERS
from harness.graders.base import Example, Grader

_OPENING = """# Graders

A grader reads an answer and gives it a score from 0 to 1, or none at all: *unparsed*, when no answer can be
read in it. Unparsed is neither right nor wrong, and reports count it apart. Graders are pure (the same text,
target and options give the same grade, with no call and no clock), their work is bounded on any text, and
each has a version that is raised with any change that can change a score. The version is stored with every
observation, and `harness regrade` applies a new one to stored evidence.

A probe names its grader, the accepted answers (`target`, the first being the canonical one) and the grader's
`options`. `harness check` turns away targets and options that a grader cannot use.

This page is made from the graders: their tables of examples are also their tests.
"""


def _cell(text: str) -> str:
    """Return text as inline code that a table cell can hold."""
    shown = (
        json.dumps(text, ensure_ascii=False)[1:-1]
        .replace('\\"', '"')
        .replace("|", "\\|")
        .replace("\\\\", "\\")
    )
    return f"`` {shown} ``" if "`" in shown else f"`{shown}`" if shown else "(blank)"


def _score(example: Example) -> str:
    return "unparsed" if example.score is None else f"{example.score:g}"


def _section(grader: Grader) -> str:
    lines = [f"## {grader.name}", "", f"Version {grader.version}. {grader.summary}", ""]
    if grader.notes:
        lines += [grader.notes, ""]
    if grader.options:
        lines += ["| option | value | meaning |", "| --- | --- | --- |"]
        lines += [f"| `{option.name}` | {option.kind} | {option.summary} |" for option in grader.options]
        lines.append("")
    lines += ["| answer | target | options | score |", "| --- | --- | --- | --- |"]
    for example in grader.examples:
        target = ", ".join(_cell(item) for item in example.target) or "(none)"
        options = _cell(json.dumps(example.options, ensure_ascii=False)) if example.options else ""
        lines.append(f"| {_cell(example.text)} | {target} | {options} | {_score(example)} |")
    return "\n".join(lines) + "\n"


def markdown() -> str:
    """Return the whole page."""
    return "\n".join([_OPENING, *(_section(grader) for grader in GRADERS.values())])


if __name__ == "__main__":
    sys.stdout.write(markdown())
