"""One file per wire protocol: build the request, read the reply. Pure functions over bytes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from harness.endpoints.anthropic_messages import AnthropicMessages
from harness.endpoints.base import Adapter, Built
from harness.endpoints.gemini import Gemini
from harness.endpoints.openai_chat import OpenAIChat
from harness.endpoints.openai_responses import OpenAIResponses

ADAPTERS: Mapping[str, Adapter] = MappingProxyType(
    {item.protocol: item for item in (OpenAIChat(), OpenAIResponses(), AnthropicMessages(), Gemini())}
)
"""Protocol name in config.toml -> its adapter; one object serves all calls."""


def adapter(protocol: str) -> Adapter:
    """Return the adapter of a protocol.

    Raises:
        KeyError: no protocol has that name.
    """
    return ADAPTERS[protocol]


__all__ = ["ADAPTERS", "Adapter", "Built", "adapter"]
