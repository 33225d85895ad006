"""One envelope on every route, and a documentation that tells the truth about the answers."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from dalston.common.errors import DalstonError, RequestError
from dalston.gateway.errors import envelope
from dalston.gateway.services.outcomes import JobError
from tests.bad_input import forms
from tests.bad_input.traces import nothing_left_by
from tests.bad_input.wire import Answer, ask, assert_refused, head
from tests.conftest import STUBS
from tests.support.stack import TRANSCRIPTIONS, Stack, running_embedded

JOB = f"{TRANSCRIPTIONS}/{{job_id}}"
WEBHOOK = "/v1/webhooks/{webhook_id}"
DELIVERY = "/v1/webhook-deliveries/{message_id}"
ROUTES = {
    ("get", "/health"),
    ("get", "/health/ready"),
    ("get", TRANSCRIPTIONS),
    ("post", TRANSCRIPTIONS),
    ("get", JOB),
    ("delete", JOB),
    ("post", f"{JOB}/cancel"),
    ("post", f"{JOB}/retry"),
    ("post", f"{JOB}/rerun"),
    ("get", f"{JOB}/versions"),
    ("get", f"{JOB}/export/{{format}}"),
    ("get", f"{JOB}/events"),
    ("get", f"{JOB}/audio"),
    ("post", "/v1/audio/translations"),
    ("post", "/v1/webhooks"),
    ("get", "/v1/webhooks"),
    ("get", WEBHOOK),
    ("delete", WEBHOOK),
    ("post", f"{WEBHOOK}/secret"),
    ("get", "/v1/webhook-secret"),
    ("get", "/v1/webhook-deliveries"),
    ("get", DELIVERY),
    ("post", f"{DELIVERY}/resend"),
    ("get", "/v1/models"),
    ("get", "/v1/models/{model_name}"),
}
VENDORS = {
    ("post", "/v1/speech-to-text"): "ElevenLabsError",
    ("get", "/v1/speech-to-text/transcripts/{transcription_id}"): "ElevenLabsError",
    ("delete", "/v1/speech-to-text/transcripts/{transcription_id}"): "ElevenLabsError",
    ("post", "/v1/listen"): "DeepgramError",
    ("post", "/v2/upload"): "AssemblyAIError",
    ("post", "/v2/transcript"): "AssemblyAIError",
    ("get", "/v2/transcript"): "AssemblyAIError",
    ("get", "/v2/transcript/{transcript_id}"): "AssemblyAIError",
    ("delete", "/v2/transcript/{transcript_id}"): "AssemblyAIError",
    ("get", "/v2/transcript/{transcript_id}/sentences"): "AssemblyAIError",
    ("get", "/v2/transcript/{transcript_id}/paragraphs"): "AssemblyAIError",
    ("get", "/v2/transcript/{transcript_id}/srt"): "AssemblyAIError",
    ("get", "/v2/transcript/{transcript_id}/vtt"): "AssemblyAIError",
}
"""Other vendors' routes, each with the shape of its errors."""
SUBMISSIONS = {TRANSCRIPTIONS, "/v1/audio/translations"}
FOREIGN_SHAPES = SUBMISSIONS | {
    "/v1/models",
    "/v1/models/{model_name}",
    f"{JOB}/export/{{format}}",
    f"{JOB}/events",
    f"{JOB}/audio",
    *(path for _, path in VENDORS),
}
LEAKS = re.compile(
    r"Traceback|\.py\b|site-packages|sqlite|SELECT|/tmp|msgspec|Error\(", re.IGNORECASE
)


def get(stack: Stack, path: str, method: str = "GET") -> Answer:
    return ask(stack.url, head(path, method=method))


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1",
        "/v1/audio",
        "/v2/audio/transcriptions",
        "/V1/audio/transcriptions",
        "/v1/audio/transcriptions/",
        "//v1/audio/transcriptions",
        "/v1/audio/../audio/transcriptions",
        "/v1/audio/transcriptions/job_000000000000/video",
        "/health/",
        "/health/live",
        "/.env",
        "/favicon.ico",
        "/%00",
        "/%ff",
        "/" + 10_000 * "a/",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_a_path_that_is_none_is_not_found(strict: Stack, path: str, method: str) -> None:
    with nothing_left_by(strict):
        assert_refused(get(strict, path, method), 404, "not_found")


