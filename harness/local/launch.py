"""Start the local server an endpoint's `launch` asks for, and stop it when the run is over."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Self
from urllib.parse import urlsplit

from harness.errors import LaunchError
from harness.local.known import KNOWN, RUNTIME_REQUIREMENT
from harness.local.weights import check_gguf, check_hash, find_weights, known_model, runtime_version

if TYPE_CHECKING:
    # For types alone, so that fetching a model needs nothing but the standard library.
    from harness.config.schema import Endpoint, Launch

# The path under the server's address that each protocol's adapter starts from.
_BASE_PATHS = {"openai-chat": "/v1", "openai-responses": "/v1", "anthropic-messages": ""}

_START_DEADLINE_S = 60.0
_STOP_DEADLINE_S = 5.0
_LOG_TAIL_LINES = 8
_LOG_TAIL_BYTES = 4000
_ILLEGAL_INSTRUCTION = -4


def _ignore(_: str) -> None:
    pass


@asynccontextmanager
async def launched(
    endpoint: Endpoint, name: str, *, folder: Path = Path(), notice: Callable[[str], None] = _ignore
) -> AsyncIterator[str]:
    """Run one endpoint's server for the length of a `with` block; gives the endpoint's base URL.

    Args:
        endpoint: one with `launch`.
        name: what the config calls it.
        folder: where the config lies; relative paths in `launch` start there.
        notice: told in words if the server ends by itself.

    Raises:
        LaunchError: the server cannot be started, and why.
    """
    async with Servers(folder=folder, notice=notice) as servers:
        yield await servers.url(endpoint, name)


class Servers:
    """The local servers of one run; endpoints with equal settings share one.

    A server that died is started anew by the next `url`. Leaving the `async with` block stops all of them. So
    does the end of this process, whatever ends it: a server stops when its stdin closes.

    Args:
        folder: where the config lies; relative paths in `launch` start there.
        deadline_s: how long a server may take to load its model.
        notice: told in words if a server ends by itself.
    """

    def __init__(
        self,
        *,
        folder: Path = Path(),
        deadline_s: float = _START_DEADLINE_S,
        notice: Callable[[str], None] = _ignore,
    ) -> None:
        self._folder = folder
        self._deadline_s = deadline_s
        self._notice = notice
        self._servers: dict[tuple[Launch, str], _Server] = {}
        self._starting = asyncio.Lock()

    async def url(self, endpoint: Endpoint, name: str) -> str:
        """Return the base URL of an endpoint's server, starting it first if it does not run.

        Raises:
            LaunchError: the server cannot be started, and why.
        """
        launch = endpoint.launch
        if launch is None:
            raise LaunchError(f"endpoints.{name} has no launch (fix: ask it at its url)")
        key = (launch, endpoint.model)
        async with self._starting:
            server = self._servers.get(key)
            if server is None or not server.running or endpoint.protocol not in _BASE_PATHS:
                # Hashing the weights takes a tenth of a second: not in the event loop.
                found = await asyncio.to_thread(problems, endpoint, name, folder=self._folder)
                if found:
                    raise LaunchError("\n".join(found))
                if server is not None:
                    await self._stop(key)
                server = await _start(launch, endpoint.model, name, self._folder, self._deadline_s)
                self._servers[key] = server
        return server.address + _BASE_PATHS[endpoint.protocol]

    @property
    def pids(self) -> dict[str, int]:
        """Process ids of the servers that run, by the endpoint each was started for."""
        return {server.name: server.pid for server in self._servers.values() if server.running}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for key in list(self._servers):
            await self._stop(key)

    async def _stop(self, key: tuple[Launch, str]) -> None:
        server = self._servers.pop(key)
        if not server.running:
            self._notice(f"endpoints.{server.name}: its local server died ({server.ending}){server.tail()}")
        await server.stop()


def problems(endpoint: Endpoint, name: str, *, folder: Path = Path()) -> list[str]:
    """Return what would keep an endpoint's server from starting, one line each; starts nothing.

    Reads the known weights once to hash them.

    Args:
        endpoint: any; one without `launch` has no problems here.
        name: what the config calls it.
        folder: where the config lies.
    """
    launch, place = endpoint.launch, f"endpoints.{name}"
    if launch is None:
        return []
    found = []
    if endpoint.protocol not in _BASE_PATHS:
        found.append(
            f"{place}.protocol: a local server does not speak {endpoint.protocol} "
            f"(fix: use one of {', '.join(_BASE_PATHS)})"
        )
    if runtime_version() is None:
        found.append(f"{place}.launch: {RUNTIME_REQUIREMENT} is not installed (fix: harness local install)")
    key = "weights" if launch.weights else "model" if launch.model not in KNOWN else ""
    try:
        _weights(launch, folder)
    except LaunchError as error:
        found.append(f"{place}.launch{key and '.' + key}: {error}")
    if launch.lora is not None:
        try:
            check_gguf(folder / launch.lora)
        except LaunchError as error:
            found.append(f"{place}.launch.lora: {error}")
    return found


def parse_ready(line: bytes) -> str:
    """Return the address in a server's ready line.

    Raises:
        ValueError: it is not a ready line, or the address is not a port on loopback.
    """
    try:
        address = json.loads(line)["address"]
        port = urlsplit(address).port
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ValueError(f"not a ready line: {line[:200]!r}") from None
    if not port or address != f"http://127.0.0.1:{port}":
        raise ValueError(f"not an address on loopback: {address!r}")
    return str(address)


def _weights(launch: Launch, folder: Path) -> Path:
    if launch.weights is not None:
        check_gguf(folder / launch.weights)
        return folder / launch.weights
    model = known_model(launch.model)
    weights = find_weights(model)
    if weights is None:
        raise LaunchError(
            f"the weights of {model.name} are not installed (fix: harness local install {model.name})"
        )
    check_hash(model, weights)
    return weights


class _Server:
    """A running child, and where it answers."""

    def __init__(self, process: asyncio.subprocess.Process, log: IO[bytes], name: str) -> None:
        self.name = name
        self.address = ""
        self._process = process
        self._log = log

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.returncode is None

    @property
    def ending(self) -> str:
        code = self._process.returncode
        if code == _ILLEGAL_INSTRUCTION:
            return "illegal instruction: on x86-64 the runtime needs a processor with AVX2"
        return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"

    async def ready(self, deadline_s: float) -> None:
        """Wait until the model is loaded.

        Raises:
            LaunchError: it will not be; completes a sentence that begins with the server.
        """
        line = b""
        try:
            async with asyncio.timeout(deadline_s):
                if self._process.stdout is not None:
                    line = await self._process.stdout.readline()
                if not line:
                    await self._process.wait()
        except TimeoutError:
            raise LaunchError(f"was not ready after {deadline_s:g} s") from None
        if not line:
            raise LaunchError(f"did not start ({self.ending})")
        try:
            self.address = parse_ready(line)
        except ValueError as error:
            raise LaunchError(f"said something unexpected: {error}") from None

    async def stop(self) -> None:
        """End the child, by closing its stdin or else by force."""
        try:
            if self._process.stdin is not None:
                self._process.stdin.close()
            async with asyncio.timeout(_STOP_DEADLINE_S):
                await self._process.wait()
        except TimeoutError:
            pass
        finally:
            if self.running:
                with suppress(ProcessLookupError):
                    self._process.kill()
                await self._process.wait()
            self._log.close()

    def tail(self) -> str:
        """The last lines of the child's log, indented; nothing when it is empty."""
        size = self._log.seek(0, 2)
        self._log.seek(max(0, size - _LOG_TAIL_BYTES))
        lines = self._log.read().decode("utf-8", "replace").splitlines()[-_LOG_TAIL_LINES:]
        return "; its last words:" + "".join(f"\n  {line}" for line in lines) if lines else ""


