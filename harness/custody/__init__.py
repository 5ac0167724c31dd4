"""Evidence that stands up elsewhere: a signing key, seals, outside time, bundles, and commitments."""

from cryptography.x509 import Certificate

from harness.custody.bundling import Bundled, Selection, read_selection, write_bundle
from harness.custody.checking import verify_bundle
from harness.custody.commitments import (
    LONGEST,
    SALT_BYTES,
    AnalysisPlan,
    CommitmentError,
    CommittedSuite,
    Opening,
    Revealed,
    bundled_record,
    make_commitment,
    reveal,
    stored_record,
)
from harness.custody.files import manifest_sha256, seal_files, write_seal_files
from harness.custody.keys import PublicKey, SigningKey, default_path, load_key, make_key, read_public_key
from harness.custody.layout import BundleError, Index, read_index
from harness.custody.manifest import Manifest, ManifestError, read_manifest
from harness.custody.redaction import Wish, parse_probes, redact_bundle
from harness.custody.sealing import Period, Sealed, TimeService, check_seals, make_seal
from harness.custody.timestamps import Timestamp, TimestampError, read_roots

__all__ = [
    "LONGEST",
    "SALT_BYTES",
    "AnalysisPlan",
    "BundleError",
    "Bundled",
    "Certificate",
    "CommitmentError",
    "CommittedSuite",
    "Index",
    "Manifest",
    "ManifestError",
    "Opening",
    "Period",
    "PublicKey",
    "Revealed",
    "Sealed",
    "Selection",
    "SigningKey",
    "TimeService",
    "Timestamp",
    "TimestampError",
    "Wish",
    "bundled_record",
    "check_seals",
    "default_path",
    "load_key",
    "make_commitment",
    "make_key",
    "make_seal",
    "manifest_sha256",
    "parse_probes",
    "read_index",
    "read_manifest",
    "read_public_key",
    "read_roots",
    "read_selection",
    "redact_bundle",
    "reveal",
    "seal_files",
    "stored_record",
    "verify_bundle",
    "write_bundle",
    "write_seal_files",
]
