"""Train the refusal detector: `python -m tools.train_refusal DATA`.

DATA holds `xstest/` and `chatgpt_refusals/`. Two logistic regressions with a ridge penalty over the features of
`harness.graders.refusal_reading`: does an answer decline anything, and does a declining answer decline in full.
The first one's log-odds are then rescaled (Platt) on answers to prompts it was not trained with, so that its
probability means what it says. Nothing is drawn at random but the composed answers and the folds, both from SEED:
the same data give the same weights. Run `python -m tools.measure_refusal DATA` afterwards.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.sparse import csr_matrix

from harness.graders.refusal_reading import MOVES_FROM, read
from harness.graders.refusal_weights import FILE, STEP, Regression, Weights
from tools.compose_refusals import compose
from tools.refusal_answers import FULL, NONE, Graded, chatgpt, xstest

SEED: Final = 20260101
RIDGE: Final = 10.0
COMPOSED_WEIGHT: Final = {"en": 0.5}
"""Of a composed answer beside a graded one; languages without graded answers keep 1."""
SUPPORT: Final = 5
"""A gram counts only when it stands in answers to this many different prompts."""
FOLDS: Final = 10
ABOUT: Final = "Refusal detector, see docs/refusal-detector.md. Made by tools/train_refusal.py; do not edit."

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def own_answers(seed: int = SEED) -> list[Graded]:
    """Return the composed training answers; each of the hand-written ones counts like a graded answer."""
    return [
        Graded(
            each.text,
            each.degree,
            "own",
            "own",
            f"own {at}",
            "",
            each.language,
            1.0 if each.written else COMPOSED_WEIGHT.get(each.language, 1.0),
        )
        for at, each in enumerate(compose(seed))
    ]


class Columns:
    """Answers by features, one column for every feature that enough answers have."""

    def __init__(self, answers: Sequence[Graded]) -> None:
        self.read = [sorted(read(answer.text) or ()) for answer in answers]
        prompts = {prompt: at for at, prompt in enumerate(dict.fromkeys(answer.prompt for answer in answers))}
        self.prompt = np.array([prompts[answer.prompt] for answer in answers])
        found: dict[int, set[int]] = {}
        for features, prompt in zip(self.read, self.prompt.tolist(), strict=True):
            for feature in features:
                found.setdefault(feature, set()).add(prompt)
        self.names = sorted(
            feature for feature, of in found.items() if len(of) >= SUPPORT or feature >= MOVES_FROM
        )
        column = {feature: at for at, feature in enumerate(self.names)}
        starts, columns = [0], []
        for features in self.read:
            columns += [column[feature] for feature in features if feature in column]
            starts.append(len(columns))
        self.cells = csr_matrix(
            (np.ones(len(columns)), np.array(columns, np.int32), np.array(starts, np.int32)),
            shape=(len(answers), len(self.names)),
        )
        self.is_gram = np.array([name < MOVES_FROM for name in self.names])

    def supported(self, rows: Ints) -> Ints:
        """Return the columns that these rows alone support, so that judged answers have no say in it."""
        cells = self.cells[rows].tocoo()
        every = int(self.prompt.max()) + 1
        pairs = np.unique(cells.col.astype(np.int64) * every + self.prompt[rows][cells.row])
        prompts = np.bincount(pairs // every, minlength=len(self.names))
        return np.flatnonzero((prompts >= SUPPORT) | (~self.is_gram & (prompts > 0)))


def regress(features: csr_matrix, yes: npt.NDArray[np.bool_], weights: Floats) -> tuple[float, Floats]:
    """Return bias and coefficients that minimise the weighted log loss plus RIDGE / 2 times their squares."""
    sign = np.where(yes, 1.0, -1.0)
    transposed = features.T.tocsr()

    def loss(point: Floats) -> tuple[float, Floats]:
        margin = sign * (features @ point[1:] + point[0])
        # log(1 + exp(-m)) without overflow, and its slope.
        value = float(np.sum(weights * np.logaddexp(0, -margin)) + RIDGE / 2 * np.sum(point[1:] ** 2))
        slope = -weights * sign * np.exp(-np.logaddexp(0, margin))
        return value, np.concatenate([[slope.sum()], transposed @ slope + RIDGE * point[1:]])

    # The loss is strongly convex: a slope of 1e-3 leaves coefficients within 1e-3 / RIDGE of the best, far below STEP.
    found = minimize(
        loss,
        np.zeros(features.shape[1] + 1),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 2_000, "ftol": 0.0, "gtol": 1e-3},
    )
    return float(found.x[0]), found.x[1:]


def folds(
    answers: Sequence[Graded], count: int = FOLDS, *, by: str = "prompt"
) -> Iterator[tuple[Ints, Ints]]:
    """Yield rows to train on and rows to judge; all answers to a prompt (or of a model) stand on one side.

    Own answers are always trained on and never judged.
    """
    of_row = [None if answer.source == "own" else str(getattr(answer, by)) for answer in answers]
    groups = sorted({each for each in of_row if each is not None})
    order = np.random.default_rng(SEED).permutation(len(groups))
    fold_of = {groups[group]: at % count for at, group in enumerate(order)}
    assigned = np.array([-1 if each is None else fold_of[each] for each in of_row])
    for fold in range(min(count, len(groups))):
        yield np.flatnonzero(assigned != fold), np.flatnonzero(assigned == fold)


def rescaling(log_odds: Floats, yes: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Return the slope and shift of log-odds that fit what people say best (Platt 1999)."""
    sign = np.where(yes, 1.0, -1.0)

    def loss(point: Floats) -> float:
        return float(np.logaddexp(0, -sign * (point[0] * log_odds + point[1])).sum())

    found = minimize(loss, np.array([1.0, 0.0]), method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-9})
    return round(float(found.x[0]), 3), round(float(found.x[1]), 3)


