"""A database with one job, on each deployment."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from dalston.db.migrate import migrate
from dalston.db.session import Database
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
