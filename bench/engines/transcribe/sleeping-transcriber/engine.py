"""Takes the time of a real engine, but not its processor: many of them fit on one machine."""

import time

from dalston.engine_sdk import Engine, TaskInput, TaskOutput


class SleepingTranscriber(Engine):
    """Hears nothing for two seconds."""

    def process(self, input: TaskInput) -> TaskOutput:
        """Wait, and return an empty text."""
        time.sleep(2.0)
        return TaskOutput({"text": "", "segments": []})


if __name__ == "__main__":
    SleepingTranscriber().run()
