"""A merger that shows what it was given."""

from dalston.engine_sdk import Engine, TaskInput, TaskOutput


class ListingMerger(Engine):
    """Puts the chunks' texts in a row, and all that it was given into the metadata."""

    def process(self, input: TaskInput) -> TaskOutput:
        """Return a transcript."""
        found = input.previous_outputs["transcribe"]
        heard = found if isinstance(found, list) else [{**found, "offset": 0.0}]
        segments = [
            {
                "start": segment["start"] + part["offset"],
                "end": segment["end"] + part["offset"],
                "text": segment["text"],
            }
            for part in heard
            for segment in part["segments"]
        ]
        data = {
            "text": " ".join(part["text"] for part in heard),
            "segments": segments,
            "metadata": {"given": input.previous_outputs, "warnings": input.warnings},
        }
        return TaskOutput(data)


if __name__ == "__main__":
    ListingMerger().run()
