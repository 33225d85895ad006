"""Who may come in: API keys, what they allow, and how much of it.

A key is `dk_`, eight characters that name it, 43 that are secret (256 random bits) and six that
are a checksum. The first eleven are its prefix, which may be shown and written down; of the whole
only the SHA-256 is kept. A password needs a slow hash because people choose it; this needs none.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
import secrets
import string
import zlib
from enum import StrEnum

import msgspec

_LETTERS = string.ascii_letters + string.digits
_NAME_CHARACTERS = 8
_SECRET_CHARACTERS = 43
"""Of 62 letters and digits: 62 ** 43 is more than 2 ** 256."""
_CHECK_CHARACTERS = 6
_KEY = re.compile(f"dk_[A-Za-z0-9]{{{_NAME_CHARACTERS + _SECRET_CHARACTERS + _CHECK_CHARACTERS}}}")
PREFIX = re.compile(f"dk_[A-Za-z0-9]{{{_NAME_CHARACTERS}}}")
OWNER = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
LOCAL_OWNER = "local"
"""Whose all jobs are as long as nobody has to say who they are."""


class Scope(StrEnum):
    """What a key allows."""

    SUBMIT = "submit"
    """Submit recordings; stop, change and delete jobs."""
    READ = "read"
    """See jobs, transcripts and the documentation."""
    ADMIN = "admin"
    """Both, and whatever is about the whole server."""


class Limits(msgspec.Struct, frozen=True):
    """How much an owner may ask for; None is no limit."""

    requests_per_minute: int | None = None
    running_jobs: int | None = None
    audio_seconds_per_day: float | None = None
    upload_bytes: int | None = None


class Caller(msgspec.Struct, frozen=True):
    """Who asks: whose jobs they see, and what they may do with them."""

    owner: str
    scopes: frozenset[Scope]
    limits: Limits = Limits()

    def most_bytes(self, of_server: int) -> int:
        """Return how large an upload may be: the lesser of the server's limit and the caller's."""
        own = self.limits.upload_bytes
        return of_server if own is None else min(of_server, own)

    def may(self, scope: Scope) -> bool:
        """Tell whether a scope is among the caller's."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


def mint_key() -> str:
    """Return a new key. Whoever calls shows it once and keeps its digest alone."""
    letters = [secrets.choice(_LETTERS) for _ in range(_NAME_CHARACTERS + _SECRET_CHARACTERS)]
    body = f"dk_{''.join(letters)}"
    return body + _checksum(body)


def prefix_of(key: str) -> str | None:
    """Return the part of a key that may be shown, or None if it can't be a key of ours."""
    if not _KEY.fullmatch(key) or _checksum(key[:-_CHECK_CHARACTERS]) != key[-_CHECK_CHARACTERS:]:
        return None
    return key[: len("dk_") + _NAME_CHARACTERS]


def digest_of(key: str) -> str:
    """Return what is kept of a key."""
    return hashlib.sha256(key.encode()).hexdigest()


def is_key_of(key: str, digest: str) -> bool:
    """Tell whether a digest is a key's, in a time that says nothing about either."""
    return hmac.compare_digest(digest_of(key), digest)


def _checksum(body: str) -> str:
    """Return the CRC-32 in letters and digits: it finds slips of the pen, it protects nothing."""
    number, letters = zlib.crc32(body.encode()), ""
    for _ in range(_CHECK_CHARACTERS):
        number, place = divmod(number, len(_LETTERS))
        letters += _LETTERS[place]
    return letters


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine, so that nobody else reaches it."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
