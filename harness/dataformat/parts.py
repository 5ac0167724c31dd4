"""What the records of the data format are made of: checked scalars, JSON of any shape, and bodies of bytes."""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, Strict, WithJsonSchema, model_validator


def _text(value: object) -> str:
    # pydantic's own check refuses lone surrogates, which replies can hold and which the format keeps.
    if not isinstance(value, str):
        raise ValueError("must be text")  # noqa: TRY004 - pydantic turns this one into its own error
    return value


def _json(value: object) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
            raise ValueError("must be a finite number")
        return value
    if isinstance(value, dict):
        # Sorted, as everything in the database is: the same record is the same text wherever it comes from.
        return {key: _json(value[key]) for key in sorted(_text(key) for key in value)}
    if isinstance(value, list | tuple):
        return [_json(each) for each in value]
    raise ValueError(f"{type(value).__name__} has no place in JSON")


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("must be an object")  # noqa: TRY004 - as above
    checked: dict[str, Any] = _json(value)
    return checked


_LARGEST = (1 << 63) - 1

Text = Annotated[str, PlainValidator(_text), WithJsonSchema({"type": "string"})]
Whole = Annotated[int, Strict(), Field(ge=-_LARGEST - 1, le=_LARGEST)]
Count = Annotated[int, Strict(), Field(ge=0, le=_LARGEST)]
Real = Annotated[float, Strict(), Field(allow_inf_nan=False)]
Share = Annotated[float, Strict(), Field(ge=0, le=1, allow_inf_nan=False)]
Truth = Annotated[bool, Strict()]
Hash = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
"""SHA-256 in lower-case hex."""
AnyObject = Annotated[dict[str, Any], PlainValidator(_object), WithJsonSchema({"type": "object"})]
Header = Annotated[
    tuple[Text, Text],
    WithJsonSchema({"type": "array", "items": {"type": "string"}, "minItems": 2, "maxItems": 2}),
]


class Part(BaseModel):
    """A part of a record: immutable, with just the fields it declares."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Body(Part):
    """Bytes of a request or a reply: as text where they are UTF-8, in base64 where not, or left out.

    A body that was left out is still known by its hash, so that what refers to it can be checked.
    """

    sha256: Hash
    """SHA-256 of the bytes."""
    size: Count
    """How many bytes there are."""
    text: Text | None = None
    """The bytes, where they are UTF-8."""
    base64: Text | None = None
    """The bytes in base64 (RFC 4648), where they are not UTF-8."""

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.text is not None and self.base64 is not None:
            raise ValueError("has both text and base64; one of them holds the bytes")
        if self.is_left_out:
            return self
        data = self.data()
        if len(data) != self.size or hashlib.sha256(data).hexdigest() != self.sha256:
            raise ValueError("the bytes do not match their size or sha256")
        return self

    @property
    def is_left_out(self) -> bool:
        """Whether the bytes are not there, only their hash."""
        return self.text is None and self.base64 is None

    def data(self) -> bytes:
        """Return the bytes.

        Raises:
            ValueError: they were left out, or are not base64.
        """
        if self.text is not None:
            return self.text.encode()
        if self.base64 is None:
            raise ValueError("the body was left out; only its hash is there")
        try:
            return base64.b64decode(self.base64, validate=True)
        except (binascii.Error, ValueError) as error:
            raise ValueError(f"is not base64: {error}") from None

    @classmethod
    def of(cls, data: bytes) -> Body:
        """Return the body that holds these bytes."""
        sha256 = hashlib.sha256(data).hexdigest()
        try:
            return cls.model_construct(sha256=sha256, size=len(data), text=data.decode(), base64=None)
        except UnicodeDecodeError:
            packed = base64.b64encode(data).decode("ascii")
            return cls.model_construct(sha256=sha256, size=len(data), text=None, base64=packed)

    def left_out(self) -> Body:
        """Return the same body without its bytes."""
        return self.model_copy(update={"text": None, "base64": None})
