"""Writing a bundle: everything, or a chosen part with proofs, in one archive that needs nothing else to be checked."""

from __future__ import annotations

import hashlib
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from harness import __version__
from harness.custody import layout
from harness.custody.archive import ArchiveWriter
from harness.custody.files import seal_files
from harness.custody.keys import SigningKey
from harness.custody.layout import BundleError, Index, Proof, Redacted, SealEntry
from harness.custody.manifest import Manifest, read_manifest
from harness.custody.merkle import Tree
from harness.custody.sealing import stored_leaves
from harness.dataformat import ExchangeLine, Line, ObservationLine, ProbeLine, encode, kind_of
from harness.errors import EvidenceError, UsageError
from harness.records import canonical_json
from harness.store import Store

KINDS = ("run", "endpoint", "suite", "call")
Write = Callable[[bytes], None]
Put = Callable[[bytes], object]


@dataclass(frozen=True, slots=True)
class Selection:
    """What of the record goes into a bundle; each kind that is given narrows it."""

    runs: tuple[int, ...] = ()
    endpoints: tuple[str, ...] = ()
    suites: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()
    words: tuple[str, ...] = field(default=())
    """As given: `run:3`, `suite:capability`."""

    def takes(self, line: ExchangeLine) -> bool:
        """Say whether an exchange is chosen."""
        return (
            (not self.endpoints or line.endpoint in self.endpoints)
            and (not self.suites or line.suite in self.suites)
            and (not self.calls or line.call_id in self.calls)
        )

    @property
    def narrows_runs(self) -> bool:
        """Whether a run may come without some of its exchanges."""
        return bool(self.endpoints or self.suites or self.calls)


def read_selection(words: Sequence[str]) -> Selection:
    """Read `run:3 endpoint:gpt suite:capability call:0a1b`.

    Raises:
        UsageError: a word is not of this form.
    """
    found: dict[str, list[str]] = {kind: [] for kind in KINDS}
    for word in words:
        kind, _, value = word.partition(":")
        if kind not in found or not value or (kind == "run" and not (value.isascii() and value.isdigit())):
            raise UsageError(f"--only {word}: write run:3, endpoint:NAME, suite:NAME or call:ID")
        found[kind].append(value)
    runs = tuple(sorted({int(value[:19]) for value in found["run"]}))
    return Selection(
        runs, tuple(found["endpoint"]), tuple(found["suite"]), tuple(found["call"]), tuple(words)
    )


@dataclass(frozen=True, slots=True)
class Bundled:
    """A bundle that was written."""

    path: Path
    index: Index
    unsealed: int
    """Exchanges that no seal covers."""


class _Proofs:
    """How each exchange is shown to be sealed: by a seal that is here as a whole, or by a proof."""

    def __init__(self, store: Store, manifests: Sequence[Manifest], seals: Sequence[SealEntry]) -> None:
        self._whole: dict[int, int] = {}
        """Run -> how many of its exchanges a whole seal covers."""
        self._trees: list[tuple[Manifest, Tree, dict[int, tuple[int, int]]]] = []
        """Of each seal in part: its tree and, by run, the place of the first leaf and the count; newest first."""
        for manifest, entry in zip(manifests, seals, strict=True):
            place = manifest.leaves.first_exchange
            places: dict[int, tuple[int, int]] = {}
            for run in manifest.runs:
                places[run.run] = place, run.exchanges
                place += run.exchanges
                if entry.covers == "whole":
                    self._whole[run.run] = max(self._whole.get(run.run, 0), run.exchanges)
            if entry.covers == "proofs":
                self._trees.insert(0, (manifest, Tree(list(stored_leaves(store, manifest))), places))

    def is_whole(self, run: int, number: int) -> bool:
        """Say whether a seal that is here as a whole covers an exchange."""
        return number <= self._whole.get(run, 0)

    def of(self, run: int, number: int) -> Proof | None:
        """Return the proof of an exchange in the newest seal that covers it."""
        for manifest, tree, places in self._trees:
            first, count = places.get(run, (0, 0))
            if number <= count:
                index = first + number - 1
                path = tuple(each.hex() for each in tree.path(index))
                return Proof(seal=manifest.number, run=run, number=number, index=index, path=path)
        return None


