"""Settings, URLs, headers and bodies of requests: what the four protocols share."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final
from urllib.parse import SplitResult, quote, urlsplit

from harness.config.schema import Endpoint
from harness.records import Headers, Probe, Tool

_TOKEN_LIMIT_NAMES: Final = ("max_completion_tokens", "max_output_tokens", "maxOutputTokens")
"""Other protocols' words for `max_tokens`; whoever writes one means the same setting."""

_VERSION: Final = re.compile(r"v\d+(?:alpha|beta)?\d*$")

_REASONING_MODEL: Final = re.compile(r"(?:o\d|gpt-(?:[5-9]|\d\d))(?!.*chat)")

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def settings(endpoint: Endpoint, probe: Probe) -> dict[str, Any]:
    """Return the endpoint's parameters overridden by the probe's, with one name for the token limit."""
    merged = dict(endpoint.parameters)
    for name in _TOKEN_LIMIT_NAMES:
        if name in merged:
            merged["max_tokens"] = merged.pop(name)
    if probe.parameters:
        own = dict(probe.parameters)
        for name in _TOKEN_LIMIT_NAMES:
            if name in own:
                own["max_tokens"] = own.pop(name)
        merged.update(own)
    return merged


def seed_to_send(chosen: dict[str, Any], seed: int) -> int | None:
    """Take `seed` out of the settings: an integer is sent as it is, `false` means none, else the call's."""
    wish = chosen.pop("seed", True)
    if wish is False or wish is None:
        return None
    if isinstance(wish, int) and not isinstance(wish, bool):
        return wish
    return seed


def function(tool: Tool, schema: str) -> dict[str, Any]:
    """Return a function as every protocol describes one, its arguments under the name the protocol has for them."""
    return {"name": tool.name, "description": tool.description, schema: tool.parameters}


def merge(body: dict[str, Any], extra: Mapping[str, Any]) -> None:
    """Merge extra fields into a body: objects field by field, everything else replaced."""
    for name, value in extra.items():
        present = body.get(name)
        if isinstance(present, dict) and isinstance(value, Mapping):
            present = dict(present)  # a part of the config, which is frozen
            merge(present, value)
            body[name] = present
        else:
            body[name] = value


def encode(body: Mapping[str, Any]) -> bytes:
    """Return a body as compact JSON with its keys in the order given.

    Raises:
        ValueError: the body holds NaN or an infinity.
    """
    return _encode(body).encode("utf-8", "surrogatepass")


def compose_headers(base: Iterable[tuple[str, str]], extra: Mapping[str, str]) -> Headers:
    """Return headers with lower-case names; the endpoint's own win."""
    if not extra:
        return tuple(base)
    own = {name.lower(): value for name, value in extra.items()}
    return tuple((name, value) for name, value in base if name not in own) + tuple(own.items())


@lru_cache(maxsize=1024)
def split(url: str | None) -> SplitResult:
    """Return the parts of an endpoint's URL.

    Raises:
        ValueError: there is none, or it is not an http(s) URL with a host.
    """
    if not url:
        raise ValueError("url is missing")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"url must start with http:// or https:// and name a host, got {url!r}")
    return parts


@lru_cache(maxsize=1024)
def address(url: str | None, route: str, version: str = "", query: str = "") -> str:
    """Return an endpoint's URL with the protocol's route added, whatever query it already has.

    Args:
        url: base URL; one that already ends in the route is left as it is.
        route: for example `/chat/completions`.
        version: path of the API version (`/v1`), added when the base names none.
        query: added to the base's own query.

    Raises:
        ValueError: see `split`.
    """
    parts = split(url)
    path = parts.path.rstrip("/")
    if not path.endswith(route):
        if version and not any(_VERSION.match(segment) for segment in path.split("/")):
            path += version
        path += route
    joined = "&".join(piece for piece in (parts.query, query) if piece)
    return parts._replace(path=path, query=joined, fragment="").geturl()


@lru_cache(maxsize=1024)
def host(url: str | None) -> str:
    """Return the host of an endpoint's URL in lower case, empty when there is none."""
    try:
        return (split(url).hostname or "").lower()
    except ValueError:
        return ""


def is_openai(url: str | None) -> bool:
    """Return whether an address is OpenAI's own."""
    return host(url) == "api.openai.com"


def is_azure(url: str | None) -> bool:
    """Return whether an address belongs to Azure, where model names are the user's own deployment names."""
    return host(url).endswith((".azure.com", ".azure.us", ".azure.cn", ".azure-api.net"))


def openai_headers(endpoint: Endpoint, key: str | None) -> list[tuple[str, str]]:
    """Return the headers of OpenAI's protocols; Azure keeps its key in one of its own."""
    headers = [
        ("content-type", "application/json"),
        ("accept", "text/event-stream" if endpoint.stream else "application/json"),
    ]
    if key:
        azure = is_azure(endpoint.url)
        headers.append(("api-key", key) if azure else ("authorization", f"Bearer {key}"))
    return headers


def path_segment(name: str) -> str:
    """Return a model name as it may stand in a URL path."""
    return quote(name, safe="/:@-._~")


def unsendable(protocol: str, names: Iterable[str], endpoint: Endpoint, probes: Iterable[Probe]) -> list[str]:
    """Return one sentence for each of `names` that the endpoint or a probe sets and the protocol lacks."""
    asked = set(endpoint.parameters)
    for probe in probes:
        asked.update(probe.parameters)
    return [f"{protocol} has no `{name}`: it is not sent" for name in names if name in asked]


def reasoning_notes(endpoint: Endpoint, probes: Iterable[Probe]) -> list[str]:
    """Return what OpenAI's reasoning models may refuse among the settings asked for."""
    official = is_openai(endpoint.url) or is_azure(endpoint.url)
    if not official or not _REASONING_MODEL.match(endpoint.model):
        return []
    asked = set(endpoint.parameters).union(*(probe.parameters for probe in probes))
    return [
        f"{endpoint.model} may refuse `{name}` with HTTP 400: reasoning models take only its default"
        for name in ("temperature", "top_p", "logprobs", "top_logprobs")
        if name in asked
    ]


def late_system(probe: Probe) -> bool:
    """Return whether a probe has a system turn after another turn."""
    roles = [turn.role for turn in probe.messages]
    return "system" in roles[roles.index("user") :] if "user" in roles else False
