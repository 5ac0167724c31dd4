"""EB-NL: probe by probe prediction, against "some probes have a new level since run c". For incidents of identity.

Another model, or other weights, behind a name moves the answers to near-tie prompts far, prompt by prompt and either
way; a visit of a few runs is over before a channel that looks for one common drop has gathered evidence. Here every
recent run is tried as the first of the change, and what was answered since then tells which probes were hit and what
their level is now.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from math import log
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import betaln, expit

from harness.stats.day_effect import fit_prior, run_ratios
from harness.stats.days import NARROW, DayEffectSettings, Nodes, day_nodes, settings_of
from harness.stats.intervals import Floats
from harness.stats.normal_scores import PARTS, as_parts
from harness.stats.packing import Frame

VERSION = 1
"""Version of the rule. A change that could alter any e raises it, and stored states are replayed."""
SHARE = 0.3
"""Share of the probes that have a new level after a change, before anything is known of them."""
WINDOW = 10
"""A change is looked for that began at most so many runs ago."""
_SPREAD = 0.5
"""A new level is drawn from a Beta law with both parameters this: anywhere, likelier near 0 and 1."""
_FRAME = Frame(b"EBNL", VERSION, "EB-NL")


@dataclass(frozen=True, slots=True)
class NewLevelsState:
    """All that the next run needs: sums per probe, the latest runs, and the evidence for each first run."""

    settings: DayEffectSettings
    """Of the day's effect, the burn-in and the prior; drops and learning of the spread are not used."""
    n_probes: int
    runs: int = 0
    right: tuple[int, ...] = ()
    """Successes per probe over all runs, in 60ths."""
    asked: tuple[int, ...] = ()
    prior: tuple[float, float] | None = None
    """Fixed when the burn-in ends."""
    latest: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...] = ()
    """(successes in 60ths, trials) of the runs since the oldest first run still looked at."""
    log_e: tuple[float, ...] = ()
    """Log evidence that the change began with each of these runs."""


@dataclass(frozen=True, slots=True)
class NewLevelsStep:
    """What one run did."""

    run: int
    """Number of this run, from 1."""
    counted: bool
    """False during the burn-in."""
    log_down: float
    """Log of the sum over first runs since which fewer answers were successes than predicted; -inf if there is none."""
    log_up: float
    """The same for more."""

    @property
    def log_e(self) -> float:
        """Log of the whole sum: alarm at H / alpha, as for NS-SR."""
        return float(np.logaddexp(self.log_down, self.log_up))


def start_new_levels(n_probes: int, settings: DayEffectSettings | None = None) -> NewLevelsState:
    """Return the state before the first run.

    Raises:
        ValueError: no probes.
    """
    if n_probes < 1:
        raise ValueError(f"a stream needs at least one probe, got {n_probes}")
    return NewLevelsState(
        settings or DayEffectSettings(spreads=NARROW), n_probes, right=(0,) * n_probes, asked=(0,) * n_probes
    )


def predicted(h: Floats, n: Floats, q: Floats, before: Floats) -> Floats:
    """Return each probe's chance in the next run if the change began with a given run.

        w = pi m(h, n) / (pi m(h, n) + (1-pi) q_c^h (1-q_c)^(n-h)),  q' = (1-w) q + w (h + 1/2) / (n + 1)

    with m the Beta-binomial law of the successes since then at a new level.

    Args:
        h: successes since then, any shape; 0 for the run to come.
        n: trials since then.
        q: chances predicted from all runs.
        before: chances predicted from the runs before then.
    """
    anew = betaln(_SPREAD + h, _SPREAD + n - h) - betaln(_SPREAD, _SPREAD)
    hit = expit(log(SHARE / (1 - SHARE)) + anew - h * np.log(before) - (n - h) * np.log1p(-before))
    chances: Floats = (1 - hit) * q + hit * (h + _SPREAD) / (n + 2 * _SPREAD)
    return chances


