"""One endpoint's part of a run: its workers, pace, retries, and the evidence they make of each attempt."""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, cast

import httpx

from harness import __version__, outcomes
from harness.config.schema import Endpoint
from harness.config.urls import scrub_url, userinfo
from harness.endpoints import Adapter, adapter
from harness.limits import Budget, Clock, Pace, asked_wait_s, backoff_s
from harness.records import Call, Exchange, Failure, Headers, Reply, Timing
from harness.runner.decoding import ACCEPTED
from harness.runner.evidence import (
    Redactor,
    basic,
    request_headers,
    response_headers,
    secrets_of,
)
from harness.runner.transport import Events, Line, Received

LONGEST_PAUSE_S = 600.0
"""An endpoint that asks for a longer pause is set aside: a run does not wait for tomorrow's quota."""
GIVE_UP_AFTER = 20
"""So many calls in a row, all attempts included, without any answer set an endpoint aside."""
_SILENT = (Failure.CONNECT, Failure.TLS, Failure.CONNECT_TIMEOUT, Failure.READ_TIMEOUT)
_BUSY = (429, 503, 529)
_MOMENT_S = 60.0
_REMEMBERED = 256


@dataclass(frozen=True, slots=True)
class Target:
    """An endpoint and what is needed to reach it; holds the key, so it is never stored or shown."""

    endpoint: Endpoint
    """With its URL filled in."""
    key: str | None = None
    proxy: str | None = None
    """Used when the endpoint names none of its own."""
    secrets: tuple[str, ...] = ()
    """More strings that must not be stored."""
    tls: ssl.SSLContext | None = None
    """Whom to trust; None for the usual authorities. Certificates are always verified."""

    def __repr__(self) -> str:
        return f"Target({self.endpoint.protocol}, {self.endpoint.model})"


@dataclass(frozen=True, slots=True)
class Sent:
    """One attempt of a call, as evidence, with what was read from it."""

    exchange: Exchange
    reply: Reply | None
    """None when no HTTP status came."""
    call: Call
    cost_usd: float | None
    """From the reported tokens; None where the cost is not known, and the estimate counts in its place."""


class Shared(Protocol):
    """What the lanes of one run share."""

    clock: Clock
    budget: Budget
    rng: random.Random
    ending: bool
    """Nothing new is sent any more."""

    async def put(self, sent: Sent) -> None:
        """Hand over an attempt; waits while the consumer is behind."""
        ...

    def end(self) -> None:
        """Let nothing new be sent, and wake whoever waits for a turn."""
        ...

    def set_aside(self, endpoint: str, reason: str) -> None:
        """Say that the rest of an endpoint's calls are left for another time."""
        ...


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    url: httpx.URL
    headers: httpx.Headers
    body: bytes
    shown_url: str
    shown_headers: Headers
    shown_body: bytes


