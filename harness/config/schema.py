"""What config.toml may say: one frozen model per section, one field per key.

The docstring under each field is its documentation; docs/config.md is made from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from harness.config.frozen import FrozenDict, freeze, freeze_json, numbers_in

Protocol = Literal["openai-chat", "openai-responses", "anthropic-messages", "gemini"]
PROTOCOLS: tuple[str, ...] = ("openai-chat", "openai-responses", "anthropic-messages", "gemini")

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Names = Annotated[tuple[Name, ...], Field(strict=False, min_length=1)]
Values = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=80)], ...], Field(strict=False, min_length=1)
]
Rungs = Annotated[
    tuple[Annotated[int, Field(ge=0, le=1000)], ...],
    BeforeValidator(numbers_in),
    Field(strict=False, min_length=1),
]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]

T = TypeVar("T")
Table = Annotated[Mapping[Name, T], AfterValidator(freeze)]
"""Named sections, `[endpoints.NAME]`."""
Settings = Annotated[Mapping[str, Any], AfterValidator(freeze_json)]
"""Free keys with JSON values."""


class Section(BaseModel):
    """What all sections share: frozen, strict about types, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True)


class Limits(Section):
    """How hard an endpoint may be asked, and how long a call may take."""

    concurrency: int = Field(default=4, ge=1, le=1000)
    """Calls in flight at once."""
    requests_per_minute: Positive | None = None
    """Requests started per minute, retries included."""
    tokens_per_minute: Positive | None = None
    """Input and output tokens together."""
    timeout_s: float = Field(default=120.0, gt=0, le=86_400, allow_inf_nan=False)
    """Deadline of one attempt, from sending to the last byte."""
    attempts: int = Field(default=4, ge=1, le=20)
    """Tries per call, the first included."""
    backoff_s: float = Field(default=1.0, ge=0, le=86_400, allow_inf_nan=False)
    """First wait before a retry; doubled each time, jittered."""
    backoff_max_s: float = Field(default=60.0, ge=0, le=86_400, allow_inf_nan=False)
    """Longest wait before a retry."""
    reply_bytes: int = Field(default=8_000_000, ge=1_000, le=100_000_000)
    """Longest reply kept; a longer one is cut there and recorded as too_large."""


class Prices(Section):
    """US dollars per million tokens. A budget in dollars needs both for every endpoint; 0 means free."""

    input_usd_per_mtok: NotNegative = 0.0
    """Price of what is sent."""
    output_usd_per_mtok: NotNegative = 0.0
    """Price of what comes back, hidden reasoning included."""


class Launch(Section):
    """A local model server that harness starts before a run and stops after it."""

    model: Name = "smollm2-135m-instruct"
    """Name of a model known to `harness local`."""
    weights: str | None = Field(default=None, min_length=1)
    """A GGUF file to serve instead of the known model's own."""
    lora: str | None = Field(default=None, min_length=1)
    """A LoRA adapter (GGUF) to load."""
    lora_scale: float = Field(default=0.0, allow_inf_nan=False)
    """How strongly the adapter works; 0 leaves the base model as it is."""
    threads: int = Field(default=1, ge=1, le=256)
    """Processor threads."""
    slots: int = Field(default=1, ge=1, le=64)
    """Calls it works on at once. With more than one, answers that are computed together may differ in the last bit."""
    context: int = Field(default=8192, ge=256, le=10_000_000)
    """Tokens of context, split over the slots."""


class Endpoint(Section):
    """One model at one address, asked in one protocol from one vantage."""

    protocol: Protocol = Field(examples=["openai-chat"])
    """How it is spoken to; most servers speak `openai-chat`."""
    url: str | None = Field(
        default=None, min_length=1, max_length=2000, examples=["https://api.openai.com/v1"]
    )
    """Base URL, such as https://api.openai.com/v1; left out with `launch`, which finds its own."""
    model: str = Field(min_length=1, max_length=200, examples=["gpt-6-luna"])
    """The model's name, exactly as the provider writes it."""
    key_env: str | None = None
    """Environment variable that holds the key; left out, the usual one, at the provider's address only."""
    key_file: str | None = Field(default=None, min_length=1)
    """File that holds the key and nothing else, relative to the config file; instead of `key_env`."""
    stream: bool = False
    """Ask for the reply as a stream, which also measures the time to the first token."""
    parameters: Settings = Field(default_factory=FrozenDict)
    """Sampling settings: temperature, top_p, seed, max_tokens, logprobs, ... A probe's own win over these."""
    headers: Annotated[Mapping[str, str], AfterValidator(freeze)] = Field(default_factory=FrozenDict)
    """Extra request headers; never a key."""
    body: Settings = Field(default_factory=FrozenDict)
    """Extra fields of the request body, passed through as they are."""
    proxy: str | None = Field(default=None, min_length=1, max_length=2000)
    """Proxy URL for this endpoint alone: another place to ask from."""
    proxy_env: str | None = None
    """Environment variable that holds the proxy URL, for one with a password in it."""
    ca_file: str | None = Field(default=None, min_length=1)
    """Certificates (PEM) by which its server (or HTTPS proxy) is trusted, relative to the config file, such as an
    institution's own; left out, the usual public authorities."""
    vantage: Name = "default"
    """Which `[vantages.NAME]` it is asked from."""
    limits: Limits = Limits()
    """How hard it may be asked."""
    prices: Prices = Prices()
    """What it costs."""
    launch: Launch | None = None
    """Makes it a local server that harness starts and stops."""
    reference: bool = False
    """Believed unaffected; asked in the same runs to see common-mode changes."""


