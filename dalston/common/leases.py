"""What Redis says about a task's current attempt, and what a runner says when it renews that."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, TypeVar

import msgspec

from dalston.common.messages import Attempt
from dalston.common.models import Failure

LEASE_SECONDS = 15.0
"""A lease that nobody renews ends after this."""
RENEW_SECONDS = 1.0
"""How often a runner renews its leases."""
LEASE_MS = int(LEASE_SECONDS * 1000)

_Value = TypeVar("_Value")


class LeaseState(StrEnum):
    """What the holder of a lease does with its task."""

    PREFETCH = "prefetch"
    """Fetches the input while another task still computes; the row stays ready."""
    RUNNING = "running"
    """Computes."""
    DONE = "done"
    """Has an outcome in the store, or here, and waits until an orchestrator has seen it."""
    CLOSED = "closed"
    """Ended by an orchestrator or a gateway: stop, nothing more will count."""


class Renewal(StrEnum):
    """What became of a lease that its holder wanted to keep."""

    KEPT = "kept"
    RECREATED = "recreated"
    CLOSED = "closed"


class Outcome(msgspec.Struct, frozen=True):
    """How an attempt ended; `error` is None when it succeeded.

    Attributes:
        output: A small output as JSON, which is kept nowhere else until its row has it.
    """

    error: Failure | None = None
    output: str | None = None


class Lease(msgspec.Struct, frozen=True):
    """What Redis says about a task's current attempt."""

    hand_out: int
    token: str
    instance: str
    state: LeaseState
    progress: tuple[float, float] | None = None
    outcome: Outcome | None = None


class LeaseUpdate(msgspec.Struct, frozen=True):
    """What a runner says about an attempt when it renews the lease."""

    attempt: Attempt
    state: LeaseState
    progress: tuple[float, float] | None = None
    outcome: Outcome | None = None

    def fields(self) -> tuple[Any, ...]:
        """Return hand-out, token, instance, state, progress and outcome, as the scripts do."""
        attempt = self.attempt
        return (
            attempt.hand_out,
            attempt.token,
            attempt.instance,
            self.state.value,
            b"null" if self.progress is None else msgspec.json.encode(self.progress),
            b"null" if self.outcome is None else msgspec.json.encode(self.outcome),
        )


_progress_decoder = msgspec.json.Decoder(tuple[float, float] | None)
_outcome_decoder = msgspec.json.Decoder(Outcome | None)


def read_lease(fields: dict[bytes, bytes]) -> Lease:
    """Return the lease that a hash in Redis holds."""
    return Lease(
        hand_out=int(fields[b"hand_out"]),
        token=fields[b"token"].decode(),
        instance=fields[b"instance"].decode(),
        state=LeaseState(fields[b"state"].decode()),
        progress=decoded(fields.get(b"progress"), _progress_decoder),
        outcome=decoded(fields.get(b"outcome"), _outcome_decoder),
    )


def decoded(
    data: bytes | str | None, decoder: msgspec.json.Decoder[_Value | None]
) -> _Value | None:
    """Decode a field; one that can't be read is as good as none, and must stop nobody."""
    try:
        return None if data is None else decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
