"""A preparer that hands each chunk over before it makes the next one."""

import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from dalston.engine_sdk import Engine, TaskFailed, TaskInput, TaskOutput


class EarlyPreparer(Engine):
    """Reads the number of chunks from the upload; a test tells it by files what to do at each."""

    def process(self, input: TaskInput) -> TaskOutput:
        """Keep a file for each chunk that holds nothing but its number."""
        marks = Path(os.environ["TEST_GATE"])
        with input.open_audio() as audio:
            count = int(audio.read())
        shift = 0.25 if (marks / "shifted").exists() else 0.0
        chunks = []
        with input.create("audio.wav") as whole:
            for number in range(count):
                _obey(marks, number, partial(input.progress, number, count))
                whole.write(b"%d\n" % number)
                times = {"start": max(0.0, number - 0.5), "end": number + 1.5}
                core = {"core_start": float(number), "core_end": number + 1.0 - shift}
                name = f"chunk-{number:05}.wav"
                input.keep(name, str(number).encode(), chunk={**times, **core})
                chunks.append({"file": name, **times, **core})
            _obey(marks, count, partial(input.progress, count, count))
        data = {"duration": float(count), "channels": 1, "sample_rate": 16000, "chunks": chunks}
        return TaskOutput(data)


def _obey(marks: Path, number: int, wait: Callable[[], None]) -> None:
    crash = marks / f"crash-cut-{number}"
    if crash.exists():
        crash.unlink()
        os._exit(3)
    if (marks / f"fail-cut-{number}").exists():
        raise TaskFailed("bad_place", "The recording is bad from here on.")
    while (marks / f"hold-cut-{number}").exists():
        wait()
        time.sleep(0.02)


if __name__ == "__main__":
    EarlyPreparer().run()
