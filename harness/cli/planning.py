"""Before anything is sent: init, check, plan."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from harness import local
from harness.cli.context import (
    DEFAULT_CONFIG,
    ConfigOption,
    DbOption,
    EndpointOption,
    JsonOption,
    Project,
    SuiteOption,
    environment,
    err,
    load_project,
    out,
    print_json,
    print_json_line,
)
from harness.config import config_warnings, missing_keys, template_text
from harness.endpoints import adapter
from harness.errors import ConfigError, UsageError
from harness.findings import changes
from harness.monitor import JudgeTotal, judge_totals, next_seed, planned_ledger
from harness.plan import Plan, make_plan
from harness.records import JSON
from harness.store import Store
from harness.suites import EXAMPLE_FILES, Suite

SeedOption = Annotated[
    int | None, typer.Option("--seed", min=0, help="Plan with this seed instead of the next run's own.")
]


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command()(init)
    app.command()(check)
    app.command()(plan)


def init(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where to write.")] = Path(),
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
) -> None:
    """Write a commented config.toml and an example suite."""
    files = {"config.toml": template_text()} | {
        f"probes/example/{name}": text for name, text in EXAMPLE_FILES.items()
    }
    there = [name for name in files if (folder / name).exists()]
    if there and not force:
        raise UsageError(
            f"{', '.join(str(folder / name) for name in there)}: already there; --force replaces"
        )
    try:
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
            out.print(f"wrote {folder / name}", markup=False)
    except OSError as error:
        raise UsageError(f"{folder}: cannot write there ({error.strerror}); choose another folder") from error
    out.print("next: harness check, then harness run")


def _planned(
    project: Project,
    suites: dict[str, Suite],
    suite: list[str] | None,
    endpoint: list[str] | None,
    seed: int | None,
) -> tuple[Plan, dict[str, float]]:
    """Plan the next run; the number of runs so far and known latencies come from the database, if there is one."""
    latency: dict[str, float] = {}
    if project.database.exists():
        with Store.open(project.database, mode="read") as store:
            seed = next_seed(project.config, store) if seed is None else seed
            latency = store.mean_latency_ms()
    elif seed is None:
        seed = next_seed(project.config, None)
    return make_plan(project.config, suites, seed, only_suites=suite, only_endpoints=endpoint), latency


def check(
    config: ConfigOption = DEFAULT_CONFIG,
    db: DbOption = None,
    suite: SuiteOption = None,
    endpoint: EndpointOption = None,
    as_json: JsonOption = False,
) -> None:
    """Validate config, suites and keys; show what a run would send, cost and take; send nothing."""
    project = load_project(config, db)
    suites = project.suites()
    planned, latency = _planned(project, suites, suite, endpoint, None)
    asked = planned.endpoints
    missing = [
        words for name, each in asked.items() for words in local.problems(each, name, folder=project.folder)
    ]
    judges = judge_totals(project.config, planned)
    needed = [*asked, *(each.endpoint for each in judges)]
    missing += missing_keys(project.config, environment(), project.file, needed)
    if missing:
        raise ConfigError(missing)
    notes: list[str] = config_warnings(project.config, environment(), project.file)
    for name, each in asked.items():
        probes = [probe for used in planned.suites_of(name) for probe in planned.suites[used].probes]
        notes.extend(
            f"endpoints.{name}: {words}" for words in adapter(each.protocol).limitations(each, probes)
        )
    budget = planned_ledger(project.config, suites)
    notes.extend(_new_period(project, budget.text))
    if as_json:
        print_json(_check_json(planned, latency, notes, judges) | {"ledger": budget.body()})
        return
    table = Table(title=None, box=None, pad_edge=False, header_style="bold")
    for heading in ("endpoint", "protocol", "model", "suites"):
        table.add_column(heading, overflow="fold")
    for heading in ("calls", "tokens in", "tokens out", "cost", "time"):
        table.add_column(heading, justify="right")
    for name, each in asked.items():
        total = planned.total(name, latency)
        table.add_row(
            name,
            each.protocol,
            each.model,
            ", ".join(planned.suites_of(name)),
            f"{total.calls:,}",
            f"<= {total.input_tokens:,}",
            f"<= {total.output_tokens:,}",
            _dollars(total.cost_usd),
            _duration(total.seconds),
        )
    out.print(table)
    for used in planned.suites.values():
        out.print(
            f"suite {used.name} version {used.version}: {_how_many(used)}, {used.content_hash[:23]}",
            markup=False,
        )
    total = planned.total(None, latency)
    out.print(
        f"one run: {total.calls:,} calls, at most {_dollars(total.cost_usd)}, about {_duration(total.seconds)}"
    )
    for each_judge in judges:
        out.print(
            f"then judge {each_judge.judge} ({each_judge.endpoint}, {each_judge.model}): at most {each_judge.calls:,} "
            f"calls, {each_judge.input_tokens:,} tokens in, {_dollars(each_judge.cost_usd)}",
            markup=False,
        )
    for words in budget.words():
        out.print(words, markup=False)
    for note in notes:
        err.print(f"note: {note}", markup=False)
    out.print("config, suites and keys are in order; nothing was sent")


def _how_many(suite: Suite) -> str:
    if not suite.selection.as_json():
        return f"{len(suite.probes):,} probes"
    return f"{len(suite.probes):,} of {len(suite.items):,} probes ({suite.selection.words()})"


def _new_period(project: Project, ledger: str) -> list[str]:
    """Say what the next run would change about the alpha ledger, if anything."""
    if not project.database.exists():
        return []
    with Store.open(project.database, mode="read") as store:
        before = store.findings.period("real")
    if before is None or before.ledger == ledger:
        return []
    return [
        f"the next run begins a new period of the alpha ledger: {'; '.join(changes(before.ledger, ledger))}"
    ]


def _check_json(
    planned: Plan, latency: dict[str, float], notes: list[str], judges: list[JudgeTotal]
) -> dict[str, JSON]:
    def totals(name: str | None) -> dict[str, JSON]:
        total = planned.total(name, latency)
        return {
            "calls": total.calls,
            "input_tokens_at_most": total.input_tokens,
            "output_tokens_at_most": total.output_tokens,
            "cost_usd_at_most": round(total.cost_usd, 6),
            "seconds_about": round(total.seconds, 1),
        }

    return {
        "ok": True,
        "seed": planned.seed,
        "plan_hash": planned.plan_hash,
        "endpoints": [
            {
                "endpoint": name,
                "protocol": each.protocol,
                "model": each.model,
                "suites": list(planned.suites_of(name)),
            }
            | totals(name)
            for name, each in planned.endpoints.items()
        ],
        "suites": [
            {
                "suite": each.name,
                "version": each.version,
                "probes": len(each.probes),
                "probes_in_suite": len(each.items),
                "selection": each.selection.as_json(),
                "content_hash": each.content_hash,
            }
            for each in planned.suites.values()
        ],
        "judges": [asdict(each) for each in judges],
        "total": totals(None),
        "notes": list(notes),
    }


def plan(
    config: ConfigOption = DEFAULT_CONFIG,
    db: DbOption = None,
    suite: SuiteOption = None,
    endpoint: EndpointOption = None,
    seed: SeedOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, one line a call.")] = False,
) -> None:
    """Show the calls of the next run, in the order they would be sent."""
    project = load_project(config, db)
    planned, latency = _planned(project, project.suites(), suite, endpoint, seed)
    if as_json:
        for call in planned:
            probe = call.probe
            print_json_line(
                {
                    "call_id": call.call_id,
                    "index": call.index,
                    "endpoint": call.endpoint,
                    "suite": call.suite,
                    "probe": probe.id,
                    "sample": call.sample,
                    "pair": probe.pair,
                    "arm": probe.arm,
                    "topic": probe.topic,
                    "family": probe.family,
                    "language": probe.language,
                    "messages": [
                        {"role": message.role, "content": message.content} for message in probe.messages
                    ],
                    "target": list(probe.target),
                    "grader": probe.grader,
                    "seed": call.seed,
                    "max_cost_usd": call.estimate.cost_usd,
                }
            )
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("call", "endpoint", "suite", "probe", "pair", "arm"):
        table.add_column(heading, overflow="fold")
    shown = 0
    for call in planned:
        if shown == 20:
            break
        shown += 1
        table.add_row(
            call.call_id,
            call.endpoint,
            call.suite,
            call.probe.id,
            call.probe.pair or "",
            call.probe.arm or "",
        )
    out.print(table)
    total = planned.total(None, latency)
    rest = f"; the first {shown} are shown, all with --json" if len(planned) > shown else ""
    out.print(f"{total.calls:,} calls with seed {planned.seed}, at most {_dollars(total.cost_usd)}{rest}")


def _dollars(amount: float) -> str:
    return "$0" if amount == 0 else f"${amount:.4f}" if amount < 1 else f"${amount:,.2f}"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
