"""Evidence that stands up elsewhere: a signing key, seals over what is there, and outside time."""

from cryptography.x509 import Certificate

from harness.custody.files import manifest_sha256, seal_files, write_seal_files
from harness.custody.keys import PublicKey, SigningKey, default_path, load_key, make_key, read_public_key
from harness.custody.manifest import Manifest, ManifestError, read_manifest
from harness.custody.sealing import Period, Sealed, TimeService, check_seals, make_seal
from harness.custody.timestamps import Timestamp, TimestampError, read_roots

__all__ = [
    "Certificate",
    "Manifest",
    "ManifestError",
    "Period",
    "PublicKey",
    "Sealed",
    "SigningKey",
    "TimeService",
    "Timestamp",
    "TimestampError",
    "check_seals",
    "default_path",
    "load_key",
    "make_key",
    "make_seal",
    "manifest_sha256",
    "read_manifest",
    "read_public_key",
    "read_roots",
    "seal_files",
    "write_seal_files",
]
