"""What url-fetch makes of servers that speak TLS, and of those that break it off."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import trustme

from dalston.engine_sdk import TaskFailed, TaskOutput
from dalston.engine_sdk.testing import EngineUnderTest

Bring = Callable[[int], TaskOutput]
Answer = Callable[[ssl.SSLSocket], None]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def bring(
    fetch: EngineUnderTest,
    authority: trustme.CA,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Bring:
    """Have a recording fetched from a port of this machine."""
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))

    def give(port: int) -> TaskOutput:
        order = tmp_path / "source.url"
        url = f"https://localhost:{port}/talk.wav"
        order.write_text(json.dumps({"url": url, "max_bytes": 1_000_000}))
        return fetch.process(order, keep_files_in=tmp_path / "kept")

    return give


@contextmanager
def serving(authority: trustme.CA, answer: Answer, *, client_certificate: bool) -> Iterator[int]:
    """Answer one request in one's own way; yields the port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    if client_certificate:
        context.verify_mode = ssl.CERT_REQUIRED
        authority.configure_trust(context)

    def serve() -> None:
        connection, _ = listener.accept()
        # The client breaks off where it may not go on.
        with connection, suppress(OSError):
            encrypted = context.wrap_socket(connection, server_side=True)
            with encrypted:
                encrypted.recv(10_000)
                answer(encrypted)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            thread.join(30)


def whole(connection: ssl.SSLSocket) -> None:
    """Answer without a length, and say where it ends."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"x" * 1000)
    connection.unwrap()


def cut_off(connection: ssl.SSLSocket) -> None:
    """Answer without a length, and don't say that this is all."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"x" * 1000)
    socket.socket(fileno=connection.detach()).close()


def garbled(connection: ssl.SSLSocket) -> None:
    """Send what nobody can decrypt."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\nhello")
    with socket.socket(fileno=connection.detach()) as plain:
        plain.sendall(b"\x17\x03\x03\x00\x20" + b"x" * 32)


def test_what_is_whole_is_kept(bring: Bring, authority: trustme.CA) -> None:
    with serving(authority, whole, client_certificate=False) as port:
        assert bring(port).data["bytes"] == 1000


@pytest.mark.parametrize(
    ("answer", "client_certificate"), [(cut_off, False), (garbled, False), (whole, True)]
)
def test_what_is_not_is_a_fault_of_the_connection(
    bring: Bring, authority: trustme.CA, answer: Answer, *, client_certificate: bool
) -> None:
    with (
        serving(authority, answer, client_certificate=client_certificate) as port,
        pytest.raises(TaskFailed) as failed,
    ):
        bring(port)
    assert (failed.value.code, failed.value.retryable) == ("fetch_unreachable", True)
