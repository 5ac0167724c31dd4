"""Config + suites + seed -> Plan: everything one run will send, known before anything is sent.

Pure and repeatable: the same inputs give the same calls, in the same order, with the same ids and seeds.
The order is random so that no probe always meets the same hour's load, and twins of a pair follow one another so
that a passing disturbance meets both. Calls are made while iterating: a plan of 100,000 calls holds integers only.
"""

from __future__ import annotations

import hashlib
import random
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.config import Config, Endpoint
from harness.errors import UsageError
from harness.records import JSON, Call, Estimate, Probe, canonical_json, derive_seed, sha256
from harness.suites import Suite

VERSION = 1
DEFAULT_OUTPUT_TOKENS = 512
"""Assumed when neither probe nor endpoint bounds the answer."""
_TOKENS_PER_SECOND = 40.0
_OVERHEAD_S = 0.6


@dataclass(frozen=True, slots=True)
class Stretch:
    """One endpoint's part of a plan."""

    endpoint: str
    first_index: int
    order: array[int]
    """Slot numbers in sending order; a slot is (suite, probe, sample) counted in that nesting."""
    suites: tuple[str, ...]
    samples: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Total:
    """What an endpoint, or a whole run, is expected to take."""

    calls: int
    input_tokens: int
    output_tokens: int
    cost_usd: float
    seconds: float
    """Rough: from the endpoint's rate limits and either its measured or an assumed speed."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The calls of one run. Iterate over it, or over one endpoint's part with `calls_of`."""

    seed: int
    endpoints: Mapping[str, Endpoint]
    suites: Mapping[str, Suite]
    """As sent: fresh probes have their text."""
    stretches: tuple[Stretch, ...]
    plan_hash: str

    def __len__(self) -> int:
        """Return how many calls the plan has."""
        return sum(len(stretch.order) for stretch in self.stretches)

    def __iter__(self) -> Iterator[Call]:
        """Yield every call, endpoint after endpoint, each in its sending order."""
        for stretch in self.stretches:
            yield from self._calls(stretch, skip=None)

    def calls_of(self, endpoint: str, skip: bytearray | None = None) -> Iterator[Call]:
        """Yield one endpoint's calls in sending order, without those whose index is marked in `skip`."""
        for stretch in self.stretches:
            if stretch.endpoint == endpoint:
                yield from self._calls(stretch, skip)

    def _calls(self, stretch: Stretch, skip: bytearray | None) -> Iterator[Call]:
        endpoint = self.endpoints[stretch.endpoint]
        parts = [
            (self.suites[name], samples)
            for name, samples in zip(stretch.suites, stretch.samples, strict=True)
        ]
        # Slots are numbered suite by suite; the bounds find a slot's suite again.
        bounds: list[tuple[int, Suite, int, hashlib._Hash]] = []
        start = 0
        for suite, samples in parts:
            prefix = canonical_json([VERSION, self.seed, stretch.endpoint, suite.name, suite.content_hash])
            bounds.append((start, suite, samples, hashlib.sha256(prefix)))
            start += len(suite.probes) * samples
        estimates: dict[tuple[str, str], Estimate] = {}
        for place, slot in enumerate(stretch.order):
            index = stretch.first_index + place
            if skip is not None and skip[index]:
                continue
            start, suite, samples, prefix_hash = next(bound for bound in reversed(bounds) if bound[0] <= slot)
            number, sample = divmod(slot - start, samples)
            probe = suite.probes[number]
            digest = prefix_hash.copy()
            digest.update(b"\0%s\0%d" % (probe.id.encode(), sample))
            raw = digest.digest()
            key = (suite.name, probe.id)
            estimate = estimates.get(key)
            if estimate is None:
                estimate = estimates[key] = estimate_call(endpoint, probe)
            yield Call(
                index=index,
                call_id=raw.hex()[:20],
                endpoint=stretch.endpoint,
                suite=suite.name,
                probe=probe,
                sample=sample,
                seed=int.from_bytes(raw[-4:], "big") & 0x7FFFFFFF,
                estimate=estimate,
            )

    def suites_of(self, endpoint: str) -> tuple[str, ...]:
        """Return the names of the suites one endpoint is asked."""
        return next((stretch.suites for stretch in self.stretches if stretch.endpoint == endpoint), ())

    def total(self, endpoint: str | None = None, latency_ms: Mapping[str, float] | None = None) -> Total:
        """Add up one endpoint's calls, or all of them.

        Args:
            endpoint: name, or None for the whole plan (endpoints run side by side: the slowest sets the time).
            latency_ms: mean latency per call where it is known from earlier runs.
        """
        wanted = [name for name in self.endpoints if endpoint in (None, name)]
        totals = [self._total_of(name, (latency_ms or {}).get(name)) for name in wanted]
        return Total(
            calls=sum(total.calls for total in totals),
            input_tokens=sum(total.input_tokens for total in totals),
            output_tokens=sum(total.output_tokens for total in totals),
            cost_usd=sum(total.cost_usd for total in totals),
            seconds=max((total.seconds for total in totals), default=0.0),
        )

    def _total_of(self, name: str, latency_ms: float | None) -> Total:
        limits = self.endpoints[name].limits
        calls = input_tokens = output_tokens = 0
        cost_usd = 0.0
        for stretch in self.stretches:
            if stretch.endpoint != name:
                continue
            for suite_name, samples in zip(stretch.suites, stretch.samples, strict=True):
                for probe in self.suites[suite_name].probes:
                    estimate = estimate_call(self.endpoints[name], probe)
                    calls += samples
                    input_tokens += samples * estimate.input_tokens
                    output_tokens += samples * estimate.output_tokens
                    cost_usd += samples * estimate.cost_usd
        endpoint = self.endpoints[name]
        if latency_ms is None and endpoint.launch is not None:
            # A small model on one core: its slots share it, so that concurrency buys nothing.
            busy_s = calls * 0.3 + input_tokens / 300 + output_tokens / 80
            busy_s *= limits.concurrency
        elif latency_ms is None:
            busy_s = calls * _OVERHEAD_S + output_tokens / _TOKENS_PER_SECOND
        else:
            busy_s = calls * latency_ms / 1000
        seconds = busy_s / limits.concurrency
        if limits.requests_per_minute is not None:
            seconds = max(seconds, 60 * calls / limits.requests_per_minute)
        if limits.tokens_per_minute is not None:
            seconds = max(seconds, 60 * (input_tokens + output_tokens) / limits.tokens_per_minute)
        return Total(calls, input_tokens, output_tokens, cost_usd, seconds)


