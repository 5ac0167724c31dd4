"""A progress bar for work that counts: on a terminal alone."""

from __future__ import annotations

from typing import Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from harness.cli.context import err


class Bar:
    """A bar on a terminal, nothing elsewhere. Call it with (done, total)."""

    def __init__(self, words: str) -> None:
        self._bar = Progress(
            TextColumn(words), BarColumn(bar_width=30), MofNCompleteColumn(), TimeRemainingColumn(),
            console=err, disable=not err.is_terminal,
        )  # fmt: skip
        self._task = self._bar.add_task(words, total=None)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def __call__(self, done: int, total: int) -> None:
        """Show how far the work is."""
        self._bar.update(self._task, completed=done, total=total)
