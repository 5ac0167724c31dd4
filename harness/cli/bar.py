"""How far long work is: a bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import time
from typing import Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from harness.cli.context import err

_PLAIN_EVERY_S = 10.0


class Bar:
    """A bar on a terminal; elsewhere a line on stderr every ten seconds. Call it with (done, in all)."""

    def __init__(self, words: str) -> None:
        self._words = words
        self._bar = Progress(
            TextColumn(words), BarColumn(bar_width=30), MofNCompleteColumn(), TimeRemainingColumn(),
            console=err, disable=not err.is_terminal,
        )  # fmt: skip
        self._task = self._bar.add_task(words, total=None)
        self._printed_s = time.monotonic()

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def __call__(self, done: int, total: int) -> None:
        """Show how far it is."""
        if err.is_terminal:
            self._bar.update(self._task, completed=done, total=total)
        elif (now_s := time.monotonic()) - self._printed_s >= _PLAIN_EVERY_S:
            self._printed_s = now_s
            err.print(f"{self._words}: {done:,} of {total:,}", markup=False)
