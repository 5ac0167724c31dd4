"""What comparisons of two snapshots do in worlds where the truth is known, by seeded simulation.

`python -m tests.snapshot_figures` prints the tables of docs/validation/snapshots.md (some ten minutes on one core); with
names, only those.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from math import sqrt

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit
from scipy.stats import t as student

from harness.claims import Kind
from harness.findings.snapshot_refusals import Prose, refusals
from harness.findings.snapshots import name_changes
from harness.graders.refusal_error import RATES, ErrorRates
from harness.stats.clusters import clustered_difference
from harness.stats.identity_test import identity_test
from harness.stats.worlds import Border, draw_border_counts
from harness.tables import Matched, SideCounts
from tests.engine_figures import exact_interval

Floats = npt.NDArray[np.float64]
SEED = 20_261_122
MEAN_SKILL = 0.25 + 0.70 * (1.2 / 1.8)
RUNS = ((2, 2), (3, 3), (7, 7), (7, 2), (7, 1))
CHANGES = (("none", 0.0, 0.0), ("-15% everywhere", 0.15, 0.0), ("-90% on a fifth", 0.0, 0.18))


def share(hits: int, n: int) -> str:
    """Return a share with its exact 95% interval (Clopper and Pearson), as a cell."""
    low, high = exact_interval(hits, n)
    return f"{hits / n:.1%} ({low:.1%}–{high:.1%})"


# --- several runs on a side ----------------------------------------------------------------------


def skills(probes: int, rng: np.random.Generator) -> Floats:
    """Return chances of a right answer: a quarter 1, one in twenty 0, the rest Beta(1.2, .6)."""
    kind = rng.random(probes)
    return np.where(kind < 0.25, 1.0, np.where(kind < 0.30, 0.0, rng.beta(1.2, 0.6, probes)))


def answers(skill: Floats, runs: int, day_sd: float, rng: np.random.Generator) -> Floats:
    """Return one answer a run and probe, shape (runs, probes); a day moves all chances on the logit."""
    chance = np.clip(skill, 1e-12, 1 - 1e-12)
    moved = expit(logit(chance) + day_sd * rng.standard_normal((runs, 1)))
    return (rng.random(moved.shape) < moved).astype(float)


def _normal_span(estimate: float, variance: float, freedom: float = np.inf) -> tuple[float, float]:
    half = float(student.ppf(0.975, freedom)) * sqrt(max(variance, 0.0))
    return max(-1.0, estimate - half), min(1.0, estimate + half)


def five_ways(first: Floats, second: Floats) -> tuple[tuple[float, float], ...]:
    """Return intervals: probes alone, runs alone (t), the wider of both, two-way, and the sum that is in use."""
    a, b = first.mean(0), second.mean(0)
    d = b - a
    n = d.size
    centre = float(d.sum()) / (n + 2)
    by_units = max((float((d * d).sum()) + 2) / (n + 2) - centre * centre, 0.0) / (n + 2)
    sizes = len(first), len(second)
    freedom = sum(sizes) - 2
    deviations = [side.mean(1) - side.mean() for side in (first, second)]
    scale = (1 / sizes[0] + 1 / sizes[1]) / freedom
    by_runs = sum(float((each * each).sum()) for each in deviations) * scale
    # What single answers contribute is in both parts: once too often.
    noise = [
        float(((side - side.mean(0) - each[:, None]) ** 2).sum()) / n / n
        for side, each in zip((first, second), deviations, strict=True)
    ]
    shared = sum(noise) * scale
    probes_alone, runs_alone = _normal_span(centre, by_units), _normal_span(float(d.mean()), by_runs, freedom)
    wider = max(probes_alone, runs_alone, key=lambda each: each[1] - each[0])
    two_way = _normal_span(
        centre, max(by_units + by_runs - shared, by_units, by_runs), _freedom(by_units, n, by_runs, freedom)
    )
    used = clustered_difference(a, b, first, second).difference.interval
    assert used.low is not None
    assert used.high is not None
    return probes_alone, runs_alone, wider, two_way, (used.low, used.high)


def _freedom(by_units: float, n: int, by_runs: float, freedom: float) -> float:
    whole = by_units + by_runs
    return whole * whole / (by_units**2 / (n - 1) + by_runs**2 / freedom) if by_runs else np.inf


def covered(runs: tuple[int, int], probes: int, day_sd: float, change: int, reps: int) -> Floats:
    """Return the coverage and mean width of the five intervals, shape (5, 2)."""
    rng = np.random.default_rng([SEED, *runs, probes, round(10 * day_sd), change])
    _, drop, sparse = CHANGES[change]
    found = np.zeros((5, 2))
    truth = _truth(day_sd, drop, sparse)
    for _ in range(reps):
        before = skills(probes, rng)
        hit = rng.random(probes) < 0.2 if sparse else np.zeros(probes, dtype=bool)
        after = np.where(hit, 0.1 * before, before * (1 - drop))
        first, second = answers(before, runs[0], day_sd, rng), answers(after, runs[1], day_sd, rng)
        for place, (low, high) in enumerate(five_ways(first, second)):
            found[place] += low <= truth <= high, high - low
    return found / reps


def _truth(day_sd: float, drop: float, sparse: float) -> float:
    """Return the mean difference over probes and days, by quadrature over a fine sample of both."""
    rng = np.random.default_rng([SEED, 99])
    before = np.clip(skills(200_000, rng), 1e-12, 1 - 1e-12)
    hit = rng.random(before.size) < 0.2 if sparse else np.zeros(before.size, dtype=bool)
    after = np.clip(np.where(hit, 0.1 * before, before * (1 - drop)), 1e-12, 1 - 1e-12)
    nodes, weights = np.polynomial.hermite_e.hermegauss(15)
    means = [
        float(
            sum(w * expit(logit(side) + day_sd * x).mean() for x, w in zip(nodes, weights, strict=True))
            / weights.sum()
        )
        for side in (before, after)
    ]
    return means[1] - means[0]


def clusters(reps: int = 1000) -> list[str]:
    """Coverage of five intervals of the difference of two snapshots of several runs."""
    rows = [
        "| runs | probes alone | runs alone (t) | the wider | two-way (sum less shared noise) | **sum** |",
        "|--|--:|--:|--:|--:|--:|",
    ]
    for runs in RUNS:
        cells = np.array(
            [
                covered(runs, probes, day_sd, change, reps)
                for probes in (30, 100)
                for day_sd in (0.0, 0.2, 0.4)
                for change in range(len(CHANGES))
            ]
        )
        least, width = cells[:, :, 0].min(0), cells[:, :, 1].mean(0)
        shown = " | ".join(
            f"{held:.2f} / {wide:.2f}".replace("0.", ".") for held, wide in zip(least, width, strict=True)
        )
        rows.append(f"| {runs[0]} and {runs[1]} | {shown} |")
    return rows


# --- two snapshots as `name_changes` takes them ---------------------------------------------------


def counted(run_ids: tuple[int, ...], right: Floats, declined: Floats, n: int = 1) -> SideCounts:
    """Counts of one side, each of shape (runs, probes), the rest wrong."""
    nothing = np.zeros(right.shape)
    counts = {
        "right": right * 1.0,
        "declined": declined * 1.0,
        "wrong": n - right - declined,
        "unreadable": nothing,
    }
    return SideCounts("e", ("m",), run_ids, nothing + n, nothing + n, nothing, nothing, counts, nothing)


def snapshots(topics: list[str], left: SideCounts, right: SideCounts, language: str = "en") -> Matched:
    """Both sides of one suite without pairs."""
    probes = tuple(f"p{place:03d}" for place in range(len(topics)))
    nothing = ("",) * len(topics)
    tags = dict.fromkeys(("family", "kind", "arm", "pair"), nothing)
    tags |= {"topic": tuple(topics), "language": (language,) * len(topics), "task": probes}
    return Matched("e", "s", probes, tags, left, right)


TOPICS = [topic for topic in ("a", "b", "c", "d") for _ in range(60)]


def broad(reps: int = 150) -> list[str]:
    """Locks named, and changes named, where everything moved by the same log odds."""
    rows = [
        "| topic refuses | the others | moved, log odds | a lock named | a change named |",
        "|--:|--:|--:|--:|--:|",
    ]
    for base, topic_base in ((0.1, 0.1), (0.02, 0.1), (0.05, 0.3), (0.05, 0.5)):
        for moved in (0.0, 1.0, 2.0, 3.0):
            rng = np.random.default_rng([SEED, round(100 * base), round(100 * topic_base), round(moved)])
            start = np.where(np.array(TOPICS) == "a", topic_base, base)
            locks = changes = 0
            for _ in range(reps):
                each = logit(start) + 0.7 * rng.standard_normal(start.size)
                sides = []
                for run_id, refusal in ((1, expit(each)), (2, expit(each + moved))):
                    declined = rng.random((1, refusal.size)) < refusal
                    right = (rng.random(declined.shape) < 0.95) & ~declined
                    sides.append(counted((run_id,), right, declined))
                (found,) = name_changes([snapshots(TOPICS, *sides)], rng=rng)
                locks += found.kind is Kind.TOPIC_LOCK
                changes += bool(found.kind)
            rows.append(
                f"| {topic_base:.0%} | {base:.0%} | {moved:g} | {share(locks, reps)} | {share(changes, reps)} |"
            )
    return rows


# --- the refusal detector's error -----------------------------------------------------------------


def remeasured(rate: ErrorRates, rng: np.random.Generator) -> ErrorRates:
    """Return the error as another sample of the same size would have shown it."""
    sensitivity, specificity = (
        replace(each, right=int(rng.binomial(each.of, each.estimate)))
        for each in (rate.sensitivity, rate.specificity)
    )
    return replace(rate, sensitivity=sensitivity, specificity=specificity)


def corrected(
    language: str, before: float, after: float, reps: int, tasks: int = 200
) -> tuple[int, int, int, float, float]:
    """Return how often it is corrected, both intervals hold the truth (as read, corrected), and their mean widths."""
    rng = np.random.default_rng([SEED, *language.encode(), round(1000 * before), round(1000 * after)])
    rate = RATES[language]
    made, held = 0, [0, 0]
    width = [0.0, 0.0]
    for _ in range(reps):
        sides, prose = [], []
        for run_id, chance in ((1, before), (2, after)):
            true = rng.random(tasks) < chance
            called = np.where(
                true,
                rng.random(tasks) < rate.sensitivity.estimate,
                rng.random(tasks) >= rate.specificity.estimate,
            )
            sides.append(counted((run_id,), 1.0 - called[None, :], called[None, :] * 1.0))
            prose.append(Prose(np.ones((1, tasks)), called[None, :] * 1.0))
        matched = snapshots(["a"] * tasks, sides[0], sides[1], language)
        found = refusals(matched, (prose[0], prose[1]), 0.95, rates={language: remeasured(rate, rng)})
        if found is None or found.corrected is None:
            continue
        made += 1
        for place, interval in enumerate((found.raw.interval, found.corrected.interval)):
            assert interval.low is not None
            assert interval.high is not None
            held[place] += interval.low <= after - before <= interval.high
            width[place] += interval.high - interval.low
    return made, held[0], held[1], width[0] / made, width[1] / made


def detector(reps: int = 500) -> list[str]:
    """Coverage of the difference of refusals, as read and with the detector's error taken out."""
    rows = [
        "| language | declined before | after | left as read | as read holds it | corrected holds it | widths, points |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for language in ("en", "zh", "fr"):
        for before, after in ((0.05, 0.05), (0.05, 0.2), (0.3, 0.3), (0.3, 0.6), (0.1, 0.9)):
            made, raw, taken, wide_raw, wide = corrected(language, before, after, reps)
            cells = f"{reps - made} | {share(raw, made)} | {share(taken, made)} | {100 * wide_raw:.1f} and {100 * wide:.1f}"
            rows.append(f"| {language} | {before:.0%} | {after:.0%} | {cells} |")
    return rows


# --- near-tie answers -------------------------------------------------------------------------------

BORDERS = (
    ("nothing", Border()),
    ("nothing, one usual noise of the numerics a day", Border(day=1.0)),
    ("nothing, half the days twice as noisy", Border(bad_days=0.5)),
    ("8-bit weights", Border(shift_sd=0.075)),
    ("30% of calls rerouted", Border(shift_sd=0.35, rerouted=0.3)),
    ("4-bit weights", Border(shift_sd=0.35)),
)
DESIGNS = ((4, 10), (5, 10), (7, 10), (1, 10))
"""Runs a side, answers to each of 20 prompts in a run."""


def identity(reps: int = 100) -> list[str]:
    """Share of pairs of snapshots whose near-tie answers differ at 5%."""
    head = " | ".join(
        f"{runs} runs, {n} answers" if runs > 1 else f"1 run, {n} answers" for runs, n in DESIGNS
    )
    rows = [f"| what happened between the sides | {head} |", "|---|" + "--:|" * len(DESIGNS)]
    for place, (name, border) in enumerate(BORDERS):
        cells = []
        for runs, n in DESIGNS:
            rng = np.random.default_rng([SEED, place, runs, n])
            counts, _ = draw_border_counts(
                replace(border, first_run=runs), rng, years=reps, runs=2 * runs, answers=n
            )
            grids = np.stack([counts, n - counts], axis=3)
            tests = [identity_test(grid[:runs], grid[runs:], rng=rng) for grid in grids]
            cells.append(share(sum(each is not None and each.p <= 0.05 for each in tests), reps))
        rows.append(f"| {name} | {' | '.join(cells)} |")
    return rows


TABLES: dict[str, Callable[[], list[str]]] = {
    "clusters": clusters,
    "broad": broad,
    "detector": detector,
    "identity": identity,
}

if __name__ == "__main__":
    for name in sys.argv[1:] or TABLES:
        print(f"<!-- snapshot_figures: {name} -->", *TABLES[name](), "<!-- end -->", "", sep="\n", flush=True)
