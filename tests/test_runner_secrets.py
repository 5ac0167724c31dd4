"""Keys never reach the evidence, in whatever form and wherever a provider echoes them."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import zlib
from collections.abc import Iterator
from urllib.parse import quote

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.config.urls import scrub_url
from harness.runner import Target
from harness.runner.decoding import UndecodableError, decoder
from harness.runner.evidence import Redactor, request_headers, response_headers
from tests.asking import ask, endpoint
from tests.faulty import Faulty, chat, message

KEY = 'sk-proj/A+b"C=9876543210é'


@pytest.fixture(scope="module")
def server() -> Iterator[Faulty]:
    with Faulty() as running:
        yield running


def forms(secret: str) -> list[bytes]:
    raw = secret.encode()
    return [
        raw,
        quote(secret, safe="").encode(),
        json.dumps(secret)[1:-1].encode(),
        base64.b64encode(raw).rstrip(b"=")[:-1],
    ]


async def test_key_is_nowhere(server: Faulty) -> None:
    """A key sent in a header, echoed in body, headers and cookies, is in no field of the exchange."""
    (sent,) = await ask(Target(endpoint(server.url("echo")), key="sk-0123456789abcdef"))
    assert b"sk-0123456789abcdef" in server.requests[-1].head
    assert "0123456789" not in repr(sent)
    assert sent.exchange.redacted
    assert b"[redacted]" in sent.exchange.response_body
    names = {name for name, _ in sent.exchange.response_headers}
    assert "x-request-id" in names
    assert names.isdisjoint({"set-cookie", "openai-organization"})
    assert dict(sent.exchange.response_headers)["location"] == "http://example.invalid/?key=[redacted]"


async def test_userinfo_and_query_keys_are_nowhere(server: Faulty) -> None:
    """A password in the URL is sent as authorization, a key in the query as asked; neither is recorded."""
    url = server.url("echo", userinfo="ann%40home:pass%2Fword-1234@") + "?api-key=query-key-5678&version=7"
    (sent,) = await ask(endpoint(url))
    asked = server.requests[-1]
    assert asked.header("authorization") == "Basic " + base64.b64encode(b"ann@home:pass/word-1234").decode()
    assert b"?api-key=query-key-5678&version=7" in asked.head
    assert sent.exchange.url == server.url("echo") + "/chat/completions?api-key=[redacted]&version=7"
    for form in (*forms("pass/word-1234"), *forms("query-key-5678"), b"ann@home:", b"YW5uQGhvbWU6cGFzcy93"):
        assert form.decode() not in repr(sent)
        assert form not in sent.exchange.response_body


async def test_keys_in_headers_and_body_are_nowhere(server: Faulty) -> None:
    """Keys that the config puts into extra headers or the body are found too; ordinary headers are kept."""
    headers = {
        "x-gateway-token": "Bearer gate-way-key-1",
        "cookie": "sid=cookie-value-22",
        "x-title": "our study",
    }
    target = endpoint(server.url("echo"), headers=headers, body={"user_key": "sk-0123456789abcdef"})
    (sent,) = await ask(Target(target, key="sk-0123456789abcdef"))
    for secret in ("gate-way-key-1", "cookie-value-22", "sk-0123456789abcdef"):
        assert secret not in repr(sent)
    assert b'"user_key":"[redacted]"' in sent.exchange.request_body
    assert dict(sent.exchange.request_headers)["x-title"] == "our study"


@pytest.mark.parametrize("form", forms(KEY))
async def test_every_form_is_blanked(server: Faulty, form: bytes) -> None:
    """A key that comes back quoted, escaped or in base64 is blanked as well."""
    server.script = [message(b'{"echo": "' + form + b'"}')]
    (sent,) = await ask(Target(endpoint(server.url("scripted")), secrets=(KEY,)))
    assert form not in sent.exchange.response_body
    assert sent.exchange.redacted


async def test_start_of_a_key_at_a_cut_is_blanked(server: Faulty) -> None:
    """A reply cut off in the middle of an echoed key does not keep the key's first part."""
    server.script = [b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\nyour key is sk-0123456789abc"]
    (sent,) = await ask(Target(endpoint(server.url("scripted")), key="sk-0123456789abcdef"))
    assert sent.exchange.response_body == b"your key is [redacted]"


async def test_failure_detail_is_clean(server: Faulty) -> None:
    """A key that stands in what the library says about a failure is blanked."""
    server.script = [b"sk-0123456789abcdef is no status line\r\n\r\n"]
    (sent,) = await ask(Target(endpoint(server.url("scripted")), key="sk-0123456789abcdef"))
    assert sent.exchange.failure_detail
    assert "0123456789" not in repr(sent)


async def test_placeholder_keys_change_nothing(server: Faulty) -> None:
    """A short word given as key, as local servers want, is not cut out of the answers."""
    server.script = [message(chat("The ollama is an animal."))]
    (sent,) = await ask(Target(endpoint(server.url("scripted")), key="ollama"))
    assert sent.reply is not None
    assert sent.reply.text == "The ollama is an animal."
    assert not sent.exchange.redacted


def test_target_hides_its_key() -> None:
    """A target does not show its key when it is printed."""
    assert "secret" not in repr(Target(endpoint("http://x.invalid/v1"), key="secret-key"))


secret_texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=8, max_size=40)


