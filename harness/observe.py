"""Exchange -> Observation: wire facts first, then the text, by versioned code and from the exchange alone.

An observation made today from stored bytes with the same versions equals the one made when the bytes arrived;
`harness regrade` relies on it, and `Observation.makers` names the versions.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Protocol

from harness import outcomes
from harness.config import Prices
from harness.endpoints import adapter, imported
from harness.graders import GRADERS, grade, refusal
from harness.graders.judge import Verdict, judge_of
from harness.graders.tool_call import calls_text
from harness.records import Decision, Exchange, Grade, Observation, Outcome, Probe, Reply, Usage

VERSION = 2
_EVIDENCE_LENGTH = 300
_TOKEN_LENGTH = 40


class Asked(Protocol):
    """What an observation needs to know of an endpoint."""

    @property
    def model(self) -> str:
        """The model as requested."""
        ...

    @property
    def prices(self) -> Prices:
        """What its tokens cost."""
        ...


@dataclass(frozen=True, slots=True)
class Logged:
    """An endpoint known from a log alone: calls in it have their own cost, or none."""

    model: str
    prices: Prices = field(default_factory=Prices)


@lru_cache(maxsize=256)
def makers(protocol: str, grader: str, judged: str | None = None) -> str:
    """Return the versions of everything that has a part in an observation, as stored with it.

    Args:
        protocol: of the endpoint.
        grader: of the probe.
        judged: for an answer that a judge graded, the form of that.
    """
    logged = protocol == imported.PROTOCOL
    parts = [
        f"observe/{VERSION}",
        f"outcomes/{outcomes.VERSION}",
        f"endpoints.{protocol}/{imported.VERSION if logged else adapter(protocol).version}",
    ]
    if not logged or grader != imported.LABEL_GRADER:
        parts.append(f"graders.{grader}/{GRADERS[grader].version}")
    if grader != "refusal":
        parts.append(f"graders.refusal/{refusal.VERSION}")
    if judged is not None:
        parts.append(judged)
    return " ".join(parts)


def read_reply(exchange: Exchange) -> Reply | None:
    """Read the wire facts of a stored exchange again; None when no reply came."""
    if exchange.protocol == imported.PROTOCOL:
        return imported.read(exchange.response_body).reply
    if exchange.status is None:
        return None
    return adapter(exchange.protocol).read(
        exchange.status, exchange.response_headers, exchange.response_body, streamed=exchange.streamed
    )


def cost_usd(endpoint: Asked, usage: Usage) -> float | None:
    """Return what the reported tokens cost at the endpoint's prices; None where tokens are not reported."""
    if usage.input_tokens is None and usage.output_tokens is None:
        return None
    prices = endpoint.prices
    spent = (usage.input_tokens or 0) * prices.input_usd_per_mtok + (
        usage.output_tokens or 0
    ) * prices.output_usd_per_mtok
    return spent / 1e6


def to_judge(exchange: Exchange, probe: Probe, endpoint: Asked, reply: Reply | None = None) -> str | None:
    """Return the text that a judge has to grade before this exchange can be observed; None when it needs none.

    Only an answer that came back whole and is no plain refusal needs a judge; the rest is told by wire and wording.
    """
    if judge_of(probe) is None:
        return None
    reply = read_reply(exchange) if reply is None else reply
    if reply is None or not reply.text.strip():
        return None
    if outcomes.decide(exchange, reply, endpoint.model).outcome is not Outcome.ANSWERED:
        return None
    return None if refusal.detect(reply.text).degree == "full" else reply.text


