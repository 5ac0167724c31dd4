"""One request outside any run: a document is posted, and what comes back is handed on as it is."""

from __future__ import annotations

import httpx

from harness.config.urls import scrub_url
from harness.errors import HarnessError

_TIMEOUT_S = 30.0
_REPLY_LIMIT = 1_000_000


class PostError(HarnessError):
    """A document could not be delivered, or nothing usable came back."""


def post(url: str, body: bytes, content_type: str) -> bytes:
    """Post a document and return the reply's body. Follows no redirect; takes the environment's proxies.

    Raises:
        PostError: the service cannot be reached, refuses, or answers more than a megabyte.
    """
    received = bytearray()
    shown = scrub_url(url)
    try:
        with (
            httpx.Client(timeout=_TIMEOUT_S, follow_redirects=False) as client,
            client.stream("POST", url, content=body, headers={"content-type": content_type}) as reply,
        ):
            if reply.status_code != httpx.codes.OK:
                raise PostError(f"{shown}: answers with status {reply.status_code}")
            for piece in reply.iter_bytes():
                received += piece
                if len(received) > _REPLY_LIMIT:
                    raise PostError(f"{shown}: answers with more than {_REPLY_LIMIT:,} bytes")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise PostError(f"{shown}: cannot be reached ({str(error)[:200] or type(error).__name__})") from error
    return bytes(received)
