"""The code grader: which code is read, what passes, and that hostile code ends in nought and touches nothing."""

from __future__ import annotations

import builtins
import gzip
import importlib.util
import json
import os
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.graders import GRADERS, grade
from harness.graders.code_reading import read

pytest.importorskip("pydantic_monty", reason="the sandbox is not installed")

DATA = Path(__file__).parents[2] / "shared" / "data" / "probe_sets"
CALL = {"cases": [{"call": "f()", "value": 1}], "seconds": 0.3, "memory_mb": 32}


def fenced(code):
    return f"Here it is:\n```python\n{code}\n```\nI hope it helps."


@pytest.mark.parametrize(
    ("text", "uses", "code"),
    [
        ("```python\nx = 1\n```", [], "x = 1"),
        ("```\nx = 1\n```", [], "x = 1"),
        ("~~~py\nx = 1\n~~~", [], "x = 1"),
        ("```python\nx = 1", [], "x = 1"),
        ("```python\ndef f(): pass\n```\nUse it:\n```python\nf()\n```", ["f()"], "def f(): pass"),
        ("```python\nx = 1\n```\nor\n```python\nx = 2\n```", [], "x = 2"),
        ("```js\nlet x = 1\n```", [], None),
        ("```js\nlet x = 1\n```\n```python\nx = 1\n```", [], "x = 1"),
        ("1. Do it:\n   ```python\n   x = 1\n   ```", [], "   x = 1"),
        ("import math\n\ndef f():\n    return 1\n\nIt returns one.", ["f()"], "import math\n\ndef f():\n    return 1"),
        ("f = lambda: 1", ["f()"], "f = lambda: 1"),
        ("x = 3", ["f()"], None),
        ("For example, print the list.", [], None),
        ("Define a function that adds.", ["f()"], None),
    ],
)  # fmt: skip
def test_code_is_found_by_the_documented_rule(text, uses, code):
    """The last block that defines what the cases use, else the last block, else the lines that are code."""
    assert read(text, uses) == code


@pytest.mark.parametrize(
    ("body", "value", "score"),
    [
        ("return (1, 2)", [1, 2], 1.0),
        ("return 0.1 + 0.2", 0.3, 1.0),
        ("return 2.0", 2, 1.0),
        ("return True", 1, 0.0),
        ("return 1", True, 0.0),
        ("return None", None, 1.0),
        ("pass", 0, 0.0),
        ("return '1'", 1, 0.0),
        ("return {'a': [1]}", {"a": [1]}, 1.0),
        ("return [1, 2, 3]", [1, 2], 0.0),
        ("return float('nan')", 1.0, 0.0),
        ("return 10 ** 5000", 1.5, 0.0),
        ("return 10 ** 5000", 7, 0.0),
    ],
)
def test_values_are_compared_as_json(body, value, score):
    """Tuples are lists, floats may differ in the last digits, truth is not a number."""
    options = {"cases": [{"call": "f()", "value": value}]}
    assert grade("code", fenced(f"def f():\n    {body}"), (), options).score == score


def test_programs_calls_and_assertions_are_cases():
    """Printed output, of the program or of a call, and statements that must raise nothing."""
    text = fenced("def hi(name):\n    print('hi', name)\n    return len(name)\nprint('ready')  ")
    cases = [
        {"output": "ready\n"},
        {"call": "hi('Ann')", "output": "hi Ann"},
        {"call": "hi('Ann')", "value": 3},
        {"run": "assert hi('Bo') == 2\nassert hi('') == 0"},
        {"run": "assert hi('Bo') == 3"},
    ]
    found = grade("code", text, (), {"cases": cases, "credit": "share"})
    assert found.score == 4 / 5
    assert found.answer.startswith("4 of 5 cases; assert hi('Bo') == 3: AssertionError")
    assert grade("code", text, (), {"cases": cases}).score == 0.0
    assert grade("code", text, (), {"cases": cases[:4]}).score == 1.0


def test_cases_do_not_see_each_other():
    """What one case leaves behind is gone in the next."""
    text = fenced("seen = []\ndef f():\n    seen.append(1)\n    return len(seen)")
    assert grade("code", text, (), {"cases": [{"call": "f()", "value": 1}] * 3}).score == 1.0


def test_clock_and_chance_stand_still():
    """Code that asks for the time or for chance gives the same grade again."""
    text = fenced("import random, time\nfrom datetime import datetime\ntime.sleep(9)\ndef f():\n"
                  "    return [str(datetime.now()), random.random()]")  # fmt: skip
    found = [grade("code", text, (), {"cases": [{"call": "f()", "value": 0}]}) for _ in range(2)]
    assert found[0] == found[1]
    assert "2026-01-01 12:00:00" in found[0].answer


