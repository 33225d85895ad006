"""A client without manners: says byte for byte what a well-behaved library would refuse to say."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import Any, Self
from urllib.parse import urlsplit

ENVELOPE = {"message", "type", "param", "code", "request_id"}


@dataclass(frozen=True)
class Answer:
    """What a server answered; the names of `headers` are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)


class Wire:
    """One connection to a server."""

    def __init__(self, url: str, seconds: float = 15.0) -> None:
        address = urlsplit(url)
        assert address.hostname is not None
        self.socket = socket.create_connection((address.hostname, address.port), seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        """Send some bytes."""
        self.socket.sendall(data)

    def answer(self, method: str = "POST") -> Answer:
        """Read one answer, to a request of that method."""
        response = HTTPResponse(self.socket, method=method)
        response.begin()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, headers, response.read())

    def reset(self) -> None:
        """Go away at once and without a word, as a client does whose process is killed."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()


def ask(url: str, request: bytes) -> Answer:
    """Send one request and return its answer."""
    with Wire(url) as wire:
        wire.send(request)
        return wire.answer(request.partition(b" ")[0].decode("latin-1"))


def head(target: str, *headers: str, method: str = "POST") -> bytes:
    """Return the head of a request; nothing in it is checked."""
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1")


def chunk(data: bytes) -> bytes:
    """Return one chunk of a body whose length isn't told beforehand."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def assert_refused(
    answer: Answer, status: int, *codes: str, param: str | None = None
) -> dict[str, Any]:
    """Check that an answer is a refusal in the one envelope, and return what is in it.

    Args:
        answer: The answer.
        status: Its wanted status.
        codes: It has one of these.
        param: The field that must be named as wrong; None asks for nothing.
    """
    assert answer.status == status, answer
    assert answer.headers["content-type"].startswith("application/json")
    assert set(answer.json) == {"error"}
    error: dict[str, Any] = answer.json["error"]
    assert set(error) == ENVELOPE
    assert error["code"] in codes, error
    assert error["type"] == "invalid_request_error"
    assert len(error["message"]) > 10
    assert len(error["message"]) < 2000, "an error must not send back what it complains about"
    assert error["request_id"], "nobody finds this refusal in the log"
    assert answer.headers["x-request-id"] == error["request_id"]
    if param is not None:
        assert error["param"] == param
    return error
