"""Recordings that were accepted and turn out bad: a failed job with a reason, until it is deleted.

Through the whole server with the engines of the default pipeline. What each engine makes of many
more files is tested beside it, without a server.
"""

from __future__ import annotations

import asyncio
import io
import os
import re
import socket
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.engines.sounds import encode, encode_video_only, tone, write_wav
from tests.support.stack import TRANSCRIPTIONS, Stack, running_embedded

ENGINES = ("audio-prepare", "faster-whisper", "transcript-merger")
ADVICE = re.compile(r"\b(Send|Export|Convert|Record|Play|send|convert|save)\b")


@pytest.fixture(scope="module")
def server() -> Iterator[Stack]:
    """A whole server whose engines really listen."""
    settings = {"DALSTON_PIPELINE": "default", "DALSTON_TRANSCRIBE_ENGINE": "faster-whisper"}
    with running_embedded(*ENGINES, **settings) as stack:
        yield stack


def objects(server: Stack, job_id: str) -> list[str]:
    return asyncio.run(server.deployment.store().list(f"jobs/{job_id}"))


def delete(server: Stack, job_id: str) -> None:
    """Delete a job and check that nothing of it is left."""
    address = f"{TRANSCRIPTIONS}/{job_id}"
    assert server.client.delete(address).status_code == 204
    assert server.client.get(address).status_code == 404
    assert server.client.delete(address).status_code == 404
    assert objects(server, job_id) == []


def assert_fails(server: Stack, path: Path, code: str) -> None:
    """Check that a recording is accepted, becomes a failed job, and stays until it is deleted."""
    job_id = server.submit(path)
    job = server.ended(job_id, 60)

    assert (job["status"], job["error"]["code"]) == ("failed", code)
    message = job["error"]["message"]
    assert ADVICE.search(message), f"it must say what to do: {message}"
    assert str(server.deployment.folder) not in message
    assert not {"text", "segments"} & set(job)
    first, *others = job["tasks"]
    assert (first["stage"], first["status"], first["attempt"]) == ("prepare", "failed", 1)
    assert first["error"] == job["error"]
    # What works on chunks was never planned.
    assert others == []

    original = f"jobs/{job_id}/audio/original{path.suffix}"
    assert original in objects(server, job_id)
    kept = asyncio.run(server.deployment.store().get(original))
    assert kept == path.read_bytes()
    delete(server, job_id)


def completed(server: Stack, path: Path) -> dict[str, Any]:
    """Submit a recording that is odd but welcome; return the completed job."""
    job_id = server.submit(path)
    job = server.ended(job_id, 60)
    assert job["status"] == "completed", job
    delete(server, job_id)
    return job


def saved(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_44_a_text_named_mp3_is_no_recording(server: Stack, tmp_path: Path) -> None:
    text = saved(tmp_path / "talk.mp3", b"Dear Sir or Madam,\n" * 200)
    assert_fails(server, text, "unsupported_media")


def test_44_a_zip_archive_named_mp3_is_no_recording(server: Stack, tmp_path: Path) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("talk.mp3", b"x" * 1000)
    assert_fails(server, saved(tmp_path / "talk.mp3", archive.getvalue()), "unsupported_media")


def test_45_random_bytes_cannot_be_decoded(server: Stack, tmp_path: Path) -> None:
    noise = saved(tmp_path / "talk.mp3", np.random.default_rng(45).bytes(100_000))
    assert_fails(server, noise, "undecodable_audio")


def test_46_a_wav_file_without_samples_has_no_audio(server: Stack, tmp_path: Path) -> None:
    empty = write_wav(tmp_path / "empty.wav", np.zeros(0, np.int16))
    assert_fails(server, empty, "no_audio")


def test_47_a_video_without_sound_has_no_audio_stream(server: Stack, tmp_path: Path) -> None:
    assert_fails(server, encode_video_only(tmp_path / "video.mp4"), "no_audio_stream")


def test_47_a_cover_picture_alone_has_no_audio_stream(server: Stack, tmp_path: Path) -> None:
    picture = b"image/png\0\3\0" + np.random.default_rng(47).bytes(500)
    frame = b"APIC" + len(picture).to_bytes(4, "big") + b"\0\0" + picture
    size = bytes([0, 0, len(frame) >> 7, len(frame) & 0x7F])
    tag = b"ID3\3\0\0" + size + frame
    assert_fails(server, saved(tmp_path / "cover.mp3", tag), "no_audio_stream")


@pytest.mark.parametrize(
    "playlist",
    [
        pytest.param("#EXTM3U\n#EXTINF:9,\n{target}\n#EXT-X-ENDLIST\n", id="m3u8"),
        pytest.param("ffconcat version 1.0\nfile '{target}'\n", id="ffconcat"),
        pytest.param(
            "<?xml version='1.0'?>\n<MPD><Period><AdaptationSet mimeType='audio/mp4'>"
            "<Representation><BaseURL>{target}</BaseURL></Representation></AdaptationSet>"
            "</Period></MPD>",
            id="dash",
        ),
    ],
)
def test_48_a_playlist_named_mp3_opens_nothing(
    server: Stack, tmp_path: Path, playlist: str
) -> None:
    # Whoever opens a pipe that nobody writes to waits for ever, and the job would not end.
    pipe = tmp_path / "talk.wav"
    os.mkfifo(pipe)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0)
        port = listener.getsockname()[1]
        for target in (f"http://127.0.0.1:{port}/talk.wav", f"file://{pipe}", str(pipe)):
            text = saved(tmp_path / "talk.mp3", playlist.format(target=target).encode())
            assert_fails(server, text, "unsupported_container")
        with pytest.raises(BlockingIOError):
            listener.accept()


