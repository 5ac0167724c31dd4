"""The simulated provider's mind: a request comes in at a moment of the world's life, a reply goes out.

What is drawn depends on the world's seed, the endpoint, the run, the question and how often it was asked in that run:
the same life lived again gives the same replies.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from random import Random

from harness.records import Message, Probe, derive_seed
from harness.rehearsal import ability, phrasing
from harness.rehearsal.script import Asked, Kind, Scripted, Trouble, tokens
from harness.rehearsal.state import State, day_effects, noise_of, state
from harness.rehearsal.world import Lock, SimulatedModel, World
from harness.suites import Suite

_TROUBLE = {
    "withdraw": Trouble.WITHDRAWN,
    "deny-region": Trouble.REGION,
    "credit": Trouble.ACCOUNT,
    "outage": Trouble.SERVER,
}
_WAIT_S = 2.0
_LATENCY_SD = 0.35
"""Of the logarithm of the time to the first byte."""
_TIE_SD = 1.2
_SHARP = 3.0
"""How decided a model is: near ties are near, and few."""
Key = tuple[Message, ...]


class Provider:
    """One endpoint's answers over its life."""

    def __init__(self, world: World, endpoint: str) -> None:
        self._world = world
        self._endpoint = endpoint
        self._noise = noise_of(world, endpoint)
        self._effects = day_effects(world, endpoint)
        self._probes: dict[Key, tuple[Suite, Probe]] = {}
        self._answers: dict[tuple[str, Key], phrasing.Answers] = {}
        self._asked: Counter[str] = Counter()
        self._run = 0
        self._effect = 0.0
        self._state: State = state(world, endpoint, 0.0)

    def teach(self, suites: Iterable[Suite]) -> None:
        """Let it know the questions of a run, fresh ones included, so that it can be right or wrong on purpose.

        Raises:
            UsageError: a probe's answers cannot be made up.
        """
        self._probes = {}
        for suite in suites:
            alike: dict[tuple[str, str], list[Probe]] = defaultdict(list)
            for probe in suite.probes:
                alike[probe.family, probe.language].append(probe)
            for probe in suite.probes:
                self._probes[probe.messages] = (suite, probe)
                known = (suite.name, probe.messages)
                if probe.grader != "refusal" and not _one_token(probe) and known not in self._answers:
                    self._answers[known] = phrasing.Answers(probe, alike[probe.family, probe.language])

    def begin_run(self, number: int, day: float) -> None:
        """Turn to a run: what is in force is settled at its start."""
        self._run = number
        self._asked.clear()
        self._state = state(self._world, self._endpoint, day)
        self._effect = self._effects[min(int(day), len(self._effects) - 1)]

    def __call__(self, asked: Asked) -> Scripted:
        """Return the reply; see `script.Answer`."""
        digest = asked.digest
        self._asked[digest] += 1
        seed = derive_seed("reply", self._world.seed, self._endpoint, self._run, digest, self._asked[digest])
        rng = Random(seed)  # noqa: S311 - a simulation
        now = self._state
        delay_s = now.model.latency_ms / 1e3 * math.exp(rng.gauss(0, _LATENCY_SD))
        trouble = self._trouble(now, rng)
        if trouble is not None:
            wait_s = _WAIT_S if trouble in (Trouble.RATE_LIMIT, Trouble.OVERLOADED) else None
            return Scripted("", Kind.ERROR, trouble=trouble, retry_after_s=wait_s, delay_s=delay_s)
        name, model = now.model_name, now.model
        for reroute in now.rerouted:
            if rng.random() < reroute.share:
                name, model = reroute.model, self._world.models[reroute.model]
        known = self._probes.get(asked.messages)
        reply = Scripted(phrasing.helped("en", rng))
        if known is not None:
            reply = self._reply(*known, now, name, model, rng)
        count = sum(
            round(len(message.content) / model.characters_per_token) + 4 for message in asked.messages
        )
        return Scripted(
            reply.text,
            reply.kind,
            calls=reply.calls,
            served_model=reply.served_model or now.served,
            announce_fallback=reply.announce_fallback,
            fingerprint=model.fingerprint,
            category=reply.category,
            explanation=reply.explanation,
            logprobs=reply.logprobs,
            input_tokens=count,
            output_tokens=max(1, round(tokens(reply.text) * 4 / model.characters_per_token)),
            delay_s=delay_s,
        )

    def _trouble(self, now: State, rng: Random) -> Trouble | None:
        draw = rng.random()
        if now.access is not None:
            return _TROUBLE[now.access.kind]
        if draw < self._noise.busy:
            return Trouble.RATE_LIMIT if draw < self._noise.busy / 2 else Trouble.OVERLOADED
        return Trouble.SERVER if draw < self._noise.busy + self._noise.errors else None

    def _reply(
        self, suite: Suite, probe: Probe, now: State, name: str, model: SimulatedModel, rng: Random
    ) -> Scripted:
        lock = ability.lock_on(now, suite, probe)
        caught = lock is not None and rng.random() < lock.share
        if lock is not None and caught and lock.mode in ("refuse", "block"):
            return self._locked(lock, probe, rng)
        if rng.random() < ability.chance_declined(self._world, now, suite, probe):
            return Scripted(phrasing.declined(probe.language, rng))
        if probe.grader == "refusal":
            return Scripted(phrasing.helped(probe.language, rng))
        if _one_token(probe):
            return self._begun(suite, probe, now, name, rng)
        chance = ability.chance_right(self._world, now, suite, probe, noise=self._effect, model=(name, model))
        fallback = lock is not None and caught and lock.mode == "fallback"
        if lock is not None and caught:
            chance *= 1 - lock.drop
        answers = self._answers[suite.name, probe.messages]
        style = now.style if name == now.model_name else model.style
        text, calls = answers.text(rng.random() < chance, style, rng)
        return Scripted(
            text,
            calls=calls,
            served_model=f"{name}-small" if fallback else None,
            announce_fallback=fallback,
            category=lock.category if fallback and lock is not None else None,
        )

    def _locked(self, lock: Lock, probe: Probe, rng: Random) -> Scripted:
        if lock.mode == "refuse":
            return Scripted(phrasing.declined(probe.language, rng))
        return Scripted(
            "", Kind.REFUSAL, category=lock.category, explanation="This topic is restricted by policy."
        )

    def _begun(self, suite: Suite, probe: Probe, now: State, name: str, rng: Random) -> Scripted:
        """Return a beginning drawn from the model's own near-ties for this prompt; coarser weights shift them."""
        choices = phrasing.one_token(probe.language)
        log_odds = []
        for place in range(len(choices)):
            about = (self._world.seed, suite.name, probe.id, place)
            own = _gauss("tie", name, *about) * _TIE_SD
            moved = sum(_gauss("tie", event, *about) * amount for event, amount in now.shifted)
            log_odds.append(_SHARP * (own + moved))
        total = math.log(sum(math.exp(each) for each in log_odds))
        chances = [each - total for each in log_odds]
        chosen = rng.choices(range(len(choices)), [math.exp(each) for each in chances])[0]
        ranked = [(choices[place], round(chances[place], 6)) for place in range(len(choices))]
        first = ranked.pop(chosen)
        return Scripted(choices[chosen], logprobs=((first, *ranked),))


def _gauss(*parts: str | int) -> float:
    """Return a standard normal draw, fixed for what is named."""
    return Random(derive_seed(*parts)).gauss(0, 1)  # noqa: S311 - a simulation


def _one_token(probe: Probe) -> bool:
    """Say whether only the first token of an answer is wanted: a probe for fingerprints."""
    return probe.grader == "regex" and probe.parameters.get("max_tokens") == 1


def providers(world: World) -> Mapping[str, Provider]:
    """Return every endpoint's provider."""
    return {name: Provider(world, name) for name in world.endpoints}
