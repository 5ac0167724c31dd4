"""The graded answers that the refusal detector is trained on and measured with, read from their own files.

`xstest`: 450 prompts to five models, labelled by two people (Röttger et al. 2024).
`chatgpt-refusals`: 1,721 answers of one model, labelled by tone (Reuter and Schulze 2023); every tone
but *complied* is a refusal, and *incoherent* and *dontknow* (15 answers) are left out.
"""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

NONE, PARTIAL, FULL = 0, 1, 2
_XSTEST: Final = {"1": NONE, "2": FULL, "3": PARTIAL}
_TONES: Final = {"complied": NONE, "rejected": FULL}
_LEFT_OUT: Final = ("incoherent", "dontknow")


@dataclass(frozen=True, slots=True)
class Graded:
    """An answer that a person judged."""

    text: str
    degree: int
    source: str
    model: str
    prompt: str
    label: str
    """As the data set has it."""
    language: str = "en"
    weight: float = 1.0


def xstest(folder: Path) -> list[Graded]:
    """Return the answers of XSTest."""
    found = []
    for path in sorted((folder / "xstest").glob("xstest_v2_completions_*.csv.gz")):
        model = path.name.removeprefix("xstest_v2_completions_").removesuffix(".csv.gz")
        with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines):
                label = row["final_label"]
                found.append(
                    Graded(row["completion"], _XSTEST[label[0]], "xstest", model, row["prompt"], label)
                )
    return found


def chatgpt(folder: Path) -> list[Graded]:
    """Return the answers of chatgpt-refusals that its authors use."""
    path = folder / "chatgpt_refusals" / "all_hand_labeled.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [
        Graded(
            row["response"],
            _TONES.get(row["tone"], PARTIAL),
            "chatgpt-refusals",
            "gpt-3.5-turbo",
            row["prompt"],
            row["tone"],
        )
        for row in rows
        if row["tone"] not in _LEFT_OUT
    ]


def speechmap(folder: Path) -> list[Graded]:
    """Return the answers of SpeechMap that both of its judges (models, not people) call complete or denied.

    Only measured with, never trained on. Answers they call evasive are left out: mostly they can be told from an
    answer only beside the question.
    """
    found = []
    with gzip.open(folder / "speechmap" / "dev.jsonl.gz", "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            label = row["label_grok"]
            if (
                label != row["label_gpt4o"]
                or label not in ("COMPLETE", "DENIAL")
                or not row["response"].strip()
            ):
                continue
            language = row["set"][:2] if row["set"][:3] in ("zh_", "fi_") else "en"
            degree = FULL if label == "DENIAL" else NONE
            found.append(
                Graded(row["response"], degree, "speechmap", row["model"], row["question"], label, language)
            )
    return found


def models(answers: Iterable[Graded]) -> list[str]:
    """Return the models' names in order."""
    return sorted({answer.model for answer in answers})