def errors_of(kind: type[DalstonError]) -> Iterator[type[DalstonError]]:
    yield kind
    for narrower in kind.__subclasses__():
        yield from errors_of(narrower)


def test_every_kind_of_error_has_a_code_and_a_type_of_its_own() -> None:
    # Those of a job that somebody waits for bring that job's own code.
    kinds = [kind for kind in errors_of(DalstonError) if not issubclass(kind, JobError)]
    assert len({kind.code for kind in kinds}) == len(kinds)
    for kind in kinds:
        body = envelope(kind("Do this instead.", param="file"), "req_1")
        assert set(body) == {"error"}
        assert body["error"]["code"] == kind.code
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", kind.code)
        assert issubclass(kind, RequestError) == (400 <= kind.http_status < 500)
        wanted = "invalid_request_error" if issubclass(kind, RequestError) else "server_error"
        assert body["error"]["type"] == wanted


def test_every_request_has_an_id_of_its_own(strict: Stack) -> None:
    answers = [get(strict, path) for path in ("/health", "/health", "/nowhere", TRANSCRIPTIONS)]
    ids = [answer.headers["x-request-id"] for answer in answers]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"req_[0-9a-f]{16}", request_id) for request_id in ids)


def test_a_client_cannot_choose_the_id_of_its_request(strict: Stack) -> None:
    wanted = "req_0000000000000000"
    answer = ask(strict.url, head("/nowhere", f"X-Request-Id: {wanted}", method="GET"))
    assert assert_refused(answer, 404, "not_found")["request_id"] != wanted


@pytest.mark.parametrize(
    "path", ["/health", "/health/ready", TRANSCRIPTIONS, "/openapi.json", "/docs"]
)
def test_head_answers_as_get_without_a_body(strict: Stack, path: str) -> None:
    asked, probed = get(strict, path), get(strict, path, "HEAD")
    assert (asked.status, probed.status) == (200, 200)
    assert probed.body == b""
    for name in ("content-type", "content-length"):
        assert probed.headers[name] == asked.headers[name]


def test_who_leaves_v1_out_is_told_so(strict: Stack) -> None:
    """As with OpenAI's clients, whose base URL ends in it."""
    path = "/audio/transcriptions"
    refused = strict.client.post(path, files={"file": ("a.wav", b"x")}).json()["error"]
    assert refused["code"] == "not_found"
    assert f"/v1{path}" in refused["message"]
    assert "/v1" not in strict.client.get("/nowhere").json()["error"]["message"]


def test_head_of_nothing_is_not_found_without_a_body(strict: Stack) -> None:
    for path in ("/nowhere", f"{TRANSCRIPTIONS}/job_000000000000"):
        answer = get(strict, path, "HEAD")
        assert (answer.status, answer.body) == (404, b"")


def test_options_names_the_methods_and_allows_no_origin(strict: Stack) -> None:
    origin = "Origin: http://localhost"
    wish = "Access-Control-Request-Method: POST"
    answer = ask(strict.url, head(TRANSCRIPTIONS, origin, wish, method="OPTIONS"))
    assert_refused(answer, 405, "method_not_allowed")
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_what_nobody_foresaw_is_answered_without_a_word_about_the_inside(silence: Path) -> None:
    with running_embedded(*STUBS, DALSTON_PIPELINE="stub") as stack:
        job_id = stack.submit(silence)
        stack.ended(job_id)
        with closing(sqlite3.connect(stack.deployment.folder / "dalston.db")) as database, database:
            database.execute("UPDATE tasks SET output = '{ no JSON, because of a broken disk'")

        answer = get(stack, f"{TRANSCRIPTIONS}/{job_id}")

        assert answer.status == 500
        error = answer.json["error"]
        assert (error["code"], error["type"]) == ("internal_error", "server_error")
        assert answer.headers["x-request-id"] == error["request_id"]
        assert not LEAKS.search(answer.body.decode())
        log = next(stack.deployment.folder.glob("*-gateway.log")).read_text()
        [logged] = [line for line in log.splitlines() if "unexpected_error" in line]
        assert error["request_id"] in logged
        assert "Traceback" in logged
        assert stack.client.delete(f"{TRANSCRIPTIONS}/{job_id}").status_code == 204


