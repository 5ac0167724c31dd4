"""A timestamp service on loopback that is not ours: a tiny HTTP server around `openssl ts -reply`."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

CONFIG = """[tsa]
default_tsa = it
[it]
serial = {folder}/serial
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
ess_cert_id_alg = sha256
"""


def openssl(*words: object, **options: object) -> bytes:
    done = subprocess.run(["openssl", *map(str, words)], capture_output=True, **options)  # type: ignore[call-overload]
    assert done.returncode == 0, done.stderr.decode()
    return bytes(done.stdout)


def make_authority(folder: Path, name: str = "Test") -> None:
    """Write ca.pem, tsa.pem and tsa.key of a small timestamp authority."""
    folder.mkdir(parents=True, exist_ok=True)
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    ca_key, request = folder / "ca.key", folder / "tsa.csr"
    openssl(
        "req",
        "-x509",
        *key,
        "-keyout",
        ca_key,
        "-out",
        folder / "ca.pem",
        "-days",
        "30",
        "-subj",
        f"/CN={name} CA",
    )
    openssl("req", *key, "-keyout", folder / "tsa.key", "-out", request, "-subj", f"/CN={name} TSA")
    (folder / "ext").write_text(
        "extendedKeyUsage=critical,timeStamping\nkeyUsage=critical,digitalSignature\n"
    )
    openssl(
        "x509", "-req", "-in", request, "-CA", folder / "ca.pem", "-CAkey", ca_key, "-set_serial", "7", "-days", "30",
        "-extfile", folder / "ext", "-out", folder / "tsa.pem",
    )  # fmt: skip
    (folder / "ts.cnf").write_text(CONFIG.format(folder=folder))
    (folder / "serial").write_text("01\n")


def reply_to(folder: Path, query: bytes) -> bytes:
    """Return what the authority answers to a query."""
    (folder / "query.tsq").write_bytes(query)
    openssl(
        "ts",
        "-reply",
        "-config",
        folder / "ts.cnf",
        "-queryfile",
        folder / "query.tsq",
        "-out",
        folder / "r.tsr",
    )
    return (folder / "r.tsr").read_bytes()


@contextmanager
def serving(answer: Callable[[bytes], bytes | int]) -> Iterator[str]:
    """Serve `answer` (query -> reply, or an HTTP status) on loopback; give the URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.headers["content-type"] == "application/timestamp-query"
            made = answer(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(made if isinstance(made, int) else 200)
            body = b"" if isinstance(made, int) else made
            self.send_header("content-type", "application/timestamp-reply")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/tsr"
        finally:
            server.shutdown()
            thread.join()
