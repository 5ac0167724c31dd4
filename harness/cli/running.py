"""Sending: run (one cycle now) and watch (cycles on the schedule until stopped)."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer

from harness import alerts
from harness.claims import Finding
from harness.cli.claims import FailOption, changed, print_finding
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
)
from harness.cli.custody import seal_after_run
from harness.cli.planning import SeedOption
from harness.cli.progress import Display
from harness.cli.results import print_run
from harness.config import alert_urls, proxy_for, read_keys
from harness.errors import EXIT_DONE, EXIT_ERROR, EXIT_EVIDENCE, EXIT_FINDINGS, UsageError
from harness.limits import RealClock
from harness.monitor import Access, Summary, Watch, resumable, run_cycle
from harness.records import RunStatus
from harness.runner import Stop, trusting
from harness.store import Store

T = TypeVar("T")


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command()(run)
    app.command()(watch)


def access_of(project: Project, only: list[str] | None = None) -> Access:
    """Read the keys, proxies and certificates of the endpoints that will be asked.

    Raises:
        ConfigError: with every key that is missing, or certificates that cannot be read.
        UsageError: alerts are configured and cannot be sent.
    """
    config = project.config
    alerts.require(config.alerts)
    if only is not None:
        only = [*only, *(judge.endpoint for judge in config.judges.values())]
    keys = read_keys(config, environment(), project.file, only)
    proxies = {
        name: proxy_for(config.endpoints[name], config.endpoints[name].url, environment()) for name in keys
    }
    trusted = {
        name: trusting(project.folder / ca_file, f"{project.file}: endpoints.{name}.ca_file")
        for name in keys
        if (ca_file := config.endpoints[name].ca_file) is not None
    }
    return Access(keys, proxies, trusted)


def stoppable(work: Callable[[Stop], Awaitable[T]]) -> T:
    """Run async work that a first Ctrl-C or SIGTERM asks to stop and a second one cancels."""

    async def main() -> T:
        stop = Stop()
        task = asyncio.ensure_future(work(stop))

        def asked() -> None:
            if stop.is_set():
                task.cancel()
                return
            err.print("stopping: waiting for the calls in flight (once more to drop them)")
            stop.set()

        loop = asyncio.get_running_loop()
        for each in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(each, asked)
        return await task

    try:
        return asyncio.run(main())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


def run(
    config: ConfigOption = DEFAULT_CONFIG,
    db: DbOption = None,
    suite: SuiteOption = None,
    endpoint: EndpointOption = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Finish the latest unfinished run: send only what is missing.")
    ] = False,
    seed: SeedOption = None,
    fail_on_findings: FailOption = False,
    as_json: JsonOption = False,
) -> int:
    """Do one run now: every suite and endpoint of the config, or those named."""
    if resume and (suite or endpoint or seed is not None):
        raise UsageError(
            "--resume finishes a run as it was planned: leave out --suite, --endpoint and --seed"
        )
    project = load_project(config, db)
    suites = project.suites()
    access = access_of(project, endpoint)
    with Store.open(project.database, mode="write") as store:
        unfinished = resumable(store)
        resumed = unfinished[-1] if resume and unfinished else None
        if resume and resumed is None:
            err.print("nothing to resume: every run is finished")
            return EXIT_DONE
        if unfinished and not resume:
            latest = store.run_info(unfinished[-1])
            err.print(
                f"note: run {latest.run_id} is unfinished ({latest.completed} of {latest.planned} calls); "
                f"harness run --resume finishes it"
            )
        with Display() as display:
            summary = stoppable(
                lambda stop: run_cycle(
                    project.config,
                    suites,
                    store,
                    access,
                    clock=RealClock(),
                    stop=stop,
                    seed=seed,
                    resume=resumed,
                    only_suites=suite,
                    only_endpoints=endpoint,
                    folder=project.folder,
                    on_progress=display,
                    on_note=lambda words: err.print(f"note: {words}", markup=False),
                )
            )
        notify(project, summary)
        seal_after_run(project, store)
        if as_json:
            print_json(summary.as_json())
        else:
            print_run(store, summary, project.database)
            for finding in summary.findings:
                print_finding(finding)
    code = exit_code(summary)
    return EXIT_FINDINGS if code == EXIT_DONE and fail_on_findings and changed(summary.findings) else code


def exit_code(summary: Summary) -> int:
    """Return 0 for a run that asked everything and learnt something, 4 when nothing was learnt, else 1."""
    if summary.status is not RunStatus.DONE:
        return EXIT_ERROR
    learnt = sum(count for name, count in summary.outcomes.items() if name not in ("failed", "denied"))
    return EXIT_DONE if learnt or summary.planned == 0 or summary.sent_now == 0 else EXIT_EVIDENCE


def notify(project: Project, summary: Summary) -> None:
    """Tell people what the config asks to be told; a message that fails is noted and changes nothing."""
    wanted = project.config.alerts
    urls = alert_urls(wanted, environment())
    for kind, words in summary.incidents(wanted.coverage_below):
        sent = alerts.send(wanted, urls, kind, f"harness: run {summary.run_id} {kind}", words)
        if sent.problem:
            err.print(f"note: {sent.problem}", markup=False)


def watch(
    config: ConfigOption = DEFAULT_CONFIG, db: DbOption = None, fail_on_findings: FailOption = False
) -> int:
    """Run on the schedule in the config until stopped. One watcher per database.

    With --fail-on-findings the exit code, once stopped, says whether anything was found meanwhile.
    """
    found: list[Finding] = []
    project = load_project(config, db)
    if not project.config.schedules:
        raise UsageError(
            f'{config}: no schedule to watch; add one, such as [schedules.daily] with cron = "17 6 * * *"'
        )
    suites = project.suites()
    access = access_of(project)
    with Store.open(project.database, mode="write") as store:

        async def main(stop: Stop) -> None:
            watcher = Watch(
                project.config, suites, store, access, clock=RealClock(), stop=stop, folder=project.folder
            )
            watcher.on_say = lambda words: out.print(words, markup=False)

            def on_end(summary: Summary) -> None:
                out.print(summary.words(), markup=False)
                found.extend(summary.findings)
                for finding in summary.findings:
                    print_finding(finding)
                notify(project, summary)
                seal_after_run(project, store)

            watcher.on_end = on_end
            await watcher.run()

        stoppable(main)
    out.print("stopped")
    return EXIT_FINDINGS if fail_on_findings and changed(found) else EXIT_DONE
