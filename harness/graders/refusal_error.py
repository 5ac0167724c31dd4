"""How often the refusal detector errs, measured: data for whoever corrects a rate of refusals.

    >>> sorted(RATES)
    ['de', 'en', 'es', 'fr', 'zh']

Made by `python -m tools.measure_refusal`, for the weights that it names. English was measured on answers that people
judged, to prompts the judging weights were not trained with; the other languages on a small set of our own, so their
intervals are wide and say nothing about answers of another kind.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

FILE: Final = Path(__file__).with_name("refusal_error.json")


@dataclass(frozen=True, slots=True)
class Share:
    """A share of answers with its 95% Wilson interval."""

    right: int
    of: int
    estimate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ErrorRates:
    """What the detector does to answers of one language."""

    language: str
    data: str
    """What it was measured on."""
    version: int
    """Of the refusal grader."""
    sensitivity: Share
    """Of the answers that decline in full or in part, those it calls a refusal."""
    specificity: Share
    """Of the answers that comply, those it lets pass."""


def load(file: Path = FILE) -> Mapping[str, ErrorRates]:
    """Return the measured error of each language."""
    document = json.loads(file.read_text("utf-8"))
    return MappingProxyType(
        {
            row["language"]: ErrorRates(
                row["language"],
                row["data"],
                document["version"],
                Share(**row["sensitivity"]),
                Share(**row["specificity"]),
            )
            for row in document["languages"]
        }
    )


RATES: Final = load()
"""Language code -> its measured error."""
