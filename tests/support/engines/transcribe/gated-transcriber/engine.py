"""An engine that a test holds in the middle of its work."""

import os
import time
from pathlib import Path

from dalston.engine_sdk import Engine, TaskInput, TaskOutput


class GatedTranscriber(Engine):
    """Marks that it has begun, and goes on once the gate is open."""

    def process(self, input: TaskInput) -> TaskOutput:
        """Wait at the gate."""
        gate = Path(os.environ["TEST_GATE"])
        (gate / f"{input.task_id}.{os.getpid()}.begun").touch()
        while not (gate / "open").exists():
            input.progress(1, 2)
            time.sleep(0.02)
        (gate / f"{input.task_id}.{os.getpid()}.done").touch()
        # What has a file is stored, however quickly the gate was passed.
        kept = input.work_folder / "kept.txt"
        kept.write_text("kept", encoding="utf-8")
        output = {"text": "Through.", "segments": [], "language": "en"}
        return TaskOutput(output, {kept.name: kept})


if __name__ == "__main__":
    GatedTranscriber().run()
