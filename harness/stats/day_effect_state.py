"""EB-DE one run at a time: a state of a few kB whose cost per run does not grow."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from harness.stats.day_effect import (
    VERSION,
    changed_odds,
    learn_hits,
    levels_before,
    log_means,
    predicted_chances,
    run_ratios,
)
from harness.stats.days import DayEffectSettings, day_nodes, learn_spread, settings_of
from harness.stats.intervals import Floats
from harness.stats.normal_scores import PARTS, as_parts
from harness.stats.packing import Frame

_FRAME = Frame(b"EBDE", VERSION, "EB-DE")


@dataclass(frozen=True, slots=True)
class DayEffectState:
    """All that the next run needs: sums per probe, and the evidence."""

    settings: DayEffectSettings
    n_probes: int
    runs: int = 0
    right: tuple[int, ...] = ()
    """Successes per probe over all runs, in 60ths; failures if the direction is up."""
    asked: tuple[int, ...] = ()
    levels: tuple[float, ...] = ()
    """How common each of `LEVELS` is among the probes, as last fitted; empty during the burn-in."""
    sums: tuple[float, ...] = ()
    """Log Shiryaev-Roberts sums, drops everywhere before drops in few; empty before the first run that counts."""
    log_spread: tuple[float, ...] = ()
    """Log weight of each spread of the days; empty before the first run that counts."""
    hits: bytes = b""
    """Log evidence that each probe is among the few hit: little-endian doubles, sparse drops x probes."""

    def log_hit(self) -> Floats:
        """Return the evidence that each probe is among the few hit, shape (sparse drops, n_probes)."""
        shape = (len(self.settings.sparse_losses), self.n_probes)
        return np.frombuffer(self.hits, dtype="<f8").reshape(shape) if self.hits else np.zeros(shape)


@dataclass(frozen=True, slots=True)
class DayEffectStep:
    """What one run did."""

    run: int
    """Number of this run, from 1."""
    counted: bool
    """False during the burn-in."""
    log_e: float
    """Log of the mean over all drops; -inf during the burn-in. Alarm at H / alpha, as for NS-SR."""
    log_dense: float
    """The same over drops everywhere."""
    log_sparse: float
    """The same over drops in few probes."""
    day: float | None
    """The day's effect if nothing changed, on the logit; None during the burn-in."""


def start_day_effect(n_probes: int, settings: DayEffectSettings | None = None) -> DayEffectState:
    """Return the state before the first run.

    Raises:
        ValueError: no probes.
    """
    if n_probes < 1:
        raise ValueError(f"a stream needs at least one probe, got {n_probes}")
    return DayEffectState(
        settings or DayEffectSettings(), n_probes, right=(0,) * n_probes, asked=(0,) * n_probes
    )


