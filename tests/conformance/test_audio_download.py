"""A job's recording, as players ask for it."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from socket import MSG_PEEK, MSG_WAITALL

import pytest

from dalston.db.removal import mark_audio_deleted
from tests.bad_input.wire import Wire, head
from tests.support.keys import in_database
from tests.support.peaks import memory_peaks
from tests.support.stack import TRANSCRIPTIONS, Stack

RECORDING = bytes(range(256)) * 10_000
"""Of more than two pieces."""


@pytest.fixture(scope="module")
def path(stub_server: Stack) -> str:
    files = {"file": ("talk.mp3", RECORDING)}
    job_id = stub_server.client.post(TRANSCRIPTIONS, files=files).json()["id"]
    return f"{TRANSCRIPTIONS}/{job_id}/audio"


def test_the_whole_recording_comes_as_it_was_sent(stub_server: Stack, path: str) -> None:
    answer = stub_server.client.get(path)
    assert answer.status_code == 200
    assert answer.content == RECORDING
    assert answer.headers["content-type"] == "audio/mpeg"
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["content-disposition"].startswith('attachment; filename="talk.mp3"')
    head = stub_server.client.head(path)
    assert head.headers["content-length"] == str(len(RECORDING))
    assert head.content == b""


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=100-", 100, len(RECORDING)),
        ("bytes=1048570-1048585", 1048570, 1048586),
        ("bytes=-5", len(RECORDING) - 5, len(RECORDING)),
        ("bytes=-99999999", 0, len(RECORDING)),
        ("bytes=5-99999999", 5, len(RECORDING)),
        ("Bytes=5-18446744073709551615", 5, len(RECORDING)),
    ],
)
def test_a_range_is_a_part_of_it(
    stub_server: Stack, path: str, asked: str, start: int, end: int
) -> None:
    answer = stub_server.client.get(path, headers={"Range": asked})
    assert answer.status_code == 206
    assert answer.content == RECORDING[start:end]
    assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{len(RECORDING)}"


@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "bytes=9-5", "lines=1-2", "bytes=-", "x"])
def test_what_is_no_single_range_is_the_whole(stub_server: Stack, path: str, asked: str) -> None:
    answer = stub_server.client.get(path, headers={"Range": asked})
    assert answer.status_code == 200
    assert len(answer.content) == len(RECORDING)


def test_a_range_of_something_else_is_the_whole(stub_server: Stack, path: str) -> None:
    tag = stub_server.client.head(path).headers["etag"]
    ranged = {"Range": "bytes=0-0"}
    same = stub_server.client.get(path, headers=ranged | {"If-Range": tag})
    assert same.status_code == 206
    other = stub_server.client.get(path, headers=ranged | {"If-Range": '"another"'})
    assert other.status_code == 200


def test_a_head_is_about_the_whole(stub_server: Stack, path: str) -> None:
    answer = stub_server.client.head(path, headers={"Range": "bytes=0-0"})
    assert answer.status_code == 200
    assert int(answer.headers["content-length"]) == len(RECORDING)


@pytest.mark.parametrize(
    "asked", [f"bytes={len(RECORDING)}-", "bytes=-0", "bytes=18446744073709551615-"]
)
def test_a_range_behind_the_end_says_where_that_is(
    stub_server: Stack, path: str, asked: str
) -> None:
    answer = stub_server.client.get(path, headers={"Range": asked})
    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{len(RECORDING)}"
    assert answer.json()["error"]["code"] == "range_not_satisfiable"


def test_many_who_do_not_read_on_hold_little_of_it(stub_server: Stack) -> None:
    # More than the system takes of an answer that nobody reads.
    whole = RECORDING * 8
    files = {"file": ("long.mp3", whole)}
    job_id = stub_server.client.post(TRANSCRIPTIONS, files=files).json()["id"]
    path = f"{TRANSCRIPTIONS}/{job_id}/audio"
    [gateway] = [role for role in stub_server.roles if role.logged("request")]
    before = memory_peaks({"gateway": gateway.pid})["gateway"]
    with ExitStack() as opened:
        wires = [opened.enter_context(Wire(stub_server.url, 60)) for _ in range(150)]
        for wire in wires:
            wire.send(head(path, method="GET"))
        for wire in wires:
            wire.socket.recv(256 * 1024, MSG_WAITALL | MSG_PEEK)
        # Whoever comes behind them has all of it.
        assert stub_server.client.get(path).content == whole
        after = memory_peaks({"gateway": gateway.pid})["gateway"]
    assert after - before < 130


def test_a_recording_that_is_not_kept_is_gone(stub_server: Stack) -> None:
    job_id = stub_server.submit(b"x")
    stub_server.ended(job_id)
    in_database(stub_server.deployment, lambda one: mark_audio_deleted(one, job_id))
    asyncio.run(stub_server.deployment.store().delete_below(f"jobs/{job_id}/audio"))
    answer = stub_server.client.get(f"{TRANSCRIPTIONS}/{job_id}/audio")
    assert answer.status_code == 410
    assert answer.json()["error"]["code"] == "audio_deleted"
