"""An evaluation without a server: clips of every kind, with texts that break careless pages."""

from __future__ import annotations

from pathlib import Path

from dalston.evaluation.confidence import add_bands
from dalston.evaluation.jobs import not_transcribed
from dalston.evaluation.manifest import Clip
from dalston.evaluation.results import (
    Circumstances,
    ClipResult,
    ConfidenceBand,
    Evaluation,
    Memory,
    SpeakerScore,
    TimeScore,
)
from dalston.evaluation.totals import totals
from dalston.evaluation.words import score_words

HOSTILE = "<script>alert('1')</script> & \"quoted\" ]]> </article>"


def result(name: str, language: str, reference: str, heard: str, **more: object) -> ClipResult:
    """Return the result of a clip that has a transcript."""
    fields: dict[str, object] = {
        "audio_seconds": 10.0,
        "processing_seconds": 4.0,
        "reference": reference,
        "text": heard,
        "heard_language": language,
        **more,
    }
    words = score_words(reference, heard, language)
    return ClipResult(clip=name, status="completed", language=language, words=words, **fields)  # type: ignore[arg-type]


def evaluation(*clips: ClipResult) -> Evaluation:
    """Return an evaluation of some clips, or of one of every kind."""
    found = list(clips) or [
        result(
            "right.wav",
            "en",
            "one two three four",
            "one two three four",
            speakers=SpeakerScore(8.0, 0.5, 0.0, 0.3, 2, 2),
            times=TimeScore(4, [0.01, 0.02, 0.09]),
            confidences=[ConfidenceBand(0.0, 0.5, 1, 0), ConfidenceBand(0.5, 1.0, 3, 3)],
        ),
        result("wrong.wav", "en", "a cat sat down", "a dog sat down now"),
        result("own.wav", "en", "not counted", "at all", verified=False),
        result(HOSTILE, "en", HOSTILE, f"{HOSTILE} <b>", warnings=[HOSTILE]),
        result("ja.wav", "ja", "客観的", "客観", processing_seconds=None),
        not_transcribed(
            Clip(name="lost.wav", path=Path("lost.wav"), text="these three words", language="en"),
            f"No sound. {HOSTILE}",
        ),
    ]
    known = Circumstances(
        manifest=f"clips/{HOSTILE}.tsv",
        pipeline="default",
        engines={"faster-whisper": {"version": "1.0", "model": "base"}, "merger": {}},
        machine="2 processors",
        date="2026-11-22",
        language_given=False,
        memory=Memory({"faster-whisper": 600_000_000}, 900_000_000),
    )
    return Evaluation(known, totals(found), add_bands(c.confidences for c in found), found)
