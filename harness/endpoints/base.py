"""What every endpoint adapter offers, and what it hands over."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from harness.config.schema import Endpoint
from harness.records import Headers, Probe, Reply


@dataclass(frozen=True, slots=True)
class Built:
    """One request, ready for the line. Holds the key: never stored as it is."""

    method: str
    url: str
    headers: Headers
    """Lower-case names, the authorization among them."""
    body: bytes
    dropped: tuple[str, ...] = ()
    """Settings that were asked for and not sent, because the protocol has no place for them."""


class Adapter(Protocol):
    """One wire protocol: builds requests and reads replies, as pure functions over bytes."""

    @property
    def protocol(self) -> str:
        """Its name in config.toml."""
        ...

    @property
    def version(self) -> int:
        """Raised on any change of what is read or sent."""
        ...

    @property
    def key_variables(self) -> tuple[str, ...]:
        """Environment variables that conventionally hold the key, in order of preference."""
        ...

    def build(self, endpoint: Endpoint, probe: Probe, seed: int, key: str | None) -> Built:
        """Return the request that asks `probe` of `endpoint`.

        Raises:
            ValueError: a setting has no JSON form (NaN, an infinity) or the endpoint has no URL.
        """
        ...

    def read(self, status: int, headers: Headers, body: bytes, *, streamed: bool) -> Reply:
        """Return the facts in a reply. Never raises, whatever the bytes; work and result are bounded."""
        ...

    def limitations(self, endpoint: Endpoint, probes: Iterable[Probe]) -> list[str]:
        """Return, in words, the settings this protocol cannot honour."""
        ...

    def content_event(self, line: bytes) -> bool:
        """Return whether a piece of a stream carries visible content. Cheap, and right for whole lines."""
        ...
