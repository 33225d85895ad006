"""Recordings that somebody still writes to: half of one is never taken for all of it."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from dalston.client import Client
from dalston.client.progress import Display
from dalston.client.recordings import Recording
from dalston.client.transcribe import transcribe_files
from dalston.client.upload import RecordingChangedError, Upload
from tests.cli.conftest import Served

Recordings = Callable[[str], Path]
MORE = b"\0" * 100_000


def _grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(MORE)


def _shrink(path: Path) -> None:
    os.truncate(path, 70_000)


@pytest.mark.parametrize("change", [_grow, _shrink])
def test_one_that_changes_while_it_is_sent_fails_alone(
    served: Served,
    recordings: Recordings,
    tmp_path: Path,
    *,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[Path], None],
) -> None:
    changing, whole = recordings("changing.wav"), recordings("whole.wav")
    _grow(changing)
    shown = Display.uploading

    def uploading(self: Display, file: int, sent: int, total: int) -> None:
        shown(self, file, sent, total)
        if file == 0:
            change(changing)

    monkeypatch.setattr(Display, "uploading", uploading)
    status = transcribe_files(
        [Recording(changing), Recording(whole)],
        output_format="txt",
        server=served.url,
        data_dir=tmp_path,
        fields={"pipeline": "stub"},
        output_dir=tmp_path / "out",
    )
    said = capsys.readouterr().err
    assert status == 1
    assert "changing.wav: failed: The recording was written to while it was sent." in said
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["whole.txt"]
    assert "changing.wav" not in {job["filename"] for job in served.listed()}


def test_a_program_hears_of_it_too(
    served: Served, recordings: Recordings, monkeypatch: pytest.MonkeyPatch
) -> None:
    changing = recordings("changing.wav")
    read = Upload.read

    def read_and_grow(self: Upload, size: int = -1) -> bytes:
        data = read(self, size)
        _grow(changing)
        return data

    monkeypatch.setattr(Upload, "read", read_and_grow)
    with Client(served.url) as client, pytest.raises(RecordingChangedError):
        client.submit(changing)


def test_a_recording_is_sent_as_long_as_it_was_announced(tmp_path: Path) -> None:
    path, counts = tmp_path / "talk.wav", []
    path.write_bytes(MORE)
    with path.open("rb") as file:
        upload = Upload(file, lambda sent, total: counts.append((sent, total)))
        assert upload.seek(0, io.SEEK_END) == len(MORE)
        upload.seek(0)
        assert upload.read(60_000) + upload.read(60_000) == MORE
        assert upload.read(60_000) == b""
        assert counts == [(60_000, 100_000), (100_000, 100_000), (100_000, 100_000)]
        _grow(path)
        assert upload.seek(0, io.SEEK_END) == len(MORE)


def test_one_that_grows_while_it_is_transcribed_has_no_transcript_yet(
    served: Served, recordings: Recordings, tmp_path: Path
) -> None:
    growing, out = recordings("growing.wav"), tmp_path / "out"
    runs = len(served.gate.begun())
    options = ("--pipeline", "gated", "--output-dir", out, "--resume")
    call = served.shell.begin(growing, *options)
    served.gate.wait_for_runs(runs + 1)
    _grow(growing)
    served.gate.open()
    done = call.end()
    assert done.status == 1
    assert "growing.wav: failed: The recording was written to while it was transcribed" in done.err
    assert list(out.iterdir()) == []
    assert served.shell.run(growing, *options).status == 0
    assert [path.name for path in out.iterdir()] == ["growing.txt"]
