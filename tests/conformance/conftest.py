"""A database with one job, or queues alone, on each deployment."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from dalston.common.engine_spec import Catalog
from dalston.common.events import EventBus
from dalston.common.queue import TaskQueue
from dalston.common.redis import connect
from dalston.common.storage import ObjectStore
from dalston.db.migrate import migrate
from dalston.db.session import Database
from dalston.orchestrator.parts import Parts, Policy
from tests.support.board import Board
from tests.support.deployment import Deployment


@pytest.fixture
async def board(deployment: Deployment) -> AsyncIterator[Board]:
    """A job of two tasks, the second of which waits for the first; it is running."""
    database = Database(deployment.database_url)
    await migrate(database)
    board = Board(database)
    await board.set_up()
    yield board
    await database.close()


@pytest.fixture
def store(deployment: Deployment) -> ObjectStore:
    return deployment.store()


@pytest.fixture
def policy() -> Policy:
    return Policy()


@pytest.fixture
async def parts(
    deployment: Deployment, board: Board, store: ObjectStore, policy: Policy
) -> AsyncIterator[Parts]:
    """What an orchestrator stands on that knows no engine and no pipeline."""
    redis = connect(deployment.redis_url)
    queue, events = TaskQueue(redis), EventBus(redis)
    yield Parts(board.database, queue, events, store, Catalog({}, {}), policy)
    await redis.aclose()


@pytest.fixture
async def queue(deployment: Deployment) -> AsyncIterator[TaskQueue]:
    """The queues of a deployment, with no job anywhere."""
    redis = connect(deployment.redis_url)
    yield TaskQueue(redis)
    await redis.aclose()
