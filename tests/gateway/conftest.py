"""The gateway's parts on each deployment, in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from dalston.common.engine_spec import Catalog
from dalston.common.events import EventBus
from dalston.common.queue import TaskQueue
from dalston.common.redis import connect
from dalston.db.migrate import migrate
from dalston.gateway.parts import Parts
from dalston.gateway.services.acceptance import Acceptance
from tests.support.deployment import Deployment
from tests.support.gateway import WatchedDatabase


@pytest.fixture
async def database(deployment: Deployment) -> AsyncIterator[WatchedDatabase]:
    """The deployment's database, migrated."""
    database = WatchedDatabase(deployment.database_url)
    await migrate(database)
    yield database
    await database.close()


@pytest.fixture
async def parts(deployment: Deployment, database: WatchedDatabase) -> AsyncIterator[Parts]:
    """What the gateway stands on."""
    redis = connect(deployment.redis_url)
    yield Parts(
        database=database,
        queue=TaskQueue(redis),
        events=EventBus(redis),
        store=deployment.store(),
        catalog=Catalog({}, {}),
        default_pipeline="stub",
        max_upload_bytes=1_000_000,
        body_timeout_seconds=5.0,
    )
    await redis.aclose()


@pytest.fixture
async def acceptance(parts: Parts) -> AsyncIterator[Acceptance]:
    """What makes jobs of stored recordings."""
    acceptance = Acceptance(parts)
    yield acceptance
    await acceptance.close()
