"""Nobody sees or touches what is somebody else's, on any route that there is."""

from __future__ import annotations

import re

import pytest
from starlette.routing import Route

from dalston.common.access import Scope
from dalston.common.engine_spec import Catalog
from dalston.common.events import EventBus
from dalston.common.queue import TaskQueue
from dalston.common.redis import connect
from dalston.db.session import Database
from dalston.gateway.api.operations import Operation
from dalston.gateway.authentication import PUBLIC
from dalston.gateway.main import DIALECTS, create_app
from dalston.gateway.parts import Parts
from tests.bad_input.wire import ENVELOPE
from tests.conftest import STUBS
from tests.support.deployment import Deployment
from tests.support.keys import bearer, make_key
from tests.support.stack import TRANSCRIPTIONS, Stack

BODIES = {"rerun": {"from_stage": "merge"}}
"""What a request must carry to be one, by the end of its path."""
NO_WEBHOOK, NO_MESSAGE = "wh_" + 24 * "0", "msg_" + 24 * "0"
NAMES_OF_JOBS = ("job_id", "transcription_id", "transcript_id")
"""What a job's id is called in the paths of routes."""
NO_FILE = "/static-offline-docs/x.js"
ANYBODY_MAY = {"/health", "/health/ready", "/docs", "/redoc", "/openapi.json", NO_FILE}


@pytest.fixture
def routes(deployment: Deployment) -> list[Route]:
    """The application's own table, so that a new route can't be forgotten."""
    redis = connect(deployment.redis_url)
    app = create_app(
        Parts(
            database=Database(deployment.database_url),
            queue=TaskQueue(redis),
            events=EventBus(redis),
            store=deployment.store(),
            catalog=Catalog({}, {}),
            default_pipeline="stub",
            max_upload_bytes=1,
            body_timeout_seconds=1.0,
        )
    )
    found = [route for route in app.routes if isinstance(route, Route)]
    assert len(found) == len(app.routes)
    return found


def requests_of(route: Route, job_id: str) -> list[tuple[str, str]]:
    """Return method and path of each request that a route is for, about a job."""
    values = {
        **dict.fromkeys(NAMES_OF_JOBS, job_id),
        "path": "x.js",
        "format": "srt",
        "model_name": "stub",
        "webhook_id": NO_WEBHOOK,
        "message_id": NO_MESSAGE,
    }
    names = re.findall(r"\{(\w+)", route.path)
    assert set(names) <= set(values), f"say in this test what stands for {names}"
    path = re.sub(r"\{(\w+)(:\w+)?\}", lambda match: values[match[1]], route.path)
    methods = [route.method] if isinstance(route, Operation) else sorted(route.methods or ["GET"])
    return [(method, path) for method in methods]


def test_04_two_owners_on_every_route(
    stack: Stack, deployment: Deployment, routes: list[Route]
) -> None:
    ada, bob = (bearer(make_key(deployment, name)) for name in ("ada", "bob"))
    stack.start("orchestrator")
    stack.start("engine", "run", *STUBS)
    stack.gateway()
    client = stack.client
    client.headers.update(ada)
    job_id = stack.submit(b"ada's recording")
    before = stack.ended(job_id)
    del client.headers["authorization"]
    walked = 0
    for route in routes:
        if not any(f"{{{name}}}" in route.path for name in NAMES_OF_JOBS):
            continue
        for method, path in requests_of(route, job_id):
            walked += 1
            body = BODIES.get(route.path.rpartition("/")[2])
            other = path.replace(job_id, "job_000000000000")
            foreign = client.request(method, path, headers=bob, json=body)
            nobody = client.request(method, other, headers=bob, json=body)
            assert foreign.status_code == nobody.status_code == 404, (method, path)
            # It can't be told from a job that there has never been.
            texts = [re.sub(r"(job|req)_\w+", "…", answer.text) for answer in (foreign, nobody)]
            assert texts[0] == texts[1]
    assert walked >= 14
    assert client.get(f"{TRANSCRIPTIONS}/{job_id}?version=1", headers=bob).status_code == 404
    assert client.get(TRANSCRIPTIONS, headers=bob).json()["jobs"] == []
    for status in ("completed", "pending"):
        listed = client.get(TRANSCRIPTIONS, params={"status": status}, headers=bob)
        assert listed.json()["jobs"] == []
    assert [job["id"] for job in client.get(TRANSCRIPTIONS, headers=ada).json()["jobs"]] == [job_id]
    assert client.get(f"{TRANSCRIPTIONS}/{job_id}", headers=ada).json() == before