@pytest.mark.parametrize("rate", [1, 3999])
def test_50_a_rate_of_no_recording_is_not_supported(
    server: Stack, tmp_path: Path, rate: int
) -> None:
    bomb = write_wav(tmp_path / "bomb.wav", np.zeros(43_000, np.int16), rate=rate)
    assert_fails(server, bomb, "unsupported_sample_rate")


@pytest.mark.parametrize("container", ["wav", "flac", "mp3"])
def test_53_half_a_file_is_transcribed_with_a_warning(
    server: Stack, tmp_path: Path, container: str
) -> None:
    codec = {"wav": "pcm_s16le", "flac": "flac", "mp3": "libmp3lame"}[container]
    whole = encode(tmp_path / "whole", container, codec).read_bytes()
    job = completed(server, saved(tmp_path / f"half.{container}", whole[: len(whole) // 2]))
    assert [warning["code"] for warning in job["metadata"]["warnings"]] == ["input_truncated"]
    assert 0.5 < job["duration"] < 1.5


def test_53_an_mp4_file_without_its_index_cannot_be_decoded(server: Stack, tmp_path: Path) -> None:
    whole = encode(tmp_path / "whole.mp4", "mp4", "aac").read_bytes()
    cut = saved(tmp_path / "cut.mp4", whole[: whole.index(b"moov") - 4])
    assert_fails(server, cut, "undecodable_audio")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_54_samples_that_are_no_numbers_are_corrupt(
    server: Stack, tmp_path: Path, value: float
) -> None:
    samples = np.zeros(16_000, np.float32)
    samples[8_000] = value
    assert_fails(server, write_wav(tmp_path / "wrong.wav", samples), "corrupt_audio")


@pytest.mark.parametrize("channels", [0, 255, 65_535])
def test_55_channels_of_no_recording_are_not_supported(
    server: Stack, tmp_path: Path, channels: int
) -> None:
    path = write_wav(tmp_path / "wrong.wav", np.zeros(70_000, np.int16), channels=channels)
    assert_fails(server, path, "unsupported_channels")


@pytest.mark.parametrize(
    ("seconds", "loud"), [(3.0, False), (0.0999, True), (0.001, False), (1 / 16_000, True)]
)
def test_57_where_nobody_speaks_there_is_no_text(
    server: Stack, tmp_path: Path, seconds: float, loud: bool
) -> None:
    samples = tone(seconds) if loud else np.zeros(round(seconds * 16_000), np.int16)
    job = completed(server, write_wav(tmp_path / "silence.wav", samples))
    assert (job["text"], job["segments"], job["speakers"]) == ("", [], [])
    assert job["duration"] == pytest.approx(seconds, abs=1e-4)
    assert "error" not in job


def test_after_all_that_the_same_engines_still_work(server: Stack, tmp_path: Path) -> None:
    job = completed(server, write_wav(tmp_path / "tone.wav", tone(1.0)))
    assert job["metadata"]["pipeline"] == list(ENGINES)
    [log] = server.deployment.folder.glob("*-engine.log")
    started = [line for line in log.read_text().splitlines() if '"engine_ready"' in line]
    assert len(started) == len(ENGINES), "a child had to be started again"
