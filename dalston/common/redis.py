"""The Redis client from a URL, and the name of every key and channel."""

from __future__ import annotations

from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from dalston.common.errors import ConfigurationError

EVENTS = "dalston:events"
"""Stream of events for the orchestrators, and pub/sub channel of the same for listeners."""
EVENT_GROUP = "orchestrators"
LEASES = "dalston:lease:"
"""Begins the key of each lease."""
STEADY = "dalston:steady"
"""Creation time of this key, by Redis's clock: since when Redis has been undisturbed."""
HEALTH = "dalston:health"
"""Written to find out whether Redis takes anything."""

SOCKET_TIMEOUT_SECONDS = 5.0
"""A blocking read must ask for less than this."""


def connect(url: str) -> Redis:
    """Return a client; nothing is sent before the first command.

    Args:
        url: `redis://`, `rediss://` or `unix://`.

    Raises:
        ConfigurationError: It isn't one.
    """
    try:
        client: Redis = Redis.from_url(
            url,
            socket_timeout=SOCKET_TIMEOUT_SECONDS,
            socket_connect_timeout=2.0,
            retry=Retry(NoBackoff(), 0),
            health_check_interval=0,
        )
    except ValueError:
        # Its text may hold a part of the password.
        raise ConfigurationError(
            "REDIS_URL is not a URL that begins with redis://, rediss:// or unix:// and has a port "
            "up to 65535, if any. Write / # ? @ in its password as %2F %23 %3F %40."
        ) from None
    parts = urlsplit(url)
    database = parts.path.strip("/")
    if parts.scheme != "unix" and database and not database.isdecimal():
        # The client would take the database 0, which may be another server's.
        raise ConfigurationError(
            "REDIS_URL ends in a name, and Redis has numbers of databases: redis://host:6379/0. "
            "Correct it."
        )
    return client


async def check(client: Redis) -> None:
    """Find out whether Redis takes what it is given: one that is full, or a replica, has a PONG.

    Raises:
        RedisError: It doesn't; likewise OSError.
    """
    await client.set(HEALTH, "", px=1000)


def in_words(error: BaseException) -> str:
    """Return for the log what went wrong: of Redis's errors `repr` tells no more than the kind."""
    if isinstance(error, RedisError):
        return f"{type(error).__name__}({str(error)!r})"
    return repr(error)


def queue_key(engine_id: str) -> str:
    """List of the entries that wait for an engine."""
    return f"dalston:queue:{engine_id}"


def backlog_key(engine_id: str) -> str:
    """Mark of an engine that has more ready tasks than its queue may hold."""
    return f"dalston:backlog:{engine_id}"


def lease_key(task_id: str) -> str:
    """Hash of the lease of the task's current attempt."""
    return f"{LEASES}{task_id}"


def job_tasks_key(job_id: str) -> str:
    """Set of a running job's tasks, for whoever looks into Redis."""
    return f"dalston:job:{job_id}:tasks"


def job_channel(job_id: str) -> str:
    """Pub/sub channel of one job."""
    return f"dalston:job:{job_id}"


def engine_key(engine_id: str) -> str:
    """Set of the names of an engine's live instances."""
    return f"dalston:engine:{engine_id}"


def instance_key(engine_id: str, instance: str) -> str:
    """JSON of one live engine instance; expires when it stops renewing it."""
    return f"dalston:engine:{engine_id}:{instance}"
