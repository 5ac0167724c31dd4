"""What a seal says: the signed manifest `harness.seal/1`, and the leaves of its Merkle tree.

The manifest is canonical JSON; the signature and the timestamp are over its very bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Literal

from pydantic import ValidationError

from harness.dataformat.parts import Count, Hash, Part, Text, Whole
from harness.records import RunStatus, canonical_json


class SealedRun(Part):
    """A run as it stood: its own hash, and how far its chains had got."""

    run: Count
    """Number of the run."""
    hash: Hash
    """The run's own hash: over header, suites, endpoints and the run before."""
    status: RunStatus
    """How it stood."""
    started_us: Whole
    """When it started, UTC microseconds since 1970."""
    finished_us: Whole | None
    """When it last ended; null while it was running."""
    planned: Count
    """Calls in its plan."""
    completed: Count
    """Calls that had their final exchange."""
    exchanges: Count
    """Exchanges it had, repeated tries included."""
    last: Hash
    """Hash of the newest of them; the run's own hash if there were none."""
    events: Count
    """Ends and resumptions it had."""
    event: Hash
    """Hash of the newest of them; the run's own hash if there were none."""


class SealedSuite(Part):
    """A suite as these runs used it."""

    name: Text
    """Name of the suite."""
    version: Whole
    """Version it declares."""
    content_hash: Text
    """Hash of its files, as in the runs' headers."""
    sha256: Hash
    """Hash of the suite as used, probes included (`harness.suite/1`)."""


class SealedFinding(Part):
    """A finding as it was stored."""

    id: Text
    """Its id."""
    sha256: Hash
    """SHA-256 of its canonical JSON, without its standing."""


class SealedCommitment(Part):
    """A commitment as it was published."""

    number: Count
    """Its number."""
    sha256: Hash
    """SHA-256 of the document."""


class Leaves(Part):
    """How many leaves of each kind the tree has, in the order in which they stand in it."""

    suites: Count
    """Suites."""
    runs: Count
    """Runs."""
    events: Count
    """Ends and resumptions of the runs, run by run."""
    exchanges: Count
    """Exchanges, run by run, in the order of their chains."""
    findings: Count
    """Findings."""
    commitments: Count
    """Commitments."""

    @property
    def size(self) -> int:
        """All leaves."""
        return self.first_exchange + self.exchanges + self.findings + self.commitments

    @property
    def first_exchange(self) -> int:
        """Place of the first exchange among the leaves."""
        return self.suites + self.runs + self.events


class Gap(Part):
    """Calls of one run that were planned and have no final exchange."""

    run: Count
    """Number of the run."""
    missing: Count
    """How many calls."""


class Gaps(Part):
    """What is not there: planned calls without an answer kept, runs that had not ended well."""

    calls: Count
    """Planned calls without a final exchange, over all these runs."""
    runs: tuple[Gap, ...]
    """The runs they belong to."""
    unfinished: tuple[Count, ...]
    """Runs that were not done: running, interrupted, or stopped by a budget."""


class Versions(Part):
    """What made the seal."""

    harness: Text
    """Version of harness."""
    python: Text
    """Version of Python."""
    schema_steps: tuple[Text, ...]
    """Steps of the database's schema."""


class ChainHead(Part):
    """Where the chain of runs ended."""

    runs: Count
    """How many runs the database had."""
    last: Hash | None
    """Hash of the newest; null before the first."""


class FindingsChain(Part):
    """Where the alpha ledger and the chain of findings ended."""

    periods: Count
    """Periods of the ledger."""
    period: Hash | None
    """Hash of the newest; null before the first."""
    updates: Count
    """Runs that were taken into the streams."""
    update: Hash | None
    """Hash of the newest: over its steps, findings and events, and the update before; null before the first."""


class PreviousSeal(Part):
    """The seal before."""

    number: Count
    """Its number."""
    sha256: Hash
    """SHA-256 of its manifest."""


