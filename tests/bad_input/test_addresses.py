"""Addresses that no recording is fetched from: cases 39 and 40, as a submission names them.

What a host turns out to be when it is called, and what it redirects to, is the engine's part:
`tests/engines/test_url_fetch.py`.
"""

from __future__ import annotations

import pytest

from tests.bad_input import forms
from tests.bad_input.traces import nothing_left_by
from tests.bad_input.wire import ask, assert_refused
from tests.support.stack import Stack


def refuse(strict: Stack, address: str, code: str) -> None:
    """Check that an address is refused before anything is stored, and is not said again."""
    body = forms.form(forms.text("source_url", address.encode()))
    with nothing_left_by(strict):
        error = assert_refused(
            ask(strict.url, forms.submission(body)), 400, code, param="source_url"
        )
        assert "secret" not in error["message"]


@pytest.mark.parametrize(
    "address",
    [
        "file:///etc/passwd",
        "ftp://example.org/talk.mp3",
        "data:audio/wav;base64,UklGRg==",
        "gopher://example.org/1",
        "talk.mp3",
        "//example.org/talk.mp3",
        "https:///talk.mp3",
        "https://user@example.org/talk.mp3",
        "https://user:secret@example.org/talk.mp3",
        "https://example.org:22/talk.mp3?secret",
        "https://example.org:0/talk.mp3",
        "https://example.org:99999/talk.mp3",
        "https://example.org/a b.mp3",
        "https://b\u00fccher.example/talk.mp3",
        "https://example.org/" + 3000 * "a",
    ],
)
def test_39_what_is_no_plain_web_address_is_refused(strict: Stack, address: str) -> None:
    refuse(strict, address, "invalid_url")


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "LOCALHOST.",
        "a.localhost",
        "0.0.0.0",  # noqa: S104 - nobody binds to it here
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "127.1",
        "0x7f.1",
        "017700000001",
        "2130706433",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[fc00::1]",
        "[fe80::1]",
        "[64:ff9b::7f00:1]",
    ],
)
@pytest.mark.parametrize("port", ["", ":8000"])
def test_40_addresses_of_private_networks_are_refused(strict: Stack, host: str, port: str) -> None:
    refuse(strict, f"http://{host}{port}/talk.mp3?secret", "forbidden_address")


def test_an_address_that_is_left_empty_counts_as_left_out(strict: Stack) -> None:
    empty = forms.text("source_url", b"")
    with nothing_left_by(strict):
        answer = ask(strict.url, forms.submission(forms.form(empty)))
        assert_refused(answer, 400, "missing_file", param="file")
    accepted = ask(strict.url, forms.submission(forms.form(empty, forms.file())))
    assert accepted.status == 202