def test_nobody_sees_or_changes_whom_others_have_told(
    stack: Stack, deployment: Deployment, routes: list[Route]
) -> None:
    ada, bob = (bearer(make_key(deployment, name)) for name in ("ada", "bob"))
    stack.gateway(DALSTON_WEBHOOK_SECRET="s" * 32)
    client = stack.client
    url = {"url": "https://ada.example/hook"}
    webhook_id = client.post("/v1/webhooks", json=url, headers=ada).json()["id"]
    client.headers.update(ada)
    job_id = stack.submit(b"ada's recording")
    assert client.post(f"{TRANSCRIPTIONS}/{job_id}/cancel").status_code == 200
    [told] = client.get("/v1/webhook-deliveries").json()["deliveries"]
    assert (told["webhook_id"], told["job_id"]) == (webhook_id, job_id)
    before = client.get(f"/v1/webhooks/{webhook_id}").json()
    del client.headers["authorization"]
    walked = 0
    own = {NO_WEBHOOK: webhook_id, NO_MESSAGE: told["id"]}
    for route in routes:
        for method, other in requests_of(route, job_id):
            [(nothing, something)] = [pair for pair in own.items() if pair[0] in other] or [
                ("", "")
            ]
            if not nothing:
                continue
            walked += 1
            path = other.replace(nothing, something)
            foreign = client.request(method, path, headers=bob)
            nobody = client.request(method, other, headers=bob)
            assert foreign.status_code == nobody.status_code == 404, (method, path)
            texts = [re.sub(r"(wh|msg|req)_\w+", "…", one.text) for one in (foreign, nobody)]
            assert texts[0] == texts[1]
    assert walked == 5
    assert client.get("/v1/webhooks", headers=bob).json() == {"webhooks": []}
    for asked in ({}, {"job_id": job_id}, {"webhook_id": webhook_id}, {"state": "pending"}):
        listed = client.get("/v1/webhook-deliveries", params=asked, headers=bob)
        assert listed.json()["deliveries"] == []
    secrets = [client.get("/v1/webhook-secret", headers=who).json()["secret"] for who in (ada, bob)]
    assert secrets[0] != secrets[1]
    assert client.get(f"/v1/webhooks/{webhook_id}", headers=ada).json() == before
    assert client.get("/v1/webhook-deliveries", headers=ada).json()["deliveries"] == [told]


def test_who_may_only_read_has_no_secret_to_sign_with(stack: Stack, deployment: Deployment) -> None:
    reader = bearer(make_key(deployment, "ada", [Scope.READ]))
    stack.gateway()
    assert stack.client.get("/v1/webhooks", headers=reader).status_code == 200
    answer = stack.client.get("/v1/webhook-secret", headers=reader)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "insufficient_scope")


def test_where_no_two_processes_share_a_folder_a_secret_must_be_set(
    stack: Stack, deployment: Deployment
) -> None:
    stack.gateway()
    body = {"url": "https://ada.example/hook"}
    answers = [
        stack.client.get("/v1/webhook-secret"),
        stack.client.post("/v1/webhooks", json=body),
        stack.client.post(
            TRANSCRIPTIONS, files={"file": ("a.wav", b"x")}, data={"callback_url": body["url"]}
        ),
    ]
    if deployment.name == "embedded":
        assert [answer.status_code for answer in answers] == [200, 201, 202]
    else:
        codes = {(answer.status_code, answer.json()["error"]["code"]) for answer in answers}
        assert codes == {(409, "webhooks_not_configured")}


def test_a_foreign_cursor_shows_nothing_of_others(stack: Stack, deployment: Deployment) -> None:
    ada, bob = (bearer(make_key(deployment, name)) for name in ("ada", "bob"))
    stack.gateway()
    own: dict[str, list[str]] = {}
    for headers in (ada, bob, ada, bob):
        stack.client.headers.update(headers)
        own.setdefault(headers["Authorization"], []).append(stack.submit(b"x"))
    page = stack.client.get(TRANSCRIPTIONS, params={"limit": 1}, headers=ada).json()
    cursor = {"cursor": page["next_cursor"]}
    behind = stack.client.get(TRANSCRIPTIONS, params=cursor, headers=bob).json()["jobs"]
    assert {job["id"] for job in behind} <= set(own[bob["Authorization"]])
    behind = stack.client.get(TRANSCRIPTIONS, params=cursor, headers=ada).json()["jobs"]
    assert [job["id"] for job in behind] == own[ada["Authorization"]][:1]


def test_nothing_but_the_public_list_is_there_for_who_has_no_key(
    stack: Stack, deployment: Deployment, routes: list[Route]
) -> None:
    make_key(deployment, "ada")
    stack.gateway()
    public = set()
    for route in routes:
        for method, path in requests_of(route, "job_000000000000"):
            answer = stack.client.request(method, path)
            if answer.status_code == 401 and any(one.is_spoken_at(path) for one in DIALECTS):
                assert method == "HEAD" or "invalid_api_key" in answer.text
            elif answer.status_code == 401:
                body = {} if method == "HEAD" else answer.json()["error"]
                assert set(body) in (set(), ENVELOPE)
            else:
                assert answer.status_code == (404 if path == NO_FILE else 200), (method, path)
                public.add(path)
    assert public == ANYBODY_MAY == PUBLIC | {NO_FILE}
    for path in ("/", "/nothing", "/v1", "/docs/", "//docs", "/health/"):
        assert stack.client.get(path).status_code == 401, path


def test_readiness_says_more_to_who_has_a_key(stack: Stack, deployment: Deployment) -> None:
    key = make_key(deployment, "ada")
    stack.gateway()
    assert stack.client.get("/health/ready").json()["engines"] == {}
    assert stack.client.get("/health/ready", headers=bearer("dk_")).json()["engines"] == {}
    assert stack.client.get("/health/ready", headers=bearer(key)).json()["engines"]


def test_a_form_cannot_name_its_owner(stack: Stack, deployment: Deployment) -> None:
    key = make_key(deployment, "ada")
    stack.gateway()
    for name in ("owner", "status", "audio_path"):
        answer = stack.client.post(
            TRANSCRIPTIONS,
            files={"file": ("a.wav", b"x")},
            data={name: "bob"},
            headers=bearer(key),
        )
        assert answer.status_code == 400
        assert answer.json()["error"]["code"] == "unknown_field"