def choose_runs(store: Store, selection: Selection) -> list[int]:
    """Return the runs that go into a bundle, oldest first: our own, or those named.

    Raises:
        EvidenceError: there is none.
        UsageError: a run named is not there, or was measured elsewhere.
    """
    imported = store.origins.labels()
    there = range(1, store.run_count() + 1)
    for run_id in selection.runs:
        if run_id not in there:
            raise UsageError(f"--only run:{run_id}: there is no such run (harness status lists them)")
        origin = store.origins.of(run_id)
        if origin is not None and origin.source == "harness":
            raise UsageError(f"--only run:{run_id}: was measured elsewhere; its own maker can bundle it")
    chosen = [
        run_id for run_id in there if (run_id in selection.runs if selection.runs else run_id not in imported)
    ]
    if not chosen:
        raise EvidenceError(f"{store.path}: has no run to bundle; harness run makes one")
    return chosen


def write_bundle(
    store: Store,
    path: Path,
    *,
    selection: Selection = Selection(),
    key: SigningKey | None = None,
    report: bytes | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Bundled:
    """Write a bundle; the same evidence gives the same bytes.

    Args:
        store: open for reading.
        path: `.zip` or `.tar`, not there yet.
        selection: what of the record; by default all runs of our own.
        key: signs the list of files; seals carry their own signatures.
        report: an HTML page to go with it.
        progress: called with (exchanges written, exchanges there are).

    Raises:
        EvidenceError: nothing is chosen.
        UsageError: the selection names what is not there, or the file cannot be written.
        BundleError: a record is too long for a bundle.
    """
    chosen = choose_runs(store, selection)
    rows = store.seals.all()
    manifests = [read_manifest(row.manifest) for row in rows]
    seals = tuple(_seal_entry(manifest, set(chosen), selection) for manifest in manifests)
    with ArchiveWriter(path) as archive:
        archive.add(layout.README, _page("README.txt"))
        archive.add(layout.CHECKER, _page("verify_bundle.py"))
        pages = _Pages(store, archive, selection, _Proofs(store, manifests, seals))
        pages.write(chosen, progress)
        if not pages.counts["exchanges"] and selection.narrows_runs:
            raise EvidenceError(
                f"{store.path}: no exchange is {' and '.join(selection.words)}; nothing to bundle"
            )
        for row in rows:
            for name, data in seal_files(row).items():
                archive.add(f"seals/{name}", data)
        for commitment in store.seals.commitments():
            archive.add(f"commitments/commitment-{commitment.number:04d}.json", commitment.document)
        if report is not None:
            archive.add(layout.REPORT, report)
        index = Index(
            made_by=f"harness {__version__}",
            selection=selection.words or None,
            counts=dict(sorted(pages.counts.items())),
            seals=seals,
            redacted=Redacted(),
            derived_from=None,
            public_key=None if key is None else key.public.raw.hex(),
            files=dict(sorted(archive.entries.items())),
        )
        finish(archive, index, key)
    return Bundled(path, index, pages.unsealed)


def finish(archive: ArchiveWriter, index: Index, key: SigningKey | None) -> None:
    """Write the index and, with a key, the signature over it."""
    encoded = index.encode()
    archive.add(layout.INDEX, encoded)
    if key is not None:
        archive.add(layout.INDEX_SIGNATURE, key.sign(encoded))


def _page(name: str) -> bytes:
    return files("harness.custody").joinpath("shipped", name).read_bytes()


def _seal_entry(manifest: Manifest, chosen: set[int], selection: Selection) -> SealEntry:
    sealed = {run.run for run in manifest.runs}
    if sealed <= chosen and not (sealed and selection.narrows_runs):
        return SealEntry(number=manifest.number, covers="whole")
    return SealEntry(number=manifest.number, covers="proofs" if sealed & chosen else "nothing")


def write_line(write: Put, text: str) -> None:
    """Write one line.

    Raises:
        BundleError: it is too long for a bundle.
    """
    data = text.encode() + b"\n"
    if len(data) > layout.LINE_LIMIT:
        raise BundleError(
            f"a record of {len(data):,} bytes is too long for a bundle ({layout.LINE_LIMIT:,} at most)"
        )
    write(data)


class _Pages:
    """Writes the files of lines, and counts."""

    def __init__(self, store: Store, archive: ArchiveWriter, selection: Selection, proofs: _Proofs) -> None:
        self._store = store
        self._archive = archive
        self._selection = selection
        self._proofs = proofs
        self._asked: set[tuple[str, str]] = set()
        self.counts: Counter[str] = Counter()
        self.unsealed = 0

    def write(self, chosen: Sequence[int], progress: Callable[[int, int], None] | None) -> None:
        """Write everything there is of these runs. Exchanges come first: they decide which probes are needed."""
        used: list[int] = []
        with tempfile.TemporaryFile() as observations, tempfile.TemporaryFile() as proofs:
            with self._archive.member(layout.EXCHANGES) as write:
                total = sum(self._store.run_info(run_id).exchanges for run_id in chosen)
                done = 0
                for run_id in chosen:
                    before = self.counts["exchanges"]
                    for line, seen in self._store.lines.exchanges(run_id):
                        done += 1
                        if progress is not None and (done % 1_000 == 0 or done == total):
                            progress(done, total)
                        if self._selection.takes(line):
                            self._exchange(line, seen, write, observations.write, proofs.write)
                    if self.counts["exchanges"] > before or not self._selection.narrows_runs:
                        used.append(run_id)
            for name, file in ((layout.OBSERVATIONS, observations), (layout.PROOFS, proofs)):
                file.seek(0)
                with self._archive.member(name) as write:
                    while piece := file.read(1 << 20):
                        write(piece)
        self._shared(layout.SUITES, (line for run_id in used for line in self._store.lines.suites(run_id)))
        self._shared(
            layout.ENDPOINTS, (line for run_id in used for line in self._store.lines.endpoints(run_id))
        )
        self._shared(layout.RUNS, (self._store.lines.run(run_id) for run_id in used))
        self._shared(
            layout.FINDINGS, (line for run_id in used for line in self._store.lines.findings(run_id))
        )

    def _exchange(
        self, line: ExchangeLine, seen: Sequence[ObservationLine], write: Write, observed: Put, proved: Put
    ) -> None:
        write_line(write, encode(line))
        self.counts["exchanges"] += 1
        self._asked.add((line.suite, line.probe_id))
        for each in seen:
            write_line(observed, encode(each))
            self.counts["observations"] += 1
        if not self._proofs.is_whole(line.run, line.number):
            proof = self._proofs.of(line.run, line.number)
            if proof is None:
                self.unsealed += 1
            else:
                write_line(proved, canonical_json(proof.model_dump(mode="json")).decode())
                self.counts["proofs"] += 1

    def _shared(self, name: str, lines: Iterable[Line]) -> None:
        written: set[bytes] = set()
        with self._archive.member(name) as write:
            for line in lines:
                hidden = isinstance(line, ProbeLine) and (line.suite, line.probe.id) not in self._asked
                if hidden and self._selection.narrows_runs:
                    continue
                text = encode(line)
                sha256 = hashlib.sha256(text.encode()).digest()
                if sha256 not in written:
                    written.add(sha256)
                    write_line(write, text)
                    self.counts[f"{kind_of(type(line))}s"] += 1
