"""A gateway that asks for keys, on each deployment."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.deployment import Deployment
from tests.support.stack import Stack, running


@pytest.fixture
def stack(deployment: Deployment) -> Iterator[Stack]:
    """A migrated database; what is accepted stays pending unless a test starts who works."""
    with running(deployment, DALSTON_PIPELINE="stub") as stack:
        stack.migrate()
        yield stack
