"""A loopback provider that answers OpenAI chat requests as fast as Python can.

    python -m benchmarks.server --port 0

prints its base URL on one line and serves until its standard input closes or it is killed. Replies are
about 600 bytes and unlike each other (id, created, usage, text), as a real provider's are, so that nothing
downstream can profit from sameness. `GET /count` tells how many chat requests were received.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ndate: Sat, 21 Nov 2026 06:00:00 GMT\r\n"
    b"x-request-id: req_%016x\r\nopenai-processing-ms: 7\r\nserver: loopback\r\n"
    b"x-ratelimit-remaining-requests: 9999\r\ncontent-length: %d\r\n\r\n"
)
_BODY = (
    b'{"id":"chatcmpl-%016x","object":"chat.completion","created":%d,"model":"loopback-1",'
    b'"choices":[{"index":0,"message":{"role":"assistant","content":"%s The answer is %d.",'
    b'"refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":%d,'
    b'"completion_tokens":%d,"total_tokens":%d},"service_tier":"default","system_fingerprint":"fp_4a3c91"}'
)
_TEXTS = (
    b"Take the two numbers one after the other, write the larger first, and add the digits from the right, "
    b"carrying a one to the next column whenever a sum passes nine; then read the result from the left.",
    b"There are several ways to see this. The shortest is to round both numbers to the next ten, add those, "
    b"and take away what the rounding put in; the other ways give the same result with more steps between.",
    b"Each item in the list counts once. Going through it in order and keeping a tally gives the total, and "
    b"going through it backwards gives the same, which is a good check that nothing was counted twice.",
)
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)


class Provider(asyncio.Protocol):
    """One connection; requests may arrive in pieces or several at once."""

    received = 0

    def __init__(self) -> None:
        self._pending = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer every whole request there is."""
        self._pending += data
        while (head_end := self._pending.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(self._pending, 0, head_end)
            end = head_end + 4 + (int(length[1]) if length else 0)
            if len(self._pending) < end:
                return
            self._answer(counting=self._pending.startswith(b"GET /count"))
            self._pending = self._pending[end:]

    def _answer(self, *, counting: bool) -> None:
        if counting:
            text = b"%d" % Provider.received
            self._transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(text), text))
            return
        n = Provider.received = Provider.received + 1
        prompt, completion = 40 + n % 60, 30 + n % 17
        text, created = _TEXTS[n % len(_TEXTS)], 1_795_240_800 + n // 1000
        body = _BODY % (n * 0x9E3779B97F4A7C15 % 2**64, created, text, n % 1000, prompt, completion,
                        prompt + completion)  # fmt: skip
        self._transport.write(_HEAD % (n, len(body)) + body)


@contextlib.contextmanager
def serving() -> Iterator[str]:
    """Run the provider in its own process; yields its base URL (`http://127.0.0.1:PORT/v1`)."""
    command = [sys.executable, "-m", "benchmarks.server", "--port", "0"]
    root = Path(__file__).resolve().parent.parent
    with subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            yield cast("IO[bytes]", process.stdout).readline().decode().strip()
        finally:
            process.terminate()


async def _serve(port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Provider, "127.0.0.1", port)
    sys.stdout.write(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1\n")
    sys.stdout.flush()
    # A provider left behind by a killed benchmark would distort the next one.
    with contextlib.suppress(ValueError, OSError):
        loop.add_reader(
            sys.stdin.fileno(), lambda: None if os.read(sys.stdin.fileno(), 4096) else server.close()
        )
    with contextlib.suppress(asyncio.CancelledError):
        await server.serve_forever()


def main() -> None:
    """Serve until standard input closes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 picks a free one")
    asyncio.run(_serve(parser.parse_args().port))


if __name__ == "__main__":
    main()
