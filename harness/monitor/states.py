"""The streams' states out of the store; those of another version of a rule are made again from their stored steps."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harness.claims import Tier
from harness.errors import IntegrityError
from harness.findings import Layout, Replayed, Stream, StreamState, replay
from harness.findings.alarms import Key
from harness.findings.replay import PastStep
from harness.findings.state import begun_us, decode, follows_rule
from harness.stats.packing import OtherVersionError
from harness.store import Store

CHECK = "harness verify checks everything"


@dataclass(frozen=True, slots=True)
class States:
    """Streams' states by (name, definition), all by the rules in force."""

    found: dict[Key, StreamState]
    anew: frozenset[Key]
    """Those that were stored by another version of a rule, or with other settings, and were made again."""


def stream_states(store: Store, world: str, watched: Iterable[Stream], layout: Layout) -> States:
    """Return the states of some streams that have one.

    A state that another version of a rule made is no use to the present one: the stream is made again from what its
    steps took in, with its alarms where the record has them. Nothing is written here.

    Args:
        store: open for reading.
        world: `real` or `simulated`.
        watched: streams of the present ledger.
        layout: of the same config and suites.

    Raises:
        IntegrityError: a state or a step cannot be read.
    """
    stored = store.findings.states(world)
    found: dict[Key, StreamState] = {}
    old: list[Stream] = []
    for stream in watched:
        key = (stream.name, stream.definition)
        if key not in stored:
            continue
        state = _decoded(store, stream, stored[key])
        if state is None:
            old.append(stream)
        else:
            found[key] = state
    again = _replayed(store, world, dict.fromkeys(old), layout)
    found |= {(stream.name, stream.definition): made.state for stream, made in again.items()}
    return States(found, frozenset((stream.name, stream.definition) for stream in old))


def told(anew: int) -> str:
    """Return in one line that states of another version were found."""
    streams = "the state of 1 stream was" if anew == 1 else f"the states of {anew} streams were"
    computed = "was" if anew == 1 else "were"
    return (
        f"{streams} made by an earlier version of the rule or of its settings and {computed} computed anew from the "
        f"stored runs"
    )


def begun(store: Store, world: str) -> dict[Key, int]:
    """Return the start of every stream's present baseline, UTC microseconds, whichever rule made its state.

    Raises:
        IntegrityError: a state cannot be read.
    """
    found: dict[Key, int] = {}
    for key, stored in store.findings.states(world).items():
        try:
            found[key] = begun_us(stored)
        except ValueError as error:
            raise _unreadable(store, key[0], error) from error
    return found


def replay_all(store: Store, world: str, watched: Iterable[Stream], layout: Layout) -> list[Replayed]:
    """Make streams again from their stored steps, from nothing, and compare with the stored states.

    Raises:
        IntegrityError: a state or a step cannot be read.
    """
    stored = store.findings.states(world)
    known = {
        stream: _decoded(store, stream, stored[stream.name, stream.definition])
        for stream in watched
        if (stream.name, stream.definition) in stored
    }
    return list(_replayed(store, world, known, layout).values())


def _decoded(store: Store, stream: Stream, stored: bytes) -> StreamState | None:
    """Return a stored state; None when another version of a rule, or other settings, made it."""
    try:
        state = decode(stored)
    except OtherVersionError:
        return None
    except ValueError as error:
        raise _unreadable(store, stream.name, error) from error
    return state if follows_rule(stream, state) else None


def _replayed(
    store: Store, world: str, known: dict[Stream, StreamState | None], layout: Layout
) -> dict[Stream, Replayed]:
    """Replay streams, each with the state to compare with, if there is one."""
    if not known:
        return {}
    restarts = {
        (each.run_id, each.stream.name): each.since.best_us
        for each in store.findings.findings()
        if each.tier is Tier.PERSISTENT and each.since is not None
    }
    period_of = {each.id: each.period_id for each in store.findings.updates(world)}
    made: dict[Stream, Replayed] = {}
    for stream, state in known.items():
        key = (stream.name, stream.definition)
        past = [
            PastStep(
                *(row.run_id, row.started_us, period_of[row.update_id], row.status, row.value, row.n),
                *(row.planned, row.u, row.input),
                restarts.get((row.run_id, row.stream), 0),
            )
            for row in store.findings.steps(world, [key], inputs=True).get(key, ())
        ]
        try:
            made[stream] = replay(stream, past, len(layout.probes(stream)), state)
        except (ValueError, KeyError, TypeError) as error:
            raise IntegrityError(
                f"{store.path}: the steps of stream {stream.name} cannot be made again: {error}; {CHECK}"
            ) from error
    return made


def _unreadable(store: Store, name: str, error: ValueError) -> IntegrityError:
    return IntegrityError(f"{store.path}: the state of stream {name} cannot be read: {error}; {CHECK}")
