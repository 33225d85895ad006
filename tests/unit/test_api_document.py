"""`docs/api.md` names every route and every error code that the code has."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from dalston.common import errors
from dalston.common.transcript import Segment, Speaker, Transcript, Word
from dalston.gateway.api.description import describe
from dalston.gateway.errors import envelope
from dalston.gateway.long_answers import NotTakenError
from dalston.gateway.main import OPERATIONS
from dalston.gateway.openai.wishes import known_fields, plain_name
from dalston.gateway.services.options import FIELDS
from dalston.gateway.services.sources import SOURCE_URL
from dalston.gateway.services.wishes import WISHES

ROOT = Path(__file__).parent.parent.parent
DOCUMENT = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
LISTED = set(re.findall(r"`([a-z]+(?:_[a-z]+)*)`", DOCUMENT))
CODE = re.compile(r"[a-z]+(_[a-z]+)+")


def error_classes(parent: type[errors.DalstonError]) -> Iterator[type[errors.DalstonError]]:
    yield parent
    for child in parent.__subclasses__():
        yield from error_classes(child)


def reported(folder: str) -> set[str]:
    """Return the codes with which `TaskFailed` and `Failure` are made anywhere in a folder."""
    codes = set()
    for path in (ROOT / folder).rglob("*.py"):
        if "templates" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            first = node.args[0]
            if name in {"TaskFailed", "Failure", "_failure"} and isinstance(first, ast.Constant):
                codes.add(str(first.value))
    return {code for code in codes if CODE.fullmatch(code)}


@pytest.mark.parametrize("kind", list(error_classes(errors.DalstonError)))
def test_every_error_is_listed_with_its_status(kind: type[errors.DalstonError]) -> None:
    assert kind.code in LISTED
    row = re.search(rf"^\| `{kind.code}` \| (\d+) \|", DOCUMENT, re.MULTILINE)
    if row is not None:
        assert int(row[1]) == kind.http_status
    else:
        # Nobody hears of these over HTTP.
        server_side = (errors.ConfigurationError, errors.ObjectMissingError, NotTakenError)
        assert issubclass(kind, server_side), f"{kind.code} has no row with a status"


@pytest.mark.parametrize("folder", ["dalston", "engines"])
def test_every_failure_of_an_engine_is_listed(folder: str) -> None:
    codes = reported(folder)
    assert len(codes) > 5
    assert codes - LISTED == set()


def test_every_route_is_described() -> None:
    paths = describe(OPERATIONS).openapi()["paths"]
    routes = {f"`{method.upper()} {path}`" for path, on in paths.items() for method in on}
    assert len(routes) == 38
    assert {route for route in routes if route not in DOCUMENT} == set()


@pytest.mark.parametrize(
    ("path", "translate"), [("/v1/audio/transcriptions", False), ("/v1/audio/translations", True)]
)
def test_the_form_is_described_with_each_field_that_is_taken(path: str, *, translate: bool) -> None:
    submission = describe(OPERATIONS).openapi()["paths"][path]["post"]
    form = submission["requestBody"]["content"]["multipart/form-data"]["schema"]
    described = {plain_name(name) for name in form["properties"]}
    # What stands in brackets is another way to write `chunking_strategy`.
    openai = {name for name in known_fields(translate=translate) if "[" not in name}

    assert described == {"file", SOURCE_URL, *FIELDS, *WISHES, *openai}
    headers = {each["name"] for each in submission["parameters"] if each["in"] == "header"}
    assert headers == {"Idempotency-Key", "Prefer"}


@pytest.mark.parametrize(
    ("shape", "struct"),
    [
        ("JobResponse", Transcript),
        ("SegmentShape", Segment),
        ("WordShape", Word),
        ("SpeakerShape", Speaker),
    ],
)
def test_a_transcript_is_described_with_all_its_fields(
    shape: str, struct: type[msgspec.Struct]
) -> None:
    described = describe(OPERATIONS).openapi()["components"]["schemas"][shape]["properties"]
    fields = set(struct.__struct_fields__)

    assert fields - set(described) == set()
    assert {field for field in fields if not re.search(rf"`{field}(\[\])?`", DOCUMENT)} == set()


def test_an_error_is_described_with_the_job_that_it_is_about() -> None:
    described = describe(OPERATIONS).openapi()["components"]["schemas"]["ErrorBody"]["properties"]
    error = errors.DalstonError("Why.")
    error.job_id = "job_0a1b2c3d4e5f"

    assert set(described) == set(envelope(error, "req_0a1b2c3d4e5f6071")["error"])


def test_each_field_of_a_submission_is_listed() -> None:
    listed = re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.*?) \|", DOCUMENT, re.MULTILINE)))
    assert {SOURCE_URL, *FIELDS, *WISHES} - set(listed) == set()
