"""Names of models: resolution of an alias is not rerouting, another model is."""

from __future__ import annotations

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.outcomes import same_model

SAME = [
    ("gpt-4o", "gpt-4o-2024-08-06"),
    ("gpt-4o-2024-08-06", "gpt-4o"),
    ("gpt-4", "gpt-4-0613"),
    ("gpt-3.5-turbo", "gpt-3.5-turbo-0125"),
    ("gpt-4-turbo-preview", "gpt-4-0125-preview"),
    ("gpt-5", "gpt-5-2025-08-07"),
    ("o1", "o1-2024-12-17"),
    ("claude-3-5-sonnet-latest", "claude-3-5-sonnet-20241022"),
    ("claude-sonnet-4-0", "claude-sonnet-4-20250514"),
    ("claude-opus-4-1", "claude-opus-4-1-20250805"),
    ("claude-3-opus@20240229", "claude-3-opus-20240229"),
    ("us.anthropic.claude-3-5-sonnet-20241022-v2:0", "claude-3-5-sonnet-20241022"),
    ("anthropic.claude-3-haiku-20240307-v1:0", "anthropic/claude-3-haiku"),
    ("anthropic/claude-sonnet-4.5", "claude-sonnet-4-5-20250929"),
    ("anthropic/claude-sonnet-4.5", "anthropic/claude-4.5-sonnet-20250929"),
    ("openai/gpt-4o", "gpt-4o-2024-08-06"),
    ("deepseek/deepseek-chat-v3-0324:free", "deepseek/deepseek-chat-v3-0324"),
    ("deepseek/deepseek-chat", "deepseek/deepseek-chat-v3"),
    ("gemini-2.5-flash", "models/gemini-2.5-flash"),
    ("models/gemini-1.5-pro", "gemini-1.5-pro-002"),
    ("gemini-2.5-flash-preview", "gemini-2.5-flash-preview-05-20"),
    ("gemini-2.5-pro", "gemini-2.5-pro-preview-05-06"),
    ("gemini-flash-latest", "gemini-2.5-flash-preview-09-2025"),
    ("mistral-large-latest", "mistral-large-2411"),
    ("grok-4", "grok-4-0709"),
    ("grok-3-latest", "grok-3"),
    ("llama3.2", "llama3.2:latest"),
    ("meta-llama/Llama-3.1-8B-Instruct", "llama-3.1-8b-instruct"),
    ("meta-llama/llama-3.1-8b-instruct", "llama-3.1-8b-instruct-fp8"),
    ("smollm2-135m-instruct", "SmolLM2-135M-Instruct.Q4_1.gguf"),
    ("smollm2-135m-instruct", "/models/smollm2/SmolLM2-135M-Instruct-Q8_0.gguf"),
    ("smollm2-135m-instruct", "C:\\models\\SmolLM2-135M-Instruct.gguf"),
    ("qwen2.5-7b-instruct", "/data/hub/models--Qwen--Qwen2.5-7B-Instruct/snapshots/" + "a" * 40),
    ("qwen2-72b", "qwen2-72b-q4_k_m-00001-of-00003.gguf"),
    ("anything", "ggml-model-q4_0.gguf"),
    ("openrouter/auto", "anthropic/claude-sonnet-4.5"),
    ("accounts/fireworks/models/llama-v3p1-8b-instruct", "llama-v3p1-8b-instruct#accounts/me/deployments/x"),
]

DIFFERENT = [
    ("gpt-4o", "gpt-4o-mini"),
    ("gpt-4o", "gpt-4o-mini-2024-07-18"),
    ("gpt-4o-2024-05-13", "gpt-4o-2024-08-06"),
    ("gpt-4", "gpt-4.1"),
    ("gpt-4", "gpt-4-turbo-2024-04-09"),
    ("gpt-4-turbo", "gpt-4-turbo-preview"),
    ("gpt-5", "gpt-5.1-2025-11-13"),
    ("gpt-5", "gpt-5-chat-safety"),
    ("gpt-3.5-turbo", "gpt-3.5-turbo-instruct"),
    ("gpt-3.5-turbo", "gpt-3.5-turbo-16k-0613"),
    ("o1", "o1-preview-2024-09-12"),
    ("o1", "o1-mini"),
    ("claude-opus-4", "claude-opus-4-1-20250805"),
    ("claude-opus-4-1", "claude-sonnet-4-5-20250929"),
    ("claude-3-5-sonnet-20240620", "claude-3-5-sonnet-20241022"),
    ("claude-3-5-sonnet-latest", "claude-3-5-haiku-20241022"),
    ("gemini-2.5-flash", "gemini-2.5-flash-lite"),
    ("gemini-2.5-pro", "gemini-2.5-flash"),
    ("gemini-flash-latest", "gemini-2.5-flash-lite-preview-09-2025"),
    ("gemini-1.5-pro-001", "gemini-1.5-pro-002"),
    ("llama-3.1-8b-instruct", "llama-3.1-70b-instruct"),
    ("llama-3.1-8b", "llama-3.1-8b-instruct"),
    ("llama3:8b", "llama3:70b"),
    ("llama-3.1-8b-q8_0", "llama-3.1-8b-q4_0"),
    ("mistral-large-2407", "mistral-large-2411"),
    ("deepseek-chat", "deepseek-reasoner"),
    ("openai/gpt-4o", "mistralai/mistral-large"),
]


@pytest.mark.parametrize(("requested", "served"), SAME)
def test_a_resolved_alias_is_the_same_model(requested: str, served: str) -> None:
    """Dates, vendors, variants, files and quantisation name the same model more closely."""
    assert same_model(requested, served)


@pytest.mark.parametrize(("requested", "served"), DIFFERENT)
def test_another_size_version_or_snapshot_is_another_model(requested: str, served: str) -> None:
    """What changes the family, the version, the size or a pinned snapshot is another model."""
    assert not same_model(requested, served)


NAMES = st.text(string.ascii_letters + string.digits + "-._:/@# \\é２", max_size=80)


@settings(max_examples=200, deadline=None)
@given(NAMES, NAMES)
def test_any_two_names_can_be_compared(left: str, right: str) -> None:
    """Comparison never raises, and every name is the same as itself."""
    same_model(left, right)
    assert same_model(left, left)
    assert same_model(left, left.upper()) or left.upper().lower() != left.lower()
