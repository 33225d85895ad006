"""An engine that does what a recording tells it to do, good or bad."""

import hashlib
import json
import os
import resource
import signal
import time
from pathlib import Path

from dalston.engine_sdk import Engine, TaskInput, TaskOutput


class ObedientTranscriber(Engine):
    """Reads JSON from the recording: `do` and for how many `tries`, and `seconds` of work."""

    def process(self, input: TaskInput) -> TaskOutput:
        """Misbehave if this try shall; otherwise return the recording's digest as its text."""
        recording = input.audio_path.read_bytes()
        wish = json.loads(recording)
        marks = Path(os.environ["TEST_MARKS"])
        before = len(list(marks.glob(f"{input.task_id}.*")))
        (marks / f"{input.task_id}.{os.getpid()}.{time.time_ns()}").touch()
        time.sleep(wish.get("seconds", 0))
        text = hashlib.sha256(recording).hexdigest()
        if before < wish.get("tries", 1):
            text = self.misbehave(wish.get("do"), text)
        return TaskOutput({"text": text, "segments": [], "language": "en"})

    def misbehave(self, what: str | None, text: str) -> str:
        """Do what an engine must not."""
        if what == "hang":
            time.sleep(3600)
        elif what == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        elif what == "be killed":
            os.kill(os.getpid(), signal.SIGKILL)
        elif what == "run out of memory":
            resource.setrlimit(resource.RLIMIT_AS, (2**28, 2**28))
            return text + " " * 2**30
        elif what == "lie":
            return 7  # type: ignore[return-value] # that is the lie
        return text


if __name__ == "__main__":
    ObedientTranscriber().run()
