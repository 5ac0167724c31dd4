"""Measure the refusal detector: `python -m tools.measure_refusal DATA`, after `python -m tools.train_refusal DATA`.

Every figure on answers that people judged comes from weights trained without the answers' prompts (or without their
model, or without their data set), and rescaled like the shipped ones. The figures on our own test set, on
ordinary answers and on SpeechMap are those of the shipped weights, which never saw them. Takes some minutes;
writes `harness/graders/refusal_error.json` and prints the tables of docs/refusal-detector.md.
"""

from __future__ import annotations

import argparse
import json
import tomllib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import expit
from scipy.stats import binomtest

from harness.graders.refusal import VERSION, detect
from harness.graders.refusal_error import FILE, Share
from harness.graders.refusal_weights import FILE as WEIGHTS
from tools.refusal_answers import FULL, NONE, PARTIAL, Graded, chatgpt, models, speechmap, xstest
from tools.train_refusal import Ints, Trainer, folds, own_answers, rescaling

TESTS: Final = Path(__file__).parents[1] / "tests" / "data"
FOLDS: Final = 5
_DEGREES: Final = {"full": FULL, "partial": PARTIAL, "none": NONE}

Floats = npt.NDArray[np.float64]
Splits = Iterable[tuple[Ints, Ints]]


def share(right: int, of: int) -> Share:
    """Return a share with its 95% Wilson interval."""
    bounds = binomtest(right, of).proportion_ci(method="wilson")
    return Share(right, of, round(right / of, 4), round(float(bounds.low), 4), round(float(bounds.high), 4))


def judged(answers: Sequence[Graded], splits: Callable[[Sequence[Graded]], Splits]) -> Floats:
    """Return how probable a refusal each answer is by weights trained on the other side of its split, else NaN.

    Log-odds are rescaled with those of the other splits; where there is but one split they stay as they are.
    """
    trainer = Trainer(answers)
    declines = trainer.degrees != NONE
    log_odds = np.full(len(answers), np.nan)
    split_of = np.full(len(answers), -1)
    for at, (train, judge) in enumerate(splits(answers)):
        bias, coefficients = trainer.declines(train)
        log_odds[judge] = trainer.columns.cells[judge] @ coefficients + bias
        split_of[judge] = at
    found = np.full(len(answers), np.nan)
    for at in range(split_of.max() + 1):
        others = (split_of >= 0) & (split_of != at)
        slope, shift = rescaling(log_odds[others], declines[others]) if others.any() else (1.0, 0.0)
        of = split_of == at
        found[of] = expit(slope * log_odds[of] + shift)
    found[[not features for features in trainer.columns.read]] *= 0  # the detector does not score these
    return found


def by_prompt(answers: Sequence[Graded]) -> Splits:
    """Split so that no prompt stands on both sides."""
    return folds(answers, FOLDS)


def by_model(answers: Sequence[Graded]) -> Splits:
    """Split so that no model stands on both sides."""
    return folds(answers, FOLDS, by="model")


def onto(source: str) -> Callable[[Sequence[Graded]], Splits]:
    """Return the split that judges one data set and trains on all else."""

    def split(answers: Sequence[Graded]) -> Splits:
        there = np.array([answer.source == source for answer in answers])
        return [(np.flatnonzero(~there), np.flatnonzero(there))]

    return split


def rates(
    answers: Sequence[Graded], scores: Floats, keep: Callable[[Graded], bool]
) -> tuple[Share, Share, Share]:
    """Return accuracy, sensitivity and specificity among the answers to keep that were judged."""
    rows = [
        (answer.degree != NONE, score >= 0.5)
        for answer, score in zip(answers, scores.tolist(), strict=True)
        if not np.isnan(score) and keep(answer)
    ]
    refused = [seen for declines, seen in rows if declines]
    complied = [not seen for declines, seen in rows if not declines]
    return (
        share(sum(refused) + sum(complied), len(rows)),
        share(sum(refused), len(refused)),
        share(sum(complied), len(complied)),
    )


def row(name: str, three: Iterable[Share]) -> str:
    """Return a line of a table."""
    cells = (f"{s.estimate:.1%} ({s.low:.1%}–{s.high:.1%}, n={s.of:,})" for s in three)
    return f"| {name} | " + " | ".join(cells) + " |"


def calibration(answers: Sequence[Graded], scores: Floats) -> list[str]:
    """Return a line for each fifth of the score: answers, mean score, share that people call a refusal."""
    lines = []
    declines = np.array([answer.degree != NONE for answer in answers])
    for low in (0.0, 0.2, 0.4, 0.6, 0.8):
        of = (scores >= low) & ((scores < low + 0.2) | (low == 0.8))
        refused = share(int(declines[of].sum()), int(of.sum()))
        lines.append(
            f"| {low:.1f}–{low + 0.2:.1f} | {refused.of:,} | {scores[of].mean():.2f} | "
            f"{refused.estimate:.2f} ({refused.low:.2f}–{refused.high:.2f}) |"
        )
    return lines


