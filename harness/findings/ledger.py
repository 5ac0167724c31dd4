"""The alpha ledger: how a year's budget of false alarms is divided over the streams, fixed before the first run.

Each stream's evidence is a Shiryaev-Roberts sum, whose expectation grows by one per counted run if nothing changes.
The streams of an endpoint are averaged with fixed weights (valid under any dependence between them), and an alarm
is an average of at least `groups x runs / alpha`: over all endpoints and `runs` runs, the chance of any false alarm
is then at most alpha. Because a new period only sets the sums back to nothing, changes within a year spend no more
of the year's budget than one undisturbed year.
"""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.claims import Tier
from harness.config import Config
from harness.findings.streams import FACTS, Signal, Stream, asked_of, endpoint_settings, graders_of, streams
from harness.records import JSON, canonical_json, sha256
from harness.stats import day_effect, days, new_levels, normal_scores, rank_bets
from harness.suites import Suite

VERSION = 6
"""Version of the rules in this room: raised with any change that can alter a step, an alarm or a finding."""
REFERENCE_RUNS = 3
"""Runs that make the frozen reference of an identity stream before its first step."""
SHARES = {Signal.LOCK: 3}
"""Parts of a suite's share that a signal gets; one where it is not named. Locks divide theirs over the topics."""
UPWARDS = {Signal.LOCK: 0.2, Signal.IDENTITY: 0.9}
"""Share of a stream's evidence that is looked for in a rise; half where it is not named."""
SETTINGS = normal_scores.NormalScoreSettings(temper=0.85)
"""Of normal scores and bets on ranks in every stream. The temper keeps false alarms within twice the budget where
the days' effects are correlated by .5 (docs/statistics.md)."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """Who may raise a finding, with which share of which budget."""

    streams: tuple[Stream, ...]
    weights: Mapping[str, float]
    """Share of each counted stream in its group's average; each group's sum to 1."""
    incident_weights: Mapping[str, float]
    """The same for the incident tier, which watches the streams that keep a tally per probe or near-tie prompt."""
    groups: tuple[str, ...]
    """Endpoints with counted streams."""
    references: tuple[str, ...]
    """Endpoints believed unaffected, asked to see what is common to all."""
    alpha: float
    incident_alpha: float
    horizon_days: int
    runs: int
    """Runs the budget is made for: those the schedules plan within the horizon, at least one a day."""
    settings: Mapping[str, JSON] = dataclasses.field(hash=False)
    """Everything else that was fixed before: endpoints, suites, graders, rules and their versions."""

    def threshold(self, tier: Tier) -> float:
        """Return the level at which a group's average alarms."""
        alpha = self.alpha if tier is Tier.PERSISTENT else self.incident_alpha
        return max(1, len(self.groups)) * self.runs / alpha

    def chance(self, tier: Tier, e_value: float) -> float:
        """Return the chance, at most, that evidence so strong shows anywhere within the horizon if nothing changes."""
        alpha = self.alpha if tier is Tier.PERSISTENT else self.incident_alpha
        return min(1.0, alpha * self.threshold(tier) / e_value) if e_value > 0 else 1.0

    def of(self, name: str) -> Stream:
        """Return a stream by its name."""
        return next(stream for stream in self.streams if stream.name == name)

    def body(self) -> dict[str, JSON]:
        """Return the ledger as JSON data, in the form that is stored and hashed."""
        listed: list[JSON] = [
            {
                "stream": stream.name,
                "key": dataclasses.asdict(stream.key),
                "group": stream.group,
                "definition": stream.definition,
                "planned": stream.planned,
                "weight": self.weights.get(stream.name, 0.0),
                "incident_weight": self.incident_weights.get(stream.name, 0.0),
            }
            for stream in self.streams
        ]
        return {
            "format": "harness.ledger/1",
            "alpha": self.alpha,
            "incident_alpha": self.incident_alpha,
            "horizon_days": self.horizon_days,
            "runs": self.runs,
            "groups": list(self.groups),
            "threshold": self.threshold(Tier.PERSISTENT),
            "incident_threshold": self.threshold(Tier.INCIDENT),
            "streams": listed,
            "settings": dict(self.settings),
        }

    @property
    def text(self) -> str:
        """Return the canonical JSON."""
        return canonical_json(self.body()).decode()

    @property
    def hash(self) -> str:
        """Return the hash of the canonical JSON."""
        return sha256(self.text.encode())

    def words(self) -> list[str]:
        """Return the ledger in a few lines for people."""
        counted = [stream for stream in self.streams if stream.counted]
        facts = len(self.streams) - len(counted)
        kinds = Counter(stream.key.signal for stream in counted)
        per_kind = ", ".join(f"{count} {signal}" for signal, count in kinds.items())
        return [
            f"alpha ledger {self.hash[7:15]}: at most {self.alpha:.3g} false persistent findings and "
            f"{self.incident_alpha:.3g} false incidents in {self.horizon_days} days ({self.runs:,} runs), "
            f"over everything below",
            f"{len(counted)} streams of {len(self.groups)} endpoint(s) share it ({per_kind or 'none'}); "
            f"{facts} facts (access, served model, token counts) need no share",
            f"alarm level: an endpoint's average evidence of {self.threshold(Tier.PERSISTENT):,.0f} "
            f"(incidents {self.threshold(Tier.INCIDENT):,.0f})",
            *self._extra(),
        ]

    def _extra(self) -> list[str]:
        rule = self.settings.get("confirmation")
        if not isinstance(rule, dict):
            return []
        level = self.threshold(Tier.PERSISTENT) ** rule["watch"]
        return [
            f"extra runs: up to {rule['runs_per_month']} in 30 days, paid for in this level, while evidence is over "
            f"{level:,.0f}: {rule['rule']}"
        ]


