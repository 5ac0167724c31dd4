"""The family `code-writing`: small functions, each with a solution of ours that makes the test cases."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from probes._make.capability_tasks import Dice, Task, pool


@dataclass(frozen=True, slots=True)
class Function:
    """A function to write. `$a`, `$b` and `$c` stand for what is drawn from the lists of values."""

    rung: int
    name: str
    asked: str
    solution: str
    calls: tuple[str, ...]
    values: tuple[tuple[Any, ...], ...]


_TEN = tuple(range(2, 12))
_LETTERS = tuple("bcdfgklmnprst")
FUNCTIONS = (
    Function(
        1, "add", "`add(x)` that returns x plus $a", "def add(x):\n    return x + $a", ("add(0)", "add(5)", "add(-3)"),
        (tuple(range(2, 40)),),
    ),
    Function(
        1, "times", "`times(x)` that returns x multiplied by $a", "def times(x):\n    return x * $a",
        ("times(0)", "times(4)", "times(-2)"), (tuple(range(2, 40)),),
    ),
    Function(
        1, "greet", "`say()` that returns the text \"$a\"", 'def say():\n    return "$a"', ("say()",),
        (("hello", "good day", "welcome", "come in", "well done", "thank you", "good night", "see you", "at last"),),
    ),
    Function(
        2, "line", "`line(x)` that returns $a times x, plus $b", "def line(x):\n    return $a * x + $b",
        ("line(0)", "line(3)", "line(-4)"), (_TEN, _TEN),
    ),
    Function(
        2, "larger", "`pick(x, y)` that returns the larger of x and y, plus $a",
        "def pick(x, y):\n    return max(x, y) + $a", ("pick(3, 8)", "pick(9, 2)", "pick(-1, -1)"), (_TEN,),
    ),
    Function(
        2, "join", "`mark(text)` that returns text with \"$a\" put in front of it and \"$b\" after it",
        'def mark(text):\n    return "$a" + text + "$b"', ('mark("x")', 'mark("")', 'mark("to go")'),
        (("<", "[", "(", "- "), (">", "]", ")", "!", "?")),
    ),
    Function(
        3, "multiples", "`total(numbers)` that returns the sum of those numbers in the list that can be divided by $a",
        "def total(numbers):\n    return sum(n for n in numbers if n % $a == 0)",
        ("total([])", "total([3, 4, 10, 12, 15])", "total(list(range(50)))", "total([-12, 7, 60])"), (_TEN,),
    ),
    Function(
        3, "count", "`count(text)` that returns how often the letter {$a} occurs in the text, as a small or a capital "
        "letter", 'def count(text):\n    return text.lower().count("$a")',
        ('count("")', 'count("$a")', 'count("Bcd Fgk lmn PRST bdt")', 'count("BBccTTssrrMMddLLggkkPPnnFF")'),
        (_LETTERS,),
    ),
    Function(
        3, "every", "`every(items)` that returns a list with every item whose place in the list is a multiple of $a, "
        "the first item having place 0, in reverse order", "def every(items):\n    return items[::$a][::-1]",
        ("every([])", "every([5, 6, 7, 8, 9, 10, 11])", "every(list(range(30)))"), (_TEN,),
    ),
    Function(
        4, "runs", "`runs(text)` that returns a list of [letter, length] for each run of $a or more equal letters that "
        "follow each other in the text, in order",
        "def runs(text):\n    out = []\n    for letter in text:\n        if out and out[-1][0] == letter:\n"
        "            out[-1][1] += 1\n        else:\n            out.append([letter, 1])\n"
        "    return [run for run in out if run[1] >= $a]",
        ('runs("")', 'runs("aabbbbcdddda")', 'runs("zzzzzz")', 'runs("abcabc")', 'runs("xxxyyyyxxx")'), ((2, 3, 4, 5),),
    ),
    Function(
        4, "base", "`digits(n)` that returns the digits of the whole number n >= 0 in base $a as a list, the most "
        "significant first; for 0 the list is [0]",
        "def digits(n):\n    out = []\n    while n:\n        out.append(n % $a)\n        n //= $a\n"
        "    return out[::-1] or [0]", ("digits(0)", "digits(1)", "digits(97)", "digits(123456)", "digits($a)"),
        ((3, 4, 5, 6, 7, 8, 9, 11, 12, 13),),
    ),
    Function(
        4, "window", "`best(numbers)` that returns the largest sum of $a numbers that stand next to each other in the "
        "list, or None if the list has fewer than $a numbers",
        "def best(numbers):\n    if len(numbers) < $a:\n        return None\n"
        "    return max(sum(numbers[i:i + $a]) for i in range(len(numbers) - $a + 1))",
        ("best([])", "best([1, 2])", "best([4, -1, 7, 3, -9, 8, 8, 1])", "best([-5, -2, -9, -1, -7, -3, -8])"),
        ((2, 3, 4, 5, 6),),
    ),
    Function(
        5, "merge", "`merge(spans)` that takes a list of [start, end] pairs of whole numbers, merges all spans that "
        "overlap or whose gap (next start minus previous end) is at most $a, and returns the merged spans sorted "
        "by start",
        "def merge(spans):\n    out = []\n    for start, end in sorted(spans):\n        if out and start - "
        "out[-1][1] <= $a:\n"
        "            out[-1][1] = max(out[-1][1], end)\n        else:\n            out.append([start, end])\n    "
        "return out",
        ("merge([])", "merge([[5, 8], [1, 2]])", "merge([[1, 20], [3, 4], [23, 30], [22, 25], [36, 40]])",
         "merge([[10, 12], [0, 3], [17, 19], [14, 14], [5, 6]])"), ((0, 1, 2, 3, 4, 5),),
    ),
    Function(
        5, "sums", "`calc(text)` that returns the value of a sum such as \"2+3*4\": whole numbers with the signs "
            "+ - *, "
        "no brackets and no spaces, where + and - bind more tightly than *, and signs of equal rank are worked out "
        "from the left; the result is returned modulo $a",
        "def calc(text):\n    result = 1\n    for part in text.split('*'):\n        total, sign, number = 0, 1, ''\n"
        "        for letter in part + '+':\n            if letter in '+-':\n                total += sign * "
        "int(number)\n"
        "                sign, number = (1 if letter == '+' else -1), ''\n            else:\n                "
        "number += letter\n"
        "        result *= total\n    return result % $a",
        ('calc("7")', 'calc("2+3*4")', 'calc("10-3*2+5*1-4")', 'calc("12*3-1+20*2")'), ((97, 89, 83, 79, 73, 71,
        101, 103),),
    ),
    Function(
        5, "queue", "`serve(jobs)`: each job is [arrival, length], given in order of arrival. One worker takes the "
        "waiting job that is shortest (of equal ones the one that came first), never breaks off a job, and rests "
        "for $a time units after every third finished job. It returns the list of the times at which the jobs "
        "finish, in "
        "the order of the jobs given. A worker with nothing waiting stays idle until the next arrival",
        "def serve(jobs):\n    done = [None] * len(jobs)\n    now, count = 0, 0\n    while None in done:\n"
        "        open_jobs = [i for i in range(len(jobs)) if done[i] is None and jobs[i][0] <= now]\n"
        "        if not open_jobs:\n            now = min(jobs[i][0] for i in range(len(jobs)) if done[i] is None)\n"
        "            continue\n        best = min(open_jobs, key=lambda i: (jobs[i][1], i))\n        now += "
        "jobs[best][1]\n"
        "        done[best] = now\n        count += 1\n        if count % 3 == 0:\n            now += $a\n    "
        "return done",
        ("serve([])", "serve([[3, 2]])", "serve([[0, 5], [1, 3], [2, 1], [2, 4], [30, 2]])",
         "serve([[0, 9], [1, 2], [1, 2], [1, 7], [4, 1], [11, 3], [12, 2]])"), ((2, 3, 4, 5, 6, 7),),
    ),
    Function(
        6, "torus", "`grow(rows, steps)`: rows is a list of equally long texts of '.' and '#', a grid whose edges are "
        "joined (left to right and top to bottom). In a step a '#' stays if $a of its eight neighbours are '#', "
        "or one more "
        "than that; a '.' becomes '#' if exactly $b of its neighbours are '#'; all cells change at once, and in every "
        "second step (the second, the fourth, ...) the whole grid is then shifted one place to the right. On a "
        "grid so small that a neighbour is reached in two ways it counts twice. Return the grid after the given number "
        "of steps in the same form",
        "def grow(rows, steps):\n    high, wide = len(rows), len(rows[0])\n    for step in range(1, steps + 1):\n "
        "       new = []\n"
        "        for y in range(high):\n            line = ''\n            for x in range(wide):\n"
        "                near = sum(rows[(y + dy) % high][(x + dx) % wide] == '#' for dy in (-1, 0, 1) for dx in "
        "(-1, 0, 1)"
        " if dy or dx)\n                here = rows[y][x] == '#'\n"
        "                line += '#' if (near in ($a, $a + 1) if here else near == $b) else '.'\n            "
        "new.append(line)\n"
        "        rows = new\n        if step % 2 == 0:\n            rows = [line[-1] + line[:-1] for line in "
        "rows]\n    return rows",
        ("grow(['.#.', '###', '...'], 0)", "grow(['.#..', '.##.', '....', '#..#'], 1)",
         "grow(['.#...', '..#..', '###..', '.....', '....#'], 4)", "grow(['#.#', '.#.'], 3)"), ((1, 2, 3), (2, 3, 4)),
    ),
    Function(
        6, "ledger", "`settle(events)` that returns a list of [name, balance] of the accounts that are left, sorted by "
        "balance from high to low and then by name. An event is ['open', name], ['pay', name, amount], ['move', "
        "from, to, "
        "amount], ['undo'] or ['close', name]. Balances start at 0 and may go down to -$a, never below. An event that "
        "cannot be done is skipped as a whole: an account that does not exist (or, on opening, already exists), a move "
        "from an account to itself, too low a balance, or closing an account whose balance is not 0. Every $b-th "
        "event that was done, undoing excepted, costs every account then open 1, even if that goes below the limit. "
        "'undo' takes back the last event that was done and not yet taken back, with its cost, also for the count; if "
        "there is none, nothing happens",
        "def settle(events):\n    past = []\n    state = {}\n    for event in events:\n        kind = event[0]\n"
        "        if kind == 'undo':\n            if past:\n                state = past.pop()\n            continue\n"
        "        new = dict(state)\n        if kind == 'open':\n            if event[1] in new:\n                "
        "continue\n"
        "            new[event[1]] = 0\n        elif kind == 'pay':\n            if event[1] not in new or "
        "new[event[1]] + event[2] < -$a:\n"
        "                continue\n            new[event[1]] += event[2]\n        elif kind == 'move':\n"
        "            one, two, amount = event[1:]\n            if one not in new or two not in new or one == "
        "two:\n                continue\n"
        "            if new[one] - amount < -$a or new[two] + amount < -$a:\n                continue\n           "
        " new[one] -= amount\n"
        "            new[two] += amount\n        else:\n            if event[1] not in new or new[event[1]] != "
        "0:\n                continue\n"
        "            new.pop(event[1])\n        past.append(state)\n        if len(past) % $b == 0:\n            "
        "new = {name: value - 1 for name, value in new.items()}\n"
        "        state = new\n    return sorted(([name, value] for name, value in state.items()), key=lambda "
        "item: (-item[1], item[0]))",
        ("settle([])", "settle([['open', 'a'], ['pay', 'a', 5], ['undo'], ['undo'], ['undo'], ['pay', 'a', 2]])",
         "settle([['open', 'a'], ['open', 'b'], ['pay', 'a', 30], ['move', 'a', 'b', 45], ['move', 'a', 'a', 1], "
         "['open', 'c'], "
         "['undo'], ['close', 'b'], ['move', 'a', 'b', 12], ['open', 'd'], ['close', 'd'], ['pay', 'b', -3]])",
         "settle([['open', 'x'], ['open', 'x'], ['open', 'y'], ['pay', 'y', -8], ['open', 'z'], ['undo'], ['undo'], "
         "['pay', 'x', 9], ['move', 'x', 'y', 4], ['open', 'w'], ['close', 'w'], ['undo'], ['pay', 'w', 1], "
         "['close', 'q']])"),
        ((10, 12, 15, 20, 25), (3, 4, 5)),
    ),
    Function(
        6, "words", "`fill(text, width)` that lays out a text in lines of at most width letters and returns the "
            "list of "
        "lines. Words are what stands between spaces. A line takes as many words as fit, with single spaces. A word "
        "longer than width is cut: it starts on a line of its own, each piece but the last has width - 1 letters and a "
        "'-' after it, and the last piece (of at most width letters, and at least 1) is followed on its line by "
        "further words if they fit. Then every line but the last is stretched to exactly width by giving further "
        "spaces to the gaps between its words, one each in turn from the $a, round after round; a line without "
        "gaps stays as it is. Every $b-th line, counted from 1, is written in capitals",
        "def fill(text, width):\n    lines = []\n    line = []\n    for word in text.split():\n        if "
        "len(word) > width:\n"
        "            if line:\n                lines.append(line)\n                line = []\n            while "
        "len(word) > width:\n"
        "                lines.append([word[:width - 1] + '-'])\n                word = word[width - 1:]\n        "
        "    line = [word]\n            continue\n"
        "        if line and len(' '.join(line)) + 1 + len(word) > width:\n            lines.append(line)\n       "
        "     line = []\n"
        "        line = line + [word]\n    if line:\n        lines.append(line)\n    out = []\n    for place, "
        "words in enumerate(lines):\n"
        "        gaps = [1] * (len(words) - 1)\n        if gaps and place < len(lines) - 1:\n            spare = "
        "width - len(' '.join(words))\n"
        "            for turn in range(spare):\n                at = turn % len(gaps)\n                "
        "gaps[len(gaps) - 1 - at if '$a' == 'right' else at] += 1\n"
        "        made = words[0]\n        for gap, word in zip(gaps, words[1:]):\n            made += ' ' * gap + "
        "word\n"
        "        if (place + 1) % $b == 0:\n            made = made.upper()\n        out.append(made)\n    return out",
        ("fill('', 5)", "fill('a bb ccc dddd eeeee', 6)", "fill('the quick brown fox jumps over a lazy dog', 14)",
         "fill('to incomprehensibilities we say no', 7)", "fill('one two three four five six seven', 11)"),
        (("left", "right"), (2, 3, 4)),
    ),
)  # fmt: skip


def _filled(text: str, drawn: Sequence[Any]) -> str:
    for letter, value in zip("abc", drawn, strict=False):
        text = text.replace(f"${letter}", str(value))
    return text


def _maker(function: Function) -> Callable[[Dice], Sequence[str | int]]:
    def make(dice: Dice) -> tuple[str, ...]:
        drawn = [dice.one(values) for values in function.values]
        space: dict[str, Any] = {}
        exec(_filled(function.solution, drawn), space)  # noqa: S102 - our own solutions, above
        calls = [_filled(call, drawn) for call in function.calls]
        proofs = [f"assert {call} == {eval(call, space)!r}" for call in calls]  # noqa: S307
        return (*(str(value) for value in drawn), *proofs)

    return make


def _template(text: str, letters: str) -> str:
    text = text.replace("{$a}", "$a").replace("{", "{{").replace("}", "}}")
    for place, letter in enumerate(letters):
        text = text.replace(f"${letter}", f"{{case[{place}]}}")
    return text


def code_writing() -> Iterator[Task]:
    """Yield the functions, from one sum to ledgers that take back what was done."""
    for function in FUNCTIONS:
        letters = "abc"[: len(function.values)]
        size = 1
        for values in function.values:
            size *= len(values)
        rule = pool(f"writing-{function.rung}-{function.name}", _distinct(function), min(12, size))
        cases = [{"run": f"{{case[{len(letters) + 1 + place}]}}"} for place in range(len(function.calls))]
        example = None
        if function.rung == 1:
            example = (
                "Write a Python function `less(x)` that returns x minus 1.",
                "def less(x):\n    return x - 1",
            )
        # The first of a row tells rows apart, so what is drawn begins at the second.
        shifted = {f"{{case[{place}]}}": f"{{case[{place + 1}]}}" for place in range(len(letters))}
        prompt, witness = _template(function.asked, letters), _template(function.solution, letters)
        for old in reversed(shifted):
            prompt, witness = prompt.replace(old, shifted[old]), witness.replace(old, shifted[old])
        end = "" if function.rung == 1 else " Give the code alone, in one block."
        if function.rung >= 4:  # what the sandbox of the grader does not know, or not in full
            end = f" Use no imports, classes or `del` statements.{end}"
        yield Task(
            "code-writing", function.rung, function.name, f"Write a Python function {prompt}.{end}", {"case": rule},
            "code", options={"cases": cases}, example=example, witness=f"```python\n{witness}\n```",
        )  # fmt: skip


def _distinct(function: Function) -> Callable[[Dice], Sequence[str | int]]:
    """Return a maker whose rows begin with all that was drawn."""
    make = _maker(function)
    width = len(function.values)

    def with_key(dice: Dice) -> list[str | int]:
        row = list(make(dice))
        return ["/".join(str(value) for value in row[:width]), *row]

    return with_key
