"""The simulated provider in a process of its own, so that it and the harness each have a processor."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection

from harness.errors import HarnessError, LaunchError
from harness.rehearsal.provider import providers
from harness.rehearsal.server import serve_many
from harness.rehearsal.world import World
from harness.suites import Suite

_START_S = 60.0
_RUN_S = 60.0


class Remote:
    """The provider as the life sees it: an address to ask, and a wire by which the days pass."""

    def __init__(self, address: str, wire: Connection) -> None:
        self.address = address
        self._wire = wire

    def begin_run(self, number: int, day: float, seed: int) -> None:
        """Turn to a run: what is in force is settled, and the questions of a run with this seed are known.

        Raises:
            LaunchError: the process is gone.
            HarnessError: a probe's answers cannot be made up.
        """
        try:
            self._wire.send((number, day, seed))
            problem = self._wire.recv() if self._wire.poll(_RUN_S) else "does not answer"
        except (EOFError, OSError) as error:
            raise LaunchError(f"the simulated provider ended unexpectedly: {error}") from error
        if problem is not None:
            raise HarnessError(f"the simulated provider cannot go on: {problem}")


@contextmanager
def provider_apart(world: World, suites: Mapping[str, Suite], *, key: str, pace: float) -> Iterator[Remote]:
    """Start the provider of a world and stop it afterwards.

    Raises:
        LaunchError: it did not start.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    # Not a daemon: a life may itself be lived in a worker process.
    process = context.Process(target=_serve, args=(world, dict(suites), key, pace, theirs), name="provider")
    process.start()
    theirs.close()
    try:
        try:
            address = ours.recv() if ours.poll(_START_S) else None
        except EOFError:
            address = None
        if address is None:
            raise LaunchError("the simulated provider did not start")
        yield Remote(str(address), ours)
    finally:
        ours.close()
        process.join(10)
        if process.is_alive():
            process.kill()
            process.join()


def _serve(world: World, suites: Mapping[str, Suite], key: str, pace: float, wire: Connection) -> None:
    # Whoever lives the life decides when it ends: closing the wire ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    minds = providers(world)
    with serve_many(minds, key=key, pace=pace) as address:
        wire.send(address)
        while True:
            try:
                number, day, seed = wire.recv()
            except (EOFError, OSError):
                return
            problem: str | None = None
            try:
                asked = [suite.for_run(seed) for suite in suites.values()]
                for mind in minds.values():
                    mind.teach(asked)
                    mind.begin_run(number, day)
            except HarnessError as error:
                problem = str(error)
            wire.send(problem)
