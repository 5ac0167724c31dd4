"""The `code` grader: Python code in an answer, run in a sandbox against test cases.

Code comes from a model that may be hostile. It runs in pydantic-monty: an interpreter of its own, in a process of its
own, without files, network, environment or subprocesses, with limits of time, memory, recursion and output. The clock
is still, sleep takes no time and chance has a fixed seed, so the same code gives the same grade.
"""

from __future__ import annotations

import importlib.util
import json
import math
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from reprlib import Repr
from typing import TYPE_CHECKING, Any

from harness.errors import UsageError
from harness.graders.base import UNPARSED, Example, Grader, Option, clip, graded, short
from harness.graders.code_reading import read
from harness.records import JSON, Grade, canonical_json

if TYPE_CHECKING:
    from pydantic_monty import Monty

VERSION = 1

INSTALL = "pip install 'pydantic-monty>=1.4'"
CASES_LIMIT = 50
SECONDS_DEFAULT = 2
SECONDS_LIMIT = 10
MEMORY_DEFAULT = 64
MEMORY_LIMIT = 512
OUTPUT_LIMIT = 64 * 1024
"""Bytes a case may print."""
TOTAL_LIMIT = 100
"""Seconds the cases of one probe may take together, at their limit."""
RECURSION_LIMIT = 1_000
CASE_LIMIT = 20_000
"""Characters of a case, and of `setup`."""
_REASON = 120
_UNSUPPORTED = "NotImplementedError: The monty syntax parser"
_OVER = ("TimeoutError: feed time limit", "timed out")

_NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
"""The time inside the sandbox, always."""

_SHOW = Repr()
_SHOW.maxlevel, _SHOW.maxlist, _SHOW.maxtuple, _SHOW.maxdict, _SHOW.maxset = 2, 6, 6, 4, 6
_SHOW.maxstring = _SHOW.maxother = _SHOW.maxlong = 60


