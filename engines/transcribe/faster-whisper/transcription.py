"""From a recording to text with times."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import guessed_language
from dalston.engine_sdk import TaskFailed
from dalston.engine_sdk.wording import joined
from doubts import review
from hints import shortened
from loaded_model import LoadedModel, load_model
from model_files import find_model
from other_languages import without_language
from pauses import parted, pauses_between, restored
from recording import SAMPLE_RATE, Recording, Samples, Spans, Window, only_speech, speech_spans
from second_hearing import never_heard, unheard
from wording import Segments, with_own_confidence

__all__ = ["detect_language", "find_model", "load_model", "transcribe"]

Segment = dict[str, Any]
_SURE = 0.3
"""How probable the text of a second hearing must be: 0.5 lost ten words that were said and kept out
one that wasn't."""
_SPEECH = {"threshold": 0.5, "min_speech_duration_ms": 100}
"""What counts as speech (Silero VAD). Shorter sounds are clicks and notes, and a model that hears
no speech invents some."""


def transcribe(
    model: LoadedModel,
    path: Path,
    work_folder: Path,
    config: Mapping[str, Any],
    progress: Callable[[float, float], None],
    *,
    detected: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Transcribe a recording.

    Args:
        model: The model.
        path: The recording.
        work_folder: For temporary files.
        config: The task's configuration.
        progress: Is told seconds done and seconds in all.
        detected: What `detect_language` has returned for the whole recording, if it was asked.

    Returns:
        `text`, `segments`, `warnings`, and where known `language` and `language_confidence`.

    Raises:
        TaskFailed: `unsupported_language`, `unsupported_task` or `undecodable_audio`.
    """
    language, confidence = _language_to_write(model, config, detected)
    config, told = shortened(model, config)
    recording = Recording(path, work_folder)
    segments = Segments(recording.duration)
    found: list[Segment] = []
    pauses: list[float] = []
    for window in recording.windows():
        spans = speech_spans(window.samples, **_SPEECH)
        if spans:
            pieces, info = _start(model, window.samples, spans, language, config)
            if language is None:
                language, confidence = _detected(model, info, window, spans, told)
            first = len(segments.found)
            for piece in pieces:
                _add(segments, piece, window, spans, _other_language(model, language, config))
                progress(min(window.start + float(piece.end), window.end), recording.duration)
            heard = segments.found[first:]
            missing = list(unheard(spans, heard, window.start))
            heard += _heard_again(model, window, missing, language, config)
            told += never_heard(spans, _in_order(heard), window.start)
            found += heard
            pauses += pauses_between(spans, window.start)
        progress(window.end, recording.duration or 1.0)
    told = [*model.warnings, *told]
    return _written(told, found, language, pauses, config) | _as_fields(language, confidence)


def detect_language(
    model: LoadedModel, path: Path, work_folder: Path, progress: Callable[[float, float], None]
) -> dict[str, Any]:
    """Find out which language is spoken first, from up to 30 seconds of speech.

    Args:
        model: The model.
        path: The recording.
        work_folder: For temporary files.
        progress: Is told seconds done and seconds in all.

    Returns:
        `language`, `language_confidence` and `warnings`; nothing if nobody speaks.

    Raises:
        TaskFailed: `undecodable_audio`.
    """
    recording = Recording(path, work_folder)
    for window in recording.windows():
        spans = speech_spans(window.samples, **_SPEECH)
        progress(window.end, recording.duration or 1.0)
        if spans:
            if not model.is_multilingual:
                return _as_fields("en", None)
            heard = only_speech(window.samples, spans)
            language, confidence, _ = model.model.detect_language(heard)
            warnings = _guessed(window, spans, language, confidence)
            return {**_as_fields(language, confidence), "warnings": warnings}
    return {}


def _language_to_write(
    model: LoadedModel, config: Mapping[str, Any], detected: Mapping[str, Any] | None
) -> tuple[str | None, float | None]:
    """Return the language that is asked for, or was found out before, and how sure that is."""
    language: str | None = config["language"]
    _check_wishes(model, language, config["task"])
    if language is None and detected and config["language_detection"] == "recording":
        return detected.get("language"), detected.get("language_confidence")
    return language, None


def _detected(
    model: LoadedModel,
    info: Any,  # noqa: ANN401 - untyped
    window: Window,
    spans: Spans,
    told: list[dict[str, Any]],
) -> tuple[str, float | None]:
    """Return the language that was found out in a window, and how sure that is.

    Args:
        model: The model.
        info: What it has found out.
        window: Where it has listened.
        spans: Where somebody speaks in it.
        told: Gets a warning if it may well be another language, with the place: of many chunks
            each may be in its own.
    """
    confidence = info.language_probability if model.is_multilingual else None
    start = window.start + spans[0]["start"] / SAMPLE_RATE
    place = {"start": round(start, 3), "end": round(_end(window, spans), 3)}
    warnings = _guessed(window, spans, info.language, confidence)
    told += [{**warning, **place} for warning in warnings]
    return info.language, confidence


def _guessed(
    window: Window, spans: Spans, language: str, confidence: float | None
) -> list[dict[str, Any]]:
    """Return a warning if the language that was found out in a window may well be another one."""
    if guessed_language.is_guessed(window.samples, spans, confidence, **_SPEECH):
        return [guessed_language.warning(language)]
    return []


def _other_language(
    model: LoadedModel, language: str | None, config: Mapping[str, Any]
) -> str | None:
    """Return what is spoken where the last piece was heard, if that isn't what is written."""
    # A translation is English, whatever language the model takes it to be of.
    if config["task"] == "translate":
        return None
    other: str | None = model.model.other_language(language)
    return other


def _as_fields(language: str | None, confidence: float | None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if language is not None:
        found["language"] = language
    if confidence is not None:
        found["language_confidence"] = round(min(max(float(confidence), 0.0), 1.0), 4)
    return found


def _written(
    warnings: list[dict[str, Any]],
    found: list[Segment],
    language: str | None,
    pauses: list[float],
    config: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the text, its segments, and what is doubtful about them behind other warnings."""
    # As they were heard: "yes", said again after a pause, is no loop.
    plain, others = without_language(_in_order(found), language)
    kept, doubts = review(plain, drop=config["drop_doubtful_text"])
    written = [with_own_confidence(segment) for segment in _in_order(parted(kept, pauses))]
    return {
        "text": joined(segment["text"] for segment in written),
        "segments": written,
        "warnings": [*warnings, *others, *doubts],
    }


def _add(
    segments: Segments,
    piece: Any,  # noqa: ANN401 - untyped
    window: Window,
    spans: Spans,
    other_language: str | None,
) -> None:
    segments.add(piece, window.start, _end(window, spans), other_language)


def _end(window: Window, spans: Spans) -> float:
    """Return the second of the recording until which somebody speaks in a window."""
    return window.start + spans[-1]["end"] / SAMPLE_RATE


def _heard_again(
    model: LoadedModel,
    window: Window,
    missing: list[Spans],
    language: str | None,
    config: Mapping[str, Any],
) -> list[Segment]:
    """Return what is said where the first hearing found nothing, if that is probable enough."""
    again: list[Segment] = []
    for spans in missing:
        pieces, _ = _start(model, window.samples, spans, language, config)
        segments = Segments(_end(window, spans))
        for piece in pieces:
            _add(segments, piece, window, spans, _other_language(model, language, config))
        kept, _ = review(segments.found, drop=True)
        again += [segment for segment in kept if segment["confidence"] >= _SURE]
    return again


def _in_order(found: Iterable[Segment]) -> list[Segment]:
    return sorted(found, key=lambda segment: float(segment["start"]))


def _start(
    model: LoadedModel,
    samples: Samples,
    spans: Spans,
    language: str | None,
    config: Mapping[str, Any],
) -> tuple[Iterable[Any], Any]:
    """Start on what is spoken; segments come one by one, in the time of `samples`."""
    pieces, info = model.model.transcribe(
        only_speech(samples, spans),
        language=language,
        task=config["task"],
        beam_size=config["beam_size"],
        temperature=config["temperatures"],
        word_timestamps=config["word_timestamps"],
        initial_prompt=config["prompt"],
        hotwords=config["hotwords"],
        # One wrong or looping sentence must not spoil all that follow.
        condition_on_previous_text=False,
    )
    return restored(pieces, spans), info


def _check_wishes(model: LoadedModel, language: str | None, task: str) -> None:
    if language is not None and not model.knows(language):
        known = "only English" if not model.is_multilingual else "other languages"
        raise TaskFailed(
            "unsupported_language",
            f"The model {model.name} doesn't know the language '{language}', {known}. Choose "
            f"another model, such as base or large-v3, or leave the language out.",
        )
    if task == "translate" and not model.is_multilingual:
        raise TaskFailed(
            "unsupported_task",
            f"The model {model.name} knows only English and can't translate. Choose one that "
            f"knows more languages, such as base or large-v3.",
        )
