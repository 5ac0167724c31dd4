"""The config that is right: the template, what loading gives, its hash, its documentation."""

from __future__ import annotations

import copy
import json
import pickle
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import harness.config
from harness.config import (
    Config,
    Endpoint,
    config_hash,
    config_json,
    load_config,
    missing_keys,
    template_text,
)
from harness.config.docs import config_page
from harness.config.frozen import FrozenDict, freeze, freeze_json
from harness.config.schema import Section
from harness.config.shown import plain, secret_in, shown

ROOT = Path(__file__).parent.parent
ENVIRON = {
    "OPENAI_API_KEY": "an-openai-key-for-tests",
    "ANTHROPIC_API_KEY": "an-anthropic-key-for-tests",
    "GEMINI_API_KEY": "a-gemini-key-for-tests",
    "OPENROUTER_API_KEY": "an-openrouter-key-for-tests",
    "HARNESS_ALERT_URLS": "json://127.0.0.1:1",
}
READY = re.compile(r"^#(?=[^ \n#])", re.MULTILINE)
"""The # of a line that is ready to use."""


def blocks(text: str) -> list[str]:
    """Return the ready-to-use blocks: consecutive lines that begin with # and no space."""
    return re.findall(r"(?:^#[^ \n#].*\n)+", text, re.MULTILINE)


def load(text: str, folder: Path) -> Config:
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    return load_config(path, ENVIRON)


# --- the template --------------------------------------------------------------------------------


def test_template_is_the_committed_file() -> None:
    """`harness init` writes exactly the config.toml that the repository uses itself."""
    assert (ROOT / "config.toml").read_text(encoding="utf-8") == template_text()


def test_template_as_it_is(tmp_path: Path) -> None:
    """The template asks the local model the three starting suites every day, and needs no key."""
    config = load(template_text(), tmp_path)
    assert list(config.suites) == ["capability-quick", "topic-pairs", "refusal-quick"]
    assert list(config.endpoints) == ["local"]
    local = config.endpoints["local"]
    assert local.launch is not None
    assert (local.protocol, local.model, local.parameters["temperature"]) == (
        "openai-chat",
        "smollm2-135m-instruct",
        0,
    )
    assert config.schedules["daily"].cron == "17 6 * * *"
    assert missing_keys(config, {}) == []


@pytest.mark.parametrize("block", blocks(template_text()), ids=lambda block: block.splitlines()[0])
def test_template_block(block: str, tmp_path: Path) -> None:
    """Each block works when its lines alone are uncommented."""
    config = load(template_text().replace(block, READY.sub("", block)), tmp_path)
    assert missing_keys(config, ENVIRON) == []
    assert config != load(template_text(), tmp_path)


def test_template_all_blocks(tmp_path: Path) -> None:
    """All blocks work together: every provider, vantage and alert in one config."""
    config = load(READY.sub("", template_text()), tmp_path)
    assert list(config.endpoints) == ["local", "openai", "anthropic", "gemini", "openrouter", "own"]
    assert missing_keys(config, ENVIRON) == []
    assert len(missing_keys(config, {})) == 5


def test_template_is_readable() -> None:
    """The template's lines fit a terminal, and each block has a comment above it."""
    text = template_text()
    assert max(map(len, text.splitlines())) <= 110
    for block in blocks(text):
        assert text[: text.index(block)].rstrip().splitlines()[-1].startswith("# ")


# --- what loading gives --------------------------------------------------------------------------


def test_defaults(tmp_path: Path) -> None:
    """What the file leaves out has the documented default."""
    config = load('[endpoints.a]\nprotocol = "gemini"\nmodel = "m"\nlaunch = {}\n[suites.s]\n', tmp_path)
    assert config.suites["s"].endpoints is None
    assert config.endpoints["a"].limits.attempts == 4
    assert config.storage.database == "results/harness.db"
    assert config.budgets.usd_per_day is None


def test_config_cannot_be_changed(tmp_path: Path) -> None:
    """Neither a field nor a table nor a list inside a parameter can be changed by accident."""
    text = '[endpoints.a]\nprotocol = "gemini"\nmodel = "m"\nlaunch = {}\nbody.x.y = [1, [2]]\n[suites.s]\n'
    config = load(text, tmp_path)
    body = config.endpoints["a"].body
    with pytest.raises(ValueError, match="frozen"):
        config.run.seed = 2
    for change in (
        lambda table: table.__setitem__("b", 1),
        lambda table: table.__delitem__("x"),
        lambda table: table.update(b=1),
        lambda table: table.setdefault("b", 1),
        lambda table: table.pop("x"),
        lambda table: table.popitem(),
        lambda table: table.clear(),
        lambda table: table.__ior__({"b": 1}),
    ):
        for table in (body, body["x"], config.endpoints, config.endpoints["a"].headers):
            with pytest.raises(TypeError, match="cannot be changed"):
                change(table)
    assert body["x"]["y"] == (1, (2,))
    assert hash(config) == hash(load(text, tmp_path))


