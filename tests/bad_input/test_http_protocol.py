"""Requests that break HTTP/1.1 itself: cases 12 to 15, and what hides behind a refusal."""

from __future__ import annotations

from contextlib import suppress

import pytest

from dalston.gateway.protocol import MAX_HEAD_BYTES
from tests.bad_input import forms
from tests.bad_input.dribble import Dribble
from tests.bad_input.traces import nothing_left_by
from tests.bad_input.wire import Wire, ask, assert_refused, chunk, head
from tests.support.stack import TRANSCRIPTIONS, Stack
from tests.support.waiting import until

BODY = forms.form(forms.file())
LENGTH = f"Content-Length: {len(BODY)}"
CHUNKED = head(TRANSCRIPTIONS, forms.CONTENT_TYPE, "Transfer-Encoding: chunked")


@pytest.mark.parametrize(
    "lengths",
    [
        [LENGTH, LENGTH],
        [LENGTH, "Content-Length: 1"],
        ["Content-Length: -1"],
        ["Content-Length: -9223372036854775808"],
        ["Content-Length: +5"],
        ["Content-Length: 5, 5"],
        ["Content-Length: 0x10"],
        ["Content-Length: 1e3"],
        ["Content-Length: five"],
        ["Content-Length: \xb2"],
        ["Content-Length: 18446744073709551617"],
        ["Content-Length: " + 5000 * "9"],
        ["Content-Length: 5 5"],
        ["Content-Length : 5"],
    ],
)
def test_13_a_length_that_is_none_is_refused(strict: Stack, lengths: list[str]) -> None:
    with nothing_left_by(strict):
        answer = ask(strict.url, head(TRANSCRIPTIONS, forms.CONTENT_TYPE, *lengths) + BODY)
        assert_refused(answer, 400, "invalid_request")


@pytest.mark.parametrize(
    "framing",
    [
        [LENGTH, "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: chunked", LENGTH],
        ["Transfer-Encoding: identity", LENGTH],
        ["Transfer-Encoding: chunked", "Content-Length: 0"],
        ["Transfer-Encoding: xchunked"],
        ["Transfer-Encoding: chunked, identity"],
        ["Transfer-Encoding: \x0bchunked", LENGTH],
        ["Transfer-Encoding : chunked", LENGTH],
    ],
)
def test_14_two_ways_to_say_the_length_are_refused(strict: Stack, framing: list[str]) -> None:
    with nothing_left_by(strict):
        request = head(TRANSCRIPTIONS, forms.CONTENT_TYPE, *framing) + chunk(BODY) + chunk(b"")
        assert_refused(ask(strict.url, request), 400, "invalid_request")


@pytest.mark.parametrize(
    "request_head",
    [
        pytest.param(head("/health", "X-Big: " + 1_000_000 * "x", method="GET"), id="1-MB"),
        pytest.param(head("/health", "X-Big: " + 100_000 * "x", method="GET"), id="100-kB"),
        pytest.param(head("/health", 1_000_000 * "x" + ": y", method="GET"), id="1-MB-of-name"),
        pytest.param(head("/health?" + 1_000_000 * "x", method="GET"), id="1-MB-of-address"),
        pytest.param(head("/health", *(200_000 * ["X: y"]), method="GET"), id="200000-headers"),
        pytest.param(
            head(TRANSCRIPTIONS, forms.CONTENT_TYPE, LENGTH, "X-Big: " + 1_000_000 * "x") + BODY,
            id="1-MB-before-a-form",
        ),
    ],
)
def test_15_a_head_that_is_too_long_is_refused(strict: Stack, request_head: bytes) -> None:
    with nothing_left_by(strict):
        assert_refused(ask(strict.url, request_head), 431, "headers_too_large")


def test_15_a_head_that_is_long_but_not_too_long_is_read(strict: Stack) -> None:
    assert ask(strict.url, head("/health", "X-Big: " + 60_000 * "x", method="GET")).status == 200


@pytest.mark.parametrize(
    "endless",
    [
        pytest.param(b"0\r\n" + 400_000 * b"X: y\r\n", id="trailers"),
        pytest.param(b"5;" + 2_000_000 * b"x", id="extension-of-a-chunk"),
    ],
)
def test_15_what_comes_beside_the_body_is_limited_too(strict: Stack, endless: bytes) -> None:
    request = head(TRANSCRIPTIONS, forms.CONTENT_TYPE, "Transfer-Encoding: chunked")
    with nothing_left_by(strict):
        answer = ask(strict.url, request + chunk(forms.file()) + endless)
        assert_refused(answer, 431, "headers_too_large")


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + 64 * b"\xff",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /health HTTP/9.9\r\n\r\n",
        b"GET  HTTP/1.1\r\n\r\n",
        b"G\0T /health HTTP/1.1\r\n\r\n",
        b"GET /he\0lth HTTP/1.1\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /health HTTP/1.1\r\nX y: z\r\n\r\n",
        b"GET /health HTTP/1.1\r\nX: a\0b\r\n\r\n",
        b"CONNECT localhost:443 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET http://[::1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\r\n\r\n\r\nnonsense\r\n\r\n",
    ],
)
def test_13_what_is_not_http_is_refused(strict: Stack, request_bytes: bytes) -> None:
    with nothing_left_by(strict):
        answer = ask(strict.url, request_bytes)
        assert answer.status in {400, 404, 405}, answer
        assert_refused(answer, answer.status, "invalid_request", "not_found", "method_not_allowed")