class Lane:
    """One endpoint's calls, sent by as many workers as it allows; no other endpoint waits for them."""

    def __init__(
        self, name: str, target: Target, calls: Iterator[Call], shared: Shared, tls: ssl.SSLContext
    ) -> None:
        endpoint = target.endpoint
        self._name = name
        self._endpoint = endpoint
        self._limits = endpoint.limits
        self._key = target.key
        self._calls = calls
        self._shared = shared
        self._clock = shared.clock
        self._adapter: Adapter = adapter(endpoint.protocol)
        self._pace = Pace(endpoint.limits, shared.clock.monotonic_s())
        proxy = endpoint.proxy or target.proxy
        self._proxy_user = userinfo(proxy or "")
        self._redactor = Redactor(secrets_of(endpoint, target.key, proxy, target.secrets))
        # Local model servers promise to keep a streamed connection alive and then close it, which loses the
        # next request; opening another one costs nothing where there is no TLS.
        self._reuse = not (endpoint.stream and (endpoint.url or "").startswith("http:"))
        self._line = Line(
            clock=shared.clock, timeout_s=self._limits.timeout_s, reply_bytes=self._limits.reply_bytes,
            proxy=proxy, tls=tls, reuse=self._reuse,
        )  # fmt: skip
        self._addresses: dict[tuple[str, Headers], tuple[httpx.URL, httpx.Headers, str, Headers]] = {}
        self._input_usd = endpoint.prices.input_usd_per_mtok / 1e6
        self._output_usd = endpoint.prices.output_usd_per_mtok / 1e6
        self._sleepers: set[asyncio.Task[None]] = set()
        self._closed = False
        self._silent_calls = 0

    async def work(self) -> None:
        """Send calls until there are none left: one worker's life."""
        while not self._over():
            call = next(self._calls, None)
            if call is None:
                return
            await self._finish(call)

    async def aclose(self) -> None:
        """Close the endpoint's connections."""
        await self._line.aclose()

    def wake(self) -> None:
        """End every wait for a turn, so that the workers see that it will not come."""
        for task in self._sleepers:
            task.cancel()

    def _over(self) -> bool:
        return self._shared.ending or self._closed

    async def _sleep(self, seconds: float) -> bool:
        """Wait; False when the run or the lane ended meanwhile."""
        task = cast("asyncio.Task[None]", asyncio.current_task())
        self._sleepers.add(task)
        try:
            await self._clock.sleep(seconds)
        except asyncio.CancelledError:
            if not self._over():
                raise
            task.uncancel()
        finally:
            self._sleepers.discard(task)
        return not self._over()

    def _set_aside(self, reason: str) -> None:
        if not self._closed:
            self._closed = True
            self._shared.set_aside(self._name, reason)
            self.wake()

    # --- one call -----------------------------------------------------------------------------

    async def _finish(self, call: Call) -> None:
        """Make every attempt that a call needs and may have."""
        clock, budget, limits = self._clock, self._shared.budget, self._limits
        try:
            request = self._build(call)
        except ValueError as error:
            await self._shared.put(self._unbuildable(call, error))
            return
        tokens = call.estimate.input_tokens + call.estimate.output_tokens
        give_up_s = 0.0
        attempt = 0
        while True:
            attempt += 1
            if not await self._turn(tokens):
                return
            now_s = clock.monotonic_s()
            if attempt == 1:
                give_up_s = now_s + limits.timeout_s * limits.attempts
            reservation = budget.reserve(call.estimate.cost_usd, clock.now_us(), retry=attempt > 1)
            if reservation is None:
                self._shared.end()
                return
            events = Events(self._adapter.content_event) if self._endpoint.stream else None
            received = await self._line.send(
                request.method, request.url, request.headers, request.body, events
            )
            cut_off = received.failure is not None
            body = self._redactor.data(received.body, cut_off=cut_off)
            headers = self._redactor.headers(response_headers(received.headers))
            status, reply = received.status, None
            if status is not None:
                reply = self._adapter.read(status, headers, body, streamed=self._endpoint.stream)
                if cut_off or body is not received.body or self._redactor.read_in(reply):
                    body = self._redactor.pieces(body, cut_off=cut_off)
                    reply = self._adapter.read(status, headers, body, streamed=self._endpoint.stream)
            cost_usd = self._cost_usd(received, reply)
            budget.settle(reservation, cost_usd)
            now_s = clock.monotonic_s()
            self._pace.correct(_used(received, reply, tokens) - tokens, now_s)
            wait_s = self._wait_s(attempt, received, headers, reply, now_s)
            final = wait_s is None or attempt >= limits.attempts or now_s + wait_s > give_up_s
            exchange = self._exchange(call, attempt, final, request, received, headers, body)
            if final:
                self._listen(received)
            await self._shared.put(Sent(exchange, reply, call, cost_usd))
            if final or wait_s is None or (wait_s and not await self._sleep(wait_s)):
                return

    async def _turn(self, tokens: int) -> bool:
        """Wait for the endpoint's pace and pauses; False when there will be no turn."""
        now_s = self._clock.monotonic_s()
        turn_s = now_s + self._pace.take(tokens, now_s)
        while not self._over():
            wait_s = max(turn_s - now_s, self._pace.paused_s(now_s))
            if wait_s <= 0:
                return True
            if not await self._sleep(wait_s):
                return False
            now_s = self._clock.monotonic_s()
        return False

    def _wait_s(
        self, attempt: int, received: Received, headers: Headers, reply: Reply | None, now_s: float
    ) -> float | None:
        """Return how long to wait before trying again, None if not to; the endpoint may get a pause."""
        status = received.status
        again = outcomes.may_retry(status, received.failure, reply)
        asked_s = asked_wait_s(headers, self._clock.now_us()) if status is not None else None
        # A reply that was served may announce that the limits are used up for the moment; a longer wait is
        # believed when a call has been turned away for it.
        if asked_s is not None and (again or asked_s <= _MOMENT_S):
            self._pause(asked_s, now_s)
        if not again:
            return None
        if attempt == 1 and received.failure is Failure.RESET and status is None:
            # Most likely a kept connection that the server had closed: nothing is wrong with the endpoint.
            return self._pace.paused_s(now_s)
        wait_s = backoff_s(attempt, self._limits, self._shared.rng)
        if status in _BUSY and asked_s is None:
            self._pause(wait_s, now_s)
        return max(wait_s, self._pace.paused_s(now_s))

    def _pause(self, seconds: float, now_s: float) -> None:
        self._pace.pause(seconds, now_s)
        if seconds > LONGEST_PAUSE_S:
            self._set_aside(f"asked to be left alone for {seconds:.0f} s")

    def _listen(self, received: Received) -> None:
        """Notice an endpoint where nothing answers any more."""
        if received.status is not None or received.failure not in _SILENT:
            self._silent_calls = 0
            return
        self._silent_calls += 1
        if self._silent_calls >= GIVE_UP_AFTER:
            self._set_aside(f"{self._silent_calls} calls in a row got no answer ({received.failure})")

    def _cost_usd(self, received: Received, reply: Reply | None) -> float | None:
        usage = reply.usage if reply is not None else None
        if usage is not None and (usage.input_tokens is not None or usage.output_tokens is not None):
            return (usage.input_tokens or 0) * self._input_usd + (usage.output_tokens or 0) * self._output_usd
        refused = received.status is not None and received.status >= 300
        free = not self._input_usd and not self._output_usd
        return 0.0 if refused or free or received.unsent else None

    # --- evidence -----------------------------------------------------------------------------

    def _build(self, call: Call) -> _Request:
        """Build a call's request, and what of it is shown.

        Raises:
            ValueError: it cannot be built.
        """
        built = self._adapter.build(self._endpoint, call.probe, call.seed, self._key)
        # Every call to an endpoint goes to the same address with the same headers, or nearly.
        where = (built.url, built.headers)
        known = self._addresses.get(where)
        if known is None:
            known = self._address(built.url, built.headers)
            if len(self._addresses) < _REMEMBERED:
                self._addresses[where] = known
        url, headers, shown_url, shown_headers = known
        shown_body = self._redactor.data(built.body)
        return _Request(built.method, url, headers, built.body, shown_url, shown_headers, shown_body)

    def _address(self, raw_url: str, given: Headers) -> tuple[httpx.URL, httpx.Headers, str, Headers]:
        try:
            url = httpx.URL(raw_url).copy_with(userinfo=b"", fragment=None)
        except httpx.InvalidURL as error:
            raise ValueError(str(error)) from error
        names = {name.lower() for name, _ in given}
        pairs = list(given)
        own = [("user-agent", f"harness/{__version__}"), ("accept", "*/*"), ("accept-encoding", ACCEPTED)]
        if not self._reuse:
            own.append(("connection", "close"))
        user = userinfo(raw_url)
        if user is not None:
            own.append(("authorization", basic(*user)))
        if self._proxy_user is not None and url.scheme == "http":
            # To an HTTPS endpoint the proxy opens a tunnel, and is told who asks when it is asked for that.
            own.append(("proxy-authorization", basic(*self._proxy_user)))
        pairs += [pair for pair in own if pair[0] not in names]
        encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs]
        headers = httpx.Headers(encoded, encoding="latin-1")
        shown = self._redactor.headers(request_headers(headers.raw))
        return url, headers, self._redactor.text(scrub_url(raw_url)), shown

    def _exchange(
        self,
        call: Call,
        attempt: int,
        final: bool,
        request: _Request,
        received: Received,
        headers: Headers,
        body: bytes,
    ) -> Exchange:
        detail = self._redactor.text(received.detail, cut_off=True) if received.detail else ""
        return Exchange(
            call_id=call.call_id,
            index=call.index,
            attempt=attempt,
            final=final,
            endpoint=call.endpoint,
            suite=call.suite,
            probe_id=call.probe.id,
            sample=call.sample,
            seed=call.seed,
            protocol=self._endpoint.protocol,
            streamed=self._endpoint.stream,
            method=request.method,
            url=request.shown_url,
            request_headers=request.shown_headers,
            request_body=request.shown_body,
            status=received.status,
            response_headers=headers,
            response_body=body,
            failure=received.failure,
            failure_detail=detail,
            timing=Timing(
                received.sent_us,
                received.total_ms,
                received.headers_ms,
                received.first_token_ms,
                received.gap_median_ms,
                received.gap_max_ms,
            ),
            redacted=body is not received.body
            or request.shown_body is not request.body
            or detail != received.detail,
        )

    def _unbuildable(self, call: Call, error: ValueError) -> Sent:
        received = Received(
            self._clock.now_us(), failure=Failure.UNBUILDABLE, detail=str(error)[:300], unsent=True
        )
        shown_url = self._redactor.text(scrub_url(self._endpoint.url or ""))
        request = _Request("POST", httpx.URL(), httpx.Headers(), b"", shown_url, (), b"")
        return Sent(self._exchange(call, 1, True, request, received, (), b""), None, call, 0.0)


def _used(received: Received, reply: Reply | None, estimated: int) -> int:
    """Return the tokens an attempt used, as far as anyone knows."""
    if received.unsent:
        return 0
    if reply is None or (reply.usage.input_tokens is None and reply.usage.output_tokens is None):
        return estimated
    return (reply.usage.input_tokens or 0) + (reply.usage.output_tokens or 0)
