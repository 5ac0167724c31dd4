"""Is the served model the requested one under its full name, or another?

Providers resolve aliases (`gpt-4o` -> `gpt-4o-2024-08-06`), routers add vendors and variants
(`openai/gpt-4o:free`), local servers report files. None of that is rerouting; another size, another
version or another dated snapshot is.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

_ROUTERS: Final = frozenset({"auto", "default", "free", "router", "model-router", "local", "local-model"})
"""Requested names that leave the choice to the server."""
_NAMELESS: Final = frozenset({"model", "ggml-model", "gguf-model", "default", "local-model", "weights"})
"""Served names that name no model."""
_VARIANTS: Final = frozenset(
    {"free", "nitro", "floor", "online", "exacto", "extended", "beta", "latest", "default", "thinking"}
)
"""What routers and Ollama put behind a colon to say how, not what, to serve."""
_RESOLVED: Final = {"gpt-4-turbo-preview": ("gpt-4-0125-preview", "gpt-4-1106-preview")}
"""Aliases that resolve to a name of another form."""

_BEDROCK: Final = re.compile(
    r"^(?:(?:us|eu|apac|jp|au|ca|global|us-gov)\.)?"
    r"(?:anthropic|amazon|meta|mistral|cohere|deepseek|ai21|openai|qwen|google|writer)\.(?=[a-z])"
)
_BEDROCK_VERSION: Final = re.compile(r"-v\d+(?::\d+)?$")
_FILE: Final = re.compile(r"\.(?:gguf|ggml|bin|safetensors|pt)$")
_SHARD: Final = re.compile(r"-\d{5}-of-\d{5}$")
_QUANTISATION: Final = re.compile(
    r"[-._](i?q\d(?:_[a-z0-9]{1,3}){0,2}|b?f16|fp16|f32|fp8|fp4|nvfp4|mxfp4|int[48]|awq|gptq|mlx|gguf|[48]bit)$"
)
_SNAPSHOT: Final = re.compile(r"^[0-9a-f]{40}$")
_MODELS_FOLDER: Final = re.compile(r"^models--[^/]*--([^/]+)$")
_SEPARATORS: Final = re.compile(r"[-._:@ ]+")


@dataclass(frozen=True, slots=True)
class _Name:
    core: Counter[str]
    """What the model is: family, version, size."""
    dates: tuple[str, ...]
    """Which snapshot of it."""
    tags: frozenset[str]
    """preview, exp, latest."""
    quantisation: str | None


@lru_cache(maxsize=4096)
def same_model(requested: str, served: str) -> bool:
    """Return whether `served` is the requested model, possibly by a longer or shorter name.

    Both names resolve to the same model when they agree on family, version and size. A snapshot date, or a
    `preview` of a Gemini model, may be added or left out, never changed; `-latest` may also gain a version.
    """
    if requested == served:
        return True
    asked, given = _base(requested), _base(served)
    if asked == given or asked in _ROUTERS or not given:
        return True
    if given in _RESOLVED.get(asked, ()):
        return True
    left, right = _parse(asked), _parse(given)
    if "-".join(right.core) in _NAMELESS:
        return True
    if left.quantisation and right.quantisation and left.quantisation != right.quantisation:
        return False
    if left.dates and right.dates and left.dates != right.dates:
        return False
    if (left.tags ^ right.tags) & {"preview", "exp"} and "gemini" not in right.core:
        return False
    if left.core == right.core:
        return True
    added = right.core - left.core
    return (
        "latest" in left.tags
        and not left.core - right.core
        and all(token.isdigit() and len(token) <= 2 for token in added)
    )


def _base(name: str) -> str:
    """Return a name without its vendor, folder, file ending, router's variant and Bedrock's version."""
    name = name.strip().lower().replace("\\", "/").split("#", 1)[0].rstrip("/")
    segments = name.split("/")
    name = segments[-1]
    if _SNAPSHOT.match(name):
        folders = [found.group(1) for part in segments if (found := _MODELS_FOLDER.match(part))]
        name = folders[-1] if folders else ""
    head, _, variant = name.rpartition(":")
    if head and variant in _VARIANTS:
        name = head
    if _BEDROCK.match(name):
        name = _BEDROCK_VERSION.sub("", _BEDROCK.sub("", name))
    return _SHARD.sub("", _FILE.sub("", name))


def _parse(name: str) -> _Name:
    quantisation = None
    for _ in range(3):
        found = _QUANTISATION.search(name)
        if not found:
            break
        quantisation = quantisation or found.group(1)
        name = name[: found.start()]
    tokens = [token for token in _SEPARATORS.split(name) if token]
    core: Counter[str] = Counter()
    dates: list[str] = []
    tags: set[str] = set()
    at = 0
    while at < len(tokens):
        length = _date_length(tokens, at) if at else 0
        if length:
            dates.append("".join(tokens[at : at + length]))
        elif tokens[at] in ("preview", "exp", "experimental", "latest"):
            tags.add(tokens[at][:3] if tokens[at].startswith("exp") else tokens[at])
        elif tokens[at] != "0":  # claude-sonnet-4-0 is claude-sonnet-4, gemini-2.0 is gemini-2
            core[tokens[at]] += 1
        at += length or 1
    return _Name(core, tuple(dates), frozenset(tags), quantisation)


def _date_length(tokens: list[str], at: int) -> int:
    """Return how many tokens from `at` on are a snapshot's date or number; 0 when none is."""
    here = tokens[at]
    if not here.isascii():
        return 0
    if re.fullmatch(r"v\d{1,2}", here):
        return 1
    if not here.isdigit():
        return 0
    following = tokens[at + 1 : at + 3]
    if (
        re.fullmatch(r"20\d\d", here)
        and len(following) == 2
        and all(len(t) == 2 and t.isdigit() for t in following)
    ):
        return 3
    if len(here) == 2 and following and re.fullmatch(r"20\d\d", following[0]):
        return 2
    after_preview = tokens[at - 1] in ("preview", "exp")
    if after_preview and len(here) == 2 and following and len(following[0]) == 2 and following[0].isdigit():
        return 2
    return 1 if len(here) in (3, 4, 6, 8) else 0
