"""Keys and proxies, out of the environment or a file: the only place that looks there.

No message repeats a key, not even a part of one.
"""

from __future__ import annotations

import ipaddress
import stat
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from harness.config import urls
from harness.config.schema import Alerts, Config, Endpoint
from harness.config.shown import Mistake, Where, file_text, plain, plain_path
from harness.errors import ConfigError

_LONGEST_KEY = 16_384
DEFAULT_FILE = Path("config.toml")


def read_key(
    endpoint: Endpoint, environ: Mapping[str, str], folder: Path = Path(), name: str = "NAME"
) -> str | None:
    """Return an endpoint's key, or None when it is asked without one.

    Asked without a key are launched servers, and all servers other than the providers' own whose endpoint
    names neither `key_env` nor `key_file`.

    Args:
        endpoint: the endpoint.
        environ: the environment.
        folder: what a relative `key_file` is relative to: the config's folder.
        name: the endpoint's name, for the message.

    Raises:
        ConfigError: the key is missing, cannot be read, or cannot be a key.
    """
    key = _key(endpoint, environ, folder, ("endpoints", name))
    if isinstance(key, Mistake):
        raise ConfigError(key.line(file_text(folder / DEFAULT_FILE)))
    return key


def read_keys(
    config: Config,
    environ: Mapping[str, str],
    file: Path = DEFAULT_FILE,
    endpoints: Collection[str] | None = None,
) -> dict[str, str | None]:
    """Return the key of every endpoint that would be asked (or of the named ones).

    Raises:
        ConfigError: with everything that sending needs and the machine does not have; see `missing_keys`.
    """
    missing = missing_keys(config, environ, file, endpoints)
    if missing:
        raise ConfigError(missing)
    return {
        name: read_key(config.endpoints[name], environ, file.parent, name)
        for name in _asked(config, endpoints)
    }


def missing_keys(
    config: Config,
    environ: Mapping[str, str],
    file: Path = DEFAULT_FILE,
    endpoints: Collection[str] | None = None,
) -> list[str]:
    """Return one line for everything in the environment that sending needs and that is not usable.

    Covers keys and proxies of the endpoints that some suite is asked of (or of the named ones), and the
    notification URLs. A mistake only for commands that send: reading results needs no key.
    """
    found: list[Mistake] = []
    for name in _asked(config, endpoints):
        endpoint = config.endpoints[name]
        key = _key(endpoint, environ, file.parent, ("endpoints", name))
        if isinstance(key, Mistake):
            found.append(key)
        proxy = _proxy(endpoint, endpoint.url, environ, ("endpoints", name))
        if isinstance(proxy, Mistake):
            found.append(proxy)
    variable = config.alerts.urls_env
    if variable is not None and not environ.get(variable, "").strip():
        fix = f"export {variable}=..., or remove urls_env to be told nothing"
        found.append(Mistake(("alerts", "urls_env"), f"names {variable}, which is not set", fix))
    return list(dict.fromkeys(mistake.line(file_text(file)) for mistake in found))


def config_warnings(config: Config, environ: Mapping[str, str], file: Path = DEFAULT_FILE) -> list[str]:
    """Return one line for everything that is allowed and probably not meant."""
    asked = _asked(config, None)
    found = [
        mistake
        for name in config.endpoints
        for mistake in _doubts(config, name, environ, file.parent, name in asked)
    ]
    if config.alerts.model_fields_set and config.alerts.urls_env is None:
        found.append(
            Mistake(("alerts",), "tells nobody", "name a variable with notification URLs in urls_env")
        )
    return [mistake.line(file_text(file)) for mistake in found]