@pytest.fixture(scope="module")
def document(strict: Stack) -> dict[str, Any]:
    answer = get(strict, "/openapi.json")
    assert answer.status == 200
    found: dict[str, Any] = answer.json
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def shapes(operation: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield status and schema of each answer that has a body of JSON."""
    for status, response in operation["responses"].items():
        if content := response.get("content", {}).get("application/json"):
            yield status, content["schema"]


def validator(document: dict[str, Any], schema: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator({**schema, "components": document["components"]})


def test_the_documentation_is_valid_and_lists_all_routes(document: dict[str, Any]) -> None:
    validate(document)
    assert {(method, path) for method, path, _ in operations(document)} == ROUTES | {*VENDORS}
    for _, path, operation in operations(document):
        assert operation["summary"], path
        assert operation["description"], path


def test_every_documented_shape_has_examples_that_fit_it(document: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        found = dict(shapes(operation))
        successes = [status for status in operation["responses"] if status.startswith("2")]
        assert successes or method == "delete"
        for status, schema in found.items():
            if "$ref" not in schema:
                # As OpenAI's clients or a file's format want it: tested with those.
                assert path in FOREIGN_SHAPES, path
                continue
            named = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
            examples = named.get("examples") or [
                {name: field["examples"][0] for name, field in named["properties"].items()}
            ]
            for example in examples:
                validator(document, schema).validate(example)
            assert examples, f"{method} {path} {status}"


def test_every_documented_error_has_the_shape_of_its_route(document: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        found = dict(shapes(operation))
        assert "default" in found, f"{method} {path} may fail too"
        if path not in SUBMISSIONS:
            assert "422" not in found, "wrong parameters are answered with 400"
        for status, schema in found.items():
            if not status.startswith("2") and path != "/health/ready":
                shape = VENDORS.get((method, path), "Envelope")
                assert schema == {"$ref": f"#/components/schemas/{shape}"}, f"{path} {status}"


def test_the_answers_are_as_documented(document: dict[str, Any], strict: Stack) -> None:
    def check(method: str, path: str, answer: Answer) -> Any:
        responses = document["paths"][path][method]["responses"]
        response = responses.get(str(answer.status), responses["default"])
        schema = response["content"]["application/json"]["schema"]
        validator(document, schema).validate(answer.json)
        return answer.json

    submitted = ask(strict.url, forms.submission(forms.form(forms.file())))
    job_id = check("post", TRANSCRIPTIONS, submitted)["id"]
    check("post", TRANSCRIPTIONS, ask(strict.url, forms.submission(b"")))
    for path in ("/health", "/health/ready", TRANSCRIPTIONS):
        check("get", path, get(strict, path))
    for wanted in (job_id, f"{job_id}?include=history", "job_000000000000"):
        check("get", JOB, get(strict, f"{TRANSCRIPTIONS}/{wanted}"))
    check("delete", JOB, get(strict, f"{TRANSCRIPTIONS}/job_000000000000", "DELETE"))
    deleted = get(strict, f"{TRANSCRIPTIONS}/{job_id}", "DELETE")
    assert (deleted.status, deleted.body) == (204, b"")


def test_the_documentation_can_be_read_in_a_browser(strict: Stack) -> None:
    answer = get(strict, "/docs")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert b"/openapi.json" in answer.body
