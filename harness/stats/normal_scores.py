"""NS-SR: sequential normal scores in a Shiryaev-Roberts detector, one step per run.

Every run is ranked among all runs so far, the rank is turned into a normal score, and the scores are
watched for a shift since any past run. Nothing about the scores' distribution is assumed or estimated.
Two forms: one number per run (`step_score`), and tallies per probe (`step_tallies`), which weighs the
probes by what all runs together say of them. `normal_paths` does many streams or whole histories at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isfinite, log
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from harness.stats.intervals import Floats

VERSION = 1
"""Version of the rule. A change that could alter any p, z or e raises it, and stored states are replayed."""

PARTS = 60
"""A probe's score is kept in 60ths of an answer, so that equal scores are equal and a state stays small."""

LEAST = 1e-6
"""Least variance of a run's score: a run in which only sure probes were asked has a score all the same."""

TIE = 1e-9
"""Scores of tallies this close are equal: they differ by rounding alone."""

_EXTREME = 1e-12
"""p is kept this far from 0 and 1, so that its normal score is finite."""


@dataclass(frozen=True, slots=True)
class NormalScoreSettings:
    """What is fixed, and published, before the first run."""

    shifts: tuple[float, ...] = (0.5, 1.0, 1.5, 2.0, 2.5)
    """Shifts of the normal score that are looked for, in standard deviations, in either direction."""
    burn_in: int = 7
    """Runs before the first one that counts."""
    loss: float = 0.3
    """Share of right answers lost, in the alternative that weighs the probes."""
    prior_right: float = 0.3
    """Prior successes of a probe (a of its Beta prior)."""
    prior_wrong: float = 0.15
    """Prior failures of a probe (b of its Beta prior)."""
    temper: float = 1.0
    """Power each run's factor is raised to. Below 1 evidence grows more slowly, for days that resemble their
    neighbours; 1 is the plain rule."""

    def __post_init__(self) -> None:
        if not self.shifts or any(not 0 < shift <= 10 for shift in self.shifts):
            raise ValueError(f"shifts must lie within 0 .. 10, got {self.shifts}")
        if self.burn_in < 1:
            raise ValueError(f"burn_in must be at least 1, got {self.burn_in}")
        if not 0 < self.loss < 1:
            raise ValueError(f"loss must lie strictly between 0 and 1, got {self.loss}")
        if not 0 < self.temper <= 1:
            raise ValueError(f"temper must lie above 0 and at most at 1, got {self.temper}")
        if min(self.prior_right, self.prior_wrong) <= 0:
            raise ValueError("prior_right and prior_wrong must be positive")


@dataclass(frozen=True, slots=True)
class ScoreState:
    """All that the next run needs: past scores and the detector's sums."""

    settings: NormalScoreSettings
    scores: tuple[float, ...] = ()
    log_down: tuple[tuple[float, ...], ...] = ()
    """Log Shiryaev-Roberts sums, per score and shift; empty before the first run that counts."""
    log_up: tuple[tuple[float, ...], ...] = ()

    @property
    def runs(self) -> int:
        """Runs taken in so far."""
        return len(self.scores)


@dataclass(frozen=True, slots=True)
class TallyState:
    """All that the next run needs: past tallies, coded, and the detector's sums."""

    settings: NormalScoreSettings
    n_probes: int
    runs: int = 0
    pairs: tuple[tuple[int, int], ...] = ((0, 0),)
    """The different tallies met: (successes in 60ths, trials). The first means: not asked."""
    cells: bytes = b""
    """Index into `pairs` for each run and probe: little-endian 16 bit, runs x probes."""
    log_down: tuple[tuple[float, ...], ...] = ()
    """Log Shiryaev-Roberts sums, per score (raw, weighted) and shift."""
    log_up: tuple[tuple[float, ...], ...] = ()

    def codes(self) -> npt.NDArray[np.uint16]:
        """Return the coded tallies, shape (runs, n_probes)."""
        return np.frombuffer(self.cells, dtype="<u2").reshape(self.runs, self.n_probes)


State = TypeVar("State", ScoreState, TallyState)


@dataclass(frozen=True, slots=True)
class NormalScoreStep:
    """What one run did."""

    run: int
    """Number of this run, from 1."""
    counted: bool
    """False during the burn-in: the run is ranked but moves no evidence."""
    u: float
    """The number that broke the ties."""
    p: tuple[float, ...]
    """Conformal p per score, small when the run is worse than those before; uniform if nothing changed."""
    z: tuple[float, ...]
    """Normal scores of p: independent N(0, 1) if nothing changed."""
    log_e_down: float
    """Log of the Shiryaev-Roberts statistic for a drop, averaged over shifts and scores; -inf in the burn-in."""
    log_e_up: float
    """The same for a rise."""


