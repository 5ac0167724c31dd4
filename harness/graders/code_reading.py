"""Where the Python code is in an answer."""

from __future__ import annotations

import re
from collections.abc import Sequence

_FENCE = re.compile(r"^[ \t]*(?:```|~~~)[ \t]*([\w+#.-]{0,20})[^\n`]{0,40}$", re.MULTILINE)
_PYTHON = frozenset(("", "python", "python3", "py", "py3", "python-repl"))
_CODE_LINE = re.compile(
    r"(?:def|class)\s+\w+\s*[(:\[]|async\s+def\s|import\s+[\w.]+(?:\s+as\s+\w+)?(?:\s*,\s*[\w.]+)*\s*(?:#|$)"
    r"|from\s+[\w.]+\s+import\s|@\w|print\(|(?:for|while|if|elif|else|with|try|except|finally)\b[^\n]{0,200}:\s*(?:#|$)"
    r"|[A-Za-z_][\w.]{0,60}(?:\[[^\]\n]{0,60}\])?\s*(?:[-+*/%|&]|//|\*\*)?=(?!=)\s*\S"
    r"|[A-Za-z_][\w.]{0,60}\([^\n]{0,300}\)\s*(?:#|$)|(?:assert|raise|del|return)\s|pass\s*$|[\])}]|#"
)
_NAME = re.compile(r"([A-Za-z_]\w{0,60})\s*\(")
_DEFINED = re.compile(
    r"^(?:async\s+)?(?:def|class)\s+([A-Za-z_]\w{0,60})|^([A-Za-z_]\w{0,60})\s*=(?!=)", re.MULTILINE
)


def _blocks(text: str) -> list[str]:
    """Return the fenced blocks that may be Python; one that never ends reaches to the end of the text."""
    found = []
    marks = list(_FENCE.finditer(text))
    for number in range(0, len(marks), 2):
        end = marks[number + 1].start() if number + 1 < len(marks) else len(text)
        if marks[number].group(1).lower() in _PYTHON:
            found.append(text[marks[number].end() : end].strip("\n"))
    return [block for block in found if block.strip()]


def _bare(text: str) -> str:
    """Return the longest run of lines that look like Python, indented ones belonging to the line above."""
    best: list[str] = []
    run: list[str] = []
    for line in [*text.split("\n"), "."]:
        if _CODE_LINE.match(line) or (run and (not line.strip() or line[0] in " \t")):
            run.append(line)
            continue
        if len(run) > len(best):
            best = run
        run = []
    return "\n".join(best).strip("\n")


def _defines(code: str, names: frozenset[str]) -> bool:
    return any((found.group(1) or found.group(2)) in names for found in _DEFINED.finditer(code))


def read(text: str, uses: Sequence[str]) -> str | None:
    """Return the Python code in an answer, given the expressions that will use it; None when there is none.

    >>> read("Here:\\n```python\\nx = 1\\n```\\nDone.", [])
    'x = 1'
    """
    text = text.replace("\r\n", "\n")
    names = frozenset(name for use in uses for name in _NAME.findall(use[:2_000]))
    if _FENCE.search(text):
        blocks = _blocks(text)
        defining = [block for block in blocks if _defines(block, names)]
        chosen = defining or blocks
        return chosen[-1] if chosen else None
    code = _bare(text)
    if names and not _defines(code, names):
        return None
    return code or None