def estimate_call(endpoint: Endpoint, probe: Probe) -> Estimate:
    """Return an upper estimate for one call: about 3 characters a token in, the whole token limit out."""
    characters = sum(len(message.content.encode()) for message in probe.messages)
    for tool in probe.tools:
        characters += len(tool.name) + len(tool.description) + len(canonical_json(tool.parameters))
    input_tokens = characters // 3 + 12 * (len(probe.messages) + len(probe.tools))
    limit: JSON = probe.parameters.get(
        "max_tokens", endpoint.parameters.get("max_tokens", DEFAULT_OUTPUT_TOKENS)
    )
    output_tokens = limit if isinstance(limit, int) else DEFAULT_OUTPUT_TOKENS
    prices = endpoint.prices
    cost_usd = (input_tokens * prices.input_usd_per_mtok + output_tokens * prices.output_usd_per_mtok) / 1e6
    return Estimate(input_tokens, output_tokens, cost_usd)


def make_plan(
    config: Config,
    suites: Mapping[str, Suite],
    seed: int,
    *,
    only_suites: Sequence[str] | None = None,
    only_endpoints: Sequence[str] | None = None,
) -> Plan:
    """Plan one run.

    Args:
        config: endpoints, and which suites each is asked with how many samples per probe.
        suites: name -> suite, at least those the config names.
        seed: the run's seed; order, call ids, sampling seeds and fresh probes all follow from it.
        only_suites: leave out all other suites.
        only_endpoints: leave out all other endpoints.

    Raises:
        UsageError: a name given in `only_*` is not in the config, or nothing is left to ask.
    """
    _known("suite", only_suites, config.suites)
    _known("endpoint", only_endpoints, config.endpoints)
    stretches: list[Stretch] = []
    sent: dict[str, Suite] = {}
    inputs: list[JSON] = [VERSION, seed]
    first_index = 0
    for name, endpoint in config.endpoints.items():
        if only_endpoints is not None and name not in only_endpoints:
            continue
        names: list[str] = []
        samples: list[int] = []
        for suite_name, use in config.suites.items():
            if only_suites is not None and suite_name not in only_suites:
                continue
            if name not in config.asked(suite_name):
                continue
            if suite_name not in sent:
                sent[suite_name] = suites[suite_name].for_run(seed)
            names.append(suite_name)
            samples.append(use.samples)
        if not names:
            continue
        order = _order([sent[suite_name] for suite_name in names], samples, derive_seed("order", seed, name))
        stretches.append(Stretch(name, first_index, order, tuple(names), tuple(samples)))
        first_index += len(order)
        asked: list[JSON] = [
            _what_is_asked(sent[each], count) for each, count in zip(names, samples, strict=True)
        ]
        inputs.append([name, asked_settings(endpoint), asked])
    if not stretches:
        raise UsageError(
            "nothing to ask: no suite is asked of the chosen endpoints (see [suites.*] endpoints in the config)"
        )
    asked_endpoints = {stretch.endpoint: config.endpoints[stretch.endpoint] for stretch in stretches}
    return Plan(seed, asked_endpoints, sent, tuple(stretches), sha256(canonical_json(inputs)))