def observe(
    exchange: Exchange,
    probe: Probe,
    endpoint: Asked,
    reply: Reply | None = None,
    verdict: Verdict | None = None,
) -> Observation:
    """Say what a final exchange means.

    Args:
        exchange: the evidence.
        probe: the question as it was sent.
        endpoint: for the requested model and the prices.
        reply: the facts already read from this exchange, to spare reading them twice.
        verdict: what the judge made of the answer, where `to_judge` says that one is needed.

    Raises:
        ValueError: a verdict is needed and there is none.
    """
    entry: imported.Entry | None = None
    if exchange.protocol == imported.PROTOCOL:
        entry = imported.read(exchange.response_body)
        reply = entry.reply
        decision = _decide_logged(
            exchange, entry, endpoint.model, by_label=probe.grader == imported.LABEL_GRADER
        )
    else:
        if reply is None:
            reply = read_reply(exchange)
        decision = outcomes.decide(exchange, reply, endpoint.model)
    grading = Grade(score=None)
    refusal_score: float | None = None
    outcome, source, degree, rule, evidence = (
        decision.outcome,
        decision.source,
        decision.degree,
        decision.rule,
        decision.evidence,
    )
    said = _said(reply, probe) if reply is not None else ""
    if entry is not None and decision.rule in outcomes.LOG_RULES:
        if outcome is Outcome.ANSWERED and entry.label is not None:
            grading = Grade(score=entry.label.score)
    elif reply is not None and said and outcome in (Outcome.ANSWERED, Outcome.TRUNCATED):
        prose = refusal.detect(reply.text)
        refusal_score = prose.score if reply.text else None
        if outcome is Outcome.ANSWERED:
            grading = _graded(said, prose.degree, probe, verdict, entry)
        if prose.degree is not None and _declines(decision, prose.degree, probe, grading):
            outcome, source, degree = Outcome.REFUSED, "model", prose.degree
            rule, evidence = "prose_refusal", reply.text
            grading = Grade(score=None, answer=grading.answer)
        elif outcome is Outcome.ANSWERED and grading.score is None:
            outcome, rule = Outcome.UNPARSED, "no_answer_read"
        if outcome in (Outcome.ANSWERED, Outcome.TRUNCATED) and probe.parameters.get("max_tokens") == 1:
            # One token is all that was asked for: what came is the answer, whether or not our limit ended it.
            grading = replace(grading, answer=said.strip()[:_TOKEN_LENGTH])
    elif outcome is Outcome.ANSWERED:
        # Content without text (a call where words were asked for): the grader could not read an answer in it.
        outcome, rule = Outcome.UNPARSED, "no_answer_read"
    usage = reply.usage if reply is not None else Usage()
    return Observation(
        outcome=outcome,
        rule=rule,
        evidence=evidence[:_EVIDENCE_LENGTH],
        source=source,
        degree=degree,
        category=decision.category,
        reason=decision.reason,
        notice=decision.notice,
        served_model=reply.served_model if reply is not None else None,
        rerouted=decision.rerouted,
        unmapped=decision.unmapped,
        score=grading.score,
        answer=grading.answer,
        refusal_score=refusal_score,
        finish_reason=reply.finish_reason if reply is not None else None,
        fingerprint=reply.fingerprint if reply is not None else None,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cost_usd=cost_usd(endpoint, usage) if entry is None else entry.cost_usd,
        makers=makers(exchange.protocol, probe.grader, verdict.form if verdict is not None else None),
    )


def _decide_logged(exchange: Exchange, entry: imported.Entry, model: str, *, by_label: bool) -> Decision:
    """Say what a log's row came to, by its own words first; a row with an answer is read as a complete reply."""
    label = entry.label
    if entry.error is not None:
        return Decision(Outcome.FAILED, "log_error", entry.error, reason="log")
    if label is not None and label.outcome is not None:
        refused = label.outcome is Outcome.REFUSED
        return Decision(
            label.outcome,
            "log_label",
            label.said,
            source=None if not refused else "provider" if label.source == "provider" else "model",
            degree=None if not refused else "partial" if label.degree == "partial" else "full",
            reason="log" if label.outcome in (Outcome.FAILED, Outcome.DENIED) else None,
        )
    if by_label and (label is None or label.score is None):
        return Decision(Outcome.FAILED, "log_unlabelled", label.said if label else "no label", reason="log")
    if entry.reply.finish_reason is None and entry.reply.malformed is None:
        # Most logs keep the answer alone: what is there is taken as all there was.
        said = outcomes.has_text(entry.reply.text)
        decision = outcomes.decide(
            replace(exchange, status=200), replace(entry.reply, finish_reason="stop"), model
        )
        return replace(
            decision,
            outcome=Outcome.ANSWERED if said else Outcome.EMPTY,
            rule="content" if said else "no_content",
            evidence="the log gives no finish reason",
        )
    return outcomes.decide(replace(exchange, status=200), entry.reply, model)


def _graded(
    said: str, degree: str | None, probe: Probe, verdict: Verdict | None, entry: imported.Entry | None
) -> Grade:
    if entry is not None and probe.grader == imported.LABEL_GRADER:
        return Grade(score=entry.label.score if entry.label is not None else None)
    if judge_of(probe) is None:
        return grade(probe.grader, said, probe.target, probe.options)
    if verdict is not None:
        return verdict.grade
    if said.strip() and degree != "full":
        raise ValueError(f"probe {probe.id}: its answer waits for a judge")
    return Grade(score=None)


def _said(reply: Reply, probe: Probe) -> str:
    """Return what the grader reads: the reply's text, or the calls in it where the grader compares those."""
    if reply.tool_calls and GRADERS[probe.grader].reads_calls:
        return calls_text(reply.tool_calls)
    return reply.text


def _declines(decision: Decision, degree: str, probe: Probe, grading: Grade) -> bool:
    """Decide whether refusing prose makes the exchange a refusal.

    A right answer beside an apology is an answer; a reply cut by our own token limit counts only when it plainly
    refused before the limit.
    """
    if decision.outcome is Outcome.TRUNCATED:
        return degree == "full"
    if probe.grader == "refusal":
        return True
    if grading.score is not None and grading.score > 0:
        return False
    return degree == "full" or grading.score is None
