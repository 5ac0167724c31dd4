"""Compose the suite `capability`: `python -m probes._make.capability` rewrites its folder.

Each template is a `Task`. Some of its draws are fixed here as anchors; its fresh probes are drawn anew for every run.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from harness.records import JSON, Probe
from harness.suites.expressions import ExpressionError, Value
from harness.suites.fresh import Template, rendered
from harness.suites.header import Header
from harness.suites.lines import read_line
from harness.suites.mistakes import Mistakes
from probes._make.capability_dates import dates_and_units
from probes._make.capability_format import format_constraints
from probes._make.capability_languages import LANGUAGES, multilingual
from probes._make.capability_long import long_context
from probes._make.capability_numbers import arithmetic, word_problems
from probes._make.capability_reading import code_reading
from probes._make.capability_reasoning import logic
from probes._make.capability_tables import table_lookup
from probes._make.capability_tasks import Task
from probes._make.capability_writing import code_writing
from probes._make.writing import Line, files, write

NAME = "capability"
FAMILIES = (
    "arithmetic", "word-problems", "logic", "dates-and-units", "table-lookup", "code-reading", "code-writing",
    "format-constraints", "long-context", "multilingual",
)  # fmt: skip
MAX_TOKENS = {1: 64, 2: 64, 3: 400, 4: 600, 5: 1_200, 6: 2_000}
"""Room for an answer by rung; the upper rungs leave room for thinking."""
CODE_TOKENS = {1: 200, 2: 300, 3: 500, 4: 800}
DESCRIPTION = (
    "Short verifiable tasks in ten families, each a ladder of six rungs, from what a very small model can do to what "
    "the largest sometimes get wrong, as fixed anchors and fresh isomorphs of the same templates."
)
HEADER = f"""\
# Written by probes/_make/capability.py: change it there.
format = 1
name = "{NAME}"
version = 3
title = "Capability ladders, in full"
description = "{DESCRIPTION}"
licence = "Apache-2.0"
languages = {json.dumps(LANGUAGES)}
families = {json.dumps(FAMILIES)}

[parameters]
temperature = 0

[[versions]]
version = 1
date = "2026-11-22"
note = "The small suite that is called capability-quick now."

[[versions]]
version = 2
date = "2026-11-22"
note = "The full suite."

[[versions]]
version = 3
date = "2026-11-22"
note = "Easier first rungs, with worked examples; names of the examples are read as answers."
"""


def tasks() -> Iterator[Task]:
    """Yield every template, family by family."""
    for family in (
        arithmetic, word_problems, logic, dates_and_units, table_lookup, code_reading, code_writing, format_constraints,
        long_context, multilingual,
    ):  # fmt: skip
        yield from family()


def template_line(task: Task, variant: int = 1) -> dict[str, JSON]:
    """Return the line of a fresh probe."""
    turns: list[JSON] = []
    if task.example:
        turns += [
            {"role": "user", "content": task.example[0].replace("{", "{{").replace("}", "}}")},
            {"role": "assistant", "content": task.example[1]},
        ]
    tokens = task.max_tokens or MAX_TOKENS[task.rung]
    if task.family == "code-writing":
        tokens = CODE_TOKENS.get(task.rung, MAX_TOKENS[task.rung])
    line: dict[str, JSON] = {
        "id": "-".join(filter(None, (task.template, task.language, f"f{variant}"))),
        "family": task.family,
        "difficulty": task.rung,
        "template": task.template,
    }
    if variant > 1:
        line["variant"] = variant
    if task.language:
        line["language"] = task.language
    line["draw"] = dict(task.draw)
    if task.where:
        line["where"] = list(task.where)
    if turns:
        line["messages"] = [*turns, {"role": "user", "content": task.prompt}]
    else:
        line["prompt"] = task.prompt
    line["grader"] = task.grader
    if task.target:
        line["target"] = task.target if isinstance(task.target, str) else list(task.target)
    if task.options:
        line["options"] = task.options
    return line | {"parameters": {"max_tokens": tokens}}


def read(line: Line) -> tuple[Probe, Template]:
    """Return a fresh probe's line as the suite's reader sees it.

    Raises:
        ValueError: it is no valid line.
    """
    mistakes = Mistakes()
    item = read_line(line, 1, str(line["id"]), Header(languages=LANGUAGES, families=FAMILIES), mistakes)
    if item is None or item.template is None:
        raise ValueError("; ".join(mistakes.lines))
    return item.probe, item.template


def draws(task: Task, salt: str) -> Iterator[tuple[dict[str, Value], Probe]]:
    """Yield draws of a template that keep its conditions, with what they make of it; no end."""
    probe, template = read(template_line(task))
    attempt = 0
    while True:
        attempt += 1
        try:
            values = template.draw(salt, 0, attempt)
            if template.holds(values):
                yield values, rendered(probe, values)
        except ExpressionError:
            continue


def anchor_lines(task: Task) -> Iterator[Line]:
    """Yield a template's anchors: draws of different texts and, where there are two, different answers."""
    line = template_line(task)
    seen: list[Probe] = []
    for tries, (_, probe) in enumerate(draws(task, "anchors")):
        alike = any(
            other.target == probe.target and other.target and other.options == probe.options for other in seen
        )
        if any(other.messages == probe.messages for other in seen) or (alike and tries < 50):
            continue
        seen.append(probe)
        if len(seen) == task.anchors:
            break
    for number, probe in enumerate(seen, start=1):
        made = {key: value for key, value in line.items() if key not in ("draw", "where", "variant")}
        made["id"] = str(line["id"]).removesuffix("f1") + f"a{number}"
        if "messages" in made:
            made["messages"] = [{"role": turn.role, "content": turn.content} for turn in probe.messages]
        else:
            made["prompt"] = probe.messages[0].content
        if "target" in made:
            made["target"] = probe.target[0] if isinstance(task.target, str) else list(probe.target)
        if "options" in made:
            made["options"] = dict(probe.options)
        place = list(made).index("template")
        items = list(made.items())
        yield dict([*items[:place], ("anchor", True), *items[place:]])


def lines(given: Iterable[Task] | None = None) -> Iterator[Line]:
    """Yield the suite's probes: per template its anchors, then its fresh ones."""
    for task in tasks() if given is None else given:
        yield from anchor_lines(task)
        for variant in range(1, task.fresh + 1):
            yield template_line(task, variant)


def made() -> dict[str, str]:
    """Return the suite's files."""
    return files(NAME, HEADER, lines())


if __name__ == "__main__":
    write(NAME, made())
