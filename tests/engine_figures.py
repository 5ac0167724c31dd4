"""The engines' measured figures, by seeded simulation.

`python -m tests.engine_figures` prints the tables of docs/statistics.md (about ten minutes on one core); with names,
only those. Set OPENBLAS_NUM_THREADS=1 on a busy machine.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from math import log
from time import perf_counter, process_time

import numpy as np
import numpy.typing as npt
from scipy.stats import beta, binom, norm

from harness.findings.ledger import SETTINGS as SHIPPED
from harness.stats import (
    NormalScorePaths,
    NormalScoreSettings,
    alarm_threshold,
    anscombe,
    anscombe_scores,
    average,
    estimate_change,
    follow,
    log_e_mcnemar,
    log_ratios,
    rate_differences,
    score_paths,
    start_day_effect,
    start_tallies,
    step_day_effect,
    step_tallies,
    tally_p,
)
from harness.stats.rank_bets import bet_paths
from harness.stats.worlds import (
    QUIET,
    WORLDS,
    Arms,
    Border,
    Change,
    World,
    draw_arms,
    draw_border_counts,
    draw_pair_differences,
    draw_years,
)

Floats = npt.NDArray[np.float64]
SEED = 20_261_122
ALARM = alarm_threshold(365, 0.01)
SETTINGS = NormalScoreSettings()
CHANGES = (
    ("-2 points, uniform", Change("uniform", 0.02)),
    ("-5", Change("uniform", 0.05)),
    ("-10", Change("uniform", 0.10)),
    ("-20", Change("uniform", 0.20)),
    ("-50 on 10% of probes", Change("sparse", 0.50)),
    ("-80 on 10% of probes", Change("sparse", 0.80)),
    ("-5 as a logit shift", Change("logit", 0.05)),
)


def rng_for(*parts: object) -> np.random.Generator:
    """Return the generator of one cell of a table, whatever else is computed before it."""
    return np.random.default_rng([SEED, *"".join(map(str, parts)).encode()])


def tallies(right: npt.NDArray[np.int16], answers: int, rng: np.random.Generator) -> NormalScorePaths:
    """Return NS-SR's paths on tallies, for many years."""
    years, runs, probes = right.shape
    u, asked = rng.random((years, runs)), np.full((runs, probes), answers)
    p = np.stack([tally_p(x, asked, draws, SETTINGS) for x, draws in zip(right, u, strict=True)])
    return follow(p, np.tile(np.arange(1, runs + 1), (years, 1)), SETTINGS)


def scalars(scores: Floats, rng: np.random.Generator) -> NormalScorePaths:
    """Return NS-SR's paths on one score a run."""
    return score_paths(scores, rng.random(scores.shape))


def delays(log_e: Floats, first_run: int = 30) -> tuple[float, float, float]:
    """Return the share alarmed before the change, within 60 runs of it, and the median delay in runs."""
    hit = log_e >= ALARM
    delay = np.where(hit.any(1), hit.argmax(1) + 1 - first_run, np.inf)
    return float((delay <= 0).mean()), float(((delay > 0) & (delay <= 60)).mean()), float(np.median(delay))


def shown(figures: tuple[float, float, float]) -> str:
    """Return the delay and how many were found, as a cell."""
    _, found, median = figures
    return f"{'–' if np.isinf(median) else f'{median:.0f}'} ({found:.0%})"


def share(log_e: Floats) -> str:
    """Return the share of years with an alarm, as a cell."""
    return f"{(log_e >= ALARM).any(1).mean():.1%}"


def normal_scores_null(years: int = 1_000) -> list[str]:
    """False alarms of NS-SR per null year."""
    rows = [
        "| days | tallies, drop | tallies, rise | pass rate, drop | pass rate, rise |",
        "|---|--:|--:|--:|--:|",
    ]
    for world in WORLDS:
        rng = rng_for("nssr", world.name)
        right = draw_years(world, Change(), rng, years=years)
        both, plain = tallies(right, 1, rng), scalars(right.mean(2), rng)
        cells = [share(path) for path in (both.log_e_down, both.log_e_up, plain.log_e_down, plain.log_e_up)]
        rows.append(f"| {world.name} | {' | '.join(cells)} |")
    return rows


def delay_table(years: int = 200) -> list[str]:
    """Days until NS-SR finds a change."""
    rows = [
        "| change | NS-SR tallies | NS-SR pass rate |",
        "|---|--:|--:|",
    ]
    for name, change in CHANGES:
        rng = rng_for("delay", name)
        right = draw_years(QUIET, change, rng, years=years, runs=90)
        cells = [
            shown(delays(path))
            for path in (
                tallies(right, 1, rng).log_e_down,
                scalars(right.mean(2), rng).log_e_down,
            )
        ]
        rows.append(f"| {name} | {' | '.join(cells)} |")
    return rows


