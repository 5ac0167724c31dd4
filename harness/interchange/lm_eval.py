"""lm-eval's `samples_<task>_<date>.jsonl` in: one run, of one model on one task."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.endpoints.imported import LABEL_GRADER, Entry, Label
from harness.errors import ConfigError
from harness.graders.base import short
from harness.interchange.datasets import arguments_of
from harness.interchange.logs import Call, Log, SuiteNotes, model_name, name_of, with_id
from harness.interchange.mapping import Mapped
from harness.interchange.reading import LogError, found_json, log_probe, moment_us, read_whole, text_of
from harness.interchange.rows import Faults, Row, read_table
from harness.records import Reply

_NAME = re.compile(r"samples_(.+)_(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d(?:\.\d+)?)\.jsonl(?:\.gz)?")


def looks_like_lm_eval(path: Path) -> bool:
    """Say whether a file looks like lm-eval's samples."""
    if not path.is_file() or not _NAME.fullmatch(path.name):
        return False
    with path.open("rb") as file:
        head = file.read(4_000)
    return head.startswith(b"\x1f\x8b") or b'"doc_id"' in head


def read_lm_eval(path: Path, wanted: Mapped) -> Log:
    """Read lm-eval's samples: their first metric from 0 to 1 as label, or judged by a grader that is named.

    The model's name is in the results file beside it (`results_<date>.json`); without one it is the folder's name, as
    lm-eval makes it of the model's.

    Raises:
        ConfigError: naming the line that cannot be read; nothing was imported.
    """
    named = _NAME.fullmatch(path.name)
    if named is None:
        raise ConfigError(
            f"{path}: must be called samples_<task>_<date>.jsonl as lm-eval does: the time is told by the name alone"
        )
    task, moment = named.groups()
    faults = Faults(str(path))
    table = read_table(path, None, faults)
    day, _, clock = moment.partition("T")
    try:
        at_us = moment_us(f"{day}T{clock.replace('-', ':')}", "the date in its name")
        model, version = _model(path, moment)
    except LogError as error:
        raise ConfigError(f"{path}: {error}; nothing was imported") from None
    suite = name_of(wanted.suite or task)
    first = next((text_of(row.fields, "filter") for row in table.rows), None)
    metrics = {tuple(_metrics(row.fields)) for row in table.rows if text_of(row.fields, "filter") == first}
    scored = any(metrics - {()})
    grader = wanted.grader or (LABEL_GRADER if scored else "refusal")
    seen: dict[str, int] = {}
    calls: list[Call] = []
    left_out = 0
    for row in table.rows:
        if text_of(row.fields, "filter") != first:
            left_out += 1
            continue
        try:
            doc = str(row.fields.get("doc_id"))
            if seen.setdefault(doc, row.line) != row.line:
                raise LogError(f"has the doc_id {short(doc)} of line {seen[doc]}")
            calls.append(_call(row, model, suite, grader, at_us, wanted))
        except LogError as error:
            faults.add(row.line, str(error))
    if faults.found:
        raise ConfigError([*faults.lines(), f"{path}: nothing was imported"])
    notes = ["the time is that of the file's name, taken as UTC"]
    several = sorted({name for names in metrics if len(names) > 1 for name in names})
    if several and grader == LABEL_GRADER:
        taken = ", ".join(sorted({names[0] for names in metrics if names}))
        notes.append(
            f"there are {len(several)} metrics ({', '.join(several)}); taken was the first of each row: {taken}"
        )
    if left_out:
        notes.append(f"{left_out:,} rows of other filters than {first!r} were left out")
    record = {"task": task, "filter": first, "grader": grader, "samples": len(calls)}
    return Log(
        "lm-eval", path.name, table.sha256.removeprefix("sha256:"), f"lm_eval {version}".strip(), record, tuple(calls),
        {suite: SuiteNotes(task)}, tuple(notes),
    )  # fmt: skip


def _model(path: Path, moment: str) -> tuple[str, str]:
    """Return (model, version of lm-eval) from the results beside the samples."""
    results = path.with_name(f"results_{moment}.json")
    if results.is_file():
        data = found_json(read_whole(results), results.name)
        name = text_of(data, "model_name")
        if name:
            return name, text_of(data, "lm_eval_version") or ""
    folder = path.resolve().parent.name
    if not folder:
        raise LogError(f"there is no {results.name} beside it to say which model it was")
    return folder.replace("__", "/"), ""


def _metrics(row: Mapping[str, Any]) -> dict[str, float]:
    """Return the metrics of a row that are a score from 0 to 1, in the log's order: the first is taken."""
    names = row.get("metrics")
    listed = names if isinstance(names, list) else ["acc", "exact_match"]
    found = {name: row.get(name) for name in listed if isinstance(name, str)}
    return {
        name: float(value)
        for name, value in found.items()
        if isinstance(value, int | float) and 0 <= value <= 1
    }


def _call(row: Row, model: str, suite: str, grader: str, at_us: int, wanted: Mapped) -> Call:
    fields = row.fields
    prompt, continuations = arguments_of(fields.get("arguments"))
    probe = log_probe(prompt, fields.get("target"), grader, wanted.options)
    label = None
    if grader == LABEL_GRADER:
        name, score = next(iter(_metrics(fields).items()), (None, None))
        label = Label("no score") if score is None else Label(f"{name}={score:g}", score=score)
    doc = fields.get("doc_id")
    return Call(
        place=f"line {row.line}",
        run="",
        model=model,
        endpoint=model_name(model),
        suite=suite,
        probe=with_id(probe, str(doc) if isinstance(doc, int | str) else None),
        entry=Entry(Reply(text=_answer(fields, continuations)), label),
        at_us=at_us,
    )


def _answer(fields: Mapping[str, Any], continuations: tuple[str, ...]) -> str:
    """Return what was generated, or, where continuations were weighed, the likeliest."""
    resps = fields.get("resps")
    if not isinstance(resps, list) or not resps:
        raise LogError("resps: is missing or empty")
    if len(continuations) == len(resps) > 1:
        weights = [_weight(each) for each in resps]
        return continuations[max(range(len(weights)), key=weights.__getitem__)]
    said: Any = resps
    while isinstance(said, list) and said:
        said = said[0]
    return said if isinstance(said, str) else json.dumps(said)


def _weight(said: Any) -> float:
    while isinstance(said, list) and said:
        said = said[0]
    if isinstance(said, bool) or not isinstance(said, int | float | str):
        raise LogError("resps: holds no log-likelihood where one belongs")
    try:
        return float(said)
    except ValueError:
        raise LogError(f"resps: {short(said)} is no log-likelihood") from None
