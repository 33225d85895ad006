"""Decodes any recording to 16 kHz mono PCM and cuts it into chunks where nobody speaks."""

from __future__ import annotations

from typing import Any

from dalston.engine_sdk import Engine, TaskFailed, TaskInput, TaskOutput


class AudioPrepare(Engine):
    """Makes `audio.wav` and chunks of whatever FFmpeg's libraries decode, in bounded memory."""

    _conversion: Any = None
    _voice_model: Any = None

    def setup(self) -> None:
        """Load FFmpeg's libraries and the voice detector."""
        try:
            import conversion

            self._voice_model = conversion.load_voice_model()
        except ModuleNotFoundError as error:
            raise TaskFailed(
                "engine_not_installed",
                f"The engine audio-prepare needs {error.name}, which is not installed. Install "
                f"it: pip install 'dalston[speech]', "
                f"in a checkout .venv/bin/pip install -e '.[speech]'",
            ) from error
        self._conversion = conversion

    def process(self, input: TaskInput) -> TaskOutput:
        """Decode the recording; `docs/engines.md` lists the failure codes."""
        found = self._conversion.convert(input, self._voice_model)
        return TaskOutput(data={**found, "engine": {"id": self.id, "version": self.version}})


if __name__ == "__main__":
    AudioPrepare().run()
