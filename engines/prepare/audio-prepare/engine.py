"""Decodes any recording to 16 kHz mono PCM and says what the original is like."""

from __future__ import annotations

from typing import Any

from dalston.engine_sdk import Engine, TaskFailed, TaskInput, TaskOutput


class AudioPrepare(Engine):
    """Makes `audio.wav` of whatever FFmpeg's libraries decode, in bounded memory."""

    _conversion: Any = None

    def setup(self) -> None:
        """Load FFmpeg's libraries."""
        try:
            import conversion
        except ModuleNotFoundError as error:
            raise TaskFailed(
                "engine_not_installed",
                f"The engine audio-prepare needs {error.name}, which is not installed. Install "
                f"it: pip install 'dalston[speech]'",
            ) from error
        self._conversion = conversion

    def process(self, input: TaskInput) -> TaskOutput:
        """Decode the recording; `docs/engines.md` lists the failure codes."""
        wav_path = input.work_folder / "audio.wav"
        data = self._conversion.convert(
            input.audio_path, wav_path, input.config["longest_seconds"], input.progress
        )
        engine = {"id": self.id, "version": self.version}
        return TaskOutput(data={**data, "engine": engine}, files={"audio.wav": wav_path})


if __name__ == "__main__":
    AudioPrepare().run()
