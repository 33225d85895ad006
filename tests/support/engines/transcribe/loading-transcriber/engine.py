"""An engine that a test holds while it loads."""

import os
import time
from pathlib import Path

from dalston.engine_sdk import Engine, TaskInput, TaskOutput


class LoadingTranscriber(Engine):
    """Says how far it is with its model, which comes once the gate is open."""

    def setup(self) -> None:
        """Load for as long as the gate is closed."""
        while not (Path(os.environ["TEST_GATE"]) / "open").exists():
            self.setup_progress("downloading model huge", 25, 100)
            time.sleep(0.05)

    def process(self, input: TaskInput) -> TaskOutput:
        """Return a text, to show that the model is there."""
        return TaskOutput(
            {"text": "Loaded.", "segments": [], "language": input.config.get("language", "en")}
        )


if __name__ == "__main__":
    LoadingTranscriber().run()
