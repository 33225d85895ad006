"""Tells who speaks when, with a small voice encoder and clustering."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dalston.engine_sdk import Engine, TaskFailed, TaskInput, TaskOutput


class Ge2eSpeakers(Engine):
    """Finds the turns of the speakers in a recording of any length."""

    _diarization: Any = None
    _models: Any = None

    def setup(self) -> None:
        """Load the voice detector and the voice encoder.

        Raises:
            TaskFailed: A library isn't there; says what to do.
        """
        try:
            import diarization
        except ModuleNotFoundError as error:
            raise TaskFailed(
                "engine_not_installed",
                f"The engine ge2e-speakers needs {error.name}, which is not installed. Install "
                f"it: pip install 'dalston[speech,diarize]', "
                f"in a checkout .venv/bin/pip install -e '.[speech,diarize]'",
            ) from error
        self._diarization = diarization
        self._models = diarization.load_models(Path(__file__).parent)

    def process(self, input: TaskInput) -> TaskOutput:
        """Find the turns; silence gives none, and no speakers.

        Raises:
            TaskFailed: `wrong_audio` or `invalid_speaker_count`.
        """
        with input.open_audio() as file:
            found = self._diarization.diarize(self._models, file, input.config, input.progress)
        engine = {"id": self.id, "version": self.version}
        return TaskOutput(data={**found, "engine": engine})

    def close(self) -> None:
        """Give the models' memory back."""
        self._models = None


if __name__ == "__main__":
    Ge2eSpeakers().run()
