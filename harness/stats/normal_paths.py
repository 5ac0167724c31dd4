"""NS-SR over whole histories and many streams at once: the same numbers as `normal_scores`, run by run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.stats.intervals import Floats
from harness.stats.normal_scores import (
    LEAST,
    PARTS,
    TIE,
    NormalScoreSettings,
    ScoreState,
    TallyState,
    as_parts,
    grow,
    log_mean,
    normal_score,
    score_tables,
    score_variances,
)


@dataclass(frozen=True, slots=True)
class NormalScorePaths:
    """What every run did, and where the detectors stand after the last."""

    p: Floats
    """Conformal p, shape (streams, scores, runs); NaN where a stream missed a run."""
    z: Floats
    log_e_down: Floats
    """Log evidence for a drop, shape (streams, runs); -inf before it counts, unchanged over a missed run."""
    log_e_up: Floats
    last_down: Floats
    """Log Shiryaev-Roberts sums after the last run, shape (streams, scores, shifts)."""
    last_up: Floats


def score_paths(
    scores: npt.ArrayLike, u: npt.ArrayLike, settings: NormalScoreSettings | None = None
) -> NormalScorePaths:
    """Return what `step_score` gives for many streams, run after run.

    Args:
        scores: Shape (streams, runs); NaN where a stream missed a run.
        u: Uniform numbers of the same shape.
        settings: The same for all streams.

    Raises:
        ValueError: the shapes differ or a score is infinite.
    """
    fixed = settings or NormalScoreSettings()
    values, draws = np.asarray(scores, dtype=np.float64), np.asarray(u, dtype=np.float64)
    if values.ndim != 2 or values.shape != draws.shape or np.isinf(values).any():
        raise ValueError(
            f"scores and u must be matched (streams, runs), got {values.shape} and {draws.shape}"
        )
    present = ~np.isnan(values)
    p = np.full(values.shape, np.nan)
    seen = np.cumsum(present, axis=1)
    for run in range(values.shape[1]):
        now, past = values[:, run, None], values[:, :run]
        below, equal = (past < now).sum(1), (past == now).sum(1)
        with np.errstate(invalid="ignore", divide="ignore"):
            p[:, run] = (below + draws[:, run] * (1 + equal)) / seen[:, run]
    p[~present] = np.nan
    return follow(p[:, None, :], seen, fixed)


def tally_paths(
    successes: npt.ArrayLike,
    trials: npt.ArrayLike,
    u: npt.ArrayLike,
    settings: NormalScoreSettings | None = None,
) -> NormalScorePaths:
    """Return what `step_tallies` gives for one stream's history, as paths of a single stream.

    Args:
        successes: Shape (runs, probes).
        trials: Same shape, 0 where a probe is missing.
        u: Uniform numbers, shape (runs,).
        settings: Fixed before the first run.

    Raises:
        ValueError: as `step_tallies`.
    """
    fixed = settings or NormalScoreSettings()
    draws = np.asarray(u, dtype=np.float64)
    p = tally_p(successes, trials, draws, fixed)
    return follow(p[None], np.arange(1, draws.size + 1)[None, :], fixed)


def tally_p(
    successes: npt.ArrayLike, trials: npt.ArrayLike, u: Floats, settings: NormalScoreSettings
) -> Floats:
    """Return the conformal p of both scores for every run of one stream, shape (2, runs).

    The score of run s given the first t runs is a sum over probes of a number that depends on s only
    through its tally there. All of them together are one matrix product per kind of tally.
    """
    parts, asked = as_parts(successes, trials, np.shape(successes))
    runs = len(u)
    if parts.ndim != 2 or len(parts) != runs:
        raise ValueError(f"tallies must be (runs, probes) with one u a run, got {parts.shape} and {runs}")
    met, codes = np.unique(parts.ravel() * (int(asked.max()) + 1) + asked.ravel(), return_inverse=True)
    codes = codes.reshape(parts.shape)
    x, r = met // (int(asked.max()) + 1) / PARTS, (met % (int(asked.max()) + 1)).astype(np.float64)
    total, trials_so_far = np.cumsum(x[codes], 0), np.cumsum(r[codes], 0)
    # The most frequent kind is the base of the sums, so that it needs no product of its own.
    base = int(np.bincount(codes.ravel()).argmax())
    others = [
        (kind, (codes == kind).T.astype(np.float64)) for kind in np.unique(codes).tolist() if kind != base
    ]
    each = r[codes]
    alike = bool((each == each[0]).all())
    later = ~np.tri(runs, k=-1, dtype=bool)
    p = np.empty((2, runs))
    for place, table in enumerate(score_tables(x, r, total, trials_so_far, settings)):
        if alike and place == 0:  # then the raw score ranks as the number of right answers
            scores = np.tile(x[codes].sum(1), (runs, 1))
        else:
            scores = np.tile(table[:, base].sum(1)[:, None], runs)
            for kind, here in others:
                scores += (table[:, kind] - table[:, base]) @ here
        if not alike:
            variances = score_variances(total, trials_so_far, settings)[place]
            scores /= np.sqrt(np.maximum(variances @ each.T, LEAST))
        own = scores.diagonal()[:, None].copy()
        np.copyto(scores, np.inf, where=later)
        below = np.count_nonzero(scores < own - TIE, axis=1)
        equal = np.count_nonzero(scores <= own + TIE, axis=1) - below
        p[place] = (below + u * (1 + equal)) / np.arange(1, runs + 1)
    return p


def follow(p: Floats, seen: npt.NDArray[np.int64], settings: NormalScoreSettings) -> NormalScorePaths:
    """Return the detectors' paths from the conformal p of each run.

    Args:
        p: Shape (streams, scores, runs), NaN where a run is missing.
        seen: Runs of the stream up to and including each, shape (streams, runs).
        settings: Shifts, burn-in and temper.
    """
    streams, n_scores, runs = p.shape
    z = normal_score(p)
    shifts = np.array(settings.shifts)
    ends, paths = [], []
    for sign in (-1, 1):
        sums = np.full((streams, n_scores, shifts.size), -np.inf)
        path = np.empty((streams, runs))
        for run in range(runs):
            counts = ~np.isnan(p[:, 0, run]) & (seen[:, run] > settings.burn_in)
            if counts.any():
                sums[counts] = grow(sums[counts], z[counts, :, run], sign * shifts, settings.temper)
            path[:, run] = log_mean(sums, (1, 2))
        ends.append(sums)
        paths.append(path)
    return NormalScorePaths(p, z, paths[0], paths[1], ends[0], ends[1])


def score_state(
    scores: npt.ArrayLike, paths: NormalScorePaths, stream: int, settings: NormalScoreSettings | None = None
) -> ScoreState:
    """Return the state of one stream after `score_paths`: the one that steps would have led to.

    Args:
        scores: What was given to `score_paths`.
        paths: What it returned.
        stream: Which row.
        settings: As given.
    """
    row = np.asarray(scores, dtype=np.float64)[stream]
    kept = tuple(row[~np.isnan(row)].tolist())
    return ScoreState(settings or NormalScoreSettings(), kept, *_last(paths, stream))


def tally_state(
    successes: npt.ArrayLike,
    trials: npt.ArrayLike,
    paths: NormalScorePaths,
    settings: NormalScoreSettings | None = None,
) -> TallyState:
    """Return the state of the stream after `tally_paths`: the one that steps would have led to."""
    parts, asked = as_parts(successes, trials, np.shape(successes))
    runs, n_probes = parts.shape
    joint = np.concatenate([[0], (parts * (int(asked.max()) + 1) + asked).ravel()])
    _, first, inverse = np.unique(joint, return_index=True, return_inverse=True)
    # Codes are given in order of appearance, "not asked" first, as steps give them.
    order = np.argsort(first, kind="stable")
    place = np.empty(len(order), dtype=np.uint16)
    place[order] = np.arange(len(order))
    met = [(0, 0), *zip(parts.ravel().tolist(), asked.ravel().tolist(), strict=True)]
    pairs = tuple(met[int(first[kind])] for kind in order)
    cells = place[inverse[1:]].astype("<u2").tobytes()
    return TallyState(settings or NormalScoreSettings(), n_probes, runs, pairs, cells, *_last(paths, 0))


def _last(paths: NormalScorePaths, stream: int) -> list[tuple[tuple[float, ...], ...]]:
    """Return the last sums of a stream, or nothing where no run counted."""
    ends = (paths.last_down[stream], paths.last_up[stream])
    if np.isneginf(ends[0]).all():
        return [(), ()]
    return [tuple(tuple(float(v) for v in row) for row in end) for end in ends]