class _StoppedError(Exception):
    """A case did not come to its end."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.over = any(sign in reason for sign in _OVER)
        self.unsupported = reason.startswith(_UNSUPPORTED)


def _shown(value: object) -> str:
    """Return a value from the sandbox in a few letters, however large it is or often it holds itself."""
    try:
        return _SHOW.repr(value)
    except (ValueError, RecursionError):  # a whole number of more digits than Python writes down
        return f"a {type(value).__name__} too large to show"


def _same(given: Any, wanted: JSON) -> bool:
    """Compare a returned value with the expected one, never deeper than the latter."""
    if isinstance(wanted, bool) or isinstance(given, bool) or wanted is None:
        return given is wanted
    if isinstance(wanted, str):
        return isinstance(given, str) and given == wanted
    if isinstance(wanted, int | float):
        if not isinstance(given, int | float):
            return False
        if isinstance(wanted, int) and isinstance(given, int):
            return given == wanted
        try:
            return math.isclose(given, wanted, rel_tol=1e-9, abs_tol=1e-12)
        except OverflowError:
            return False
    if isinstance(wanted, Mapping):
        return (
            isinstance(given, dict)
            and given.keys() == wanted.keys()
            and all(_same(given[name], wanted[name]) for name in wanted)
        )
    return isinstance(given, list | tuple) and len(given) == len(wanted) and all(map(_same, given, wanted))


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.rstrip().split("\n")]


def _run(pool: Monty, program: str, case: Mapping[str, JSON], options: Mapping[str, JSON]) -> str:
    """Run a program and one case after it; return what is wrong, empty when the case passes.

    Raises:
        _StoppedError: the code raised an exception, went over a limit or cannot be run at all.
    """
    import pydantic_monty as monty

    printed = monty.CollectString(OUTPUT_LIMIT)
    try:
        with pool.checkout(
            limits={
                "max_feed_duration_secs": float(str(options.get("seconds", SECONDS_DEFAULT))),
                "max_memory": int(str(options.get("memory_mb", MEMORY_DEFAULT))) * 1_000_000,
                "max_recursion_depth": RECURSION_LIMIT,
                "max_suspensions": 100,
            },
            os_policy={
                "datetime": _NOON,
                "timezone": "utc",
                "sleep": "zero",
                "random_start": {"seed": 0},
            },
        ) as session:
            code = str(options.get("setup", ""))
            session.feed_run(f"{code}\n{program}\nNone", print_callback=printed)
            if "call" in case:
                printed = monty.CollectString(OUTPUT_LIMIT)
                value = session.feed_run(str(case["call"]), print_callback=printed)
            elif "run" in case:
                session.feed_run(f"{case['run']}\nNone", print_callback=printed)
                return ""
    except (monty.MontyError, TimeoutError) as error:
        reason = str(error)
        raise _StoppedError(" ".join((reason or type(error).__name__)[:1_000].split())) from None
    if "output" in case:
        given = printed.output
        return "" if _lines(given) == _lines(str(case["output"])) else f"printed {short(given)}"
    return "" if _same(value, case["value"]) else f"returned {_shown(value)}"


def _label(case: Mapping[str, JSON]) -> str:
    return " ".join(str(case.get("call") or case.get("run") or "output").split())[:60]


def grade(text: str, target: tuple[str, ...], options: Mapping[str, JSON]) -> Grade:
    """Return the cases that the code in an answer passes; unparsed when it holds no Python code.

    Raises:
        UsageError: the sandbox is not installed (a suite that passed its check never comes here without it) or does
            not start.
    """
    del target
    given = options.get("cases")
    cases = [case for case in given if isinstance(case, Mapping)] if isinstance(given, list | tuple) else []
    program = read(clip(text), [str(case.get("call") or case.get("run") or "") for case in cases])
    if program is None:
        return UNPARSED
    try:
        from pydantic_monty import Monty
    except ImportError:
        raise UsageError(f"the code grader needs a sandbox that is not installed; {INSTALL}") from None
    passed, wrong = 0, ""
    # The worker lives as long as one grade: nothing an answer leaves behind in it can reach another.
    with ExitStack() as stack:
        try:
            pool = stack.enter_context(
                Monty(min_processes=1, max_processes=1, request_timeout=SECONDS_LIMIT + 5.0)
            )
        except RuntimeError as error:
            raise UsageError(f"the code grader's sandbox does not start ({error}); {INSTALL}") from None
        for case in cases[:CASES_LIMIT]:
            try:
                reason = _run(pool, program, case, options)
            except _StoppedError as stopped:
                if stopped.unsupported:
                    return Grade(None, str(stopped)[:_REASON])
                reason = str(stopped)[:_REASON]
                if stopped.over:  # code that runs on in one case is not waited for in the others
                    wrong = wrong or f"; {_label(case)}: {reason}"
                    break
            passed += not reason
            if reason:
                wrong = wrong or f"; {_label(case)}: {reason}"
    score = passed / len(cases) if options.get("credit") == "share" else float(passed == len(cases) > 0)
    return graded(score, f"{passed} of {len(cases)} cases{wrong}")


_KINDS = ({"call", "value"}, {"call", "output"}, {"output"}, {"run"})


def _is_cases(value: JSON) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(case, Mapping) for case in value)


def _is_within(value: JSON, most: int) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= most


def _check(_target: tuple[str, ...], options: Mapping[str, JSON]) -> list[str]:
    if importlib.util.find_spec("pydantic_monty") is None:
        return [f"grader: code needs a sandbox that is not installed; {INSTALL}"]
    cases = options.get("cases")
    if not isinstance(cases, list | tuple) or not 0 < len(cases) <= CASES_LIMIT:
        return [
            f'options.cases: needs 1 to {CASES_LIMIT} cases; write them as {{"call": "f(1)", "value": 2}}'
        ]
    mistakes = []
    seconds = float(str(options.get("seconds", SECONDS_DEFAULT)))
    if len(cases) * seconds > TOTAL_LIMIT:
        mistakes.append(
            f"options.seconds: {len(cases)} cases of {seconds:g} s are more than {TOTAL_LIMIT} s together; lower it"
        )
    for number, case in enumerate(cases, start=1):
        assert isinstance(case, Mapping)
        where = f"options.cases: case {number}"
        if set(case) not in _KINDS:
            mistakes.append(
                f"{where} has the keys {short(', '.join(case))}; use call and value, call and output, output, or run"
            )
        elif not all(isinstance(case[name], str) for name in case if name != "value"):
            mistakes.append(f"{where}: call, output and run are texts; write them in quotes")
        elif len(json.dumps(json.loads(canonical_json(case)))) > CASE_LIMIT:
            mistakes.append(f"{where} is longer than {CASE_LIMIT} characters; shorten it")
    return mistakes


_ADD: Mapping[str, JSON] = {
    "cases": [{"call": "add(1, 2)", "value": 3}, {"call": "add(-1, 1)", "value": 0}],
}
_SHARE: Mapping[str, JSON] = {**_ADD, "credit": "share"}
_LOOP: Mapping[str, JSON] = {**_ADD, "seconds": 0.2}
_PRINT: Mapping[str, JSON] = {"cases": [{"output": "1\n2"}]}

CODE = Grader(
    name="code",
    version=VERSION,
    summary="Runs the Python code in the answer in a sandbox and compares what it does with test cases.",
    grade=grade,
    targets=_check,
    options=(
        Option(
            "cases",
            "a list of objects",
            "What to try, each in a fresh session after the answer's code: `call` (an expression) with the `value` "
            "it must return or the `output` it must print; `output` alone, which the code must print by itself; "
            "or `run`, statements that must raise nothing, such as assertions.",
            _is_cases,
        ),
        Option(
            "credit",
            "one of all, share",
            "`all` (default): 1 when every case passes, else 0. `share`: the share of the cases that pass.",
            lambda value: value in ("all", "share"),
        ),
        Option(
            "seconds",
            f"a number above 0, at most {SECONDS_LIMIT}",
            f"Time for the answer's code, and again for each case; default {SECONDS_DEFAULT}. Once it is used up "
            f"the remaining cases count as failed. Times the number of cases it may be {TOTAL_LIMIT} at most.",
            lambda value: _is_within(value, SECONDS_LIMIT),
        ),
        Option(
            "memory_mb",
            f"a whole number from 1 to {MEMORY_LIMIT}",
            f"Megabytes the code may hold; default {MEMORY_DEFAULT}.",
            lambda value: isinstance(value, int) and _is_within(value, MEMORY_LIMIT),
        ),
        Option(
            "setup",
            f"code of at most {CASE_LIMIT} characters",
            "Run before the answer's code: imports or helpers the task promises.",
            lambda value: isinstance(value, str) and len(value) <= CASE_LIMIT,
        ),
    ),
    examples=(
        Example("```python\ndef add(a, b):\n    return a + b\n```", (), 1.0, _ADD),
        Example("def add(a, b):\n    return a + b", (), 1.0, _ADD),
        Example("Sure!\n\ndef add(a, b):\n    return a + b\n\nThis adds them.", (), 1.0, _ADD),
        Example("```python\ndef add(a, b):\n    return abs(a) + b\n```", (), 0.0, _ADD),
        Example("```python\ndef add(a, b):\n    return abs(a) + b\n```", (), 0.5, _SHARE),
        Example("```python\nfor i in (1, 2):\n    print(i)\n```", (), 1.0, _PRINT),
        Example("```python\nprint(1, 2)\n```", (), 0.0, _PRINT),
        Example("```python\ndef add(a, b):\n    while True: pass\n```", (), 0.0, _LOOP),
        Example("```python\ndef add(a, b)\n    return a + b\n```", (), 0.0, _ADD),
        Example("Add the two numbers with a plus sign.", (), None, _ADD),
        Example("", (), None, _ADD),
    ),
    notes=(
        "It needs the extra `code`: a suite that uses it is turned away until the sandbox is installed. Of "
        "several code blocks the last one that defines a name used in the cases counts, or else the last; blocks "
        "labelled as another language do not. Without a block the code is the lines of the answer that are "
        "Python. Values are compared as JSON: tuples are lists, numbers of floating point are equal within a part "
        "in 10⁹; wrap sets in `sorted(…)`. Spaces at line ends and blank lines at the end of the output do not "
        "matter. The sandbox has no files, network, environment, subprocesses or packages, and only a part of "
        "the standard library; there is no input. An error, or going over a limit, fails the case and is named "
        "in the grade. Syntax that the sandbox does not know, such as a class that inherits from another, makes "
        "the answer unparsed: it is neither right nor wrong."
    ),
)
