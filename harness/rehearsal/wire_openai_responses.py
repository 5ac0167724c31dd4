"""OpenAI Responses as the simulated provider speaks it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

from harness.records import Message
from harness.rehearsal.script import Asked, Kind, Scripted, Trouble, pieces, tokens
from harness.rehearsal.wire import (
    STATUS,
    WORDS,
    Plain,
    event,
    logprob_entries,
    required_model,
    tool_names,
    whole_number,
)
from harness.rehearsal.wire_openai_chat import error_object, turns

_CREATED = 1_700_000_000


class ResponsesFormat:
    """`POST /v1/responses`."""

    protocol = "openai-responses"

    def ask(self, body: Mapping[str, Any], headers: Mapping[str, str], model: str | None) -> Asked:
        """Read a request; see `Format.ask`."""
        del model
        given = body.get("input")
        asked = (Message("user", given),) if isinstance(given, str) else turns(given)
        instructions = body.get("instructions")
        if isinstance(instructions, str):
            asked = (Message("system", instructions), *asked)
        known = ("model", "input", "instructions", "max_output_tokens", "stream", "tools")
        return Asked(
            self.protocol,
            required_model(body),
            asked,
            max_tokens=whole_number(body.get("max_output_tokens")),
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
            words = reply.explanation or "The prompt was flagged as potentially violating our usage policy."
            error = {
                "message": words,
                "type": "invalid_request_error",
                "param": None,
                "code": "invalid_prompt",
            }
            return Plain(400, {"error": error})
        return Plain(200, self._response(asked, reply))

    def stream(self, asked: Asked, reply: Scripted) -> Iterator[bytes]:
        """Yield the reply as typed events; see `Format.stream`."""
        numbers = count()

        def send(kind: str, **fields: Any) -> bytes:
            return event({"type": kind, "sequence_number": next(numbers)} | fields, named=True)

        whole = self._response(asked, reply)
        begun = whole | {"status": "in_progress", "output": [], "usage": None}
        begun |= {"error": None, "incomplete_details": None}
        yield send("response.created", response=begun)
        yield send("response.in_progress", response=begun)
        for at, item in enumerate(whole["output"]):
            yield from self._item(send, at, item, closed=reply.kind not in (Kind.CUT, Kind.ERROR))
        if reply.kind is Kind.ERROR:
            error = error_object(reply.trouble, reply.explanation or WORDS[reply.trouble])
            yield send("error", code=error["code"], message=error["message"], param=None)
            return
        if reply.kind is not Kind.CUT:
            yield send(f"response.{whole['status']}", response=whole)

    def _item(self, send: Any, at: int, item: Mapping[str, Any], *, closed: bool) -> Iterator[bytes]:
        where = {"output_index": at, "item_id": item["id"]}
        emptied: dict[str, Any] = {"content": [], "status": "in_progress"}
        if item["type"] == "reasoning":
            emptied = {"summary": []}
        elif item["type"] == "function_call":
            emptied = {"arguments": "", "status": "in_progress"}
        yield send("response.output_item.added", output_index=at, item={**item, **emptied})
        if item["type"] == "reasoning":
            for number, part in enumerate(item["summary"]):
                place = where | {"summary_index": number}
                for piece in pieces(part["text"]):
                    yield send("response.reasoning_summary_text.delta", **place, delta=piece)
                yield send("response.reasoning_summary_text.done", **place, text=part["text"])
            yield send("response.output_item.done", output_index=at, item=item)
            return
        if item["type"] == "function_call":
            for piece in pieces(item["arguments"]):
                yield send("response.function_call_arguments.delta", **where, delta=piece)
            done = {"name": item["name"], "arguments": item["arguments"]}
            yield send("response.function_call_arguments.done", **where, **done)
            yield send("response.output_item.done", output_index=at, item=item)
            return
        for number, part in enumerate(item["content"]):
            place = where | {"content_index": number}
            spoken = part["type"] == "output_text"
            name, field = ("output_text", "text") if spoken else ("refusal", "refusal")
            extra: dict[str, Any] = {"logprobs": []} if spoken else {}
            yield send("response.content_part.added", **place, part={**part, field: ""})
            for piece in pieces(part[field]):
                yield send(f"response.{name}.delta", **place, delta=piece, **extra)
            if not closed:
                return
            yield send(f"response.{name}.done", **place, **{field: part[field]}, **extra)
            yield send("response.content_part.done", **place, part=part)
        yield send("response.output_item.done", output_index=at, item=item)

    def _response(self, asked: Asked, reply: Scripted) -> dict[str, Any]:
        status, reason, error = "completed", None, None
        if reply.kind is Kind.LIMIT:
            status, reason = "incomplete", "max_output_tokens"
        elif reply.kind is Kind.FILTER:
            status, reason = "incomplete", "content_filter"
        elif reply.kind is Kind.CUT:
            status = "incomplete"
        elif reply.kind is Kind.BLOCK:
            words = reply.explanation or "The prompt was rejected."
            status, error = "failed", {"code": "invalid_prompt", "message": words}
        given, made = reply.input_count(asked), reply.output_count()
        return {
            "id": f"resp_{asked.digest}",
            "object": "response",
            "created_at": _CREATED,
            "status": status,
            "error": error,
            "incomplete_details": {"reason": reason} if reason else None,
            "instructions": None,
            "metadata": {},
            "model": reply.served_model or asked.model,
            "output": self._output(asked, reply, "completed" if status == "completed" else "incomplete"),
            "parallel_tool_calls": True,
            "temperature": asked.settings.get("temperature"),
            "tool_choice": "auto",
            "tools": [],
            "top_p": asked.settings.get("top_p"),
            "max_output_tokens": asked.max_tokens,
            "service_tier": reply.service_tier,
            "usage": {
                "input_tokens": given,
                "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
                "output_tokens": made,
                "output_tokens_details": {"reasoning_tokens": tokens(reply.reasoning)},
                "total_tokens": given + made,
            },
        }

    def _output(self, asked: Asked, reply: Scripted, status: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        if reply.reasoning:
            summary = [{"type": "summary_text", "text": reply.reasoning}]
            items.append({"id": f"rs_{asked.digest}", "type": "reasoning", "summary": summary})
        text = "" if reply.kind in (Kind.EMPTY, Kind.BLOCK) else reply.text
        content: list[dict[str, Any]] = []
        if text:
            wanted = asked.settings.get("include")
            asks = isinstance(wanted, list) and "message.output_text.logprobs" in wanted
            top = whole_number(asked.settings.get("top_logprobs")) or 0
            logprobs = logprob_entries(reply, top) if asks else []
            content.append({"type": "output_text", "text": text, "annotations": [], "logprobs": logprobs})
        if reply.kind is Kind.REFUSAL:
            content.append({"type": "refusal", "refusal": reply.explanation or "I can't help with that."})
        if content:
            message = {"id": f"msg_{asked.digest}", "type": "message", "role": "assistant"}
            items.append(message | {"status": status, "content": content})
        for at, call in enumerate(reply.calls if reply.kind is Kind.ANSWER else ()):
            place = {"id": f"fc_{asked.digest}_{at}", "call_id": f"call_{asked.digest}_{at}"}
            function = {"type": "function_call", "name": call.name, "arguments": call.text}
            items.append(place | function | {"status": status})
        return items
