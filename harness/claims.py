"""The frozen types of a finding: a claim with its evidence, what was ruled out, and how sure one may be.

Data alone, like `harness.records`: no I/O, no statistics. `finding_json` is the form that is stored and exported.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, cast

from harness.records import JSON


class Kind(StrEnum):
    """What changed, as far as the evidence tells."""

    CAPABILITY = "capability"
    REFUSAL = "refusal"
    TOPIC_LOCK = "topic-lock"
    IDENTITY = "identity"
    ACCESS = "access"
    FORMAT = "format"
    SPECIAL_TREATMENT = "probe-special-treatment"


class Tier(StrEnum):
    """How much the claim holds up."""

    PERSISTENT = "persistent"
    """Valid when days are exchangeable; one an auditor may publish."""
    INCIDENT = "incident"
    """Provisional: fast, under stronger assumptions; confirmed, over or withdrawn later."""


class Verdict(StrEnum):
    """What is said."""

    CHANGE = "change"
    NO_CHANGE = "no change"
    """An equivalence claim with a stated margin, never silence."""
    INCONCLUSIVE = "inconclusive"


class Lock(StrEnum):
    """How a topic is locked."""

    EXPLICIT = "explicit"
    ANNOUNCED = "announced"
    SILENT = "silent"


class Standing(StrEnum):
    """Where a finding stands; an incident is provisional until it is confirmed, over or withdrawn."""

    OPEN = "open"
    CONFIRMED = "confirmed"
    """The persistent tier agrees."""
    OVER = "over"
    """Several runs lay apart from those before and since: it came and went, and stands as it was told."""
    WITHDRAWN = "withdrawn"
    """The runs since are as before, and one run alone, or none clearly, lay apart: as on a bad day."""


@dataclass(frozen=True, slots=True)
class StreamKey:
    """What one monitored series is about: known from the config before the first day."""

    endpoint: str
    suite: str
    signal: str
    """What is measured per run, e.g. `correct`, `refused`, `lock`, `format`, `identity`."""
    topic: str | None = None
    family: str | None = None
    language: str | None = None

    @property
    def name(self) -> str:
        """The stream as one word: `endpoint/suite/signal` and what narrows it."""
        narrowed = (("topic", self.topic), ("family", self.family), ("language", self.language))
        return "/".join(
            (self.endpoint, self.suite, self.signal, *(f"{k}={v}" for k, v in narrowed if v is not None))
        )


@dataclass(frozen=True, slots=True)
class Effect:
    """By how much, after minus before."""

    value: float
    low: float
    high: float
    level: float
    """Confidence of the interval, e.g. 0.95."""
    unit: str
    """E.g. `share of probes answered correctly`."""
    method: str
    """How the interval was made, e.g. `haar-t` or `newcombe`."""


@dataclass(frozen=True, slots=True)
class Since:
    """Since when: the first run after the change, with the set of dates that the evidence allows."""

    best_us: int
    low_us: int
    high_us: int
    level: float


@dataclass(frozen=True, slots=True)
class RuledOut:
    """One other explanation, and what the evidence says of it."""

    explanation: str
    """One of: common-mode, format, missing-data, control-arm, reference-endpoint, grader-error."""
    result: Literal["ruled out", "not ruled out", "not checked"]
    words: str


@dataclass(frozen=True, slots=True)
class Part:
    """The change in one class of probes: where a suite-level change sits."""

    name: str
    n_before: int
    n_after: int
    before: float
    after: float
    low: float
    high: float
    """Interval of after minus before, at the finding's level."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A claim with its evidence. Never changed once stored: later events confirm or withdraw it."""

    id: str
    """Stable: made from the ledger period, the stream, the tier and the run that raised it."""
    kind: Kind
    tier: Tier
    verdict: Verdict
    stream: StreamKey
    headline: str
    """One plain sentence that says no more than the evidence does."""
    found_us: int
    """Start of the run that raised it, UTC microseconds."""
    run_id: int
    period: int
    """The alpha ledger's period it was raised under."""
    direction: Literal["down", "up"] | None = None
    lock: Lock | None = None
    effect: Effect | None = None
    since: Since | None = None
    e_value: float | None = None
    threshold: float | None = None
    """The alarm level the e-value crossed: horizon x streams / alpha, as the ledger gives it."""
    strength: str = ""
    """The e-value in calibrated words."""
    margin: float | None = None
    """For `no change`: the equivalence margin."""
    ruled_out: tuple[RuledOut, ...] = ()
    parts: tuple[Part, ...] = ()
    exchanges: tuple[str, ...] = ()
    """Call ids of the exchanges that show it best."""
    caveats: tuple[str, ...] = ()
    makers: str = ""
    """Versions of the code that made it, e.g. `findings/1 stats.normal_scores/1`."""
    standing: Standing = Standing.OPEN
    """As of now; stored as events beside the finding, not in it."""


def finding_json(finding: Finding) -> dict[str, JSON]:
    """Return a finding as JSON data, in the form that is stored, exported and hashed (without its standing)."""
    body = cast("dict[str, JSON]", dataclasses.asdict(finding))
    del body["standing"]
    return body


def finding_from_json(body: Mapping[str, JSON], standing: Standing = Standing.OPEN) -> Finding:
    """Return the finding that `finding_json` wrote.

    Raises:
        KeyError: a field is missing.
        TypeError: a field is not one of ours.
        ValueError: a word is not in its vocabulary.
    """
    fields = dict(body)
    given = cast("dict[str, dict[str, JSON] | None]", fields)
    stream = StreamKey(**cast("dict[str, str]", given["stream"]))
    effect, since, lock = given.get("effect"), given.get("since"), fields.get("lock")
    lists = cast("dict[str, list[dict[str, JSON]]]", fields)
    made = fields | {
        "kind": Kind(str(fields["kind"])),
        "tier": Tier(str(fields["tier"])),
        "verdict": Verdict(str(fields["verdict"])),
        "lock": Lock(str(lock)) if lock is not None else None,
        "stream": stream,
        "effect": Effect(**effect) if effect is not None else None,  # type: ignore[arg-type]
        "since": Since(**since) if since is not None else None,  # type: ignore[arg-type]
        "ruled_out": tuple(RuledOut(**one) for one in lists.get("ruled_out", [])),  # type: ignore[arg-type]
        "parts": tuple(Part(**one) for one in lists.get("parts", [])),  # type: ignore[arg-type]
        "exchanges": tuple(cast("list[str]", fields.get("exchanges", []))),
        "caveats": tuple(cast("list[str]", fields.get("caveats", []))),
        "standing": standing,
    }
    return Finding(**made)  # type: ignore[arg-type]