TWO_LENGTHS = head(TRANSCRIPTIONS, forms.CONTENT_TYPE, LENGTH, "Transfer-Encoding: chunked")


@pytest.mark.parametrize(
    "refused",
    [
        pytest.param(TWO_LENGTHS + chunk(BODY) + chunk(b""), id="two-lengths"),
        pytest.param(TWO_LENGTHS + chunk(b""), id="two-lengths-and-nothing"),
        pytest.param(TWO_LENGTHS, id="two-lengths-head"),
        pytest.param(head("/health", "X: " + MAX_HEAD_BYTES * "x", method="GET"), id="long-head"),
        pytest.param(head("/", "Content-Length: x", method="GET"), id="no-length"),
    ],
)
def test_14_nothing_behind_a_refused_request_is_done(strict: Stack, refused: bytes) -> None:
    job_id = ask(strict.url, forms.submission(BODY)).json["id"]
    hidden = head(f"{TRANSCRIPTIONS}/{job_id}", method="DELETE")
    with nothing_left_by(strict):
        assert_refused(
            ask(strict.url, refused + hidden),
            431 if len(refused) > MAX_HEAD_BYTES else 400,
            "invalid_request",
            "headers_too_large",
        )
    assert strict.read(job_id)["status"] == "pending"


def test_08_a_chunk_that_is_none_ends_the_request_at_once(strict: Stack) -> None:
    def given_up() -> int:
        [gateway] = strict.roles
        return sum(line.get("status") == 499 for line in gateway.lines())

    before = given_up()
    with nothing_left_by(strict), Wire(strict.url) as wire:
        wire.send(CHUNKED + chunk(forms.file()) + b"not a length\r\n")
        assert_refused(wire.answer(), 400, "invalid_request")
        # Otherwise it would be given up only when its body has stood still for long enough.
        until(lambda: given_up() > before, "the upload to be given up", 5)


def test_08_a_request_is_answered_once_whatever_follows(strict: Stack) -> None:
    with Wire(strict.url) as wire:
        wire.send(head(TRANSCRIPTIONS, "Transfer-Encoding: chunked") + chunk(b"{}"))
        assert_refused(wire.answer(), 415, "unsupported_content_type")
        wire.send(b"not a length\r\n")
        assert wire.socket.recv(1) == b""


def test_13_what_comes_before_nonsense_is_answered_first(strict: Stack) -> None:
    with Wire(strict.url) as wire:
        wire.send(head("/health/ready", method="GET") + b"nonsense\r\n\r\n")
        assert wire.answer("GET").status == 200
        assert wire.socket.recv(1) == b""


def test_11_a_body_that_nobody_asked_for_holds_no_connection(strict: Stack) -> None:
    with Wire(strict.url) as wire:
        wire.send(head("/health", "Content-Length: 10", method="GET") + b"12345")
        answer = wire.answer("GET")
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert wire.socket.recv(1) == b""


def test_two_requests_in_one_packet_are_both_answered(strict: Stack) -> None:
    with Wire(strict.url) as wire:
        wire.send(head("/health", method="GET") + forms.submission(BODY))
        assert wire.answer("GET").json == {"status": "ok"}
        assert wire.answer().status == 202


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_has_no_length_comes_without_chunks_over_http_1_0(strict: Stack, method: str) -> None:
    job_id = strict.submit(b"x")
    strict.client.post(f"{TRANSCRIPTIONS}/{job_id}/cancel").raise_for_status()
    path = f"{TRANSCRIPTIONS}/{job_id}/events"
    old = head(path, method=method).replace(b"HTTP/1.1", b"HTTP/1.0")
    answer = ask(strict.url, old)
    assert (answer.status, answer.headers["connection"]) == (200, "close")
    assert not {"transfer-encoding", "content-length"} & set(answer.headers)
    expected = strict.client.get(path).content if method == "GET" else b""
    assert answer.body == expected
    with_length = ask(strict.url, old.replace(b"/events", b""))
    assert with_length.headers["content-length"]
    # To every other client an answer's end is told.
    answer = ask(strict.url, head(path, method="GET"))
    assert answer.headers["transfer-encoding"] == "chunked"


def test_an_upgrade_that_is_not_known_is_ignored(strict: Stack) -> None:
    for wanted in ("websocket", "h2c"):
        upgrade = ["Connection: Upgrade", f"Upgrade: {wanted}"]
        answer = ask(strict.url, head("/health", *upgrade, method="GET"))
        assert (answer.status, answer.json) == (200, {"status": "ok"})