def alert_urls(alerts: Alerts, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the notification URLs; they hold secrets and are never to be shown."""
    return tuple(environ.get(alerts.urls_env, "").split()) if alerts.urls_env is not None else ()


def proxy_for(endpoint: Endpoint, url: str | None, environ: Mapping[str, str]) -> str | None:
    """Return the proxy through which a URL is reached, or None for a straight line.

    The endpoint's own proxy wins over HTTPS_PROXY, HTTP_PROXY and ALL_PROXY; NO_PROXY lifts only those three.
    This machine itself is never reached through a proxy.

    Raises:
        ConfigError: the environment names a proxy of a kind harness cannot use.
    """
    proxy = _proxy(endpoint, url, environ, ())
    if isinstance(proxy, Mistake):
        raise ConfigError(proxy.line("environment"))
    return proxy


# --- keys ----------------------------------------------------------------------------------------


def _asked(config: Config, endpoints: Collection[str] | None) -> list[str]:
    """Return the endpoints that some suite is asked of or that judge, or the named ones, in the config's order."""
    if endpoints is not None:
        return [name for name in config.endpoints if name in endpoints]
    asked = {judge.endpoint for judge in config.judges.values()}
    asked.update(*(config.asked(suite) for suite in config.suites))
    return [name for name in config.endpoints if name in asked]


def _key(endpoint: Endpoint, environ: Mapping[str, str], folder: Path, where: Where) -> str | Mistake | None:
    if endpoint.launch is not None:
        return None
    if endpoint.key_file is not None:
        return _key_from_file(endpoint.key_file, environ, folder, (*where, "key_file"))
    if endpoint.key_env is not None:
        return _key_from_variable(endpoint.key_env, environ, (*where, "key_env"))
    variables = urls.KEY_VARIABLES.get(urls.host_of(endpoint.url), ())
    for variable in variables:
        if environ.get(variable):
            return _key_from_variable(variable, environ, where)
    if variables:
        text = f"needs a key and {' or '.join(variables)} is not set"
        return Mistake(where, text, f"export {variables[0]}=..., or name another variable in key_env")
    return None


def _key_from_variable(variable: str, environ: Mapping[str, str], where: Where) -> str | Mistake:
    value = environ.get(variable)
    if value is None:
        return Mistake(where, f"names {variable}, which is not set", f"export {variable}=...")
    problem = _not_a_key(value)
    if problem is not None:
        return Mistake(where, f"names {variable}, {problem}", f"set {variable} to the key alone")
    return value


def _key_from_file(name: str, environ: Mapping[str, str], folder: Path, where: Where) -> str | Mistake:
    shown = plain_path(name)
    try:
        with _key_path(name, environ, folder).open("rb") as file:
            data = file.read(_LONGEST_KEY + 1)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return Mistake(
            where, f"names {shown}, which cannot be read: {why}", "check the path and its permissions"
        )
    problem = _not_a_key(data.decode("utf-8", "replace").rstrip("\r\n"))
    if problem is not None:
        return Mistake(where, f"names {shown}, {problem}", "write the key into it, alone on one line")
    return data.decode("ascii").rstrip("\r\n")


def _key_path(name: str, environ: Mapping[str, str], folder: Path) -> Path:
    """Return where a key file lies; `~/` is the home folder."""
    home = environ.get("HOME")
    return Path(home) / name[2:] if home and name.startswith("~/") else folder / name


def _not_a_key(value: str) -> str | None:
    """Return why a value cannot be sent as a key, without repeating any of it."""
    if not value.strip():
        return "which is empty"
    if len(value) > _LONGEST_KEY:
        return f"which is longer than {_LONGEST_KEY:,} characters: no key"
    if value != value.strip() or any(character in value for character in " \t\r\n"):
        return "which has a space or line break in it"
    if not all("!" <= character <= "~" for character in value):
        return "which has a control or non-ASCII character in it"
    return None


def _doubts(
    config: Config, name: str, environ: Mapping[str, str], folder: Path, asked: bool
) -> Iterator[Mistake]:
    endpoint = config.endpoints[name]
    where: Where = ("endpoints", name)
    host = urls.host_of(endpoint.url)
    if not asked:
        yield Mistake(where, "is not asked anything", "name it in the endpoints of a suite, or remove it")
    if endpoint.key_file is not None and _open_to_others(_key_path(endpoint.key_file, environ, folder)):
        shown = plain_path(endpoint.key_file)
        yield Mistake((*where, "key_file"), f"names {shown}, which others can read", f"chmod 600 {shown}")
    if endpoint.url is None:
        return
    unkeyed = endpoint.key_env is None and endpoint.key_file is None and host not in urls.KEY_VARIABLES
    if unkeyed and endpoint.url.lower().startswith("https://") and not urls.is_loopback(host):
        yield Mistake(where, f"is asked without a key: {host} is none of the addresses with a usual variable",
                      "if it needs a key, name its variable in key_env")  # fmt: skip
    parts = urls.split(endpoint.url)
    if endpoint.protocol.startswith("openai") and parts is not None and parts.path in ("", "/"):
        text = "has no path; nearly all servers answer under /v1"
        yield Mistake((*where, "url"), text, f'write "{plain(endpoint.url.rstrip("/"), 200)}/v1"')


def _open_to_others(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))
    except (OSError, ValueError):
        return False


# --- proxies -------------------------------------------------------------------------------------


def _proxy(
    endpoint: Endpoint, url: str | None, environ: Mapping[str, str], where: Where
) -> str | Mistake | None:
    parts = urls.split(url) if url else None
    host = urls.host_of(url)
    if parts is None or not host or endpoint.launch is not None or urls.is_loopback(host):
        return None
    if endpoint.proxy is not None:
        return endpoint.proxy
    if endpoint.proxy_env is not None:
        named = environ.get(endpoint.proxy_env, "").strip()
        if not named:
            text = f"names {endpoint.proxy_env}, which is not set"
            return Mistake(
                (*where, "proxy_env"), text, f"export {endpoint.proxy_env}=..., or remove proxy_env"
            )
        return _usable_proxy(endpoint.proxy_env, named, (*where, "proxy_env"))
    names = ("https_proxy", "all_proxy") if parts.scheme == "https" else ("http_proxy", "all_proxy")
    for name in names:
        # Lower case first, as curl and requests do.
        for variable in (name, name.upper()):
            value = environ.get(variable, "").strip()
            if value:
                return None if _bypassed(host, parts.port, environ) else _usable_proxy(variable, value, where)
    return None


def _usable_proxy(variable: str, value: str, where: Where) -> str | Mistake:
    proxy = value if "://" in value else f"http://{value}"
    parts = urls.split(proxy)
    if parts is None or not parts.hostname or not proxy.isprintable() or " " in proxy:
        text = f"cannot be reached: {variable} is not the URL of a proxy"
        return Mistake(where, text, f"set {variable} to a URL like http://proxy.internal:3128")
    if parts.scheme not in ("http", "https"):
        fix = "use an http:// proxy, or name the host in NO_PROXY"
        return Mistake(where, f"cannot be reached: {variable} is a {parts.scheme}:// proxy", fix)
    return proxy


def _bypassed(host: str, port: int | None, environ: Mapping[str, str]) -> bool:
    """Say whether NO_PROXY names the host: by name, by suffix, by network, or all with `*`."""
    listed = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    return any(_covers(entry.strip().lower(), host, port) for entry in listed.split(",") if entry.strip())


def _covers(entry: str, host: str, port: int | None) -> bool:
    if entry == "*":
        return True
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        # One of the two is no address: compare names, with a port or without.
        name, _, its_port = entry.partition(":")
        name = name.removeprefix("*").lstrip(".")
        return (host == name or host.endswith(f".{name}")) and its_port in ("", str(port))
