"""The one class that an engine's author derives from.

Only the standard library is imported here: this is loaded in every engine's child.
"""

from __future__ import annotations

import inspect
import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dalston.engine_sdk.types import TaskInput, TaskOutput

SetupSink = Callable[[str, float | None, float | None], None]


class Engine(ABC):
    """One stage of speech processing, knowing nothing of queues, databases or stores.

    The constructor takes no arguments and does nothing slow; a model is loaded in `setup()`.
    The same object serves many tasks, one after the other, in a process of its own.

    Attributes:
        id: The engine's id, from its `engine.yaml`.
        version: Its version, from its `engine.yaml`.
        config: Its configuration: the defaults of `engine.yaml` and what the server's
            settings say. A task's own configuration is in `TaskInput.config`.
    """

    id: str = ""
    version: str = ""
    config: dict[str, Any]
    _setup_sink: SetupSink | None = None

    @abstractmethod
    def process(self, input: TaskInput) -> TaskOutput:  # noqa: A002 - named as the contract names it
        """Do the work of one task.

        Args:
            input: The audio, what earlier stages found, and the configuration.

        Returns:
            The stage's result.

        Raises:
            TaskFailed: The work can't be done; says whether a retry helps.
        """

    def setup(self) -> None:  # noqa: B027 - optional on purpose
        """Load what all tasks need, once, before the first task. May take its time."""

    def close(self) -> None:  # noqa: B027 - optional on purpose
        """Let go of what `setup` took, when the process ends in an orderly way."""

    def setup_progress(
        self, message: str, done: float | None = None, total: float | None = None
    ) -> None:
        """Say what `setup` is doing, for the log and for `/health/ready`.

        Args:
            message: For people: `downloading model base`.
            done: What is finished, in any unit, if that is known.
            total: All of it, in the same unit, if that is known.
        """
        if self._setup_sink is not None:
            self._setup_sink(message, done, total)

    def run(self) -> None:
        """Serve this engine's queue until the process is told to stop. Does not return.

        The process becomes `dalston engine run FOLDER`: a supervisor that never imports the
        engine, and a child that does.
        """
        folder = Path(inspect.getfile(type(self))).resolve().parent
        arguments = [sys.executable, "-P", "-m", "dalston", "engine", "run", str(folder)]
        os.execv(sys.executable, arguments)  # noqa: S606 - our own interpreter, no shell
