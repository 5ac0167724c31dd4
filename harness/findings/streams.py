"""Which streams are watched: known from the config and the suites before the first day.

A stream is one number per run and what it is about. Breakdowns that are not streams (families, languages,
probe classes) are shown beside a finding and never raise one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from harness.claims import StreamKey
from harness.config import Config, shown_endpoint
from harness.observe import makers
from harness.plan import asked_settings
from harness.records import JSON, Probe, canonical_json, sha256
from harness.suites import Suite

CONTROL_ARMS = frozenset(
    {"neutral", "plain", "control", "baseline", "base", "safe", "benign", "reference", "off"}
)
"""Names of an arm that is believed unaffected; arms that are both watched (two sides of a dispute) give no lock."""
NEAR_TIE, TOKENS = "near-tie", "tokens"
"""Families of an identity suite: prompts whose first token is a near tie, texts whose tokens are counted."""
TALLY_PROBES = 400
"""Up to so many probes a stream keeps a tally per probe; a larger suite one number per run."""


class Signal(StrEnum):
    """What is measured per run."""

    CORRECT = "correct"
    REFUSED = "refused"
    FORMAT = "format"
    LOCK = "lock"
    IDENTITY = "identity"
    ANCHOR_FRESH = "anchor-minus-fresh"
    SERVED_MODEL = "served-model"
    TOKEN_COUNTS = "token-counts"  # noqa: S105 - a name
    NOTICE = "notice"
    ACCESS = "access"


FACTS = frozenset({Signal.SERVED_MODEL, Signal.TOKEN_COUNTS, Signal.NOTICE, Signal.ACCESS})
"""Signals that are read off, not estimated: they need no share of the false-alarm budget."""
MEANINGS: Mapping[Signal, str] = {
    Signal.CORRECT: "share of the questions answered correctly (capability in use: a refusal is no right answer)",
    Signal.REFUSED: "share of the questions declined: refused, cut off or answered with nothing",
    Signal.FORMAT: "share of the replies in which no answer could be read, or that our own limit ended",
    Signal.LOCK: "share right in a topic's words minus share right in neutral words, over whole matched pairs; a "
    "finding says how much of it was explicit (a refusal in the pair), announced or silent",
    Signal.IDENTITY: "distance of the answers to near-tie prompts from the frozen reference runs; incidents watch, "
    "prompt by prompt, the share answered with the first token that was usual in the reference runs",
    Signal.ANCHOR_FRESH: "share right among fixed questions minus share right among fresh ones of the same templates",
    Signal.SERVED_MODEL: "the model's name as served",
    Signal.TOKEN_COUNTS: "input tokens the provider counts for fixed texts",
    Signal.NOTICE: "topics on which replies announce that another model took over or that an answer is withheld",
    Signal.ACCESS: "whether access was denied",
}


@dataclass(frozen=True, slots=True)
class Stream:
    """One monitored series."""

    key: StreamKey
    group: str
    """Streams of a group share one evidence average and one alarm level: the endpoint's name."""
    definition: str
    """Hash of all that makes the numbers comparable: endpoint settings, suite, samples, graders. Another
    definition is another stream."""
    planned: int
    """Calls a run plans for it; 0 for a fact of the whole endpoint."""
    tallied: bool = False
    """Whether a tally per probe is kept, which weighs the probes by what all runs say of them."""
    day_sd: float = 0.0
    """How much ordinary days may differ, logit sd, for the incident tier; 0 for a stream that it does not watch."""

    @property
    def name(self) -> str:
        """The stream as one word."""
        return self.key.name

    @property
    def signal(self) -> Signal:
        """What is measured."""
        return Signal(self.key.signal)

    @property
    def counted(self) -> bool:
        """Whether it is a statistical stream with a share of the alpha ledger."""
        return self.signal not in FACTS


def streams(config: Config, suites: Mapping[str, Suite]) -> tuple[Stream, ...]:
    """Return every stream that a config and its suites give, in the config's order.

    Args:
        config: who is asked what.
        suites: name -> suite, at least those the config names.
    """
    return tuple(
        stream
        for endpoint in config.endpoints
        for stream in (*_statistical(config, suites, endpoint), *_facts(config, suites, endpoint))
    )


def asked_of(config: Config, endpoint: str) -> list[str]:
    """Return the suites an endpoint is asked."""
    return [name for name in config.suites if endpoint in config.asked(name)]


