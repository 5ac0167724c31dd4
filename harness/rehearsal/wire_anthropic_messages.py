"""Anthropic Messages as the simulated provider speaks it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from harness.records import Message
from harness.rehearsal.script import Asked, Kind, Scripted, Trouble, pieces, tokens
from harness.rehearsal.wire import (
    STATUS,
    WORDS,
    BadRequestError,
    Plain,
    event,
    required_model,
    text_of,
    tool_names,
    whole_number,
)
from harness.rehearsal.wire_openai_chat import turns

_TYPES: Mapping[Trouble, str] = {
    Trouble.RATE_LIMIT: "rate_limit_error",
    Trouble.OVERLOADED: "overloaded_error",
    Trouble.SERVER: "api_error",
    Trouble.KEY: "authentication_error",
    Trouble.PERMISSION: "permission_error",
    Trouble.REGION: "permission_error",
    Trouble.LEGAL: "permission_error",
    Trouble.WITHDRAWN: "not_found_error",
    Trouble.ACCOUNT: "billing_error",
    Trouble.BAD_REQUEST: "invalid_request_error",
}
_STOP: Mapping[Kind, str] = {
    Kind.LIMIT: "max_tokens",
    Kind.REFUSAL: "refusal",
    Kind.FILTER: "refusal",
    Kind.BLOCK: "refusal",
    Kind.CUT: "pause_turn",
}


class MessagesFormat:
    """`POST /v1/messages`."""

    protocol = "anthropic-messages"

    def ask(self, body: Mapping[str, Any], headers: Mapping[str, str], model: str | None) -> Asked:
        """Read a request; see `Format.ask`."""
        del model
        limit = whole_number(body.get("max_tokens"))
        if limit is None or limit < 1:
            raise BadRequestError("max_tokens: Field required")
        asked = turns(body.get("messages"))
        if body.get("system") is not None:
            asked = (Message("system", text_of(body["system"])), *asked)
        known = ("model", "messages", "system", "max_tokens", "stream", "tools")
        return Asked(
            self.protocol,
            required_model(body),
            asked,
            max_tokens=limit,
            stream=body.get("stream") is True,
            settings={name: value for name, value in body.items() if name not in known},
            tools=tool_names(body.get("tools")),
            headers=headers,
        )

    def error(self, trouble: Trouble, message: str) -> Plain:
        """Return an error; see `Format.error`."""
        status = {Trouble.OVERLOADED: 529, Trouble.ACCOUNT: 402}.get(trouble, STATUS[trouble])
        return Plain(status, _error(trouble, message))

    def plain(self, asked: Asked, reply: Scripted) -> Plain:
        """Return the reply as one document; see `Format.plain`."""
        if reply.kind is Kind.ERROR:
            return self.error(reply.trouble, reply.explanation or WORDS[reply.trouble])
        return Plain(200, self._message(asked, reply))

    def stream(self, asked: Asked, reply: Scripted) -> Iterator[bytes]:
        """Yield the reply as typed events; see `Format.stream`."""

        def send(kind: str, **fields: Any) -> bytes:
            return event({"type": kind} | fields, named=True)

        whole = self._message(asked, reply)
        usage = whole["usage"]
        start = whole | {"content": [], "stop_reason": None, "stop_details": None}
        yield send("message_start", message=start | {"usage": _first_usage(usage)})
        yield send("ping")
        for at, block in enumerate(whole["content"]):
            if block["type"] == "tool_use":
                yield send("content_block_start", index=at, content_block={**block, "input": {}})
                for piece in ("", *pieces(json.dumps(block["input"], ensure_ascii=False))):
                    delta = {"type": "input_json_delta", "partial_json": piece}
                    yield send("content_block_delta", index=at, delta=delta)
                yield send("content_block_stop", index=at)
                continue
            field = {"text": "text", "thinking": "thinking"}.get(block["type"])
            yield send(
                "content_block_start", index=at, content_block={**block, field: ""} if field else block
            )
            if field:
                for piece in pieces(block[field]):
                    yield send(
                        "content_block_delta", index=at, delta={"type": f"{field}_delta", field: piece}
                    )
            if reply.kind is not Kind.CUT:
                yield send("content_block_stop", index=at)
        if reply.kind is Kind.CUT:
            return
        if reply.kind is Kind.ERROR:
            yield event(_error(reply.trouble, reply.explanation or WORDS[reply.trouble]), named=True)
            return
        delta = {name: whole[name] for name in ("stop_reason", "stop_sequence", "stop_details")}
        yield send("message_delta", delta=delta, usage=_last_usage(usage))
        yield send("message_stop")

    def _message(self, asked: Asked, reply: Scripted) -> dict[str, Any]:
        stop = _STOP.get(reply.kind, "end_turn")
        details = None
        if stop == "refusal":
            details = {"type": "refusal", "category": reply.category, "explanation": reply.explanation}
        served = reply.served_model or asked.model
        content: list[dict[str, Any]] = []
        if reply.reasoning:
            content.append({"type": "thinking", "thinking": reply.reasoning, "signature": asked.digest})
        if reply.announce_fallback:
            trigger = {"type": "refusal", "category": reply.category}
            hop = {"from": {"model": asked.model}, "to": {"model": served}, "trigger": trigger}
            content.append({"type": "fallback"} | hop)
        text = "" if reply.kind in (Kind.EMPTY, Kind.BLOCK) else reply.text
        if text:
            content.append({"type": "text", "text": text})
        for at, call in enumerate(reply.calls if reply.kind is Kind.ANSWER else ()):
            place = {"type": "tool_use", "id": f"toolu_{asked.digest}_{at}"}
            content.append(place | {"name": call.name, "input": dict(call.arguments)})
            stop = "tool_use"
        return {
            "id": f"msg_{asked.digest}",
            "type": "message",
            "role": "assistant",
            "model": served,
            "content": content,
            "stop_reason": stop,
            "stop_sequence": None,
            "stop_details": details,
            "usage": self._usage(asked, reply, served),
        }

    def _usage(self, asked: Asked, reply: Scripted, served: str) -> dict[str, Any]:
        given = {"input_tokens": reply.input_count(asked)}
        given |= {"cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
        made = reply.output_count()
        usage: dict[str, Any] = {
            **given,
            "output_tokens": made,
            "output_tokens_details": {"thinking_tokens": tokens(reply.reasoning)},
            "service_tier": reply.service_tier or "standard",
        }
        if reply.announce_fallback:
            usage["iterations"] = [
                {
                    "type": "message",
                    "model": asked.model,
                    "output_tokens": 0,
                    "cache_creation": None,
                    **given,
                },
                {
                    "type": "fallback_message",
                    "model": served,
                    "output_tokens": made,
                    "cache_creation": None,
                    **given,
                },
            ]
        return usage


def _error(trouble: Trouble, message: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": _TYPES[trouble], "message": message}, "request_id": None}


def _first_usage(usage: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in usage.items() if name != "iterations"} | {"output_tokens": 1}


def _last_usage(usage: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in usage.items() if name != "service_tier"}
