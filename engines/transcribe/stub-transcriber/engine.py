"""Returns fixed text whatever the recording says: for trying the system without a model."""

from __future__ import annotations

from dalston.engine_sdk import Engine, TaskInput, TaskOutput


class StubTranscriber(Engine):
    """Says the same two sentences about every recording."""

    def process(self, input: TaskInput) -> TaskOutput:  # noqa: ARG002 - the point of a stub
        """Return the fixed transcript."""
        return TaskOutput(
            data={
                "text": "This is a stub transcript. The system works!",
                "segments": [
                    {"start": 0.0, "end": 2.0, "text": "This is a stub transcript."},
                    {"start": 2.0, "end": 4.0, "text": "The system works!"},
                ],
                "language": "en",
            }
        )


if __name__ == "__main__":
    StubTranscriber().run()