def _known(kind: str, wanted: Sequence[str] | None, have: Mapping[str, object]) -> None:
    for name in wanted or ():
        if name not in have:
            raise UsageError(f"no {kind} named {name!r} in the config; it has: {', '.join(sorted(have))}")


def _what_is_asked(suite: Suite, samples: int) -> JSON:
    """Return what decides a suite's calls; a suite asked whole has no selection."""
    selection = suite.selection.as_json()
    return [suite.name, suite.content_hash, samples, *([selection] if selection else [])]


def asked_settings(endpoint: Endpoint) -> JSON:
    """Return the part of an endpoint's settings that changes what is sent or who answers; limits and prices do not."""
    kept = {
        "protocol",
        "url",
        "model",
        "stream",
        "parameters",
        "headers",
        "body",
        "proxy",
        "vantage",
        "launch",
    }
    settings: JSON = endpoint.model_dump(mode="json", include=kept)
    return settings


def _order(suites: Sequence[Suite], samples: Sequence[int], seed: int) -> array[int]:
    """Return all slots in a seeded random order in which twins of a pair, in one sample, are neighbours."""
    rng = random.Random(seed)  # noqa: S311 - an order, not a secret
    units: list[array[int]] = []
    start = 0
    for suite, count in zip(suites, samples, strict=True):
        for sample in range(count):
            together: dict[str, array[int]] = {}
            for number, probe in enumerate(suite.probes):
                slot = start + number * count + sample
                if probe.pair is None:
                    units.append(array("L", [slot]))
                elif probe.pair in together:
                    together[probe.pair].append(slot)
                else:
                    together[probe.pair] = array("L", [slot])
            for unit in together.values():
                rng.shuffle(unit)
                units.append(unit)
        start += len(suite.probes) * count
    rng.shuffle(units)
    order = array("L")
    for unit in units:
        order.extend(unit)
    return order
