"""What url-fetch brings and what it refuses. Numbers are those of the bad-input cases."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from dalston.engine_sdk import TaskFailed, TaskOutput
from dalston.engine_sdk.testing import EngineUnderTest
from tests.engines.sounds import noise
from tests.support.web import Web, web_server

MOST = 1_000_000
SECRET = "signature=verysecret"
Bring = Callable[..., TaskOutput]


@pytest.fixture
def web() -> Iterator[Web]:
    with web_server() as web:
        yield web


@pytest.fixture
def bring(fetch: EngineUnderTest, tmp_path: Path) -> Bring:
    """Have an address fetched into the folder `kept`."""

    def give(url: str, *, max_bytes: int = MOST, **config: Any) -> TaskOutput:
        order = tmp_path / "source.url"
        order.write_text(json.dumps({"url": url, "max_bytes": max_bytes}))
        return fetch.process(order, config=config, keep_files_in=tmp_path / "kept")

    return give


def refusal(bring: Bring, url: str, **more: Any) -> TaskFailed:
    """Return why an address isn't fetched; nothing that it holds may be in the reason."""
    with pytest.raises(TaskFailed) as failed:
        bring(f"{url}{'&' if '?' in url else '?'}{SECRET}", **more)
    assert SECRET not in failed.value.message
    return failed.value


def test_the_bytes_are_kept_as_they_are(bring: Bring, web: Web) -> None:
    web.files["/a/talk.mp3"] = noise(300_000)

    output = bring(f"{web.url}/a/talk.mp3?{SECRET}")

    assert output.files["recording"].read_bytes() == noise(300_000)
    assert output.data["bytes"] == 300_000
    assert SECRET not in json.dumps(output.data)


def test_all_of_an_address_is_fetched(bring: Bring, web: Web) -> None:
    web.files["/a;b=1/talk.mp3"] = b"another"
    web.files["/a;b=1/talk.mp3;version=2"] = b"audio"

    assert bring(f"{web.url}/a;b=1/talk.mp3;version=2?x=1;y=2").data["bytes"] == 5


def test_a_body_of_exactly_the_limit_is_kept(bring: Bring, web: Web) -> None:
    web.files["/talk.mp3"] = noise(1000)

    assert bring(f"{web.url}/talk.mp3", max_bytes=1000).data["bytes"] == 1000
    assert refusal(bring, f"{web.url}/talk.mp3", max_bytes=999).code == "fetch_too_large"


def test_redirections_are_followed_to_a_bound(bring: Bring, web: Web) -> None:
    web.files["/talk.mp3"] = b"audio"

    assert bring(f"{web.url}/to?place=/to%3Fplace=/talk.mp3").data["bytes"] == 5
    circle = refusal(bring, f"{web.url}/circle")
    assert (circle.code, circle.retryable) == ("fetch_failed", False)
    assert web.paths().count("/circle") == 6
    assert refusal(bring, f"{web.url}/nowhere").code == "fetch_failed"


@pytest.mark.parametrize(
    ("place", "path"),
    [
        ("/my talk.mp3", "/my%20talk.mp3"),
        ("/my%20talk.mp3", "/my%20talk.mp3"),
        ("/ä.mp3".encode().decode("latin-1"), "/%C3%A4.mp3"),
        ("/a|b.mp3?x={y}", "/a%7Cb.mp3"),
    ],
)
def test_what_a_server_forgets_to_encode_is_encoded(
    bring: Bring, web: Web, place: str, path: str
) -> None:
    web.files[path] = b"audio"

    assert bring(f"{web.url}/to?place={quote(place, safe='/')}").data["bytes"] == 5


def test_a_redirection_may_be_longer_than_what_people_send(bring: Bring, web: Web) -> None:
    web.files["/talk.mp3"] = b"audio"

    assert bring(f"{web.url}/to_signed").data["bytes"] == 5


def test_a_redirection_to_what_is_no_address_is_said_to_be_one(bring: Bring, web: Web) -> None:
    failed = refusal(bring, f"{web.url}/to?place=https%3A//%5B%3A%3A1/")

    assert (failed.code, failed.retryable) == ("invalid_url", False)
    assert "redirects" in failed.message


@pytest.mark.parametrize(
    ("status", "retryable"),
    [(204, False), (401, False), (404, False), (410, False), (429, True), (500, True), (503, True)],
)
def test_a_status_says_whether_another_try_helps(
    bring: Bring, web: Web, status: int, *, retryable: bool
) -> None:
    web.refusals["/talk.mp3"] = (status, 1)

    failed = refusal(bring, f"{web.url}/talk.mp3")

    assert (failed.code, failed.retryable) == ("fetch_failed", retryable)
    assert str(status) in failed.message


