"""What config.toml may say: one frozen model per section, one field per key.

The docstring under each field is its documentation; docs/config.md is made from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

Protocol = Literal["openai-chat", "openai-responses", "anthropic-messages", "gemini"]
PROTOCOLS: tuple[str, ...] = ("openai-chat", "openai-responses", "anthropic-messages", "gemini")

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Names = Annotated[tuple[Name, ...], Field(strict=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True)


class Limits(_Section):
    """How hard an endpoint may be asked, and how long a call may take."""

    concurrency: int = Field(4, ge=1, le=1000)
    """Calls in flight at once."""
    requests_per_minute: Positive | None = None
    tokens_per_minute: Positive | None = None
    """Input and output tokens together."""
    timeout_s: Positive = 120.0
    """Deadline of one attempt, from sending to the last byte."""
    attempts: int = Field(4, ge=1, le=20)
    """Tries per call, the first included."""
    backoff_s: NotNegative = 1.0
    """First wait before a retry; doubled each time, jittered."""
    backoff_max_s: NotNegative = 60.0
    reply_bytes: int = Field(8_000_000, ge=1_000, le=100_000_000)
    """Longest reply kept; a longer one is cut there and recorded as too_large."""


class Prices(_Section):
    """US dollars per million tokens."""

    input_usd_per_mtok: NotNegative = 0.0
    output_usd_per_mtok: NotNegative = 0.0


class Launch(_Section):
    """A local model server that harness starts before a run and stops after it."""

    model: Name = "smollm2-135m-instruct"
    """Name of a model known to `harness local`."""
    weights: str | None = None
    """A GGUF file to serve instead of the known model's own."""
    lora: str | None = None
    """A LoRA adapter (GGUF) to load."""
    lora_scale: float = Field(0.0, allow_inf_nan=False)
    """0 leaves the base model as it is."""
    threads: int = Field(1, ge=1, le=256)
    slots: int = Field(4, ge=1, le=64)
    context: int = Field(8192, ge=256)
    """Tokens of context, split over the slots."""


class Endpoint(_Section):
    """One model at one address, asked in one protocol from one vantage."""

    protocol: Protocol
    url: str | None = None
    """Base URL, such as https://api.openai.com/v1; left out with `launch`, which finds its own."""
    model: str = Field(min_length=1, max_length=200)
    key_env: str | None = None
    """Environment variable that holds the key."""
    key_file: str | None = None
    """File that holds the key and nothing else."""
    stream: bool = False
    parameters: Mapping[str, JsonValue] = Field(default_factory=dict)
    """Sampling settings: temperature, top_p, seed, max_tokens, logprobs, ... A probe's own win over these."""
    headers: Mapping[str, str] = Field(default_factory=dict)
    """Extra request headers."""
    body: Mapping[str, JsonValue] = Field(default_factory=dict)
    """Extra fields of the request body, passed through as they are."""
    proxy: str | None = None
    """Proxy URL for this endpoint alone: another place to ask from."""
    vantage: Name = "default"
    limits: Limits = Limits()
    prices: Prices = Prices()
    launch: Launch | None = None
    reference: bool = False
    """Believed unaffected; asked in the same runs to see common-mode changes."""


class SuiteUse(_Section):
    """Which suite is asked, of whom, and how often per probe."""

    path: str | None = None
    """Folder of the suite; left out, `probes/<name>` beside the config file, else the one shipped with harness."""
    samples: int = Field(1, ge=1, le=1000)
    """Times each probe is asked in one run."""
    endpoints: Names | None = None
    """Endpoints to ask; left out, all of them."""


class Schedule(_Section):
    """When `harness watch` runs what."""

    cron: str
    """Five fields: minute hour day-of-month month day-of-week, in UTC."""
    suites: Names | None = None
    """Left out: all of them."""
    endpoints: Names | None = None
    """Left out: all of them."""


class Budgets(_Section):
    """What may be spent before calls are withheld; a withheld call is recorded as missing, never as a result."""

    usd_per_run: NotNegative | None = None
    usd_per_day: NotNegative | None = None
    """UTC day."""
    usd_per_month: NotNegative | None = None
    """UTC calendar month."""
    calls_per_run: int | None = Field(None, ge=0)
    calls_per_day: int | None = Field(None, ge=0)


class Storage(_Section):
    """Where evidence and results are kept, relative to the config file."""

    database: str = "results/harness.db"
    results: str = "results"
    """Folder for plots and reports."""


class RunSettings(_Section):
    """How a run is planned."""

    seed: int = Field(1, ge=0, lt=2**63)
    """Base of every seed: order of calls, sampling seeds, fresh probes."""


class Vantage(_Section):
    """Where and as whom an endpoint is asked."""

    host: str = ""
    region: str = ""
    """Network region, such as `eu-west` or a country code."""
    account: str = ""
    """Account tier, such as `free`, `paid` or `research`."""


class Alerts(_Section):
    """Whom to tell, and about what."""

    urls_env: str | None = None
    """Environment variable with notification URLs (Apprise syntax), separated by spaces."""
    on: Annotated[tuple[Literal["incomplete", "denied", "budget"], ...], Field(strict=False)] = ("incomplete", "denied", "budget")
    """`incomplete`: coverage of a run below `coverage_below`; `denied`: an endpoint refuses access;
    `budget`: a run stopped because a budget was used up."""
    coverage_below: float = Field(0.9, ge=0, le=1)


class Config(_Section):
    """All of config.toml."""

    endpoints: Mapping[Name, Endpoint] = Field(min_length=1)
    """`[endpoints.NAME]`: what is asked."""
    suites: Mapping[Name, SuiteUse] = Field(min_length=1)
    """`[suites.NAME]`: what it is asked."""
    schedules: Mapping[Name, Schedule] = Field(default_factory=dict)
    """`[schedules.NAME]`: when."""
    vantages: Mapping[Name, Vantage] = Field(default_factory=dict)
    """`[vantages.NAME]`: from where."""
    run: RunSettings = RunSettings()
    budgets: Budgets = Budgets()
    storage: Storage = Storage()
    alerts: Alerts = Alerts()
