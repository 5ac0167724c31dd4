"""What the four wire formats of the simulated provider share."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from harness.rehearsal.script import Asked, Scripted, Trouble

STATUS: Mapping[Trouble, int] = {
    Trouble.RATE_LIMIT: 429,
    Trouble.OVERLOADED: 503,
    Trouble.SERVER: 500,
    Trouble.KEY: 401,
    Trouble.PERMISSION: 403,
    Trouble.REGION: 403,
    Trouble.LEGAL: 451,
    Trouble.WITHDRAWN: 404,
    Trouble.ACCOUNT: 429,
    Trouble.BAD_REQUEST: 400,
}
WORDS: Mapping[Trouble, str] = {
    Trouble.RATE_LIMIT: "Rate limit reached, try again later.",
    Trouble.OVERLOADED: "The model is overloaded, try again later.",
    Trouble.SERVER: "The server had an error while processing your request.",
    Trouble.KEY: "The API key is missing or wrong.",
    Trouble.PERMISSION: "This key may not use this model.",
    Trouble.REGION: "Country, region, or territory not supported.",
    Trouble.LEGAL: "Unavailable for legal reasons.",
    Trouble.WITHDRAWN: "The model does not exist or has been withdrawn.",
    Trouble.ACCOUNT: "You exceeded your current quota, check your plan and billing details.",
    Trouble.BAD_REQUEST: "The request is not valid.",
}


_TEXT_PARTS = ("text", "input_text", "output_text")


class BadRequestError(Exception):
    """A request that is not one of the protocol's."""


@dataclass(frozen=True, slots=True)
class Plain:
    """A whole reply."""

    status: int
    document: Mapping[str, Any]


class Format(Protocol):
    """One wire format: reads a request, puts a scripted reply into the protocol's words."""

    protocol: str

    def ask(self, body: Mapping[str, Any], headers: Mapping[str, str], model: str | None) -> Asked:
        """Read a request.

        Raises:
            BadRequestError: it is not one of the protocol's.
        """
        ...

    def plain(self, asked: Asked, reply: Scripted) -> Plain:
        """Return the reply as one document."""
        ...

    def stream(self, asked: Asked, reply: Scripted) -> Iterator[bytes]:
        """Yield the reply as pieces of an event stream."""
        ...

    def error(self, trouble: Trouble, message: str) -> Plain:
        """Return an error."""
        ...


def encode(document: Any) -> bytes:
    """Return a document as compact JSON."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def event(document: Mapping[str, Any], *, named: bool = False) -> bytes:
    """Return a document as a server-sent event, named after its type where the protocol does that."""
    name = f"event: {document['type']}\n".encode() if named else b""
    return name + b"data: " + encode(document) + b"\n\n"


def tool_names(tools: Any) -> tuple[str, ...]:
    """Return the names of the functions a request offers, in whichever of the protocols' forms.

    Raises:
        BadRequestError: one has no name.
    """
    found: list[str] = []
    for tool in tools if isinstance(tools, list) else []:
        given = tool.get("functionDeclarations", [tool]) if isinstance(tool, dict) else [tool]
        for each in given if isinstance(given, list) else [given]:
            function = each.get("function", each) if isinstance(each, dict) else None
            name = function.get("name") if isinstance(function, dict) else None
            if not isinstance(name, str) or not name:
                raise BadRequestError("each of tools needs a function with a name")
            found.append(name)
    return tuple(found)


def logprob_entries(reply: Scripted, top: int) -> list[dict[str, Any]]:
    """Return a reply's log probabilities in the form of OpenAI's protocols, with `top` alternatives each."""
    return [
        {
            "token": token[0][0],
            "logprob": token[0][1],
            "bytes": list(token[0][0].encode()),
            "top_logprobs": [
                {"token": word, "logprob": value, "bytes": list(word.encode())}
                for word, value in sorted(token, key=lambda each: -each[1])[:top]
            ],
        }
        for token in reply.logprobs
    ]


def text_of(content: Any) -> str:
    """Return the text of a message's content: a string, or a list of parts.

    Raises:
        BadRequestError: it is neither.
    """
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise BadRequestError("content must be a string or a list of parts")
    texts = []
    for part in content:
        if (
            not isinstance(part, dict)
            or part.get("type") not in _TEXT_PARTS
            or not isinstance(part.get("text"), str)
        ):
            raise BadRequestError("only text parts are understood")
        texts.append(part["text"])
    return "".join(texts)


def whole_number(value: Any) -> int | None:
    """Return an integer as it is, anything else as None."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def required_model(body: Mapping[str, Any]) -> str:
    """Return the request's model.

    Raises:
        BadRequestError: it names none.
    """
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise BadRequestError("model is required")
    return model
