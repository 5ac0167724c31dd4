"""A world file: simulated models, who serves them, and the dated events of a provider's life.

The docstring under each field is its documentation; docs/rehearsal.md is made from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, Field

from harness.config.frozen import FrozenDict, freeze
from harness.config.schema import Name, Names, Protocol, Section, SuiteUse, Table

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Number = Annotated[float, Field(allow_inf_nan=False, ge=-20, le=20)]
Day = Annotated[float, Field(ge=0, le=100_000, allow_inf_nan=False)]
Style = Literal["bare", "sentence", "steps", "fenced"]


class SimulatedModel(Section):
    """What a simulated model can do, how it speaks, and how it counts."""

    ability: Number = 1.5
    """Log odds of a right answer to a probe of middling difficulty."""
    families: Annotated[Mapping[str, Number], AfterValidator(freeze)] = Field(default_factory=FrozenDict)
    """Added to the ability, by probe family."""
    step: Number = 0.4
    """How much harder each rung of a difficulty ladder is, in log odds."""
    spread: Annotated[float, Field(ge=0, le=10, allow_inf_nan=False)] = 1.0
    """Standard deviation of probe difficulty that no ladder tells, in log odds."""
    always: Share = 0.25
    """Share of probes it always gets right."""
    never: Share = 0.05
    """Share of probes it never gets right."""
    refuses: Share = 0.004
    """Chance of declining an ordinary request, in prose."""
    refuses_lookalike: Share = 0.12
    """Chance of declining, in prose, a harmless request that looks like a harmful one (mean over such probes)."""
    style: Style = "sentence"
    """How an answer is dressed."""
    fingerprint: str | None = Field(default=None, max_length=100)
    """System fingerprint, where the protocol has one."""
    characters_per_token: Annotated[float, Field(ge=1, le=10, allow_inf_nan=False)] = 4.0
    """Its tokenizer, as far as counts show it."""
    latency_ms: Annotated[float, Field(ge=0, le=60_000, allow_inf_nan=False)] = 800.0
    """Typical time to the first byte, on the world's clock."""


class Noise(Section):
    """What goes up and down without meaning anything: the same for both arms of a pair."""

    day_sd: Annotated[float, Field(ge=0, le=5, allow_inf_nan=False)] = 0.1
    """Standard deviation of a day's effect on ability, in log odds."""
    common_sd: Annotated[float, Field(ge=0, le=5, allow_inf_nan=False)] = 0.0
    """The same, shared by all endpoints."""
    autocorrelation: Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)] = 0.0
    """Correlation of a day's effect with the day before: load that comes and goes."""
    bad_days: Share = 0.0
    """Share of days on which everything is harder."""
    bad_day_size: Annotated[float, Field(ge=0, le=10, allow_inf_nan=False)] = 1.0
    """How much harder, in log odds."""
    weekend: Number = 0.0
    """Effect of Saturday and Sunday on ability, in log odds."""
    busy: Share = 0.005
    """Share of requests turned away for the moment: too many, or overloaded."""
    errors: Share = 0.002
    """Share of requests that end in a server error."""


class SimulatedEndpoint(Section):
    """One model at one address of the simulated provider."""

    protocol: Protocol = "openai-chat"
    """The protocol it speaks."""
    model: Name
    """Which `[models.NAME]` answers there at first; also the name that is asked for."""
    stream: bool = False
    """Whether replies are streamed."""
    reference: bool = False
    """Believed unaffected; asked in the same runs to see common-mode changes."""
    noise: Noise | None = None
    """Its own noise instead of the world's."""


class _Event(Section):
    """What every event says."""

    endpoint: Name
    """Whom it happens to."""
    day: Day
    """When, in days since the world's start; fractions are parts of a day."""
    until: Day | None = None
    """When it ends; left out, it stays."""


class Degrade(_Event):
    """Answers get worse."""

    kind: Literal["degrade"]
    drop: Share = 0.0
    """Share of right answers lost: a chance of .8 becomes .8 x (1 - drop)."""
    harder: Annotated[float, Field(ge=0, le=20, allow_inf_nan=False)] = 0.0
    """Ability lost, in log odds."""
    families: Names | None = None
    """Only these families."""
    probes: Share = 1.0
    """Only this share of the probes, always the same ones."""
    ramp_days: Day = 0.0
    """It comes on slowly, in so many days; 0 is a step."""


class Flip(_Event):
    """What is answered by default to questions with two answers changes; no skill is lost."""

    kind: Literal["flip"]
    towards: str = Field(min_length=1, max_length=100)
    """The answer that is given from now on."""
    instead_of: str = Field(min_length=1, max_length=100)
    """The other one."""
    share: Share = 0.9
    """Share of such questions that get the default answer, whatever is right."""


