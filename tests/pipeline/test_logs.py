"""Every line about a job names it; every line about a task names the task and its attempt."""

from __future__ import annotations

from pathlib import Path

import httpx

from tests.conftest import STUBS
from tests.support.deployment import Deployment
from tests.support.stack import TRANSCRIPTIONS, running
from tests.support.waiting import until


def test_lines_name_what_they_are_about(deployment: Deployment, silence: Path) -> None:
    with running(deployment, DALSTON_PIPELINE="stub") as stack:
        stack.migrate()
        roles = [
            stack.gateway(),
            stack.start("orchestrator"),
            stack.start("engine", "run", *STUBS),
        ]
        job_id = stack.submit(silence)
        task_ids = {task["id"] for task in stack.ended(job_id)["tasks"]}
        for role in roles:
            assert role.stop() == 0
        lines = [line for role in roles for line in role.lines()]

    about_job = [line for line in lines if line["event"].startswith("job_")]
    about_task = [line for line in lines if line["event"].startswith("task_")]
    assert {line["event"] for line in about_job} == {"job_accepted", "job_started", "job_ended"}
    # A start is said only of a task that isn't done at once.
    assert {line["event"] for line in about_task} - {"task_started"} == {"task_completed"}
    assert {line["job_id"] for line in about_job + about_task} == {job_id}
    assert {line["task_id"] for line in about_task} == task_ids
    assert {line["attempt"] for line in about_task} == {1}
    assert {line["role"] for line in lines} == {"gateway", "orchestrator", "engine"}
    assert [line for line in lines if line["level"] in {"warning", "error"}] == [
        line for line in lines if line["event"] == "fake_text"
    ]


def test_an_answer_about_a_failed_job_names_the_job(deployment: Deployment, silence: Path) -> None:
    with running(deployment, DALSTON_PIPELINE="stub") as stack:
        stack.migrate()
        gateway = stack.gateway()
        stack.start("orchestrator")
        with silence.open("rb") as recording:
            # No engine runs, so that the deadline is what ends it.
            answer = stack.client.post(
                TRANSCRIPTIONS,
                files={"file": recording},
                data={"response_format": "text", "deadline_seconds": "1"},
            )
        assert answer.json()["error"]["code"] == "deadline_exceeded"
        [line] = gateway.logged("request_failed")

    assert line["code"] == "deadline_exceeded"
    assert line["job_id"] == answer.headers["x-dalston-job-id"]
    assert "reason" not in line


def test_a_gateway_says_which_free_port_it_has_taken(deployment: Deployment) -> None:
    with running(deployment, DALSTON_PIPELINE="stub") as stack:
        stack.migrate()
        gateway = stack.start("gateway", "--port", "0")
        [line] = until(lambda: gateway.logged("gateway_ready"), "gateway ready")
        host, port = line["address"]
        url = f"http://{host}:{port}"
        assert httpx.get(f"{url}/health", trust_env=False).json() == {"status": "ok"}
