"""Who wants to hear of the ends of jobs: registered endpoints, and what they have been told."""

from __future__ import annotations

from datetime import datetime

import msgspec
import structlog

from dalston.common.addresses import check_url
from dalston.common.errors import ConflictError, NotFoundError
from dalston.common.webhooks import (
    MESSAGE_ID,
    WEBHOOK_ID,
    Signer,
    WebhookPolicy,
    new_webhook_id,
    shown_secret,
    signer_of_owner,
)
from dalston.db import webhooks as rows
from dalston.db.limits import lock_owners
from dalston.db.session import Database
from dalston.db.webhooks import Delivery, Webhook

log = structlog.get_logger(__name__)

MOST_WEBHOOKS = 10
"""Of one owner: each makes a message of each job."""


class WebhookNotFoundError(NotFoundError):
    """No registered endpoint of that id."""

    code = "webhook_not_found"


class DeliveryNotFoundError(NotFoundError):
    """No delivery of that id, or no longer."""

    code = "delivery_not_found"


class TooManyWebhooksError(ConflictError):
    """As many endpoints are registered as may be."""

    code = "too_many_webhooks"


class WebhooksNotConfiguredError(ConflictError):
    """The server has no secret to sign with."""

    code = "webhooks_not_configured"


class NewSecret(msgspec.Struct, frozen=True):
    """An endpoint with its secret, which is shown this once."""

    webhook: Webhook
    secret: str


def check_receiver(policy: WebhookPolicy, url: str, param: str) -> str:
    """Return an address that may be told of a job's end, as it is kept.

    Args:
        policy: What it may be.
        url: As it was given.
        param: The field that it was given in.

    Raises:
        WebhooksNotConfiguredError: Nobody can be told.
        RequestError: The address isn't in order.
    """
    require_secret(policy)
    return check_url(
        url,
        allow_private=policy.allow_private,
        schemes=policy.schemes,
        param=param,
        permitted_by="DALSTON_WEBHOOK_ADDRESSES=any",
    ).url


def require_secret(policy: WebhookPolicy) -> None:
    """Refuse what can't be signed.

    Raises:
        WebhooksNotConfiguredError: There is nothing to sign with.
    """
    if not policy.secrets:
        raise WebhooksNotConfiguredError(
            "This server has no secret to sign webhooks with. Whoever runs it sets "
            "DALSTON_WEBHOOK_SECRET; until then, ask for the job."
        )


