"""What an owner has left, as the answers say it.

The headers are those of draft-ietf-httpapi-ratelimit-headers (`RateLimit-Policy`, `RateLimit`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from dalston.common.access import Caller, Limits
from dalston.common.errors import AudioLimitError, LimitReachedError, TooManyRequestsError
from dalston.db.admission import JOBS_WAIT
from dalston.db.limits import take_requests
from dalston.db.session import Database
from dalston.db.usage import Usage
from dalston.gateway.services.batches import Batches

_MOST_REQUESTS = 1000
"""Counted in one transaction."""


class Quota(msgspec.Struct, frozen=True):
    """One limit.

    Attributes:
        name: `requests`, `jobs` or `audio` (seconds).
        most: The limit.
        left: What is left of it.
        window: Seconds that it holds for; None where time doesn't matter.
        reset: Seconds until it is whole again.
    """

    name: str
    most: int
    left: int
    window: int | None
    reset: int


def headers_for(quotas: Sequence[Quota]) -> dict[str, str]:
    """Return the headers that tell of some quotas."""
    if not quotas:
        return {}
    policies = [
        f'"{one.name}";q={one.most}' + ("" if one.window is None else f";w={one.window}")
        for one in quotas
    ]
    states = [f'"{one.name}";r={one.left};t={one.reset}' for one in quotas]
    return {"RateLimit-Policy": ", ".join(policies), "RateLimit": ", ".join(states)}


def spent(error: LimitReachedError) -> Quota:
    """Return the limit that an error is about."""
    return Quota(error.quota, error.most, 0, error.window, error.retry_after)


def quotas_of(limits: Limits, used: Usage) -> list[Quota]:
    """Return what is left of the limits that a job counts for."""
    quotas = []
    if limits.running_jobs is not None:
        left = max(0, limits.running_jobs - used.jobs)
        quotas.append(Quota("jobs", limits.running_jobs, left, None, JOBS_WAIT))
    if limits.audio_seconds_per_day is not None:
        most = int(limits.audio_seconds_per_day)
        left = max(0, int(most - used.audio_seconds))
        quotas.append(Quota("audio", most, left, AudioLimitError.window, used.rest_of_day))
    return quotas


class RequestCounter:
    """Counts requests of owners that have a limit on them, many in one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._requests: Batches[Caller, Quota] = Batches(self._count, _MOST_REQUESTS)

    async def count(self, caller: Caller) -> list[Quota]:
        """Count a request, and say how many are left.

        Raises:
            TooManyRequestsError: It is one too many.
        """
        if caller.limits.requests_per_minute is None:
            return []
        return [await self._requests.add(caller)]

    async def _count(self, callers: Sequence[Caller]) -> list[Quota | Exception]:
        asked: dict[str, tuple[int, int]] = {}
        for caller in callers:
            count, _ = asked.get(caller.owner, (0, 0))
            asked[caller.owner] = (count + 1, caller.limits.requests_per_minute or 1)
        async with self._database.write() as connection:
            granted = await take_requests(connection, asked)
        answers: list[Quota | Exception] = []
        place = dict.fromkeys(asked, 0)
        for caller in callers:
            place[caller.owner] += 1
            one, most = granted[caller.owner], asked[caller.owner][1]
            if place[caller.owner] > one.count:
                answers.append(_too_many(most, math.ceil(one.wait)))
            else:
                left = one.left + one.count - place[caller.owner]
                answers.append(
                    Quota(
                        "requests", most, left, TooManyRequestsError.window, math.ceil(one.refill)
                    )
                )
        return answers


def _too_many(most: int, wait: int) -> TooManyRequestsError:
    return TooManyRequestsError(
        f"You may send {most} requests in a minute. Send the next one in {max(1, wait)} s.",
        most=most,
        retry_after=max(1, wait),
    )
