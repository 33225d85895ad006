"""A transcriber of the chunks that `cutting-preparer` makes."""

import os
import time
from pathlib import Path

from dalston.engine_sdk import Engine, TaskFailed, TaskInput, TaskOutput


class PartTranscriber(Engine):
    """Marks each run; a file `hold-N` in the test's folder holds chunk N, `fail-N` fails it.

    The text in `fail-N`, if there is any, is the code. With `doubt-N` there is a warning.
    """

    def process(self, input: TaskInput) -> TaskOutput:
        """Return the chunk's number as its text; as its language Swahili, where it is asked for."""
        number = input.audio_path.read_text()
        marks = Path(os.environ["TEST_GATE"])
        kind = "language" if input.stage == "language" else "part"
        (marks / f"{number}.{os.getpid()}.{time.monotonic_ns()}.{kind}").touch()
        if input.stage == "language":
            return TaskOutput({"language": "sw", "language_confidence": 0.75})
        while (marks / f"hold-{number}").exists():
            input.progress(1, 2)
            time.sleep(0.02)
        if (failing := marks / f"fail-{number}").exists():
            raise TaskFailed(failing.read_text() or "not_heard", "This chunk can't be heard.")
        if (marks / f"again-{number}").exists():
            raise TaskFailed("not_heard", "Not this time.", retryable=True)
        told = input.previous_outputs.get("language", {})
        found = {"language": input.config["language"] or told.get("language", "cy")}
        segments = [{"start": 0.5, "end": 1.25, "text": f"Part {number}."}]
        text = f"{input.config['prompt']} {number}."
        if (marks / f"doubt-{number}").exists():
            doubt = {"code": "doubtful", "message": "Listen to it.", "start": 0.5, "end": 1.25}
            found["warnings"] = [doubt]
        return TaskOutput({"text": text, "segments": segments, **found})


if __name__ == "__main__":
    PartTranscriber().run()