class WebhookService:
    """What the handlers call.

    Args:
        database: Has the endpoints and the deliveries.
        policy: How receivers may be called.
    """

    def __init__(self, database: Database, policy: WebhookPolicy) -> None:
        self._database = database
        self._policy = policy

    async def register(self, owner: str, url: str) -> NewSecret:
        """Register an endpoint, which hears of each job of its owner from now on.

        Raises:
            RequestError: The address isn't in order.
            TooManyWebhooksError: The owner has as many as may be.
        """
        kept = check_receiver(self._policy, url, "url")
        webhook_id = new_webhook_id()
        async with self._database.write() as connection:
            # Of two that would take the last place, the second one sees the first one.
            await lock_owners(connection, [owner])
            if await rows.count_webhooks(connection, owner) >= MOST_WEBHOOKS:
                raise TooManyWebhooksError(
                    f"You have {MOST_WEBHOOKS} endpoints, which is the most. Remove one first."
                )
            await rows.add_webhook(connection, webhook_id, owner, kept)
            webhook = await rows.find_webhook(connection, owner, webhook_id)
        log.info("webhook_registered", webhook_id=webhook_id)
        return self._with_secret(webhook, webhook_id)

    async def exchange_secret(self, owner: str, webhook_id: str) -> NewSecret:
        """Give an endpoint another secret; for a day the one before signs too.

        Raises:
            WebhookNotFoundError: The owner has none of that id.
        """
        _require_webhook_id(webhook_id)
        async with self._database.write() as connection:
            await rows.exchange_secret(connection, owner, webhook_id)
            webhook = await rows.find_webhook(connection, owner, webhook_id)
            return self._with_secret(webhook, webhook_id)

    def _with_secret(self, webhook: Webhook | None, webhook_id: str) -> NewSecret:
        if webhook is None:
            raise _no_webhook(webhook_id)
        require_secret(self._policy)
        signer = Signer(webhook.id, webhook.generation)
        return NewSecret(webhook, shown_secret(self._policy, signer))

    def owner_secret(self, owner: str) -> str:
        """Return what signs messages to the addresses that an owner's jobs name themselves.

        Raises:
            WebhooksNotConfiguredError: There is nothing to sign with.
        """
        require_secret(self._policy)
        return shown_secret(self._policy, signer_of_owner(owner))

    async def endpoints(self, owner: str) -> list[Webhook]:
        """Return an owner's endpoints, the oldest first."""
        async with self._database.read() as connection:
            return await rows.list_webhooks(connection, owner)

    async def find(self, owner: str, webhook_id: str) -> Webhook:
        """Return an owner's endpoint.

        Raises:
            WebhookNotFoundError: There is none of that id.
        """
        _require_webhook_id(webhook_id)
        async with self._database.read() as connection:
            webhook = await rows.find_webhook(connection, owner, webhook_id)
        if webhook is None:
            raise _no_webhook(webhook_id)
        return webhook

    async def remove(self, owner: str, webhook_id: str) -> None:
        """Remove an owner's endpoint; what it has not been told it never is.

        Raises:
            WebhookNotFoundError: There is none of that id.
        """
        _require_webhook_id(webhook_id)
        async with self._database.write() as connection:
            if await rows.find_webhook(connection, owner, webhook_id) is None:
                raise _no_webhook(webhook_id)
            await rows.remove_webhook(connection, owner, webhook_id)

    async def deliveries(
        self, owner: str, limit: int, before: tuple[datetime, str] | None, only: dict[str, str]
    ) -> list[Delivery]:
        """Return a page of an owner's deliveries, the newest first.

        Args:
            owner: Whose.
            limit: How many at most.
            before: Creation time and id of the last one of the page before.
            only: Values of `job_id`, `webhook_id` and `state` that they must have.
        """
        async with self._database.read() as connection:
            return await rows.list_deliveries(connection, owner, limit, before, only)

    async def delivery(self, owner: str, message_id: str) -> Delivery:
        """Return an owner's delivery.

        Raises:
            DeliveryNotFoundError: There is none of that id.
        """
        _require_message_id(message_id)
        async with self._database.read() as connection:
            return _there(await rows.find_delivery(connection, owner, message_id), message_id)

    async def send_again(self, owner: str, message_id: str) -> Delivery:
        """Have a message sent once more, however it ended.

        Raises:
            DeliveryNotFoundError: The owner has none of that id.
        """
        _require_message_id(message_id)
        async with self._database.write() as connection:
            _there(await rows.find_delivery(connection, owner, message_id), message_id)
            await rows.send_again(connection, message_id)
            return _there(await rows.find_delivery(connection, owner, message_id), message_id)


def _require_webhook_id(webhook_id: str) -> None:
    """Refuse what can't be an id, before a database sees it."""
    if not WEBHOOK_ID.fullmatch(webhook_id):
        raise _no_webhook("of that id")


def _require_message_id(message_id: str) -> None:
    if not MESSAGE_ID.fullmatch(message_id):
        _there(None, "of that id")


def _there(found: Delivery | None, message_id: str) -> Delivery:
    if found is None:
        raise DeliveryNotFoundError(
            f"There is no delivery {message_id}. It goes with its job; GET "
            f"/v1/webhook-deliveries lists what is there."
        )
    return found


def _no_webhook(webhook_id: str) -> WebhookNotFoundError:
    return WebhookNotFoundError(
        f"There is no webhook {webhook_id}. GET /v1/webhooks lists those that there are."
    )
