"""Outside time: RFC 3161 timestamps over a seal, asked of a service that is not ours and checked against its root."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from harness.errors import HarnessError, UsageError

Post = Callable[[str, bytes, str], bytes]
"""Sends (URL, body, content type) and returns the reply's body; raises HarnessError."""
QUERY_TYPE = "application/timestamp-query"
REPLY_LIMIT = 200_000
_CERTIFICATES = 200


class TimestampError(HarnessError):
    """A timestamp does not say what it should."""


@dataclass(frozen=True, slots=True)
class Timestamp:
    """What a checked timestamp says."""

    at_us: int
    """When the service saw the hash, UTC microseconds since 1970."""
    serial: int
    policy: str
    service: str
    """Subject of the certificate that signed it."""


def read_roots(path: Path) -> tuple[x509.Certificate, ...]:
    """Read the certificates (PEM) of the services one trusts: roots, and intermediates where replies leave them out.

    Raises:
        UsageError: the file cannot be read or holds none.
    """
    try:
        found = x509.load_pem_x509_certificates(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path}: timestamp certificates cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise UsageError(f"{path}: holds no certificate in PEM form") from error
    if len(found) > _CERTIFICATES:
        raise UsageError(
            f"{path}: holds {len(found)} certificates; name the service's own roots, at most {_CERTIFICATES}"
        )
    return tuple(found)


def obtain(url: str, data: bytes, roots: Sequence[x509.Certificate], post: Post) -> bytes:
    """Ask a service for a timestamp over some bytes and check what it says.

    Args:
        url: of the service.
        data: what the timestamp is to cover; only its SHA-256 is sent.
        roots: certificates that are trusted.
        post: how to send.

    Returns:
        The reply's bytes, to be kept.

    Raises:
        TimestampError: the reply is not a timestamp over these bytes, for this request, by a trusted service.
        HarnessError: the service cannot be reached.
    """
    request = (
        TimestampRequestBuilder()
        .data(data)
        .hash_algorithm(HashAlgorithm.SHA256)
        .nonce(nonce=True)
        .cert_request(cert_request=True)
        .build()
    )
    reply = post(url, request.as_bytes(), QUERY_TYPE)
    try:
        check(reply, data, roots, nonce=request.nonce)
    except TimestampError as error:
        raise TimestampError(f"{url}: {error}") from error
    return reply


def check(
    reply: bytes, data: bytes, roots: Sequence[x509.Certificate], nonce: int | None = None
) -> Timestamp:
    """Check a timestamp reply.

    Args:
        reply: as the service sent it (DER).
        data: what it must cover.
        roots: certificates that are trusted.
        nonce: of the request, where it is at hand.

    Raises:
        TimestampError: it says something else, or nobody trusted says it.
    """
    response = _decode(reply)
    if not roots:
        raise TimestampError("no certificate to check the timestamp against")
    imprint = response.tst_info.message_imprint.message
    if imprint != hashlib.sha256(data).digest():
        raise TimestampError("the timestamp is over something else")
    if nonce is not None and response.tst_info.nonce != nonce:
        raise TimestampError("the timestamp answers another request (its nonce differs)")
    try:
        VerifierBuilder(roots=list(roots)).build().verify_message(response, data)
    except (VerificationError, ValueError) as error:
        words = str(error).split("ErrorStack")[0].strip(" :")
        raise TimestampError(f"the timestamp is not signed by a trusted service: {words}") from error
    return _read(response)


def claimed(reply: bytes, data: bytes) -> Timestamp:
    """Return what a timestamp says without a certificate to trust: that it covers the data, not who says so.

    Raises:
        TimestampError: it is over something else, or cannot be read.
    """
    response = _decode(reply)
    if response.tst_info.message_imprint.message != hashlib.sha256(data).digest():
        raise TimestampError("the timestamp is over something else")
    return _read(response)


def _decode(reply: bytes) -> TimeStampResponse:
    if len(reply) > REPLY_LIMIT:
        raise TimestampError("the reply is too long to be a timestamp")
    try:
        response = decode_timestamp_response(reply)
        if response.status not in (0, 1):
            words = "; ".join(response.status_string)[:200]
            raise TimestampError(
                f"the service refused (status {response.status}{': ' + words if words else ''})"
            )
        _ = response.tst_info, response.signed_data
    except ValueError as error:
        if "InvalidSetOrdering" in str(error):
            words = "the reply is not in DER, as RFC 3161 asks (its certificates are out of order); use another service"
            raise TimestampError(words) from error
        raise TimestampError(f"the reply is not a timestamp: {str(error)[:200]}") from error
    return response


def _read(response: TimeStampResponse) -> Timestamp:
    info = response.tst_info
    service = ""
    signers = response.signed_data.signer_infos
    certificates = [x509.load_der_x509_certificate(each) for each in response.signed_data.certificates]
    for each in certificates:
        if any((each.issuer, each.serial_number) == (one.issuer, one.serial_number) for one in signers):
            service = each.subject.rfc4514_string()
    at_us = int(info.gen_time.timestamp()) * 1_000_000 + info.gen_time.microsecond
    return Timestamp(at_us, info.serial_number, info.policy.dotted_string, service)
