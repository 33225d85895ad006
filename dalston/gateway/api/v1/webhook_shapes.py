"""What the generated documentation says about webhooks: shapes with examples, and summaries."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from dalston.common.webhooks import DeliveryState
from dalston.gateway.api.envelope import errors

_TAGS = ["webhooks"]
_WEBHOOK: JsonDict = {
    "id": "wh_5d0e8c1f7a2b4c6d8e9f0a1b",
    "url": "https://example.org/dalston",
    "created_at": "2026-01-05T09:30:00.120000Z",
    "disabled_at": None,
}
_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="  # noqa: S105 - an example
_DELIVERY: JsonDict = {
    "id": "msg_0a1b2c3d4e5f60718293a4b5",
    "job_id": "job_3f9a1c0b7d2e",
    "webhook_id": "wh_5d0e8c1f7a2b4c6d8e9f0a1b",
    "url": "https://example.org/dalston",
    "event": "transcription.completed",
    "state": "delivered",
    "attempts": 1,
    "created_at": "2026-01-05T09:31:12.480000Z",
    "due_at": None,
    "last_attempt_at": "2026-01-05T09:31:12.910000Z",
    "delivered_at": "2026-01-05T09:31:13.020000Z",
    "last_status": 204,
    "last_error": None,
}


def _example(value: JsonDict) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [value]})


class WebhookShape(BaseModel):
    """A registered endpoint."""

    model_config = _example(_WEBHOOK)

    id: str
    url: str
    created_at: datetime
    disabled_at: datetime | None = Field(
        default=None, description="Since when it is told nothing, because it has answered with 410."
    )


class NewWebhookShape(WebhookShape):
    """The same with its secret, which is shown this once."""

    model_config = _example({**_WEBHOOK, "secret": _SECRET})

    secret: str


class WebhookList(BaseModel):
    """All registered endpoints, the oldest first."""

    model_config = _example({"webhooks": [_WEBHOOK]})

    webhooks: list[WebhookShape]


class SecretShape(BaseModel):
    """What signs messages to addresses that aren't registered."""

    model_config = _example({"secret": _SECRET})

    secret: str


class DeliveryShape(BaseModel):
    """A message to one receiver."""

    model_config = _example(_DELIVERY)

    id: str = Field(description="As in the header webhook-id.")
    job_id: str
    webhook_id: str | None = Field(
        default=None, description="Null where the job itself named the address."
    )
    url: str
    event: str
    state: DeliveryState
    attempts: int
    created_at: datetime
    due_at: datetime | None = Field(default=None, description="When it is tried next.")
    last_attempt_at: datetime | None = None
    delivered_at: datetime | None = None
    last_status: int | None = Field(default=None, description="HTTP status of the last answer.")
    last_error: str | None = Field(default=None, description="Why the last try failed.")


class DeliveryList(BaseModel):
    """A page of deliveries, the newest first."""

    model_config = _example({"deliveries": [_DELIVERY], "next_cursor": None})

    deliveries: list[DeliveryShape]
    next_cursor: str | None = None


_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["url"],
                    "additionalProperties": False,
                    "properties": {
                        "url": {
                            "type": "string",
                            "maxLength": 2048,
                            "description": "Where it is told; https unless more is permitted.",
                            "examples": [_WEBHOOK["url"]],
                        }
                    },
                }
            }
        },
    }
}
_NO_WEBHOOK = errors({404: "No such webhook"})
_NO_DELIVERY = errors({404: "No such delivery"})
_NO_SECRET = errors({409: "The server has no secret to sign with"})
_REFUSED = errors(
    {
        400: "The body or the address is wrong",
        408: "The body stopped arriving",
        409: "The server has no secret to sign with, or as many are registered as may be",
        413: "The body is too large",
        415: "Not application/json",
    }
)

TOLD: dict[str, dict[str, Any]] = {
    "create_webhook": {
        "summary": "Register a webhook",
        "tags": _TAGS,
        "status_code": 201,
        "response_model": NewWebhookShape,
        "responses": _REFUSED,
        "openapi_extra": _BODY,
    },
    "list_webhooks": {"summary": "List webhooks", "tags": _TAGS, "response_model": WebhookList},
    "read_webhook": {
        "summary": "Read a webhook",
        "tags": _TAGS,
        "response_model": WebhookShape,
        "responses": _NO_WEBHOOK,
    },
    "delete_webhook": {
        "summary": "Remove a webhook",
        "tags": _TAGS,
        "status_code": 204,
        "responses": _NO_WEBHOOK,
    },
    "exchange_webhook_secret": {
        "summary": "Give a webhook another secret",
        "tags": _TAGS,
        "response_model": NewWebhookShape,
        "responses": _NO_WEBHOOK | _NO_SECRET,
    },
    "read_webhook_secret": {
        "summary": "Read the secret for addresses that aren't registered",
        "tags": _TAGS,
        "response_model": SecretShape,
        "responses": _NO_SECRET,
    },
    "list_webhook_deliveries": {
        "summary": "List what has been told and what is to be",
        "tags": _TAGS,
        "response_model": DeliveryList,
        "responses": errors({400: "A parameter is wrong"}),
    },
    "read_webhook_delivery": {
        "summary": "Read a delivery",
        "tags": _TAGS,
        "response_model": DeliveryShape,
        "responses": _NO_DELIVERY,
    },
    "resend_webhook_delivery": {
        "summary": "Send a message once more",
        "tags": _TAGS,
        "status_code": 202,
        "response_model": DeliveryShape,
        "responses": _NO_DELIVERY,
    },
}
"""What the documentation says of an operation, by the name of its handler."""
