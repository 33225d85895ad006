"""Engines that a test writes: each knows which of the others are in memory."""

from __future__ import annotations

from pathlib import Path

from tests.support.gate import is_alive

CODE = """
import os
from pathlib import Path

from dalston.engine_sdk import Engine, TaskInput, TaskOutput

MARKS = Path(os.environ["TEST_MARKS"])


class Small(Engine):
    def setup(self):
        (MARKS / f"{self.id}.{os.getpid()}").touch()

    def process(self, input: TaskInput) -> TaskOutput:
        found = sorted(path.name for path in MARKS.iterdir())
        alive = [name for name in found if Path("/proc", name.rpartition(".")[2]).exists()]
        text = " ".join(name.partition(".")[0] for name in alive)
        model = str(input.config.get("model"))
        return TaskOutput({"text": text, "segments": [], "model": model})
"""
MODEL = """
config:
  properties:
    model: {type: string, default: tiny}
"""
PIPELINE = """
stages:
  - {{stage: transcribe, engine: {engine}, config: {config}}}
"""


class SmallEngines:
    """Folders of engines and pipelines, and the marks of the children that were loaded."""

    def __init__(self, folder: Path) -> None:
        self.engines = folder / "engines"
        self.pipelines = folder / "pipelines"
        self.marks = folder / "marks"
        for path in (self.engines, self.pipelines, self.marks):
            path.mkdir()

    def add(self, engine: str, megabytes: int, more: str = "") -> Path:
        """Write an engine of the stage `transcribe`, and a pipeline of it alone, of its name."""
        folder = self.engines / engine
        folder.mkdir()
        (folder / "engine.py").write_text(CODE)
        described = f"id: {engine}\nversion: '1'\nstage: transcribe\n{more}"
        if "needs:" not in more:
            described += f"needs: {{memory_mb: {megabytes}}}\n"
        (folder / "engine.yaml").write_text(described)
        self.add_pipeline(engine, engine)
        return folder

    def add_pipeline(self, name: str, engine: str, config: str = "{}") -> None:
        """Write a pipeline of one engine."""
        text = PIPELINE.format(engine=engine, config=config)
        (self.pipelines / f"{name}.yaml").write_text(text)

    def settings(self, default: str, megabytes: int, **more: str) -> dict[str, str]:
        """Return what a server needs to know them."""
        return {
            "DALSTON_ENGINES": str(self.engines),
            "DALSTON_PIPELINES": str(self.pipelines),
            "DALSTON_PIPELINE": default,
            "DALSTON_ENGINE_MEMORY_MB": str(megabytes),
            "TEST_MARKS": str(self.marks),
            **more,
        }

    def loaded(self, engine: str) -> list[int]:
        """Return the process ids of an engine's children that live."""
        return [pid for pid in self.ever_loaded(engine) if is_alive(pid)]

    def ever_loaded(self, engine: str) -> list[int]:
        """Return the process ids of all children that an engine has had."""
        return [int(path.name.rpartition(".")[2]) for path in self.marks.glob(f"{engine}.*")]
