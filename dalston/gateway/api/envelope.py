"""How the generated documentation shows errors."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

_EXAMPLE: JsonDict = {
    "error": {
        "message": "The file has no bytes. Send a recording.",
        "type": "invalid_request_error",
        "param": "file",
        "code": "empty_file",
        "request_id": "req_0a1b2c3d4e5f6071",
    }
}


class ErrorBody(BaseModel):
    """What is in the envelope."""

    message: str = Field(description="For people: what is wrong and what to do.")
    type: str = Field(description="invalid_request_error or server_error.")
    param: str | None = Field(description="The field or parameter that is wrong, if one is.")
    code: str = Field(description="Stable, for programs; listed in docs/api.md.")
    request_id: str = Field(description="As in the header x-request-id and in the server's log.")
    job_id: str | None = Field(default=None, description="Of the job that it is about, if any.")


class Envelope(BaseModel):
    """Every error."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    error: ErrorBody


Responses = dict[int | str, dict[str, Any]]


def any_error(model: type[BaseModel]) -> Responses:
    """Return what is said for every route: else it would promise FastAPI's own shape."""
    return {"default": {"model": model, "description": "Any other error"}}


def errors(texts: dict[int, str], model: type[BaseModel] = Envelope) -> Responses:
    """Return what the documentation says about errors, by status."""
    return {code: {"model": model, "description": text} for code, text in texts.items()}