class SuiteUse(Section):
    """Which suite is asked, of whom, and how often per probe."""

    path: str | None = Field(default=None, min_length=1)
    """Folder of the suite; left out, `probes/NAME` beside the config file, else the one harness ships."""
    samples: int = Field(default=1, ge=1, le=1000)
    """Times each probe is asked in one run."""
    endpoints: Names | None = None
    """Endpoints to ask; left out, all of them but those that judge."""
    families: Values | None = None
    """Ask only probes of these families. This and the keys below narrow one another; pairs stay whole."""
    topics: Values | None = None
    """Ask only probes on these topics, both arms of each pair."""
    languages: Values | None = None
    """Ask only probes in these languages."""
    depths: Rungs | None = None
    """Ask only probes of these depths: a list, or a range such as `"0-2"`."""
    difficulties: Rungs | None = None
    """Ask only probes on these rungs of the difficulty ladder: a list, or a range such as `"1-3"`."""
    probes: int | None = Field(default=None, ge=1, le=1_000_000)
    """Ask at most so many of them, always the same: pairs whole, families, topics and languages in equal parts."""


class Judge(Section):
    """A model that grades free text, for probes whose grader is `judge` (graders.md). Not asked any suite by itself."""

    endpoint: Name = Field(examples=["referee"])
    """Endpoint that judges; pin a dated `model` there. It is never asked about answers of its own model."""
    rubric: str = Field(
        default="Full points for an answer that is correct, complete and to the point; none for a wrong one.",
        min_length=1,
        max_length=4000,
    )
    """What points are given for, where a probe has no rubric of its own."""
    max_tokens: int = Field(default=256, ge=16, le=100_000)
    """Longest reply; a model that reasons first needs more."""


class Schedule(Section):
    """When `harness watch` runs what."""

    cron: str = Field(examples=["17 6 * * *"])
    """Five fields: minute hour day-of-month month day-of-week, in UTC."""
    suites: Names | None = None
    """Suites to run; left out, all of them."""
    endpoints: Names | None = None
    """Endpoints to ask; left out, all of them."""


class Budgets(Section):
    """What may be spent before calls are withheld; a withheld call counts as missing, never as a result.

    A request whose cost no reply tells counts with its upper estimate.
    """

    usd_per_run: NotNegative | None = None
    """US dollars one run may cost."""
    usd_per_day: NotNegative | None = None
    """US dollars per UTC day."""
    usd_per_month: NotNegative | None = None
    """US dollars per UTC calendar month."""
    calls_per_run: int | None = Field(default=None, ge=0)
    """Requests one run may send."""
    calls_per_day: int | None = Field(default=None, ge=0)
    """Requests per UTC day."""


class Storage(Section):
    """Where evidence and results are kept, relative to the config file."""

    database: str = Field(default="results/harness.db", min_length=1)
    """The SQLite database."""
    results: str = Field(default="results", min_length=1)
    """Folder for plots and reports."""


class RunSettings(Section):
    """How a run is planned."""

    seed: int = Field(default=1, ge=0, lt=2**63)
    """Base of every seed: order of calls, sampling seeds, fresh probes."""


class Vantage(Section):
    """Where and as whom an endpoint is asked."""

    host: str = Field(default="", max_length=200)
    """The machine that asks."""
    region: str = Field(default="", max_length=200)
    """Network region, such as `eu-west` or a country code."""
    account: str = Field(default="", max_length=200)
    """Account tier, such as `free`, `paid` or `research`."""


