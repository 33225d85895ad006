"""Which outputs an engine's runner puts into the store, and which into the lease."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from dalston.common.messages import TaskCompleted
from dalston.common.storage import output_path
from tests.support.runner_bench import Bench


@pytest.mark.parametrize(
    ("small_bytes", "options", "has_object"),
    [
        pytest.param(1000, {}, False, id="small"),
        pytest.param(10, {}, True, id="larger than allowed"),
        pytest.param(0, {}, True, id="of an orchestrator that knows nothing of it"),
        pytest.param(1000, {"keep": True}, True, id="with a file"),
        pytest.param(1000, {"slow": 0.3}, True, id="of long work"),
    ],
)
async def test_only_small_outputs_of_quick_tasks_have_no_object(
    bench: Bench, small_bytes: int, options: dict[str, Any], has_object: bool
) -> None:
    entry = msgspec.structs.replace(await bench.entry(**options), small_bytes=small_bytes)
    async with bench.running():
        await bench.publish(entry)
        await bench.completed(entry)

        [event] = bench.of(TaskCompleted, entry)
        assert isinstance(event, TaskCompleted)
        assert event.small is not has_object
        path = output_path(entry.job_id, entry.task_id, event.folder)
        assert await bench.store.exists(path) is has_object
        lease = (await bench.queue.leases([entry.task_id]))[entry.task_id]
        assert lease.outcome is not None
        kept = lease.outcome.output
        assert (kept is None) is has_object
        assert kept is None or msgspec.json.decode(kept)["id"] == entry.task_id
