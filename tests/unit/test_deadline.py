"""How long a task may take."""

from __future__ import annotations

from dalston.common.engine_spec import Limits, Retries
from dalston.engine_sdk.deadline import Pace, deadline_seconds

LIMITS = Limits(base_seconds=10, seconds_per_audio_second=2)


def test_the_deadline_grows_with_the_audio() -> None:
    hour = {"prepare": {"duration": 3600.0}}
    assert deadline_seconds(LIMITS, 1, hour) == 10 + 2 * 3600
    assert deadline_seconds(LIMITS, 1, {"prepare": {"duration": 0}}) == 10


def test_without_a_duration_the_size_bounds_it() -> None:
    assert deadline_seconds(LIMITS, 1_000_000, {"other": ["no dict"]}) == 10 + 2 * 1000


def test_the_next_input_is_fetched_when_the_end_is_near() -> None:
    pace = Pace()
    assert not pace.ends_soon(1.0, None)
    assert not pace.ends_soon(10.0, (1.0, 100.0))
    assert pace.ends_soon(10.0, (90.0, 100.0))
    pace.add(20.0)
    assert not pace.ends_soon(1.0, None)
    assert pace.ends_soon(18.0, None)


def test_a_chunk_has_the_time_that_its_own_length_gives() -> None:
    ten_hours = {"prepare": {"duration": 36000.0}}
    assert deadline_seconds(LIMITS, 1, ten_hours, audio_seconds=30.0) == 10 + 2 * 30


def test_pauses_grow_up_to_a_limit_and_are_spread() -> None:
    retries = Retries(first_seconds=1, factor=3, longest_seconds=10, jitter=0.5)
    assert [retries.pause(failures, 0.5) for failures in (1, 2, 3, 4, 1000)] == [1, 3, 9, 10, 10]
    assert (retries.pause(4, 0.0), retries.pause(4, 1.0)) == (5.0, 15.0)
