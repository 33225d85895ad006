"""An engine with many segments, in a child of its own."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from dalston.common.engine_spec import read_engine
from dalston.common.models import Failure
from dalston.engine_sdk.child_messages import ChildOutput, ChildTask
from dalston.engine_sdk.process import ChildProcess

YAML = "id: long\nversion: '1'\nstage: {stage}\n"
CODE = """
import time

from dalston.engine_sdk import *

class Long(Engine):
    def process(self, input):
        self.input = input
        given = input.previous_outputs.get("transcribe", ())
        head = {{"text": "é", "duration": 5000.0, "given": len(given), "segments": "not these"}}
        head["kind"] = type(given).__name__
        return TaskOutput(head, segments=self.segments(input.config["count"]))

    def segments(self, count):
        for n in range(count):
            segment = {{"start": float(n), "end": n + 0.5, "text": "ü"}}
            {body}
            yield segment
            {after}
"""


def engine(folder: Path, body: str = "pass", stage: str = "merge", *, after: str = "pass") -> Path:
    """Write an engine that does something before and after it gives its segment number n."""
    folder.mkdir(exist_ok=True)
    schema = "config: {type: object, properties: {count: {type: integer, default: 3}}}\n"
    (folder / "engine.yaml").write_text(YAML.format(stage=stage) + schema)
    (folder / "engine.py").write_text(CODE.format(body=body, after=after))
    return folder


@asynccontextmanager
async def child_of(folder: Path) -> AsyncIterator[ChildProcess]:
    """Start the child of an engine, and end it."""
    child = ChildProcess(read_engine(folder), {}, os.environ)
    await child.start(lambda *_: None)
    try:
        yield child
    finally:
        await child.kill()


def task(folder: Path, count: int, stage: str = "merge", **more: Any) -> ChildTask:
    return ChildTask(
        task_id="task_0000000000000001",
        job_id="job_000000000000",
        audio_path=str(folder / "engine.yaml"),
        previous_outputs={},
        config={"count": count},
        work_folder=str(folder / "work"),
        stage=stage,
        **more,
    )


async def result_of(folder: Path, given: ChildTask) -> ChildOutput | Failure:
    async with child_of(folder) as child:
        return await child.give(given, lambda *_: None)


def expected(count: int) -> list[dict[str, Any]]:
    return [{"start": float(n), "end": n + 0.5, "text": "ü"} for n in range(count)]
