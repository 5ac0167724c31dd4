"""A server that misbehaves: each misbehaviour ends in its own failure, within the call's deadline, once."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

import pytest
import trustme

from harness.outcomes import decide
from harness.records import Failure, Outcome
from harness.runner import Target
from tests.asking import QuickClock, ask, endpoint, trusting
from tests.faulty import BEHAVIOURS, Faulty, chat

KEPT = 100_000


@pytest.fixture(scope="module")
def server() -> Iterator[Faulty]:
    with Faulty() as running:
        yield running


F = Failure
FAILED, ANSWERED, DENIED = Outcome.FAILED, Outcome.ANSWERED, Outcome.DENIED

TABLE: list[tuple[str, int | None, Failure | None, Outcome]] = [
    ("ok", 200, None, ANSWERED),
    ("zipped", 200, None, ANSWERED),
    ("echo", 200, None, ANSWERED),
    ("silent", None, F.READ_TIMEOUT, FAILED),
    ("slow_headers", None, F.READ_TIMEOUT, FAILED),
    ("slow_body", 200, F.DEADLINE, FAILED),
    ("stalled_body", 200, F.READ_TIMEOUT, FAILED),
    ("never_ending", 200, F.DEADLINE, FAILED),
    ("fire_hose", 200, F.TOO_LARGE, FAILED),
    ("big", 200, F.TOO_LARGE, FAILED),
    ("gzip_bomb", 200, F.TOO_LARGE, FAILED),
    ("not_gzip", 200, F.UNDECODABLE, FAILED),
    ("cut_gzip", 200, F.UNDECODABLE, FAILED),
    ("brotli", 200, F.UNDECODABLE, FAILED),
    ("reset_before_headers", None, F.RESET, FAILED),
    ("close_before_headers", None, F.RESET, FAILED),
    ("reset_mid_body", 200, F.RESET, FAILED),
    ("close_mid_body", 200, F.RESET, FAILED),
    ("close_mid_chunk", 200, F.RESET, FAILED),
    ("bad_chunk", 200, F.UNDECODABLE, FAILED),
    ("bad_length", None, F.UNDECODABLE, FAILED),
    ("negative_length", None, F.UNDECODABLE, FAILED),
    ("garbage_status", None, F.UNDECODABLE, FAILED),
    ("endless_headers", None, F.UNDECODABLE, FAILED),
    ("redirect", 307, None, FAILED),
    ("html_error", 502, None, FAILED),
    ("html_ok", 200, None, FAILED),
    ("limited_for_ever", 429, None, FAILED),
    ("limited_until_tomorrow", 429, None, FAILED),
    ("forbidden", 401, None, DENIED),
    ("early_refusal", 413, None, FAILED),
    ("broken_promise", 200, None, ANSWERED),
]
ELSEWHERE = {"stream", "limited_once", "broken_once", "scripted", "streamed_cut"}


def test_table_is_complete() -> None:
    """Every behaviour the server knows is tested, here or where its name is in `ELSEWHERE`."""
    assert {row[0] for row in TABLE} | ELSEWHERE == set(BEHAVIOURS)


@pytest.mark.parametrize(("mode", "status", "failure", "outcome"), TABLE)
async def test_misbehaviour(
    server: Faulty, mode: str, status: int | None, failure: Failure | None, outcome: Outcome
) -> None:
    """Each misbehaviour gives one final exchange with the right failure and outcome, of bounded size."""
    limits = {"timeout_s": 0.5 if failure in (F.READ_TIMEOUT, F.DEADLINE) else 10.0, "reply_bytes": KEPT}
    (sent,) = await ask(endpoint(server.url(mode), limits=limits))
    exchange = sent.exchange
    assert (exchange.status, exchange.failure) == (status, failure), exchange.failure_detail
    assert exchange.final
    assert (sent.reply is None) == (status is None)
    assert decide(exchange, sent.reply, "test-model").outcome is outcome
    assert (failure is None) == (exchange.failure_detail == "")
    assert len(exchange.response_body) <= KEPT


@pytest.mark.parametrize(
    ("mode", "kept"),
    [
        ("slow_body", chat()[:5]),
        ("stalled_body", chat()[:40]),
        ("reset_mid_body", chat()[:100]),
        ("close_mid_body", chat()[:100]),
        ("close_mid_chunk", chat()[:100]),
        ("bad_chunk", b"hello"),
        ("fire_hose", b"x" * KEPT),
        ("big", b"y" * KEPT),
        ("gzip_bomb", b"z" * KEPT),
        ("cut_gzip", chat()[:200]),
    ],
)
async def test_part_of_a_reply_is_kept(server: Faulty, mode: str, kept: bytes) -> None:
    """What had come when the reply failed is evidence and is kept."""
    limits = {"timeout_s": 0.5 if mode in ("slow_body", "stalled_body") else 10.0, "reply_bytes": KEPT}
    (sent,) = await ask(endpoint(server.url(mode), limits=limits))
    assert sent.exchange.failure is not None
    assert sent.exchange.response_body.startswith(kept)


async def test_stream_cut_after_content(server: Faulty) -> None:
    """A stream cut after content is a cut, one without an end a missed deadline; both keep what came."""
    (cut,) = await ask(endpoint(server.url("streamed_cut"), stream=True))
    assert cut.exchange.failure is Failure.RESET
    assert decide(cut.exchange, cut.reply, "test-model").outcome is Outcome.CUT
    assert cut.exchange.timing.first_token_ms is not None
    (endless,) = await ask(endpoint(server.url("never_ending"), stream=True, limits={"timeout_s": 0.4}))
    assert endless.exchange.failure is Failure.DEADLINE
    assert endless.exchange.timing.gap_max_ms is not None
    assert endless.reply is not None
    assert endless.reply.text.startswith("on and on and")


async def test_redirect_is_not_followed(server: Faulty) -> None:
    """A redirect to another host is stored as what it is; the other host is never contacted."""
    with Faulty() as other:
        server.elsewhere = other.url("ok", userinfo="me:hunter2hunter2@") + "?api_key=geheim-geheim"
        (sent,) = await ask(Target(endpoint(server.url("redirect")), key="sk-0123456789"))
        assert sent.exchange.status == 307
        assert (other.connections, other.requests) == (0, [])
        kept = dict(sent.exchange.response_headers)["location"]
        assert kept == other.url("ok") + "?api_key=[redacted]"


async def test_nothing_listens() -> None:
    """A refused connection is a connect failure."""
    (sent,) = await ask(endpoint("http://127.0.0.1:1/v1"))
    assert (sent.exchange.failure, sent.cost_usd) == (Failure.CONNECT, 0.0)


async def test_unknown_name() -> None:
    """A name that does not resolve is a connect failure."""
    (sent,) = await ask(endpoint("http://nobody.invalid/v1"))
    assert sent.exchange.failure is Failure.CONNECT


async def test_connection_that_never_opens() -> None:
    """A line that takes too long to open is told from one that is silent."""
    import socket

    # A listener with a full queue: the kernel leaves further handshakes unanswered.
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        queue = [socket.socket() for _ in range(3)]
        for waiting in queue:
            waiting.setblocking(False)
            waiting.connect_ex(address)
        (sent,) = await ask(endpoint(f"http://127.0.0.1:{address[1]}/v1", limits={"timeout_s": 0.5}))
        for waiting in queue:
            waiting.close()
    assert (sent.exchange.failure, sent.exchange.status) == (Failure.CONNECT_TIMEOUT, None)


async def test_plain_text_on_https(server: Faulty) -> None:
    """A server that speaks no TLS where TLS is asked is a TLS failure, and is never shown the key."""
    before = len(server.requests)
    (sent,) = await ask(Target(endpoint(server.url("ok", scheme="https")), key="sk-0123456789"))
    assert sent.exchange.failure is Failure.TLS
    assert len(server.requests) == before


async def test_certificates_are_verified() -> None:
    """A certificate from nobody we trust, or for another name, is a TLS failure; a right one is not."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with Faulty(context) as server:
        (untrusted,) = await ask(endpoint(server.url("ok")))
        assert untrusted.exchange.failure is Failure.TLS
        assert "certificate" in untrusted.exchange.failure_detail.lower()
        trust = trusting(authority)
        (misnamed,) = await ask(Target(endpoint(server.url("ok", host="localhost")), tls=trust))
        assert misnamed.exchange.failure is Failure.TLS
        assert server.requests == []
        (right,) = await ask(Target(endpoint(server.url("ok")), tls=trust))
        assert right.exchange.status == 200


