"""The library that our engine is made of, given a whole recording: `python -m bench.peers.library`.

A process of its own, as it would be in a script of three lines. What loads before the clock starts
is the same model, from the same place, with the same type of numbers.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from bench.deployments import REPOSITORY
from bench.peers.process import read_line, running_module
from dalston.engine_sdk.testing import open_engine

_ENGINE = REPOSITORY / "engines" / "transcribe" / "faster-whisper"
_SECONDS = 3600.0


def transcribe_alone(recording: Path, language: str, settings: dict[str, Any]) -> tuple[float, str]:
    """Have the library transcribe a recording.

    Args:
        recording: The file.
        language: That is spoken.
        settings: Of the engine's configuration; the beam that it has is the library's, too.

    Returns:
        Seconds from opening the file to the last word, and the text.

    Raises:
        MeasureError: It failed.
    """
    words = (str(recording), language, json.dumps(settings))
    with running_module(("bench.peers.library", *words), {}) as process:
        found: dict[str, Any] = read_line(process, _SECONDS)
        return float(found["seconds"]), str(found["text"])


def main(recording: str, language: str, settings: str) -> None:
    """Transcribe, and print seconds and text as JSON."""
    with open_engine(_ENGINE, config=json.loads(settings)) as opened:
        model: Any = opened.engine._model.model  # type: ignore[attr-defined]  # noqa: SLF001 - the same one
        begin = time.monotonic()
        segments, _ = model.transcribe(
            recording,
            language=language,
            beam_size=opened.engine.config["beam_size"],
            word_timestamps=True,
            vad_filter=True,
        )
        text = " ".join(segment.text.strip() for segment in segments)
        print(json.dumps({"seconds": time.monotonic() - begin, "text": text}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
