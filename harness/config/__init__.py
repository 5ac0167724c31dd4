"""config.toml -> Config; keys and proxies; the only reader of the environment."""

from __future__ import annotations

from harness.config.keys import (
    alert_urls,
    config_warnings,
    missing_keys,
    proxy_for,
    read_key,
    read_keys,
)
from harness.config.load import config_hash, config_json, load_config, template_text
from harness.config.schema import (
    PROTOCOLS,
    AlertKind,
    Alerts,
    Budgets,
    Config,
    Custody,
    Endpoint,
    Findings,
    Judge,
    Launch,
    Limits,
    Prices,
    Protocol,
    RunSettings,
    Schedule,
    Storage,
    SuiteUse,
    Vantage,
)

__all__ = [
    "PROTOCOLS",
    "AlertKind",
    "Alerts",
    "Budgets",
    "Config",
    "Custody",
    "Endpoint",
    "Findings",
    "Judge",
    "Launch",
    "Limits",
    "Prices",
    "Protocol",
    "RunSettings",
    "Schedule",
    "Storage",
    "SuiteUse",
    "Vantage",
    "alert_urls",
    "config_hash",
    "config_json",
    "config_warnings",
    "load_config",
    "missing_keys",
    "proxy_for",
    "read_key",
    "read_keys",
    "template_text",
]
