"""A seal as files that openssl can check."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from harness.custody.keys import PublicKey
from harness.errors import UsageError
from harness.store import SealRow


def manifest_sha256(row: SealRow) -> str:
    """Return the hash by which the next seal, and the world, know this one; hex."""
    return hashlib.sha256(row.manifest).hexdigest()


def seal_files(row: SealRow) -> dict[str, bytes]:
    """Return a seal's files by name: manifest, signature, public key and, where there is one, timestamp."""
    name = f"seal-{row.number:04d}"
    found = {
        f"{name}.json": row.manifest,
        f"{name}.sig": row.signature,
        f"{name}.pem": PublicKey(row.public_key).pem.encode(),
    }
    if row.timestamp is not None:
        found[f"{name}.tsr"] = row.timestamp
    return found


def write_seal_files(row: SealRow, folder: Path) -> list[Path]:
    """Write a seal's files into a folder, made where it is missing; return them.

    Raises:
        UsageError: the folder cannot be written to.
    """
    written: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in seal_files(row).items():
            unfinished = folder / f".{name}.{os.getpid()}"
            unfinished.write_bytes(data)
            written.append(unfinished.replace(folder / name))
    except OSError as error:
        raise UsageError(
            f"{folder}: the seal is in the database, but its files cannot be written there ({error.strerror}); "
            f"`harness bundle` holds them too"
        ) from error
    return written
