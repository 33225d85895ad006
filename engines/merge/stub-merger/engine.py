"""Hands on the transcriber's text and segments as the transcript."""

from __future__ import annotations

from dalston.engine_sdk import Engine, TaskInput, TaskOutput


class StubMerger(Engine):
    """Makes a transcript of what the stage `transcribe` found, and looks at nothing."""

    def process(self, input: TaskInput) -> TaskOutput:
        """Return the transcript."""
        found = input.previous_outputs["transcribe"]
        return TaskOutput(
            data={
                "text": found["text"],
                "segments": found["segments"],
                "speakers": [],
                "metadata": {"pipeline": ["stub-transcriber", "stub-merger"]},
            }
        )


if __name__ == "__main__":
    StubMerger().run()
