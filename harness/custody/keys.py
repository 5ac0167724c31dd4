"""The signing key: an Ed25519 key in a file of its own, outside the database, in formats that openssl reads."""

from __future__ import annotations

import base64
import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
    load_ssh_public_key,
)

from harness.errors import UsageError

FILE_NAME = "signing-key.pem"
_LONGEST_KEY = 100_000
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class PublicKey:
    """The public half: what a reader needs to check signatures."""

    raw: bytes
    """32 bytes."""

    @property
    def pem(self) -> str:
        """The key as PEM (SubjectPublicKeyInfo), as openssl reads it."""
        form = Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
        return Ed25519PublicKey.from_public_bytes(self.raw).public_bytes(*form).decode()

    @property
    def openssh(self) -> str:
        """The key on one line, as OpenSSH writes it."""
        form = Encoding.OpenSSH, PublicFormat.OpenSSH
        return Ed25519PublicKey.from_public_bytes(self.raw).public_bytes(*form).decode()

    @property
    def fingerprint(self) -> str:
        """`SHA256:` and 43 characters, as `ssh-keygen -lf` prints it."""
        blob = base64.b64decode(self.openssh.split()[1])
        return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")

    def verifies(self, signature: bytes, data: bytes) -> bool:
        """Say whether a signature over some bytes was made with this key."""
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, data)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key that can sign. Its private half is in no field and no message."""

    path: Path
    public: PublicKey
    _private: Ed25519PrivateKey

    def sign(self, data: bytes) -> bytes:
        """Return the 64 bytes of an Ed25519 signature (RFC 8032)."""
        return self._private.sign(data)


def default_path(environ: Mapping[str, str]) -> Path:
    """Return where the key is kept unless the config says otherwise: in the user's own config folder."""
    base = environ.get("XDG_CONFIG_HOME") or ""
    home = Path(environ.get("HOME") or "~").expanduser()
    return (Path(base) if Path(base).is_absolute() else home / ".config") / "harness" / FILE_NAME


def make_key(path: Path) -> SigningKey:
    """Make a key: `path` (PKCS #8 PEM, only its owner may read it) and `path.pub` (PEM).

    Raises:
        UsageError: a file is there already, or none can be made there.
    """
    public_path = path.with_name(path.name + ".pub")
    for each in (path, public_path):
        if os.path.lexists(each):
            raise UsageError(
                f"{each}: is there already, and a key is never overwritten; move it away or name another file"
            )
    private = Ed25519PrivateKey.generate()
    public = _public_of(private)
    try:
        if not path.parent.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.parent.chmod(0o700)
        pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        for each, data, mode in ((path, pem, 0o600), (public_path, public.pem.encode(), 0o644)):
            file = os.open(each, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
            with os.fdopen(file, "wb") as opened:
                opened.write(data)
                opened.flush()
                os.fsync(opened.fileno())
    except OSError as error:
        raise UsageError(
            f"{error.filename or path}: cannot be made ({error.strerror}); choose another place"
        ) from error
    return SigningKey(path, public, private)


def load_key(path: Path) -> SigningKey:
    """Read a signing key.

    Raises:
        UsageError: there is none, others may read it, or it is not an Ed25519 key.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if mode & _OTHERS:
                raise UsageError(
                    f"{path}: others than its owner may use it (mode {mode & 0o777:o}); chmod 600 {path}"
                )
            pem = file.read(_LONGEST_KEY)
    except FileNotFoundError as error:
        raise UsageError(
            f"{path}: no signing key there; `harness key` makes one, or [custody] key in the config names another"
        ) from error
    except OSError as error:
        raise UsageError(f"{path}: the signing key cannot be read ({error.strerror})") from error
    try:
        private = load_pem_private_key(pem, password=None)
    except TypeError as error:
        raise UsageError(
            f"{path}: is protected by a passphrase, which harness cannot ask for; store it without"
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UsageError(f"{path}: is not a private key in PEM form; make one with `harness key`") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise UsageError(f"{path}: is not an Ed25519 key; make one with `harness key`")
    return SigningKey(path, _public_of(private), private)


def read_public_key(data: bytes) -> PublicKey:
    """Read a public key, PEM or an OpenSSH line.

    Raises:
        ValueError: it is not an Ed25519 public key.
    """
    load = load_ssh_public_key if data.lstrip().startswith(b"ssh-") else load_pem_public_key
    try:
        key = load(data)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValueError("is not a public key in PEM or OpenSSH form") from error
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("is not an Ed25519 public key")  # noqa: TRY004 - it is content that is wrong
    return PublicKey(key.public_bytes(Encoding.Raw, PublicFormat.Raw))


def _public_of(private: Ed25519PrivateKey) -> PublicKey:
    return PublicKey(private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
