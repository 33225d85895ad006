"""The way of one recording, step by step, in the order in which it is walked.

Each role is started only when it is its turn, so that what it found and what it left can be
seen at rest.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from dalston.common.redis import EVENTS, job_tasks_key, queue_key
from tests.support.deployment import Deployment
from tests.support.stack import TRANSCRIPTIONS, Stack, running
from tests.support.waiting import until

STUB_OUTPUT = {
    "text": "This is a stub transcript. The system works!",
    "segments": [
        {"start": 0.0, "end": 2.0, "text": "This is a stub transcript."},
        {"start": 2.0, "end": 4.0, "text": "The system works!"},
    ],
    "language": "en",
}
STUB_TRANSCRIPT = {
    "text": STUB_OUTPUT["text"],
    "segments": STUB_OUTPUT["segments"],
    "speakers": [],
    "metadata": {"pipeline": ["stub-transcriber", "stub-merger"]},
}


def test_a_recording_becomes_a_transcript(deployment: Deployment, silence: Path) -> None:
    with running(deployment, DALSTON_PIPELINE="stub") as stack:
        stack.migrate()
        job_id = the_gateway_stores_the_audio_and_the_job(stack, silence)
        transcribe = the_orchestrator_plans_tasks_and_fills_the_queue(stack, job_id)
        output = the_engine_reports_its_output(stack, job_id, transcribe)
        assert output == STUB_OUTPUT
        the_last_task_completes_the_job(stack, job_id)


def the_gateway_stores_the_audio_and_the_job(stack: Stack, silence: Path) -> str:
    stack.gateway()
    with silence.open("rb") as file:
        answer = stack.client.post(TRANSCRIPTIONS, files={"file": ("talk.wav", file)})

    assert answer.status_code == 202
    body = answer.json()
    assert set(body) == {"id", "status", "created_at"}
    assert body["status"] == "pending"
    job_id = str(body["id"])
    assert answer.headers["location"] == f"{TRANSCRIPTIONS}/{job_id}"
    stored = read_object(stack, f"jobs/{job_id}/audio/original.wav")
    assert stored == silence.read_bytes()
    job = stack.read(job_id)
    assert (job["status"], job["tasks"], job["filename"]) == ("pending", [], "talk.wav")
    # The answer doesn't wait for the hint.
    events: Any = until(lambda: stack.deployment.redis().xrange(EVENTS), "the hint to be sent")
    assert [json.loads(fields[b"data"]) for _, fields in events] == [
        {"type": "job.created", "job_id": job_id, "v": 1}
    ]
    return job_id


def the_orchestrator_plans_tasks_and_fills_the_queue(stack: Stack, job_id: str) -> str:
    stack.start("orchestrator")
    redis = stack.deployment.redis()
    queue = queue_key("stub-transcriber")
    until(lambda: redis.llen(queue), "the task to be published")

    job = stack.read(job_id)
    assert job["status"] == "running"
    assert [(task["stage"], task["status"], task["attempt"]) for task in job["tasks"]] == [
        ("transcribe", "ready", 1),
        ("merge", "pending", 1),
    ]
    transcribe = str(job["tasks"][0]["id"])
    entry = json.loads(redis.lrange(queue, 0, -1)[0])
    assert (entry["task_id"], entry["hand_out"]) == (transcribe, 1)
    assert entry["audio"] == f"jobs/{job_id}/audio/original.wav"
    assert redis.smembers(job_tasks_key(job_id)) == {transcribe.encode()}
    return transcribe


def the_engine_reports_its_output(stack: Stack, job_id: str, task_id: str) -> object:
    stack.start("engine", "run", "stub-transcriber")
    until(
        lambda: stack.read(job_id)["tasks"][0]["status"] == "completed",
        "the transcription to be completed",
    )

    merge = stack.read(job_id)["tasks"][1]
    assert merge["status"] == "ready"
    # It is small, so the task's row keeps it, and the next task is given it as it is.
    assert asyncio.run(stack.deployment.store().list(f"jobs/{job_id}/tasks/{task_id}/")) == []
    redis = stack.deployment.redis()
    queue = queue_key("stub-merger")
    until(lambda: redis.llen(queue), "the next task to be published")
    entry = json.loads(redis.lrange(queue, 0, -1)[0])
    assert entry["task_id"] == merge["id"]
    return entry["inputs"]["transcribe"]["data"]


def the_last_task_completes_the_job(stack: Stack, job_id: str) -> None:
    stack.start("engine", "run", "stub-merger")
    job = stack.ended(job_id)

    assert job["status"] == "completed"
    assert {name: job[name] for name in STUB_TRANSCRIPT} == STUB_TRANSCRIPT
    path = f"jobs/{job_id}/transcript.json"
    until(
        lambda: path in asyncio.run(stack.deployment.store().list(f"jobs/{job_id}")),
        "the transcript to be where people look for it",
    )
    assert json.loads(read_object(stack, path)) == STUB_TRANSCRIPT
    assert job["created_at"] <= job["started_at"] <= job["completed_at"]
    until(
        lambda: not stack.deployment.redis().exists(job_tasks_key(job_id)),
        "Redis to forget the job's tasks",
    )


def read_object(stack: Stack, path: str) -> bytes:
    return asyncio.run(stack.deployment.store().get(path))
