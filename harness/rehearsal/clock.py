"""A clock for lives that pass faster than they are lived."""

from __future__ import annotations

import asyncio
import time
from typing import Literal


class VirtualClock:
    """Runs `pace` times as fast as the machine's clock, and jumps when told to.

    Within a run everything that waits still waits in the right order and proportion; between runs nobody waits.
    """

    kind: Literal["real", "simulated"] = "simulated"

    def __init__(self, start_us: int, pace: float = 400.0) -> None:
        self.pace = pace
        self._begun_s = time.perf_counter()
        self._jumped_s = 0.0
        self._start_us = start_us
        self.skew_s = 0.0
        """How far the asking machine's calendar is ahead; what it measures with (`monotonic_s`) is not."""

    def jump_to(self, moment_us: int) -> None:
        """Turn to a later moment; an earlier one than now changes nothing."""
        ahead_s = (moment_us - self._true_us()) / 1e6
        self._jumped_s += max(0.0, ahead_s)

    def _true_us(self) -> int:
        return self._start_us + round(self.monotonic_s() * 1e6)

    def now_us(self) -> int:
        """Return UTC microseconds since 1970, as the asking machine believes."""
        return self._true_us() + round(self.skew_s * 1e6)

    def monotonic_s(self) -> float:
        """Return seconds of this clock since it was made."""
        return (time.perf_counter() - self._begun_s) * self.pace + self._jumped_s

    async def sleep(self, seconds: float) -> None:
        """Wait so many seconds of this clock."""
        await asyncio.sleep(seconds / self.pace)
