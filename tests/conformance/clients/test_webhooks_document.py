"""Each example of `docs/clients/webhooks.md` does what it says."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dalston.common.webhooks import GIVE_UP_SECONDS
from dalston.orchestrator.calling import Refusal
from dalston.orchestrator.webhooks import pause_seconds
from tests.conftest import STUBS
from tests.support.deployment import REPOSITORY, Deployment
from tests.support.receiver import receiving
from tests.support.stack import Stack, running
from tests.support.waiting import until

PAGE = (REPOSITORY / "docs" / "clients" / "webhooks.md").read_text(encoding="utf-8")
SHELL = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
SAID, LISTED = (json.loads(text) for text in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL))
[PROGRAM] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
LISTENS = 'HTTPServer(("127.0.0.1", 9000), Receiver)'


@pytest.fixture(scope="module")
def server(shared_deployment: Deployment) -> Iterator[Stack]:
    settings = {"DALSTON_WEBHOOK_SECRET": "s" * 32, "DALSTON_WEBHOOK_ADDRESSES": "any"}
    with running(shared_deployment, *STUBS, DALSTON_PIPELINE="stub", **settings) as stack:
        yield stack


def run(server: Stack, folder: Path, command: str, receiver: str) -> str:
    """Run a command of the page, with this server and this receiver for those that it names."""
    command = command.strip().replace("http://127.0.0.1:8000", server.url)
    command = command.replace("https://example.org", receiver)
    done = subprocess.run(
        ["sh", "-c", f"{command} -fsS"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_receiver_believes_the_server_and_nobody_else(server: Stack, tmp_path: Path) -> None:
    submit, _, _, start, secret, _ = SHELL
    shown = json.loads(run(server, tmp_path, secret, ""))["secret"]
    # One that takes a free port and says which.
    program = PROGRAM.replace(LISTENS, "server").replace(
        "server.serve_forever()",
        'server = HTTPServer(("127.0.0.1", 0), Receiver)\n'
        "print(server.server_port, flush=True)\n"
        "server.serve_forever()",
    )
    assert program != PROGRAM
    (tmp_path / "receiver.py").write_text(program, encoding="utf-8")
    log = tmp_path / "log"
    with log.open("wb") as output:
        receiver = subprocess.Popen(
            [
                "sh",
                "-c",
                "exec env " + start.replace("whsec_…", shown).replace("python3", sys.executable),
            ],
            cwd=tmp_path,
            stdout=output,
            stderr=subprocess.DEVNULL,
        )
    try:
        port = until(lambda: re.match(r"(\d+)\n", log.read_text()), "the receiver to listen")[1]
        address = f"http://127.0.0.1:{port}"
        (tmp_path / "talk.wav").write_bytes(b"any bytes will do for a stub")
        job_id = json.loads(run(server, tmp_path, submit, address))["id"]
        wanted = rf"msg_[0-9a-f]+ transcription\.completed {job_id}\n"
        until(lambda: re.search(wanted, log.read_text()), "the receiver to say so")
        forged = {"webhook-id": "msg_1", "webhook-timestamp": "1", "webhook-signature": "v1,a="}
        answer = server.client.post(address, content=b"{}", headers=forged)
        assert answer.status_code == 401
    finally:
        receiver.kill()
        receiver.wait()


def test_what_is_registered_sent_and_listed_looks_as_on_the_page(
    server: Stack, tmp_path: Path
) -> None:
    submit, register, remove, _, _, show = SHELL
    (tmp_path / "talk.wav").write_bytes(b"any bytes will do for a stub")
    with receiving() as receiver:
        receiver.status["/dalston"] = 503
        made = json.loads(run(server, tmp_path, register, receiver.url))
        assert made["secret"].startswith("whsec_")
        job_id = json.loads(run(server, tmp_path, submit, receiver.url))["id"]
        [received] = receiver.wait("/dalston")
        again = json.loads(run(server, tmp_path, register, receiver.url))
        assert again["id"] != made["id"]
        for one in (made, again):
            run(server, tmp_path, remove.replace("WEBHOOK_ID", one["id"]), "")
        assert not server.client.get("/v1/webhooks").json()["webhooks"]
        assert set(received.event) == set(SAID)
        assert set(received.event["data"]) == set(SAID["data"])
        assert received.event["data"]["path"] == SAID["data"]["path"].replace(
            SAID["data"]["id"], job_id
        )
        run(server, tmp_path, submit, receiver.url)
        receiver.wait("/dalston", 2)
        found = json.loads(run(server, tmp_path, show, ""))
    assert set(found) == set(LISTED)
    assert set(found["deliveries"][0]) == set(LISTED["deliveries"][0])


def test_the_page_knows_each_reason_and_each_pause() -> None:
    reasons = PAGE.partition("| `last_error` |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", reasons, re.MULTILINE)) == set(Refusal)
    assert "5, 15 and 45 seconds, 2, 7 and 20 minutes, 1, 3 and 9 hours" in PAGE
    pauses = [pause_seconds(failures, 1.0) for failures in range(11)]
    assert [round(pause) for pause in pauses[:3]] == [5, 15, 45]
    assert [round(pause / 60) for pause in pauses[3:6]] == [2, 7, 20]
    assert [round(pause / 3600) for pause in pauses[6:]] == [1, 3, 9, 12, 12]
    assert GIVE_UP_SECONDS == 3 * 86400