class Lock(_Event):
    """Requests about a topic are treated differently."""

    kind: Literal["lock"]
    topic: str = Field(min_length=1, max_length=100)
    """Topic of the probes."""
    mode: Literal["refuse", "block", "fallback", "silent"]
    """`refuse`: in the model's own prose; `block`: by the provider's structured refusal; `fallback`: a weaker model
    takes over and the reply says so; `silent`: answers get worse and nothing says so."""
    from_depth: int = Field(default=0, ge=0, le=100)
    """Only requests at least this deep in the topic."""
    languages: Names | None = None
    """Only these languages."""
    share: Share = 1.0
    """Share of such requests that are caught."""
    drop: Share = 0.5
    """`silent` and `fallback`: share of right answers lost."""
    category: str = Field(default="policy", max_length=100)
    """The provider's word for its policy."""


class Unlock(_Event):
    """Every lock on a topic ends."""

    kind: Literal["unlock"]
    topic: str = Field(min_length=1, max_length=100)
    """Topic of the probes."""


class Loosen(_Event):
    """Refusals in prose become rarer (or, with a negative amount, more common) everywhere at once."""

    kind: Literal["loosen"]
    amount: Number
    """How much rarer, in log odds."""


class Swap(_Event):
    """Another model answers behind the same name."""

    kind: Literal["swap"]
    model: Name
    """Which `[models.NAME]`."""
    admitted: bool = False
    """Whether replies name the new model."""


class Quantise(_Event):
    """The same model with coarser weights: answers shift a little, in both directions."""

    kind: Literal["quantise"]
    amount: Annotated[float, Field(gt=0, le=5, allow_inf_nan=False)] = 0.5
    """Standard deviation of the shift of each probe, in log odds."""


class Restyle(_Event):
    """The same answers in another dress."""

    kind: Literal["format"]
    style: Style
    """How an answer is dressed from now on."""


class Alias(_Event):
    """The name points to a new version: replies name another model, whose answers are the same."""

    kind: Literal["alias"]
    served: str = Field(min_length=1, max_length=100)
    """The name in replies."""


class Reroute(_Event):
    """A share of the traffic goes to another model."""

    kind: Literal["reroute"]
    model: Name
    """Which `[models.NAME]`."""
    share: Share
    """Share of requests."""


class Special(_Event):
    """Requests that the provider has seen before are answered better than new ones."""

    kind: Literal["special"]
    better: Annotated[float, Field(ge=0, le=20, allow_inf_nan=False)] = 0.0
    """Ability gained on probes whose text never changes, in log odds."""
    worse: Annotated[float, Field(ge=0, le=20, allow_inf_nan=False)] = 0.0
    """Ability lost on probes with fresh text, in log odds."""


class Access(_Event):
    """The endpoint is not to be had."""

    kind: Literal["withdraw", "deny-region", "credit", "outage"]
    """`withdraw`: the model is gone; `deny-region`: not from here; `credit`: the account has run dry;
    `outage`: server errors, which teach nothing."""


class BadDay(_Event):
    """Everything is harder for a while; by itself no finding worth publishing."""

    kind: Literal["bad-day"]
    harder: Annotated[float, Field(ge=0, le=20, allow_inf_nan=False)] = 1.5
    """Ability lost, in log odds."""


class ClockSkew(_Event):
    """The clock of the machine that asks is wrong."""

    kind: Literal["clock-skew"]
    seconds: Annotated[float, Field(ge=-86_400, le=86_400, allow_inf_nan=False)]
    """How much it is ahead."""


Event: TypeAlias = Annotated[
    Degrade
    | Flip
    | Lock
    | Unlock
    | Loosen
    | Swap
    | Quantise
    | Restyle
    | Alias
    | Reroute
    | Special
    | Access
    | BadDay
    | ClockSkew,
    Field(discriminator="kind"),
]
EVENTS: tuple[type[_Event], ...] = (
    Degrade, Flip, Lock, Unlock, Loosen, Swap, Quantise, Restyle, Alias, Reroute, Special, Access, BadDay, ClockSkew,
)  # fmt: skip
"""Every kind of event, in the order in which they are documented."""


class World(Section):
    """All of a world file."""

    title: str = Field(min_length=1, max_length=200)
    """One line: what happens here."""
    description: str = Field(default="", max_length=4000)
    """The story, for whoever reads the report."""
    seed: int = Field(default=1, ge=0, lt=2**63)
    """Everything drawn depends on it."""
    start: date = date(2026, 1, 1)
    """Date of day 0."""
    days: int = Field(ge=1, le=5000)
    """How long it lasts."""
    runs_per_day: int = Field(default=1, ge=1, le=24)
    """Runs a day, evenly spaced."""
    models: Table[SimulatedModel] = Field(min_length=1)
    """`[models.NAME]`: who can answer."""
    endpoints: Table[SimulatedEndpoint] = Field(min_length=1)
    """`[endpoints.NAME]`: who is asked."""
    suites: Table[SuiteUse] = Field(min_length=1)
    """`[suites.NAME]`: what they are asked, as in config.toml."""
    noise: Noise = Noise()
    """`[noise]`: what goes up and down without meaning anything."""
    events: Annotated[tuple[Event, ...], Field(strict=False)] = ()
    """`[[events]]`: what happens when."""
