"""`/v1/webhooks`: endpoints that hear of the ends of jobs, and what they have been told."""

from __future__ import annotations

import re
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from dalston.common.access import Scope
from dalston.common.models import JOB_ID
from dalston.common.webhooks import MESSAGE_ID, WEBHOOK_ID, DeliveryState
from dalston.db.webhooks import Delivery, Webhook
from dalston.gateway.api.operations import Operation, Parameters
from dalston.gateway.api.v1.cursors import decode_cursor, encode_cursor
from dalston.gateway.authentication import caller_of
from dalston.gateway.documents import read_document
from dalston.gateway.responses import JsonResponse
from dalston.gateway.services.webhooks import NewSecret, WebhookService

PATH = "/v1/webhooks"
SECRET = "/v1/webhook-secret"  # noqa: S105 - a path
DELIVERIES = "/v1/webhook-deliveries"
_WEBHOOK = f"{PATH}/{{webhook_id}}"
_DELIVERY = f"{DELIVERIES}/{{message_id}}"
_LONGEST_PAGE = 100


def _whole(kind: re.Pattern[str]) -> str:
    return rf"\A{kind.pattern}\Z"


class WebhookRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The endpoint that is to be registered."""

    url: str


class DeliveryParameters(Parameters, frozen=True):
    """Which deliveries are listed."""

    limit: Annotated[
        int,
        Meta(
            ge=1,
            le=_LONGEST_PAGE,
            description=f"a whole number from 1 to {_LONGEST_PAGE}: how many at most",
        ),
    ] = 20
    job_id: Annotated[
        Annotated[str, Meta(pattern=_whole(JOB_ID))] | UnsetType,
        Meta(description="the id of a job: only what is told of that"),
    ] = UNSET
    webhook_id: Annotated[
        Annotated[str, Meta(pattern=_whole(WEBHOOK_ID))] | UnsetType,
        Meta(description="the id of a webhook: only what is told to that"),
    ] = UNSET
    state: Annotated[
        DeliveryState | UnsetType,
        Meta(description=f"one of {', '.join(DeliveryState)}: only such deliveries"),
    ] = UNSET
    cursor: Annotated[
        Annotated[str, Meta(max_length=200)] | UnsetType,
        Meta(description="the next_cursor of the page before"),
    ] = UNSET


def _service(request: Request) -> WebhookService:
    service: WebhookService = request.app.state.webhooks
    return service


async def create_webhook(request: Request, _parameters: Parameters) -> Response:
    """Register an endpoint that hears of the end of each of your jobs. Its secret is shown once."""
    timeout = request.app.state.parts.body_timeout_seconds
    asked = await read_document(request, WebhookRequest, timeout)
    made = await _service(request).register(caller_of(request).owner, asked.url)
    headers = {"Location": f"{PATH}/{made.webhook.id}"}
    return JsonResponse(_shown_with_secret(made), 201, headers)


async def list_webhooks(request: Request, _parameters: Parameters) -> Response:
    """Return your registered endpoints, the oldest first."""
    found = await _service(request).endpoints(caller_of(request).owner)
    return JsonResponse({"webhooks": [_shown(webhook) for webhook in found]})


async def read_webhook(request: Request, _parameters: Parameters) -> Response:
    """Return a registered endpoint."""
    webhook_id = request.path_params["webhook_id"]
    return JsonResponse(_shown(await _service(request).find(caller_of(request).owner, webhook_id)))


async def delete_webhook(request: Request, _parameters: Parameters) -> Response:
    """Remove an endpoint with its deliveries; what it has not been told it never is."""
    await _service(request).remove(caller_of(request).owner, request.path_params["webhook_id"])
    return Response(status_code=204)


async def exchange_webhook_secret(request: Request, _parameters: Parameters) -> Response:
    """Give an endpoint another secret, shown once. For a day the one before signs too."""
    webhook_id = request.path_params["webhook_id"]
    made = await _service(request).exchange_secret(caller_of(request).owner, webhook_id)
    return JsonResponse(_shown_with_secret(made))


async def read_webhook_secret(request: Request, _parameters: Parameters) -> Response:
    """Return the secret that signs what goes to a `callback_url` which isn't registered."""
    secret = _service(request).owner_secret(caller_of(request).owner)
    return JsonResponse({"secret": secret}, headers={"Cache-Control": "no-store"})


async def list_webhook_deliveries(request: Request, parameters: DeliveryParameters) -> Response:
    """Return a page of deliveries; give `next_cursor` back as `cursor` for the next one."""
    before = None
    if parameters.cursor is not UNSET:
        before = decode_cursor(parameters.cursor, MESSAGE_ID)
    given = {
        "job_id": parameters.job_id,
        "webhook_id": parameters.webhook_id,
        "state": parameters.state,
    }
    only = {name: str(value) for name, value in given.items() if value is not UNSET}
    owner, limit = caller_of(request).owner, parameters.limit
    found = await _service(request).deliveries(owner, limit + 1, before, only)
    page = found[:limit]
    more = encode_cursor(page[-1]) if len(found) > len(page) else None
    return JsonResponse({"deliveries": [_told(one) for one in page], "next_cursor": more})


async def read_webhook_delivery(request: Request, _parameters: Parameters) -> Response:
    """Return a delivery: how often it was tried, and what came of the last try."""
    message_id = request.path_params["message_id"]
    return JsonResponse(
        _told(await _service(request).delivery(caller_of(request).owner, message_id))
    )


async def resend_webhook_delivery(request: Request, _parameters: Parameters) -> Response:
    """Send a message once more under its own id, however it ended."""
    message_id = request.path_params["message_id"]
    again = await _service(request).send_again(caller_of(request).owner, message_id)
    return JsonResponse(_told(again), 202, {"Location": f"{DELIVERIES}/{again.id}"})


def _shown(webhook: Webhook) -> dict[str, Any]:
    return {
        "id": webhook.id,
        "url": webhook.url,
        "created_at": webhook.created_at,
        "disabled_at": webhook.disabled_at,
    }


def _shown_with_secret(made: NewSecret) -> dict[str, Any]:
    return {**_shown(made.webhook), "secret": made.secret}


def _told(delivery: Delivery) -> dict[str, Any]:
    return msgspec.structs.asdict(delivery)


OPERATIONS = (
    Operation("POST", PATH, create_webhook),
    Operation("GET", PATH, list_webhooks),
    Operation("GET", _WEBHOOK, read_webhook),
    Operation("DELETE", _WEBHOOK, delete_webhook),
    Operation("POST", f"{_WEBHOOK}/secret", exchange_webhook_secret),
    # Whoever only reads transcripts has no need to be taken for the server.
    Operation("GET", SECRET, read_webhook_secret, scope=Scope.SUBMIT),
    Operation("GET", DELIVERIES, list_webhook_deliveries, DeliveryParameters),
    Operation("GET", _DELIVERY, read_webhook_delivery),
    Operation("POST", f"{_DELIVERY}/resend", resend_webhook_delivery),
)
