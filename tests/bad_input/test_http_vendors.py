"""Other vendors' routes: bodies that are cut, stand still or are too long, and odd requests."""

from __future__ import annotations

from typing import Any

import pytest

from tests.bad_input.conftest import MAX_UPLOAD_BYTES
from tests.bad_input.traces import nothing_left_by
from tests.bad_input.wire import Answer, Wire, ask, chunk, head
from tests.support.stack import Stack

LISTEN, UPLOAD, SPEECH = "/v1/listen", "/v2/upload", "/v1/speech-to-text"
JSON = "Content-Type: application/json"


def code_of(answer: Answer) -> str:
    """Return the code of an error in a vendor's shape, which has no envelope."""
    body: dict[str, Any] = answer.json
    assert "error" not in body or isinstance(body["error"], str)
    detail = body.get("detail", body)
    assert len(answer.body) < 4000, "an error must not send back what it complains about"
    return str(detail.get("err_code") or detail["code"])


@pytest.mark.parametrize("path", [LISTEN, UPLOAD])
def test_a_client_that_goes_away_leaves_nothing(strict_anywhere: Stack, path: str) -> None:
    with nothing_left_by(strict_anywhere), Wire(strict_anywhere.url) as wire:
        wire.send(head(path, f"Content-Length: {MAX_UPLOAD_BYTES}") + bytes(3_000_000))
        wire.reset()


@pytest.mark.parametrize("path", [LISTEN, UPLOAD])
def test_a_body_that_is_too_long_or_packed_or_stands_still_is_refused(
    strict: Stack, path: str
) -> None:
    with nothing_left_by(strict):
        too_long = ask(strict.url, head(path, f"Content-Length: {MAX_UPLOAD_BYTES + 1}"))
        assert (too_long.status, code_of(too_long)) == (413, "file_too_large")
        with Wire(strict.url) as wire:
            wire.send(head(path, "Transfer-Encoding: chunked"))
            for _ in range(MAX_UPLOAD_BYTES // 1_000_000 + 1):
                wire.send(chunk(bytes(1_000_000)))
            answer = wire.answer()
            assert (answer.status, code_of(answer)) == (413, "file_too_large")
        with Wire(strict.url) as wire:
            wire.send(head(path, "Content-Length: 100") + b"some")
            answer = wire.answer()
            assert (answer.status, code_of(answer)) == (408, "body_timeout")
        packed = ask(
            strict.url, head(path, "Content-Length: 4", "Content-Encoding: gzip") + b"some"
        )
        assert (packed.status, code_of(packed)) == (415, "unsupported_content_type")
        empty = ask(strict.url, head(path, "Content-Length: 0"))
        assert (empty.status, code_of(empty)) == (400, "empty_file")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("diarize=perhaps", "invalid_parameter"),
        ("model=a&model=b", "invalid_parameter"),
        ("language=%00", "invalid_text"),
        ("tag=%00", "invalid_text"),
        ("language=" + 500 * "x", "unsupported_language"),
        (500 * "x" + "=1", "unsupported_value"),
        ("%ff%fe=1", "unsupported_value"),
        ("token=dk_secret", "unsupported_value"),
        ("callback=http://ada:dk_secret@169.254.169.254/", "unsupported_value"),
    ],
)
def test_odd_parameters_are_refused(strict: Stack, query: str, code: str) -> None:
    with nothing_left_by(strict):
        answer = ask(strict.url, head(f"{LISTEN}?{query}", "Content-Length: 1") + b"x")
        assert (answer.status, code_of(answer)) == (400, code)
        assert b"dk_secret" not in answer.body


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "malformed_body"),
        (b"[]", 400, "malformed_body"),
        (b"{", 400, "malformed_body"),
        (b'{"audio_url": null}', 400, "invalid_parameter"),
        (b'{"audio_url": "\\u0000"}', 400, "invalid_text"),
        (b'{"audio_url": {"a": 1}}', 400, "invalid_parameter"),
        (b'{"audio_url": "file:///etc/passwd"}', 400, "invalid_url"),
        (b'{"audio_url": "http://localhost/v2/upload/../../x"}', 400, "forbidden_address"),
        (
            b'{"audio_url": "http://localhost/v2/upload/x", "prompt": [[]]}',
            400,
            "invalid_parameter",
        ),
        (
            b'{"audio_url": "http://localhost/v2/upload/' + 900 * b"x" + b'"}',
            400,
            "invalid_parameter",
        ),
        (b'{"speaker_options": 1}', 400, "invalid_parameter"),
        (b'{"a": ' + 2000 * b"[" + 2000 * b"]" + b"}", 400, "malformed_body"),
        (b'{"a": "' + 70_000 * b"a" + b'"}', 413, "file_too_large"),
    ],
)
def test_odd_documents_are_refused(strict: Stack, body: bytes, status: int, code: str) -> None:
    with nothing_left_by(strict):
        request = head("/v2/transcript", JSON, f"Content-Length: {len(body)}") + body
        answer = ask(strict.url, request)
        assert (answer.status, code_of(answer)) == (status, code)


def test_odd_forms_and_names_are_refused(strict: Stack) -> None:
    with nothing_left_by(strict):
        plain = ask(strict.url, head(SPEECH, "Content-Length: 1") + b"x")
        assert (plain.status, code_of(plain)) == (415, "unsupported_content_type")
        key = ask(strict.url, head(f"{SPEECH}?token=dk_secret", "Content-Length: 1") + b"x")
        assert (key.status, code_of(key)) == (400, "invalid_parameter")
        for path in (f"{SPEECH}/transcripts", "/v2/transcript"):
            for name in ("x", "job_000000000000", "..%2f..%2fx", "%00", 300 * "a"):
                answer = ask(strict.url, head(f"{path}/{name}", method="GET"))
                assert answer.status == 404, name
                assert code_of(answer) in ("job_not_found", "not_found")
        for query in ("limit=0", "limit=x", "status=done", "after_id=x"):
            answer = ask(strict.url, head(f"/v2/transcript?{query}", method="GET"))
            assert (answer.status, code_of(answer)) == (400, "invalid_parameter")
        unknown = ask(strict.url, head("/v2/transcript?before_id=x", method="GET"))
        assert (unknown.status, code_of(unknown)) == (404, "job_not_found")
        wrong = ask(strict.url, head(LISTEN, method="GET"))
        assert (wrong.status, code_of(wrong)) == (405, "method_not_allowed")
