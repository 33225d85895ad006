"""Finds out when each word of an English transcript is said."""

from __future__ import annotations

from contextlib import closing
from importlib.util import find_spec
from typing import Any

from dalston.engine_sdk import Engine, TaskFailed, TaskInput, TaskOutput

_MODEL = "en-us"
_SHARE_OF_KNOWN_WORDS = 0.5
"""From how many on a text is taken for English, if the transcriber doesn't tell its language."""


class PocketSphinxAligner(Engine):
    """Keeps the transcriber's words and gives them times that are right to a few hundredths."""

    _alignment: Any = None

    def setup(self) -> None:
        """Load the recogniser.

        Raises:
            TaskFailed: `engine_not_installed`: a library isn't there; says what to do.
        """
        try:
            import forced_alignment
            import realignment
            import recording
            import spoken
        except ModuleNotFoundError as error:
            raise _not_installed(error.name) from error
        if find_spec("inflect") is None:  # imported only when a number comes
            raise _not_installed("inflect")
        self._realignment, self._recording, self._spoken = realignment, recording, spoken
        self._alignment = forced_alignment.ForcedAlignment()

    def process(self, input: TaskInput) -> TaskOutput:
        """Align the transcriber's segments; text that is not English stays as it is.

        Raises:
            TaskFailed: `wrong_audio`, `missing_transcription` or `wrong_pipeline`.
        """
        found = _transcription(input.previous_outputs)
        segments: list[dict[str, Any]] = found["segments"]
        warnings: list[dict[str, Any]] = []
        with closing(self._recording.Recording(input.audio_path)) as recording:
            if self._is_english(found):
                realignment = self._realignment.Realignment(self._alignment, recording)
                segments = realignment.realign(segments, input.progress)
                warnings = realignment.warnings
            elif segments:
                warnings.append(_other_language(found.get("language")))
        engine = {"id": self.id, "version": self.version, "model": _MODEL}
        return TaskOutput({"segments": segments, "warnings": warnings, "engine": engine})

    def close(self) -> None:
        """Give the recogniser's memory back."""
        self._alignment = None

    def _is_english(self, found: dict[str, Any]) -> bool:
        language = found.get("language")
        if language is not None:
            return str(language).lower().partition("-")[0] == "en"
        known = self._alignment.pronunciations.known
        texts = [text for segment in found["segments"] for text in segment["text"].split()]
        spoken = self._spoken.spoken_words(texts, known)
        count = sum(bool(words) and all(map(known, words)) for words in spoken)
        return bool(count >= _SHARE_OF_KNOWN_WORDS * len(texts))


def _transcription(outputs: dict[str, Any]) -> dict[str, Any]:
    found = outputs.get("transcribe")
    if found is None:
        raise TaskFailed(
            "missing_transcription",
            "The engine pocketsphinx needs the output of a stage `transcribe`. Name that stage in "
            "the pipeline's `after`.",
        )
    if not isinstance(found, dict):
        raise TaskFailed(
            "wrong_pipeline",
            "The engine pocketsphinx aligns each chunk where it was transcribed. Write "
            "`each: chunk` at its stage in the pipeline, as at the stage `transcribe`.",
        )
    return found


def _other_language(language: object) -> dict[str, Any]:
    what = "this isn't" if language is None else f"this is '{language}'"
    return {
        "code": "language_not_aligned",
        "message": (
            f"The engine pocketsphinx aligns only English, and {what}: the times of words are the "
            f"transcriber's. Leave the stage `align` out for other languages."
        ),
    }


def _not_installed(name: str | None) -> TaskFailed:
    return TaskFailed(
        "engine_not_installed",
        f"The engine pocketsphinx needs {name}, which is not installed. Install it on Python 3.11, "
        f"3.12 or 3.13: pip install 'dalston[align]', "
        f"in a checkout .venv/bin/pip install -e '.[align]'",
    )


if __name__ == "__main__":
    PocketSphinxAligner().run()