def _statistical(config: Config, suites: Mapping[str, Suite], endpoint: str) -> Iterator[Stream]:
    for name in asked_of(config, endpoint):
        suite, samples = suites[name], config.suites[name].samples
        definition = _definition(config, endpoint, suite, samples)
        for signal, topic, probes in _signals(suite):
            few = len(probes) <= TALLY_PROBES
            tallied = few and signal is Signal.CORRECT
            fast = tallied or (few and signal is Signal.IDENTITY)
            yield Stream(
                StreamKey(endpoint, name, signal.value, topic),
                endpoint,
                definition,
                len(probes) * samples,
                tallied,
                config.findings.incident_day_sd if fast else 0.0,
            )


def _signals(suite: Suite) -> Iterator[tuple[Signal, str | None, Sequence[Probe]]]:
    """Yield (signal, topic, probes it is made from) for what a suite can show."""
    for signal in Signal:
        if signal in FACTS:
            continue
        topics: Sequence[str | None] = suite.topics if signal is Signal.LOCK else (None,)
        for topic in topics:
            chosen = probes_of(suite, signal, topic)
            if chosen:
                yield signal, topic, chosen


def graded(probe: Probe) -> bool:
    """Say whether a probe has a right answer (a refusal grader only tells whether it was declined)."""
    return probe.grader != "refusal"


def identifies(suite: Suite) -> bool:
    """Say whether a suite is there to tell models apart; its answers are neither right nor wrong."""
    return NEAR_TIE in suite.families or TOKENS in suite.families


def control_arm(suite: Suite) -> str | None:
    """Return the arm of a suite that is believed unaffected, if it has one."""
    return suite.arms[-1] if suite.arms and suite.arms[-1] in CONTROL_ARMS else None


def probes_of(suite: Suite, signal: Signal, topic: str | None = None) -> tuple[Probe, ...]:
    """Return the probes of a suite that a signal is made from; empty when the suite cannot show it."""
    probes = suite.probes
    if signal is Signal.IDENTITY:
        return tuple(probe for probe in probes if probe.family == NEAR_TIE)
    if signal is Signal.TOKEN_COUNTS:
        return tuple(probe for probe in probes if probe.family == TOKENS and not probe.fresh)
    if identifies(suite) or signal in FACTS:
        return ()
    if signal is Signal.REFUSED:
        return probes
    right = tuple(probe for probe in probes if graded(probe))
    if signal is Signal.ANCHOR_FRESH:
        both = {p.template for p in right if p.anchor and p.template} & {p.template for p in right if p.fresh}
        return tuple(p for p in right if p.template in both and (p.anchor or p.fresh) and p.pair is None)
    if signal is not Signal.LOCK:
        return right
    control = control_arm(suite)
    if control is None:
        return ()
    watched = {p.pair for p in right if p.topic == topic and p.pair is not None and p.arm == suite.arms[0]}
    return tuple(p for p in right if p.pair in watched and p.arm in (suite.arms[0], control))


def _facts(config: Config, suites: Mapping[str, Suite], endpoint: str) -> Iterator[Stream]:
    names = asked_of(config, endpoint)
    if not names:
        return
    asked = _hash({"endpoint": endpoint_settings(config, endpoint)})
    for signal in (Signal.ACCESS, Signal.SERVED_MODEL):
        yield Stream(StreamKey(endpoint, "", signal.value), endpoint, asked, 0)
    for name in names:
        probes = probes_of(suites[name], Signal.TOKEN_COUNTS)
        definition = _definition(config, endpoint, suites[name], 1)
        yield Stream(StreamKey(endpoint, name, Signal.NOTICE.value), endpoint, definition, 0)
        if probes:
            planned = len(probes) * config.suites[name].samples
            key = StreamKey(endpoint, name, Signal.TOKEN_COUNTS.value)
            yield Stream(key, endpoint, definition, planned)


def endpoint_settings(config: Config, endpoint: str) -> JSON:
    """Return the part of an endpoint's settings that decides who answers and how; keys, limits, prices do not."""
    return asked_settings(shown_endpoint(config.endpoints[endpoint]))


def graders_of(config: Config, endpoint: str, suite: Suite) -> list[str]:
    """Return the versions of all code that judges this suite's answers from this endpoint."""
    protocol = config.endpoints[endpoint].protocol
    used = {word for probe in suite.probes for word in makers(protocol, probe.grader).split()}
    return sorted(used)


def _definition(config: Config, endpoint: str, suite: Suite, samples: int) -> str:
    return _hash(
        {
            "endpoint": endpoint_settings(config, endpoint),
            "suite": [suite.name, suite.version, suite.content_hash, suite.selection.as_json()],
            "samples": samples,
            "makers": list(graders_of(config, endpoint, suite)),
        }
    )


def _hash(value: JSON) -> str:
    return sha256(canonical_json(value))
