"""What of a request and a reply may be kept: allow-lists of headers, and secrets blanked where they turn up.

Authorization, cookies and account identifiers (`openai-organization`, `anthropic-organization-id`) are on no
list, so they are never kept. What is kept is searched for the endpoint's secrets in every form they are
likely to be echoed in.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus, unquote, urlsplit

from harness.config.schema import Endpoint
from harness.config.urls import BLANK, SECRETIVE, scrub_url, userinfo
from harness.records import Headers, Reply
from harness.runner.spread import blank_pieces

SHORTEST_SECRET = 8
"""Shorter strings are not searched for: placeholders such as `EMPTY` or `ollama` are ordinary words too."""
_HEADER_VALUE_CHARS = 2_000
_REMEMBERED_NAMES = 512
_SHORTEST_END = 4
"""The start of a secret at the end of a cut-off body counts as one from this length."""

_KEEP_OF_REQUEST = frozenset(
    {
        "accept", "accept-encoding", "anthropic-beta", "anthropic-version", "connection",
        "content-type", "http-referer", "openai-beta", "user-agent", "x-title",
    }
)  # fmt: skip
_KEEP_OF_RESPONSE = frozenset(
    {
        "age", "allow", "apim-request-id", "cf-cache-status", "cf-mitigated", "cf-ray", "connection",
        "content-encoding", "content-language", "content-length", "content-type", "date", "deprecation",
        "location", "openai-model", "openai-processing-ms", "openai-version", "request-id",
        "retry-after", "retry-after-ms", "server", "sunset", "transfer-encoding", "via", "warning",
        "x-amzn-errortype", "x-amzn-requestid", "x-cache", "x-envoy-upstream-service-time",
        "x-generation-id", "x-goog-request-id", "x-groq-region", "x-inference-time",
        "x-litellm-call-id", "x-litellm-model-id", "x-model-version", "x-ms-rai-invoked", "x-ms-region",
        "x-ms-request-id", "x-request-id", "x-served-by", "x-should-retry",
    }
)  # fmt: skip


class HeaderFilter:
    """Keeps the headers of one direction that are on its list, names in lower case."""

    __slots__ = ("_keep", "_names")

    def __init__(self, keep: frozenset[str]) -> None:
        self._keep = keep
        # The same few names come with every reply: each is judged once.
        self._names: dict[bytes, str | None] = {}

    def __call__(self, headers: Iterable[tuple[bytes, bytes]]) -> Headers:
        """Return what may be kept, in the order received."""
        names = self._names
        kept = []
        for raw, value in headers:
            try:
                name = names[raw]
            except KeyError:
                name = self._judge(raw)
            if name is not None:
                text = value.decode("latin-1")[:_HEADER_VALUE_CHARS]
                kept.append((name, scrub_url(text) if name in ("location", "http-referer") else text))
        return tuple(kept)

    def _judge(self, raw: bytes) -> str | None:
        name = raw.decode("latin-1").lower()
        judged = name if name in self._keep or "ratelimit" in name else None
        if len(self._names) < _REMEMBERED_NAMES:
            self._names[raw] = judged
        return judged


request_headers = HeaderFilter(_KEEP_OF_REQUEST)
response_headers = HeaderFilter(_KEEP_OF_RESPONSE)


def basic(user: str, password: str) -> str:
    """Return the value of an authorization header for a user and password."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def secrets_of(endpoint: Endpoint, key: str | None, proxy: str | None, more: Iterable[str] = ()) -> list[str]:
    """Return what is secret in how an endpoint is reached: its key, and what its URLs and headers carry."""
    found = [*more]
    if key:
        found.append(key)
    for url in (endpoint.url, endpoint.proxy, proxy):
        try:
            parts, user = urlsplit(url or ""), userinfo(url or "")
        except ValueError:
            continue
        if user is not None:
            found += [*user, basic(*user).removeprefix("Basic ")]
        for piece in parts.query.split("&"):
            name, _, value = piece.partition("=")
            if SECRETIVE.search(unquote(name)):
                found += [value, unquote(value)]
    for name, value in endpoint.headers.items():
        if SECRETIVE.search(name):
            # `Bearer abc`, `session=abc; csrf=def`: the parts are the secrets as much as the whole.
            found += [value, *re.split(r"[\s;,=]+", value)]
    return found


