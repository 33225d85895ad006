"""What audio-prepare refuses, and with which code. Numbers are those of the bad-input cases."""

from __future__ import annotations

import io
import struct
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from dalston.engine_sdk import TaskFailed
from dalston.engine_sdk.testing import EngineUnderTest
from tests.engines.sounds import encode, encode_video_only, noise, tone, write_wav

Refused = Callable[[bytes | Path], str]


@pytest.fixture
def refused(prepare: EngineUnderTest, tmp_path: Path) -> Refused:
    """Give a file to the engine and return the code that it refuses it with."""

    def give(content: bytes | Path) -> str:
        path = content if isinstance(content, Path) else tmp_path / "talk.mp3"
        if isinstance(content, bytes):
            path.write_bytes(content)
        with pytest.raises(TaskFailed) as failed:
            prepare.process(path)
        assert not failed.value.retryable
        assert str(tmp_path) not in failed.value.message
        return failed.value.code

    return give


def test_44_a_text_is_no_recording(refused: Refused) -> None:
    assert refused(b"Dear Sir or Madam,\n" * 200) == "unsupported_media"
    assert refused("Grüße\n".encode("latin-1")) == "unsupported_media"
    assert refused("Grüße\n".encode("utf-16")) == "unsupported_media"
    assert refused(b"<!DOCTYPE html><html><body>404</body></html>") == "unsupported_media"
    assert refused(b'{"error": "not found"}') == "unsupported_media"


def test_44_an_archive_is_no_recording(refused: Refused) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("talk.mp3", b"x" * 1000)
    assert refused(archive.getvalue()) == "unsupported_media"
    assert refused(b"\x1f\x8b" + bytes(500)) == "unsupported_media"


@pytest.mark.parametrize("head", [b"%PDF-1.7\n%\xe2\xe3", b"\x89PNG\r\n\x1a\n\0", b"\x7fELF\2\1"])
def test_44_documents_pictures_and_programs_are_no_recordings(
    refused: Refused, head: bytes
) -> None:
    assert refused(head + noise(2000)) == "unsupported_media"


@pytest.mark.parametrize("seed", range(5))
def test_45_random_bytes_are_undecodable(refused: Refused, seed: int) -> None:
    assert refused(noise(100_000, seed)) == "undecodable_audio"


def test_45_a_wreck_of_a_recording_is_undecodable(refused: Refused, tmp_path: Path) -> None:
    content = bytearray(encode(tmp_path / "a.flac", "flac", "flac").read_bytes())
    content[100:] = noise(len(content) - 100)
    assert refused(bytes(content)) == "undecodable_audio"


def test_46_a_wav_without_samples_has_no_audio(refused: Refused, tmp_path: Path) -> None:
    empty = write_wav(tmp_path / "empty.wav", np.zeros(0, np.int16))
    assert refused(empty) == "no_audio"
    assert refused(empty.read_bytes()[:36]) == "no_audio"
    assert refused(b"") == "no_audio"


def test_47_video_alone_has_no_audio_stream(refused: Refused, tmp_path: Path) -> None:
    assert refused(encode_video_only(tmp_path / "video.mp4")) == "no_audio_stream"


def test_47_a_cover_alone_has_no_audio_stream(refused: Refused, tmp_path: Path) -> None:
    assert refused(cover_only(tmp_path / "cover.mp4")) == "no_audio_stream"
    picture = b"APIC" + struct.pack(">I", 20) + b"\0\0" + bytes(20)
    tag = b"ID3\x03\0\0" + bytes([0, 0, 0, len(picture)]) + picture
    assert refused(tag) == "no_audio_stream"


class Watched:
    """A server and a file that playlists name, and what was asked of them."""

    def __init__(self, server: ThreadingHTTPServer, requests: list[str], secret: Path) -> None:
        self.url = f"http://127.0.0.1:{server.server_address[1]}/talk.wav"
        self.requests = requests
        self.secret = secret


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    requests: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requests.append(self.path)
            self.send_error(404)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield Watched(server, requests, write_wav(tmp_path / "secret.wav", tone(1.0)))
        server.shutdown()
        thread.join()


def playlists(target: str) -> dict[str, str]:
    return {
        "m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{target}\n#EXT-X-ENDLIST\n",
        "ffconcat": f"ffconcat version 1.0\nfile '{target}'\n",
        "mpd": f'<?xml version="1.0"?>\n<MPD><Period><AdaptationSet mimeType="audio/mp4">'
        f"<Representation><BaseURL>{target}</BaseURL></Representation></AdaptationSet></Period>"
        f"</MPD>",
        "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\n",
        "pls": f"[playlist]\nFile1={target}\n",
        "asx": f'<asx version="3.0"><entry><ref href="{target}"/></entry></asx>',
        "xspf": f"<?xml version='1.0'?><playlist><location>{target}</location></playlist>",
        "plain": f"{target}\n",
        "commented": f"<!-- hello -->\n<smil><audio src='{target}'/></smil>",
    }


