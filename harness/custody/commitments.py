"""Committing to what will be asked before it is asked, and showing afterwards that it was.

A commitment is the hash of an *opening*: the suites' hashes, the config, the seed, the alpha ledger and an analysis
plan, with a random salt, so that nobody can guess it. The commitment is published, the opening kept until the reveal.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import ValidationError

from harness.custody import layout
from harness.custody.archive import ArchiveReader
from harness.custody.manifest import Manifest, parse_json, read_manifest
from harness.dataformat import RunLine, decode, to_header
from harness.dataformat.parts import Count, Hash, Part, Text, Whole
from harness.records import RunHeader, canonical_json, derive_seed
from harness.store import TRIGGER_PREFIX, Store

SALT_BYTES = 32
LONGEST = 4 << 20
"""Bytes of the longest document that is read."""
_SHOWN = 20
_OTHERS = (TRIGGER_PREFIX, "calibrate")
"""How the triggers of runs begin that measure nothing."""
_Document = TypeVar("_Document", "Commitment", "Opening")


class CommitmentError(ValueError):
    """A document is not a commitment, or not an opening."""


class CommittedChain(Part):
    """Where the chain of runs ended when the commitment was made."""

    runs: Count
    """How many runs there were."""
    last: Hash | None
    """Hash of the newest; null before the first."""


class Commitment(Part):
    """What is published before."""

    format: Literal["harness.commitment/1"] = "harness.commitment/1"
    """Name and version of the form."""
    algorithm: Literal["sha256"] = "sha256"
    """Of the hashes."""
    number: Count
    """Number of the commitment in its database, from 1."""
    made_us: Whole
    """When it was made, by the maker's clock, UTC microseconds since 1970."""
    previous: Hash | None
    """SHA-256 of the commitment before; null for the first."""
    chain: CommittedChain
    """Where the chain of runs ended: it was made after these."""
    commitment: Hash
    """SHA-256 of the opening."""

    def encode(self) -> bytes:
        """Return the document's bytes: canonical JSON."""
        return canonical_json(self.model_dump())


class CommittedSuite(Part):
    """A suite that will be asked."""

    name: Text
    """Name in the config."""
    version: Whole
    """Version it declares."""
    content_hash: Text
    """Hash of its files."""


class AnalysisPlan(Part):
    """A file in which the analysis is laid down."""

    name: Text
    """Name of the file, without its folder."""
    text: Text
    """What it says."""


class Opening(Part):
    """What is kept, and shown at the reveal."""

    format: Literal["harness.opening/1"] = "harness.opening/1"
    """Name and version of the form."""
    salt: Hash
    """32 random bytes, hex: without them nobody can try what the commitment may be over."""
    suites: tuple[CommittedSuite, ...]
    """Suites that will be asked, by name."""
    config_hash: Text
    """Hash of the config as used."""
    config_json: Text
    """The config as used, canonical JSON as text, without secrets: endpoints, samples, findings and their alpha."""
    seed: Whole
    """Base of every seed."""
    ledger: Hash | None
    """Hash of the alpha ledger's newest period; null before the first."""
    plan: AnalysisPlan | None
    """The analysis plan, where one was given."""

    def encode(self) -> bytes:
        """Return the document's bytes: canonical JSON."""
        return canonical_json(self.model_dump())


def read_commitment(data: bytes) -> Commitment:
    """Read a commitment.

    Raises:
        CommitmentError: it is not one.
    """
    return _read(data, Commitment)


def read_opening(data: bytes) -> Opening:
    """Read an opening.

    Raises:
        CommitmentError: it is not one.
    """
    return _read(data, Opening)


def _read(data: bytes, kind: type[_Document]) -> _Document:
    try:
        found = kind.model_validate(parse_json(data))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part)[:60] for part in first["loc"])
        raise CommitmentError(
            f"is not of the form {kind.model_fields['format'].default}: {where}: {first['msg']}"
        ) from None
    except (ValueError, RecursionError) as error:
        raise CommitmentError(f"is not JSON: {str(error)[:200]}") from None
    if found.encode() != data:
        raise CommitmentError("is not in canonical form: it must be the very bytes that were written")
    return found


def make_commitment(store: Store, opening: Opening, now_us: int) -> bytes:
    """Store the commitment to an opening; return the document to publish."""
    rows = store.seals.commitments()
    runs, last = store.seals.chain_head()
    made = Commitment(
        number=len(rows) + 1,
        made_us=now_us,
        previous=rows[-1].sha256 if rows else None,
        chain=CommittedChain(runs=runs, last=last),
        commitment=hashlib.sha256(opening.encode()).hexdigest(),
    )
    store.seals.add_commitment(made.number, now_us, made.encode())
    return made.encode()


@dataclass(frozen=True, slots=True)
class Record:
    """What a reveal is checked against, from a database or a bundle."""

    commitments: tuple[str, ...]
    """SHA-256 of each, oldest first, hex."""
    headers: Mapping[int, RunHeader]
    """Run -> its header, of our own runs."""
    completed: Mapping[int, int]
    """Run -> calls that have their final exchange."""
    manifests: tuple[Manifest, ...]
    """Of the seals."""


