"""A message -> people, through Apprise. A notification that does not arrive never fails a run."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec

from harness.config import AlertKind, Alerts
from harness.errors import UsageError

INSTALL = "pip install 'harness[alerts]'"
TITLE_CHARACTERS = 200
BODY_CHARACTERS = 4000


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of one message."""

    sent: int
    """Addresses that took it."""
    failed: int
    """Addresses that did not."""
    problem: str = ""
    """What went wrong, without any address: those hold passwords and tokens."""


def require(alerts: Alerts) -> None:
    """Check that messages could be sent, before a run depends on it.

    Raises:
        UsageError: alerts are configured and Apprise is not installed.
    """
    if alerts.urls_env is not None and find_spec("apprise") is None:
        raise UsageError(f"config: alerts.urls_env is set, but Apprise is not installed (fix: {INSTALL})")


def send(alerts: Alerts, urls: Sequence[str], kind: AlertKind, title: str, body: str) -> Delivery:
    """Send a message to every address, if the config wants to hear of its kind. Never raises.

    Blocks for a few seconds at most per address; call it from a thread where an event loop runs.

    Args:
        alerts: which kinds are wanted.
        urls: Apprise URLs, from `harness.config.alert_urls`.
        kind: what the message is about.
        title: one line.
        body: plain text.
    """
    if not urls or kind not in alerts.on:
        return Delivery(0, 0)
    if find_spec("apprise") is None:
        return Delivery(0, len(urls), f"nobody was told: Apprise is not installed (fix: {INSTALL})")
    title = _plain(" ".join(title.split()), TITLE_CHARACTERS)
    body = _plain(body, BODY_CHARACTERS)
    with _silent_apprise():
        failed = [place for place, url in enumerate(urls, 1) if not _deliver(url, title, body)]
    if not failed:
        return Delivery(len(urls), 0)
    which = ", ".join(map(str, failed))
    problem = f"{len(failed)} of {len(urls)} notifications not delivered: number {which} in {alerts.urls_env}"
    return Delivery(len(urls) - len(failed), len(failed), problem)


def _deliver(url: str, title: str, body: str) -> bool:
    import apprise  # optional, and half a second to import

    try:
        box = apprise.Apprise(
            asset=apprise.AppriseAsset(app_id="harness", app_desc="harness", async_mode=False)
        )
        return bool(box.add(url)) and bool(box.notify(title=title, body=body))
    except Exception:
        # Whatever a notification service makes of a URL, the run goes on; the caller counts it.
        return False


def _plain(text: str, longest: int) -> str:
    """Return the text without control characters other than line breaks, shortened."""
    text = "".join(character for character in text if character.isprintable() or character == "\n")
    return text if len(text) <= longest else text[: longest - 1] + "…"


@contextmanager
def _silent_apprise() -> Iterator[None]:
    """Keep Apprise quiet: its log repeats URLs, passwords and all; its plugins import deprecated modules."""
    logger = logging.getLogger("apprise")
    was = logger.disabled
    logger.disabled = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.disabled = was
