"""The `constraints` grader: instructions about the form of an answer that a program can check."""

from __future__ import annotations

from collections.abc import Mapping

from harness.graders.base import UNPARSED, Example, Grader, Option, clip, graded
from harness.graders.constraints_kinds import BOUNDS, KINDS, mistakes
from harness.records import JSON, Grade

VERSION = 1

LENGTH_LIMIT = 100_000
"""Characters of an answer that are looked at: more than other graders read, because here length itself counts."""
CONSTRAINTS_LIMIT = 30


def grade(text: str, target: tuple[str, ...], options: Mapping[str, JSON]) -> Grade:
    """Return whether an answer satisfies its constraints, all of them or a share; unparsed only when it is blank."""
    del target
    text = clip(text.replace("\r\n", "\n"), LENGTH_LIMIT)
    if not text.strip():
        return UNPARSED
    listed = options.get("constraints")
    given = [each for each in listed if isinstance(each, Mapping)] if isinstance(listed, list | tuple) else []
    broken = []
    for each in given:
        wrong = KINDS[str(each["kind"])].wrong(text, each)
        if wrong:
            broken.append(f"{each['kind']}: {wrong}")
    kept = len(given) - len(broken)
    share = kept / len(given) if given else 0.0
    score = share if options.get("credit") == "share" else float(share == 1.0)
    return graded(score, "; ".join([f"{kept} of {len(given)}", *broken]))


def _check(target: tuple[str, ...], options: Mapping[str, JSON]) -> list[str]:
    found = ["target: the constraints grader takes none; remove it"] if target else []
    given = options.get("constraints")
    if not isinstance(given, list | tuple) or not 0 < len(given) <= CONSTRAINTS_LIMIT:
        example = '{"kind": "words", "at_most": 50}'
        return [*found, f"options.constraints: needs 1 to {CONSTRAINTS_LIMIT}; write them as {example}"]
    for number, each in enumerate(given, start=1):
        found += [f"options.constraints: constraint {number}: {mistake}" for mistake in mistakes(each)]
    return found


def _table() -> str:
    lines = ["| kind | takes | what it counts or asks |", "| --- | --- | --- |"]
    for name, kind in KINDS.items():
        takes = [*(f"`{each}`" for each in kind.needs), *(f"`{each}` (optional)" for each in kind.may)]
        takes += ["bounds"] if kind.counts else []
        lines.append(f"| `{name}` | {', '.join(takes)} | {kind.summary} |")
    return "\n".join(lines)


def _asked(*constraints: JSON) -> Mapping[str, JSON]:
    return {"constraints": list(constraints)}


_SHORT = _asked({"kind": "words", "at_most": 5}, {"kind": "lower_case"})

CONSTRAINTS = Grader(
    name="constraints",
    version=VERSION,
    summary="Checks the form of the answer: lengths, words, letters, layout.",
    grade=grade,
    targets=_check,
    options=(
        Option(
            "constraints",
            "a list of objects",
            "What to check; each has a `kind` and what that takes.",
            lambda value: isinstance(value, list | tuple),
        ),
        Option(
            "credit",
            "one of all, share",
            "`all` (default): 1 when every constraint is satisfied, else 0. `share`: the share that are.",
            lambda value: value in ("all", "share"),
        ),
    ),
    examples=(
        Example("a small red boat", (), 1.0, _SHORT),
        Example("A small red boat", (), 0.0, _SHORT),
        Example("A small red boat", (), 0.5, {**_SHORT, "credit": "share"}),
        Example("- one\n- two\n- three", (), 1.0, _asked({"kind": "bullets", "exactly": 3})),
        Example("It rains. Dr. Lee stays in.", (), 1.0, _asked({"kind": "sentences", "exactly": 2})),
        Example("We sail at dawn.", (), 0.0, _asked({"kind": "include", "texts": ["boat", "dawn"]})),
        Example("The boats sail.", (), 1.0, _asked({"kind": "exclude", "texts": ["boat"]})),
        Example("Привет, как дела?", (), 1.0, _asked({"kind": "script", "script": "cyrillic"})),
        Example('"Quoted as a whole."', (), 1.0, _asked({"kind": "quoted"})),
        Example("Text.\n\nP.S. More text.", (), 1.0, _asked({"kind": "postscript"})),
        Example("", (), None, _SHORT),
    ),
    notes=(
        f"Bounds are `{'`, `'.join(BOUNDS)}`; at least one is needed where a kind takes them. An answer is "
        f"unparsed only when it is blank. Of an answer longer than {LENGTH_LIMIT:,} characters only the beginning "
        "and the end are looked at.\n\n" + _table()
    ),
)