def ledger(config: Config, suites: Mapping[str, Suite], runs: int | None = None) -> Ledger:
    """Return the ledger that a config and its suites give.

    Args:
        config: who is asked what, and the budget in `[findings]`.
        suites: name -> suite, at least those the config names.
        runs: runs that the schedules plan within the horizon; left out, one a day.
    """
    wanted, found = config.findings, streams(config, suites)
    groups = tuple(dict.fromkeys(stream.group for stream in found if stream.counted))
    return Ledger(
        found,
        _weights(found),
        _incident_weights(found),
        groups,
        tuple(name for name, endpoint in config.endpoints.items() if endpoint.reference),
        wanted.alpha,
        wanted.incident_alpha,
        wanted.horizon_days,
        max(runs or 0, wanted.horizon_days),
        _settings(config, suites),
    )


def _weights(found: tuple[Stream, ...]) -> dict[str, float]:
    """Divide each group evenly over its suites, a suite over its signals by `SHARES`, a signal over its topics."""
    counted = [stream for stream in found if stream.counted]
    suites = {(s.group, s.key.suite) for s in counted}
    signals = {(s.group, s.key.suite, s.signal) for s in counted}
    per_group = Counter(group for group, _ in suites)
    per_suite: Counter[tuple[str, str]] = Counter()
    for group, suite, signal in signals:
        per_suite[group, suite] += SHARES.get(signal, 1)
    per_signal = Counter((s.group, s.key.suite, s.signal) for s in counted)
    return {
        s.name: SHARES.get(s.signal, 1)
        / per_group[s.group]
        / per_suite[s.group, s.key.suite]
        / per_signal[s.group, s.key.suite, s.signal]
        for s in counted
    }


def _incident_weights(found: tuple[Stream, ...]) -> dict[str, float]:
    """Divide each group evenly over the streams that the incident tier watches."""
    watched = [stream for stream in found if stream.day_sd]
    per_group = Counter(stream.group for stream in watched)
    return {stream.name: 1 / per_group[stream.group] for stream in watched}


