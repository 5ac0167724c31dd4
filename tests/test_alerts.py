"""Alerts reach a real loopback server, and never disturb a run."""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from harness import alerts
from harness.config import Alerts
from harness.errors import UsageError

pytest.importorskip("apprise", reason="needs the extra `alerts`")

WANTED = Alerts(urls_env="ALERT_URLS")


@dataclass
class Inbox:
    """A notification service on loopback that keeps what it is sent."""

    address: str
    messages: list[dict[str, Any]] = field(default_factory=list)
    status: int = 200

    def url(self, user: str = "") -> str:
        return f"json://{user}{self.address}/hook"


@pytest.fixture
def inbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Inbox]:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            box.messages.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(box.status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        box = Inbox(f"127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield box
        server.shutdown()
        thread.join()


def test_delivers(inbox: Inbox) -> None:
    """A wanted message reaches every address, title and body as given."""
    urls = (inbox.url(), inbox.url("user:secret@"))
    assert alerts.send(WANTED, urls, "denied", "gpt denied", "401\nkey") == alerts.Delivery(2, 0)
    assert [(m["title"], m["message"]) for m in inbox.messages] == [("gpt denied", "401\nkey")] * 2


def test_unwanted_kind(inbox: Inbox) -> None:
    """A kind that `on` leaves out is not sent."""
    quiet = Alerts(urls_env="ALERT_URLS", on=("budget",))
    assert alerts.send(quiet, (inbox.url(),), "denied", "t", "b") == alerts.Delivery(0, 0)
    assert inbox.messages == []


def test_no_addresses() -> None:
    """Without addresses nothing is sent and nothing is wrong."""
    assert alerts.send(Alerts(), (), "denied", "t", "b") == alerts.Delivery(0, 0)


def test_failures_are_told_without_addresses(inbox: Inbox, capfd: pytest.CaptureFixture[str]) -> None:
    """Refused, unreachable and meaningless addresses are counted; no password is shown anywhere."""
    inbox.status = 500
    urls = (
        inbox.url("user:hunter2@"),
        "json://user:hunter2@127.0.0.1:1",
        "nonsense hunter2",
        "bad://hunter2",
    )
    delivery = alerts.send(WANTED, urls, "incomplete", "t", "b")
    assert (delivery.sent, delivery.failed) == (0, 4)
    assert delivery.problem == "4 of 4 notifications not delivered: number 1, 2, 3, 4 in ALERT_URLS"
    out, err = capfd.readouterr()
    assert "hunter2" not in out + err
    assert not logging.getLogger("apprise").disabled


def test_one_failure_does_not_stop_the_others(inbox: Inbox) -> None:
    """The addresses after a bad one still get the message."""
    delivery = alerts.send(WANTED, ("bad://x", inbox.url()), "budget", "t", "b")
    assert (delivery.sent, delivery.failed, len(inbox.messages)) == (1, 1, 1)


def test_text_is_made_harmless(inbox: Inbox) -> None:
    """Control characters are dropped and long texts shortened before they are sent."""
    alerts.send(WANTED, (inbox.url(),), "budget", "a\r\nb\x1b[31m" + "x" * 500, "c\x00" + "y" * 9000)
    (message,) = inbox.messages
    assert message["title"].startswith("a b[31mx")
    assert len(message["title"]) <= alerts.TITLE_CHARACTERS
    assert message["message"].startswith("cyy")
    assert len(message["message"]) <= alerts.BODY_CHARACTERS


def test_apprise_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Apprise, configured alerts are an error up front and a problem told later."""
    monkeypatch.setitem(sys.modules, "apprise", None)
    monkeypatch.setattr(alerts, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r"pip install 'harness\[alerts\]'"):
        alerts.require(WANTED)
    alerts.require(Alerts())
    delivery = alerts.send(WANTED, ("json://127.0.0.1:1",), "denied", "t", "b")
    assert delivery.failed == 1
    assert alerts.INSTALL in delivery.problem


def test_apprise_present() -> None:
    """With Apprise installed, configured alerts are fine."""
    alerts.require(WANTED)
