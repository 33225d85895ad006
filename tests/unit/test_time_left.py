"""How long a job will take: nothing is said before it can be right to about a factor of two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import cycle, islice

import msgspec
import pytest

from dalston.common.models import Task
from dalston.gateway.services.progress import progress_of
from tests.unit.test_progress import BEGAN, DONE, RUNS, WAITS, job, task

CHUNK = 30.0
UNEVEN = (1.0, 0.6, 1.5, 0.9, 1.3, 0.7)
"""What chunks cost, in parts of the average one: speech is not equally dense."""


@dataclass(frozen=True)
class Run:
    """A job as it goes on: all times are seconds since it was planned."""

    costs: Sequence[float]
    engines: int = 1
    decoding: float = 0.5
    loading: float = 0.0
    """Of the model, after the engine has taken its first chunk."""

    def times(self) -> list[tuple[float, float]]:
        """Return when each chunk begins and ends."""
        free = [self.decoding] * self.engines
        found = []
        for number, cost in enumerate(self.costs):
            engine = free.index(min(free))
            begins = free[engine]
            free[engine] = begins + cost + (self.loading if number < self.engines else 0.0)
            found.append((begins, free[engine]))
        return found

    @property
    def end(self) -> float:
        """When all is done."""
        return max(end for _, end in self.times())

    def left(self, at: float, *more: Task, told: bool = True, share: float = 0.0) -> float | None:
        """Return the seconds that are said to be left at a moment."""
        tasks = [task("prepare", DONE), task("merge", WAITS), *more]
        shares = {one.id: share for one in more}
        for number, (begins, ends) in enumerate(self.times()):
            place = (CHUNK * number, CHUNK * (number + 1))
            status = DONE if ends <= at else RUNS if begins <= at else WAITS
            one = task("transcribe", status, number, place)
            started = BEGAN + timedelta(seconds=begins) if begins <= at else None
            completed = BEGAN + timedelta(seconds=ends) if ends <= at else None
            tasks.append(msgspec.structs.replace(one, started_at=started, completed_at=completed))
            if told and status is RUNS:
                spoken = self.costs[number]
                shares[one.id] = max(0.0, at - (ends - spoken)) / spoken
        return progress_of(job(), tasks, shares, BEGAN + timedelta(seconds=at)).eta_seconds


def uneven(count: int, seconds: float) -> list[float]:
    return [seconds * cost for cost in islice(cycle(UNEVEN), count)]


@pytest.mark.parametrize("told", [True, False], ids=["shares", "no shares"])
@pytest.mark.parametrize(
    "run",
    [
        Run(uneven(120, 2.0)),
        Run(uneven(120, 2.0), loading=15.0),
        Run(uneven(20, 60.0), loading=10.0),
        Run(uneven(120, 8.0), engines=4, loading=15.0, decoding=20.0),
        Run([*uneven(60, 8.0), *uneven(60, 5.5)]),
    ],
    ids=["steady", "loading", "slow", "four engines", "faster later"],
)
def test_what_is_said_is_right_to_a_factor_of_two_and_most_of_the_time_something_is(
    run: Run, *, told: bool
) -> None:
    moments = [run.end * share / 200 for share in range(1, 190)]
    said = {at: run.left(at, told=told) for at in moments}
    for at, left in said.items():
        if left is not None:
            assert (run.end - at) / 2 <= left <= 2 * (run.end - at), (at, run.end - at)
    assert len([at for at in moments if said[at] is not None]) > 0.6 * len(moments)


def test_of_a_short_recording_whose_model_is_loaded_first_nothing_wrong_is_said() -> None:
    """Found by a user: 100 seconds that took 17 had "2 min left"."""
    run = Run([1.6, 1.5, 1.7, 0.6], decoding=1.0, loading=10.0)
    said = [run.left(run.end * share / 100) for share in range(1, 100)]
    assert run.end == pytest.approx(16.4)
    assert max((left for left in said if left is not None), default=0.0) < 5.0


def test_a_stage_for_all_of_the_recording_counts_as_well() -> None:
    run = Run(uneven(20, 4.0))
    at = run.end / 2
    alone = run.left(at)
    assert alone is not None
    waits = task("diarize", WAITS)
    begun = msgspec.structs.replace(task("diarize", RUNS), started_at=BEGAN)
    assert run.left(at, waits) is None, "nobody knows what it will take"
    assert run.left(at, begun) is None, "it doesn't say how far it is"
    assert run.left(at, begun, share=0.25) == pytest.approx(3 * at)
    assert run.left(at, begun, share=0.99) == alone


def test_a_job_that_goes_on_and_one_that_is_being_cut_say_nothing() -> None:
    pieces = [
        msgspec.structs.replace(
            task("transcribe", DONE if number < 6 else WAITS, number, (number, number + 1.0)),
            started_at=BEGAN,
            completed_at=BEGAN + timedelta(seconds=number + 1) if number < 6 else None,
        )
        for number in range(12)
    ]
    now = BEGAN + timedelta(seconds=7)
    cutting = msgspec.structs.replace(task("prepare", RUNS), expands=True)
    resumed = msgspec.structs.replace(job(), resumed=1)

    def said(*front: Task, of: bool = False) -> float | None:
        return progress_of(resumed if of else job(), [*front, *pieces], {}, now).eta_seconds

    assert said(task("prepare", DONE)) == pytest.approx(7.0)
    assert said(cutting) is None
    assert said(task("prepare", DONE), of=True) is None
