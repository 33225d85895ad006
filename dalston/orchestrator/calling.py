"""One call of a receiver: to an address that may be called, for a bounded time, and no further."""

from __future__ import annotations

import asyncio
import time
from enum import StrEnum

import httpcore
import httpx
import structlog

import dalston
from dalston.common.addresses import CalledUrl, check_url, resolve
from dalston.common.errors import ForbiddenAddressError, InvalidUrlError, UnresolvedHostError
from dalston.common.webhooks import (
    Signer,
    WebhookPolicy,
    body_of,
    signed_headers,
    signer_of_owner,
)
from dalston.db.outbox import Claimed, Tried
from dalston.orchestrator.brief_answers import BriefAnswers

log = structlog.get_logger(__name__)

_CONNECT_SECONDS = 5.0
_ADDRESSES = 3
"""Of a host with more, so many are tried."""


class Refusal(StrEnum):
    """Why a try failed; docs/clients/webhooks.md says what to do about each."""

    NOT_ACCEPTED = "not_accepted"
    """The answer's status isn't 2xx."""
    REDIRECTED = "redirected"
    GONE = "gone"
    TIMED_OUT = "timed_out"
    NOT_CONNECTED = "not_connected"
    UNRESOLVED_HOST = UnresolvedHostError.code
    FORBIDDEN_ADDRESS = ForbiddenAddressError.code
    INVALID_URL = InvalidUrlError.code


class Caller:
    """Sends messages. Whoever made it closes it.

    Args:
        policy: How receivers may be called.
    """

    def __init__(self, policy: WebhookPolicy) -> None:
        self._policy = policy
        # No connection is kept: it would be known by its address, and many hosts share one. Unlike
        # a client, a pool keeps no cookies either, follows nobody, and asks no proxy of the
        # environment, which would look the host up again.
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=httpx.create_ssl_context(),
            max_connections=None,
            max_keepalive_connections=0,
            network_backend=BriefAnswers(),
        )

    async def close(self) -> None:
        """Close what is open."""
        await self._pool.aclose()

    async def send(self, claimed: Claimed) -> Tried:
        """Send a message once; whatever goes wrong is an outcome too."""
        try:
            async with asyncio.timeout(self._policy.timeout_seconds):
                status = await self._send(claimed)
        except TimeoutError:
            return Tried(claimed, Refusal.TIMED_OUT)
        except (ForbiddenAddressError, InvalidUrlError, UnresolvedHostError) as error:
            return Tried(claimed, error.code)
        except Exception as error:  # noqa: BLE001 - what isn't counted would be tried for ever
            log.info("webhook_not_connected", message_id=claimed.id, reason=type(error).__name__)
            return Tried(claimed, Refusal.NOT_CONNECTED)
        return _judge(claimed, status)

    async def _send(self, claimed: Claimed) -> int:
        policy = self._policy
        allow = policy.allow_private
        url = check_url(claimed.url, allow_private=allow, schemes=policy.schemes)
        addresses = await resolve(url, allow_private=allow, seconds=policy.timeout_seconds)
        *others, last = addresses[:_ADDRESSES]
        for address in others:
            try:
                return await self._post(url, address, claimed)
            except (httpcore.ConnectError, httpcore.ConnectTimeout, OSError):
                continue
        return await self._post(url, last, claimed)

    async def _post(self, url: CalledUrl, address: str, claimed: Claimed) -> int:
        body = body_of(claimed.event, claimed.created_at, claimed.data)
        headers = {
            "Host": url.authority,
            "Accept": "*/*",
            "Content-Type": "application/json",
            "User-Agent": f"Dalston/{dalston.__version__}",
            **signed_headers(self._policy, _signer(claimed), claimed.id, int(time.time()), body),
        }
        async with self._pool.stream(
            "POST",
            # Of a text httpcore would leave out what stands behind a `;` in it.
            httpcore.URL(scheme=url.scheme, host=address, port=url.port, target=url.path),
            content=body,
            headers=[(name.encode(), value.encode()) for name, value in headers.items()],
            # Each call has a deadline of its own, see above; another address may answer.
            extensions={"sni_hostname": url.host, "timeout": {"connect": _CONNECT_SECONDS}},
        ) as answer:
            # What it says beside its status is not even read.
            return int(answer.status)


def _signer(claimed: Claimed) -> Signer:
    if claimed.webhook_id is None:
        return signer_of_owner(claimed.owner)
    return Signer(claimed.webhook_id, claimed.generation, claimed.exchanging)


def _judge(claimed: Claimed, status: int) -> Tried:
    if httpx.codes.is_success(status):
        return Tried(claimed, None, status)
    if status == httpx.codes.GONE:
        return Tried(claimed, Refusal.GONE, status, gone=True)
    refusal = Refusal.REDIRECTED if httpx.codes.is_redirect(status) else Refusal.NOT_ACCEPTED
    return Tried(claimed, refusal, status)
