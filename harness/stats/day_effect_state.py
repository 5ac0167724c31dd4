"""EB-DE one run at a time: a state of a few kB whose cost per run does not grow."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from math import log
from typing import Any

import numpy as np

from harness.stats.day_effect import (
    VERSION,
    DayEffect,
    DayEffectSettings,
    day_nodes,
    dense_step,
    fit_prior,
    sparse_step,
    sparse_sum,
)
from harness.stats.intervals import Floats
from harness.stats.normal_scores import PARTS, as_parts, encode
from harness.stats.packing import Codes, Frame, pack_codes, unpack_codes

_FRAME = Frame(b"EBDE", VERSION, "EB-DE")


@dataclass(frozen=True, slots=True)
class DayEffectState:
    """All that the next run needs: sums per probe, and the tallies of the last runs."""

    settings: DayEffectSettings
    n_probes: int
    runs: int = 0
    right: tuple[int, ...] = ()
    """Successes per probe over all runs, in 60ths; failures if the direction is up."""
    asked: tuple[int, ...] = ()
    prior: tuple[float, float] | None = None
    """Fixed when the burn-in ends."""
    sums: tuple[float, ...] = ()
    """Log Shiryaev-Roberts sums of the dense channel; empty before the first run that counts."""
    pairs: tuple[tuple[int, int], ...] = ((0, 0),)
    """The different tallies met, as in NS-SR's state."""
    cells: bytes = b""
    """Index into `pairs` for the counted runs of the window: little-endian 16 bit, runs x probes."""
    days: tuple[float, ...] = ()
    """The day's effect in those runs."""

    def codes(self) -> Codes:
        """Return the coded tallies of the window, shape (runs in the window, n_probes)."""
        return np.frombuffer(self.cells, dtype="<u2").reshape(len(self.days), self.n_probes)


@dataclass(frozen=True, slots=True)
class DayEffectStep:
    """What one run did."""

    run: int
    """Number of this run, from 1."""
    counted: bool
    """False during the burn-in."""
    log_e: float
    """Log of the mean of both channels; -inf during the burn-in. Alarm at H / alpha, as for NS-SR."""
    log_dense: float
    log_sparse: float
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

    Hypothesis: given the day's effect, answers are independent, each probe keeps its chance, and the day's
    effect is drawn anew from the prior. With q_k = (S_k + a) / (n_k + a + b) from all *earlier* runs,
    every drop's ratio e (see `dense_step`) enters S <- (1 + S) e; the sums are averaged over drops. The sparse
    channel sums prod_k (1 - s + s L_k) over starts within the window. Both are averaged.

    Assumptions: those just named. They fail on bad days that the prior does not hold: with the plain prior
    nearly nine null years in ten with 10% bad days raise an alarm. Hence incidents, to be confirmed or withdrawn.
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
    Efron (2010), Large-Scale Inference (empirical Bayes).
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
    if state.runs < fixed.burn_in:
        return after, DayEffectStep(state.runs + 1, False, -np.inf, -np.inf, -np.inf, None)
    a, b = prior = state.prior or fixed.prior or fit_prior(right / PARTS, asked)
    q = (right / PARTS + a) / (asked + a + b)
    x, r = parts[None] / PARTS, each[None].astype(np.float64)
    ratios, day = dense_step(x, r, q[None], fixed, day_nodes(fixed.effects))
    sums = np.array(state.sums) if state.sums else np.full(fixed.n_alternatives, -np.inf)
    sums = np.logaddexp(sums, 0.0) + ratios[0]
    row, pairs = encode(parts, each, state.pairs)
    codes = np.vstack([state.codes(), row])[-fixed.window :]
    days = (*state.days, float(day[0]))[-fixed.window :]
    after = replace(
        after,
        prior=prior,
        sums=tuple(float(v) for v in sums),
        pairs=pairs,
        cells=codes.astype("<u2").tobytes(),
        days=days,
    )
    dense = float(np.logaddexp.reduce(sums)) - log(sums.size)
    sparse = float(sparse_sum(_since(after, prior)[None], fixed.sparse_share)[0])
    mean = float(np.logaddexp(dense, sparse)) - log(2)
    return after, DayEffectStep(after.runs, True, mean, dense, sparse, float(day[0]))


def restart_day_effect(state: DayEffectState) -> DayEffectState:
    """Return the state with its evidence set back to nothing and what it knows of the probes kept."""
    return replace(state, sums=(), pairs=((0, 0),), cells=b"", days=())


def day_effect_to_bytes(state: DayEffectState) -> bytes:
    """Return the state as bytes, with the version of the rule that made it; compare states once decoded."""
    planes, order = pack_codes(state.codes(), len(state.pairs))
    header = {
        "settings": asdict(state.settings),
        "n_probes": state.n_probes,
        "runs": state.runs,
        "right": state.right,
        "asked": state.asked,
        "prior": state.prior,
        "sums": state.sums,
        "days": state.days,
        "pairs": state.pairs,
        "order": order,
    }
    return _FRAME.seal(header, planes)


def day_effect_from_bytes(stored: bytes) -> DayEffectState:
    """Return the state that `day_effect_to_bytes` wrote.

    Raises:
        ValueError: not a state of this engine, damaged, or of another version (replay the stored runs then).
    """
    header, planes = _FRAME.open(stored)
    try:
        fields = header["settings"]
        settings = DayEffectSettings(
            **(
                fields
                | {key: tuple(fields[key]) for key in ("losses", "shifts")}
                | {"effects": tuple(DayEffect(**effect) for effect in fields["effects"])}
                | {"prior": None if fields["prior"] is None else tuple(fields["prior"])}
            )
        )
        days = tuple(float(day) for day in header["days"])
        codes = unpack_codes(planes, len(days), header["n_probes"], header["order"])
        return DayEffectState(
            settings=settings,
            n_probes=header["n_probes"],
            runs=header["runs"],
            right=tuple(header["right"]),
            asked=tuple(header["asked"]),
            prior=None if header["prior"] is None else (header["prior"][0], header["prior"][1]),
            sums=tuple(header["sums"]),
            pairs=tuple((int(parts), int(each)) for parts, each in header["pairs"]),
            cells=codes.astype("<u2").tobytes(),
            days=days,
        )
    except (KeyError, TypeError, IndexError, ValueError) as problem:
        raise ValueError(_FRAME.damaged) from problem


def _since(state: DayEffectState, prior: tuple[float, float]) -> Floats:
    """Return each probe's log ratio since every start in the window, shape (starts, probes).

    Recomputed from the tallies rather than stored: a run's prediction is what the sums were before it.
    """
    met = np.array(state.pairs, dtype=np.float64)
    codes = state.codes()
    x, r = met[:, 0][codes] / PARTS, met[:, 1][codes]
    later_x, later_r = (np.cumsum(part[::-1], axis=0)[::-1] for part in (x, r))
    a, b = prior
    q = (np.array(state.right) / PARTS - later_x + a) / (np.array(state.asked) - later_r + a + b)
    ratios = sparse_step(x, r, q, np.array(state.days), state.settings.sparse_loss)
    since: Floats = np.cumsum(ratios[::-1], axis=0)[::-1]
    return since