def start_scores(settings: NormalScoreSettings | None = None) -> ScoreState:
    """Return the state before the first run of a stream with one score per run."""
    return ScoreState(settings or NormalScoreSettings())


def start_tallies(n_probes: int, settings: NormalScoreSettings | None = None) -> TallyState:
    """Return the state before the first run of a stream with a tally per probe.

    Raises:
        ValueError: no probes.
    """
    if n_probes < 1:
        raise ValueError(f"a stream needs at least one probe, got {n_probes}")
    return TallyState(settings or NormalScoreSettings(), n_probes)


def step_score(state: ScoreState, score: float, u: float) -> tuple[ScoreState, NormalScoreStep]:
    """Take in one run's score.

    Hypothesis: runs are exchangeable: every order of the runs so far was equally likely. Then

        p = (#{past scores below} + u (1 + #{past scores equal})) / (runs so far)

    is exactly uniform and independent of earlier p, whatever the scores' distribution, and z = Phi^-1(p)
    is independent N(0, 1). Per shift d the sum S <- (1 + S) exp(-d z - d^2 / 2) for a drop (exp(d z - d^2 / 2)
    for a rise) has expectation at most the number of counted runs, so that S reaches H / alpha within H
    runs with probability at most alpha. The mean over shifts keeps this, and so does a factor raised to a power
    `temper` below 1, whose mean is below 1 (Jensen).

    Assumptions: exchangeable runs alone: unknown level, any spread, bad days, ties are all allowed. Not
    allowed: dependence between neighbouring runs (lag-1 correlation .5 of the day's effect raises false alarms
    several times; `temper` = .85 takes most of that back) or a trend. Direction: larger scores are better; p is
    small and `log_e_down` grows when they drop.

    Args:
        state: From `start_scores` or the step before; it is not changed.
        score: The run's score, frozen in advance as a function of the run alone.
        u: Uniform on (0, 1), from a seeded generator, recorded with the run.

    Returns:
        The new state, and what this run did.

    Raises:
        ValueError: the score is not finite, or u lies outside 0 .. 1.

    Source: Conover, Tercero-Gomez and Cordero-Franco (2017), Quality Engineering 29, 361-378 (normal
    scores); Vovk, Gammerman and Shafer (2005), Algorithmic Learning in a Random World (conformal p);
    Shin, Ramdas and Rinaldo (2024), 2203.03532 (e-detectors).
    """
    if not isfinite(score):
        raise ValueError(f"a run's score must be finite, got {score}")
    _check_u(u)
    past = np.asarray(state.scores)
    below, equal = int((past < score).sum()), int((past == score).sum())
    p = (below + u * (1 + equal)) / (past.size + 1)
    step, down, up = _advance(state, past.size + 1, u, np.array([p]))
    return replace(state, scores=(*state.scores, float(score)), log_down=down, log_up=up), step


def step_tallies(
    state: TallyState, successes: npt.ArrayLike, trials: npt.ArrayLike, u: float
) -> tuple[TallyState, NormalScoreStep]:
    """Take in one run's successes and trials per probe.

    Two scores are ranked as in `step_score`, and their evidence is averaged. With S_k, n_k the sums of
    probe k over all runs *including this one* (so that past and present runs are scored alike, which
    keeps p exactly uniform), a, b the prior and d the loss:

        raw       sum_k x_sk - r_sk S_k / n_k
        weighted  -sum_k LLR(x_sk; q_sk) - (its mean per trial of probe k) r_sk
                  LLR(x; q) = x ln(1-d) + (r - x) ln((1 - q(1-d)) / (1-q))
                  q_sk = (S_k - x_sk + a) / (n_k - r_sk + a + b), all other runs

    both divided by their binomial sd. When every run asks every probe equally often, `raw` ranks as the
    plain pass rate and `weighted` as the sum of LLR: the subtracted terms and the divisor are then the
    same for all runs. When probes are missing they make runs of different probes comparable.

    Assumptions: as `step_score`; where probes are missing, that which ones are missing does not depend
    on time. A probe with no trials is missing: it adds nothing to either score.

    Args:
        state: From `start_tallies` or the step before; it is not changed.
        successes: Sum of scores per probe, within 0 .. trials; rounded to 60ths of an answer.
        trials: Measured answers per probe, 0 where the probe is missing.
        u: Uniform on (0, 1), from a seeded generator, recorded with the run.

    Returns:
        The new state, and what this run did: p and z for (raw, weighted).

    Raises:
        ValueError: a wrong shape, successes outside 0 .. trials, or not a single trial: a run in which
            nothing was measured is missing and must not be stepped.
    """
    _check_u(u)
    parts, asked = as_parts(successes, trials, (state.n_probes,))
    row, pairs = encode(parts, asked, state.pairs)
    codes = np.vstack([state.codes(), row])
    scores = tally_scores(codes, pairs, state.settings)
    p = np.array([rank(line[:-1], line[-1], u) for line in scores])
    step, down, up = _advance(state, state.runs + 1, u, p)
    cells = state.cells + row.astype("<u2").tobytes()
    return replace(state, runs=state.runs + 1, pairs=pairs, cells=cells, log_down=down, log_up=up), step


