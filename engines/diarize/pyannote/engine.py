"""Tells who speaks when with pyannote.audio, also where several people speak at once."""

from __future__ import annotations

from typing import Any

from annotations import speaker_arguments, turns_of
from dalston.engine_sdk import Engine, TaskFailed, TaskInput, TaskOutput


class Pyannote(Engine):
    """Keeps one pipeline of pyannote.audio in memory."""

    _pipelines: Any = None
    _pipeline: Any = None

    def setup(self) -> None:
        """Load the pipeline, downloading it with the user's token if need be.

        Raises:
            TaskFailed: The pipeline, a library or the GPU isn't there; says what to do.
        """
        try:
            import pipelines
        except ModuleNotFoundError as error:
            raise TaskFailed(
                "engine_not_installed",
                f"The engine pyannote needs {error.name}, which is not installed. Give it a "
                f"Python environment of its own: dalston engine install pyannote",
            ) from error
        self._pipelines = pipelines
        self.setup_progress(f"loading {self.config['pipeline']}")
        self._pipeline = pipelines.load_pipeline(self.config["pipeline"], self.config["device"])

    def process(self, input: TaskInput) -> TaskOutput:
        """Find the turns; silence gives none, and no speakers.

        Raises:
            TaskFailed: `wrong_audio` or `invalid_speaker_count`.
        """
        asked = speaker_arguments(input.config)
        annotation = self._pipelines.diarize(
            self._pipeline, input.audio_path, asked, input.progress
        )
        engine = {"id": self.id, "version": self.version, "model": self.config["pipeline"]}
        return TaskOutput(data={**turns_of(annotation, asked), "engine": engine})

    def close(self) -> None:
        """Give the models' memory back."""
        self._pipeline = None


if __name__ == "__main__":
    Pyannote().run()