def step_new_levels(
    state: NewLevelsState, successes: Any, trials: Any
) -> tuple[NewLevelsState, NewLevelsStep]:
    """Take in one run's successes and trials per probe.

    Hypothesis: that of `step_day_effect`: given what the day did, answers are independent and each probe keeps its
    chance q_k. For each of the latest `WINDOW` runs c, E_c is the product of the ratios of the runs since c, each with
    the chances of `predicted`, integrated over the day's effect above and below alike. Every E_c is a martingale that
    starts at 1, and the sum over c is at most a Shiryaev-Roberts sum (which would keep the older ones), so that it
    reaches H / alpha within H runs with probability at most alpha.

    Assumptions: as `step_day_effect`. A success may be a share: a prompt's answers within a run hang together (one
    batch, one temperature of 0), and a run is then one trial whose success is the share of them that agree. Ratios of
    shares are at most as large, on average, as those of whole answers (they are convex in the share).

    Args:
        state: From `start_new_levels` or the step before; it is not changed.
        successes: Per probe, within 0 .. trials; rounded to 60ths.
        trials: Per probe, 0 where missing.

    Returns:
        The new state, and what this run did.

    Raises:
        ValueError: as `step_tallies`.

    Source: Shin, Ramdas and Rinaldo (2024), 2203.03532 (Shiryaev-Roberts e-detectors, baseline increments learnt by
    a predictive plug-in); Lai (1998), IEEE Transactions on Information Theory 44, 2917-2929 (window-limited rules).
    """
    fixed = state.settings
    parts, each = as_parts(successes, trials, (state.n_probes,))
    right, asked = np.array(state.right), np.array(state.asked)
    after = replace(
        state,
        runs=state.runs + 1,
        right=tuple((right + parts).tolist()),
        asked=tuple((asked + each).tolist()),
    )
    if state.runs < fixed.burn_in:
        return after, NewLevelsStep(state.runs + 1, False, -np.inf, -np.inf)
    prior = state.prior or fixed.prior or fit_prior(right / PARTS, asked)
    latest = (*state.latest, (tuple(parts.tolist()), tuple(each.tolist())))[-WINDOW:]
    log_e = np.array((*state.log_e, 0.0)[-WINDOW:])
    past = np.array([(x, r) for x, r in latest[:-1]], dtype=np.float64).reshape(-1, 2, state.n_probes)
    now = np.stack([parts / PARTS, each])[None, None]
    past[:, 0] /= PARTS
    grown, fewer = _grow(
        log_e[None], past[None], now[:, 0], (right / PARTS)[None], asked[None], [prior], day_nodes(fixed)
    )
    after = replace(after, prior=prior, latest=latest, log_e=tuple(grown[0].tolist()))
    return after, NewLevelsStep(after.runs, True, _log_sum(grown, fewer)[0], _log_sum(grown, ~fewer)[0])


