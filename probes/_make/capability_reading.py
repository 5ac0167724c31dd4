"""The family `code-reading`: what a small Python program prints, found by running it here."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator, Sequence

from probes._make.capability_tasks import ONLY, SHOW, Dice, Task, pool

_WORDS = (
    "lantern", "orchard", "pebble", "saddle", "meadow", "thunder", "violin", "walnut", "carpet", "feather", "harbour",
    "kitten", "marble", "needle", "parcel", "ribbon", "sparrow", "teapot", "umbrella", "whistle",
)  # fmt: skip
_SHOW_TEXT = 'Work it out, then end with a line that says "Answer:" and what is printed.'

# `$a` to `$d` stand for numbers, drawn from the ranges beside the program; `$w` for a word.
PROGRAMS: tuple[tuple[int, str, str, tuple[tuple[int, int], ...]], ...] = (
    (1, "sum", "print($a + $b)", ((1, 9), (1, 9))),
    (1, "name", "x = $a\nprint(x)", ((2, 99),)),
    (1, "text", 'print("$w")', ()),
    (2, "names", "x = $a\ny = x + $b\nprint(y)", ((3, 19), (2, 9))),
    (2, "length", 'word = "$w"\nprint(len(word))', ()),
    (2, "item", "numbers = [$a, $b, $c]\nprint(numbers[1])", ((10, 39), (40, 69), (70, 99))),
    (3, "loop", "total = $a\nfor i in range($b):\n    total = total + i\nprint(total)", ((2, 20), (4, 8))),
    (3, "branch", "x = $a\nif x > $b:\n    x = x * 3\nelse:\n    x = x + $c\nprint(x - 1)", ((5, 30), (12, 22),
    (4, 19))),
    (3, "reverse", 'word = "$w"\nprint(word[::-1][:4])', ()),
    (
        4, "while",
        "n = $a\nsteps = 0\nwhile n > $b:\n    if n % 3 == 0:\n        n = n // 3 + 7\n    else:\n        n = n - 5\n"
        "    steps += 1\nprint(steps * 100 + n)",
        ((55, 97), (13, 19)),
    ),
    (
        4, "nested",
        "count = 0\nfor i in range(1, $a):\n    for j in range(i, $b):\n        if (i * j) % $c == 1:\n"
        "            count += i + j\nprint(count)",
        ((4, 7), (6, 9), (3, 5)),
    ),
    (
        4, "letters",
        'word = "$w"\nout = ""\nfor i, letter in enumerate(word):\n    if i % 3 != $a:\n        out = letter + out\n'
        "    else:\n        out = out + letter.upper()\nprint(out)",
        ((0, 2),),
    ),
    (
        5, "recursion",
        "def f(n, k):\n    if n <= 1:\n        return k\n    if n % 2 == 0:\n        return f(n // 2, k + n)\n"
        "    return f(n - 3, k * 2) - f(n // 3, 1)\n\n\nprint(f($a, $b))",
        ((29, 79), (3, 9)),
    ),
    (
        5, "alias",
        "a = [$a, $b, $c]\nb = a\nc = a[:]\nb.append(len(c) + $d)\nc.append(sum(b))\na = a + [c[-1] - b[0]]\nb[1] "
        "= a.pop(2)\n"
        "c[0] += len(b)\nprint(a[-1] * 100 + b[1] * 10 + c[0] - len(a))",
        ((2, 9), (11, 29), (31, 49), (3, 8)),
    ),
    (
        5, "groups",
        'text = "$w and $w2"\nseen = {}\nfor place, letter in enumerate(text):\n'
        "    seen[letter] = place - seen.get(letter, $a)\n"
        "best = sorted(seen, key=lambda letter: (-seen[letter], letter))\nprint(''.join(best[:6]).strip() + "
        "str(sum(seen.values())))",
        ((1, 5),),
    ),
    (
        6, "machine",
        "program = [('push', $a), ('push', $b), ('over',), ('add',), ('dup',), ('jsmall', -4), ('swap',), "
        "('push', $c),\n"
        "           ('sub',), ('dup',), ('jbig', -4), ('mul',), ('push', $d), ('swap',), ('sub',)]\n"
        "stack, at, steps = [], 0, 0\nwhile at < len(program) and steps < 200:\n    op, *rest = program[at]\n    "
        "at += 1\n"
        "    steps += 1\n    if op == 'push':\n        stack.append(rest[0])\n    elif op == 'dup':\n"
        "        stack.append(stack[-1])\n    elif op == 'over':\n        stack.append(stack[-2])\n    elif op == "
        "'swap':\n"
        "        stack[-1], stack[-2] = stack[-2], stack[-1]\n    elif op == 'jsmall':\n        if stack.pop() < 120:\n"
        "            at += rest[0]\n    elif op == 'jbig':\n        if stack.pop() > 6:\n            at += rest[0]\n"
        "    else:\n        y, x = stack.pop(), stack.pop()\n"
        "        stack.append(x + y if op == 'add' else x - y if op == 'sub' else x * y)\nprint(sum(stack) * 100 "
        "+ steps)",
        ((17, 39), (5, 41), (4, 9), (30, 990)),
    ),
    (
        6, "closures",
        "log = []\n\n\ndef note(value, seen=[]):\n    seen.append(value)\n    return len(seen) * value\n\n\nsteps "
        "= []\n"
        "for k in range($a, $a + 4):\n    steps.append(lambda x: x + k)\n    steps.append(lambda x, k=k: x * k % "
        "97)\n\n"
        "total = $b\nfor step in steps:\n    total = step(total)\n    log.append(note(total))\n    if total % 3 == 0:\n"
        "        total -= note(k, log)\nprint(total, log[-1], len(log))",
        ((3, 9), (5, 60)),
    ),
    (
        6, "walk",
        "x, y, turn, state = 0, 0, 0, $a\nvisited = {}\nfor step in range(26):\n    state = (state * 13 + $b) % 64\n"
        "    if state & 1:\n        turn = (turn + (3 if (x, y) in visited else 1)) % 4\n"
        "    visited[(x, y)] = step\n    x += (1, 0, -1, 0)[turn]\n    y += (0, 1, 0, -1)[turn]\n"
        "    if (x, y) in visited and visited[(x, y)] % 2:\n        state ^= visited[(x, y)]\n"
        "print(x, y, len(visited), state)",
        ((3, 60), (5, 51)),
    ),
)  # fmt: skip
_EXAMPLES = {
    "names": ("x = 1\ny = x + 4\nprint(y)", "1 + 4 = 5"),
    "length": ('word = "sea"\nprint(len(word))', "3"),
    "item": ("numbers = [5, 8, 9]\nprint(numbers[1])", "8"),
    "sum": ("print(1 + 1)", "1 + 1 = 2"),
    "name": ("x = 5\nprint(x)", "5"),
    "text": ('print("window")', "window"),
}


def output(program: str) -> str:
    """Return what a program of this module prints."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(program, "<program>", "exec"), {})  # noqa: S102 - our own programs, above
    return printed.getvalue().rstrip("\n")


