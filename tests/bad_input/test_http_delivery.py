"""Uploads that are too long, stand still or end too early: cases 9 to 11 and the lost client."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.bad_input import forms
from tests.bad_input.conftest import BODY_TIMEOUT_SECONDS, MAX_UPLOAD_BYTES
from tests.bad_input.traces import job_ids, nothing_left_by, traces
from tests.bad_input.wire import Answer, Wire, ask, assert_refused, chunk, head
from tests.support.stack import TRANSCRIPTIONS, Stack, running
from tests.support.waiting import until

FAR_TOO_LONG = 64 * 1024 * 1024
CHUNKED = head(TRANSCRIPTIONS, forms.CONTENT_TYPE, "Transfer-Encoding: chunked")
FILE_BEGINS = forms.file().partition(b"\r\n\r\n")[0] + b"\r\n\r\n"


def announced(length: int, *more: str) -> bytes:
    """Return the head of a submission with a body of that length."""
    return head(TRANSCRIPTIONS, forms.CONTENT_TYPE, f"Content-Length: {length}", *more)


@pytest.fixture(scope="module")
def large_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file over the limit; all of it is zeros, so that it takes no room."""
    path = tmp_path_factory.mktemp("large") / "large.wav"
    path.touch()
    os.truncate(path, FAR_TOO_LONG)
    return path


@pytest.mark.parametrize("expectation", [[], ["Expect: 100-continue"]])
@pytest.mark.parametrize("length", [MAX_UPLOAD_BYTES + 1, 10**15, 2**63 - 1])
def test_09_a_length_over_the_limit_is_refused_before_the_body_is_sent(
    strict: Stack, length: int, expectation: list[str]
) -> None:
    with nothing_left_by(strict), Wire(strict.url) as wire:
        wire.send(announced(length, *expectation))
        # The first line that comes is the refusal, no order to go on.
        error = assert_refused(wire.answer(), 413, "file_too_large")
        assert str(MAX_UPLOAD_BYTES) in error["message"]


def test_09_a_body_of_exactly_the_limit_is_accepted(strict_anywhere: Stack) -> None:
    room = MAX_UPLOAD_BYTES - len(forms.form(forms.file(data=b"")))
    body = forms.form(forms.file(data=bytes(room)))
    assert len(body) == MAX_UPLOAD_BYTES
    assert ask(strict_anywhere.url, forms.submission(body)).status == 202


def sent_in_vain(url: str, pieces: Iterator[bytes]) -> Answer:
    """Send until nobody takes it any more, and read the answer meanwhile."""
    with Wire(url) as wire:
        stop = threading.Event()

        def send() -> None:
            try:
                for piece in pieces:
                    if stop.is_set():
                        return
                    wire.send(piece)
            except OSError:
                return

        sender = threading.Thread(target=send, daemon=True)
        sender.start()
        try:
            return wire.answer()
        finally:
            stop.set()
            wire.reset()
            sender.join(10)


def test_10_a_chunked_body_over_the_limit_is_refused_while_it_is_sent(strict: Stack) -> None:
    def endless() -> Iterator[bytes]:
        yield CHUNKED + chunk(FILE_BEGINS)
        while True:
            yield chunk(bytes(65536))

    with nothing_left_by(strict):
        assert_refused(sent_in_vain(strict.url, endless()), 413, "file_too_large")


def test_10_what_comes_behind_the_closing_boundary_counts_too(strict: Stack) -> None:
    def endless() -> Iterator[bytes]:
        yield CHUNKED + chunk(forms.form(forms.file()))
        while True:
            yield chunk(65536 * b"\n")

    with nothing_left_by(strict):
        assert_refused(sent_in_vain(strict.url, endless()), 413, "file_too_large")


@pytest.mark.parametrize("chunked", [True, False])
def test_10_curl_gets_to_read_the_refusal(strict: Stack, large_file: Path, chunked: bool) -> None:
    command = ["curl", "--silent", "--show-error", "--write-out", "\n%{http_code}"]
    command += ["--header", "Transfer-Encoding: chunked"] if chunked else []
    # Without the expectation curl sends at once and all the time.
    command += ["--header", "Expect:", "--form", f"file=@{large_file}"]
    with nothing_left_by(strict):
        done = subprocess.run(
            [*command, strict.url + TRANSCRIPTIONS], capture_output=True, text=True, check=False
        )
        body, _, status = done.stdout.rpartition("\n")
        assert (status, '"file_too_large"' in body) == ("413", True), (done.stdout, done.stderr)


@pytest.mark.parametrize("chunked", [True, False])
def test_10_httpx_gets_to_read_the_refusal(strict: Stack, large_file: Path, chunked: bool) -> None:
    def body() -> Iterator[bytes]:
        yield FILE_BEGINS
        with large_file.open("rb") as file:
            while piece := file.read(65536):
                yield piece

    name, _, value = forms.CONTENT_TYPE.partition(": ")
    with nothing_left_by(strict):
        if chunked:
            answer = strict.client.post(TRANSCRIPTIONS, content=body(), headers={name: value})
        else:
            with large_file.open("rb") as file:
                answer = strict.client.post(TRANSCRIPTIONS, files={"file": file})
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "file_too_large")