def stream_evidence(p: Floats, settings: NormalScoreSettings = SHIPPED) -> Floats:
    """Return a stream's log evidence for a drop, shape (years, runs): the mean of normal scores and bets on ranks."""
    years, _, runs = p.shape
    numbers = np.arange(1, runs + 1)
    scores = follow(p, np.tile(numbers, (years, 1)), settings)
    down, _ = bet_paths(p, numbers > settings.burn_in, settings.temper)
    evidence: Floats = np.logaddexp(scores.log_e_down, down) - log(2)
    return evidence


def either_way(p: Floats, settings: NormalScoreSettings) -> Floats:
    """Return a stream's log evidence for a change in either direction, half the stakes on each."""
    return np.logaddexp(stream_evidence(p, settings), stream_evidence(1 - p, settings)) - log(2)


def temper_null(years: int = 1_000) -> list[str]:
    """False alarms of a whole stream per null year, plain and tempered."""
    rows = ["| days | plain | tempered, as used |", "|---|--:|--:|"]
    for world in WORLDS:
        rng = rng_for("temper", world.name)
        p = tallies(draw_years(world, Change(), rng, years=years), 1, rng).p
        hits = [(either_way(p, each) >= ALARM).any(1).sum() for each in (SETTINGS, SHIPPED)]
        cells = [f"{hit / years:.1%} ({interval(hit, years)})" for hit in hits]
        rows.append(f"| {world.name} | {' | '.join(cells)} |")
    return rows


def temper_delays(years: int = 200) -> list[str]:
    """Runs until a whole stream finds a change, plain and tempered."""
    rows = ["| change | days | plain | tempered, as used |", "|---|---|--:|--:|"]
    for world in (QUIET, WORLDS[2]):
        for name, change in CHANGES:
            rng = rng_for("temper-delay", world.name, name)
            p = tallies(draw_years(world, change, rng, years=years, runs=90), 1, rng).p
            cells = [shown(delays(either_way(p, each))) for each in (SETTINGS, SHIPPED)]
            rows.append(f"| {name} | {world.name} | {' | '.join(cells)} |")
    return rows


def exact_interval(hits: int, n: int) -> tuple[float, float]:
    """Return the exact 95% interval of a share (Clopper and Pearson)."""
    low = 0.0 if hits == 0 else float(beta.ppf(0.025, hits, n - hits + 1))
    high = 1.0 if hits == n else float(beta.ppf(0.975, hits + 1, n - hits))
    return low, high


def interval(hits: int, n: int) -> str:
    """Return the exact 95% interval of a share, as words."""
    low, high = exact_interval(hits, n)
    return f"{low:.1%} to {high:.1%}"


def haar_coverage(years: int = 1_000) -> list[str]:
    """How often the date set and the effect's interval of Haar-t hold the truth, at nominal .95."""
    rows = [
        "| day sd | drop | when | years | date set | its median size | effect | median width, points |",
        "|--:|--:|---|--:|--:|--:|--:|--:|",
    ]
    for noise in (0.0, 0.2):
        for size in (0.03, 0.05, 0.10):
            rng = rng_for("haar", noise, size)
            right = draw_years(
                World("", day_sd=noise), Change("uniform", size), rng, years=years, runs=130, answers=3
            )
            rates = right.sum(2) / 300
            hit = scalars(rates, rng).log_e_down >= ALARM
            for label, wait in (("day of the alarm", 0), ("14 runs later", 14)):
                held, sizes, within, widths = [], [], [], []
                for row, crossed in zip(rates, hit, strict=True):
                    end = int(crossed.argmax()) + 1 + wait
                    if not crossed.any() or end - wait <= 30 or end > 116:
                        continue
                    found = estimate_change(row[:end], "down")
                    held.append(30 in found.dates)
                    sizes.append(len(found.dates))
                    low = -1.0 if found.low is None else found.low
                    high = 1.0 if found.high is None else found.high
                    within.append(low <= -size <= high)
                    widths.append(100 * (high - low))
                rows.append(
                    f"| {noise} | {100 * size:.0f} | {label} | {len(held)} | {np.mean(held):.3f} | {np.median(sizes):.0f} "
                    f"| {np.mean(within):.3f} | {np.median(widths):.1f} |"
                )
    return rows