def _settings(config: Config, suites: Mapping[str, Suite]) -> dict[str, JSON]:
    asked = {name: asked_of(config, name) for name in config.endpoints}
    endpoints: dict[str, JSON] = {
        name: {
            "settings": endpoint_settings(config, name),
            "reference": config.endpoints[name].reference,
            "graders": {suite: list(graders_of(config, name, suites[suite])) for suite in asked[name]},
        }
        for name in config.endpoints
        if asked[name]
    }
    used = sorted({suite for names in asked.values() for suite in names})
    rules: dict[str, JSON] = {
        "findings": VERSION,
        "normal_scores": normal_scores.VERSION,
        "day_effect": {
            "version": day_effect.VERSION,
            "bad_days": days.BAD_DAYS,
            "lost": days.LOST,
            "spreads": [list(each) for each in days.DayEffectSettings().spreads],
        },
        "new_levels": {
            "version": new_levels.VERSION,
            "share": new_levels.SHARE,
            "window": new_levels.WINDOW,
        },
        "rank_bets": {
            "version": rank_bets.VERSION,
            "widths": list(rank_bets.WIDTHS),
            "spared": rank_bets.SPARED,
        },
        "settings": {key: _plain(value) for key, value in dataclasses.asdict(SETTINGS).items()},
        "reference_runs": REFERENCE_RUNS,
        "shares": {signal.value: share for signal, share in SHARES.items()},
        "incidents": "drops of right answers; who answers",
        "upwards": {signal.value: share for signal, share in UPWARDS.items()},
        "u": "derive_seed('u', run seed, stream) + 0.5, over 2**31",
    }
    # Extra runs are part of the rules where there are any; without them nothing is said.
    more: dict[str, JSON] = {}
    if config.confirmation.runs_per_month:
        more["confirmation"] = config.confirmation.model_dump(mode="json") | {
            "rule": "two days later, one a day"
        }
    return more | {
        "claims": config.findings.model_dump(mode="json"),
        "endpoints": endpoints,
        "suites": {
            name: {
                "version": suites[name].version,
                "content_hash": suites[name].content_hash,
                "selection": suites[name].selection.as_json(),
                "samples": config.suites[name].samples,
            }
            for name in used
        },
        "rules": rules,
        "facts": sorted(signal.value for signal in FACTS),
        "signals": [signal.value for signal in Signal],
    }


def _plain(value: Any) -> JSON:
    return list(value) if isinstance(value, tuple) else value


def changes(before: str, after: str) -> list[str]:
    """Return in words what differs between two stored ledgers, the most telling first."""
    old, new = json.loads(before), json.loads(after)
    found: list[str] = []
    for name, words in (
        ("alpha", "alpha"),
        ("incident_alpha", "incident alpha"),
        ("horizon_days", "horizon"),
    ):
        if old[name] != new[name]:
            found.append(f"{words} {old[name]:g} -> {new[name]:g}")
    if old["runs"] != new["runs"]:
        found.append(f"planned runs {old['runs']} -> {new['runs']}")
    for kind in ("endpoints", "suites"):
        was, now = old["settings"][kind], new["settings"][kind]
        found += [f"{kind[:-1]} {name} added" for name in sorted(set(now) - set(was))]
        found += [f"{kind[:-1]} {name} removed" for name in sorted(set(was) - set(now))]
        for name in sorted(set(was) & set(now)):
            parts = sorted(key for key in now[name] if now[name][key] != was[name].get(key))
            if parts:
                found.append(f"{kind[:-1]} {name}: {', '.join(parts)} changed")
    for part, words in (
        ("rules", "rules of inference"),
        ("claims", "[findings]"),
        ("confirmation", "[confirmation]"),
    ):
        was, now = old["settings"].get(part, {}), new["settings"].get(part, {})
        parts = sorted(key for key in {*was, *now} if was.get(key) != now.get(key))
        parts = [key for key in parts if key not in ("alpha", "incident_alpha", "horizon_days")]
        if parts:
            found.append(f"{words}: {', '.join(parts)} changed")
    was, now = ({each["stream"] for each in side["streams"]} for side in (old, new))
    if was != now and not found:
        found.append(f"{len(now - was)} streams added, {len(was - now)} removed")
    return found or ["the ledger's own form changed"]
