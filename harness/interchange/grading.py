"""Which grader reads the answers to a sample, chosen by looking at the targets when nobody said."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.graders.base import short
from harness.graders.words import WORDS_READ, normal
from harness.interchange.datasets import Form, Sample
from harness.interchange.rows import Faults
from harness.records import JSON

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
READ_LETTERS = 10
"""Options the choice grader can tell apart: A to J."""
CLOSED_SET = 10
"""Most different answers that are taken for a closed set, each given at least `CLOSED_USES` times on average."""
CLOSED_USES = 4
NUMBER = re.compile(
    r"[-+]?(?:\d{1,40}(?:,\d{3}){0,12}(?:\.\d{1,40})?|\.\d{1,40})(?:/\d{1,20}|[eE][-+]?\d{1,3})?"
)
"""What the numeric grader takes for a target, with bounds on what it would have to work out."""

_LETTERED = re.compile(r"(?m)^[ \t]{0,8}\(?([A-Z])[).:][ \t]+(\S[^\n]*)$")
_NOT_WORD = re.compile(r"[^\w]+")
_LETTER = re.compile(r"\(?([A-Za-z])[).:]?")


@dataclass(frozen=True, slots=True)
class Answering:
    """How one sample is asked and graded."""

    sample: Sample
    messages: tuple[tuple[str, str], ...]
    grader: str
    target: tuple[str, ...]
    options: Mapping[str, JSON]
    beyond: bool = False
    """Whether it has more options than the choice grader knows letters for."""


def choose(samples: Sequence[Sample], wanted: str | None, form: Form, faults: Faults) -> list[Answering]:
    """Return how each sample is graded; where that cannot be told, a fault is recorded instead.

    Left to choose: lettered options -> choice; else, family by family, all numbers -> numeric, all of a few words ->
    word, anything else -> exact. Instructions instead of a target -> constraints.

    Args:
        samples: in the order of the file.
        wanted: the grader asked for; None to choose.
        form: how the dataset was read.
        faults: where mistakes go.
    """
    if wanted in (None, "constraints") and form.instructed:
        return [
            Answering(sample, sample.messages, "constraints", (), {"constraints": list(sample.constraints)})
            for sample in samples
        ]
    if wanted == "refusal":
        return [Answering(sample, sample.messages, wanted, (), {}) for sample in samples]
    if wanted is not None and wanted != "choice":
        return [each for each in (_plainly(sample, wanted, faults) for sample in samples) if each is not None]
    found: dict[int, Answering] = {}
    rest: dict[str, list[Sample]] = {}
    for sample in samples:
        lettered = _lettered(sample, faults)
        if isinstance(lettered, Answering):
            found[sample.line] = lettered
        elif lettered is None and wanted == "choice":
            faults.add(sample.line, "choices: no options found; map their column or use another grader")
        elif lettered is None:
            rest.setdefault(sample.family, []).append(sample)
    for group in rest.values():
        grader, options = _by_targets(group)
        for sample in group:
            target = (
                tuple(item.replace(" ", "") for item in sample.target)
                if grader == "numeric"
                else sample.target
            )
            found[sample.line] = Answering(sample, sample.messages, grader, target, options)
    return [found[sample.line] for sample in samples if sample.line in found]


def _by_targets(group: Sequence[Sample]) -> tuple[str, Mapping[str, JSON]]:
    targets = [item for sample in group for item in sample.target]
    if all(NUMBER.fullmatch(item) for item in targets):
        return "numeric", {}
    forms = [normal(item) for item in targets]
    if any(not form or len(form.split()) > WORDS_READ for form in forms):
        return "exact", {}
    different = sorted(set(forms))
    if 2 <= len(different) <= CLOSED_SET and len(targets) >= CLOSED_USES * len(different):
        return "word", {"among": different}
    return "word", {}


def _plainly(sample: Sample, grader: str, faults: Faults) -> Answering | None:
    """Return a sample graded by a named grader: its target as text, without the options it came with."""
    target = sample.target
    if sample.choices and sample.place is not None:
        if not 0 <= sample.place < len(sample.choices):
            faults.add(sample.line, _no_place(sample))
            return None
        target = (sample.choices[sample.place],)
    if grader == "numeric":
        for item in target:
            if not NUMBER.fullmatch(item):
                faults.add(
                    sample.line,
                    f"target: {short(item)} is not a number; write it in digits, or use another grader",
                )
                return None
    return Answering(sample, sample.messages, grader, target, {})


def _no_place(sample: Sample) -> str:
    last = len(sample.choices) - 1
    return f"target: {sample.place} is the place of no option; use 0 to {last}, a letter or an option's text"


def _written(text: str) -> tuple[str, ...]:
    """Return the texts of the options lettered A, B, C, ... on lines of their own in a prompt; the last such list."""
    found: list[str] = []
    for line in _LETTERED.finditer(text):
        if line.group(1) == "A":
            found = []
        if len(found) < len(LETTERS) and line.group(1) == LETTERS[len(found)]:
            found.append(line.group(2).strip())
    return tuple(found) if len(found) >= 2 else ()


def _lettered(sample: Sample, faults: Faults) -> Answering | str | None:
    """Return a sample asked and graded as a multiple choice.

    None: it is not one. A text: it is a wrong one, and a fault was recorded.
    """
    prompt = sample.messages[-1][1]
    written = _written(prompt)
    messages = sample.messages
    if not sample.choices:
        places = {_letter_place(item, len(written)) for item in sample.target}
        if not written or None in places:
            return None
        return _answering(sample, messages, written, {place for place in places if place is not None})
    choices = sample.choices
    right = _places(sample, choices)
    if isinstance(right, str):
        faults.add(sample.line, right)
        return right
    if tuple(choices) == tuple(LETTERS[: len(choices)]):
        choices = written if len(written) == len(choices) else ()  # the letters are all that is to be said
    elif written != tuple(choices):
        listed = "\n".join(f"{LETTERS[place]}) {choice}" for place, choice in enumerate(choices))
        text = f"{prompt.rstrip()}\n\n{listed}\n\nReply with the letter of the right option."
        messages = (*messages[:-1], ("user", text))
    return _answering(sample, messages, choices, right, len(sample.choices))


def _letter_place(item: str, count: int) -> int | None:
    found = _LETTER.fullmatch(item.strip())
    place = LETTERS.index(found.group(1).upper()) if found else count
    return place if place < count else None


def _places(sample: Sample, choices: tuple[str, ...]) -> set[int] | str:
    """Return the places of the right options, or what is wrong with the target."""
    if sample.place is not None:
        return {sample.place} if 0 <= sample.place < len(choices) else _no_place(sample)
    right: set[int] = set()
    for item in sample.target:
        by_text = [place for place, choice in enumerate(choices) if choice.strip() == item.strip()]
        by_number = int(item) if re.fullmatch(r"\d{1,2}", item) and int(item) < len(choices) else None
        if by_text and by_number is not None and by_number not in by_text:
            return (
                f"target: {short(item)} is both an option's text and the place of another; write its letter"
            )
        letter = _letter_place(item, len(choices))
        place = by_text[0] if by_text else letter if letter is not None else by_number
        if place is None:
            last = LETTERS[len(choices) - 1]
            return f"target: {short(item)} is no option; use a letter from A to {last}, or an option's text"
        right.add(place)
    return right


def _answering(
    sample: Sample,
    messages: tuple[tuple[str, str], ...],
    choices: tuple[str, ...],
    right: set[int],
    count: int | None = None,
) -> Answering:
    count = count or len(choices)
    letters = [LETTERS[place] for place in sorted(right)]
    if count > READ_LETTERS:
        # Beyond J the choice grader knows no letters; the letter must then be the whole answer.
        target = tuple(form for letter in letters for form in (f"({letter})", letter))
        return Answering(sample, messages, "exact", target, {}, beyond=True)
    options: Mapping[str, JSON] = {"letters": count}
    # Options alike but for case or punctuation (1 and -1) can be told apart by letter alone; so can options that are
    # single letters themselves, since the letter of one would name another.
    words = {_NOT_WORD.sub(" ", normal(choice)).strip() for choice in choices} - {""}
    if len(words) == count and not any(len(word) == 1 and word.isalpha() for word in words):
        options = {"choices": list(choices)}
    return Answering(sample, messages, "choice", tuple(letters), options)