def test_a_server_that_is_not_there_may_be_there_later(bring: Bring) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    nobody = refusal(bring, f"http://127.0.0.1:{port}/talk.mp3")
    assert (nobody.code, nobody.retryable) == ("fetch_unreachable", True)
    unknown = refusal(bring, "http://nobody.invalid/talk.mp3")
    assert (unknown.code, unknown.retryable) == ("unresolved_host", True)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "2130706433", "[::1]"])
def test_40_this_machine_is_not_called_unless_that_is_permitted(
    bring: Bring, web: Web, host: str
) -> None:
    failed = refusal(bring, f"http://{host}:{web.port}/talk.mp3", fetch_private_addresses=False)

    assert (failed.code, failed.retryable) == ("forbidden_address", False)
    assert web.asked == []


@pytest.mark.parametrize(
    ("place", "code"),
    [
        ("http://169.254.169.254/latest/meta-data/", "forbidden_address"),
        ("http://[::ffff:169.254.169.254]/", "forbidden_address"),
        ("http://0xa9fea9fe/", "forbidden_address"),
        ("file:///etc/passwd", "invalid_url"),
        ("http://user:password@127.0.0.1/", "invalid_url"),
    ],
)
def test_41_a_redirection_is_checked_as_the_first_address_is(
    bring: Bring, web: Web, place: str, code: str
) -> None:
    failed = refusal(bring, f"{web.url}/to?place={place}")

    assert (failed.code, failed.retryable) == (code, False)
    assert web.paths() == ["/to"]


def test_42_the_connection_goes_to_the_address_that_was_checked(
    bring: Bring, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    web.files["/talk.mp3"] = b"audio"
    looked_up: list[str] = []
    real = socket.getaddrinfo

    def answers_differently(host: Any, *arguments: Any, **more: Any) -> Any:
        # As a name server does that waits for the check to be over.
        name = host.decode() if isinstance(host, bytes) else host
        if name != "rebinding.example":
            return real(host, *arguments, **more)
        looked_up.append(name)
        address = "127.0.0.1" if len(looked_up) == 1 else "169.254.169.254"
        return real(address, *arguments, **more)

    monkeypatch.setattr(socket, "getaddrinfo", answers_differently)

    assert bring(f"http://rebinding.example:{web.port}/talk.mp3").data["bytes"] == 5
    assert looked_up == ["rebinding.example"]
    assert web.asked == [("/talk.mp3", f"rebinding.example:{web.port}")]
    # And once more for what it is redirected to, which is checked anew.
    assert refusal(bring, f"http://rebinding.example:{web.port}/talk.mp3").code == (
        "forbidden_address"
    )


def test_43_an_endless_body_is_cut_while_it_comes(bring: Bring, web: Web) -> None:
    failed = refusal(bring, f"{web.url}/endless")

    assert (failed.code, failed.retryable) == ("fetch_too_large", False)
    assert web.sent < 20 * MOST


@pytest.mark.parametrize("path", ["/drip", "/slow_head"])
def test_43_what_drips_ends_with_the_time_for_all_of_it(bring: Bring, web: Web, path: str) -> None:
    failed = refusal(bring, f"{web.url}{path}", fetch_seconds=0.5)

    assert (failed.code, failed.retryable) == ("fetch_timeout", False)


@pytest.mark.parametrize("path", ["/drip", "/slow_head"])
def test_43_what_drips_is_given_up_long_before(bring: Bring, web: Web, path: str) -> None:
    failed = refusal(bring, f"{web.url}{path}", stall_seconds=0.5)

    assert (failed.code, failed.retryable) == ("fetch_unreachable", True)


def test_43_what_comes_steadily_is_waited_for(bring: Bring, web: Web) -> None:
    output = bring(f"{web.url}/steady", stall_seconds=0.5)

    assert output.data["bytes"] == 50 * 100


def test_43_a_length_is_believed_only_where_it_refuses(bring: Bring, web: Web) -> None:
    assert refusal(bring, f"{web.url}/claims_much").code == "fetch_too_large"
    broken = refusal(bring, f"{web.url}/breaks_off")
    assert (broken.code, broken.retryable) == ("fetch_unreachable", True)


def test_43_nothing_is_unpacked(bring: Bring, web: Web) -> None:
    output = bring(f"{web.url}/bomb")

    assert output.data["bytes"] < 100_000
    assert output.files["recording"].read_bytes()[:2] == b"\x1f\x8b"