async def _start(launch: Launch, alias: str, name: str, folder: Path, deadline_s: float) -> _Server:
    weights = folder / launch.weights if launch.weights else find_weights(known_model(launch.model))
    command = [
        # By path and with -P, so that no folder of the user's that happens to be called harness runs instead.
        *(sys.executable, "-P", str(Path(__file__).with_name("serve.py"))),
        *("--weights", str(weights)),
        f"--alias={alias}",
        *("--threads", str(launch.threads)),
        *("--slots", str(launch.slots)),
        *("--context", str(launch.context)),
    ]
    if launch.lora is not None:
        command += ["--lora", str(folder / launch.lora), f"--lora-scale={launch.lora_scale!r}"]
    log = tempfile.TemporaryFile(prefix="harness-local-")  # noqa: SIM115 - lives as long as the server
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            # Ctrl-C in the terminal reaches the run alone, which can then finish what is in flight.
            start_new_session=True,
        )
    except BaseException:
        log.close()
        raise
    server = _Server(process, log, name)
    try:
        await server.ready(deadline_s)
    except LaunchError as error:
        tail = server.tail()
        await server.stop()
        raise LaunchError(f"endpoints.{name}.launch: the server of {weights} {error}{tail}") from None
    except BaseException:
        await server.stop()
        raise
    return server
