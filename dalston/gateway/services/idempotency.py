"""What a client says so that a submission may be repeated: the header, and what came with it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
from starlette.datastructures import Headers

from dalston.common.errors import InvalidIdempotencyKeyError
from dalston.db.admission import Repeats
from dalston.db.idempotency import IdempotencyKey

RETRY_COUNT = "x-stainless-retry-count"
"""How often a client of OpenAI's has sent a request before, by itself."""
_LONGEST = 255
_KEY = re.compile(f"[!-~]{{1,{_LONGEST}}}")


def read_key(headers: Sequence[str]) -> str | None:
    """Return the idempotency key of a request, if it has one.

    Args:
        headers: All values of the header `Idempotency-Key`.

    Raises:
        InvalidIdempotencyKeyError: It can't be kept as it is.
    """
    if not headers:
        return None
    if len(headers) > 1 or not _KEY.fullmatch(headers[0]):
        raise InvalidIdempotencyKeyError(
            f"Idempotency-Key must be there once, with 1 to {_LONGEST} visible ASCII characters "
            f"and no blank. A UUID is a good one.",
            param="Idempotency-Key",
        )
    return headers[0]


@dataclass(frozen=True)
class Name:
    """What makes several submissions one job.

    Attributes:
        given: The client's own name for it.
        repeats: What it means if that is known, or, without it, if the content is.
    """

    given: str | None = None
    repeats: Repeats = Repeats.NAMED

    @property
    def needs_content(self) -> bool:
        """Whether it must be known what is sent."""
        return self.given is not None or self.repeats is not Repeats.NAMED

    def key(self, owner: str, content: str | None, job_id: str) -> IdempotencyKey | None:
        """Return the key under which a job is remembered, unless it needs none."""
        if content is None:
            return None
        if self.given is None:
            return IdempotencyKey.of_content(owner, content, job_id)
        return IdempotencyKey(owner, self.given, content, job_id)


def read_name(headers: Headers) -> Name:
    """Return what makes a submission one job however often it is sent.

    Without a key of its own, a client of OpenAI's is known by the count of its tries.

    Raises:
        InvalidIdempotencyKeyError: The key can't be kept as it is.
    """
    key = read_key(headers.getlist("idempotency-key"))
    tries = headers.get(RETRY_COUNT)
    if key is not None or tries is None:
        return Name(key)
    return Name(None, Repeats.FIRST if tries.strip() in ("", "0") else Repeats.AGAIN)


class Content:
    """Takes the fingerprint of a submission while it arrives: of its bytes and its fields.

    Not of the body: a client that sends the same again cuts it with another boundary.
    """

    def __init__(self) -> None:
        self._bytes = hashlib.sha256()

    def add(self, data: bytes) -> None:
        """Take some bytes of the recording."""
        self._bytes.update(data)

    def digest(self, fields: Mapping[str, str | Sequence[str]]) -> str:
        """Return the fingerprint, in hexadecimal digits."""
        whole = [sorted(fields.items()), self._bytes.hexdigest()]
        return hashlib.sha256(msgspec.json.encode(whole)).hexdigest()
