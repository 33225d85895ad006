"""What an engine is written with: `Engine`, `TaskInput`, `TaskOutput` and `TaskFailed`.

This module imports the standard library only, because every engine's child process loads it.
"""

from dalston.engine_sdk.base import Engine
from dalston.engine_sdk.types import TaskFailed, TaskInput, TaskOutput

__all__ = ["Engine", "TaskFailed", "TaskInput", "TaskOutput"]
