"""Keys and proxies: where they come from, what is wrong with them, and that no message repeats one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.config import (
    Alerts,
    Config,
    Endpoint,
    Launch,
    alert_urls,
    config_warnings,
    missing_keys,
    proxy_for,
    read_key,
    read_keys,
)
from harness.config.schema import SuiteUse
from harness.errors import ConfigError

FILE = Path("config.toml")


def endpoint(
    url: str | None = "https://api.openai.com/v1", protocol: str = "openai-chat", **more: object
) -> Endpoint:
    return Endpoint.model_validate({"protocol": protocol, "model": "m", "url": url, **more})


def config(**endpoints: Endpoint) -> Config:
    return Config(endpoints=endpoints, suites={"s": SuiteUse()})


LAUNCHED = endpoint(None, launch=Launch())


# --- keys ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "protocol", "variable"),
    [
        ("https://api.openai.com/v1", "openai-chat", "OPENAI_API_KEY"),
        ("https://api.openai.com/v1", "openai-responses", "OPENAI_API_KEY"),
        ("https://API.anthropic.com", "anthropic-messages", "ANTHROPIC_API_KEY"),
        ("https://generativelanguage.googleapis.com/v1beta", "gemini", "GEMINI_API_KEY"),
        ("https://generativelanguage.googleapis.com/v1beta", "gemini", "GOOGLE_API_KEY"),
    ],
)
def test_usual_variables(url: str, protocol: str, variable: str) -> None:
    """At a provider's own address the key comes from the variable everybody uses."""
    assert read_key(endpoint(url, protocol), {variable: "the-key"}) == "the-key"


def test_own_variable_and_own_file(tmp_path: Path) -> None:
    """`key_env` and `key_file` come before the usual variable; a file is read beside the config."""
    (tmp_path / "key").write_text("from-file\r\n")
    environ = {"OPENAI_API_KEY": "usual", "MINE": "own", "HOME": str(tmp_path)}
    assert read_key(endpoint(key_env="MINE"), environ) == "own"
    assert read_key(endpoint(key_file="key"), environ, tmp_path) == "from-file"
    assert read_key(endpoint(key_file="~/key"), environ) == "from-file"


@pytest.mark.parametrize(
    "other",
    [
        endpoint("https://gate.host/v1"),
        endpoint("https://api.openai.com.evil.host/v1"),
        endpoint("http://127.0.0.1:8000/v1"),
        LAUNCHED,
    ],
    ids=["other host", "look-alike host", "loopback", "launched"],
)
def test_a_key_never_travels_to_another_server(other: Endpoint) -> None:
    """Without key_env or key_file, only the provider's own address gets the provider's key."""
    assert read_key(other, {"OPENAI_API_KEY": "the-key"}) is None


def test_missing_keys_all_at_once(tmp_path: Path) -> None:
    """Everything that sending needs and the environment lacks is told at once, with the fix."""
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "two").write_text("one\ntwo\n")
    (tmp_path / "folder").mkdir()
    whole = config(
        gpt=endpoint(),
        gemini=endpoint("https://generativelanguage.googleapis.com/v1beta", "gemini"),
        named=endpoint(key_env="MINE"),
        gone=endpoint(key_file="gone"),
        empty=endpoint(key_file="empty"),
        two=endpoint(key_file="two"),
        folder=endpoint(key_file="folder"),
        via=endpoint(key_env="FINE", proxy_env="MY_PROXY"),
        local=LAUNCHED,
    ).model_copy(update={"alerts": Alerts(urls_env="PAGER")})
    file = tmp_path / "config.toml"
    found = missing_keys(whole, {"FINE": "a-key"}, file)
    assert found == [
        f"{file}: {line}"
        for line in (
            "endpoints.gpt needs a key and OPENAI_API_KEY is not set "
            "(fix: export OPENAI_API_KEY=..., or name another variable in key_env)",
            "endpoints.gemini needs a key and GEMINI_API_KEY or GOOGLE_API_KEY is not set "
            "(fix: export GEMINI_API_KEY=..., or name another variable in key_env)",
            "endpoints.named.key_env names MINE, which is not set (fix: export MINE=...)",
            f"endpoints.gone.key_file names gone, which cannot be read: {os.strerror(2)} "
            "(fix: check the path and its permissions)",
            "endpoints.empty.key_file names empty, which is empty "
            "(fix: write the key into it, alone on one line)",
            "endpoints.two.key_file names two, which has a space or line break in it "
            "(fix: write the key into it, alone on one line)",
            f"endpoints.folder.key_file names folder, which cannot be read: {os.strerror(21)} "
            "(fix: check the path and its permissions)",
            "endpoints.via.proxy_env names MY_PROXY, which is not set "
            "(fix: export MY_PROXY=..., or remove proxy_env)",
            "alerts.urls_env names PAGER, which is not set "
            "(fix: export PAGER=..., or remove urls_env to be told nothing)",
        )
    ]
    with pytest.raises(ConfigError) as caught:
        read_keys(whole, {"FINE": "a-key"}, file)
    assert list(caught.value.mistakes) == found


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("", "which is empty"),
        ("  ", "which is empty"),
        ("hunter2\n", "which has a space or line break in it"),
        ("hunter 2", "which has a space or line break in it"),
        ("hunter2\x00", "which has a control or non-ASCII character in it"),
        ("hunter2\u200b", "which has a control or non-ASCII character in it"),
        ("hunter2" * 4000, "which is longer than 16,384 characters: no key"),
    ],
)
def test_unusable_keys_are_not_repeated(value: str, problem: str) -> None:
    """What cannot be sent as a key is told by its variable's name, without any of it."""
    with pytest.raises(ConfigError, match=problem) as caught:
        read_key(endpoint(key_env="MINE"), {"MINE": value}, name="gpt")
    assert "hunter" not in str(caught.value)
    assert str(caught.value).startswith("config.toml: endpoints.gpt.key_env names MINE")


