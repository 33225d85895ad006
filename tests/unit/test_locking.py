"""A locked row follows the table of transitions, and nothing else."""

from __future__ import annotations

from itertools import product

import pytest

from dalston.common.messages import Attempt
from dalston.common.models import TASK_TRANSITIONS, TaskStatus
from dalston.db.locking import LockedTask

ATTEMPT = Attempt(job_id="job_1", task_id="task_1", hand_out=1, token="a", instance="engine")


def row(status: TaskStatus) -> LockedTask:
    return LockedTask(
        id="task_1",
        job_id="job_1",
        engine_id="some-engine",
        status=status,
        hand_out=1,
        token=None,
        instance=None,
        failures=0,
        losses=0,
        restarts=0,
        final=True,
        optional=False,
        expands=False,
    )


@pytest.mark.parametrize(("before", "after"), list(product(TaskStatus, TaskStatus)))
def test_a_row_moves_only_as_the_table_says(before: TaskStatus, after: TaskStatus) -> None:
    task = row(before)
    if after in TASK_TRANSITIONS[before]:
        task.move(after, ATTEMPT)
        assert task.status is after
    else:
        with pytest.raises(ValueError, match=f"from {before} to {after}"):
            task.move(after, ATTEMPT)
        assert task.status is before
