"""Outputs of stages on their way through a supervisor."""

from __future__ import annotations

import json

import msgspec
import pytest

from dalston.engine_sdk.child_messages import SaidFailed, SaidOutput, opened, read


def through(output: bytes) -> bytes:
    return msgspec.json.encode({"previous_outputs": {"prepare": opened(output)}})


def test_an_output_goes_on_as_it_is() -> None:
    output = {"text": 'Grüße\n"a" \\ \u2028', "duration": 1.5, "more": [{"n": None}, 2**60]}
    written = json.dumps(output, ensure_ascii=False, separators=(",", ":")).encode()
    assert through(written) == b'{"previous_outputs":{"prepare":' + written + b"}}"
    assert opened(msgspec.Raw(written))["duration"] == 1.5


def test_whatever_it_is_written_like_it_stays_one_line() -> None:
    output = {"text": "a\nb", "segments": [{"start": 0}]}
    line = through(json.dumps(output, indent=2).encode())
    assert b"\n" not in line
    assert json.loads(line) == {"previous_outputs": {"prepare": output}}


@pytest.mark.parametrize("output", [b"[]", b"1", b'{"a": 1', b'{"a": [1}}', b""])
def test_what_is_no_object_is_refused(output: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        opened(output)


def test_what_a_child_says_is_read_without_its_output() -> None:
    said = read(b'{"kind":"output","task_id":"t","data":{"text":"a"},"files":{}}')
    assert isinstance(said, SaidOutput)
    assert bytes(said.data) == b'{"text":"a"}'
    said = read(b'{"kind":"failed","task_id":"t","code":1,"message":null,"retryable":"no"}')
    assert isinstance(said, SaidFailed)
    assert (said.code, said.message, said.retryable) == (1, None, "no")


@pytest.mark.parametrize("line", [b"", b"x", b"{}", b'{"kind":"other"}', b'{"kind":"output"}'])
def test_what_is_no_message_is_refused(line: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        read(line)