async def test_proxy_is_used(server: Faulty) -> None:
    """A request goes through the proxy it is given, which is shown its own password and not recorded."""
    with Faulty() as proxy:
        through = f"http://me:hunter2hunter2@127.0.0.1:{proxy.port}"
        for target in (
            Target(endpoint("http://far.invalid/ok/v1"), proxy=through),
            Target(endpoint("http://far.invalid/ok/v1", proxy=through), proxy="http://127.0.0.1:1"),
        ):
            (sent,) = await ask(target)
            assert sent.exchange.status == 200, sent.exchange.failure_detail
            asked = proxy.requests[-1]
            assert asked.head.startswith(b"POST http://far.invalid/")
            assert asked.header("proxy-authorization") == "Basic bWU6aHVudGVyMmh1bnRlcjI="
            assert "hunter2" not in repr(sent)
    (gone,) = await ask(Target(endpoint("http://far.invalid/v1"), proxy="http://127.0.0.1:1"))
    assert gone.exchange.failure is Failure.CONNECT


async def test_https_through_a_refusing_proxy(server: Faulty) -> None:
    """A proxy that refuses to open a line is a connect failure."""
    with Faulty() as proxy:
        through = f"http://127.0.0.1:{proxy.port}"
        (sent,) = await ask(
            Target(endpoint("https://forbidden/forbidden/v1"), proxy=through), clock=QuickClock()
        )
    assert sent.exchange.failure in (Failure.CONNECT, Failure.RESET)