class Redactor:
    """Blanks every occurrence of an endpoint's secrets, in every form in which they are likely to be echoed.

    As they are, URL-quoted, in base64, hexadecimal or backwards, escaped for JSON or HTML, and in pieces.
    """

    __slots__ = ("_in_bytes", "_in_text", "_pattern")

    def __init__(self, secrets: Iterable[str]) -> None:
        forms: set[str] = set()
        for secret in secrets:
            if len(secret) >= SHORTEST_SECRET:
                forms |= _forms(secret)
        # Longest first: a form that contains another must not be left in pieces.
        self._in_text = sorted(forms, key=lambda form: (-len(form), form))
        self._in_bytes = [form.encode("utf-8", "surrogatepass") for form in self._in_text]
        self._pattern = re.compile("|".join(map(re.escape, self._in_text)) or "(?!)")

    def text(self, text: str, *, cut_off: bool = False) -> str:
        """Return a text without secrets; `cut_off` as for `data`."""
        clean = self.data(text.encode("utf-8", "surrogatepass"), cut_off=cut_off)
        return clean.decode("utf-8", "surrogatepass")

    def headers(self, headers: Headers) -> Headers:
        """Return headers without secrets, the very same object when there are none."""
        whole = "\n".join([part for pair in headers for part in pair])
        long = any(len(value) >= _HEADER_VALUE_CHARS for _, value in headers)
        if not long and not any(form in whole for form in self._in_text):
            return headers
        return tuple(
            (self.text(name), self.text(value, cut_off=len(value) >= _HEADER_VALUE_CHARS))
            for name, value in headers
        )

    def data(self, data: bytes, *, cut_off: bool = False) -> bytes:
        """Return bytes without secrets, the very same object when there are none.

        Args:
            data: a body.
            cut_off: it ends too early, so that it may end in the first part of a secret.
        """
        for form in self._in_bytes:
            if form in data:
                data = data.replace(form, BLANK.encode())
        if cut_off:
            for form in self._in_bytes:
                for length in range(min(len(form) - 1, len(data)), _SHORTEST_END - 1, -1):
                    if data.endswith(form[:length]):
                        return data[:-length] + BLANK.encode()
        return data

    def read_in(self, reply: Reply) -> bool:
        """Say whether what was read of a reply has a secret in it, though its bytes had none in one piece."""
        if not self._in_text:
            return False
        calls = [str(value) for call in reply.tool_calls for value in call.values()]
        others = (reply.reasoning, reply.refusal, reply.explanation, reply.error_message, reply.block_value)
        tokens = "".join([token for token, _ in reply.logprobs])
        whole = "\n".join((reply.text, tokens, *calls, *(each for each in others if each)))
        return any(form in whole for form in self._in_text)

    def pieces(self, body: bytes, *, cut_off: bool = False) -> bytes:
        """Return a body without secrets in pieces: over the events of a stream, over tokens, or in odd escapes."""
        return blank_pieces(body, lambda text: self._spans(text, cut_off=cut_off), BLANK)

    def _spans(self, text: str, *, cut_off: bool) -> list[tuple[int, int]]:
        found = [match.span() for match in self._pattern.finditer(text)]
        if cut_off:
            for form in self._in_text:
                for length in range(min(len(form) - 1, len(text)), _SHORTEST_END - 1, -1):
                    if text.endswith(form[:length]) and (not found or found[-1][1] <= len(text) - length):
                        return [*found, (len(text) - length, len(text))]
        return found


def _forms(secret: str) -> set[str]:
    raw = secret.encode("utf-8", "surrogatepass")
    forms = {
        secret,
        secret.lower(),  # in a header name
        secret[::-1],
        raw.hex(),
        raw.hex().upper(),
        html.escape(secret),
        html.escape(secret, quote=False),
    }
    quoted = {quote(raw, safe=""), quote(raw), quote_plus(raw)}
    forms |= quoted | {re.sub("%[0-9A-F]{2}", lambda escape: escape[0].lower(), form) for form in quoted}
    for escaped in (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]):
        forms |= {escaped, escaped.replace("/", "\\/")}
        # Go and .NET write these as numbers, so that JSON may stand in HTML.
        for unsafe in ("&<>", "&<>'+`", "&<>'+`/=-"):
            numbered = "".join(f"\\u{ord(each):04x}" if each in unsafe else each for each in escaped)
            forms |= {numbered, re.sub(r"\\u[0-9a-f]{4}", lambda code: "\\u" + code[0][2:].upper(), numbered)}
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        # Base64 of a text around the secret depends on where the secret starts in it, modulo three; the
        # characters that mix it with its neighbours are left out.
        for before in range(3):
            coded = encode(b"\0" * before + raw).decode().rstrip("=")
            start = (0, 2, 3)[before]
            end = (before + len(raw)) * 8 // 6
            forms.add(coded[start:end])
    return {form for form in forms if len(form) >= SHORTEST_SECRET}
