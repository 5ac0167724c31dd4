"""Our observations as Inspect AI logs: one JSON log for each run, endpoint and suite, written without the package."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness import __version__
from harness.errors import UsageError
from harness.graders.base import short
from harness.interchange.exporting import Choice, chosen_runs, whole
from harness.interchange.logs import name_of
from harness.observe import read_reply
from harness.records import Outcome, Probe, utc_text
from harness.store import EndpointRecord, RunInfo, Store, Stored

_VERSION = 2
"""Of Inspect's log format."""
_STOP = {Outcome.TRUNCATED: "max_tokens", Outcome.ANSWERED: "stop", Outcome.UNPARSED: "stop"}
_TAGS = ("family", "topic", "arm", "pair", "language", "kind")


def export_inspect(store: Store, choice: Choice, folder: Path, *, force: bool = False) -> dict[str, int]:
    """Write the chosen runs as Inspect logs into a folder: all of them whole, or none.

    A sample is a probe, its epochs are the repetitions. The score is ours; an exchange without one (a refusal, an
    answer that could not be read) scores 0 and says its outcome in the explanation; a failed one is a sample with an
    error.

    Args:
        store: open for reading.
        choice: which runs, and what of them.
        folder: made if need be.
        force: whether to replace files that are there.

    Returns:
        File name -> samples in it.

    Raises:
        UsageError: files are there already, or the folder cannot be written to.
        EvidenceError: no run is chosen.
    """
    written: dict[str, int] = {}
    with whole(folder) as unfinished:
        for run_id in chosen_runs(store, choice):
            for name, log in _logs(store, choice, run_id).items():
                if (folder / name).exists() and not force:
                    raise UsageError(
                        f"{folder / name}: already there; --force replaces, or name another folder"
                    )
                text = json.dumps(log, ensure_ascii=True, allow_nan=False)
                (unfinished / name).write_text(text + "\n", encoding="ascii")
                written[name] = len(log["samples"])
    return written


def _logs(store: Store, choice: Choice, run_id: int) -> dict[str, dict[str, Any]]:
    """Return the logs of one run by file name."""
    info = store.run_info(run_id)
    probes = {(used.name, probe.id): probe for used in store.suites(run_id) for probe in used.probes}
    versions = {used.name: used.version for used in store.suites(run_id)}
    endpoints = {each.name: each for each in store.endpoints(run_id)}
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    graders: dict[tuple[str, str], str] = {}
    for stored in store.exchanges(run_id):
        exchange = stored.exchange
        left_out = (choice.endpoints is not None and exchange.endpoint not in choice.endpoints) or (
            choice.suites is not None and exchange.suite not in choice.suites
        )
        if left_out or stored.observation is None:
            continue
        probe = probes[exchange.suite, exchange.probe_id]
        key = (exchange.endpoint, exchange.suite)
        graders.setdefault(key, probe.grader)
        found.setdefault(key, []).append(_sample(stored, probe, endpoints[exchange.endpoint].model))
    # Inspect finds JSON logs by names of this form: time, task, id.
    stamp = utc_text(info.started_us)[:19].replace(":", "-") + "+00-00"
    return {
        f"{stamp}_{name_of(suite)}_run{run_id}-{name_of(endpoint)}.json": _log(
            info, endpoints[endpoint], suite, versions[suite], graders[endpoint, suite], samples
        )
        for (endpoint, suite), samples in found.items()
    }


