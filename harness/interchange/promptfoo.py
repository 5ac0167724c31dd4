"""promptfoo's results (`promptfoo eval --output results.json`) in: one run per provider."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.endpoints.imported import LABEL_GRADER, Entry, Label
from harness.errors import ConfigError
from harness.graders.base import short
from harness.interchange.logs import Call, Log, SuiteNotes, name_of, with_id
from harness.interchange.mapping import Mapped
from harness.interchange.reading import (
    LogError,
    count_of,
    found_json,
    log_probe,
    moment_us,
    read_whole,
    real_of,
    text_of,
)
from harness.records import Reply, Usage

_ERROR = 2
"""`failureReason`: the call itself went wrong; an assertion that failed is 1."""


def looks_like_promptfoo(path: Path) -> bool:
    """Say whether a file looks like promptfoo's results."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(20_000)
    told = (b'"evalId"' in head, b'"promptIdx"' in head, b'"promptId"' in head, b'"testIdx"' in head)
    return head.lstrip()[:1] == b"{" and b'"results"' in head and any(told)


def read_promptfoo(path: Path, wanted: Mapped) -> Log:
    """Read promptfoo's results: their scores as labels, or judged by a grader that is named.

    Raises:
        ConfigError: naming the result that cannot be read; nothing was imported.
    """
    try:
        data = read_whole(path)
        return _log(path, data, found_json(data, "the file"), wanted)
    except LogError as error:
        raise ConfigError(f"{path}: {error}; nothing was imported") from None


def _log(path: Path, data: bytes, outer: Mapping[str, Any], wanted: Mapped) -> Log:
    summary = outer.get("results")
    summary = summary if isinstance(summary, Mapping) else outer
    results = summary.get("results")
    if not isinstance(results, list) or not results:
        raise LogError("results.results: must be a list of results; it is missing or empty")
    at_us = moment_us(summary.get("timestamp"), "results.timestamp")
    config = outer.get("config")
    described = text_of(config, "description") if isinstance(config, Mapping) else None
    suite = name_of(wanted.suite or described or path.name.split(".")[0])
    grader = wanted.grader or LABEL_GRADER
    calls: list[Call] = []
    for number, result in enumerate(results, 1):
        try:
            if not isinstance(result, Mapping):
                raise LogError("must be an object")
            calls.append(_call(f"result {number}", result, suite, grader, at_us, wanted))
        except LogError as error:
            raise LogError(f"result {number}: {error}") from None
    record = {
        "eval_id": text_of(outer, "evalId") or "",
        "version": summary.get("version") if isinstance(summary.get("version"), int) else None,
        "grader": grader,
        "results": len(calls),
    }
    metadata = outer.get("metadata")
    version = text_of(metadata, "promptfooVersion") if isinstance(metadata, Mapping) else None
    return Log(
        "promptfoo", path.name, hashlib.sha256(data).hexdigest(), f"promptfoo {version or ''}".strip(), record,
        tuple(calls), {suite: SuiteNotes(described or suite)},
        ("promptfoo keeps one time for all results: that of the evaluation",),
    )  # fmt: skip


def _call(place: str, result: Mapping[str, Any], suite: str, grader: str, at_us: int, wanted: Mapped) -> Call:
    provider = result.get("provider")
    told = provider if isinstance(provider, Mapping) else {"id": provider}
    model = text_of(told, "id")
    if not model:
        raise LogError("provider: names no id")
    prompt = result.get("prompt")
    raw = text_of(prompt, "raw") if isinstance(prompt, Mapping) else None
    if raw is None:
        raise LogError("prompt.raw: is missing")
    case = result.get("testCase")
    metadata = case.get("metadata") if isinstance(case, Mapping) else None
    target = None
    if grader not in (LABEL_GRADER, "refusal"):
        target = _target(case)
    probe = log_probe(_messages(raw), target, grader, wanted.options, metadata)
    response = result.get("response")
    response = response if isinstance(response, Mapping) else {}
    usage = response.get("tokenUsage")
    usage = usage if isinstance(usage, Mapping) else {}
    error = text_of(response, "error") or text_of(result, "error")
    # An assertion that fails leaves its words in `error` too: only a failed call has no output.
    failed = result.get("failureReason") == _ERROR or ("output" not in response and error is not None)
    output = response.get("output")
    text = (
        output
        if isinstance(output, str)
        else ""
        if output is None
        else json.dumps(output, ensure_ascii=False)
    )
    label = None
    if grader == LABEL_GRADER:
        score = real_of(result, "score")
        if score is None or score > 1:
            passed = result.get("success")
            score = float(passed) if isinstance(passed, bool) else None
        label = Label("no score" if score is None else f"score={score:g}", score=score)
    return Call(
        place=place,
        run=model,
        model=model,
        endpoint=name_of(text_of(told, "label") or model.rpartition(":")[2] or model),
        suite=suite,
        probe=with_id(probe, None),
        entry=Entry(
            Reply(
                text=text,
                finish_reason=text_of(response, "finishReason"),
                usage=Usage(count_of(usage, "prompt"), count_of(usage, "completion")),
            ),
            label,
            (error or "the call went wrong") if failed else None,
            real_of(result, "cost"),
        ),
        at_us=at_us,
        latency_ms=real_of(result, "latencyMs") or 0.0,
    )


def _messages(raw: str) -> object:
    """Return a prompt's messages, where it is a chat written as JSON."""
    if raw.lstrip().startswith("["):
        try:
            value = json.loads(raw)
        except (ValueError, RecursionError):
            return raw
        if (
            isinstance(value, list)
            and value
            and all(isinstance(each, Mapping) and "role" in each for each in value)
        ):
            return value
    return raw


def _target(case: object) -> object:
    """Return what the test's assertions accept, for a grader to compare with."""
    listed = case.get("assert") if isinstance(case, Mapping) else None
    found = [
        each["value"]
        for each in (listed if isinstance(listed, list) else [])
        if isinstance(each, Mapping)
        and each.get("type") in ("equals", "contains", "icontains")
        and "value" in each
    ]
    if not found:
        raise LogError(
            f"has no assertion that states the right answer (equals, contains), got {short(listed)}"
        )
    return found