@settings(max_examples=200, deadline=None)
@given(secret_texts, st.binary(max_size=30), st.binary(max_size=30))
def test_redactor_finds_every_form(secret: str, before: bytes, after: bytes) -> None:
    """Whatever the secret, none of its usual forms survives, wherever it stands."""
    redactor = Redactor([secret])
    raw = secret.encode()
    for form in (raw, quote(secret, safe="").encode(), json.dumps(secret)[1:-1].encode()):
        assert form not in redactor.data(before + form + after)
    whole = base64.b64encode(before + raw + after)
    blanked = redactor.data(whole)
    assert blanked is not whole
    assert redactor.text(f"x{secret}y") == "x[redacted]y"


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_redactor_leaves_the_rest(data: bytes) -> None:
    """Bytes without a secret come back as the very same object."""
    redactor = Redactor(["sk-0123456789abcdef", "short"])
    assert redactor.data(data) is data
    assert Redactor([]).data(data, cut_off=True) is data


@pytest.mark.parametrize(
    ("url", "scrubbed"),
    [
        ("https://api.example.com/v1", "https://api.example.com/v1"),
        ("https://u:p@api.example.com:8443/v1?a=1", "https://api.example.com:8443/v1?a=1"),
        (
            "https://x.invalid/?key=1&API_KEY=2&a=3&sig=4",
            "https://x.invalid/?key=[redacted]&API_KEY=[redacted]&a=3&sig=[redacted]",
        ),
        (
            "https://x.invalid/?X-Amz-Signature=1&alt=sse",
            "https://x.invalid/?X-Amz-Signature=[redacted]&alt=sse",
        ),
        ("https://x.invalid/a#access_token=1", "https://x.invalid/a"),
        ("http://[bad/", "[unreadable URL]"),
    ],
)
def test_scrub_url(url: str, scrubbed: str) -> None:
    """A stored URL has no userinfo, no fragment and no key-like parameter."""
    assert scrub_url(url) == scrubbed


def test_header_lists() -> None:
    """Request ids, limits and versions are kept; authorization, cookies and account ids are not."""
    received = [
        (b"Content-Type", b"application/json"),
        (b"X-Request-ID", b"r1"),
        (b"anthropic-ratelimit-requests-remaining", b"4"),
        (b"X-RateLimit-Reset-Tokens", b"6m0s"),
        (b"CF-Ray", b"8f"),
        (b"Set-Cookie", b"a=b"),
        (b"openai-organization", b"org-1"),
        (b"anthropic-organization-id", b"o"),
        (b"x-api-key", b"k"),
    ]
    kept = "content-type x-request-id anthropic-ratelimit-requests-remaining x-ratelimit-reset-tokens cf-ray"
    assert " ".join(name for name, _ in response_headers(received)) == kept
    asked = [(b"authorization", b"x"), (b"x-api-key", b"x"), (b"api-key", b"x"), (b"x-goog-api-key", b"x"),
             (b"cookie", b"x"), (b"proxy-authorization", b"x"), (b"user-agent", b"harness/1")]  # fmt: skip
    assert request_headers(asked) == (("user-agent", "harness/1"),)


# --- content encodings ------------------------------------------------------------------------


def encoded(content: bytes) -> dict[str, bytes]:
    bare = zlib.compressobj(wbits=-15)
    half = len(content) // 2
    return {
        "gzip": gzip.compress(content[:half]) + gzip.compress(content[half:]) + b"\0" * 9,
        "x-gzip": gzip.compress(content),
        "deflate": zlib.compress(content),
        "Deflate ": bare.compress(content) + bare.flush(),
        "zstd": zstandard.compress(content[:half]) + zstandard.compress(content[half:]),
    }


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=4000), st.integers(1, 400))
def test_decoding_gives_the_content(content: bytes, step: int) -> None:
    """Every encoding is undone, however the bytes are cut into pieces."""
    for name, data in encoded(content).items():
        undo = decoder(name)
        assert undo is not None
        pieces = [undo.feed(data[at : at + step], 10**6) for at in range(0, len(data), step)]
        undo.finish()
        assert b"".join(pieces) == content, name


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(["gzip", "deflate", "zstd"]), st.binary(max_size=300), st.integers(0, 1000))
def test_decoding_is_bounded(name: str, data: bytes, room: int) -> None:
    """Whatever the bytes, decoding makes no more than asked for, or says that it cannot."""
    undo = decoder(name)
    assert undo is not None
    with contextlib.suppress(UndecodableError):
        assert len(undo.feed(data, room)) <= room + 1


@pytest.mark.parametrize("name", ["gzip", "deflate", "zstd"])
def test_bombs_are_bounded(name: str) -> None:
    """A small body that unpacks to very much stops at the bound, and shows that there was more."""
    bomb = encoded(bytes(30_000_000))[name]
    undo = decoder(name)
    assert undo is not None
    assert len(undo.feed(bomb, 5000)) == 5001


def test_identity_needs_no_decoder() -> None:
    """Plain bytes are taken as they are."""
    assert decoder("identity") is None
    assert decoder("") is None
