"""Jobs that are asked for in ways that can't be answered: cases 4, 5, 22, 29 and 35 to 37."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest

from tests.bad_input import forms
from tests.bad_input.traces import job_ids, nothing_left_by
from tests.bad_input.wire import ask, assert_refused, head
from tests.support.stack import TRANSCRIPTIONS, Stack


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize(
    "job_id",
    [
        "job_000000000000",
        "job_",
        "job_00000000000",
        "job_0000000000000",
        "job_00000000000g",
        "JOB_000000000000",
        "000000000000",
        "task_0a1b2c3d4e5f6071",
        "job_000000000000%0a",
        "job_000000000000%00",
        "%00",
        "%ff%fe",
        "%",
        "'%20OR%201=1--",
        "..%2f..%2fetc%2fpasswd",
        "job_%D9%A0%D9%A0%D9%A0%D9%A0%D9%A0%D9%A0%D9%A0%D9%A0%D9%A0%D9%A0%D9%A0%D9%A0",
        "..",
        "*",
        30_000 * "x",
    ],
)
def test_04_an_id_that_is_none_or_of_nobody_is_not_found(
    strict_anywhere: Stack, job_id: str, method: str
) -> None:
    with nothing_left_by(strict_anywhere):
        answer = ask(strict_anywhere.url, head(f"{TRANSCRIPTIONS}/{job_id}", method=method))
        assert_refused(answer, 404, "job_not_found", "not_found")


def test_04_the_end_of_a_line_is_no_part_of_an_id(strict_anywhere: Stack) -> None:
    job_id = ask(strict_anywhere.url, forms.submission(forms.form(forms.file()))).json["id"]
    for suffix in ("%0a", "%00", "%20", "/", "%2f", "."):
        address = f"{TRANSCRIPTIONS}/{job_id}{suffix}"
        assert ask(strict_anywhere.url, head(address, method="GET")).status == 404
        assert ask(strict_anywhere.url, head(address, method="DELETE")).status == 404
    assert job_id in job_ids(strict_anywhere)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", TRANSCRIPTIONS, {"GET", "HEAD", "POST"}),
        ("DELETE", TRANSCRIPTIONS, {"GET", "HEAD", "POST"}),
        ("PATCH", TRANSCRIPTIONS, {"GET", "HEAD", "POST"}),
        ("OPTIONS", TRANSCRIPTIONS, {"GET", "HEAD", "POST"}),
        ("TRACE", TRANSCRIPTIONS, {"GET", "HEAD", "POST"}),
        ("PROPFIND", TRANSCRIPTIONS, {"GET", "HEAD", "POST"}),
        ("POST", f"{TRANSCRIPTIONS}/job_000000000000", {"GET", "HEAD", "DELETE"}),
        ("PUT", f"{TRANSCRIPTIONS}/job_000000000000", {"GET", "HEAD", "DELETE"}),
        ("POST", "/health", {"GET", "HEAD"}),
        ("DELETE", "/health/ready", {"GET", "HEAD"}),
        ("POST", "/openapi.json", {"GET", "HEAD"}),
        ("POST", "/docs", {"GET", "HEAD"}),
    ],
)
def test_05_a_wrong_method_is_refused_with_those_that_are_right(
    strict: Stack, method: str, path: str, allowed: set[str]
) -> None:
    with nothing_left_by(strict):
        answer = ask(strict.url, head(path, "Content-Length: 0", method=method))
        assert_refused(answer, 405, "method_not_allowed")
        assert set(answer.headers["allow"].split(", ")) == allowed


def cursor(value: object) -> str:
    """Return a cursor that looks like one of the server's."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        *(("limit", value) for value in ("0", "-1", "101", "1000000000", "1.5", "x", "", "1e2")),
        *(("limit", value) for value in (5000 * "9", "\u0663", "0x10", "\0", "NaN")),
        *(("status", value) for value in ("done", "", "COMPLETED", "pending,failed", "\0")),
        *(("cursor", value) for value in ("", "x", "====", "-1", "\0", "ä", 300 * "A", "bnVsbA")),
        ("cursor", cursor(None)),
        ("cursor", cursor([])),
        ("cursor", cursor({"a": 1})),
        ("cursor", cursor(["2026-01-05T09:30:00Z"])),
        ("cursor", cursor(["2026-01-05T09:30:00", "job_000000000000"])),
        ("cursor", cursor(["2026-01-05T09:30:00Z", "job_000000000000' OR 1=1"])),
        ("cursor", cursor(["2026-13-45T09:30:00Z", "job_000000000000"])),
        ("cursor", cursor(["9999-12-31T23:59:59-23:59", "job_000000000000"])),
        ("cursor", cursor(["0001-01-01T00:00:00+23:59", "job_000000000000"])),
        ("cursor", cursor([1, "job_000000000000"])),
        ("cursor", cursor(["2026-01-05T09:30:00Z", "job_000000000000", 1])),
        ("page", "2"),
        ("Limit", "2"),
        ("x" * 30_000, "2"),
    ],
)
def test_37_a_wrong_parameter_of_a_list_is_refused(
    strict_anywhere: Stack, parameter: str, value: str
) -> None:
    with nothing_left_by(strict_anywhere):
        address = f"{TRANSCRIPTIONS}?{quote(parameter)}={quote(value)}"
        answer = ask(strict_anywhere.url, head(address, method="GET"))
        assert_refused(answer, 400, "invalid_parameter", param=parameter[:60])