def step_day_effect(
    state: DayEffectState, successes: Any, trials: Any
) -> tuple[DayEffectState, DayEffectStep]:
    """Take in one run's successes and trials per probe.

    Hypothesis: given what the day did, answers are independent, each probe keeps its chance, and what days do is
    drawn anew from the prior: an effect z on the logit of all probes and, on a bad day, a share l of right answers
    lost at random. How wide z lies is a mixture whose weights follow from the runs before (`learn_spread`). With
    q_k the chance of a probe given all *earlier* runs, under a mixture of chances fitted to all probes every so
    often (`fit_levels`), every drop's ratio e (see `run_ratios`) enters S <- (1 + S) e, and the sums are averaged.
    Drops in few probes weigh each probe by what earlier runs say of its being hit (`learn_hits`). As every weight is
    fixed before the run and day effects are integrated out above and below alike, E[e] = 1 while the hypothesis
    holds, so that S - t is a martingale and S reaches H / alpha within H runs with probability at most alpha.

    Assumptions: those just named, and predictions as good as the fitted mixture makes them. Days that are
    worse, or worse more often, than the prior says may raise false alarms; hence incidents, to be confirmed or
    withdrawn.
    Direction: `log_e` grows with a drop (a rise, if the settings say up: failures then take the place
    of successes).

    Args:
        state: From `start_day_effect` or the step before; it is not changed.
        successes: Sum of scores per probe, within 0 .. trials; rounded to 60ths of an answer.
        trials: Measured answers per probe, 0 where missing.

    Returns:
        The new state, and what this run did.

    Raises:
        ValueError: as `step_tallies`.

    Source: Shin, Ramdas and Rinaldo (2024), 2203.03532 (Shiryaev-Roberts e-detectors with a predictive plug-in);
    Efron (2010), Large-Scale Inference (empirical Bayes); Tukey (1960), A survey of sampling from contaminated
    distributions (a prior with bad days).
    """
    fixed = state.settings
    parts, each = as_parts(successes, trials, (state.n_probes,))
    if fixed.direction == "up":
        parts = PARTS * each - parts
    right, asked = np.array(state.right), np.array(state.asked)
    after = replace(
        state,
        runs=state.runs + 1,
        right=tuple((right + parts).tolist()),
        asked=tuple((asked + each).tolist()),
    )
    fitted = levels_before(state.runs, fixed, right / PARTS, asked)
    levels = np.array(state.levels) if fitted is None else fitted
    if not levels.size:
        return after, DayEffectStep(state.runs + 1, False, -np.inf, -np.inf, -np.inf, None)
    q = predicted_chances(levels, right / PARTS, asked.astype(np.float64))
    x, r, log_hit = parts[None] / PARTS, each[None].astype(np.float64), state.log_hit()[None]
    nodes = day_nodes(fixed)
    log_spread = np.array([state.log_spread]) if state.log_spread else nodes.log_spread[None]
    ratios, day, log_null = run_ratios(x, r, changed_odds(q[None], log_hit, fixed), nodes, log_spread)
    sums = np.array(state.sums) if state.sums else np.full(fixed.n_alternatives, -np.inf)
    sums = np.logaddexp(sums, 0.0) + ratios[0]
    after = replace(
        after,
        levels=tuple(levels.tolist()),
        sums=tuple(float(v) for v in sums),
        log_spread=tuple(learn_spread(log_spread, log_null, nodes, fixed)[0].tolist()),
        hits=learn_hits(log_hit, x, r, q[None], fixed).astype("<f8").tobytes(),
    )
    dense, sparse, mean = (float(v) for v in log_means(sums, fixed))
    return after, DayEffectStep(after.runs, True, mean, dense, sparse, float(day[0]))


def restart_day_effect(state: DayEffectState) -> DayEffectState:
    """Return the state with its evidence set back to nothing and what it knows of probes and days kept."""
    return replace(state, sums=(), hits=b"")


def day_effect_to_bytes(state: DayEffectState) -> bytes:
    """Return the state as bytes, with the version of the rule that made it; compare states once decoded."""
    header = {
        "settings": asdict(state.settings),
        "n_probes": state.n_probes,
        "runs": state.runs,
        "right": state.right,
        "asked": state.asked,
        "levels": state.levels,
        "sums": state.sums,
        "log_spread": state.log_spread,
    }
    return _FRAME.seal(header, state.hits)


def day_effect_from_bytes(stored: bytes) -> DayEffectState:
    """Return the state that `day_effect_to_bytes` wrote.

    Raises:
        OtherVersionError: another version of the rule made it: replay the stored runs.
        ValueError: not a state of this engine, or damaged.
    """
    header, hits = _FRAME.open(stored)
    try:
        settings = settings_of(header["settings"])
        if len(hits) not in (0, 8 * len(settings.sparse_losses) * header["n_probes"]):
            raise ValueError(f"{len(hits)} bytes of evidence on {header['n_probes']} probes")
        return DayEffectState(
            settings=settings,
            n_probes=header["n_probes"],
            runs=header["runs"],
            right=tuple(header["right"]),
            asked=tuple(header["asked"]),
            levels=tuple(header["levels"]),
            sums=tuple(header["sums"]),
            log_spread=tuple(header["log_spread"]),
            hits=hits,
        )
    except (KeyError, TypeError, IndexError, ValueError) as problem:
        raise ValueError(_FRAME.damaged) from problem
