"""What can be wrong with an address, and which addresses stay on this machine."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, unquote, urlsplit

from harness.config.shown import plain

_PLACEHOLDER = re.compile(r"<[^<>]*>|\$?\{[^{}]*\}|\$\w+|\byour[-_]\w+", re.IGNORECASE)
_PASTED_PATH = re.compile(
    r"/(?:v1/)?(?:chat/completions|completions|responses|messages|embeddings|models(?:/[^/]*)?)/?$|/models/[^/]+:\w+$"
)
_OWN_PATHS: dict[str, dict[str, tuple[str, ...]]] = {
    "api.openai.com": {"openai-chat": ("/v1",), "openai-responses": ("/v1",)},
    "api.anthropic.com": {"anthropic-messages": ("",), "openai-chat": ("/v1",)},
    "generativelanguage.googleapis.com": {"gemini": ("/v1beta", "/v1"), "openai-chat": ("/v1beta/openai",)},
}
"""The providers' own hosts, the protocols each speaks, and the path of the base URL."""
KEY_VARIABLES: dict[str, tuple[str, ...]] = {
    "api.openai.com": ("OPENAI_API_KEY",),
    "api.anthropic.com": ("ANTHROPIC_API_KEY",),
    "generativelanguage.googleapis.com": ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
}
"""The variables everybody keeps a provider's key in. Used at the provider's own address only, so that
a key never travels to somebody else's."""

SECRETIVE = re.compile(
    r"auth|cookie|credential|key|passw|pwd|secret|session|sig$|signature|token", re.IGNORECASE
)
"""Names of headers and parameters whose values are secrets."""
BLANK = "[redacted]"
"""What stands in the place of a secret."""

Problem = tuple[str, str]
"""What is wrong, and the fix."""


def split(url: str) -> SplitResult | None:
    """Split a URL; None when it is none."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts


def host_of(url: str | None) -> str:
    """Return the host of a URL in lower case, or nothing."""
    parts = split(url) if url else None
    return (parts.hostname or "").rstrip(".") if parts is not None else ""


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def problems(url: str, protocol: str | None) -> list[Problem]:
    """Return everything that is wrong with an endpoint's base URL."""
    if any(character.isspace() or not character.isprintable() for character in url):
        return [("has a space or control character in it", "remove it")]
    placeholder = _PLACEHOLDER.search(url)
    if placeholder:
        return [(f"still has the placeholder {plain(placeholder[0])}", "put your own value there")]
    found = _address_problems(url, ("http", "https"), "https://api.openai.com/v1")
    parts = split(url)
    if found or parts is None:
        return found
    if parts.username is not None or parts.password is not None:
        found.append(("has a user name or password in it", "take it out and put the key in key_env"))
    if parts.query:
        found.append(
            (
                "has a query",
                "leave out everything from the ?; a key belongs in key_env, other settings in body",
            )
        )
    if parts.fragment:
        found.append(("has a fragment", "leave out everything from the #"))
    if not found:
        found.extend(_path_problems(parts, protocol))
    return found


def proxy_problems(url: str) -> list[Problem]:
    """Return everything that is wrong with a proxy's URL."""
    if any(character.isspace() or not character.isprintable() for character in url):
        return [("has a space or control character in it", "remove it")]
    found = _address_problems(url, ("http", "https"), "http://proxy.internal:3128")
    parts = split(url)
    if not found and parts is not None and (parts.username is not None or parts.password is not None):
        found.append(
            ("has a user name or password in it", "put the whole URL in a variable and name it in proxy_env")
        )
    return found


def _address_problems(url: str, schemes: tuple[str, ...], example: str) -> list[Problem]:
    parts = split(url)
    if parts is None:
        return [("is not a URL", f"write it like {example}")]
    if "://" not in url:
        return [
            ("has no scheme", f"begin it with {'http' if is_loopback(host_of('//' + url)) else 'https'}://")
        ]
    if parts.scheme not in schemes:
        return [
            (
                f"has the scheme {plain(parts.scheme) or 'nothing'}",
                f"use one of {', '.join(f'{s}://' for s in schemes)}",
            )
        ]
    if not parts.hostname:
        return [("names no host", f"write it like {example}")]
    return []


def _path_problems(parts: SplitResult, protocol: str | None) -> list[Problem]:
    base = f"{parts.scheme}://{parts.netloc}"
    pasted = _PASTED_PATH.search(parts.path)
    if pasted:
        kept = parts.path[: pasted.start()]
        if pasted[0].startswith("/v1/") and protocol != "anthropic-messages":
            kept += "/v1"
        return [
            (f"ends in {plain(pasted[0])}, which harness adds itself", f'write "{plain(base + kept, 200)}"')
        ]
    host = (parts.hostname or "").rstrip(".")
    path = parts.path.rstrip("/")
    own = _OWN_PATHS.get(host)
    if own is not None and protocol is not None and protocol not in own:
        return [(f"is not spoken to in {protocol}", f'set protocol = "{next(iter(own))}"')]
    if own is not None and protocol is not None:
        if path not in own[protocol]:
            return [("is not this provider's base URL", f'write "{base}{own[protocol][0]}"')]
    elif protocol == "anthropic-messages" and path.endswith("/v1"):
        return [("ends in /v1, which harness adds itself", f'write "{plain(base + path[:-3], 200)}"')]
    return []


def scrub_url(url: str) -> str:
    """Return a URL without userinfo and fragment, and with the values of key-like parameters blanked."""
    try:
        parts = urlsplit(url)
        netloc = parts.netloc.rpartition("@")[2]
        query = "&".join(
            f"{name}={BLANK}" if equals and SECRETIVE.search(unquote(name)) else name + equals + value
            for name, equals, value in (piece.partition("=") for piece in parts.query.split("&"))
        )
        return parts._replace(netloc=netloc, query=query, fragment="").geturl()
    except ValueError:
        return "[unreadable URL]"


def userinfo(url: str) -> tuple[str, str] | None:
    """Return the user and password of a URL, decoded; None when it has none."""
    netloc = urlsplit(url).netloc
    if "@" not in netloc:
        return None
    user, _, password = netloc.rpartition("@")[0].partition(":")
    return unquote(user), unquote(password)
