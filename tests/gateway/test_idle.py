"""An idle gateway loads only what its work needs."""

from __future__ import annotations

import subprocess
import sys

import httpx

from tests.support.stack import Stack

LOADED = """
import sys
import dalston.gateway.main, dalston.gateway.protocol, dalston.runtime
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def test_what_only_the_documentation_needs_is_not_loaded() -> None:
    shown = subprocess.run(
        [sys.executable, "-c", LOADED], capture_output=True, text=True, check=True
    )
    loaded = set(shown.stdout.split())
    assert {"starlette", "redis"} <= loaded
    assert not {"fastapi", "pydantic", "alembic", "httpx", "obstore"} & loaded


def test_the_documentation_is_made_once_for_all_who_ask(stub_server: Stack) -> None:
    pages = [stub_server.client.get("/openapi.json") for _ in range(2)]
    assert {page.status_code for page in pages} == {httpx.codes.OK}
    assert pages[0].json() == pages[1].json()
    listed = pages[0].json()["paths"]["/v1/audio/transcriptions"]["get"]["parameters"]
    assert [parameter["name"] for parameter in listed] == ["limit", "status", "cursor"]
    assert all(parameter["schema"]["description"] for parameter in listed)


def test_a_wrong_parameter_is_answered_with_what_it_must_be(stub_server: Stack) -> None:
    for address, wanted in (
        ("?limit=0", "1 to 100"),
        ("?limit=null", "1 to 100"),
        ("?status=null", "pending, running"),
        ("?cursor=" + 300 * "a", "next_cursor"),
        ("/job_000000000000?include=null", "history"),
    ):
        answer = stub_server.client.get(f"/v1/audio/transcriptions{address}")
        assert answer.status_code == httpx.codes.BAD_REQUEST
        assert wanted in answer.json()["error"]["message"]
