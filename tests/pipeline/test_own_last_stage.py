"""A stage of another name that comes last, and may make other words of what was heard."""

from __future__ import annotations

from pathlib import Path

from tests.pipeline.test_changed_pipelines import CHUNKS, ENGINES, POLISHING, knowing
from tests.pipeline.test_fan_out import runs
from tests.support.deployment import Deployment
from tests.support.stack import TRANSCRIPTIONS
from tests.support.waiting import until

POLISHED = f"{CHUNKS}  - {{stage: polish, engine: {POLISHING}, after: [merge]}}\n"


def test_nothing_is_told_of_what_the_last_stage_may_take_out(
    deployment: Deployment, tmp_path: Path
) -> None:
    with knowing(deployment, tmp_path, POLISHED, *ENGINES, POLISHING) as stack:
        (tmp_path / "hold-2").touch()
        job_id = stack.submit(b"4 apart")
        until(lambda: 2 in runs(tmp_path), "chunk 2 to begin")
        done = until(
            lambda: (job := stack.read(job_id))["progress"]["audio_seconds_done"] == 2.0 and job,
            "the first two chunks to be finished",
        )
        assert done["partial_text"] == ""

        told = []
        with stack.client.stream("GET", f"{TRANSCRIPTIONS}/{job_id}/events") as stream:
            for line in stream.iter_lines():
                if '"running"' in line:
                    (tmp_path / "hold-2").unlink()
                told.append(line)
        first = next(line for line in told if line.startswith("id:"))
        segments = [told[n - 1] for n, line in enumerate(told) if line == "event: segment"]
        assert first == "id: 0-0", "segments of chunks come before the state"
        assert segments == [f"id: 0-f{number}" for number in range(1, 5)]
        assert stack.ended(job_id)["text"] == "Polished: Part 0. Part 1. Part 2. Part 3."
