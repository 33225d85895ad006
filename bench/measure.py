"""One round of measurements on one server."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field

from bench import processes
from bench.load import all_at_once, one_by_one
from bench.targets import Target

SUBMITTERS = 32
_WARM_UP = 20
_IDLE_SECONDS = 2.0


@dataclass(frozen=True)
class Plan:
    """How much is measured in a round.

    Attributes:
        single: Jobs that are submitted one after the other.
        many: Jobs that are submitted by all clients at once.
    """

    single: int
    many: int


@dataclass
class Round:
    """What a round found.

    Attributes:
        p50: Milliseconds from the submission to the transcript of half of the single jobs, at most.
        p95: Likewise, of 95 in a hundred.
        rate: Jobs per second with all clients.
        cpu: Processor milliseconds per job, by role.
        idle_cpu: Processor milliseconds in each second without any job.
        memory: Resident megabytes after the load, by role.
    """

    p50: float
    p95: float
    rate: float
    idle_cpu: float = 0.0
    cpu: Mapping[str, float] = field(default_factory=dict)
    memory: Mapping[str, float] = field(default_factory=dict)


async def warm_up(target: Target) -> None:
    """Have every process of a server do its first jobs unmeasured."""
    await all_at_once(target.url, _WARM_UP, 4, target.submit, target.collect)


async def measure(target: Target, plan: Plan) -> Round:
    """Measure a running server once."""
    before = processor_seconds(target)
    await asyncio.sleep(_IDLE_SECONDS)
    idle = sum(since(before, target).values()) / _IDLE_SECONDS

    taken = await one_by_one(target.url, plan.single, target.submit, target.collect)
    percentiles = statistics.quantiles(taken, n=20)

    before = processor_seconds(target)
    rate = await all_at_once(target.url, plan.many, SUBMITTERS, target.submit, target.collect)
    used = since(before, target)
    return Round(
        p50=1000 * statistics.median(taken),
        p95=1000 * percentiles[18],
        rate=rate,
        idle_cpu=1000 * idle,
        cpu={role: 1000 * seconds / plan.many for role, seconds in used.items()},
        memory=memory(target),
    )


def processor_seconds(target: Target) -> dict[str, float]:
    """Return the processor seconds used so far by role, nothing where that can't be known."""
    if not processes.AVAILABLE:
        return {}
    return processes.processor_seconds(target.process_id, target.role_of)


def since(before: Mapping[str, float], target: Target) -> dict[str, float]:
    """Return the processor seconds used since an earlier look, by role."""
    now = processor_seconds(target)
    return {role: seconds - before.get(role, 0.0) for role, seconds in now.items()}


def memory(target: Target) -> dict[str, float]:
    """Return the resident megabytes by role, nothing where that can't be known."""
    if not processes.AVAILABLE:
        return {}
    return processes.resident_megabytes(target.process_id, target.role_of)