def test_syntax_the_sandbox_does_not_know_is_unparsed():
    """A right answer that the sandbox cannot run is not called wrong."""
    text = fenced("class A(dict):\n    pass\ndef f():\n    return 1")
    found = grade("code", text, (), CALL)
    assert found.score is None
    assert "does not yet support" in found.answer


HOSTILE = {
    "endless loop": ("def f():\n    while True: pass", "TimeoutError"),
    "endless loop at once": ("while True: pass\ndef f(): pass", "TimeoutError"),
    "loop that catches everything": (
        "def f():\n    while True:\n        try:\n            while True: pass\n        except BaseException: pass",
        "TimeoutError",
    ),
    "endless exec": ("def f(): exec('while True: pass')", "TimeoutError"),
    "long sum": ("def f(): return sum(range(10**13))", "TimeoutError"),
    "huge list": ("def f(): return [0] * 10**10", "MemoryError"),
    "huge text": ("def f(): return 'a' * 10**10", "MemoryError"),
    "huge number": ("def f(): return 10 ** 10 ** 10", "MemoryError"),
    "huge shift": ("def f(): return 1 << 10**10", "MemoryError"),
    "huge padding": ("def f(): return '{:>10000000000}'.format(1)", "Error"),
    "growing list": ("def f():\n    x = []\n    while True: x.append(str(x)[:1000])", "Error"),
    "recursion": ("def f(): return f()", "RecursionError"),
    "recursion by another": ("def g(): return f()\ndef f(): return g()", "RecursionError"),
    "deep source": ("def f(): return " + "(" * 3000 + "1" + ")" * 3000, "nested"),
    "deep value": ("def f():\n    x = []\n    for _ in range(100000): x = [x]\n    return x", "returned"),
    "value that holds itself": ("def f():\n    x = []\n    x.append(x)\n    return x", "returned"),
    "value of a million million parts": (
        "def f():\n    x = [0] * 1000\n    for _ in range(4): x = [x] * 1000\n    return x",
        "returned",
    ),
    "value at the limit of memory": ("def f(): return 'a' * 31_000_000", ""),
    "huge error": ("def f(): raise ValueError('x' * 10_000_000)", "ValueError"),
    "endless output": ("def f():\n    while True: print('a' * 10000)", "MemoryError"),
    "giant output": ("print('a' * 5_000_000)\ndef f(): return 1", "MemoryError"),
    "read a file": ("def f(): return open('/etc/passwd').read()", "PermissionError"),
    "read a path": ("from pathlib import Path\ndef f(): return Path('/etc/passwd').read_text()", "PermissionError"),
    "list a folder": ("import os\ndef f(): return os.listdir('/')", "PermissionError"),
    "environment": ("import os\ndef f(): return os.environ['HOME']", "not supported"),
    "environment by name": ("import os\ndef f(): return os.getenv('HOME')", "not supported"),
    "system": ("import os\ndef f(): return os.system('ls')", "AttributeError"),
    "socket": ("import socket\ndef f(): return 1", "ModuleNotFoundError"),
    "web": ("import urllib.request\ndef f(): return 1", "ModuleNotFoundError"),
    "subprocess": ("import subprocess\ndef f(): return 1", "ModuleNotFoundError"),
    "foreign functions": ("import ctypes\ndef f(): return 1", "ModuleNotFoundError"),
    "packages": ("import numpy\ndef f(): return 1", "ModuleNotFoundError"),
    "import by name": ("def f(): return __import__('os')", "NameError"),
    "way up the classes": ("def f(): return ().__class__.__bases__[0].__subclasses__()", "AttributeError"),
    "frames": ("def f(): return f.__globals__", "AttributeError"),
    "input": ("def f(): return input()", "Error"),
    "exit": ("def f(): raise SystemExit", "SystemExit"),
    "interrupt": ("def f(): raise KeyboardInterrupt", "KeyboardInterrupt"),
}  # fmt: skip


@pytest.mark.parametrize("name", list(HOSTILE))
def test_hostile_code_ends_in_nought_with_a_reason(name):
    """Each attack scores 0 and says why; the next answer is graded as if nothing had been."""
    code, reason = HOSTILE[name]
    found = grade("code", fenced(code), (), CALL)
    assert found.score == 0.0
    assert reason in found.answer
    assert len(found.answer) <= 200
    assert grade("code", fenced("def f(): return 1"), (), CALL).score == 1.0