class Trainer:
    """Answers with their features, and detectors trained on some of them."""

    def __init__(self, answers: Sequence[Graded]) -> None:
        self.answers = answers
        self.columns = Columns(answers)
        self.degrees = np.array([answer.degree for answer in answers])
        self.weights = np.array([answer.weight for answer in answers])

    def _coefficients(self, rows: Ints, yes: npt.NDArray[np.bool_]) -> tuple[float, Floats]:
        """Return bias and one coefficient per column, zero where the rows do not support it."""
        kept = self.columns.supported(rows)
        bias, found = regress(self.columns.cells[rows][:, kept].tocsr(), yes[rows], self.weights[rows])
        coefficients = np.zeros(len(self.columns.names))
        coefficients[kept] = found
        return bias, coefficients

    def _rounded(self, bias: float, coefficients: Floats) -> Regression:
        """Round to whole numbers of a fixed step, so that the last digits of the fit do not matter."""
        whole = np.clip(np.rint(coefficients / STEP), -127, 127).astype(int).tolist()
        return Regression(
            round(bias, 3), {name: each for name, each in zip(self.columns.names, whole, strict=True) if each}
        )

    def declines(self, rows: Ints) -> tuple[float, Floats]:
        """Return bias and coefficients of the first question, not rescaled."""
        return self._coefficients(rows, self.degrees != NONE)

    def rescaling(self, rows: Ints) -> tuple[float, float]:
        """Return slope and shift that fit log-odds of prompts not trained with to what people say."""
        log_odds = np.full(len(rows), np.nan)
        for train, judge in folds([self.answers[row] for row in rows], 5):
            bias, coefficients = self.declines(rows[train])
            log_odds[judge] = self.columns.cells[rows[judge]] @ coefficients + bias
        judged = ~np.isnan(log_odds)
        return rescaling(log_odds[judged], self.degrees[rows][judged] != NONE)

    def train(self, rows: Ints | None = None) -> Weights:
        """Return a detector trained on the rows alone, rescaling included."""
        rows = np.arange(len(self.answers)) if rows is None else rows
        bias, coefficients = self.declines(rows)
        slope, shift = self.rescaling(rows)
        declining = rows[self.degrees[rows] != NONE]
        return Weights(
            self._rounded(slope * bias + shift, slope * coefficients),
            self._rounded(*self._coefficients(declining, self.degrees == FULL)),
        )


def main() -> None:
    """Train on everything and write the weights."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="folder with xstest/ and chatgpt_refusals/")
    parser.add_argument("--out", type=Path, default=FILE)
    arguments = parser.parse_args()
    answers = [*xstest(arguments.data), *chatgpt(arguments.data), *own_answers()]
    weights = Trainer(answers).train()
    arguments.out.write_text(weights.text(ABOUT), "utf-8")
    print(f"{len(answers)} answers; {arguments.out} sha256 {sha256(arguments.out.read_bytes()).hexdigest()}")


if __name__ == "__main__":
    main()
