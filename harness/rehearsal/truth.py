"""What was planted, in the terms of findings: which kind of finding each event deserves, when, and how large it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from harness.claims import Kind, Lock, StreamKey
from harness.rehearsal import world as events
from harness.rehearsal.ability import lock_on, truth, watched
from harness.rehearsal.state import State, state
from harness.rehearsal.world import World
from harness.suites import Suite

_BEFORE = 1e-6
"""Days before a moment at which nothing of it is in force yet."""
_LOCKS = {"refuse": Lock.EXPLICIT, "block": Lock.EXPLICIT, "fallback": Lock.ANNOUNCED, "silent": Lock.SILENT}


@dataclass(frozen=True, slots=True)
class Planted:
    """One change of an endpoint's behaviour: the beginning of an event, or its end."""

    endpoint: str
    day: float
    """Days after the world's start."""
    event: str
    """The event's kind, with `ends` for its end."""
    words: str
    """What happens, for the table."""
    kind: Kind | None
    """The finding it deserves; None for what should not become one."""
    also: tuple[Kind, ...] = ()
    """Further kinds that it may rightly raise."""
    lock: Lock | None = None
    topic: str | None = None
    direction: str | None = None
    """`down` or `up`, where the kind has a direction; a lock is a fall of the topic's words against neutral ones."""

    def explains(self, kind: Kind) -> bool:
        """Say whether a finding of this kind may come of it."""
        return kind is self.kind or kind in self.also


def planted(world: World) -> tuple[Planted, ...]:
    """Return every change, in order of time."""
    found: list[Planted] = []
    for event in world.events:
        begin = _planted(world, event)
        found.append(begin)
        if (
            event.until is not None
            and event.until < world.days
            and not _taken_over(world, event, event.until)
        ):
            turned = {"down": "up", "up": "down"}.get(begin.direction or "")
            found.append(
                Planted(
                    begin.endpoint,
                    event.until,
                    f"{begin.event} ends",
                    f"{begin.words} ends",
                    begin.kind,
                    begin.also,
                    begin.lock,
                    begin.topic,
                    turned,
                )
            )
    return tuple(sorted(found, key=lambda each: each.day))


def _taken_over(world: World, event: events.Event, day: float) -> bool:
    """Say whether another event of the same sort goes on where this one ends: a lock that is announced, say."""
    alike: type[events.Event] = events.Access if isinstance(event, events.Access) else type(event)
    return any(
        isinstance(other, alike)
        and other is not event
        and other.endpoint == event.endpoint
        and getattr(other, "topic", None) == getattr(event, "topic", None)
        and other.day <= day < (other.until if other.until is not None else world.days)
        for other in world.events
    )