def _log(
    info: RunInfo,
    endpoint: EndpointRecord,
    suite: str,
    version: int,
    grader: str,
    samples: list[dict[str, Any]],
) -> dict[str, Any]:
    started = utc_text(info.started_us)
    ended = utc_text(info.finished_us or info.started_us)
    scored = [score["value"] for sample in samples for score in (sample["scores"] or {}).values()]
    accuracy = sum(scored) / len(scored) if scored else 0.0
    return {
        "version": _VERSION,
        "status": "success" if info.status.value == "done" else "cancelled",
        "eval": {
            "eval_id": info.hash[:22],
            "run_id": info.hash[22:44],
            "created": started,
            "task": suite,
            "task_id": f"run{info.run_id}-{endpoint.name}",
            "task_version": version,
            "dataset": {
                "name": suite,
                "samples": len({sample["id"] for sample in samples}),
                "sample_ids": sorted({sample["id"] for sample in samples}),
            },
            "model": endpoint.model,
            "config": {"epochs": max((sample["epoch"] for sample in samples), default=1)},
            "packages": {"harness": __version__},
            "metadata": {
                "harness_run": info.run_id,
                "harness_run_hash": info.hash,
                "endpoint": endpoint.name,
            },
        },
        "plan": {"name": "harness", "steps": [], "config": {}},
        "results": {
            "total_samples": len(samples),
            "completed_samples": len(scored),
            "scores": [
                {
                    "name": grader,
                    "scorer": grader,
                    "params": {},
                    "metrics": {"accuracy": {"name": "accuracy", "value": accuracy, "params": {}}},
                }
            ],
        },
        "stats": {"started_at": started, "completed_at": ended, "model_usage": {}},
        "samples": samples,
    }


def _sample(stored: Stored, probe: Probe, model: str) -> dict[str, Any]:
    exchange, seen = stored.exchange, stored.observation
    assert seen is not None
    reply = read_reply(exchange)
    text = _clean(reply.text if reply is not None else "")
    asked = [{"role": each.role, "content": _clean(each.content)} for each in probe.messages]
    answer = {"role": "assistant", "content": text, "source": "generate", "model": model}
    refused_by_filter = seen.outcome is Outcome.REFUSED and seen.source == "provider"
    stop = "content_filter" if refused_by_filter else _STOP.get(seen.outcome, "unknown")
    failed = seen.outcome is Outcome.FAILED
    timing = exchange.timing
    usage = {"input_tokens": seen.input_tokens or 0, "output_tokens": seen.output_tokens or 0}
    metadata: dict[str, Any] = {name: getattr(probe, name) for name in _TAGS if getattr(probe, name)}
    metadata |= {"outcome": seen.outcome.value, "call_id": exchange.call_id, "exchange_sha256": stored.hash}
    return {
        "id": probe.id,
        "epoch": exchange.sample + 1,
        "input": asked[0]["content"] if len(asked) == 1 and asked[0]["role"] == "user" else asked,
        "target": [_clean(each) for each in probe.target] or "",
        "messages": [*asked, answer],
        "output": {
            "model": _clean(seen.served_model or model),
            "choices": [] if failed else [{"message": answer, "stop_reason": stop}],
            "completion": "" if failed else text,
            "usage": {**usage, "total_tokens": usage["input_tokens"] + usage["output_tokens"]},
            "time": timing.total_ms / 1000,
        },
        "scores": None if failed else {probe.grader: _score(stored)},
        "metadata": metadata,
        "started_at": utc_text(timing.sent_us),
        "completed_at": utc_text(timing.sent_us + round(timing.total_ms * 1000)),
        "total_time": timing.total_ms / 1000,
        "error": _error(seen.reason or "failed", seen.evidence) if failed else None,
    }


def _score(stored: Stored) -> Mapping[str, Any]:
    seen = stored.observation
    assert seen is not None
    return {
        "value": seen.score if seen.score is not None else 0,
        "answer": None if seen.answer is None else _clean(seen.answer),
        "explanation": f"{seen.outcome.value}: {seen.rule}: {_clean(seen.evidence)}",
    }


def _error(reason: str, evidence: str) -> Mapping[str, str]:
    return {"message": f"{reason}: {short(_clean(evidence))}", "traceback": "", "traceback_ansi": ""}


def _clean(text: str) -> str:
    """Return text as every JSON reader takes it: lone surrogates become their escapes."""
    return text.encode("utf-8", "backslashreplace").decode()