class Manifest(Part):
    """Everything a seal says."""

    format: Literal["harness.seal/1"] = "harness.seal/1"
    """Name and version of the form."""
    algorithm: Literal["sha256"] = "sha256"
    """Of every hash in it, and of the tree."""
    number: Count
    """Number of the seal, from 1."""
    made_us: Whole
    """When it was made by the maker's own clock, UTC microseconds since 1970."""
    since_us: Whole | None
    """Runs that started from here on; null: not bounded."""
    until_us: Whole | None
    """Runs that started before; null: not bounded."""
    previous: PreviousSeal | None
    """The seal before; null for the first."""
    chain: ChainHead
    """Where the chain of runs ended, sealed runs or not."""
    findings_chain: FindingsChain
    """Where the ledger and the chain of findings ended."""
    runs: tuple[SealedRun, ...]
    """The runs it seals, oldest first."""
    suites: tuple[SealedSuite, ...]
    """The suites they used, each once, in order of first use."""
    findings: tuple[SealedFinding, ...]
    """The findings it seals."""
    commitments: tuple[SealedCommitment, ...]
    """The commitments it seals."""
    leaves: Leaves
    """What the tree is made over."""
    root: Hash
    """Root of the Merkle tree (RFC 6962)."""
    gaps: Gaps
    """What is not there."""
    versions: Versions
    """What made it."""
    public_key: Hash
    """Ed25519 public key of the signature, 32 bytes in hex."""

    def encode(self) -> bytes:
        """Return the bytes that are signed."""
        return canonical_json(self.model_dump(mode="json"))


class ManifestError(ValueError):
    """Bytes that should be a manifest are not one."""


def read_manifest(data: bytes) -> Manifest:
    """Read a manifest.

    Raises:
        ManifestError: it is not one, contradicts itself, or is not in canonical form.
    """
    try:
        found = Manifest.model_validate(parse_json(data))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ManifestError(f"is not a seal's manifest: {where}: {first['msg']}") from None
    except (ValueError, RecursionError) as error:
        raise ManifestError(f"is not JSON: {str(error)[:200]}") from None
    if found.encode() != data:
        raise ManifestError("is not in canonical form")
    counted = (
        len(found.suites), len(found.runs), sum(run.events for run in found.runs),
        sum(run.exchanges for run in found.runs), len(found.findings), len(found.commitments),
    )  # fmt: skip
    if counted != tuple(found.leaves.model_dump().values()):
        raise ManifestError("counts other leaves than it lists")
    numbers = [run.run for run in found.runs]
    if numbers != sorted(set(numbers)):
        raise ManifestError("lists its runs out of order")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a field is there twice")
    return found


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number in JSON")


def parse_json(data: bytes) -> Any:
    """Return JSON data; stricter than Python: no field twice, no NaN.

    Raises:
        ValueError: it is not that.
        RecursionError: it is nested too deeply.
    """
    return json.loads(data.decode("utf-8"), object_pairs_hook=_once, parse_constant=_constant)


# --- leaves -----------------------------------------------------------------------------------


def suite_leaf(sha256: str) -> bytes:
    """Return the data of a suite's leaf."""
    return canonical_json(["harness.suite/1", sha256])


def run_leaf(run: int, sha256: str) -> bytes:
    """Return the data of a run's leaf."""
    return canonical_json(["harness.run/1", run, sha256])


def event_leaf(run: int, number: int, sha256: str) -> bytes:
    """Return the data of an event's leaf."""
    return canonical_json(["harness.event/1", run, number, sha256])


def exchange_leaf(run: int, number: int, sha256: str) -> bytes:
    """Return the data of an exchange's leaf: canonical JSON, written out because there are millions of them."""
    return b'["harness.exchange/1",%d,%d,"%s"]' % (run, number, sha256.encode())


def finding_leaf(finding_id: str, sha256: str) -> bytes:
    """Return the data of a finding's leaf."""
    return canonical_json(["harness.finding/1", finding_id, sha256])


def commitment_leaf(number: int, sha256: str) -> bytes:
    """Return the data of a commitment's leaf."""
    return canonical_json(["harness.commitment/1", number, sha256])


def leaves_before(manifest: Manifest, events: Iterable[tuple[int, int, str]]) -> Iterator[bytes]:
    """Yield the leaves that stand before the exchanges; `events` are (run, number, hash) in order."""
    for suite in manifest.suites:
        yield suite_leaf(suite.sha256)
    for run in manifest.runs:
        yield run_leaf(run.run, run.hash)
    for each, number, sha256 in events:
        yield event_leaf(each, number, sha256)


def leaves_after(manifest: Manifest) -> Iterator[bytes]:
    """Yield the leaves that stand after the exchanges."""
    for finding in manifest.findings:
        yield finding_leaf(finding.id, finding.sha256)
    for commitment in manifest.commitments:
        yield commitment_leaf(commitment.number, commitment.sha256)