@pytest.mark.parametrize("kind", playlists(""))
def test_48_playlists_are_refused_and_open_nothing(
    refused: Refused, watched: Watched, kind: str
) -> None:
    local = playlists(f"file://{watched.secret}")[kind].encode()
    for target in (watched.url, f"file://{watched.secret}"):
        text = playlists(target)[kind].encode()
        assert refused(text) == "unsupported_container"
        assert refused(b"\xef\xbb\xbf" + text) == "unsupported_container"
    # Behind a tag that makes it look like an MP3 file:
    assert refused(b"ID3\x03\0\0\0\0\0\x0a" + bytes(10) + local) == "unsupported_container"
    assert watched.requests == []


@pytest.mark.parametrize("kind", ["m3u8", "ffconcat", "mpd", "sdp"])
def test_48_even_unseen_a_playlist_opens_nothing(
    prepare: EngineUnderTest, watched: Watched, tmp_path: Path, kind: str
) -> None:
    """The second line of defence: FFmpeg's own readers of playlists are not allowed."""
    media, signature = sys.modules["media"], sys.modules["signature"]
    assert prepare.spec.id == "audio-prepare"
    for target in (watched.url, f"file://{watched.secret}", watched.secret.name):
        path = tmp_path / f"talk.{kind}"
        path.write_text(playlists(target)[kind])
        with path.open("rb") as file, pytest.raises(TaskFailed) as failed:
            media._open_container(
                media._Nameless(file, 0, path.stat().st_size), signature.Signature("media", "")
            )
        assert failed.value.code == "undecodable_audio"
    assert watched.requests == []


def test_48_no_reader_that_opens_other_files_is_allowed(prepare: EngineUnderTest) -> None:
    assert prepare.spec.id == "audio-prepare"
    allowed = set(sys.modules["media"].DEMUXERS.split(","))
    assert allowed <= av.formats_available | {"m4a", "webm", "3gp", "3g2", "mj2", "mp4"}
    naming_others = {"hls", "concat", "dash", "sdp", "rtsp", "rtp", "image2", "imf", "lavfi"}
    assert not allowed & (naming_others | {"webm_dash_manifest", "vobsub", "sap", "tty", "alsa"})


def test_49_more_than_the_longest_is_refused(prepare: EngineUnderTest, tmp_path: Path) -> None:
    silence = np.zeros(600 * 8000, np.int16)
    bomb = encode(tmp_path / "bomb.flac", "flac", "flac", samples=silence, rate=8000, layout="mono")
    assert bomb.stat().st_size < 150_000
    with pytest.raises(TaskFailed) as failed:
        prepare.process(bomb, config={"longest_seconds": 300})
    assert failed.value.code == "audio_too_long"


@pytest.mark.parametrize("rate", [0, 1, 3_999, 2**31 - 1])
def test_50_rates_of_no_recording(refused: Refused, tmp_path: Path, rate: int) -> None:
    path = write_wav(tmp_path / "rate.wav", tone(1.0), rate=rate)
    assert refused(path) == "unsupported_sample_rate"


@pytest.mark.parametrize(
    ("samples", "value"), [(np.float32, np.nan), (np.float32, np.inf), (np.float64, -np.inf)]
)
def test_54_samples_that_are_not_numbers(
    refused: Refused, tmp_path: Path, samples: type[np.floating[Any]], value: float
) -> None:
    wrong = np.zeros(16_000, samples)
    wrong[8_000] = value
    assert refused(write_wav(tmp_path / "wrong.wav", wrong)) == "corrupt_audio"


@pytest.mark.parametrize("channels", [0, 33, 255, 65_535])
def test_55_counts_of_channels(refused: Refused, tmp_path: Path, channels: int) -> None:
    path = write_wav(tmp_path / "channels.wav", np.zeros(70_000, np.int16), channels=channels)
    assert refused(path) == "unsupported_channels"


def test_58_encrypted_sound(refused: Refused, tmp_path: Path) -> None:
    content = encode(tmp_path / "a.m4a", "ipod", "aac").read_bytes()
    assert content.count(b"mp4a") == 1
    assert refused(content.replace(b"mp4a", b"drms")) == "encrypted_media"
    assert refused(content.replace(b"mp4a", b"enca")) == "encrypted_media"


def test_a_codec_that_nobody_knows(refused: Refused, tmp_path: Path) -> None:
    content = encode(tmp_path / "a.webm", "webm", "libopus", rate=48_000).read_bytes()
    assert refused(content.replace(b"A_OPUS", b"A_WHAT")) == "unsupported_codec"


def cover_only(path: Path) -> Path:
    with av.open(str(path), "w", format="mp4") as output:
        video = output.add_stream("mjpeg", rate=Fraction(1))
        assert isinstance(video, VideoStream)
        video.width = video.height = 64
        video.pix_fmt = "yuvj420p"
        video.disposition = av.stream.Disposition.attached_pic
        picture = np.zeros((64, 64, 3), np.uint8)
        output.mux(video.encode(VideoFrame.from_ndarray(picture, format="rgb24")))
        output.mux(video.encode(None))
    return path