def stored_record(store: Store) -> Record:
    """Return what a database holds of it."""
    own = [run for run in range(1, store.run_count() + 1) if store.origins.of(run) is None]
    return Record(
        tuple(row.sha256 for row in store.seals.commitments()),
        {run: store.run_header(run) for run in own},
        {run: store.run_info(run).completed for run in own},
        tuple(read_manifest(row.manifest) for row in store.seals.all()),
    )


def bundled_record(path: Path) -> Record:
    """Return what a bundle holds of it; check the bundle first.

    Raises:
        BundleError: it is not one.
    """
    with ArchiveReader(path) as archive:
        names = sorted(archive.names())
        documents = [archive.read(name) for name in names if name.startswith("commitments/")]
        seals = [archive.read(name) for name in names if name.startswith("seals/") and name.endswith(".json")]
        headers: dict[int, RunHeader] = {}
        completed: dict[int, int] = {}
        try:
            manifests = tuple(read_manifest(data) for data in seals)
            for _, text in archive.lines(layout.RUNS):
                line = decode(text)
                if isinstance(line, RunLine) and line.origin is None:
                    headers[line.run] = to_header(line.header)
                    completed[line.run] = line.completed
        except ValueError as error:
            raise layout.BundleError(f"{path}: {error}; harness verify says more") from None
    hashes = tuple(hashlib.sha256(data).hexdigest() for data in documents)
    return Record(hashes, headers, completed, manifests)


# --- the reveal -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Revealed:
    """What a reveal came to."""

    commitment: Commitment
    opened: bool
    """The opening is the one that was committed to."""
    known: bool
    """The commitment is in the record, so that later runs name it."""
    runs: tuple[int, ...]
    """Runs that were begun after it and before the next one."""
    others: tuple[int, ...]
    """Of the same stretch, runs that measure nothing: of judges, and of calibrations. They are not compared."""
    differences: tuple[str, ...]
    """Where what was run is not what was committed."""
    incomplete: tuple[str, ...]
    """Runs without all their planned calls: `run 2: 8 of 229 calls`."""
    seals: tuple[int, ...]
    """Seals that are over the commitment, oldest first."""

    @property
    def holds(self) -> bool:
        """Whether what was run is what was committed."""
        return self.opened and self.known and bool(self.runs) and not self.differences


def reveal(document: bytes, opening_bytes: bytes, record: Record) -> Revealed:
    """Compare what was committed with what was run.

    Args:
        document: the commitment as published.
        opening_bytes: the opening as kept.
        record: of the runs.

    Raises:
        CommitmentError: a document is not what it should be.
    """
    commitment, opening = read_commitment(document), read_opening(opening_bytes)
    sha256 = hashlib.sha256(document).hexdigest()
    opened = hashlib.sha256(opening_bytes).hexdigest() == commitment.commitment
    known = sha256 in record.commitments
    bound = [run for run, header in sorted(record.headers.items()) if header.commitment == sha256]
    others = tuple(run for run in bound if record.headers[run].trigger.startswith(_OTHERS))
    runs = tuple(run for run in bound if run not in others)
    differences: list[str] = []
    if runs and commitment.chain.runs >= runs[0]:
        differences.append(
            f"run {runs[0]}: the commitment says it was made after run {commitment.chain.runs}"
        )
    for run in runs:
        differences.extend(f"run {run}: {words}" for words in _differences(opening, run, record.headers[run]))
    incomplete = tuple(
        f"run {run}: {record.completed[run]} of {record.headers[run].planned} calls"
        for run in runs
        if record.completed[run] != record.headers[run].planned
    )
    seals = tuple(
        manifest.number
        for manifest in record.manifests
        if any(each.sha256 == sha256 for each in manifest.commitments)
    )
    return Revealed(commitment, opened, known, runs, others, tuple(differences), incomplete, seals)


def _differences(opening: Opening, run: int, header: RunHeader) -> Iterator[str]:
    """Yield how a run differs from what was committed."""
    committed = {suite.name: suite.content_hash for suite in opening.suites}
    for name in sorted(committed.keys() | header.suites.keys()):
        if name not in header.suites:
            yield f"suite {name} was committed and not asked"
        elif name not in committed:
            yield f"suite {name} was asked and not committed"
        elif header.suites[name] != committed[name]:
            yield f"suite {name} has other probes than were committed"
    if header.config_hash != opening.config_hash:
        changed = list(_changed(json.loads(opening.config_json), json.loads(header.config_json)))
        more = f" and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
        yield f"the config differs in {', '.join(changed[:_SHOWN]) or 'its hash'}{more}"
    if header.seed != derive_seed("run", opening.seed, run):
        yield "its seed does not follow from the one that was committed"


def _changed(before: Any, after: Any, path: str = "") -> Iterator[str]:
    """Yield the dotted names of values that differ."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in sorted(before.keys() | after.keys()):
            inner = f"{path}.{name}" if path else str(name)
            yield from _changed(before.get(name), after.get(name), inner)
    elif before != after:
        yield path