def _planted(world: World, event: events.Event) -> Planted:
    def make(
        words: str,
        kind: Kind | None,
        also: tuple[Kind, ...] = (),
        lock: Lock | None = None,
        topic: str | None = None,
        direction: str | None = None,
    ) -> Planted:
        return Planted(event.endpoint, event.day, event.kind, words, kind, also, lock, topic, direction)

    everything = (Kind.CAPABILITY, Kind.REFUSAL, Kind.FORMAT, Kind.IDENTITY, Kind.TOPIC_LOCK)
    match event:
        case events.Degrade():
            where = f" in {', '.join(event.families)}" if event.families else ""
            part = f" on {event.probes:.0%} of probes" if event.probes < 1 else ""
            size = f"-{event.drop:.0%}" if event.drop else f"-{event.harder:g} log odds"
            return make(f"answers get worse ({size}{where}{part})", Kind.CAPABILITY, direction="down")
        case events.Flip():
            # The overall figure may move either way, or not at all.
            return make(f"the default answer becomes {event.towards}", Kind.CAPABILITY)
        case events.Lock():
            deep = f" from depth {event.from_depth}" if event.from_depth else ""
            tongue = f" in {', '.join(event.languages)}" if event.languages else ""
            refuses = (Kind.REFUSAL,) if event.mode in ("refuse", "block") else ()
            also = (*refuses, Kind.CAPABILITY, *((Kind.IDENTITY,) if event.mode == "fallback" else ()))
            return make(
                f"{event.topic} locked ({event.mode}{deep}{tongue})",
                Kind.TOPIC_LOCK, also, _LOCKS[event.mode], event.topic, "down",
            )  # fmt: skip
        case events.Unlock():
            ended = state(world, event.endpoint, event.day - _BEFORE).locks
            mode = next((_LOCKS[lock.mode] for lock in ended if lock.topic == event.topic), None)
            return make(
                f"{event.topic} unlocked",
                Kind.TOPIC_LOCK,
                (Kind.REFUSAL, Kind.CAPABILITY),
                mode,
                event.topic,
                "up",
            )
        case events.Loosen():
            words = "refusals become rarer everywhere" if event.amount > 0 else "refusals become more common"
            return make(words, Kind.REFUSAL, direction="down" if event.amount > 0 else "up")
        case events.Swap():
            return make(f"{event.model} takes over", Kind.IDENTITY, everything)
        case events.Quantise():
            return make(f"coarser weights ({event.amount:g})", Kind.IDENTITY, (Kind.CAPABILITY,))
        case events.Restyle():
            return make(f"answers dressed as {event.style}", Kind.FORMAT)
        case events.Alias():
            return make(f"replies name {event.served}", Kind.IDENTITY)
        case events.Reroute():
            return make(f"{event.share:.0%} of requests go to {event.model}", Kind.IDENTITY, everything)
        case events.Special():
            return make("known probes get better answers", Kind.SPECIAL_TREATMENT, (Kind.CAPABILITY,))
        case events.Access():
            outage = event.kind == "outage"
            words = {"withdraw": "the model is withdrawn", "deny-region": "access is denied to this region",
                     "credit": "the account runs dry", "outage": "nothing but server errors"}[event.kind]  # fmt: skip
            return make(words, None if outage else Kind.ACCESS, (Kind.ACCESS,) if outage else ())
        case events.BadDay():
            return make(f"a bad day (-{event.harder:g} log odds)", None)
        case events.ClockSkew():
            return make(f"our clock is {event.seconds:+g} s off", None)


def null_days(world: World, endpoint: str) -> float:
    """Return how many days an endpoint lives before anything that deserves a finding happens to it."""
    first = [each.day for each in planted(world) if each.endpoint == endpoint and (each.kind or each.also)]
    return min([*first, float(world.days)])


def level(world: World, suites: Mapping[str, Suite], stream: StreamKey, day: float) -> float | None:
    """Return a stream's true mean at a moment, without the noise of days, or None for a signal without one.

    For `correct` the chance of a right answer in use, for `refused` that of a refusal, for `lock` the loss of the
    watched side against its twin that is put down to a lock, as a negative number.
    """
    suite = suites.get(stream.suite)
    if suite is None or stream.endpoint not in world.endpoints:
        return None
    now = state(world, stream.endpoint, day)
    values = list(_values(world, suite, stream, now))
    return sum(values) / len(values) if values else None


def _values(world: World, suite: Suite, stream: StreamKey, now: State) -> Iterator[float]:
    for probe in suite.probes:
        narrowed = (
            (stream.topic, probe.topic),
            (stream.family, probe.family),
            (stream.language, probe.language),
        )
        if any(wanted is not None and wanted != has for wanted, has in narrowed):
            continue
        right, refused = truth(world, now, suite, probe)
        if stream.signal == "correct":
            yield right
        elif stream.signal == "refused":
            yield refused
        elif stream.signal.startswith("lock") and probe.pair is not None and watched(suite, probe):
            lock = lock_on(now, suite, probe)
            free = replace(now, locks=())
            lost = truth(world, free, suite, probe)[0] - right
            manner = stream.signal.removeprefix("lock-")
            same = lock is not None and manner in ("any", "lock", _LOCKS[lock.mode].value)
            yield -lost if same else 0.0