def test_binary_key_file(tmp_path: Path) -> None:
    """A key file that is no text is a mistake, not a crash."""
    (tmp_path / "key").write_bytes(b"\xff\xfe\x00" * 9000)
    with pytest.raises(ConfigError, match="longer than"):
        read_key(endpoint(key_file="key"), {}, tmp_path)
    (tmp_path / "key").write_bytes(b"\xff\xfekey")
    with pytest.raises(ConfigError, match="non-ASCII"):
        read_key(endpoint(key_file="key"), {}, tmp_path)


def test_only_endpoints_that_are_asked_need_keys() -> None:
    """An endpoint no suite asks, or one not chosen for this run, may lack its key."""
    both = Config(
        endpoints={"a": endpoint(key_env="A"), "b": endpoint(key_env="B")},
        suites={"s": SuiteUse(endpoints=("a",))},
    )
    assert read_keys(both, {"A": "key"}) == {"a": "key"}
    assert len(missing_keys(both, {"A": "key"}, endpoints=["a", "b"])) == 1
    assert read_keys(both, {"B": "key"}, endpoints=["b"]) == {"b": "key"}


def test_alert_urls() -> None:
    """Notification URLs are the words of the variable; none without one."""
    assert alert_urls(Alerts(urls_env="U"), {"U": " json://a  json://b\n"}) == ("json://a", "json://b")
    assert alert_urls(Alerts(), {"U": "json://a"}) == ()


def test_warnings(tmp_path: Path) -> None:
    """What is allowed and probably not meant is told, and is no mistake."""
    (tmp_path / "open").write_text("key")
    (tmp_path / "open").chmod(0o644)
    (tmp_path / "shut").write_text("key")
    (tmp_path / "shut").chmod(0o600)
    doubtful = Config(
        endpoints={
            "open": endpoint(key_file="open"),
            "shut": endpoint(key_file="shut"),
            "gate": endpoint("https://gate.host/v1"),
            "bare": endpoint("http://127.0.0.1:11434"),
            "unused": LAUNCHED,
        },
        suites={"s": SuiteUse(endpoints=("open", "shut", "gate", "bare"))},
        alerts=Alerts(coverage_below=0.5),
    )
    file = tmp_path / "config.toml"
    assert config_warnings(doubtful, {}, file) == [
        f"{file}: {line}"
        for line in (
            "endpoints.open.key_file names open, which others can read (fix: chmod 600 open)",
            "endpoints.gate is asked without a key: gate.host is none of the addresses with a usual variable "
            "(fix: if it needs a key, name its variable in key_env)",
            "endpoints.bare.url has no path; nearly all servers answer under /v1 "
            '(fix: write "http://127.0.0.1:11434/v1")',
            "endpoints.unused is not asked anything (fix: name it in the endpoints of a suite, or remove it)",
            "alerts tells nobody (fix: name a variable with notification URLs in urls_env)",
        )
    ]


# --- proxies -------------------------------------------------------------------------------------

PROXY = "http://proxy.internal:3128"