@pytest.mark.parametrize("twice", ["limit=1&limit=2", "status=failed&limit=1&status=failed"])
def test_37_a_parameter_that_is_there_twice_is_refused(strict_anywhere: Stack, twice: str) -> None:
    answer = ask(strict_anywhere.url, head(f"{TRANSCRIPTIONS}?{twice}", method="GET"))
    error = assert_refused(answer, 400, "invalid_parameter", param=twice.partition("=")[0])
    assert "twice" in error["message"]


def test_37_what_is_not_utf_8_is_refused_in_an_address_too(strict_anywhere: Stack) -> None:
    for value in ("%ff%fe", "\xff", "%ed%a0%80", "%zz", "%"):
        answer = ask(strict_anywhere.url, head(f"{TRANSCRIPTIONS}?status={value}", method="GET"))
        assert_refused(answer, 400, "invalid_parameter", "invalid_request")


def test_37_a_wrong_wish_for_more_is_refused(strict_anywhere: Stack) -> None:
    job_id = ask(strict_anywhere.url, forms.submission(forms.form(forms.file()))).json["id"]
    answer = ask(
        strict_anywhere.url, head(f"{TRANSCRIPTIONS}/{job_id}?include=secrets", method="GET")
    )
    error = assert_refused(answer, 400, "invalid_parameter", param="include")
    assert "history" in error["message"]


def test_37_a_cursor_of_a_deleted_job_still_continues_the_list(strict_anywhere: Stack) -> None:
    for _ in range(2):
        assert ask(strict_anywhere.url, forms.submission(forms.form(forms.file()))).status == 202
    first = strict_anywhere.client.get(TRANSCRIPTIONS, params={"limit": "1"}).json()
    [newest] = first["jobs"]
    assert strict_anywhere.client.delete(f"{TRANSCRIPTIONS}/{newest['id']}").status_code == 204
    rest = strict_anywhere.client.get(
        TRANSCRIPTIONS, params={"limit": "1", "cursor": first["next_cursor"]}
    )
    assert [job["id"] for job in rest.json()["jobs"]] == job_ids(strict_anywhere)[:1]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"[" * 10_000 + b"]" * 10_000, 400, "malformed_body"),
        (b'{"from_stage":' + b'{"a":' * 10_000 + b"1" + b"}" * 10_001, 400, "malformed_body"),
        (b'{"options":' + b'{"a":' * 10_000 + b"1" + b"}" * 10_001, 400, "malformed_body"),
        (b'{"from_stage":NaN}', 400, "malformed_body"),
        (b'{"from_stage":"' + b"x" * 5_000_000 + b'"}', 413, "file_too_large"),
    ],
)
def test_29_json_that_is_deep_or_long_is_refused(
    strict: Stack, body: bytes, status: int, code: str
) -> None:
    headers = ("Content-Type: application/json", f"Content-Length: {len(body)}")
    request = head(f"{TRANSCRIPTIONS}/job_000000000000/rerun", *headers) + body
    assert_refused(ask(strict.url, request), status, code)


@pytest.mark.parametrize("name", ["txt", "srt", "json"])
def test_35_a_transcript_that_is_not_there_yet_is_said_so(
    strict_anywhere: Stack, name: str
) -> None:
    job_id = strict_anywhere.submit(forms.AUDIO)
    request = head(f"{TRANSCRIPTIONS}/{job_id}/export/{name}", method="GET")
    answer = ask(strict_anywhere.url, request)
    error = answer.json["error"]
    assert (answer.status, error["code"], error["job_id"]) == (409, "job_not_completed", job_id)
    assert "is pending" in error["message"]
    assert strict_anywhere.read(job_id)["status"] == "pending"


def test_36_what_is_cancelled_twice_is_cancelled(strict_anywhere: Stack) -> None:
    job_id = strict_anywhere.submit(forms.AUDIO)
    request = head(f"{TRANSCRIPTIONS}/{job_id}/cancel", "Content-Length: 0")
    for _ in range(2):
        answer = ask(strict_anywhere.url, request)
        assert (answer.status, answer.json["status"]) == (200, "cancelled")
