"""Every message survives its way through JSON, and unknown ones are recognised as such."""

from __future__ import annotations

from typing import Any

import pytest

from dalston.common.messages import (
    Event,
    JobCreated,
    QueueEntry,
    TaskCompleted,
    TaskErrored,
    TaskReleased,
    TaskStarted,
    decode_entry,
    decode_event,
    encode,
)
from dalston.common.models import Failure

ATTEMPT: dict[str, Any] = {
    "job_id": "job_000000000000",
    "task_id": "task_0000000000000000",
    "hand_out": 2,
    "token": "0123456789ab",
    "instance": "engine-1",
}
EVENTS: list[Event] = [
    JobCreated("job_000000000000"),
    TaskStarted(**ATTEMPT),
    TaskCompleted(**ATTEMPT),
    TaskErrored(**ATTEMPT, error=Failure("code", "text", retryable=True)),
    TaskReleased(**ATTEMPT),
]
ENTRY = QueueEntry(
    task_id="task_0000000000000000",
    hand_out=1,
    job_id="job_000000000000",
    engine_id="some-engine",
    stage="transcribe",
    audio="jobs/job_000000000000/audio/original.wav",
    audio_bytes=1,
    inputs={},
    config={"b": 1, "a": 2},
)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_events_round_trip(event: Event) -> None:
    assert decode_event(encode(event)) == event


def test_entries_round_trip_and_are_always_the_same_bytes() -> None:
    decoded = decode_entry(encode(ENTRY))
    assert decoded == ENTRY
    assert encode(decoded) == encode(ENTRY)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b'{"type": "task.exploded", "job_id": "job_000000000000"}',
        encode(JobCreated("job_000000000000", v=99)),
        encode(ENTRY),
    ],
)
def test_unknown_events_are_not_taken_for_known_ones(data: bytes) -> None:
    assert decode_event(data) is None


@pytest.mark.parametrize("data", [b"", b"{}", b'{"v": 2, "task_id": 1}', encode(EVENTS[1])])
def test_unknown_entries_are_not_taken_for_known_ones(data: bytes) -> None:
    assert decode_entry(data) is None
