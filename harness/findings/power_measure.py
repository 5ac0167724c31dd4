"""What simulated runs give each stream, and the evidence that comes of it, in arrays over all worlds at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from harness.findings.ledger import SETTINGS
from harness.findings.scores import Floats, Layout
from harness.findings.state import day_settings
from harness.findings.streams import Signal, Stream
from harness.stats import day_effect_paths, follow, tally_p
from harness.stats.rank_bets import bet_paths

Ints: TypeAlias = npt.NDArray[np.int64]


class Measure:
    """What each run gives each stream of one suite, over all worlds."""

    def __init__(
        self, layout: Layout, streams: Sequence[Stream], samples: int, worlds: int, runs: int
    ) -> None:
        self._layout = layout
        self._samples = samples
        self._numbers = {stream.name: np.zeros((worlds, runs)) for stream in streams}
        self._right = {
            stream.name: np.zeros((worlds, runs, layout.places(stream).size), dtype=np.int16)
            for stream in streams
            if stream.tallied
        }
        self._streams = streams

    def take(
        self, run: int, right: Floats, declined: Floats, unreadable: Floats, rng: np.random.Generator
    ) -> None:
        """Draw one run's answers, every probe's as often as it is asked."""
        counts = np.zeros((3, *right.shape), dtype=np.int16)
        for _ in range(self._samples):
            drawn = rng.random(right.shape)
            # Right from below, declined from above, what cannot be read next to it: they never overlap.
            counts[1] += drawn >= 1 - declined
            counts[2] += (drawn < 1 - declined) & (drawn >= 1 - declined - unreadable)
            counts[0] += drawn < np.minimum(right, 1 - declined - unreadable)
        self.keep(run, counts)

    def keep(self, run: int, counts: npt.NDArray[np.int16]) -> None:
        """Keep one run's counts of right, declined and unreadable answers, shape (3, worlds, probes)."""
        for stream in self._streams:
            self._numbers[stream.name][:, run] = self._number(stream, run, counts)

    def _number(self, stream: Stream, run: int, counts: npt.NDArray[np.int16]) -> Ints:
        """Return a whole number that ranks as the stream's score: everything is asked equally often."""
        places = self._layout.places(stream)
        if stream.signal is Signal.LOCK:
            pairs = self._layout.pairs(stream)
            return np.asarray(counts[0][:, pairs.topic].sum(1) - counts[0][:, pairs.neutral].sum(1), np.int64)
        if stream.signal is Signal.ANCHOR_FRESH:
            fixed = np.array([probe.anchor for probe in self._layout.probes(stream)])
            sides = [counts[0][:, places[side]].sum(1, dtype=np.int64) for side in (fixed, ~fixed)]
            return np.asarray(sides[0] * (~fixed).sum() - sides[1] * fixed.sum(), np.int64)
        outcome = {Signal.CORRECT: 0, Signal.REFUSED: 1, Signal.FORMAT: 2}[stream.signal]
        mine = counts[outcome][:, places]
        if stream.tallied:
            self._right[stream.name][:, run] = mine
        return np.asarray(mine.sum(1), np.int64)

    def ranked(self, stream: Stream, u: Floats) -> Floats:
        """Return a stream's conformal p of every run, shape (worlds, scores, runs).

        Args:
            stream: which.
            u: numbers that break ties, shape (worlds, runs).
        """
        if not stream.tallied:
            return ranks(self._numbers[stream.name], u)[:, None, :]
        right = self._right[stream.name]
        trials = np.full(right.shape[1:], self._samples)
        return np.stack(
            [tally_p(each, trials, draws, SETTINGS) for each, draws in zip(right, u, strict=True)]
        )

    def incident(self, stream: Stream) -> Floats:
        """Return the log of a stream's evidence in the incident tier after each run, shape (worlds, runs)."""
        right = self._right[stream.name]
        return day_effect_paths(right, self._samples, day_settings(stream)).log_e


def ranks(numbers: Floats, u: Floats) -> Floats:
    """Return the conformal p of every run, shapes (worlds, runs)."""
    p = np.empty(numbers.shape)
    for run in range(numbers.shape[1]):
        now, past = numbers[:, run, None], numbers[:, :run]
        below, equal = (past < now).sum(1), (past == now).sum(1)
        p[:, run] = (below + u[:, run] * (1 + equal)) / (run + 1)
    return p


def two_sided_paths(rise: Floats, p: Floats) -> Floats:
    """Return the log of streams' evidence for a change either way from their conformal p, shape (streams, runs).

    Args:
        rise: share of a stream's evidence that is looked for in a rise, shape (streams,).
        p: shape (streams, scores, runs).
    """
    streams, _, runs = p.shape
    numbers = np.arange(1, runs + 1)
    scores = follow(p, np.broadcast_to(numbers, (streams, runs)), SETTINGS)
    down, up = bet_paths(p, numbers > SETTINGS.burn_in, SETTINGS.temper)
    both: Floats = np.logaddexp(
        np.log((1 - rise) / 2)[:, None] + np.logaddexp(scores.log_e_down, down),
        np.log(rise / 2)[:, None] + np.logaddexp(scores.log_e_up, up),
    )
    return both
