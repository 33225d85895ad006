"""Runs the engine on a file, with no server."""

from __future__ import annotations

import math
import struct
import wave
from pathlib import Path

from dalston.engine_sdk.testing import run_engine

FOLDER = Path(__file__).parent
RATE, DOT = 16_000, 0.06


def keyed(code: str, path: Path) -> Path:
    """Write the sound of dots, dashes, spaces between letters and / between words."""
    seconds = {".": DOT, "-": 3 * DOT}
    samples: list[float] = []
    for mark in code:
        tone = seconds.get(mark, 0.0)
        samples += [9000 * math.sin(n / 3) for n in range(int(RATE * tone))]
        samples += [0.0] * int(RATE * (DOT if tone else 2 * DOT))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(b"".join(struct.pack("<h", int(sample)) for sample in samples))
    return path


def test_it_reads_two_words(tmp_path: Path) -> None:
    audio = keyed("... --- ... / -- .- -.--", tmp_path / "morse.wav")
    output = run_engine(FOLDER, audio)
    assert output.data["text"] == "SOS MAY"


def test_silence_has_no_text(tmp_path: Path) -> None:
    assert run_engine(FOLDER, keyed("   ", tmp_path / "silence.wav")).data["segments"] == []
