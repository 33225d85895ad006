"""Transcripts as files."""

from __future__ import annotations

import json

import pytest

from dalston.common.formats import MEDIA_TYPES
from tests.support.stack import TRANSCRIPTIONS, Stack

TEXT = "This is a stub transcript. The system works!"


def test_each_format_is_a_file_of_the_recordings_name(stub_server: Stack) -> None:
    files = {"file": ('Ünser "Talk".wav', b"x")}
    job_id = stub_server.client.post(TRANSCRIPTIONS, files=files).json()["id"]
    stub_server.ended(job_id)
    bodies = {}
    for name, kind in MEDIA_TYPES.items():
        answer = stub_server.client.get(f"{TRANSCRIPTIONS}/{job_id}/export/{name}")
        assert answer.status_code == 200
        assert answer.headers["content-type"] == f"{kind}; charset=utf-8"
        assert answer.headers["x-content-type-options"] == "nosniff"
        said = answer.headers["content-disposition"]
        assert said.startswith(f"attachment; filename=\"_nser _Talk_.{name}\"; filename*=UTF-8''")
        assert said.endswith(f"%C3%9Cnser%20%22Talk%22.{name}")
        bodies[name] = answer.text
    assert bodies["txt"] == f"{TEXT}\n"
    assert json.loads(bodies["json"])["text"] == TEXT
    assert bodies["srt"].startswith("1\n00:00:00,000 --> 00:00:02,000\nThis is")
    assert bodies["vtt"].startswith("WEBVTT\n\n00:00:00.000 --> ")
    assert bodies["tsv"].splitlines()[1] == "0\t2000\tThis is a stub transcript."
    assert bodies["csv"].splitlines()[2] == "2.0,4.0,,The system works!,"


@pytest.mark.parametrize(
    ("uploaded", "named"),
    [
        ("Interview 12.5.2026", "Interview 12.5.2026.txt"),
        ("Interview 12.5.2026.MP3", "Interview 12.5.2026.txt"),
        ("Dr. No", "Dr. No.txt"),
        (".mp3", ".mp3.txt"),
    ],
)
def test_a_file_loses_no_more_of_a_name_than_the_recordings_extension(
    stub_server: Stack, uploaded: str, named: str
) -> None:
    answer = stub_server.client.post(TRANSCRIPTIONS, files={"file": (uploaded, b"x")})
    job_id = answer.json()["id"]
    stub_server.ended(job_id)
    answer = stub_server.client.get(f"{TRANSCRIPTIONS}/{job_id}/export/txt")
    assert f'filename="{named}";' in answer.headers["content-disposition"]


def test_an_earlier_result_is_exported_by_its_version(stub_server: Stack) -> None:
    files = {"file": ("a.wav", b"x")}
    job_id = stub_server.client.post(TRANSCRIPTIONS, files=files).json()["id"]
    stub_server.ended(job_id)
    path = f"{TRANSCRIPTIONS}/{job_id}"
    again = stub_server.client.post(f"{path}/rerun", json={"from_stage": "merge"})
    assert again.status_code == 202
    stub_server.ended(job_id)
    for version in (1, 2):
        answer = stub_server.client.get(f"{path}/export/txt", params={"version": version})
        assert answer.text == f"{TEXT}\n"
    missing = stub_server.client.get(f"{path}/export/txt", params={"version": 3})
    assert missing.json()["error"]["code"] == "version_not_found"


def test_subtitles_follow_the_rules_that_are_asked_for(stub_server: Stack) -> None:
    job_id = stub_server.submit(b"x")
    stub_server.ended(job_id)
    path = f"{TRANSCRIPTIONS}/{job_id}/export/srt"
    narrow = stub_server.client.get(
        path, params={"line_length": 12, "lines": 1, "shortest": "0.5", "longest": 2}
    ).text
    assert all(len(line) <= 12 for line in narrow.splitlines() if line and "-->" not in line)
    assert narrow.count("-->") >= 5
    whole = stub_server.client.get(path, params={"segments": "whole", "line_length": 10}).text
    assert whole.count("-->") == 2


@pytest.mark.parametrize(
    ("parameters", "param"),
    [
        ({"line_length": "9"}, "line_length"),
        ({"shortest": "-1"}, "shortest"),
        ({"longest": "nan"}, "longest"),
        ({"speakers": "maybe"}, "speakers"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_wrong_rules_are_refused(
    stub_server: Stack, parameters: dict[str, str], param: str
) -> None:
    job_id = stub_server.submit(b"x")
    answer = stub_server.client.get(f"{TRANSCRIPTIONS}/{job_id}/export/srt", params=parameters)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param


def test_what_is_not_there_is_not_exported(stub_server: Stack) -> None:
    job_id = stub_server.submit(b"x")
    stub_server.ended(job_id)
    wrong = stub_server.client.get(f"{TRANSCRIPTIONS}/{job_id}/export/docx")
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (400, "invalid_parameter")
    gone = stub_server.client.get(f"{TRANSCRIPTIONS}/job_000000000000/export/srt")
    assert gone.status_code == 404
    waiting = stub_server.submit(b"x", pipeline="default")
    early = stub_server.client.get(f"{TRANSCRIPTIONS}/{waiting}/export/srt")
    assert (early.status_code, early.json()["error"]["code"]) == (409, "job_not_completed")
