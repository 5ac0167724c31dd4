"""How a run looks while it goes: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from harness.cli.context import err
from harness.monitor import Progress as State
from harness.monitor.spending import dollars

_PLAIN_EVERY_S = 10.0


class Display:
    """Shows a run's progress on stderr. Call it with the state after every commit."""

    def __init__(self) -> None:
        self._bar: Progress | None = None
        self._started_s = time.monotonic()
        self._first_done: int | None = None
        self._printed_s = time.monotonic()
        self._printed = -1

    def __enter__(self) -> Self:
        if err.is_terminal:
            self._bar = Progress(
                TextColumn("run {task.fields[run]}"),
                BarColumn(bar_width=30),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TextColumn("{task.fields[words]}"),
                console=err,
            )
            self._task = self._bar.add_task("run", total=None, run="", words="starting")
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, state: State) -> None:
        """Show where the run stands."""
        now_s = time.monotonic()
        if self._first_done is None:
            self._first_done, self._started_s = state.done, now_s
        words = self._words(state, now_s)
        if self._bar is not None:
            self._bar.update(
                self._task, total=state.planned, completed=state.done, run=str(state.run_id), words=words
            )
        elif state.done > self._printed and (
            now_s - self._printed_s >= _PLAIN_EVERY_S or state.done == state.planned
        ):
            self._printed_s, self._printed = now_s, state.done
            err.print(f"run {state.run_id}: {state.done}/{state.planned} calls, {words}", markup=False)

    def _words(self, state: State, now_s: float) -> str:
        took_s = now_s - self._started_s
        done = state.done - (self._first_done or 0)
        parts: list[str] = []
        if done > 0 and took_s > 0:
            rate = done / took_s
            parts.append(f"{rate:.1f}/s")
            left_s = (state.planned - state.done) / rate
            if left_s >= 1:
                parts.append(f"{left_s // 60:.0f}:{left_s % 60:02.0f} left")
        parts.extend(f"{name} {count}" for name, count in state.outcomes.most_common())
        if state.retried:
            parts.append(f"retries {state.retried}")
        if state.cost_at_most_usd:
            parts.append(dollars(state.cost_usd, state.cost_at_most_usd))
        return ", ".join(parts) or "starting"
