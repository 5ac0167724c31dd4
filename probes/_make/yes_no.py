"""Writes the suite `yes-no`: `python -m probes._make.yes_no`.

Questions with one right answer out of two, as many of each in every family and rung: what a model says by default shows
apart from what it can tell.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from random import Random

from harness.records import JSON
from probes._make.writing import Line, files, write

NAME = "yes-no"
RUNGS = 5
PER_SIDE = 4
"""Questions of each answer in every family and rung."""
_BANDS: Mapping[int, tuple[int, int]] = {
    1: (11, 60), 2: (100, 400), 3: (1_000, 3_000), 4: (10_000, 20_000), 5: (100_000, 400_000)
}  # fmt: skip
_END = "Answer with yes or no."


def is_prime(number: int) -> bool:
    """Say whether a number is prime, by trial division."""
    return number > 1 and all(number % divisor for divisor in range(2, int(number**0.5) + 1))


def _primes(rng: Random, low: int, high: int, wanted: bool) -> Iterator[str]:
    while True:
        # Odd and no multiple of 5, so that the last digit does not tell.
        number = rng.randrange(low, high)
        if number % 2 and number % 5 and is_prime(number) == wanted:
            yield f"Is {number} a prime number? {_END}"


def _divides(rng: Random, low: int, high: int, wanted: bool) -> Iterator[str]:
    while True:
        divisor, number = rng.choice((3, 7, 9, 11, 13)), rng.randrange(low, high)
        if (number % divisor == 0) == wanted:
            yield f"Can {number} be divided by {divisor} without a remainder? {_END}"


def _greater(rng: Random, low: int, high: int, wanted: bool) -> Iterator[str]:
    while True:
        first, second, third = (rng.randrange(low, high) for _ in range(3))
        total = first + second
        claimed = total + rng.choice((-2, -1, 0, 1)) if rng.random() < 0.8 else third * 2
        if claimed != total and (total > claimed) == wanted:
            yield f"Is {first} + {second} greater than {claimed}? {_END}"


def _sorted(rng: Random, low: int, high: int, wanted: bool) -> Iterator[str]:
    while True:
        count = 3 + len(str(low))
        numbers = sorted(rng.sample(range(low, high), count))
        if not wanted:
            place = rng.randrange(count - 1)
            numbers[place], numbers[place + 1] = numbers[place + 1], numbers[place]
        yield f"Is this list in rising order: {', '.join(map(str, numbers))}? {_END}"


_FAMILIES = {"primes": _primes, "divisibility": _divides, "sums": _greater, "order": _sorted}


def lines() -> Iterator[Line]:
    """Yield the probes."""
    for family, make in _FAMILIES.items():
        seen: set[str] = set()
        for rung in range(1, RUNGS + 1):
            low, high = _BANDS[rung]
            for target in ("yes", "no"):
                rng = Random(f"{family} {rung} {target}")  # noqa: S311 - texts, no secrets
                number = 0
                for prompt in make(rng, low, high, target == "yes"):
                    if prompt in seen:
                        continue
                    seen.add(prompt)
                    number += 1
                    line: dict[str, JSON] = {
                        "id": f"{family}-{rung}-{target}-{number}",
                        "family": family, "kind": f"{family}-{target}", "difficulty": rung, "anchor": True,
                        "prompt": prompt, "grader": "word", "target": target, "options": {"among": ["yes", "no"]},
                    }  # fmt: skip
                    yield line
                    if number == PER_SIDE:
                        break


_HEADER = f'''\
# Written by probes/_make/yes_no.py: change it there.
format = 1
name = "{NAME}"
version = 1
title = "Yes or no"
description = "Questions with one right answer out of two, as many of each in every family and rung: a default answer that flips shows apart from a skill that is lost."
licence = "Apache-2.0"
languages = ["en"]
families = ["primes", "divisibility", "sums", "order"]

[parameters]
temperature = 0
max_tokens = 24

[[versions]]
version = 1
date = "2026-11-22"
note = "First version."
'''  # noqa: E501 - the file's own lines


def made() -> dict[str, str]:
    """Return the suite's files by name."""
    return files(NAME, _HEADER, lines())


if __name__ == "__main__":
    write(NAME, made())
