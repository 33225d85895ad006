"""Webhooks: what a receiver is sent, and the secrets that prove who sent it.

Signatures are those of Standard Webhooks (https://www.standardwebhooks.com): the headers
`webhook-id`, `webhook-timestamp` and `webhook-signature`, the last with one `v1,…` for each secret
that counts now: the HMAC-SHA256, in Base64, of `id.timestamp.body`.

No secret of a receiver is stored anywhere. Each follows from the server's own, the receiver's id
and how often it has been exchanged; so a copy of the database signs nothing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from dalston.common.models import JobStatus

EVENTS = {
    JobStatus.COMPLETED: "transcription.completed",
    JobStatus.FAILED: "transcription.failed",
    JobStatus.CANCELLED: "transcription.cancelled",
}
MIN_SECRET_CHARACTERS = 32
EXCHANGED_SECONDS = 24 * 3600.0
"""For how long after an exchange the secrets before the newest one sign too."""
_EARLIER_SECRETS = 4
"""So many of them: who has lost the answer with a new one exchanges it again."""
GIVE_UP_SECONDS = 3 * 24 * 3600.0
"""How long it is tried to tell somebody of an end."""
_SHOWN_PREFIX = "whsec_"
_ID_BYTES = 12
WEBHOOK_ID = re.compile(r"wh_[0-9a-f]{24}")
MESSAGE_ID = re.compile(r"msg_[0-9a-f]{24}")


class DeliveryState(StrEnum):
    """How far it is to tell one receiver of one end."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True)
class WebhookPolicy:
    """How this server calls those who want to hear of a job's end.

    Attributes:
        secrets: Its own, the newest first, from which all others follow; without one there are no
            webhooks.
        allow_private: Whether receivers may be in private networks, or on this machine.
        timeout_seconds: How long one try may take in all.
    """

    secrets: tuple[str, ...] = ()
    allow_private: bool = False
    timeout_seconds: float = 20.0

    @property
    def schemes(self) -> tuple[str, ...]:
        """Those that a receiver's address may have: private networks have no certificates."""
        return ("https", "http") if self.allow_private else ("https",)


class Signer(msgspec.Struct, frozen=True):
    """Whose secrets sign a message.

    Attributes:
        name: The id of a registered endpoint, or `owner:` and an owner's name.
        generation: How often its secret has been exchanged, from 1.
        exchanging: Whether that was so lately that those before sign too.
    """

    name: str
    generation: int = 1
    exchanging: bool = False


def signer_of_owner(owner: str) -> Signer:
    """Return who signs what goes to an address that belongs to no registered endpoint."""
    return Signer(f"owner:{owner}")


def new_webhook_id() -> str:
    """Return a registered endpoint's id."""
    return f"wh_{secrets.token_hex(_ID_BYTES)}"


def new_message_id() -> str:
    """Return a message's id, which stays the same however often it is sent."""
    return f"msg_{secrets.token_hex(_ID_BYTES)}"


def shown_secret(policy: WebhookPolicy, signer: Signer) -> str:
    """Return a receiver's newest secret as libraries for Standard Webhooks take it."""
    key = _derived(policy.secrets[0], signer.name, signer.generation)
    return _SHOWN_PREFIX + base64.b64encode(key).decode()


def body_of(event: str, at: datetime, data: Any) -> bytes:  # noqa: ANN401 - any JSON
    """Return what is sent: the same bytes with every try.

    Args:
        event: One of `EVENTS`.
        at: When it happened.
        data: What there is to say about it.
    """
    return msgspec.json.encode({"type": event, "timestamp": at, "data": data})


def signed_headers(
    policy: WebhookPolicy, signer: Signer, message_id: str, at: int, body: bytes
) -> dict[str, str]:
    """Return the headers that prove where a message comes from.

    Args:
        policy: Has the server's secrets.
        signer: Whose secrets sign.
        message_id: The message's.
        at: Now, in seconds since 1970.
        body: What is sent.
    """
    signed = b".".join((message_id.encode(), str(at).encode(), body))
    signatures = [
        "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
        for key in _keys(policy.secrets, signer)
    ]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(signatures),
    }


def _keys(own: Sequence[str], signer: Signer) -> list[bytes]:
    oldest = signer.generation
    if signer.exchanging:
        oldest = max(1, signer.generation - _EARLIER_SECRETS)
    generations = range(signer.generation, oldest - 1, -1)
    return [_derived(secret, signer.name, number) for number in generations for secret in own]


def _derived(own: str, name: str, generation: int) -> bytes:
    return hmac.digest(own.encode(), f"dalston webhook {name} {generation}".encode(), "sha256")