class Findings(Section):
    """How claims of change are made. Any change here starts a new period of the alpha ledger, which is recorded."""

    alpha: float = Field(default=0.01, gt=0, le=0.2, allow_inf_nan=False)
    """Chance of any false persistent finding in a year, over everything this file watches."""
    incident_alpha: float = Field(default=0.05, gt=0, le=0.5, allow_inf_nan=False)
    """The same for incidents, the fast and provisional tier."""
    incident_day_sd: float = Field(default=0.3, gt=0, le=3, allow_inf_nan=False)
    """How much ordinary days may differ for the incident tier, as a standard deviation on the logit scale."""
    horizon_days: int = Field(default=365, ge=30, le=3_660)
    """Days for which the chances above hold; after so many days evidence starts anew."""
    coverage_min: float = Field(default=0.8, gt=0, le=1, allow_inf_nan=False)
    """Share of a stream's planned calls a run must have measured; below it the run is missing, not zero."""
    margin: float = Field(default=0.05, gt=0, lt=1, allow_inf_nan=False)
    """Largest difference, as a share, that still counts as `no change`."""
    level: float = Field(default=0.95, ge=0.5, lt=1, allow_inf_nan=False)
    """Confidence of the intervals of effects and dates."""


class Confirmation(Section):
    """Extra runs while evidence of a change grows (findings.md). Any change here starts a new period of the ledger."""

    runs_per_month: int = Field(default=0, ge=0, le=10_000)
    """Extra runs in 30 days over all endpoints, at most one a day at each; 0: none. Each asks one suite."""
    watch: float = Field(default=0.5, gt=0, lt=1, allow_inf_nan=False)
    """Evidence that asks for more, as a part of the alarm level on the log scale: 0.5 is its square root."""
    usd_per_month: NotNegative | None = None
    """US dollars the extra runs may cost in 30 days, beside `[budgets]`, which holds for them too."""


AlertKind = Literal["incomplete", "denied", "budget", "finding"]


class Alerts(Section):
    """Whom to tell, and about what."""

    urls_env: str | None = None
    """Environment variable with notification URLs (Apprise syntax), space-separated; left out, no alerts."""
    on: Annotated[tuple[AlertKind, ...], Field(strict=False)] = ("incomplete", "denied", "budget", "finding")
    """`incomplete`: coverage of a run below `coverage_below`; `denied`: an endpoint refuses access;
    `budget`: a run stopped because a budget was used up; `finding`: a claim was raised, or an incident confirmed,
    over or withdrawn."""
    coverage_below: float = Field(default=0.9, ge=0, le=1, allow_inf_nan=False)
    """Share of planned calls that must have been measured."""


class Custody(Section):
    """How the record is made checkable for others: who signs it, and who says when."""

    key: str | None = Field(default=None, min_length=1)
    """File of the key that signs, made by `harness key`; left out, `signing-key.pem` in the user's config folder."""
    timestamp_url: str | None = Field(default=None, min_length=1, max_length=2000)
    """RFC 3161 timestamp service that seals are stamped by; left out, seals carry only our own clock's time."""
    timestamp_ca: str | None = Field(default=None, min_length=1)
    """Certificates (PEM) by which the service is trusted, relative to the config file; needed with `timestamp_url`."""
    seal_runs: bool = False
    """Seal after every run of `harness run` and `harness watch`, which otherwise keeps others from sealing."""


class Config(Section):
    """All of config.toml."""

    endpoints: Table[Endpoint] = Field(min_length=1)
    """`[endpoints.NAME]`: what is asked."""
    suites: Table[SuiteUse] = Field(min_length=1)
    """`[suites.NAME]`: what it is asked."""
    judges: Table[Judge] = Field(default_factory=FrozenDict)
    """`[judges.NAME]`: who grades free text."""
    schedules: Table[Schedule] = Field(default_factory=FrozenDict)
    """`[schedules.NAME]`: when."""
    vantages: Table[Vantage] = Field(default_factory=FrozenDict)
    """`[vantages.NAME]`: from where."""
    run: RunSettings = RunSettings()
    """`[run]`: how a run is planned."""
    budgets: Budgets = Budgets()
    """`[budgets]`: what may be spent."""
    storage: Storage = Storage()
    """`[storage]`: where evidence and results go."""
    alerts: Alerts = Alerts()
    """`[alerts]`: whom to tell."""
    custody: Custody = Custody()
    """`[custody]`: who signs the record, and who says when."""
    findings: Findings = Findings()
    """`[findings]`: how claims of change are made."""
    confirmation: Confirmation = Confirmation()
    """`[confirmation]`: extra runs while evidence grows."""

    def asked(self, suite: str) -> tuple[str, ...]:
        """Return the endpoints that a suite is asked of."""
        named = self.suites[suite].endpoints
        if named is not None:
            return tuple(name for name in self.endpoints if name in named)
        judging = {judge.endpoint for judge in self.judges.values()}
        return tuple(name for name in self.endpoints if name not in judging)
