"""What is installed here: the runtime's version, a model's weights, and whether they are the known ones."""

from __future__ import annotations

import hashlib
from importlib import metadata
from pathlib import Path

from harness.errors import LaunchError
from harness.local.known import KNOWN, RUNTIME_PACKAGE, RUNTIME_SINCE, KnownModel

_GGUF_MAGIC = b"GGUF"


def known_model(name: str) -> KnownModel:
    """Return a model by name.

    Raises:
        LaunchError: there is none of that name.
    """
    try:
        return KNOWN[name]
    except KeyError:
        raise LaunchError(f"there is no local model {name!r} (fix: use {' or '.join(KNOWN)})") from None


def runtime_version() -> str | None:
    """Return the installed runtime's version; None when there is none, or one too old for our settings."""
    try:
        version = metadata.version(RUNTIME_PACKAGE)
        if tuple(int(part) for part in version.split(".")[:2]) >= RUNTIME_SINCE:
            return version
    except (metadata.PackageNotFoundError, ValueError):
        pass
    return None


def find_weights(model: KnownModel) -> Path | None:
    """Return where a model's weights are installed, from their package's list of files; None if nowhere.

    The package itself is never imported: it needs things that were left out on purpose.
    """
    try:
        package = metadata.distribution(model.package)
    except metadata.PackageNotFoundError:
        return None
    for file in package.files or ():
        if file.name == model.file:
            path = Path(str(package.locate_file(file)))
            return path if path.is_file() else None
    return None


def intact(model: KnownModel, weights: Path) -> bool:
    """Say whether a file is the model's, bit for bit."""
    return weights.stat().st_size == model.size_bytes and hash_file(weights) == model.sha256


def check_hash(model: KnownModel, weights: Path) -> str:
    """Return the tagged hash of a model's weights. Takes about 0.1 s, so every start can afford it.

    Raises:
        LaunchError: it is not the known one.
    """
    found = hash_file(weights)
    if found != model.sha256:
        raise LaunchError(
            f"{weights} is not {model.name}: its hash is {found}, not {model.sha256} "
            f"(fix: harness local install {model.name} fetches it again)"
        )
    return found


def hash_file(path: Path) -> str:
    """Return a file's tagged hash.

    Raises:
        LaunchError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise LaunchError(f"{path} cannot be read: {error.strerror}") from None


def check_gguf(path: Path) -> None:
    """Look at a file's first bytes, so that a wrong file is named before a server is started for it.

    Raises:
        LaunchError: it cannot be read or is not a GGUF file.
    """
    try:
        with path.open("rb") as file:
            magic = file.read(len(_GGUF_MAGIC))
    except OSError as error:
        raise LaunchError(
            f"{path} cannot be read: {error.strerror} (fix: name an existing GGUF file)"
        ) from None
    if magic != _GGUF_MAGIC:
        raise LaunchError(f"{path} is not a GGUF file (fix: name one, such as MODEL.Q4_1.gguf)")
