"""Checking a bundle with nothing but the bundle: every hash, the chains, the seals, and what was left out.

Exchanges, observations and proofs are read side by side, line by line, in the order in which the chains have them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from cryptography import x509

from harness.custody import layout
from harness.custody.archive import ArchiveReader
from harness.custody.bundle_seals import BundleSeals
from harness.custody.keys import PublicKey
from harness.custody.layout import Index, Proof, read_index, read_proof
from harness.dataformat import (
    EndpointLine,
    ExchangeLine,
    FindingLine,
    Line,
    ObservationLine,
    ProbeLine,
    RunLine,
    SuiteLine,
    check,
    decode,
)
from harness.records import RunStatus
from harness.store import Problem, Verification

T = TypeVar("T")
LineT = TypeVar("LineT", bound=Line)
_KEPT = 100


@dataclass(slots=True)
class _Report:
    """What was found so far."""

    problems: list[Problem] = field(default_factory=list)
    problem_count: int = 0
    notes: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def bad(self, file: str, row: str, what: str) -> None:
        self.problem_count += 1
        if len(self.problems) < _KEPT:
            self.problems.append(Problem(file, row, what))

    def count(self, name: str) -> None:
        self.counts[name] = self.counts.get(name, 0) + 1


def verify_bundle(
    path: Path,
    *,
    fingerprint: str | None = None,
    roots: Sequence[x509.Certificate] = (),
    progress: Callable[[int, int], None] | None = None,
) -> Verification:
    """Check a bundle.

    Args:
        path: the archive, from anyone.
        fingerprint: of the key that is expected (`SHA256:...`); then every exchange must be under a seal by it.
        roots: certificates by which timestamps are trusted.
        progress: called with (exchanges checked, exchanges there are).

    Raises:
        BundleError: it is not a bundle, or one that may not be opened.
    """
    with ArchiveReader(path) as archive:
        return _Check(archive, fingerprint, roots, progress).run()


class _Check:
    """One check of one bundle."""

    def __init__(
        self,
        archive: ArchiveReader,
        fingerprint: str | None,
        roots: Sequence[x509.Certificate],
        progress: Callable[[int, int], None] | None,
    ) -> None:
        self._archive = archive
        self._fingerprint = fingerprint
        self._roots = roots
        self._progress = progress
        self._report = _Report()
        self._suites: dict[str, SuiteLine] = {}
        self._probes: dict[str, ProbeLine] = {}
        self._endpoints: dict[str, EndpointLine] = {}
        self._runs: dict[int, RunLine] = {}
        self._ended: set[int] = set()
        self._finals: Counter[int] = Counter()

    def run(self) -> Verification:
        """Check everything."""
        report = self._report
        encoded = self._archive.read(layout.INDEX)
        index = read_index(encoded)
        if index.encode() != encoded:
            report.bad(layout.INDEX, "", "is not in canonical form")
        self._check_index_signature(index, encoded)
        seals = BundleSeals(self._archive, index, report.bad, self._fingerprint)
        self._check_shared(index)
        self._check_runs()
        seals.begin(self._runs)
        self._check_exchanges(index, seals)
        self._check_findings(seals)
        seals.finish()
        self._archive.finish()
        self._check_files(index)
        self._check_counts(index)
        report.notes += seals.notes(self._roots)
        self._note_redactions(index)
        return Verification(
            tuple(report.problems), report.problem_count, tuple(report.notes), dict(report.counts)
        )

    def _check_index_signature(self, index: Index, encoded: bytes) -> None:
        signature = self._archive.read(layout.INDEX_SIGNATURE)
        if index.public_key is None:
            if signature:
                self._report.bad(layout.INDEX_SIGNATURE, "", f"is there, but {layout.INDEX} names no key")
            self._report.notes.append(
                "the list of files is not signed: observations, findings and report may have been changed; "
                "what is under a seal is not touched by that"
            )
            return
        key = PublicKey(bytes.fromhex(index.public_key))
        if not key.verifies(signature, encoded):
            self._report.bad(layout.INDEX_SIGNATURE, "", f"does not hold over {layout.INDEX}")
        elif self._fingerprint is not None and key.fingerprint != self._fingerprint:
            self._report.notes.append(f"the list of files is signed by another key, {key.fingerprint}")
        else:
            self._report.notes.append(f"the list of files is signed by {key.fingerprint}")

    def _lines(self, name: str, *kinds: type[LineT]) -> Iterator[tuple[str, LineT]]:
        """Yield (line number, record); lines that cannot be read are told."""
        for number, text in self._archive.lines(name):
            try:
                line: Line = decode(text)
            except ValueError as error:
                self._report.bad(name, f"line {number}", str(error))
                continue
            if isinstance(line, kinds):
                yield f"line {number}", line
            else:
                self._report.bad(
                    name, f"line {number}", f"is a {line.format}, which has no place in this file"
                )

    def _check_shared(self, index: Index) -> None:
        report = self._report
        shared: Iterator[tuple[str, ProbeLine | SuiteLine]] = self._lines(layout.SUITES, ProbeLine, SuiteLine)
        for name, line in shared:
            wrong = check(line)
            if wrong is not None or line.sha256 in self._probes or line.sha256 in self._suites:
                report.bad(layout.SUITES, name, wrong or "is there twice")
            if isinstance(line, ProbeLine):
                self._probes[line.sha256] = line
            else:
                self._suites[line.sha256] = line
            report.count("probes" if isinstance(line, ProbeLine) else "suites")
        used = {sha256 for suite in self._suites.values() for sha256 in suite.probes}
        for sha256 in self._probes.keys() - used:
            report.bad(layout.SUITES, f"probe {sha256[:16]}", "belongs to no suite here")
        missing = used - self._probes.keys()
        if index.selection is None and missing - set(index.redacted.probes):
            first = min(missing - set(index.redacted.probes))
            report.bad(
                layout.SUITES, f"probe {first[:16]}", "is missing, though the bundle says it has everything"
            )
        elif missing:
            report.notes.append(f"{len(missing)} probes of its suites are known by their hash alone")
        for name, endpoint in self._lines(layout.ENDPOINTS, EndpointLine):
            wrong = check(endpoint)
            if wrong is not None or endpoint.sha256 in self._endpoints:
                report.bad(layout.ENDPOINTS, name, wrong or "is there twice")
            self._endpoints[endpoint.sha256] = endpoint
            report.count("endpoints")

    def _check_runs(self) -> None:
        report = self._report
        before = 0
        for name, run in self._lines(layout.RUNS, RunLine):
            wrong = check(run)
            if wrong is not None:
                report.bad(layout.RUNS, name, wrong)
            if run.run <= before:
                report.bad(layout.RUNS, name, f"run {run.run} is out of order, or there twice")
            previous = self._runs.get(run.run - 1)
            if previous is not None and (run.previous is None or run.previous.hash != previous.hash):
                report.bad(layout.RUNS, name, f"run {run.run} does not follow run {previous.run}")
            if _told(run) != (run.status.value, run.finished_us, run.completed, run.exchanges, run.last):
                report.bad(layout.RUNS, name, f"run {run.run} does not stand as its last event says")
            missing = [each for each in run.suites if each not in self._suites]
            missing += [each for each in run.endpoints if each not in self._endpoints]
            for sha256 in missing:
                report.bad(layout.RUNS, name, f"run {run.run} used {sha256[:16]}, which is not here")
            self._runs[run.run] = run
            before = max(before, run.run)
            report.count("runs")

    def _check_exchanges(self, index: Index, seals: BundleSeals) -> None:
        report = self._report
        observations = _Behind(self._lines(layout.OBSERVATIONS, ObservationLine))
        proofs = _Behind(self._proofs())
        left_out = set(index.redacted.bodies)
        whole = index.selection is None or all(word.startswith("run:") for word in index.selection)
        names = {run.run: self._names(run) for run in self._runs.values()}
        before: ExchangeLine | None = None
        total = index.counts.get("exchanges", 0)
        for name, line in self._lines(layout.EXCHANGES, ExchangeLine):
            report.count("exchanges")
            if self._progress is not None and (report.counts["exchanges"] % 1_000 == 0):
                self._progress(report.counts["exchanges"], total)
            wrong = check(line)
            if wrong is not None:
                report.bad(layout.EXCHANGES, name, wrong)
            self._check_place(name, line, before, whole)
            self._finals[line.run] += line.final
            run = names.get(line.run)
            if run is not None and (line.endpoint not in run[0] or line.suite not in run[1]):
                report.bad(layout.EXCHANGES, name, f"run {line.run} did not ask {line.endpoint} {line.suite}")
            for body in (line.request.body, line.response.body):
                if body.is_left_out and body.sha256 not in left_out:
                    words = f"body {body.sha256[:16]} is missing, and {layout.INDEX} does not say so"
                    report.bad(layout.EXCHANGES, name, words)
            if before is not None and (before.run != line.run) and whole:
                self._check_end(before)
            while (observed := observations.head) is not None and observed[1].exchange == line.hash:
                if (observed[1].run, observed[1].call_id) != (line.run, line.call_id):
                    report.bad(
                        layout.OBSERVATIONS, observed[0], "names another run or call than its exchange"
                    )
                report.count("observations")
                observations.step()
            while (proof := proofs.head) is not None and (proof[1].run, proof[1].number) == (
                line.run,
                line.number,
            ):
                seals.prove(proof[0], proof[1], line.hash)
                report.count("proofs")
                proofs.step()
            seals.take(line)
            before = line
        if before is not None and whole:
            self._check_end(before)
        if whole:
            self._check_whole_runs()
        if observations.head is not None:
            report.bad(
                layout.OBSERVATIONS,
                observations.head[0],
                "is of an exchange that is not here, or out of order",
            )
            observations.drain()
        if proofs.head is not None:
            report.bad(layout.PROOFS, proofs.head[0], "is of an exchange that is not here, or out of order")
            proofs.drain()

    def _check_place(self, name: str, line: ExchangeLine, before: ExchangeLine | None, whole: bool) -> None:
        """Check that an exchange follows the one before it."""
        bad = self._report.bad
        run = self._runs.get(line.run)
        if run is None:
            bad(layout.EXCHANGES, name, f"is of run {line.run}, which is not here")
            return
        same = before is not None and before.run == line.run
        if before is not None and (line.run, line.number) <= (before.run, before.number):
            bad(
                layout.EXCHANGES,
                name,
                f"exchange {line.number} of run {line.run} is out of order, or there twice",
            )
        elif line.number == 1:
            if line.previous != run.hash:
                bad(layout.EXCHANGES, name, f"does not begin the chain of run {line.run}")
        elif same and before is not None and line.number == before.number + 1:
            if line.previous != before.hash:
                bad(layout.EXCHANGES, name, f"does not follow exchange {before.number} of run {line.run}")
        elif whole:
            first = before.number + 1 if same and before is not None else 1
            bad(layout.EXCHANGES, name, f"exchange {first} of run {line.run} is missing before it")
        if line.number > run.exchanges:
            bad(
                layout.EXCHANGES,
                name,
                f"run {line.run} has {run.exchanges} exchanges; this is number {line.number}",
            )

    def _check_end(self, last: ExchangeLine) -> None:
        run = self._runs.get(last.run)
        if run is not None and (last.number, last.hash) != (run.exchanges, run.last):
            words = f"run {run.run} has {run.exchanges} exchanges; number {last.number} is the last here"
            self._report.bad(layout.EXCHANGES, f"run {run.run}", words)
        self._ended.add(last.run)

    def _check_whole_runs(self) -> None:
        for run in self._runs.values():
            if run.completed != self._finals[run.run]:
                words = f"run {run.run} has {run.completed} finished calls; {self._finals[run.run]} are here"
                self._report.bad(layout.EXCHANGES, f"run {run.run}", words)
            if run.run not in self._ended and (run.exchanges or run.last != run.hash):
                words = f"run {run.run} has {run.exchanges} exchanges; none of them is here"
                self._report.bad(layout.EXCHANGES, f"run {run.run}", words)

    def _names(self, run: RunLine) -> tuple[set[str], set[str]]:
        endpoints = {self._endpoints[each].name for each in run.endpoints if each in self._endpoints}
        suites = {self._suites[each].name for each in run.suites if each in self._suites}
        return endpoints, suites

    def _proofs(self) -> Iterator[tuple[str, Proof]]:
        for number, text in self._archive.lines(layout.PROOFS):
            try:
                yield f"line {number}", read_proof(text)
            except ValueError as error:
                self._report.bad(layout.PROOFS, f"line {number}", str(error))

    def _check_findings(self, seals: BundleSeals) -> None:
        for name, line in self._lines(layout.FINDINGS, FindingLine):
            self._report.count("findings")
            wrong = seals.finding(line)
            if wrong is not None:
                self._report.bad(layout.FINDINGS, name, wrong)

    def _check_files(self, index: Index) -> None:
        here = self._archive.names() - {layout.INDEX, layout.INDEX_SIGNATURE}
        for name in sorted(here | index.files.keys()):
            told, found = index.files.get(name), self._archive.found.get(name)
            if told is None:
                self._report.bad(name, "", f"is not in {layout.INDEX}")
            elif name not in here:
                self._report.bad(name[:100], "", "is missing")
            elif told != found:
                self._report.bad(name, "", f"is not the file that {layout.INDEX} lists")

    def _check_counts(self, index: Index) -> None:
        told = {name: count for name, count in index.counts.items() if count}
        for name in sorted(told.keys() | self._report.counts.keys()):
            found = self._report.counts.get(name, 0)
            if told.get(name, 0) != found:
                words = f"says there are {told.get(name, 0)} {name[:30]}; there are {found}"
                self._report.bad(layout.INDEX, "", words)

    def _note_redactions(self, index: Index) -> None:
        if index.selection is not None:
            self._report.notes.append(f"a chosen part of the record: {', '.join(index.selection)[:300]}")
        if index.derived_from is not None:
            gone = index.redacted
            self._report.notes.append(
                f"derived from another bundle by leaving out {len(gone.bodies)} bodies and {len(gone.probes)} probes, "
                f"known by their hash, the words of {gone.observations} observations, and {len(gone.files)} files"
            )


def _told(run: RunLine) -> tuple[str, int | None, int, int, str]:
    """Return status, end, calls, exchanges and newest hash as a run's last event says; its own where it goes on."""
    last = run.events[-1] if run.events else None
    if last is None or last.event == "resumed":
        return RunStatus.RUNNING.value, None, run.completed, run.exchanges, run.last
    return last.status.value, last.at_us, last.completed, last.exchanges, last.last


class _Behind(Iterator[T]):
    """Walks a second file beside the first: shows its next record without taking it."""

    def __init__(self, source: Iterator[T]) -> None:
        self._source = source
        self.head: T | None = next(source, None)

    def __next__(self) -> T:
        if self.head is None:
            raise StopIteration
        found = self.head
        self.step()
        return found

    def step(self) -> None:
        """Go on to the next."""
        self.head = next(self._source, None)

    def drain(self) -> None:
        """Read to the end."""
        while self.head is not None:
            self.step()
