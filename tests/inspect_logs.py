"""Run by a test in a process of its own: Inspect AI writes logs, and reads one of ours.

Usage: python inspect_logs.py FOLDER OUR_LOG.json; prints JSON about what it wrote and read.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def main(folder: Path, ours: Path) -> None:
    from inspect_ai.log import (
        EvalConfig,
        EvalDataset,
        EvalLog,
        EvalSample,
        EvalSpec,
        list_eval_logs,
        read_eval_log,
        write_eval_log,
    )
    from inspect_ai.model import ChatMessageSystem, ChatMessageUser, ModelOutput, ModelUsage
    from inspect_ai.scorer import Score

    def sample(number: int, value: object, text: str, **more: object) -> EvalSample:
        output = ModelOutput.from_content("m/small", text, stop_reason=more.pop("stop", "stop"))  # type: ignore[arg-type]
        output.usage = ModelUsage(input_tokens=5, output_tokens=2, total_tokens=7, input_tokens_cache_read=3)
        scores = None if value is None else {"match": Score(value=value)}  # type: ignore[arg-type]
        return EvalSample(
            id=number, epoch=1, input=more.pop("input", f"How much is {number} + 1?"), target=str(number + 1),  # type: ignore[arg-type]
            output=output, scores=scores, metadata={"family": "sums", "topic": "numbers"}, **more,  # type: ignore[arg-type]
        )  # fmt: skip

    samples = [
        sample(1, "C", "2"),
        sample(2, "I", "7"),
        sample(
            3,
            0.5,
            "perhaps 4",
            input=[ChatMessageSystem(content="Be brief."), ChatMessageUser(content="3 + 1?")],
        ),
        sample(4, float("nan"), "5"),
        sample(5, "I", "", stop="content_filter"),
    ]
    log = EvalLog(
        status="success",
        eval=EvalSpec(
            created="2026-01-05T08:00:00+00:00", task="pkg/sums", dataset=EvalDataset(name="sums"), model="m/small",
            config=EvalConfig(), packages={"inspect_ai": "9.9"},
        ),
        samples=samples,
    )  # fmt: skip
    for form in ("eval", "json"):
        write_eval_log(log, str(folder / f"log.{form}"), format=form)
    read = read_eval_log(str(ours))
    told = {
        "listed": len(list_eval_logs(str(ours.parent))),
        "status": read.status,
        "model": read.eval.model,
        "task": read.eval.task,
        "samples": [
            {
                "id": each.id,
                "epoch": each.epoch,
                "value": {name: score.value for name, score in (each.scores or {}).items()},
                "completion": each.output.completion,
                "error": each.error.message if each.error else None,
                "stop": each.output.choices[0].stop_reason if each.output.choices else None,
            }
            for each in read.samples or []
        ],
    }
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