def restart(state: State) -> State:
    """Return the state with its evidence set back to nothing and its history kept.

    For a new period of the alpha ledger: the p of later runs stay uniform and independent, so that the
    guarantee holds anew. After a change start a new stream instead, from the runs since its date.
    """
    return replace(state, log_down=(), log_up=())


def as_parts(
    successes: npt.ArrayLike, trials: npt.ArrayLike, shape: tuple[int, ...]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return successes in 60ths and trials as integers, checked; the last axis holds the probes.

    Raises:
        ValueError: another shape than asked for, numbers out of range, or a run without a single trial.
    """
    x, r = np.asarray(successes, dtype=np.float64), np.asarray(trials, dtype=np.float64)
    if x.shape != shape or r.shape != shape:
        raise ValueError(f"tallies must have the shape {shape}, got {x.shape} and {r.shape}")
    if not (np.isfinite(x).all() and np.isfinite(r).all()) or (r < 0).any() or (r != np.rint(r)).any():
        raise ValueError("trials must be whole numbers from 0 and successes finite")
    if (r > 10_000).any():
        raise ValueError(f"at most 10,000 answers per probe and run, got {int(r.max())}")
    if (x < -1e-9).any() or (x > r + 1e-9).any():
        raise ValueError("successes must lie within 0 .. trials")
    if (r.sum(-1) == 0).any():
        raise ValueError("a run without a single measured answer is missing: leave it out")
    return np.rint(x * PARTS).astype(np.int64), r.astype(np.int64)


def encode(
    parts: npt.NDArray[np.int64], asked: npt.NDArray[np.int64], pairs: tuple[tuple[int, int], ...]
) -> tuple[npt.NDArray[np.uint16], tuple[tuple[int, int], ...]]:
    """Return one run's index into the pairs, and the pairs with those added that are new.

    Raises:
        ValueError: more than 65,536 different tallies.
    """
    known = {pair: code for code, pair in enumerate(pairs)}
    row = [known.setdefault(pair, len(known)) for pair in zip(parts.tolist(), asked.tolist(), strict=True)]
    if len(known) > 2**16:
        raise ValueError("more than 65,536 different tallies in one stream")
    return np.array(row, dtype=np.uint16), tuple(known)


def tally_scores(
    codes: npt.NDArray[np.uint16], pairs: tuple[tuple[int, int], ...], settings: NormalScoreSettings
) -> Floats:
    """Return the raw and the weighted score of every run given all of them, shape (2, runs)."""
    n_probes = codes.shape[1]
    met = np.array(pairs, dtype=np.float64)
    x, r = met[:, 0] / PARTS, met[:, 1]
    total, asked = x[codes].sum(0), r[codes].sum(0)
    tables = score_tables(x, r, total, asked, settings)
    flat = codes.astype(np.int64) * n_probes + np.arange(n_probes)
    sums = np.stack([table.ravel()[flat].sum(1) for table in tables])
    trials = r[codes]
    if (trials == trials[0]).all():
        return sums
    variances = np.stack([trials @ part for part in score_variances(total, asked, settings)])
    return sums / np.sqrt(np.maximum(variances, LEAST))


def score_tables(
    x: Floats, r: Floats, total: Floats, asked: Floats, settings: NormalScoreSettings
) -> tuple[Floats, Floats]:
    """Return what a tally of each kind adds to a run's two scores, for each probe.

    Args:
        x: Successes of each kind of tally, shape (kinds,).
        r: Trials of each kind.
        total: Successes of each probe over all runs, shape (..., probes).
        asked: Trials of each probe over all runs.
        settings: Prior and loss.

    Returns:
        Raw and weighted parts, shape (..., kinds, probes); where a probe never had such a tally the
        number means nothing, but is finite.
    """
    a, b, loss = settings.prior_right, settings.prior_wrong, settings.loss
    seen = total / np.maximum(asked, 1)
    # What a trial adds on average is taken without the prior: it would favour runs without the probes
    # that are always or never right.
    expected = seen * log(1 - loss) + (1 - seen) * np.log1p(loss * (total + a) / (asked - total + b))
    raw, weighted = np.empty((2, *total.shape[:-1], x.size, total.shape[-1]))
    for kind, (right, trials) in enumerate(zip(x.tolist(), r.tolist(), strict=True)):
        raw[..., kind, :] = right - trials * seen
        weighted[..., kind, :] = trials * expected - right * log(1 - loss)
        if right < trials:
            # q / (1-q) of all other runs; a cell that does not occur could go below zero there.
            odds = np.maximum(total - right + a, a) / np.maximum(asked - total - (trials - right) + b, b)
            weighted[..., kind, :] -= (trials - right) * np.log1p(loss * odds)
    return raw, weighted


def score_variances(total: Floats, asked: Floats, settings: NormalScoreSettings) -> tuple[Floats, Floats]:
    """Return the variance that one trial of each probe adds to the two scores, shapes as `total`."""
    a, b = settings.prior_right, settings.prior_wrong
    q, seen = (total + a) / (asked + a + b), total / np.maximum(asked, 1)
    weight = np.log1p(q * settings.loss / (1 - q)) - log(1 - settings.loss)
    variance = seen * (1 - seen)
    return variance, variance * weight * weight


def rank(past: Floats, score: float, u: float) -> float:
    """Return the smoothed conformal p of a score among past ones; nearly equal ones count as ties."""
    below = int((past < score - TIE).sum())
    equal = int((past <= score + TIE).sum()) - below
    return (below + u * (1 + equal)) / (past.size + 1)


def normal_score(p: Floats) -> Floats:
    """Return the standard normal quantile of p, finite for every p within 0 .. 1."""
    z: Floats = ndtri(np.clip(p, _EXTREME, 1 - _EXTREME))
    return z


def grow(log_sums: Floats, z: Floats, shifts: Floats, temper: float = 1.0) -> Floats:
    """Return the log Shiryaev-Roberts sums one run later: ln(1 + S) + temper (d z - d^2 / 2).

    Args:
        log_sums: Shape (..., shifts).
        z: Normal scores, shape (...).
        shifts: Signed shifts.
        temper: Power each factor is raised to.
    """
    grown: Floats = np.logaddexp(log_sums, 0.0) + temper * (shifts * z[..., None] - shifts * shifts / 2)
    return grown


def log_mean(log_sums: Floats, axes: tuple[int, ...]) -> Floats:
    """Return the log of the mean of exp over the axes."""
    n = int(np.prod([log_sums.shape[axis] for axis in axes]))
    mean: Floats = np.logaddexp.reduce(log_sums, axis=axes) - log(n)
    return mean


def _check_u(u: float) -> None:
    """Refuse a number that is no uniform draw."""
    if not 0 <= u <= 1:
        raise ValueError(f"u must lie within 0 .. 1, got {u}")


def _advance(
    state: ScoreState | TallyState, run: int, u: float, p: Floats
) -> tuple[NormalScoreStep, tuple[tuple[float, ...], ...], tuple[tuple[float, ...], ...]]:
    """Return what the run did and the detector's new sums."""
    z = normal_score(p)
    counted = run > state.settings.burn_in
    down, up = state.log_down, state.log_up
    log_e = [-np.inf, -np.inf]
    if counted:
        shifts = np.array(state.settings.shifts)
        empty = np.full((p.size, shifts.size), -np.inf)
        grown = [
            grow(np.array(sums) if sums else empty, z, sign * shifts, state.settings.temper)
            for sign, sums in ((-1, down), (1, up))
        ]
        log_e = [float(log_mean(sums, (0, 1))) for sums in grown]
        down, up = (tuple(tuple(float(v) for v in row) for row in sums) for sums in grown)
    step = NormalScoreStep(run, counted, u, tuple(p.tolist()), tuple(z.tolist()), log_e[0], log_e[1])
    return step, down, up
