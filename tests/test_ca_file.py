"""An endpoint whose certificate is signed by an institution's own authority."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme

from harness.cli import run
from harness.store import Store
from tests.faulty import Faulty
from tests.test_secrets import write_suite


def config(folder: Path, url: str, ca_file: str | None) -> list[str]:
    named = "" if ca_file is None else f'ca_file = "{ca_file}"\n'
    (folder / "config.toml").write_text(
        f'[endpoints.one]\nprotocol = "openai-chat"\nurl = "{url}"\nmodel = "m"\n{named}'
        'limits = { attempts = 1, backoff_s = 0 }\n[suites.echo]\npath = "echo"\n'
    )
    return ["run", "--config", str(folder / "config.toml")]


def test_a_private_authority_is_trusted_when_it_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With `ca_file` its server answers, without it every call fails; a file that is no certificate is a mistake."""
    write_suite(tmp_path)
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ours.pem")
    (tmp_path / "words.pem").write_text("no certificate")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with Faulty(context) as server:
        assert run(config(tmp_path, server.url("ok"), "none.pem")) == 2
        assert run(config(tmp_path, server.url("ok"), "words.pem")) == 2
        told = capsys.readouterr().err
        assert "endpoints.one.ca_file names" in told
        assert "none.pem, which cannot be read: No such file or directory" in told
        assert "words.pem, which cannot be read: it holds no certificates (PEM)" in told
        assert server.requests == []
        assert run(config(tmp_path, server.url("ok"), None)) == 4
        assert run(config(tmp_path, server.url("ok"), "ours.pem")) == 0
    with Store.open(tmp_path / "results" / "harness.db", mode="read") as store:
        assert store.outcomes(1).keys() == {"failed"}
        assert "failed" not in store.outcomes(2)