@pytest.mark.parametrize(
    ("url", "environ", "expected"),
    [
        ("https://gate.host/v1", {}, None),
        ("https://gate.host/v1", {"HTTPS_PROXY": PROXY}, PROXY),
        ("https://gate.host/v1", {"https_proxy": PROXY, "HTTPS_PROXY": "http://other"}, PROXY),
        ("https://gate.host/v1", {"HTTP_PROXY": PROXY}, None),
        ("http://gate.host/v1", {"HTTP_PROXY": PROXY, "HTTPS_PROXY": "http://other"}, PROXY),
        ("https://gate.host/v1", {"ALL_PROXY": PROXY}, PROXY),
        ("https://gate.host/v1", {"HTTPS_PROXY": "proxy.internal:3128"}, PROXY),
        ("https://gate.host/v1", {"HTTPS_PROXY": " "}, None),
        ("https://gate.host/v1", {"HTTPS_PROXY": PROXY, "NO_PROXY": "gate.host"}, None),
        ("https://gate.host/v1", {"HTTPS_PROXY": PROXY, "no_proxy": "a.b, .HOST"}, None),
        ("https://gate.host/v1", {"HTTPS_PROXY": PROXY, "NO_PROXY": "*.host"}, None),
        ("https://gate.host/v1", {"HTTPS_PROXY": PROXY, "NO_PROXY": "*"}, None),
        ("https://gate.host/v1", {"HTTPS_PROXY": PROXY, "NO_PROXY": "ate.host"}, PROXY),
        ("https://gate.host:8443/v1", {"HTTPS_PROXY": PROXY, "NO_PROXY": "gate.host:8443"}, None),
        ("https://gate.host/v1", {"HTTPS_PROXY": PROXY, "NO_PROXY": "gate.host:8443"}, PROXY),
        ("http://10.1.2.3:8000/v1", {"HTTP_PROXY": PROXY, "NO_PROXY": "10.0.0.0/8"}, None),
        ("http://[fd00::1]:8000/v1", {"HTTP_PROXY": PROXY, "NO_PROXY": "fd00::/8"}, None),
        ("http://11.1.2.3:8000/v1", {"HTTP_PROXY": PROXY, "NO_PROXY": "10.0.0.0/8"}, PROXY),
        ("http://127.0.0.1:8000/v1", {"HTTP_PROXY": PROXY, "ALL_PROXY": PROXY}, None),
        ("http://localhost:8000/v1", {"HTTP_PROXY": PROXY}, None),
        ("http://[::1]:8000/v1", {"HTTP_PROXY": PROXY}, None),
        (None, {"HTTP_PROXY": PROXY}, None),
    ],
)
def test_proxy_from_the_environment(url: str | None, environ: dict[str, str], expected: str | None) -> None:
    """The usual proxy variables count, except for the hosts in NO_PROXY and for this machine."""
    assert proxy_for(endpoint(url), url, environ) == expected


def test_proxy_of_one_endpoint() -> None:
    """An endpoint's own proxy wins over the environment and over NO_PROXY, but never for this machine."""
    own = endpoint(proxy=PROXY)
    environ = {"HTTPS_PROXY": "http://other", "NO_PROXY": "*", "MINE": "http://u:p@mine:1"}
    assert proxy_for(own, own.url, environ) == PROXY
    assert proxy_for(endpoint(proxy_env="MINE"), own.url, environ) == "http://u:p@mine:1"
    assert proxy_for(own, "http://127.0.0.1:1/v1", environ) is None
    assert proxy_for(LAUNCHED, "http://127.0.0.1:1/v1", environ) is None


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("socks5h://user:hunter2@h:1", "HTTPS_PROXY is a socks5h:// proxy"),
        ("http://", "HTTPS_PROXY is not the URL of a proxy"),
        ("http://hunter2:x", "HTTPS_PROXY is not the URL of a proxy"),
        ("http://a\nhunter2", "HTTPS_PROXY is not the URL of a proxy"),
    ],
)
def test_unusable_proxies(value: str, problem: str) -> None:
    """A proxy that cannot be used is a mistake that names its variable and nothing of its value."""
    environ = {"HTTPS_PROXY": value, "OPENAI_API_KEY": "key"}
    with pytest.raises(ConfigError, match=problem):
        proxy_for(endpoint(), "https://api.openai.com/v1", environ)
    (line,) = missing_keys(config(gpt=endpoint()), environ, FILE)
    assert line.startswith("config.toml: endpoints.gpt cannot be reached: ")
    assert "hunter2" not in line
