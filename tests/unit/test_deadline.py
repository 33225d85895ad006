"""How long a task may take."""

from __future__ import annotations

from dalston.common.engine_spec import Limits
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
