"""Serve one GGUF model on loopback: the child process behind a `launch` endpoint.

Started by `launch.py`, or by hand:

    python -m harness.local.serve --weights FILE --alias NAME [--port 0] ...

When the model is loaded it prints one JSON line on stdout and nothing else, ever:

    {"address": "http://127.0.0.1:PORT", "pid": PID}

It ends when its stdin closes, when its parent is gone, or on SIGTERM or SIGINT. It holds no state worth
saving, so each of these ends it at once.

Only the standard library and the runtime are used here: the process that answers shares no code with the one
that asks.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

HOST = "127.0.0.1"
"""The only address ever listened on."""

_ERRORS_ONLY = 1
_PARENT_CHECK_S = 1.0


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Serve until told to stop; never returns."""
    # Python runs signal handlers only between its own instructions, and loading a model is one long C++ call.
    for name in ("SIGTERM", "SIGINT"):
        signal.signal(getattr(signal, name), signal.SIG_DFL)
    options = _parser().parse_args(arguments)
    # The ready line keeps stdout to itself: whatever the C++ side prints there goes to stderr.
    ready = os.dup(1)
    os.dup2(2, 1)
    parent = os.getppid()
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    try:
        server = start(options)
    except Exception as error:
        # The runtime's own log, above this line, has the reason.
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        _end(1)
    line = json.dumps({"address": server.listening_address, "pid": os.getpid()}) + "\n"
    os.write(ready, line.encode())
    os.close(ready)
    # Closing stdin is how the parent says stop. A process it forked may hold the other end open, so look too.
    while os.getppid() == parent:
        time.sleep(_PARENT_CHECK_S)
    _end(0)


def start(options: argparse.Namespace) -> Any:
    """Load the model and listen; returns when requests are answered.

    Args:
        options: as parsed from the command line.

    Returns:
        The runtime's server. Keep it referenced: its destructor waits for requests in flight while it holds
        the interpreter's lock.

    Raises:
        ImportError: the runtime is not installed.
        RuntimeError: the file cannot be served or the port is taken.
    """
    if options.threads > 1:
        # Waiting threads that spin starve each other as soon as anything else runs on the machine. OpenMP
        # reads this once, when the runtime is loaded.
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    import xllamacpp

    settings = xllamacpp.CommonParams()
    settings.model.path = str(options.weights)
    settings.model_alias = {options.alias}
    settings.hostnames = [HOST]
    settings.port = options.port
    settings.n_parallel = options.slots
    settings.n_ctx = options.context
    settings.cpuparams.n_threads = options.threads
    settings.cpuparams_batch.n_threads = options.threads
    # An answer must depend on its request alone. A cached prompt outlives a change of LoRA scale; and the
    # cache of idle slots, which has its own switch, grows by more than a megabyte a call.
    settings.cache_prompt = False
    settings.cache_ram_mib = 0
    # Settings are never fitted to the memory that happens to be free.
    settings.fit_params = False
    settings.ui = False
    settings.endpoint_metrics = False
    settings.endpoint_slots = False
    settings.verbosity = _ERRORS_ONLY
    if options.lora is not None:
        adapter = xllamacpp.CommonAdapterLoraInfo()
        adapter.path = str(options.lora)
        adapter.scale = options.lora_scale
        settings.lora_adapters = [adapter]
    if options.chat_template is not None:
        settings.use_jinja = True
        settings.chat_template = options.chat_template.read_text(encoding="utf-8")
    return xllamacpp.Server(settings)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m harness.local.serve",
        description="Serve one GGUF model on loopback.",
        allow_abbrev=False,
    )
    parser.add_argument("--weights", type=Path, required=True, help="GGUF file")
    parser.add_argument("--alias", required=True, help="the model's name in replies")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one (default)")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--slots", type=int, default=4, help="requests worked on at once")
    parser.add_argument("--context", type=int, default=8192, help="tokens, split over the slots")
    parser.add_argument("--lora", type=Path, help="LoRA adapter (GGUF)")
    parser.add_argument("--lora-scale", type=float, default=0.0)
    parser.add_argument(
        "--chat-template", type=Path, help="Jinja file used instead of the model's own template"
    )
    return parser


def _end_with_stdin() -> None:
    try:
        # Not sys.stdin: its lock, held by this thread, would be in the way at exit.
        while os.read(0, 4096):
            pass
    except OSError:
        pass
    _end(0)


def _end(code: int) -> NoReturn:
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