def _maker(source: str, ranges: Sequence[tuple[int, int]]) -> Callable[[Dice], Sequence[str | int]]:
    def make(dice: Dice) -> tuple[str, str]:
        program = source
        words = dice.some(_WORDS, 2)
        program = program.replace("$w2", words[1]).replace("$w", words[0])
        for letter, (low, high) in zip("abcd", ranges, strict=False):
            program = program.replace(f"${letter}", str(dice.between(low, high)))
        return program, output(program)

    return make


def code_reading() -> Iterator[Task]:
    """Yield the programs, from one print to closures over what changes."""
    for rung, name, source, ranges in PROGRAMS:
        count = 12 if len(ranges) != 1 or ranges[0][1] - ranges[0][0] > 20 or "$w" in source else 8
        rule = pool(f"reading-{rung}-{name}", _maker(source, ranges), count)
        numeric = all(row[1].lstrip("-").isdecimal() for row in rule["choice"])
        asked = "What does this Python program print?" if rung > 1 else "What does this Python code print?"
        bare, shown_work = (ONLY, SHOW) if numeric else ("Reply with only the word.", _SHOW_TEXT)
        end = bare if rung <= 2 else shown_work
        text = f"{asked} {end}\n\n"
        example = None
        if name in _EXAMPLES:
            shown, answer = _EXAMPLES[name]
            example = (text + shown, answer)
        options = {} if numeric else {"read": "[Aa]nswer:[\\s*`'\"]{{0,8}}([^\\n`*'\"]{{1,80}})"}
        grader, target = ("numeric", "{case[1]}") if numeric else ("regex", r"^\s*{case[1]}\W*$")
        if not numeric and rung <= 2:
            grader, target, options = "word", "{case[1]}", {}
        yield Task(
            "code-reading", rung, name, text + "{case[0]}", {"case": rule}, grader, target, options=options,
            example=example, witness="Answer: {case[1]}" if grader == "regex" else "",
        )  # fmt: skip
