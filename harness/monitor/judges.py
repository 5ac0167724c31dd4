"""What a config says about judges: who may judge what, with which settings, and what that may cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.config import Config, Endpoint, Judge
from harness.errors import ConfigError
from harness.graders import judge as grader
from harness.outcomes.names import same_model
from harness.plan import Plan, estimate_call
from harness.records import JSON, Probe
from harness.suites import Suite

_UNSPOKEN = frozenset({"auto", "default", "local", "local-model", "model"})
"""Model names that say nothing about which model it is; only what is served can tell."""


@dataclass(frozen=True, slots=True)
class JudgeTotal:
    """What one judge is expected to be asked after a run, at most: every answer comes back, as long as it may be."""

    judge: str
    endpoint: str
    model: str
    calls: int
    input_tokens: int
    output_tokens: int
    cost_usd: float


def judge_settings(judge: Judge, endpoint: Endpoint) -> dict[str, JSON]:
    """Return the sampling settings of a judge's calls: temperature 0, unless its endpoint says otherwise."""
    # Some models take no temperature but their own.
    return {"temperature": 0, **endpoint.parameters, "max_tokens": judge.max_tokens}


def judge_totals(config: Config, plan: Plan) -> list[JudgeTotal]:
    """Return what the judges of a plan are expected to take."""
    totals: list[JudgeTotal] = []
    for name, judge in config.judges.items():
        endpoint = config.endpoints[judge.endpoint]
        calls = input_tokens = output_tokens = 0
        cost_usd = 0.0
        for call in plan:
            if grader.judge_of(call.probe) != name:
                continue
            rubric = grader.rubric_of(call.probe, judge.rubric)
            messages = grader.question(call.probe, "", rubric, lambda: "0" * 16)
            asked = estimate_call(
                endpoint, Probe("", messages, grader.NAME, parameters=judge_settings(judge, endpoint))
            )
            calls += 1
            # The answer is quoted in the question; the limit of its own tokens bounds it.
            input_tokens += asked.input_tokens + call.estimate.output_tokens
            output_tokens += asked.output_tokens
            cost_usd += (
                asked.cost_usd + call.estimate.output_tokens * endpoint.prices.input_usd_per_mtok / 1e6
            )
        if calls:
            totals.append(
                JudgeTotal(name, judge.endpoint, endpoint.model, calls, input_tokens, output_tokens, cost_usd)
            )
    return totals


def check_judges(config: Config, suites: Mapping[str, Suite], file: Path = Path("config.toml")) -> None:
    """Refuse a config whose suites need a judge that is missing, or that would judge its own model.

    Raises:
        ConfigError: one line for every mistake.
    """
    mistakes: list[str] = []
    for name, suite in suites.items():
        wanted = {needed for probe in suite.probes if (needed := grader.judge_of(probe)) is not None}
        for judge_name in sorted(wanted):
            judge = config.judges.get(judge_name)
            if judge is None:
                have = ", ".join(config.judges) or "none"
                mistakes.append(
                    f"{file}: suites.{name} needs the judge {judge_name!r} (fix: add [judges.{judge_name}] with its "
                    f"endpoint; there are: {have})"
                )
                continue
            mistakes += [f"{file}: {words}" for words in _own_models(config, name, judge_name, judge)]
    if mistakes:
        raise ConfigError(mistakes)


def _own_models(config: Config, suite: str, name: str, judge: Judge) -> Iterator[str]:
    model = config.endpoints[judge.endpoint].model
    for asked in config.asked(suite) if suite in config.suites else ():
        if asked == judge.endpoint:
            what = "its own endpoint"
        elif same_as_named(config.endpoints[asked].model, model):
            what = f"endpoint {asked}, which is the same model ({model})"
        else:
            continue
        yield (
            f"judges.{name} would judge {what}, in suites.{suite} (fix: name another model as judge, or the other "
            f"endpoints in suites.{suite}.endpoints)"
        )


def same_as_named(one: str, other: str) -> bool:
    """Say whether two names are, as far as names tell, those of one model."""
    if one.strip().lower() == other.strip().lower():
        return True
    if {one.strip().lower(), other.strip().lower()} & _UNSPOKEN:
        return False
    return same_model(one, other) and same_model(other, one)