def haar_as_alarm(years: int = 100) -> list[str]:
    """Why Haar-t raises no alarms: null years in which the mean ratio over dates ever reaches 100."""
    rows = ["| days | pass rate | Anscombe with jitter |", "|---|--:|--:|"]
    for world in (
        w for w in WORLDS if w.name in ("identical days", "near-deterministic suite", "10% bad days")
    ):
        rng = rng_for("haar alarm", world.name)
        wrong = 100 - draw_years(world, Change(), rng, years=years).sum(2)
        cells = []
        for scores in (-wrong / 100, -anscombe_scores(wrong, 100, rng)):
            ever = np.zeros(years, dtype=bool)
            for run in range(9, scores.shape[1] + 1):
                ratios = log_ratios(scores[:, :run], "down")[:, 5:]  # dates from 7 on, as the detectors
                # Dates still to come have ratio one: the mean over 365 dates is a martingale.
                mean = np.logaddexp(np.logaddexp.reduce(ratios, axis=1), np.log(365 - ratios.shape[1] + 1e-9))
                ever |= mean - np.log(365) >= np.log(100)
            cells.append(f"{ever.mean():.1%}")
        rows.append(f"| {world.name} | {' | '.join(cells)} |")
    return rows


def refusals(years: int = 400) -> list[str]:
    """NS-SR on Anscombe differences of refusal rates, 40 answers per arm and day."""
    rows = ["| world | watched arm alone | difference to control |", "|---|--:|--:|"]
    cases: list[tuple[str, Arms, int]] = [
        ("null: common days sd .4, 2% outages", Arms(), 372),
        ("null: also sd .3 in the watched arm", Arms(own_sd=0.3), 372),
        ("null: 10% outage days", Arms(outages=0.1), 372),
        ("null: control at 2%", Arms(control_rate=0.02), 372),
        ("broad shift 10% to 30%, both arms at 10%", Arms(later_rate=0.3, broad=True), 130),
        ("broad shift 10% to 30%, control at 2%", Arms(later_rate=0.3, control_rate=0.02, broad=True), 130),
        *((f"lock 10% to {100 * j:.0f}%", Arms(later_rate=j), 130) for j in (0.15, 0.2, 0.3, 0.5, 0.9)),
    ]
    for name, arms, runs in cases:
        rng = rng_for("refusals", name)
        watched, control = draw_arms(arms, rng, years=years, runs=runs)
        alone = scalars(-anscombe(watched, 40), rng).log_e_down
        against = scalars(-rate_differences(watched, 40, control, 40), rng).log_e_down
        cells = [share(e) if "lock" not in name else shown(delays(e)) for e in (alone, against)]
        rows.append(f"| {name} | {' | '.join(cells)} |")
    return rows


def silent_locks(years: int = 400) -> list[str]:
    """NS-SR on the day's mean of neutral minus topic over matched pairs: days until a silent lock is found."""
    rows = ["| lock, points | 20 pairs a day | 50 pairs a day |", "|--:|--:|--:|"]
    rng = rng_for("locks null")
    nulls = [
        share(scalars(-draw_pair_differences(rng, lock=0, years=years, runs=372, pairs=m), rng).log_e_down)
        for m in (20, 50)
    ]
    rows.append(f"| none (years with an alarm) | {nulls[0]} | {nulls[1]} |")
    for lock in (0.05, 0.10, 0.20, 0.40):
        rng = rng_for("locks", lock)
        cells = [
            shown(
                delays(scalars(-draw_pair_differences(rng, lock=lock, years=years, pairs=m), rng).log_e_down)
            )
            for m in (20, 50)
        ]
        rows.append(f"| {100 * lock:.0f} | {cells[0]} | {cells[1]} |")
    return rows


def pairs_needed(years: int = 1_500) -> list[str]:
    """Pairs for 80 / 95% power, one-sided 1%, background discordance .05: once, any time, over time."""
    rows = [
        "| drop, points | McNemar once | exact power at the first | e-process, any time | DiD per period |",
        "|--:|--:|--:|--:|--:|",
    ]
    for drop in (0.05, 0.10, 0.20):
        rng = rng_for("pairs", drop)
        psi, better, worse = 0.05 + drop, 0.025 + drop, 0.025
        z = norm.ppf(0.99)
        once = [
            int(np.ceil(((z * np.sqrt(psi) + norm.ppf(w) * np.sqrt(psi - drop**2)) / drop) ** 2))
            for w in (0.8, 0.95)
        ]
        did = [int(np.ceil(2 * (0.05 + drop / 2) * ((z + norm.ppf(w)) / drop) ** 2)) for w in (0.8, 0.95)]
        table = rng.multinomial(once[0], [better, worse, 1 - better - worse], 20_000)
        power = (binom.sf(table[:, 0] - 1, table[:, 0] + table[:, 1], 0.5) <= 0.01).mean()
        u = rng.random((years, 3_000))
        ahead, behind = (
            np.cumsum(u < better, 1)[:, 4::5],
            np.cumsum((u >= better) & (u < better + worse), 1)[:, 4::5],
        )
        hit = log_e_mcnemar(ahead, behind, "first") >= np.log(100)
        at = np.where(hit.any(1), 5 * (hit.argmax(1) + 1), 10**6)
        rows.append(
            f"| {100 * drop:.0f} | {once[0]} / {once[1]} | {power:.2f} | {np.quantile(at, 0.8):.0f} / {np.quantile(at, 0.95):.0f} "
            f"| {did[0]} / {did[1]} |"
        )
    return rows


