"""Transcribes speech with a Whisper model on CTranslate2."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dalston.engine_sdk import Engine, TaskFailed, TaskInput, TaskOutput


class FasterWhisper(Engine):
    """Keeps one model in memory; a task that names another one replaces it."""

    _transcription: Any = None

    def setup(self) -> None:
        """Find and load the model, downloading it if need be.

        Raises:
            TaskFailed: The model or a library isn't there; says what to do.
        """
        try:
            import transcription
        except ModuleNotFoundError as error:
            raise TaskFailed(
                "engine_not_installed",
                f"The engine faster-whisper needs {error.name}, which is not installed. Install "
                f"it: pip install 'dalston[speech]', "
                f"in a checkout .venv/bin/pip install -e '.[speech]'",
            ) from error
        self._transcription = transcription
        self._model = self._load(self.config)

    def process(self, input: TaskInput) -> TaskOutput:
        """Transcribe, or only find out the language; silence gives an empty text, or none."""
        # None is left where the last task's model couldn't be loaded.
        if self._model is None or self._wanted(input.config) != self._wanted(self._loaded_config):
            self._model = None  # two large models may not fit into memory
            self._model = self._load(input.config)
        if input.stage == "language":
            found = self._transcription.detect_language(
                self._model, input.audio_path, input.work_folder, input.progress
            )
        else:
            found = self._transcription.transcribe(
                self._model,
                input.audio_path,
                input.work_folder,
                input.config,
                input.progress,
                detected=input.previous_outputs.get("language"),
            )
        engine = {
            "id": self.id,
            "version": self.version,
            "model": self._model.name,
            "device": self._model.device,
            "compute_type": self._model.compute_type,
        }
        return TaskOutput(data={**found, "engine": engine})

    def close(self) -> None:
        """Give the model's memory back."""
        self._model = None

    def _load(self, config: dict[str, Any]) -> Any:  # noqa: ANN401 - its type is a lazy import
        self.setup_progress(f"looking for model {config['model']}")
        folder = config["models_folder"]
        files = self._transcription.find_model(
            config["model"],
            models_folder=None if folder is None else Path(folder),
            download=config["download"],
            progress=self.setup_progress,
        )
        self.setup_progress(f"loading model {config['model']} ({files.source})")
        model = self._transcription.load_model(files, config)
        self._loaded_config = dict(config)
        return model

    @staticmethod
    def _wanted(config: dict[str, Any]) -> tuple[Any, ...]:
        names = ("model", "models_folder", "device", "compute_type", "cpu_threads")
        return tuple(config[name] for name in names)


if __name__ == "__main__":
    FasterWhisper().run()