def test_answers() -> list[Graded]:
    """Return our own test set."""
    with (TESTS / "refusal_answers.toml").open("rb") as file:
        parts: dict[str, dict[str, list[str]]] = tomllib.load(file)
    return [
        Graded(text, _DEGREES[kind], "test", "own", text, kind, language)
        for language, kinds in parts.items()
        for kind, texts in kinds.items()
        for text in texts
    ]


def shipped(answers: Sequence[Graded]) -> Floats:
    """Return the scores of the shipped detector."""
    return np.array([detect(answer.text).score for answer in answers])


def main() -> None:
    """Measure, write the error rates and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "data", type=Path, help="folder with xstest/, chatgpt_refusals/ and, if there, speechmap/"
    )
    folder: Path = parser.parse_args().data
    people, tones, own = xstest(folder), chatgpt(folder), own_answers()
    both = [*people, *tones]
    everything = [*both, *own]
    is_xstest = lambda answer: answer.source == "xstest"  # noqa: E731
    is_chatgpt = lambda answer: answer.source == "chatgpt-refusals"  # noqa: E731

    print("| judged | accuracy | sensitivity | specificity |\n|---|---|---|---|")
    pooled = judged(everything, by_prompt)
    english = rates(everything, pooled, is_xstest)
    print(row("XSTest, both sets, other prompts", english))
    print(row("chatgpt-refusals, both sets, other prompts", rates(everything, pooled, is_chatgpt)))
    plain = lambda answer: answer.label in ("complied", "rejected")  # noqa: E731
    print(row("… of these, *complied* or *rejected* alone", rates(everything, pooled, plain)))
    print("\n| language | accuracy | sensitivity | specificity |\n|---|---|---|---|")
    tests = test_answers()
    scores = shipped(tests)
    measured = {"en": ("XSTest, answers to prompts not trained with", english)}
    for language in dict.fromkeys(answer.language for answer in tests):
        three = rates(tests, scores, lambda answer, language=language: answer.language == language)  # type: ignore[misc]
        print(row(language, three))
        measured.setdefault(language, ("own test set, tests/data/refusal_answers.toml", three))
    ordinary = (TESTS / "ordinary_answers.txt").read_text("utf-8").splitlines()
    trained = {answer.text for answer in own}
    unseen = [text for text in ordinary if text not in trained]
    for name, texts in (("all", ordinary), ("not trained with", unseen)):
        wrong = [text for text in texts if detect(text).degree]
        print(f"ordinary answers, {name}: {len(wrong)} of {len(texts)} called a refusal: {wrong}")

    document = {
        "about": "Error of the refusal detector. Made by tools/measure_refusal.py; do not edit.",
        "version": VERSION,
        "weights_sha256": sha256(WEIGHTS.read_bytes()).hexdigest(),
        "languages": [
            {
                "language": language,
                "data": data,
                "sensitivity": asdict(sensitive),
                "specificity": asdict(specific),
            }
            for language, (data, (_, sensitive, specific)) in measured.items()
        ],
    }
    FILE.write_text(json.dumps(document, indent=1) + "\n", "utf-8")

    print("\n| score | answers | mean score | people: refusal |\n|---|---|---|---|")
    print("\n".join(calibration(both, pooled[: len(both)])))

    for name, answers, split in (
        ("XSTest, XSTest, other prompts", [*people, *own], by_prompt),
        ("chatgpt-refusals, chatgpt-refusals, other prompts", [*tones, *own], by_prompt),
        ("XSTest, chatgpt-refusals", everything, onto("xstest")),
        ("chatgpt-refusals, XSTest", everything, onto("chatgpt-refusals")),
    ):
        print(row(name, rates(answers, judged(answers, split), lambda _: True)), flush=True)
    left_out = judged([*people, *own], by_model)
    print(row("XSTest, XSTest, other models", rates([*people, *own], left_out, lambda _: True)))

    print("\n| model | accuracy | sensitivity | specificity |\n|---|---|---|---|")
    for model in models(people):
        is_model = lambda answer, model=model: answer.model == model  # noqa: E731
        print(row(f"{model}, other prompts", rates(everything, pooled, is_model)))
        print(row(f"{model}, left out", rates([*people, *own], left_out, is_model)))

    if (folder / "speechmap").exists():
        print("\n| SpeechMap | accuracy | sensitivity | specificity |\n|---|---|---|---|")
        maps = speechmap(folder)
        scores = shipped(maps)
        for language in sorted({answer.language for answer in maps}):
            three = rates(maps, scores, lambda answer, language=language: answer.language == language)  # type: ignore[misc]
            print(row(language, three))


if __name__ == "__main__":
    main()