def _grow(
    log_e: Floats,
    past: Floats,
    now: Floats,
    right: Floats,
    asked: Floats,
    priors: list[tuple[float, float]],
    nodes: Nodes,
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Return the evidence for each first run after one more run, and since which of them answers were fewer.

    Args:
        log_e: before, 0 for the run itself, shape (streams, first runs).
        past: (successes, trials) of the runs between, oldest first, shape (streams, first runs - 1, 2, probes).
        now: of this run, shape (streams, 2, probes).
        right: successes of all runs before, shape (streams, probes).
        asked: trials of all runs before.
        priors: Beta prior of each stream.
        nodes: of the day's effect.
    """
    a, b = (np.array(side)[:, None] for side in zip(*priors, strict=True))
    since = np.cumsum(past[:, ::-1], axis=1)[:, ::-1]
    since = np.concatenate([since, np.zeros_like(now)[:, None]], axis=1)
    h, n = since[:, :, 0], since[:, :, 1]
    q = ((right + a) / (asked + a + b))[:, None]
    before = (right[:, None] - h + a[:, None]) / (asked[:, None] - n + (a + b)[:, None])
    chances = np.concatenate([q, predicted(h, n, q, before)], axis=1)
    ratios, _, _ = run_ratios(now[:, 0], now[:, 1], chances / (1 - chances), nodes)
    more = h + now[:, None, 0] - (n + now[:, None, 1]) * before
    return log_e + ratios, more.sum(-1) < 0


def _log_sum(log_e: Floats, chosen: npt.NDArray[np.bool_]) -> list[float]:
    """Return the log of the sum over the chosen first runs, per stream."""
    return [float(each) for each in np.logaddexp.reduce(np.where(chosen, log_e, -np.inf), axis=-1)]


def new_levels_paths(
    successes: npt.ArrayLike, trials: npt.ArrayLike, settings: DayEffectSettings | None = None
) -> Floats:
    """Return `NewLevelsStep.log_e` after each run of many streams of equal shape, run after run.

    Args:
        successes: Shape (streams, runs, probes).
        trials: Same shape, or one number for all.
        settings: The same for all streams.

    Returns:
        Shape (streams, runs); -inf before the first run that counts.
    """
    fixed = settings or DayEffectSettings(spreads=NARROW)
    x = np.asarray(successes, dtype=np.float64)
    r = np.broadcast_to(np.asarray(trials, dtype=np.float64), x.shape)
    if x.ndim != 3 or (x > r).any() or (x < 0).any():
        raise ValueError(
            f"tallies must be (streams, runs, probes) with successes within 0 .. trials, got {x.shape}"
        )
    streams, runs, _ = x.shape
    both, nodes = np.stack([x, r], axis=2), day_nodes(fixed)
    out, log_e = np.full((streams, runs), -np.inf), np.zeros((streams, 0))
    sums = both[:, : fixed.burn_in].sum(1)
    priors = [fixed.prior or fit_prior(*each) for each in sums]
    for run in range(fixed.burn_in, runs):
        log_e = np.concatenate([log_e, np.zeros((streams, 1))], axis=1)[:, -WINDOW:]
        past = both[:, run + 1 - log_e.shape[1] : run]
        log_e, _ = _grow(log_e, past, both[:, run], sums[:, 0], sums[:, 1], priors, nodes)
        out[:, run] = np.logaddexp.reduce(log_e, axis=-1)
        sums = sums + both[:, run]
    return out


def restart_new_levels(state: NewLevelsState) -> NewLevelsState:
    """Return the state with its evidence set back to nothing and what it knows of the probes kept."""
    return replace(state, latest=(), log_e=())


def new_levels_to_bytes(state: NewLevelsState) -> bytes:
    """Return the state as bytes, with the version of the rule that made it; compare states once decoded."""
    return _FRAME.seal(asdict(state), b"")


def new_levels_from_bytes(stored: bytes) -> NewLevelsState:
    """Return the state that `new_levels_to_bytes` wrote.

    Raises:
        OtherVersionError: another version of the rule made it: replay the stored runs.
        ValueError: not a state of this engine, or damaged.
    """
    header, _ = _FRAME.open(stored)
    try:
        settings = settings_of(header["settings"])
        latest = tuple((tuple(x), tuple(r)) for x, r in header["latest"])
        sizes = {len(side) for run in latest for side in run} | {len(header["right"]), len(header["asked"])}
        if sizes != {header["n_probes"]} or len(header["log_e"]) != len(latest):
            raise ValueError("tallies of another number of probes")
        return NewLevelsState(
            settings=settings,
            n_probes=header["n_probes"],
            runs=header["runs"],
            right=tuple(header["right"]),
            asked=tuple(header["asked"]),
            prior=None if header["prior"] is None else (header["prior"][0], header["prior"][1]),
            latest=latest,
            log_e=tuple(header["log_e"]),
        )
    except (KeyError, TypeError, IndexError, ValueError) as problem:
        raise ValueError(_FRAME.damaged) from problem
