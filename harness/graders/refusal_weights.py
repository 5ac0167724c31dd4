"""The weights of the refusal detector: two logistic regressions over features that are there or not.

The shipped file is made by `python -m tools.train_refusal`. It holds a small whole number per feature and no words:
grams are known by their hash alone.
"""

from __future__ import annotations

import json
import math
import sys
from array import array
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from itertools import repeat
from pathlib import Path
from typing import Final

from harness.graders.refusal_reading import MOVES_FROM
from harness.records import JSON

FILE: Final = Path(__file__).with_name("refusal_weights.json")
STEP: Final = 1 / 64
"""Log-odds of one unit of weight."""
_LINE = 100


def logistic(log_odds: float) -> float:
    """Return the probability of log-odds, however large they are."""
    if log_odds >= 0:
        return 1 / (1 + math.exp(-log_odds))
    odds = math.exp(log_odds)
    return odds / (1 + odds)


def _packed(numbers: array[int]) -> list[JSON]:
    """Return numbers, low byte first, as lines of base64."""
    if sys.byteorder == "big":
        numbers.byteswap()
    text = b64encode(numbers.tobytes()).decode()
    return [text[at : at + _LINE] for at in range(0, len(text), _LINE)]


def _unpacked(kind: str, lines: JSON) -> array[int]:
    assert isinstance(lines, list)
    numbers = array(kind, b64decode("".join(str(line) for line in lines)))
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


@dataclass(frozen=True, slots=True)
class Regression:
    """One question: log-odds are the bias plus STEP times the sum of the weights of the features that are there."""

    bias: float
    weights: Mapping[int, int]
    """Of each feature that has one, -127 to 127."""

    def probability(self, features: Iterable[int]) -> float:
        """Return how probable a yes is."""
        return logistic(self.bias + STEP * sum(map(self.weights.get, features, repeat(0))))

    def document(self) -> dict[str, JSON]:
        """Return what the file holds of it."""
        grams = sorted(feature for feature in self.weights if feature < MOVES_FROM)
        moves: dict[str, JSON] = {
            str(feature - MOVES_FROM): self.weights[feature]
            for feature in sorted(self.weights)
            if feature >= MOVES_FROM
        }
        return {
            "bias": self.bias,
            "moves": moves,
            "grams": _packed(array("I", grams)),
            "gram_weights": _packed(array("b", [self.weights[gram] for gram in grams])),
        }


def _regression(document: Mapping[str, JSON]) -> Regression:
    bias, moves = document["bias"], document["moves"]
    assert isinstance(bias, float)
    assert isinstance(moves, dict)
    grams, weights = _unpacked("I", document["grams"]), _unpacked("b", document["gram_weights"])
    table = dict(zip(grams, weights, strict=True))
    for name, weight in moves.items():
        assert isinstance(weight, int)
        table[MOVES_FROM + int(name)] = weight
    return Regression(bias, table)


@dataclass(frozen=True, slots=True)
class Weights:
    """Does the answer decline anything, and if so, does it decline in full?"""

    declines: Regression
    in_full: Regression

    def text(self, about: str) -> str:
        """Return the file's text."""
        questions: dict[str, JSON] = {
            "declines": self.declines.document(),
            "in_full": self.in_full.document(),
        }
        whole = sha256(json.dumps(questions, sort_keys=True).encode()).hexdigest()
        return json.dumps({"about": about, "sha256": whole, **questions}, indent=1) + "\n"


def load(file: Path = FILE) -> Weights:
    """Return the weights of a file."""
    document = json.loads(file.read_text("utf-8"))
    return Weights(_regression(document["declines"]), _regression(document["in_full"]))
