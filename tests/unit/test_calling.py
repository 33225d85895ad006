"""One call of a receiver: where it goes, where it doesn't, and how long it takes at most."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import structlog
import trustme

from dalston.common.webhooks import WebhookPolicy
from dalston.db.outbox import Claimed, Tried
from dalston.logs import set_up_logs
from dalston.orchestrator.calling import Caller
from tests.support.receiver import Receiver, receiving

ANYWHERE = WebhookPolicy(secrets=("s" * 32,), allow_private=True, timeout_seconds=10.0)
PUBLIC = WebhookPolicy(secrets=("s" * 32,), timeout_seconds=10.0)
HURRIED = WebhookPolicy(secrets=("s" * 32,), allow_private=True, timeout_seconds=0.2)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def encrypted(authority: trustme.CA) -> Iterator[Receiver]:
    """A receiver with a certificate of `localhost`, and of no address."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with receiving(context) as receiver:
        yield receiver


def claimed(url: str) -> Claimed:
    return Claimed(
        id="msg_1",
        job_id="job_1",
        owner="ada",
        webhook_id=None,
        url=url,
        event="transcription.completed",
        data={"id": "job_1"},
        created_at=datetime.now(UTC),
        attempt=1,
        failures=0,
    )


async def sent(policy: WebhookPolicy, url: str) -> Tried:
    caller = Caller(policy)
    try:
        return await caller.send(claimed(url))
    finally:
        await caller.close()


async def test_a_call_says_whom_it_calls_and_who_calls(receiver: Receiver) -> None:
    tried = await sent(ANYWHERE, receiver.address("/a").replace("127.0.0.1", "localhost"))
    assert (tried.error, tried.status) == (None, 204)
    [received] = receiver.at("/a")
    assert received.headers["host"].startswith("localhost:")
    assert received.headers["content-type"] == "application/json"
    assert received.headers["user-agent"].startswith("Dalston/")


async def test_all_of_an_address_is_called(receiver: Receiver) -> None:
    path = "/hooks/a;v=1//b%2Fc;v=2?x=1;y=[2]&z=%3F?"
    assert (await sent(ANYWHERE, receiver.address(path))).status == 204
    assert len(receiver.at(path)) == 1


async def test_the_certificate_is_that_of_the_name_and_not_of_the_address(
    encrypted: Receiver, authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_name = encrypted.address("/a").replace("127.0.0.1", "localhost")
    assert (await sent(ANYWHERE, by_name)).error == "not_connected"
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    assert (await sent(ANYWHERE, by_name)).status == 204
    assert (await sent(ANYWHERE, encrypted.address("/a"))).error == "not_connected"
    assert len(encrypted.at("/a")) == 1


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("https://localhost:{port}/", "forbidden_address"),
        ("https://127.1:{port}/", "forbidden_address"),
        ("https://127.0.0.1:{port}/", "forbidden_address"),
        ("http://localhost:{port}/", "invalid_url"),
        ("https://nobody.invalid:{port}/", "unresolved_host"),
    ],
)
async def test_what_may_not_be_called_is_not_called(
    receiver: Receiver, url: str, error: str
) -> None:
    tried = await sent(PUBLIC, url.format(port=receiver.url.rpartition(":")[2]))
    assert (tried.error, tried.status) == (error, None)
    assert receiver.at("/") == []


async def test_a_proxy_of_the_environment_is_not_asked(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    assert (await sent(ANYWHERE, receiver.address("/a"))).status == 204


@pytest.mark.parametrize(
    ("status", "error", "gone"),
    [
        (200, None, False),
        (299, None, False),
        (302, "redirected", False),
        (400, "not_accepted", False),
        (410, "gone", True),
        (503, "not_accepted", False),
    ],
)
async def test_what_an_answer_means(
    receiver: Receiver, status: int, error: str | None, *, gone: bool
) -> None:
    receiver.status["/a"] = status
    tried = await sent(ANYWHERE, receiver.address("/a"))
    assert (tried.error, tried.status, tried.gone) == (error, status, gone)
    assert receiver.at("/elsewhere") == []


@pytest.mark.parametrize(
    "location", ["https://xn--a/", "http://[v1.x]/", "http://[::1/", "http://a:b:c/", "mailto:a@b"]
)
async def test_where_a_redirection_leads_is_not_even_read(
    receiver: Receiver, location: str
) -> None:
    receiver.status["/a"], receiver.location = 302, location
    tried = await sent(ANYWHERE, receiver.address("/a"))
    assert (tried.error, tried.status) == ("redirected", 302)


async def test_no_receiver_sees_what_another_at_its_address_has_set(receiver: Receiver) -> None:
    receiver.cookies = 20
    caller = Caller(ANYWHERE)
    for path in ("/mine", "/theirs"):
        await caller.send(claimed(receiver.address(path)))
    await caller.close()
    [received] = receiver.at("/theirs")
    assert "cookie" not in received.headers


async def test_no_address_stands_in_the_log(
    receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_logs("test", "info", "json")
    try:
        await sent(ANYWHERE, receiver.address("/hooks/T0000/secret?key=secret"))
        await sent(HURRIED, "http://127.0.0.1:9/secret")
    finally:
        structlog.reset_defaults()
    assert "secret" not in capsys.readouterr().err


async def test_a_receiver_that_does_not_answer_is_not_waited_for(receiver: Receiver) -> None:
    receiver.gate.clear()
    assert (await sent(HURRIED, receiver.address("/a"))).error == "timed_out"


@pytest.fixture
async def chatty() -> AsyncIterator[str]:
    """The address of a receiver whose answer never begins."""

    async def say(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while True:
                writer.write(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 100)
                await writer.drain()
        writer.close()

    async with await asyncio.start_server(say, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


async def test_a_receiver_whose_answer_never_begins_takes_no_time(chatty: str) -> None:
    assert (await sent(ANYWHERE, chatty)).error == "not_connected"


@pytest.fixture
async def refusing() -> AsyncIterator[int]:
    """A port at which nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


async def test_nobody_there_is_an_outcome(refusing: int) -> None:
    assert (await sent(ANYWHERE, f"http://localhost:{refusing}/")).error == "not_connected"


async def test_what_nobody_thought_of_is_an_outcome_too(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def failing(*_: object) -> int:
        raise RuntimeError

    monkeypatch.setattr(Caller, "_send", failing)
    assert (await sent(ANYWHERE, receiver.address("/a"))).error == "not_connected"


async def test_a_host_with_many_dead_addresses_is_reached_at_a_living_one(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(receiver.url.rpartition(":")[2])
    # Three addresses of IPv6 that nobody has, and then one of IPv4.
    hosts = [(socket.AF_INET6, (f"2001:db8::{n}", port, 0, 0)) for n in range(1, 4)]
    found = [
        (family, socket.SOCK_STREAM, 6, "", where)
        for family, where in [*hosts, (socket.AF_INET, ("127.0.0.1", port))]
    ]
    looked_up = socket.getaddrinfo

    def look_up(host: str, *rest: Any, **more: Any) -> Any:
        return found if host == "receiver.example" else looked_up(host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    tried = await sent(ANYWHERE, f"http://receiver.example:{port}/a")
    assert tried.status == 204
