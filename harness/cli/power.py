"""Before anything is spent: what a schedule can find, how soon, for how much, and the cheapest one that does."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from harness.claims import Tier
from harness.cli.context import (
    DEFAULT_CONFIG,
    ConfigOption,
    DbOption,
    EndpointOption,
    JsonOption,
    Project,
    SuiteOption,
    err,
    load_project,
    out,
    print_json,
)
from harness.cli.power_shown import (
    a_day,
    delays_json,
    money,
    percent,
    print_outlook,
    print_ways,
    sentence,
    spending_json,
    tried_json,
)
from harness.errors import EXIT_DONE, EXIT_EVIDENCE, UsageError
from harness.findings.power import Shape
from harness.findings.streams import asked_of
from harness.monitor import power as planning
from harness.monitor import power_search as search
from harness.records import JSON
from harness.store import Store
from harness.suites import Suite

_BUDGET = re.compile(r"^\$?(\d+(?:\.\d+)?|\.\d+) ?(usd|calls)?$", re.IGNORECASE)
DIVIDED = 100
"""Worlds for each division of a budget, unless --worlds says otherwise."""
WANTED = 0.8
"""Chance with which a schedule that is looked for must find the change in time."""


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command()(power)


@dataclass(frozen=True, slots=True)
class Budget:
    """What a day may take; None: no limit."""

    calls: float | None = None
    usd: float | None = None

    def words(self) -> str:
        """Return it for people."""
        parts = [f"{self.calls:,.0f} calls"] if self.calls is not None else []
        return " and ".join([*parts, *([money(self.usd)] if self.usd is not None else [])])


def read_budget(text: str | None) -> Budget:
    """Read `2.5usd` or `400calls`.

    Raises:
        UsageError: it is neither.
    """
    if text is None:
        return Budget()
    match = _BUDGET.match(text.strip())
    unit = (match[2] or ("usd" if text.strip().startswith("$") else "")).lower() if match else ""
    if match is None or not unit or float(match[1]) <= 0:
        raise UsageError(
            f"--budget {text!r}: write what a day may take as US dollars or calls, such as 2.5usd or 400calls"
        )
    return Budget(calls=float(match[1])) if unit == "calls" else Budget(usd=float(match[1]))


def power(
    config: ConfigOption = DEFAULT_CONFIG,
    db: DbOption = None,
    suite: SuiteOption = None,
    endpoint: EndpointOption = None,
    drop: Annotated[float, typer.Option("--drop", help="Size of the change, in percentage points.")] = 5.0,
    within: Annotated[
        float | None,
        typer.Option(
            "--within", metavar="DAYS", help="Look for the cheapest schedule that finds it in so many days."
        ),
    ] = None,
    kind: Annotated[
        Shape, typer.Option("--kind", help="The change that schedules are compared by.")
    ] = Shape.UNIFORM,
    tier: Annotated[
        Tier, typer.Option("--tier", help="Findings to publish, or the fast and provisional ones.")
    ] = Tier.PERSISTENT,
    budget: Annotated[
        str | None,
        typer.Option("--budget", metavar="AMOUNT", help="What a day may take: 2.5usd or 400calls."),
    ] = None,
    baseline: Annotated[
        float, typer.Option("--baseline", metavar="DAYS", help="Days watched before the change.")
    ] = 30.0,
    worlds: Annotated[
        int | None, typer.Option("--worlds", min=20, max=10_000, help="Simulated lives per answer.")
    ] = None,
    write: Annotated[
        str | None,
        typer.Option(
            "--write", metavar="FILE", help="Write the schedule found as a config block; - for stdout."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """Say what a schedule can find, how soon and for how much, by simulation; sends nothing.

    Lives through many simulated years with the endpoint's own difficulties and day-to-day noise, as far as they are
    measured, and with the streams, ledger and engines that judge real runs.
    """
    _check_numbers(drop, within, baseline)
    if write is not None and within is None:
        raise UsageError(
            "--write writes the schedule that --within DAYS finds: say how soon a change should be found"
        )
    limit = read_budget(budget)
    project = load_project(config, db)
    suites = project.suites(None)
    for name in suite or ():
        if name not in suites:
            raise UsageError(f"no suite named {name!r} in the config; it has: {', '.join(sorted(suites))}")
    for name in endpoint or ():
        if name not in project.config.endpoints:
            raise UsageError(
                f"no endpoint named {name!r} in the config; it has: {', '.join(sorted(project.config.endpoints))}"
            )
    names = endpoint or [name for name in project.config.endpoints if asked_of(project.config, name)]
    if write is not None and len(names) > 1:
        raise UsageError(f"--write plans one endpoint: name it with --endpoint ({', '.join(names)})")
    days = within or 60.0
    seen = [
        found
        for found in (_watched(project, suites, name, suite, baseline, days) for name in names)
        if found is not None
    ]
    if not seen:
        err.print("nothing to say: no suite in question has a stream that a change could show in")
        return EXIT_EVIDENCE
    target = _target(write)
    told: list[JSON] = []
    texts: list[str] = []
    missed = False
    for watch in seen:
        answer = _answer(watch, drop / 100, kind, tier, within, limit, worlds, quiet=as_json or write == "-")
        told.append(answer.json)
        missed |= answer.missed
        if answer.block is not None:
            texts.append(answer.block)
    if as_json:
        print_json({"format": "harness.power/1", "endpoints": told})
    if target is not None and texts:
        target.write_text("".join(texts), encoding="utf-8")
        err.print(f"wrote {target}: paste it into {config}; nothing was changed there", markup=False)
    elif write == "-" and not as_json:
        out.print("".join(texts), end="", markup=False)
    return EXIT_EVIDENCE if missed else EXIT_DONE


def _check_numbers(drop: float, within: float | None, baseline: float) -> None:
    if not 0 < drop <= 100:
        raise UsageError(f"--drop {drop:g}: a change is more than 0 and at most 100 percentage points")
    if within is not None and not 1 <= within <= 365:
        raise UsageError(f"--within {within:g}: between 1 and 365 days")
    if not 8 <= baseline <= 365:
        raise UsageError(
            f"--baseline {baseline:g}: between 8 and 365 days; evidence counts from the eighth run on"
        )


def _target(write: str | None) -> Path | None:
    if write is None or write == "-":
        return None
    target = Path(write)
    if target.exists():
        raise UsageError(f"{target}: already there; name a new file, or - for stdout")
    if not target.parent.is_dir():
        raise UsageError(f"{target}: there is no folder {target.parent}")
    return target


def _watched(
    project: Project,
    suites: dict[str, Suite],
    name: str,
    only: list[str] | None,
    baseline: float,
    days: float,
) -> planning.Watched | None:
    def look(store: Store | None) -> planning.Watched | None:
        return planning.watched(
            project.config, suites, store, name, only, baseline_days=baseline, within_days=days
        )

    if not project.database.exists():
        return look(None)
    with Store.open(project.database, mode="read") as store:
        return look(store)


@dataclass(frozen=True, slots=True)
class _Answer:
    json: dict[str, JSON]
    block: str | None
    missed: bool


def _answer(
    watch: planning.Watched,
    drop: float,
    kind: Shape,
    tier: Tier,
    within: float | None,
    limit: Budget,
    worlds: int | None,
    quiet: bool,
) -> _Answer:
    """Answer for one endpoint, printing as it goes unless quiet."""
    scene, spent = watch.scene(), watch.spending()

    def say(words: object) -> None:
        if not quiet:
            out.print(words, markup=False) if isinstance(words, str) else out.print(words)

    notes = [each.words() for each in watch.habits.values()]
    idle = [name for name in planning.unscheduled(watch.config, watch.endpoint) if name in watch.chosen]
    if idle:
        notes.append(f"no schedule asks {', '.join(idle)}: once a day is taken")
    notes += _over(limit, watch, spent)
    level = scene.ledger.threshold(tier)
    say(
        f"endpoint {watch.endpoint}: {a_day(spent)}, alarm level {level:,.0f} (ledger {scene.ledger.hash[7:15]})"
    )
    for note in notes:
        say(f"  {note}")
    found = planning.outlook(watch, drop, worlds, tier=tier)
    compared = next((each for each in found if each.shape is kind), None)
    if compared is not None and within is None:
        say(sentence(compared, spent))
    print_outlook(found, spent, say)
    body: dict[str, JSON] = {
        "endpoint": watch.endpoint,
        "suites": list(watch.chosen),
        "drop": drop,
        "seed": planning.SEED,
        "threshold": level,
        "ledger": scene.ledger.hash,
        "baseline_days": watch.baseline_days,
        "within_days": watch.within_days,
        "schedule": {
            name: {
                "runs_per_day": how.per_day,
                "samples": how.samples,
                "probes": len(watch.suites[name].probes),
            }
            for name, how in planning.asking(watch.config, watch.endpoint).items()
            if name in watch.chosen
        },
        "spending": spending_json(spent),
        "notes": list(notes),
        "changes": [delays_json(each, spent) for each in found],
    }
    if compared is None:
        body["missing"] = f"nothing that is watched would show {kind.value}"
        say(f"{kind.value}: nothing that is watched would show it")
        return _Answer(body, None, missed=True)
    if within is None:
        calls = limit.calls if limit.calls is not None else None if limit.usd is not None else spent.calls
        ways = search.divisions(watch, calls if calls is not None else float("inf"), limit.usd)
        tried = [search.attempt(watch, way, kind, drop, worlds or DIVIDED, tier=tier) for way in ways]
        print_ways(tried, kind, drop, limit.words() or f"{spent.calls:,.0f} calls", say)
        body["divisions"] = [tried_json(each) for each in tried]
        return _Answer(body, None, missed=False)
    best = search.cheapest(
        watch, kind, drop, WANTED, calls=limit.calls, usd=limit.usd, worlds=worlds, tier=tier
    )
    if best is None:
        say(
            f"no schedule that was tried finds it within {within:g} days with {WANTED:.0%} probability"
            + (f" for {limit.words()} a day" if limit.words() else "")
        )
        body["cheapest"] = None
        return _Answer(body, None, missed=True)
    body["cheapest"] = tried_json(best)
    share = best.delays.found()
    days = f"found within {within:g} days in {percent(share)}"
    words = [
        f"harness power: {kind.words(drop)};",
        f"{days} of {best.delays.worlds} simulated worlds; {a_day(best.spending)}",
    ]
    say(f"cheapest that was tried: {best.schedule.words()}: {a_day(best.spending)}; {days}")
    text = search.block(watch, best, words)
    body["block"] = text
    return _Answer(body, text, missed=False)


def _over(limit: Budget, watch: planning.Watched, spent: planning.Spending) -> list[str]:
    """Return what of a budget the schedule as it is exceeds: the one given, else the config's."""
    given = watch.config.budgets
    calls = limit.calls if limit.calls is not None else given.calls_per_day
    usd = limit.usd if limit.usd is not None else given.usd_per_day
    notes = []
    if calls is not None and spent.calls > calls:
        notes.append(
            f"over budget: {spent.calls:,.0f} calls a day, {calls:,.0f} allowed; the rest would be missing"
        )
    if usd is not None and spent.usd > usd:
        notes.append(
            f"over budget: {money(spent.usd)} a day, {money(usd)} allowed; the rest would be missing"
        )
    return notes
