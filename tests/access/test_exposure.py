"""What the server gives away to logs, to web pages and in errors."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import httpx
import pytest

from tests.bad_input.wire import ask, head
from tests.support.deployment import Deployment
from tests.support.keys import make_key
from tests.support.stack import TRANSCRIPTIONS, Stack

INJECTED = "%0d%0a%1b%5b31mFORGED%20line%c2%85%e2%80%a8%e2%80%aex"
SITE = "https://example.org"


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_nobody_writes_a_line_of_the_log(stack: Stack, log_format: str) -> None:
    gateway = stack.gateway(DALSTON_LOG_FORMAT=log_format)
    ask(stack.url, head(f"/v1/{INJECTED}", method="GET"))
    stack.client.post(TRANSCRIPTIONS, files={"file": ("a\r\n\x1b[31mFORGED line\x85.wav", b"x")})
    stack.client.get(TRANSCRIPTIONS, params={"cursor": "\r\nFORGED line"})
    gateway.stop()
    log = gateway.log.read_bytes().decode()
    assert "FORGED line" in log, "the path was not logged at all"
    for char in "\r\x1b\x85\u2028\u202e":
        assert char not in log
    for line in log.splitlines():
        assert not line.startswith("FORGED")
        if log_format == "json":
            json.loads(line)


def test_pages_of_other_sites_may_call_only_if_they_are_named(
    stack: Stack, deployment: Deployment
) -> None:
    make_key(deployment, "ada")
    asked = {"Origin": SITE, "Access-Control-Request-Method": "POST"}
    closed = stack.gateway()
    for answer in (
        stack.client.get("/health", headers=asked),
        stack.client.options(TRANSCRIPTIONS, headers=asked),
    ):
        assert not [name for name in answer.headers if name.startswith("access-control")]
    closed.kill()

    stack.gateway(DALSTON_CORS_ORIGINS=f"https://other.example {SITE}")
    answer = stack.client.options(
        TRANSCRIPTIONS,
        headers=asked
        | {"Access-Control-Request-Headers": "authorization,last-event-id,x-fern-language"},
    )
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == SITE
    assert "access-control-allow-credentials" not in answer.headers
    refused = stack.client.get(TRANSCRIPTIONS, headers={"Origin": SITE})
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == SITE
    exposed = refused.headers["access-control-expose-headers"].lower().split(", ")
    assert {"x-should-retry", "content-range", "x-dalston-job-id", "retry-after"} <= set(exposed)
    for method in ("GET", "HEAD", "POST", "DELETE"):
        wish = asked | {"Access-Control-Request-Method": method}
        assert stack.client.options(TRANSCRIPTIONS, headers=wish).status_code == 200, method
    strange = {"Origin": "https://example.org.evil.example"}
    answer = stack.client.get("/health", headers=strange)
    assert "access-control-allow-origin" not in answer.headers


def test_without_keys_no_web_site_can_use_the_server(stack: Stack) -> None:
    stack.gateway(DALSTON_CORS_ORIGINS=SITE)
    host = urlsplit(stack.url).netloc
    port = host.rpartition(":")[2]
    recording = {"file": ("a.wav", b"x")}

    def asked(**headers: str) -> list[int]:
        kept = {"Host": host} | headers
        posted = stack.client.post(TRANSCRIPTIONS, headers=kept, files=recording)
        return [posted.status_code, stack.client.get(TRANSCRIPTIONS, headers=kept).status_code]

    of_ours = ("localhost", "127.0.0.1", "[::1]", "gateway", "box.local", "host.docker.internal")
    for name in (f"{own}:{port}" for own in of_ours):
        assert asked(Host=name) == [202, 200], name
        assert asked(Host=name, Origin=f"http://{name}") == [202, 200], name
    assert asked(Origin=SITE) == [202, 200]
    for origin in (
        "https://evil.example",
        "null",
        f"http://{host}.evil.example",
        "http://127.0.0.1",
    ):
        assert asked(Origin=origin) == [401, 401], origin
    # The site gives its own name this machine's address, so the browser takes both for one.
    for name in ("evil.example", f"evil.example:{port}", "127.0.0.1.evil.example", "local.example"):
        assert asked(Host=name, Origin=f"http://{name}") == [401, 401], name
        assert asked(Host=name) == [401, 401], name
        assert stack.client.get("/health", headers={"Host": name}).status_code == 200


def test_a_key_opens_the_server_by_any_name(stack: Stack, deployment: Deployment) -> None:
    key = make_key(deployment, "ada")
    stack.gateway()
    headers = {"Host": "dalston.example", "Origin": SITE, "Authorization": f"Bearer {key}"}
    assert stack.client.get(TRANSCRIPTIONS, headers=headers).status_code == 200


@pytest.mark.parametrize("origins", ["*", "null", "example.org", f"{SITE}/path", f"{SITE} *"])
def test_every_site_at_once_cannot_be_named(stack: Stack, origins: str) -> None:
    refused = stack.start("gateway", DALSTON_PORT="0", DALSTON_CORS_ORIGINS=origins)
    assert refused.ended() == 2
    assert "DALSTON_CORS_ORIGINS" in refused.log.read_text()


def test_errors_tell_no_paths_and_no_statements(stack: Stack, deployment: Deployment) -> None:
    stack.gateway()
    hidden = [str(deployment.folder), "SELECT", "sqlite", "asyncpg", "Traceback", "/tests/"]
    address = urlsplit(deployment.database_url)
    hidden += [part for part in (address.password, deployment.store_settings.bucket) if part]
    answers = [
        stack.client.get(f"{TRANSCRIPTIONS}/job_' OR 1=1 --"),
        stack.client.get(TRANSCRIPTIONS, params={"cursor": "'; DROP TABLE jobs"}),
        stack.client.get("/etc/passwd"),
    ]
    if deployment.name == "embedded":
        objects = deployment.folder / "objects"
        if objects.exists():
            objects.rename(deployment.folder / "gone")
        objects.write_text("in the way")
        answers.append(stack.client.post(TRANSCRIPTIONS, files={"file": ("a.wav", b"x")}))
        assert answers[-1].status_code == httpx.codes.SERVICE_UNAVAILABLE
        (deployment.folder / "dalston.db").write_bytes(b"no database" * 1000)
        answers.append(stack.client.get(TRANSCRIPTIONS))
        assert answers[-1].status_code >= 500
    for answer in answers:
        assert set(answer.json()) == {"error"}
        for text in hidden:
            assert text not in answer.text