@pytest.mark.parametrize(
    "refused",
    [
        pytest.param(
            head(TRANSCRIPTIONS, "Content-Type: audio/wav", f"Content-Length: {MAX_UPLOAD_BYTES}"),
            id="415",
        ),
        pytest.param(head("/nowhere", f"Content-Length: {MAX_UPLOAD_BYTES}"), id="404"),
        pytest.param(
            head("/health", f"Content-Length: {MAX_UPLOAD_BYTES}", method="PUT"), id="405"
        ),
        pytest.param(announced(5, "Content-Length: 6"), id="400"),
        pytest.param(head(TRANSCRIPTIONS, "X: " + 1_000_000 * "x"), id="431"),
    ],
)
def test_10_every_refusal_can_be_read_by_a_client_that_sends_all_first(
    strict: Stack, refused: bytes
) -> None:
    with nothing_left_by(strict), Wire(strict.url) as wire:
        wire.send(refused)
        wire.send(bytes(MAX_UPLOAD_BYTES))
        answer = wire.answer()
        assert 400 <= answer.status < 500
        assert answer.json["error"]["code"]


BEGUN = {
    "before the form": announced(1000),
    "in a header of a part": announced(1000) + forms.OPENING + b"Content-Dispo",
    "in the file": announced(10**6) + FILE_BEGINS + bytes(200_000),
    "in a text": announced(10**6) + forms.file() + forms.text("pipeline", b"stub")[:-9],
    "behind the form": announced(10**6) + forms.form(forms.file()),
    "between two chunks": CHUNKED + chunk(FILE_BEGINS),
    "in a chunk": CHUNKED + b"1000\r\n" + FILE_BEGINS,
    "before the last chunk": CHUNKED + chunk(forms.form(forms.file())),
}


def test_11_a_body_that_stands_still_is_refused_with_408(strict: Stack) -> None:
    with nothing_left_by(strict), ExitStack() as connections:
        wires = {
            where: connections.enter_context(Wire(strict.url, BODY_TIMEOUT_SECONDS + 3))
            for where in BEGUN
        }
        for where, wire in wires.items():
            wire.send(BEGUN[where])
        refused = {where: wire.answer() for where, wire in wires.items()}
        for answer in refused.values():
            assert_refused(answer, 408, "body_timeout")


def test_11_a_slow_body_that_keeps_coming_is_accepted(strict: Stack) -> None:
    body = forms.form(forms.file())
    with Wire(strict.url) as wire:
        wire.send(announced(len(body)))
        wire.socket.settimeout(BODY_TIMEOUT_SECONDS / 4)
        for start in range(0, len(body), len(body) // 5):
            # Nothing comes back before the body is whole: this is how long it pauses.
            with pytest.raises(TimeoutError):
                wire.socket.recv(1)
            wire.send(body[start : start + len(body) // 5])
        wire.socket.settimeout(10)
        assert wire.answer().status == 202


@pytest.mark.parametrize("politely", [True, False])
@pytest.mark.parametrize("sent", [0, 100, 3_000_000])
def test_a_client_that_goes_away_leaves_nothing(
    strict_anywhere: Stack, sent: int, politely: bool
) -> None:
    before = traces(strict_anywhere)
    with nothing_left_by(strict_anywhere):
        wire = Wire(strict_anywhere.url)
        wire.send(announced(MAX_UPLOAD_BYTES) + FILE_BEGINS + bytes(sent))
        if sent > 1_000_000 and strict_anywhere.deployment.store_settings.folder is not None:
            until(lambda: traces(strict_anywhere).files - before.files, "the file to be begun")
        if politely:
            wire.socket.close()
        else:
            wire.reset()


def test_twenty_clients_that_go_away_at_once_leave_nothing(strict_anywhere: Stack) -> None:
    with nothing_left_by(strict_anywhere):
        wires = [Wire(strict_anywhere.url) for _ in range(20)]
        for wire in wires:
            wire.send(announced(MAX_UPLOAD_BYTES) + FILE_BEGINS + bytes(300_000))
        for wire in wires:
            wire.reset()


def test_a_gateway_that_is_stopped_refuses_an_unfinished_upload(strict: Stack) -> None:
    with (
        nothing_left_by(strict),
        running(strict.deployment) as second,
        Wire(second.url) as wire,
    ):
        gateway = second.gateway()
        wire.send(announced(10**8) + FILE_BEGINS + bytes(3_000_000))
        gateway.signal(signal.SIGTERM)
        answer = wire.answer()
        assert (answer.status, answer.json["error"]["code"]) == (503, "unavailable")
        assert int(answer.headers["retry-after"]) > 0
        wire.socket.close()
        gateway.stop()


def test_a_gateway_that_is_stopped_takes_an_upload_that_is_almost_whole(strict: Stack) -> None:
    body = forms.form(forms.file())
    with running(strict.deployment) as second, Wire(second.url) as wire, Wire(second.url) as idle:
        gateway = second.gateway()
        wire.send(announced(len(body)) + body[:-10])
        idle.send(head("/health", method="GET"))
        assert idle.answer("GET").status == 200
        gateway.signal(signal.SIGTERM)
        assert idle.socket.recv(1) == b"", "a connection without a request is closed first"
        wire.send(body[-10:])
        answer = wire.answer()
        assert (answer.status, answer.headers["connection"]) == (202, "close")
        assert answer.json["id"] in job_ids(strict)
        gateway.stop()
