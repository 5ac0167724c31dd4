"""Google Gemini's generateContent as the simulated provider speaks it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from harness.records import Message
from harness.rehearsal.script import Asked, Kind, Scripted, Trouble, pieces, tokens
from harness.rehearsal.wire import WORDS, BadRequestError, Plain, event, tool_names, whole_number

_ERRORS: Mapping[Trouble, tuple[int, str, str | None]] = {
    Trouble.RATE_LIMIT: (429, "RESOURCE_EXHAUSTED", None),
    Trouble.OVERLOADED: (503, "UNAVAILABLE", None),
    Trouble.SERVER: (500, "INTERNAL", None),
    Trouble.KEY: (400, "INVALID_ARGUMENT", "API_KEY_INVALID"),
    Trouble.PERMISSION: (403, "PERMISSION_DENIED", "SERVICE_DISABLED"),
    Trouble.REGION: (400, "FAILED_PRECONDITION", None),
    Trouble.LEGAL: (451, "PERMISSION_DENIED", None),
    Trouble.WITHDRAWN: (404, "NOT_FOUND", None),
    Trouble.ACCOUNT: (403, "PERMISSION_DENIED", "CONSUMER_SUSPENDED"),
    Trouble.BAD_REQUEST: (400, "INVALID_ARGUMENT", None),
}
_WORDS = {**WORDS, Trouble.REGION: "User location is not supported for the API use."}
_FINISH: Mapping[Kind, str] = {
    Kind.LIMIT: "MAX_TOKENS",
    Kind.REFUSAL: "SAFETY",
    Kind.FILTER: "PROHIBITED_CONTENT",
    Kind.CUT: "OTHER",
}


class GeminiFormat:
    """`POST /v1beta/models/{model}:generateContent`, and its stream."""

    protocol = "gemini"

    def ask(self, body: Mapping[str, Any], headers: Mapping[str, str], model: str | None) -> Asked:
        """Read a request; see `Format.ask`. Whether it is streamed stands in the URL."""
        contents = body.get("contents")
        if not isinstance(contents, list) or not contents:
            raise BadRequestError("contents is not specified")
        config = body.get("generationConfig")
        config = config if isinstance(config, dict) else {}
        asked = (
            [Message("system", _parts(body["systemInstruction"]))] if body.get("systemInstruction") else []
        )
        for content in contents:
            role = content.get("role", "user") if isinstance(content, dict) else None
            if role not in ("user", "model"):
                raise BadRequestError("Please use a valid role: user, model.")
            asked.append(Message("assistant" if role == "model" else "user", _parts(content)))
        return Asked(
            self.protocol,
            model or "",
            tuple(asked),
            seed=whole_number(config.get("seed")),
            max_tokens=whole_number(config.get("maxOutputTokens")),
            settings={
                name: value for name, value in config.items() if name not in ("seed", "maxOutputTokens")
            },
            tools=tool_names(body.get("tools")),
            headers=headers,
        )

    def error(self, trouble: Trouble, message: str) -> Plain:
        """Return an error; see `Format.error`."""
        status, name, reason = _ERRORS[trouble]
        error: dict[str, Any] = {"code": status, "message": message, "status": name}
        if reason:
            info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason}
            error["details"] = [info | {"domain": "googleapis.com"}]
        return Plain(status, {"error": error})

    def plain(self, asked: Asked, reply: Scripted) -> Plain:
        """Return the reply as one document; see `Format.plain`."""
        if reply.kind is Kind.ERROR:
            return self.error(reply.trouble, reply.explanation or _WORDS[reply.trouble])
        return Plain(
            200, self._blocked(asked, reply) or self._document(asked, reply, self._spoken(reply), True)
        )

    def stream(self, asked: Asked, reply: Scripted) -> Iterator[bytes]:
        """Yield the reply as chunks; see `Format.stream`."""
        blocked = self._blocked(asked, reply)
        if blocked:
            yield event(blocked)
            return
        for part in self._spoken(reply):
            if "functionCall" in part:  # comes whole
                yield event(self._document(asked, reply, [part], False))
            for piece in pieces(part.get("text", "")):
                yield event(self._document(asked, reply, [{**part, "text": piece}], False))
        if reply.kind is Kind.ERROR:
            yield event(self.error(reply.trouble, reply.explanation or _WORDS[reply.trouble]).document)
        elif reply.kind is not Kind.CUT:
            yield event(self._document(asked, reply, [], True))

    def _spoken(self, reply: Scripted) -> list[dict[str, Any]]:
        text = "" if reply.kind is Kind.EMPTY else reply.text
        parts: list[dict[str, Any]] = [{"text": reply.reasoning, "thought": True}] if reply.reasoning else []
        parts += [{"text": text}] if text else []
        for call in reply.calls if reply.kind is Kind.ANSWER else ():
            parts.append({"functionCall": {"name": call.name, "args": dict(call.arguments)}})
        return parts

    def _blocked(self, asked: Asked, reply: Scripted) -> dict[str, Any] | None:
        if reply.kind is not Kind.BLOCK:
            return None
        feedback = {"blockReason": reply.category or "PROHIBITED_CONTENT"}
        return {"promptFeedback": feedback} | self._foot(asked, reply, 0)

    def _document(
        self, asked: Asked, reply: Scripted, parts: list[dict[str, Any]], last: bool
    ) -> dict[str, Any]:
        candidate: dict[str, Any] = {"index": 0}
        if parts:
            candidate["content"] = {"role": "model", "parts": parts}
        if last:
            candidate["finishReason"] = _FINISH.get(reply.kind, "STOP")
            if reply.explanation:
                candidate["finishMessage"] = reply.explanation
            if asked.settings.get("responseLogprobs") is True and reply.logprobs:
                chosen = [{"token": token[0][0], "logProbability": token[0][1]} for token in reply.logprobs]
                candidate["logprobsResult"] = {"chosenCandidates": chosen}
        made = reply.output_count() - tokens(reply.reasoning) if last else 0
        return {"candidates": [candidate]} | self._foot(asked, reply, made)

    def _foot(self, asked: Asked, reply: Scripted, made: int) -> dict[str, Any]:
        given, thought = reply.input_count(asked), tokens(reply.reasoning)
        return {
            "usageMetadata": {
                "promptTokenCount": given,
                "candidatesTokenCount": made,
                "thoughtsTokenCount": thought,
                "totalTokenCount": given + made + thought,
            },
            "modelVersion": reply.served_model or asked.model,
            "responseId": asked.digest,
        }


def _parts(content: Any) -> str:
    parts = content.get("parts") if isinstance(content, dict) else None
    if not isinstance(parts, list):
        raise BadRequestError("parts is not specified")
    texts = [part.get("text") if isinstance(part, dict) else None for part in parts]
    if not all(isinstance(text, str) for text in texts):
        raise BadRequestError("only text parts are understood")
    return "".join(cast("list[str]", texts))