def test_nothing_outside_is_written(tmp_path, monkeypatch):
    """Code that tries to write, delete or change leaves every file and variable as it was."""
    monkeypatch.chdir(tmp_path)
    kept = tmp_path / "kept.txt"
    kept.write_text("here", encoding="utf-8")
    before = dict(os.environ)
    for attack in (
        f"open({str(kept)!r}, 'w').write('gone')",
        "open('new.txt', 'w').write('x')",
        f"__import__('os').remove({str(kept)!r})",
        f"Path({str(kept)!r}).unlink()",
        f"Path({str(tmp_path / 'made')!r}).mkdir()",
        f"os.remove({str(kept)!r})",
        f"os.rename({str(kept)!r}, 'x')",
        "os.environ['HARNESS_X'] = '1'",
        "os.putenv('HARNESS_X', '1')",
        "os.chdir('/')",
    ):
        code = f"import os\nfrom pathlib import Path\ndef f():\n    {attack}\n    return 1"
        assert grade("code", fenced(code), (), CALL).score == 0.0, attack
    assert [path.name for path in tmp_path.iterdir()] == ["kept.txt"]
    assert kept.read_text(encoding="utf-8") == "here"
    assert dict(os.environ) == before
    assert Path.cwd() == tmp_path


def test_a_timeout_is_not_waited_for_in_every_case():
    """Once a case has used up its time the others count as failed without being run."""
    options = {"cases": [{"call": "f(0)", "value": 0}, *({"call": "f(1)", "value": 1},) * 49], "seconds": 0.2,
               "credit": "share"}  # fmt: skip
    found = grade("code", fenced("def f(n):\n    while n: pass\n    return n"), (), options)
    assert found.score == 1 / 50


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "options.cases: needs 1 to 50 cases"),
        ({"cases": []}, "options.cases: needs 1 to 50 cases"),
        ({"cases": [{"call": "f()", "value": 1}] * 51}, "options.cases: needs 1 to 50 cases"),
        ({"cases": [{"call": "f()"}]}, "case 1 has the keys 'call'"),
        ({"cases": [{"call": 3, "value": 1}]}, "call, output and run are texts"),
        ({"cases": [{"run": "x" * 30_000}]}, "is longer than"),
        ({"cases": CALL["cases"] * 11, "seconds": 10}, "11 cases of 10 s are more than 100 s together"),
        ({**CALL, "seconds": 60}, "options.seconds: must be"),
        ({**CALL, "memory_mb": 4096}, "options.memory_mb: must be"),
        ({**CALL, "credit": "half"}, "options.credit: must be"),
    ],
)
def test_mistakes_are_named(options, says):
    """Cases and limits that cannot be used are told at load."""
    assert says in GRADERS["code"].check((), options)[0]


def test_without_the_sandbox_the_fix_is_the_install_command(monkeypatch):
    """A suite that needs code is turned away at load with the command that installs the sandbox."""
    find, load = importlib.util.find_spec, builtins.__import__
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *rest: None if name == "pydantic_monty" else find(name, *rest),
    )

    def missing(name, *rest, **named):
        if name == "pydantic_monty":
            raise ImportError(name)
        return load(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", missing)
    assert GRADERS["code"].check((), CALL) == [
        "grader: code needs a sandbox that is not installed; pip install 'pydantic-monty>=1.4'"
    ]
    with pytest.raises(UsageError, match=r"pip install 'pydantic-monty>=1\.4'"):
        grade("code", fenced("def f(): return 1"), (), CALL)


def test_a_sandbox_that_does_not_start_is_a_foreseen_error(monkeypatch, tmp_path):
    """Without the worker's program nothing is graded as wrong."""
    monkeypatch.setenv("MONTY_BIN", str(tmp_path / "none"))
    with pytest.raises(UsageError, match="does not start"):
        grade("code", fenced("def f(): return 1"), (), CALL)


def test_human_eval_solutions_pass_in_the_sandbox():
    """Of 164 known right solutions at least 160 pass (measured: 162; two import `string`, which is not there)."""
    path = DATA / "HumanEval.jsonl.gz"
    if not path.exists():
        pytest.skip("the problems are not here")
    failed = {}
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    for row in rows:
        cases = [{"run": f"{row['test']}\ncheck({row['entry_point']})"}]
        found = grade(
            "code", fenced(row["prompt"] + row["canonical_solution"]), (), {"cases": cases, "seconds": 10}
        )
        if found.score != 1.0:
            failed[row["task_id"]] = found.answer
    assert len(rows) == 164
    assert len(failed) <= 4, failed
