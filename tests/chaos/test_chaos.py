"""A short run of `make chaos`: whatever dies, each job ends once, with a text or a reason."""

from __future__ import annotations

import os
import random

import pytest

from tests.chaos.run import Plan, run

SEED = int(os.environ.get("TEST_SEED", "0")) or random.randrange(10**6)


@pytest.mark.timeout(300)
def test_every_job_ends_once_whatever_dies() -> None:
    print(f"TEST_SEED={SEED}")
    account = run(Plan(SEED, jobs=150, seconds=25.0))
    print(account)

    assert account.complaints() == {}
    assert account.statuses["completed"] > 100
    assert sum(account.faults.values()) > 10