def test_config_can_be_copied(tmp_path: Path) -> None:
    """Copies and pickles are equal; a changed copy leaves the original alone."""
    config = load(READY.sub("", template_text()), tmp_path)
    assert copy.deepcopy(config) == copy.copy(config) == pickle.loads(pickle.dumps(config)) == config  # noqa: S301 -- our own bytes
    endpoint = config.endpoints["local"].model_copy(update={"url": "http://127.0.0.1:9/v1"})
    assert (endpoint.url, config.endpoints["local"].url) == ("http://127.0.0.1:9/v1", None)


def test_config_json_tells_everything_and_reads_back(tmp_path: Path) -> None:
    """The canonical JSON holds every setting with its default, and gives the same config again."""
    config = load(READY.sub("", template_text()), tmp_path)
    text = config_json(config)
    assert Config.model_validate(json.loads(text)) == config
    assert not any(secret in text for secret in ENVIRON.values())
    assert text == json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))


def test_config_hash_ignores_order_and_comments(tmp_path: Path) -> None:
    """The hash depends on the settings alone, not on how the file is written."""
    one = '[endpoints.a]\nprotocol = "gemini"\nmodel = "m"\nlaunch = {}\n[suites.s]\nsamples = 2\n'
    other = (
        '# again\nsuites.s.samples = 2\n[endpoints.a]\nlaunch.threads = 1\nmodel = "m"\nprotocol = "gemini"\n'
    )
    assert config_hash(load(one, tmp_path)) == config_hash(load(other, tmp_path))
    changed = config_hash(load(one.replace("2", "3"), tmp_path))
    assert changed != config_hash(load(one, tmp_path))
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", changed)


def test_parameters_must_be_json() -> None:
    """An endpoint made in code refuses what no request body can hold, too."""
    for value in (float("nan"), {1: 2}, {"a": [object()]}):
        with pytest.raises(ValueError, match="cannot be sent as JSON"):
            Endpoint(protocol="gemini", model="m", body={"x": value})


JSONS: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@settings(max_examples=50, deadline=None)
@given(value=st.dictionaries(st.text(), JSONS))
def test_freezing_changes_nothing(value: dict[str, Any]) -> None:
    """A frozen value means the same JSON, can be hashed, and gives an ordinary dict when merged."""
    frozen = freeze_json(value)
    assert json.dumps(frozen, sort_keys=True) == json.dumps(value, sort_keys=True)
    assert hash(frozen) == hash(freeze(value))
    assert type(frozen | {"a": 1}) is dict
    assert isinstance(copy.deepcopy(frozen), FrozenDict)


# --- values in messages --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "secret",
    [
        "sk-abcdefghijklmnop1234",
        "sk-ant-api03-abcdefghijklmnop",
        "AIzaSyA-abcdefghijklmnopqrstuvwxyz012345",
        "gsk_abcdefghijklmnopqrst",
        "hf_abcdefghijklmnopqrst",
        "Bearer abcdefgh",
        "eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.abc",
    ],
)
def test_keys_are_recognised_and_hidden(secret: str) -> None:
    """Text in the form of a provider's key is known for one and never shown."""
    text = f"before {secret} after"
    assert secret_in(text)
    assert secret not in shown(text)


@pytest.mark.parametrize(
    "harmless",
    [
        "gpt-6-luna",
        "claude-haiku-4-5-20251001",
        "sk-learn",
        "meta-llama/llama-3.3-70b-instruct",
        "task-force-5",
    ],
)
def test_model_names_are_no_keys(harmless: str) -> None:
    """Ordinary names are neither taken for keys nor hidden."""
    assert not secret_in(harmless)
    assert plain(harmless) == harmless


@settings(max_examples=100, deadline=None)
@given(value=st.text() | JSONS)
def test_shown_values_are_short_and_printable(value: Any) -> None:
    """Whatever a value is, a message shows it on one short line."""
    text = shown(value)
    assert text.isprintable()
    assert len(text) <= 6 * 60 + 2


# --- documentation -------------------------------------------------------------------------------


def test_page_is_in_sync() -> None:
    """docs/config.md is what `python -m harness.config.docs` prints."""
    page = (ROOT / "docs" / "config.md").read_text(encoding="utf-8")
    assert page == config_page(), "run: python -m harness.config.docs > docs/config.md"


def sections() -> list[type[Section]]:
    return [section for section in Section.__subclasses__() if section.__module__ == "harness.config.schema"]


@pytest.mark.parametrize("section", sections(), ids=lambda section: section.__name__)
def test_every_key_is_documented(section: type[Section]) -> None:
    """Each key of each section has a docstring, and a line on the page."""
    page = config_page()
    for name, field in section.model_fields.items():
        assert field.description, f"{section.__name__}.{name}"
        assert f"`{name}`" in page or f"[{name}" in page


def test_public_names() -> None:
    """`__all__` is sorted and every name in it exists."""
    names = harness.config.__all__
    assert names == sorted(names, key=lambda name: (not name.isupper(), name[0].islower(), name))
    assert all(hasattr(harness.config, name) for name in names)
