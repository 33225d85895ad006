"""The oldest client of OpenAI's present interface for Python, in packages of its own."""

from __future__ import annotations

from pathlib import Path

from tests.conformance.clients.conftest import AskOldest
from tests.support.stack import Stack


def test_formats_models_and_errors(
    stub_server: Stack, ask_oldest: AskOldest, tmp_path: Path
) -> None:
    (tmp_path / "talk.wav").write_bytes(b"any bytes will do for a stub")
    ask_oldest(stub_server.url, tmp_path / "talk.wav", "this is a stub transcript")
