"""New tasks of a plan."""

from __future__ import annotations

from sqlalchemy import insert

from dalston.db.definitions.parameters import given
from dalston.db.definitions.tables import edges, tasks

_TASK_VALUES = (
    "id job_id stage index engine_id status rank final config audio_from part optional expands"
)
NEW_TASK = insert(tasks).values(
    **given(tasks, _TASK_VALUES), hand_out=1, failures=0, losses=0, restarts=0
)
NEW_EDGE = insert(edges).values(**given(edges, "task_id after_id"))
