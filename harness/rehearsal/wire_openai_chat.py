"""OpenAI Chat Completions as the simulated provider speaks it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, cast

from harness.records import Message
from harness.rehearsal.script import Asked, Kind, Scripted, Trouble, pieces, tokens
from harness.rehearsal.wire import (
    STATUS,
    WORDS,
    BadRequestError,
    Plain,
    event,
    logprob_entries,
    required_model,
    text_of,
    tool_names,
    whole_number,
)

_ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
_CODES: Mapping[Trouble, tuple[str, str | None]] = {
    Trouble.RATE_LIMIT: ("requests", "rate_limit_exceeded"),
    Trouble.OVERLOADED: ("server_error", "server_overloaded"),
    Trouble.SERVER: ("server_error", None),
    Trouble.KEY: ("invalid_request_error", "invalid_api_key"),
    Trouble.PERMISSION: ("invalid_request_error", "insufficient_permissions"),
    Trouble.REGION: ("request_forbidden", "unsupported_country_region_territory"),
    Trouble.LEGAL: ("invalid_request_error", None),
    Trouble.WITHDRAWN: ("invalid_request_error", "model_not_found"),
    Trouble.ACCOUNT: ("insufficient_quota", "insufficient_quota"),
    Trouble.BAD_REQUEST: ("invalid_request_error", None),
}
_FINISH: Mapping[Kind, str] = {Kind.LIMIT: "length", Kind.FILTER: "content_filter"}
_CREATED = 1_700_000_000


def turns(given: Any) -> tuple[Message, ...]:
    """Return the messages of a request.

    Raises:
        BadRequestError: they are none.
    """
    if not isinstance(given, list) or not given:
        raise BadRequestError("messages must be a non-empty list")
    asked = []
    for turn in given:
        if not isinstance(turn, dict) or turn.get("role") not in _ROLES:
            raise BadRequestError("each message needs a role: system, developer, user or assistant")
        role = cast("Literal['system', 'user', 'assistant']", _ROLES[turn["role"]])
        asked.append(Message(role, text_of(turn.get("content"))))
    return tuple(asked)


def error_object(trouble: Trouble, message: str) -> dict[str, Any]:
    """Return the error object of both OpenAI protocols."""
    kind, code = _CODES[trouble]
    return {"message": message, "type": kind, "param": None, "code": code}


def _finish(reply: Scripted) -> str:
    if reply.kind is Kind.ANSWER and reply.calls:
        return "tool_calls"
    return _FINISH.get(reply.kind, "stop")


def _logprobs(asked: Asked, reply: Scripted) -> dict[str, Any] | None:
    if asked.settings.get("logprobs") is not True or not reply.logprobs:
        return None
    top = whole_number(asked.settings.get("top_logprobs")) or 0
    return {"content": logprob_entries(reply, top), "refusal": None}


class ChatFormat:
    """`POST /v1/chat/completions`."""

    protocol = "openai-chat"

    def ask(self, body: Mapping[str, Any], headers: Mapping[str, str], model: str | None) -> Asked:
        """Read a request; see `Format.ask`."""
        del model
        limit = body.get("max_completion_tokens", body.get("max_tokens"))
        known = ("model", "messages", "seed", "max_tokens", "max_completion_tokens", "stream", "tools")
        return Asked(
            self.protocol,
            required_model(body),
            turns(body.get("messages")),
            seed=whole_number(body.get("seed")),
            max_tokens=whole_number(limit),
            stream=body.get("stream") is True,
            settings={name: value for name, value in body.items() if name not in known},
            tools=tool_names(body.get("tools")),
            headers=headers,
        )

    def error(self, trouble: Trouble, message: str) -> Plain:
        """Return an error; see `Format.error`."""
        return Plain(STATUS[trouble], {"error": error_object(trouble, message)})

    def plain(self, asked: Asked, reply: Scripted) -> Plain:
        """Return the reply as one document; see `Format.plain`."""
        if reply.kind is Kind.ERROR:
            return self.error(reply.trouble, reply.explanation or WORDS[reply.trouble])
        if reply.kind is Kind.BLOCK:
            words = reply.explanation or "The prompt was rejected by our safety system."
            error = {"message": words, "type": "invalid_request_error", "param": "prompt"}
            return Plain(400, {"error": error | {"code": "content_policy_violation"}})
        refused = reply.kind is Kind.REFUSAL
        text = "" if reply.kind is Kind.EMPTY else reply.text
        message: dict[str, Any] = {
            "role": "assistant",
            "content": text or None if refused else text,
            "refusal": (reply.explanation or "I can't help with that.") if refused else None,
        }
        if reply.reasoning:
            message["reasoning_content"] = reply.reasoning
        calls = self._calls(asked, reply)
        if calls:
            message |= {"content": text or None, "tool_calls": calls}
        finish = "error" if reply.kind is Kind.CUT else _finish(reply)
        choice = {
            "index": 0,
            "message": message,
            "logprobs": _logprobs(asked, reply),
            "finish_reason": finish,
        }
        return Plain(
            200,
            self._head(asked, reply, "chat.completion")
            | {"choices": [choice], "usage": self._usage(asked, reply)},
        )

    def stream(self, asked: Asked, reply: Scripted) -> Iterator[bytes]:
        """Yield the reply as chunks; see `Format.stream`."""
        head = self._head(asked, reply, "chat.completion.chunk")

        def chunk(
            delta: Mapping[str, Any], finish: str | None = None, logprobs: Mapping[str, Any] | None = None
        ) -> bytes:
            choice = {"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
            return event(head | {"choices": [choice]})

        yield chunk({"role": "assistant", "content": "", "refusal": None})
        for piece in pieces(reply.reasoning):
            yield chunk({"reasoning_content": piece})
        for place, piece in enumerate(pieces("" if reply.kind is Kind.EMPTY else reply.text)):
            yield chunk({"content": piece}, logprobs=_logprobs(asked, reply) if place == 0 else None)
        for at, call in enumerate(self._calls(asked, reply)):
            function = call["function"]
            yield chunk({"tool_calls": [{"index": at, **call, "function": {**function, "arguments": ""}}]})
            for piece in pieces(function["arguments"]):
                yield chunk({"tool_calls": [{"index": at, "function": {"arguments": piece}}]})
        if reply.kind is Kind.CUT:
            return
        if reply.kind is Kind.ERROR:
            yield event({"error": error_object(reply.trouble, reply.explanation or WORDS[reply.trouble])})
            return
        if reply.kind is Kind.REFUSAL:
            for piece in pieces(reply.explanation or "I can't help with that."):
                yield chunk({"refusal": piece})
        yield chunk({}, _finish(reply))
        options = asked.settings.get("stream_options")
        if isinstance(options, Mapping) and options.get("include_usage") is True:
            yield event(head | {"choices": [], "usage": self._usage(asked, reply)})
        yield b"data: [DONE]\n\n"

    def _calls(self, asked: Asked, reply: Scripted) -> list[dict[str, Any]]:
        return [
            {
                "id": f"call_{asked.digest}_{at}",
                "type": "function",
                "function": {"name": call.name, "arguments": call.text},
            }
            for at, call in enumerate(reply.calls if reply.kind is Kind.ANSWER else ())
        ]

    def _head(self, asked: Asked, reply: Scripted, kind: str) -> dict[str, Any]:
        return {
            "id": f"chatcmpl-{asked.digest}",
            "object": kind,
            "created": _CREATED,
            "model": reply.served_model or asked.model,
            "service_tier": reply.service_tier,
            "system_fingerprint": reply.fingerprint,
        }

    def _usage(self, asked: Asked, reply: Scripted) -> dict[str, Any]:
        given, made = reply.input_count(asked), reply.output_count()
        return {
            "prompt_tokens": given,
            "completion_tokens": made,
            "total_tokens": given + made,
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": tokens(reply.reasoning)},
        }
