"""The shapes of `/health` on the wire, for the generated documentation alone."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

_READY_EXAMPLE: JsonDict = {
    "status": "ready",
    "checks": {
        "database": {"status": "ok"},
        "redis": {"status": "ok"},
        "store": {"status": "ok"},
    },
    "engines": {"stub-transcriber": {"state": "ready", "slots": 1, "instances": 1}},
    "default_pipeline": "default",
}


class Health(BaseModel):
    """The process answers."""

    status: Literal["ok"] = Field(examples=["ok"])


class Check(BaseModel):
    """Whether a part answers."""

    status: Literal["ok", "unavailable"]
    message: str | None = None


class EngineState(BaseModel):
    """What an engine is doing.

    `idle` means that its model is loaded for the next task, `absent` that nobody runs it.
    """

    state: Literal["ready", "idle", "loading", "failed", "absent"]
    slots: int = Field(description="Tasks that can be worked on at the same time.")
    instances: int
    message: str | None = None
    code: str | None = Field(default=None, description="Why it failed, for programs.")
    progress: float | None = Field(default=None, description="0 to 1, while it loads.")


class Readiness(BaseModel):
    """Whether the server can work."""

    model_config = ConfigDict(json_schema_extra={"examples": [_READY_EXAMPLE]})

    status: Literal["ready", "unavailable"]
    checks: dict[Literal["database", "redis", "store"], Check]
    engines: dict[str, EngineState]
    default_pipeline: str