@pytest.mark.parametrize("chunked", [False, True])
def test_an_upload_of_a_client_that_wishes_for_http_2(strict: Stack, chunked: bool) -> None:
    wish = ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAEAAEAA"]
    length = "Transfer-Encoding: chunked" if chunked else LENGTH
    sent = chunk(BODY) + chunk(b"") if chunked else BODY
    with Wire(strict.url) as wire:
        for _ in range(2):
            wire.send(head(TRANSCRIPTIONS, forms.CONTENT_TYPE, length, *wish) + sent[:100])
            wire.send(sent[100:])
            assert wire.answer().status == 202
            wire.send(head("/health", *wish, method="GET"))
            assert wire.answer("GET").json == {"status": "ok"}


def test_many_wishes_in_one_packet_are_all_passed_over(strict: Stack) -> None:
    wish = head("/health", "Connection: Upgrade", "Upgrade: h2c", method="GET")
    last = head("/v1/nowhere", "Connection: close", method="GET")
    with Wire(strict.url) as wire:
        wire.send(1300 * wish + last)
        answers = b""
        while piece := wire.socket.recv(65536):
            answers += piece
    assert answers.count(b"HTTP/1.1 200 ") == 1300
    assert answers.count(b"HTTP/1.1 404 ") == 1


def test_no_more_is_taken_in_than_is_answered(strict: Stack) -> None:
    requests = 2000 * head("/v1/nowhere", "X: " + 100 * "x", method="GET")
    # Far more than fits into the buffers of two sockets.
    most, sent = 24 * 1024 * 1024, 0
    with Wire(strict.url) as wire:
        wire.socket.settimeout(3)
        with suppress(TimeoutError):
            while sent < most:
                sent += wire.socket.send(requests)
        assert sent < most
        assert strict.client.get("/health").status_code == 200


@pytest.mark.parametrize("chunked", [False, True])
def test_many_requests_behind_an_upload_are_all_answered(strict: Stack, chunked: bool) -> None:
    length = "Transfer-Encoding: chunked" if chunked else LENGTH
    upload = head(TRANSCRIPTIONS, forms.CONTENT_TYPE, length)
    upload += chunk(BODY) + chunk(b"") if chunked else BODY
    last = head("/v1/nowhere", "Connection: close", method="GET")
    with Wire(strict.url) as wire:
        wire.send(2 * (upload + 500 * head("/health", method="GET")) + last)
        answers = b""
        while piece := wire.socket.recv(65536):
            answers += piece
    statuses = [answers.count(b"HTTP/1.1 %d " % status) for status in (202, 200, 404)]
    assert statuses == [2, 1000, 1]


def test_who_leaves_with_a_request_behind_is_heard_to_leave(strict: Stack) -> None:
    path = f"{TRANSCRIPTIONS}/{strict.submit(b'x')}/events"
    with Wire(strict.url) as wire:
        wire.send(head(path, method="GET") + head("/health", method="GET"))
        assert wire.socket.recv(1)
        wire.reset()

    def answered() -> bool:
        [gateway] = strict.roles
        return any(line["path"] == path for line in gateway.logged("request"))

    until(answered, "the stream to end", 5)


def test_13_a_tunnel_with_a_body_is_refused(strict: Stack) -> None:
    with Wire(strict.url) as wire:
        wire.send(head("/x", "Content-Length: 5", method="CONNECT"))
        assert wire.answer("GET").status == 400
    assert strict.client.get("/health").status_code == 200


def test_14_a_body_is_never_taken_for_the_next_request(strict: Stack) -> None:
    inner = head("/health", method="GET")
    wish = ["Connection: Upgrade", "Upgrade: h2c", f"Content-Length: {len(inner)}"]
    with Wire(strict.url) as wire:
        wire.send(head(TRANSCRIPTIONS, forms.CONTENT_TYPE, *wish))
        wire.send(inner)
        assert_refused(wire.answer(), 400, "malformed_body")
        wire.send(head("/v1/nowhere", method="GET"))
        assert_refused(wire.answer("GET"), 404, "not_found")


def test_14_two_lengths_are_refused_whatever_else_is_wished_for(strict: Stack) -> None:
    lengths = ["Content-Length: 5", "Transfer-Encoding: chunked"]
    with Wire(strict.url) as wire:
        wire.send(head(TRANSCRIPTIONS, "Connection: Upgrade", "Upgrade: h2c", *lengths) + b"12345")
        assert_refused(wire.answer(), 400, "invalid_request")


def test_12_a_head_that_dribbles_is_refused_after_ten_seconds(
    strict: Stack, dribble: Dribble
) -> None:
    answer = dribble.wait(12)
    assert answer is not None, "the connection is still open"
    assert_refused(answer, 408, "body_timeout")
    assert strict.client.get("/health").status_code == 200
