"""Uploads over a line that breaks: more often than patience with a server that is away lasts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from dalston.client import AsyncClient, UnreachableError
from dalston.client.recordings import Recording
from dalston.client.transcribe import transcribe_files
from tests.cli.conftest import Served
from tests.support.relay import Relay, relay

SHORTER_THAN_A_PAUSE = 0.3


@pytest.fixture
def line(served: Served, monkeypatch: pytest.MonkeyPatch) -> Iterator[Relay]:
    """A line to the server on which no upload arrives."""
    monkeypatch.setattr("dalston.client.patience.PATIENCE_SECONDS", SHORTER_THAN_A_PAUSE)
    with relay(httpx.URL(served.url).port or 0) as line:
        line.breaks_at = b'filename="silence.wav"'
        yield line


def test_the_command_sends_a_recording_again_after_each_break(
    line: Relay, silence: Path, tmp_path: Path
) -> None:
    line.most_breaks = 3
    status = transcribe_files(
        [Recording(silence)],
        output_format="txt",
        server=f"http://127.0.0.1:{line.port}",
        data_dir=tmp_path,
        fields={"pipeline": "stub"},
        output_dir=tmp_path / "out",
    )
    assert (status, line.breaks) == (0, 3)


async def test_a_program_sends_a_recording_again_after_each_break(
    line: Relay, silence: Path
) -> None:
    line.most_breaks = 3
    async with AsyncClient(f"http://127.0.0.1:{line.port}") as client:
        transcript = await client.transcribe(silence, pipeline="stub")
    assert transcript.text.startswith("This is a stub")
    assert line.breaks == 3


async def test_a_line_that_always_breaks_is_given_up(
    line: Relay, silence: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dalston.client.patience._PAUSE_SECONDS", 0.05)
    async with AsyncClient(f"http://127.0.0.1:{line.port}") as client, asyncio.timeout(60):
        with pytest.raises(UnreachableError):
            await client.submit(silence, pipeline="stub")
    assert line.breaks > 10
