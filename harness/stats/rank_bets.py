"""Bets on ranks: what sequential normal scores leave on the table when a change is clean and the baseline short.

After a clean drop that began with run nu, the later runs are the worst of all: the rank p of run t falls below
(t - nu + 1) / t. A normal score with a fixed shift stakes little on that; here each possible date stakes on exactly
it. The sums are of the same kind as those of NS-SR and may be averaged with them.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log

import numpy as np
import numpy.typing as npt

from harness.stats.intervals import Floats

VERSION = 1
"""Version of the rule; a change that could alter any sum raises it."""

WIDTHS = (1.0, 2.0, 4.0)
"""How many times the share of changed runs the ranks of changed runs may reach: 1 is a clean change."""
SPARED = 0.1
"""Share of each stake that is kept back: what a changed run that ranks among the ordinary ones leaves."""
STARTS = 64
"""Dates that are kept; older ones are dropped, which only loses evidence."""


@dataclass(frozen=True, slots=True)
class RankBets:
    """All that the next run needs: the log sums of each date and width, for both directions."""

    first: int = 0
    """Run, from 1, at which the oldest kept date begins."""
    n_scores: int = 1
    down: bytes = b""
    """Little-endian doubles, scores x widths x dates."""
    up: bytes = b""

    def sums(self, up: bool) -> Floats:
        """Return the log sums, shape (scores, widths, dates)."""
        flat = np.frombuffer(self.up if up else self.down, dtype="<f8")
        return flat.reshape(self.n_scores, len(WIDTHS), -1)

    @property
    def log_evidence(self) -> tuple[float, float]:
        """Return the natural logs of the evidence for a drop and for a rise; -inf before there is any."""
        return _total(self.sums(up=False)), _total(self.sums(up=True))


def bet(state: RankBets | None, run: int, p: npt.ArrayLike, temper: float = 1.0) -> RankBets:
    """Take in one counted run's conformal p.

    Hypothesis: as in `normal_scores`: runs are exchangeable, so that each p is uniform and independent of those
    before. For each date nu (the first changed run) and width c, with q = min(1, c (t - nu + 1) / t):

        log S <- log S + temper log(SPARED + (1 - SPARED) 1{p <= q} / q)      (for a rise: 1 - p in place of p)

    The factor has mean at most 1 if p is uniform, whatever came before, so the sum over dates has expectation at
    most the number of counted runs, as a Shiryaev-Roberts sum has: H / alpha is reached within H runs with
    probability at most alpha. Averages over widths, scores and with NS-SR keep this.

    Args:
        state: From the step before; None before the first counted run.
        run: Number of this run among all that were ranked, from 1.
        p: One conformal p per score, within 0 .. 1, small for a run worse than those before.
        temper: Power each factor is raised to, above 0 and at most 1, as in `NormalScoreSettings`.

    Returns:
        The new state.

    Raises:
        ValueError: p out of range, or a run that does not follow the one before.

    Source: conformal test martingales, Vovk, Gammerman and Shafer (2005), chapter 7; e-detectors, Shin, Ramdas and
    Rinaldo (2024), 2203.03532. The betting function is ours.
    """
    ranks = np.atleast_1d(np.asarray(p, dtype=np.float64))
    if ranks.ndim != 1 or (ranks < 0).any() or (ranks > 1).any():
        raise ValueError(f"p must lie within 0 .. 1, got {ranks}")
    first, sums = run, [np.zeros((ranks.size, len(WIDTHS), 0))] * 2
    if state is not None:
        first, sums = state.first, [state.sums(up=False), state.sums(up=True)]
        if run != first + sums[0].shape[-1] or ranks.size != state.n_scores:
            raise ValueError(f"run {run} does not follow the run before")
    dates = np.arange(first, run + 1)
    share = np.minimum(1.0, np.multiply.outer(np.array(WIDTHS), (run - dates + 1) / run))
    grown = []
    for old, rank in zip(sums, (ranks, 1 - ranks), strict=True):
        inside = rank[:, None, None] <= share
        factor = temper * np.log(SPARED + (1 - SPARED) * inside / share)
        begun = np.concatenate([old, np.zeros((ranks.size, len(WIDTHS), 1))], axis=-1)
        grown.append((begun + factor)[..., -STARTS:])
    kept = grown[0].shape[-1]
    down, up = (np.ascontiguousarray(each, dtype="<f8").tobytes() for each in grown)
    return RankBets(run - kept + 1, ranks.size, down, up)


def bet_paths(p: Floats, counted: npt.NDArray[np.bool_], temper: float = 1.0) -> tuple[Floats, Floats]:
    """Return the evidence of many streams after each run: what `bet` gives, run after run.

    Args:
        p: Conformal p, shape (streams, scores, runs); every stream has every run.
        counted: Which runs count, shape (runs,): none during the burn-in, then all.
        temper: Power each factor is raised to.

    Returns:
        Logs of the evidence for a drop and for a rise, shape (streams, runs); -inf before there is any.
    """
    streams, n_scores, runs = p.shape
    widths = np.array(WIDTHS)
    paths = np.full((2, streams, runs), -np.inf)
    first = int(np.argmax(counted)) if counted.any() else runs
    # Plain products, not logs: at most STARTS factors, each between SPARED and the number of runs.
    sums = np.ones((2, streams, n_scores, widths.size, max(0, runs - first)))
    for run in range(first, runs):
        dates = np.arange(max(first, run - STARTS + 1), run + 1)
        share = np.minimum(1.0, np.multiply.outer(widths, (run - dates + 1) / (run + 1)))
        won = (SPARED + (1 - SPARED) / share) ** temper
        kept = sums[..., dates[0] - first : run - first + 1]
        for side, rank in enumerate((p[..., run], 1 - p[..., run])):
            kept[side] *= np.where(rank[..., None, None] <= share, won, SPARED**temper)
        paths[:, :, run] = np.log(kept.sum((2, 3, 4))) - log(n_scores * widths.size)
    return paths[0], paths[1]


def _total(sums: Floats) -> float:
    """Return the log of the sum over dates, averaged over scores and widths."""
    if not sums.size:
        return -np.inf
    return float(np.logaddexp.reduce(sums, axis=None) - log(sums.shape[0] * sums.shape[1]))
