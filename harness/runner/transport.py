"""One request over the line and what came back, whatever happens: failures are results, not exceptions.

httpx's request and response types over aiohttp's connections. The transport is called directly: a client
object around it would add redirects, cookies and environment proxies that a measurement must not have, and
costs more than all the rest of an exchange.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import weakref
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import aiohttp
import httpx
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.http_exceptions import ContentLengthError, HttpProcessingError
from httpx_aiohttp import AiohttpTransport

from harness.config.urls import userinfo
from harness.limits import Clock
from harness.records import Failure
from harness.runner.decoding import Decoder, UndecodableError, decoder
from harness.runner.evidence import basic

_CONNECT_S = 30.0
"""No line that takes longer to open is worth waiting for."""
_IDLE_S = 15.0
"""Idle connections are closed after this, before most servers do it."""
_CLOSE_S = 1.0
_LONGEST_LINE = 1_000_000
_GAPS = 100_000
_DETAIL_CHARS = 300


@dataclass(slots=True)
class Received:
    """What one request came to."""

    sent_us: int
    status: int | None = None
    headers: Sequence[tuple[bytes, bytes]] = ()
    body: bytes = b""
    failure: Failure | None = None
    detail: str = ""
    unsent: bool = False
    """It is certain that the server never saw the request."""
    total_ms: float = 0.0
    headers_ms: float | None = None
    first_token_ms: float | None = None
    gap_median_ms: float | None = None
    gap_max_ms: float | None = None


class Events:
    """When the content of a stream arrived: counts whole lines that carry some, in pieces as they come."""

    def __init__(self, is_content: Callable[[bytes], bool]) -> None:
        self._is_content = is_content
        self._rest: list[bytes] = []
        self._rest_bytes = 0
        self._first_s: float | None = None
        self._last_s = 0.0
        self._gaps_ms = array("d")

    def feed(self, piece: bytes, now_s: float) -> None:
        """Take the next bytes of the stream, which arrived at `now_s`."""
        end = piece.rfind(b"\n") + 1
        if not end:
            # A line without an end would otherwise be gathered for ever; so long a one is not an event.
            if self._rest_bytes < _LONGEST_LINE:
                self._rest.append(piece)
                self._rest_bytes += len(piece)
            return
        lines = b"".join((*self._rest, piece[:end])).split(b"\n")
        self._rest, self._rest_bytes = [piece[end:]], len(piece) - end
        for line in lines:
            if line and self._is_content(line):
                self._count(now_s)

    def _count(self, now_s: float) -> None:
        if self._first_s is None:
            self._first_s = now_s
        elif len(self._gaps_ms) < _GAPS:
            self._gaps_ms.append((now_s - self._last_s) * 1e3)
        self._last_s = now_s

    def into(self, received: Received, started_s: float) -> None:
        """Write the summary."""
        if self._first_s is not None:
            received.first_token_ms = (self._first_s - started_s) * 1e3
        if self._gaps_ms:
            gaps = sorted(self._gaps_ms)
            middle = len(gaps) // 2
            received.gap_median_ms = (gaps[middle] + gaps[~middle]) / 2
            received.gap_max_ms = gaps[-1]


class _Watch:
    """Ends the reading of a body when its connection is gone."""

    def __init__(self, protocol: ResponseHandler) -> None:
        self._protocol = weakref.ref(protocol)
        self.content: aiohttp.StreamReader | None = None

    def lost(self, closed: asyncio.Future[None]) -> None:
        closed.exception()  # seen, and of no further use
        content, protocol = self.content, self._protocol()
        if content is None or protocol is None or content.is_eof() or content.exception() is not None:
            return
        cause = protocol.exception()
        lost = aiohttp.ClientPayloadError("the reply's framing cannot be read")
        lost.__cause__ = cause if isinstance(cause, Exception) else None
        content.set_exception(lost)


_watches: weakref.WeakKeyDictionary[ResponseHandler, _Watch] = weakref.WeakKeyDictionary()


class _Response(aiohttp.ClientResponse):
    """A reply whose reader hears of it when the framing turns to nonsense in the middle.

    aiohttp (3.14 at least) closes the connection then, and lets the reader wait for more.
    """

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        """Begin to read the reply."""
        response = await super().start(connection)
        protocol = connection.protocol
        if protocol is None or self.content.is_eof():
            return response
        watch = _watches.get(protocol)
        if watch is None and (closed := protocol.closed) is not None:
            watch = _watches[protocol] = _Watch(protocol)
            closed.add_done_callback(watch.lost)
        if watch is not None:
            watch.content = self.content
        return response


class Line:
    """The connections to one endpoint."""

    def __init__(
        self,
        *,
        clock: Clock,
        timeout_s: float,
        reply_bytes: int,
        proxy: str | None,
        tls: ssl.SSLContext,
        reuse: bool,
    ) -> None:
        self._clock = clock
        self._timeout_s = timeout_s
        self._reply_bytes = reply_bytes
        # A little under the deadline, so that a line that never opened is told from a silent one.
        self._extensions = {"timeout": {"pool": min(_CONNECT_S, 0.9 * timeout_s)}}
        connector = aiohttp.TCPConnector(
            limit=0,
            ssl=tls,
            force_close=not reuse,
            ttl_dns_cache=60,
            keepalive_timeout=_IDLE_S if reuse else None,
        )
        session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            response_class=_Response,
            # Every header sent is one that we chose and can record.
            skip_auto_headers=("accept", "accept-encoding", "content-type", "user-agent"),
        )
        self._transport = AiohttpTransport(verify=tls, trust_env=False, proxy=_proxy(proxy), client=session)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._transport.aclose()

    async def send(
        self, method: str, url: httpx.URL, headers: httpx.Headers, body: bytes, events: Events | None
    ) -> Received:
        """Send one request and read its reply to the end, the deadline or the size limit.

        Args:
            method: HTTP method.
            url: without userinfo.
            headers: all of them, except host and content-length; never changed.
            body: the request's.
            events: takes the reply's bytes as they come; for streams.
        """
        monotonic_s = self._clock.monotonic_s
        received = Received(self._clock.now_us())
        started_s = last_s = monotonic_s()
        parts: list[bytes] = []
        stream: httpx.AsyncByteStream | None = None
        whole = False
        deadline = asyncio.timeout(self._timeout_s)
        try:
            async with deadline:
                # What a request derives from its content and URL (length, host) the transport adds again, and
                # headers that every call shares are not copied: most of httpx's own cost is in those two.
                request = httpx.Request(
                    method, url, stream=httpx.ByteStream(body), extensions=self._extensions
                )
                request.headers = headers
                request.read()
                response = await self._transport.handle_async_request(request)
                stream = cast("httpx.AsyncByteStream", response.stream)
                last_s = monotonic_s()
                received.headers_ms = (last_s - started_s) * 1e3
                received.status = response.status_code
                received.headers = response.headers.raw
                unpack = _unpacker(received.headers)
                room = self._reply_bytes
                async for chunk in stream:
                    piece = chunk if unpack is None else unpack.feed(chunk, room)
                    last_s = monotonic_s()
                    if len(piece) > room:
                        parts.append(piece[:room])
                        received.failure = Failure.TOO_LARGE
                        received.detail = f"longer than {self._reply_bytes} bytes"
                        break
                    room -= len(piece)
                    parts.append(piece)
                    if events is not None:
                        events.feed(piece, last_s)
                else:
                    if unpack is not None:
                        unpack.finish()
                    whole = True
        except TimeoutError:
            if not deadline.expired():
                raise
            silent_s = monotonic_s() - last_s
            trickling = received.status is not None and silent_s < self._timeout_s / 2
            received.failure = Failure.DEADLINE if trickling else Failure.READ_TIMEOUT
            where = "before the reply's headers" if received.status is None else "before the reply's end"
            received.detail = f"deadline of {self._timeout_s:g} s passed {where}"
        except UndecodableError as error:
            received.failure, received.detail = Failure.UNDECODABLE, str(error)
        except (httpx.TransportError, httpx.InvalidURL, aiohttp.ClientError, OSError, ValueError) as error:
            if received.status is not None and isinstance(error, ValueError):
                raise  # a bug: what cannot be sent shows before anything comes back
            received.failure, received.unsent, received.detail = classify(error)
        finally:
            if stream is not None and not whole:
                # Closes the connection, since the reply has not been read to its end.
                with contextlib.suppress(httpx.TransportError, aiohttp.ClientError, TimeoutError, OSError):
                    async with asyncio.timeout(_CLOSE_S):
                        await stream.aclose()
        received.total_ms = (monotonic_s() - started_s) * 1e3
        received.body = parts[0] if len(parts) == 1 else b"".join(parts)
        if events is not None:
            events.into(received, started_s)
        return received


def _unpacker(headers: Sequence[tuple[bytes, bytes]]) -> Decoder | None:
    for name, value in headers:
        if name.lower() == b"content-encoding":
            return decoder(value.decode("latin-1"))
    return None


def _proxy(url: str | None) -> httpx.Proxy | None:
    if url is None:
        return None
    user = userinfo(url)
    bare = httpx.URL(url).copy_with(userinfo=b"")
    return httpx.Proxy(bare, headers=None if user is None else {"Proxy-Authorization": basic(*user)})


def classify(error: Exception) -> tuple[Failure, bool, str]:
    """Return (failure, whether certainly nothing was sent, words) for what aiohttp or its httpx face raised.

    httpx's names for aiohttp's exceptions are coarser than ours, so the original is looked at.
    """
    cause = error.__cause__ if isinstance(error, httpx.TransportError) and error.__cause__ else error
    text = cause.message if isinstance(cause, aiohttp.ClientResponseError) else str(cause)
    words = " ".join(f"{type(cause).__name__}: {text}".split())[:_DETAIL_CHARS]
    failure, unsent = _kind(cause)
    return failure, unsent, words


def _kind(cause: BaseException) -> tuple[Failure, bool]:
    match cause:
        case aiohttp.ConnectionTimeoutError():
            return Failure.CONNECT_TIMEOUT, True
        case aiohttp.ServerTimeoutError():
            return Failure.READ_TIMEOUT, False
        case aiohttp.ClientSSLError() | aiohttp.ServerFingerprintMismatch() | ssl.SSLError():
            return Failure.TLS, True
        case aiohttp.ClientHttpProxyError() | aiohttp.ClientConnectorError():
            return Failure.CONNECT, True
        case aiohttp.ClientPayloadError():
            # aiohttp has two ways of saying that the bytes ended too early; the rest make no sense.
            inner = cause.__cause__
            early = isinstance(inner, ContentLengthError) or "Not enough data" in str(inner)
            nonsense = isinstance(inner, HttpProcessingError) and not early
            return (Failure.UNDECODABLE if nonsense else Failure.RESET), False
        case aiohttp.ClientResponseError():
            return Failure.UNDECODABLE, False
        case aiohttp.ClientConnectionError() | ConnectionError():
            return Failure.RESET, False
        case OSError():
            return Failure.CONNECT, False
    # Left are URLs and headers that cannot be sent: httpx.InvalidURL, aiohttp.InvalidURL, ValueError.
    return Failure.UNBUILDABLE, True
