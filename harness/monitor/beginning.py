"""What every run begins with: its header, who is asked, the keys, and what has been spent before it."""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field

from harness import __version__
from harness.config import Config, Endpoint, config_hash, config_json, shown_endpoint
from harness.limits import Clock
from harness.monitor import provenance
from harness.plan import Plan
from harness.records import RunHeader, derive_seed
from harness.store import EndpointRecord, Store


@dataclass(frozen=True, slots=True)
class Access:
    """What is needed to reach the endpoints and must never be stored: keys and proxies, by endpoint name."""

    keys: Mapping[str, str | None]
    proxies: Mapping[str, str | None]
    tls: Mapping[str, ssl.SSLContext] = field(default_factory=dict)
    """Whom to trust, for endpoints with a `ca_file`."""


def next_seed(config: Config, store: Store | None) -> int:
    """Return the seed of the next run: from the config's base seed and the number of runs so far."""
    return derive_seed("run", config.run.seed, (store.run_count() if store is not None else 0) + 1)


def run_header(config: Config, plan: Plan, clock: Clock, trigger: str, reason: str = "") -> RunHeader:
    """Return what is known about a run before its first call."""
    revision, dirty = provenance.git_state()
    return RunHeader(
        seed=plan.seed,
        started_us=clock.now_us(),
        clock=clock.kind,
        planned=len(plan),
        plan_hash=plan.plan_hash,
        config_hash=config_hash(config),
        config_json=config_json(config),
        suites={name: suite.content_hash for name, suite in plan.suites.items()},
        endpoints=tuple(plan.endpoints),
        trigger=trigger,
        vantage={name: json.dumps(vantage.model_dump()) for name, vantage in config.vantages.items()},
        harness_version=__version__,
        packages=provenance.packages(),
        python=provenance.python_version(),
        platform=provenance.platform_name(),
        git_revision=revision,
        git_dirty=dirty,
        reason=reason or None,
    )


def endpoint_record(name: str, endpoint: Endpoint) -> EndpointRecord:
    """Return what decides who answers and how: a change of any of it makes another endpoint of the same name."""
    shown = shown_endpoint(endpoint)
    asked = shown.model_dump(
        mode="json", include={"parameters", "headers", "body", "stream", "proxy", "launch"}
    )
    return EndpointRecord(
        name=name,
        model=endpoint.model,
        protocol=endpoint.protocol,
        url=shown.url,
        vantage=endpoint.vantage,
        parameters=asked,
    )
