"""A last stage behind the one that is usually the last."""

import os
from pathlib import Path

from dalston.engine_sdk import Engine, TaskFailed, TaskInput, TaskOutput


class TranscriptPolisher(Engine):
    """Puts a word in front of the text; a file `fail-polish` in the test's folder fails it."""

    def process(self, input: TaskInput) -> TaskOutput:
        """Return the transcript that the merger made, with another text."""
        if Path(os.environ["TEST_GATE"], "fail-polish").exists():
            raise TaskFailed("not_polished", "This text can't be polished.")
        found = input.previous_outputs["merge"]
        return TaskOutput({**found, "text": f"Polished: {found['text']}"})


if __name__ == "__main__":
    TranscriptPolisher().run()
