"""An engine whose stage a job can do without."""

from dalston.engine_sdk import Engine, TaskFailed, TaskInput, TaskOutput


class FailingChecker(Engine):
    """Checks what was heard of each chunk, and can't check one of them."""

    def process(self, input: TaskInput) -> TaskOutput:
        """Return what the transcriber heard of the same chunk."""
        if input.audio_path.read_text() == "1":
            raise TaskFailed("not_checked", "This chunk can't be checked.")
        return TaskOutput({"heard": input.previous_outputs["transcribe"]["text"]})


if __name__ == "__main__":
    FailingChecker().run()
