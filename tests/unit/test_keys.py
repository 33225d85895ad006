"""What an API key looks like, and what is kept of it."""

from __future__ import annotations

import math

import pytest

from dalston.common.access import (
    Caller,
    Scope,
    digest_of,
    is_key_of,
    is_loopback,
    mint_key,
    prefix_of,
)


def test_a_key_has_at_least_256_secret_bits_behind_its_prefix() -> None:
    key = mint_key()
    prefix = prefix_of(key)
    assert prefix is not None
    assert key.startswith(prefix)
    assert prefix.startswith("dk_")
    secret = len(key) - len(prefix) - len("checks")
    assert secret * math.log2(62) >= 256
    assert len({mint_key() for _ in range(1000)}) == 1000


def test_a_slip_of_the_pen_is_noticed_without_a_database() -> None:
    key = mint_key()
    for place in range(len(key)):
        other = "b" if key[place] == "a" else "a"
        assert prefix_of(key[:place] + other + key[place + 1 :]) is None
    assert prefix_of(key[:-1]) is None
    assert prefix_of(f"{key}a") is None
    assert prefix_of("") is None


def test_only_the_digest_is_needed_to_know_a_key_again() -> None:
    key, other = mint_key(), mint_key()
    digest = digest_of(key)
    assert len(digest) == 64
    assert key not in digest
    assert is_key_of(key, digest)
    assert not is_key_of(other, digest)


def test_admin_is_allowed_everything() -> None:
    assert all(Caller("a", frozenset({Scope.ADMIN})).may(scope) for scope in Scope)
    reader = Caller("a", frozenset({Scope.READ}))
    assert [scope for scope in Scope if reader.may(scope)] == [Scope.READ]


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),  # noqa: S104 - compared, not bound
        ("::", False),
        ("192.168.1.2", False),
        ("localhost.example.org", False),
        ("", False),
    ],
)
def test_loopback_is_told_from_what_others_reach(host: str, local: bool) -> None:
    assert is_loopback(host) is local
