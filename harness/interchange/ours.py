"""Our own data in: an export read back, checked hash by hash, and kept apart from our own measurements."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness import __version__, dataformat
from harness.dataformat import (
    IMPORTED,
    EndpointLine,
    ExchangeLine,
    JudgementLine,
    Line,
    ObservationLine,
    OriginData,
    RunLine,
    SuiteLine,
)
from harness.errors import ConfigError
from harness.interchange.export_files import Found, file_hash, lines_of, survey, wrong
from harness.records import Observation, RunStatus
from harness.store import EndpointRecord, Store, SuiteRecord

_BATCH = 500


@dataclass(frozen=True, slots=True)
class Added:
    """One run that an import added."""

    run_id: int
    label: str
    """What it is: its model, or the run it was elsewhere."""
    exchanges: int


@dataclass(frozen=True, slots=True)
class Result:
    """What an import came to."""

    source: str
    """Format of the file."""
    file: str
    file_sha256: str
    added: tuple[Added, ...]
    there: tuple[int, ...]
    """Runs of the database that the file has too; nothing was added to them."""
    notes: tuple[str, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)
    """Records or rows read, by kind."""


def import_export(
    store: Store, path: Path, now_us: int, progress: Callable[[int, int], None] = lambda *_: None
) -> Result:
    """Read an export into the database: every record checked against its hash first, and all of it or nothing.

    Args:
        store: open for writing.
        path: a file of JSON lines (gzipped or not), or a folder that `harness export -o` wrote.
        now_us: when, UTC microseconds since 1970.
        progress: called with (exchanges written, exchanges there are).

    Raises:
        ConfigError: naming file and line; nothing was imported.
    """
    found = survey(path)
    if not found.runs:
        raise ConfigError(f"{path}: holds no run; an export of harness has at least one")
    sha256 = file_hash(path)
    with store.group():
        reading = _Import(store, found, path, sha256, now_us)
        reading.begin()
        for place, line in lines_of(path):
            try:
                reading.take(line)
            except ValueError as error:
                raise wrong(place, str(error)) from None
            progress(reading.written, sum(found.exchanges.values()))
        reading.end()
    return Result(
        "harness", path.name, sha256, tuple(reading.added()), tuple(sorted(reading.there.values())),
        tuple(reading.notes), dict(found.counts),
    )  # fmt: skip


@dataclass(slots=True)
class _Open:
    """One run while it is written."""

    run_id: int
    number: int = 0
    """Number of its newest exchange, where it was made."""
    last: str = ""
    rows: dict[str, int] = field(default_factory=dict)
    """Hash where it was made -> row here."""
    waiting: list[ExchangeLine] = field(default_factory=list)
    judged: list[tuple[int, Observation]] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)
    """Rows that have their observation."""
    past: dict[int, int] = field(default_factory=dict)
    """Row -> when its newest observation so far was replaced, where that one was."""


class _Import:
    """The second reading: everything is written inside one transaction."""

    def __init__(self, store: Store, found: Found, path: Path, sha256: str, now_us: int) -> None:
        self._store = store
        self._found = found
        self._path = path
        self._sha256 = sha256
        self._now_us = now_us
        self._open: dict[int, _Open] = {}
        self.there: dict[int, int] = {}
        self.notes: list[str] = []
        self._judges: set[int] = set()
        self._judged: dict[int, int] = {}
        self.written = 0

    def begin(self) -> None:
        """Begin every run that is not here yet."""
        strays = sorted(set(self._found.findings) - set(self._found.runs))
        if strays:
            raise wrong(
                str(self._path), f"a finding speaks of run {strays[0]}, which the export does not hold"
            )
        for number, line in sorted(self._found.runs.items()):
            key = line.origin.key if line.origin is not None else line.hash
            known = self._store.origins.run_known_as(key)
            if known is not None:
                self.there[number] = known
                have, given = self._store.run_info(known).exchanges, self._found.exchanges[number]
                if have < given:
                    self.notes.append(
                        f"run {known} is run {number} of the file, with {have} of its {given} exchanges; nothing was "
                        "added to it: import the file into another database to have all"
                    )
                continue
            self._open[number] = _Open(self._begin(number, line, key), last=line.hash)

    def _begin(self, number: int, line: RunLine, key: str) -> int:
        place = str(self._path)
        try:
            suites = [self._suite(self._found.suites[sha256]) for sha256 in line.suites]
            endpoints = [_endpoint(self._found.endpoints[sha256]) for sha256 in line.endpoints]
        except KeyError as missing:
            raise wrong(
                place, f"run {number} refers to the suite, probe or endpoint {missing}, which is missing"
            ) from None
        record = {"run": dataformat.as_json(line)}
        if number in self._found.findings:
            record["findings"] = [dataformat.as_json(each) for each in self._found.findings[number]]  # type: ignore[assignment]
        origin = OriginData(
            source="harness",
            file=self._path.name,
            file_sha256=self._sha256,
            tool=f"harness {line.header.harness_version}",
            imported_us=self._now_us,
            harness_version=__version__,
            key=key,
            record=record,
        )
        header = dataformat.to_header(line.header)
        header = replace(header, trigger=f"{IMPORTED}{dataformat.origin_hash(origin)}")
        try:
            run_id = self._store.begin_run(header, suites, endpoints)
        except ValueError as error:
            raise wrong(place, f"run {number}: {error}") from None
        self._store.add_origin(run_id, origin)
        return run_id

    def _suite(self, line: SuiteLine) -> SuiteRecord:
        probes = tuple(dataformat.to_probe(self._found.probes[sha256]) for sha256 in line.probes)
        return SuiteRecord(line.name, line.version, line.content_hash, line.header, probes)

    def take(self, line: Line) -> None:
        """Write an exchange or an observation.

        Raises:
            ValueError: it does not fit what came before.
        """
        if isinstance(line, JudgementLine):
            self._link(line)
            return
        if not isinstance(line, ExchangeLine | ObservationLine):
            return
        if line.run not in self._found.runs:
            raise ValueError(f"belongs to run {line.run}, which the export does not hold")
        if line.run in self.there:
            return
        run = self._open[line.run]
        if isinstance(line, ExchangeLine):
            follows = line.number == run.number + 1
            if line.number <= run.number or (follows and line.previous != run.last):
                raise ValueError(f"exchange {line.number} of run {line.run} is out of place, or there twice")
            run.number, run.last = line.number, line.hash
            run.waiting.append(line)
            if len(run.waiting) >= _BATCH:
                self._write(run)
        else:
            if line.exchange not in run.rows:
                self._write(run)
            self._observe(run, line)

    def _link(self, line: JudgementLine) -> None:
        """Keep which exchange of a judge graded which answer."""
        for number in (line.run, line.judge_run):
            if number not in self._found.runs:
                raise ValueError(f"speaks of run {number}, which the export does not hold")
        if line.run in self.there or line.judge_run in self.there:
            return
        pair: list[int] = []
        for number, sha256 in ((line.run, line.exchange), (line.judge_run, line.judge_exchange)):
            run = self._open[number]
            if sha256 not in run.rows:
                self._write(run)
            if sha256 not in run.rows:
                raise ValueError(f"speaks of the exchange {sha256[:16]}…, which did not come before it")
            pair.append(run.rows[sha256])
        if pair[1] in self._judges or line.number != self._judged.get(pair[0], 0) + 1:
            raise ValueError("is out of place, or there twice")
        self._judges.add(pair[1])
        self._judged[pair[0]] = line.number
        self._store.add_judgements([(pair[0], pair[1])], line.judged_us)

    def _write(self, run: _Open) -> None:
        lines, run.waiting = run.waiting, []
        rows = self._store.append(run.run_id, [dataformat.to_exchange(line) for line in lines])
        self._store.add_origin_exchanges(
            [(row, line.number, line.previous, line.hash) for row, line in zip(rows, lines, strict=True)]
        )
        run.rows.update((line.hash, row) for row, line in zip(rows, lines, strict=True))
        self.written += len(lines)

    def _observe(self, run: _Open, line: ObservationLine) -> None:
        row = run.rows.get(line.exchange)
        if row is None:
            raise ValueError(f"observes the exchange {line.exchange[:16]}…, which did not come before it")
        seen = dataformat.to_observation(line)
        if row in run.seen and row not in run.past:
            raise ValueError("observes an exchange that has its observation already")
        run.seen.add(row)
        if row in run.past:
            replaced_us = run.past.pop(row)
            if self._store.replace_observations([(row, seen)], replaced_us) != 1:
                raise ValueError("an observation and the one it replaced are the same")
        else:
            run.judged.append((row, seen))
        if line.replaced_us is not None:
            run.past[row] = line.replaced_us
        if line.replaced_us is not None or len(run.judged) >= _BATCH:
            self._judge(run)

    def _judge(self, run: _Open) -> None:
        judged, run.judged = run.judged, []
        self._store.append(run.run_id, [], judged)

    def end(self) -> None:
        """Write what is left and end every run as it ended where it was made."""
        for number, run in self._open.items():
            try:
                self._write(run)
                self._judge(run)
            except ValueError as error:
                raise wrong(str(self._path), f"run {number}: {error}") from None
            if run.past:
                raise wrong(str(self._path), f"run {number}: a replaced observation has no successor")
            line = self._found.runs[number]
            status = RunStatus.INTERRUPTED if line.status is RunStatus.RUNNING else line.status
            finished_us = self._now_us if line.finished_us is None else line.finished_us
            self._store.finish_run(run.run_id, status, finished_us)

    def added(self) -> Iterator[Added]:
        """Yield the runs that were added."""
        for number, run in self._open.items():
            yield Added(run.run_id, f"run {number}", len(run.rows))


def _endpoint(line: EndpointLine) -> EndpointRecord:
    return EndpointRecord(line.name, line.model, line.protocol, line.url, line.vantage, line.parameters)
