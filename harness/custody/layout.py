"""What is in a bundle: names, limits, and the index `bundle.json` that lists every file with its hash."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import ValidationError

from harness.custody.manifest import parse_json
from harness.dataformat.parts import Count, Hash, Part, Text
from harness.errors import HarnessError
from harness.records import canonical_json

INDEX = "bundle.json"
INDEX_SIGNATURE = "bundle.sig"
SUITES, ENDPOINTS, RUNS = "suites.jsonl", "endpoints.jsonl", "runs.jsonl"
EXCHANGES, OBSERVATIONS, PROOFS = "exchanges.jsonl", "observations.jsonl", "proofs.jsonl"
FINDINGS, REPORT, README, CHECKER = "findings.jsonl", "report.html", "README.txt", "verify_bundle.py"
LINES = (SUITES, ENDPOINTS, RUNS, EXCHANGES, OBSERVATIONS, PROOFS, FINDINGS)
_NAME = re.compile(
    r"(?:(?:suites|endpoints|runs|exchanges|observations|proofs|findings)\.jsonl|report\.html|README\.txt"
    r"|verify_bundle\.py|bundle\.json|bundle\.sig|seals/seal-\d{4,9}\.(?:json|sig|pem|tsr)"
    r"|commitments/commitment-\d{4,9}\.json)",
    re.ASCII,
)

LINE_LIMIT = 64 << 20
"""Longest line: no hostile one may take all memory."""
FILE_LIMIT = 64 << 20
"""Longest file that is read whole."""
FILES_LIMIT = 20_000
SPREAD_LIMIT = 200
"""How many times an archive's own size its content may have; more is a bomb, not a record."""
SPREAD_FLOOR = 256 << 20


class BundleError(HarnessError):
    """An archive is not a bundle, or not one that may be opened."""


def is_known(name: str) -> bool:
    """Say whether a bundle may have a file of this name."""
    return _NAME.fullmatch(name) is not None


class FileEntry(Part):
    """One file of the bundle."""

    sha256: Hash
    """SHA-256 of its bytes."""
    size: Count
    """How many bytes it has."""


class SealEntry(Part):
    """One seal, and how the bundle's content is shown to be under it."""

    number: Count
    """Number of the seal."""
    covers: Literal["whole", "proofs", "nothing"]
    """`whole`: all it seals is here, so its root can be made again; `proofs`: a part, with a proof for each exchange;
    `nothing`: none of what it seals is here, it only links the others."""


class Redacted(Part):
    """What was left out of a derived bundle; hashes stand in its place."""

    bodies: tuple[Hash, ...] = ()
    """SHA-256 of request and reply bodies."""
    probes: tuple[Hash, ...] = ()
    """Hashes of probes."""
    observations: Count = 0
    """Observations whose words were blanked, because they quote such a body."""
    files: tuple[Text, ...] = ()
    """Files that may quote such a body."""


class Index(Part):
    """`bundle.json`: what is in the bundle."""

    format: Literal["harness.bundle/1"] = "harness.bundle/1"
    """Name and version of the form."""
    made_by: Text
    """What made it, such as `harness 0.1.0`."""
    selection: tuple[Text, ...] | None
    """What was chosen (`run:3`, `suite:capability`); null: everything."""
    counts: dict[Text, Count]
    """Records by kind."""
    seals: tuple[SealEntry, ...]
    """Its seals, oldest first."""
    redacted: Redacted
    """What was left out."""
    derived_from: Hash | None
    """SHA-256 of the `bundle.json` it was derived from by leaving things out; null for an original."""
    public_key: Hash | None
    """Ed25519 key of `bundle.sig`, 32 bytes in hex; null where it is not signed."""
    files: dict[Text, FileEntry]
    """Every file but `bundle.json` and `bundle.sig`."""

    def encode(self) -> bytes:
        """Return the bytes of `bundle.json`: canonical JSON."""
        return canonical_json(self.model_dump(mode="json"))


def read_index(data: bytes) -> Index:
    """Read `bundle.json`.

    Raises:
        BundleError: it is not one.
    """
    try:
        return Index.model_validate(parse_json(data))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part)[:60] for part in first["loc"])
        raise BundleError(f"{INDEX}: {where}: {first['msg']}") from None
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{INDEX}: is not JSON: {str(error)[:200]}") from None


class Proof(Part):
    """A line of `proofs.jsonl`: an exchange is among the leaves of a sealed tree."""

    format: Literal["harness.proof/1"] = "harness.proof/1"
    """Name and version of the form."""
    seal: Count
    """Number of the seal."""
    run: Count
    """Number of the exchange's run."""
    number: Count
    """Place of the exchange in its run's chain."""
    index: Count
    """Place of its leaf in the tree."""
    path: tuple[Hash, ...]
    """Hashes from the leaf to the root, lowest first (RFC 9162, section 2.1.3)."""


def read_proof(text: str) -> Proof:
    """Read a line of `proofs.jsonl`.

    Raises:
        ValueError: it is not one.
    """
    try:
        return Proof.model_validate(parse_json(text.encode()))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise ValueError(f"{'.'.join(str(part)[:60] for part in first['loc'])}: {first['msg']}") from None
    except RecursionError:
        raise ValueError("is nested too deeply") from None
