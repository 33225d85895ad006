"""From a recording to text with times."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dalston.engine_sdk import TaskFailed
from loaded_model import LoadedModel, load_model
from model_files import find_model
from recording import Recording, Samples, speech_spans
from wording import Segments

__all__ = ["find_model", "load_model", "transcribe"]

_SPEECH = {"threshold": 0.5, "min_speech_duration_ms": 100}
"""What counts as speech (Silero VAD). Shorter sounds are clicks and notes, and a model that hears
no speech invents some."""


def transcribe(
    model: LoadedModel,
    path: Path,
    work_folder: Path,
    config: Mapping[str, Any],
    progress: Callable[[float, float], None],
) -> dict[str, Any]:
    """Transcribe a recording.

    Args:
        model: The model.
        path: The recording.
        work_folder: For temporary files.
        config: The task's configuration.
        progress: Is told seconds done and seconds in all.

    Returns:
        `text`, `segments`, `warnings`, and `language` and `language_confidence` as far as they
        are known.

    Raises:
        TaskFailed: `unsupported_language` or `undecodable_audio`.
    """
    language: str | None = config["language"]
    _check_language(model, language)
    confidence: float | None = None
    recording = Recording(path, work_folder)
    segments = Segments(recording.duration)
    for window in recording.windows():
        if language is not None or _has_speech(window.samples):
            pieces, info = _start(model, window.samples, language, config)
            if language is None:
                language = info.language
                confidence = info.language_probability if model.is_multilingual else None
            for piece in pieces:
                segments.add(piece, window.start)
                progress(min(window.start + float(piece.end), window.end), recording.duration)
        if recording.duration:
            progress(window.end, recording.duration)
    found: dict[str, Any] = {
        "text": segments.text(language),
        "segments": segments.found,
        "warnings": model.warnings,
    }
    if language is not None:
        found["language"] = language
    if confidence is not None:
        found["language_confidence"] = round(min(max(float(confidence), 0.0), 1.0), 4)
    return found


def _has_speech(samples: Samples) -> bool:
    return bool(speech_spans(samples, **_SPEECH))


def _start(
    model: LoadedModel, samples: Samples, language: str | None, config: Mapping[str, Any]
) -> tuple[Any, Any]:
    started: tuple[Any, Any] = model.model.transcribe(
        samples,
        language=language,
        beam_size=config["beam_size"],
        word_timestamps=config["word_timestamps"],
        initial_prompt=config["prompt"],
        vad_filter=True,
        vad_parameters=_SPEECH,
        # One wrong or looping sentence must not spoil all that follow.
        condition_on_previous_text=False,
    )
    return started


def _check_language(model: LoadedModel, language: str | None) -> None:
    if language is not None and not model.knows(language):
        known = "only English" if not model.is_multilingual else "other languages"
        raise TaskFailed(
            "unsupported_language",
            f"The model {model.name} doesn't know the language '{language}', {known}. Choose "
            f"another model, such as base or large-v3, or leave the language out.",
        )