def identity(years: int = 300) -> list[str]:
    """NS-SR on the identity distance: 20 border prompts, 10 answers each a day, 100 in the reference."""
    rows = ["| world | found |", "|---|--:|"]
    cases = [
        ("null", Border(), 372),
        ("null: days with noise of their own (.5)", Border(day=0.5), 372),
        ("null: 3% bad days", Border(bad_days=0.03), 372),
        ("8-bit weights (sd .075)", Border(shift_sd=0.075), 120),
        ("8-bit weights, noisy days", Border(shift_sd=0.075, day=0.5), 120),
        ("4-bit weights (sd .35)", Border(shift_sd=0.35), 120),
        ("sd .02", Border(shift_sd=0.02), 120),
        ("30% of calls rerouted", Border(shift_sd=0.35, rerouted=0.3), 120),
        ("10% of calls rerouted", Border(shift_sd=0.35, rerouted=0.1), 120),
    ]
    for name, border, runs in cases:
        rng = rng_for("identity", name)
        counts, reference = draw_border_counts(border, rng, years=years, runs=runs)
        paths = scalars(-((counts / 10 - reference) ** 2).sum(2), rng).log_e_down
        rows.append(f"| {name} | {share(paths) if 'null' in name else shown(delays(paths))} |")
    return rows


def averaging(years: int = 1_000) -> list[str]:
    """False alarms of the average over five correlated streams of one endpoint, and of their maximum."""
    rng = rng_for("averaging")
    right = draw_years(World("", day_sd=0.4), Change(), rng, years=years)
    paths = [scalars(right[:, :, part::5].mean(2), rng).log_e_down for part in range(5)]
    return [
        "| five families of one endpoint, day sd .4 | alarms per null year |",
        "|---|--:|",
        f"| average | {share(average(np.stack(paths), axis=0))} |",
        f"| any of them at its own threshold | {share(np.max(paths, axis=0))} |",
        f"| any of them at five times the threshold | {share(np.max(paths, axis=0) - np.log(5))} |",
    ]


def cost() -> list[str]:
    """CPU time for a year of many streams, and for one run's step. Not reproducible to the digit."""
    rng = rng_for("cost")
    rows = ["| work | time |", "|---|--:|"]
    scores, u = rng.normal(size=(1_000, 365)), rng.random((1_000, 365))
    start = process_time()
    score_paths(scores, u)
    rows.append(f"| 50 endpoints x 20 streams x 365 runs, one score a run | {process_time() - start:.1f} s |")
    right = draw_years(QUIET, Change(), rng, years=1_000, runs=365, probes=20)
    start = process_time()
    tallies(right, 1, rng)
    rows.append(f"| the same, tallies of 20 probes each | {process_time() - start:.1f} s |")
    right = draw_years(QUIET, Change(), rng, years=1_000, runs=365)
    start = process_time()
    tallies(right, 1, rng)
    rows.append(f"| the same, tallies of 100 probes each | {process_time() - start:.1f} s |")
    asked = np.ones(100)
    steps: dict[str, list[float]] = {"NS-SR": [], "EB-DE": []}
    for year in right[:3]:
        scored, predicted = start_tallies(100), start_day_effect(100)
        for x in year:
            start = process_time()
            scored, _ = step_tallies(scored, x, asked, 0.5)
            middle = process_time()
            predicted, _ = step_day_effect(predicted, x, asked)
            steps["NS-SR"].append(middle - start)
            steps["EB-DE"].append(process_time() - middle)
    for name, taken in steps.items():
        by_run = np.median(np.array(taken).reshape(3, 365), axis=0) * 1_000
        rows.append(
            f"| one step of {name}, 100 probes, around run 30 / run 360 "
            f"| {np.median(by_run[25:35]):.1f} / {np.median(by_run[355:]):.1f} ms |"
        )
    return rows


TABLES: dict[str, Callable[[], list[str]]] = {
    "normal-scores-null": normal_scores_null,
    "delays": delay_table,
    "temper-null": temper_null,
    "temper-delays": temper_delays,
    "haar-coverage": haar_coverage,
    "haar-as-alarm": haar_as_alarm,
    "refusals": refusals,
    "silent-locks": silent_locks,
    "pairs-needed": pairs_needed,
    "identity": identity,
    "averaging": averaging,
    "cost": cost,
}

if __name__ == "__main__":
    for wanted in sys.argv[1:] or TABLES:
        began = perf_counter()
        print(
            f"<!-- engine_figures: {wanted} -->", *TABLES[wanted](), "<!-- end -->", "", sep="\n", flush=True
        )
        print(f"{wanted}: {perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
