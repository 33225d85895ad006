"""Random damage. It can't say what the right answer is, but knows which ones are never right."""

from __future__ import annotations

import asyncio
import re
import time
import unicodedata
from http.client import HTTPException
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from dalston.common.errors import RequestError
from dalston.gateway.uploads import (
    FileData,
    FileEnd,
    FileStart,
    FormReader,
    TextField,
)
from tests.bad_input import forms
from tests.bad_input.conftest import BODY_TIMEOUT_SECONDS
from tests.bad_input.mutations import damage, pieces, seeded
from tests.bad_input.traces import job_ids
from tests.bad_input.wire import Wire, chunk, head
from tests.support.stack import TRANSCRIPTIONS, Stack
from tests.support.waiting import until

CONTENT_TYPE = forms.CONTENT_TYPE.partition(": ")[2]
FORMS = [
    forms.form(forms.file()),
    forms.form(forms.text("language", b"en"), forms.file(), forms.text("pipeline", b"stub")),
    forms.form(forms.file("Größe.wav"), forms.text("language", "日本語".encode())),
    forms.form(forms.part("name=\"file\"; filename*=utf-8''%C3%A4.wav", forms.AUDIO * 20)),
    forms.form(forms.part('name=file; filename="a\\"b.wav"', b"\r\n--\r\n" * 10)),
]
BATCH = 150

bounded = settings(max_examples=100, deadline=None, derandomize=True, database=None)


def read(content_type: str | None, body: list[bytes]) -> list[Any] | str:
    """Return the events of a form, or the code of the error that it is refused with."""
    messages = [
        {"type": "http.request", "body": piece, "more_body": index < len(body)}
        for index, piece in enumerate(body, start=1)
    ]

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    async def events() -> list[Any]:
        reader = FormReader(content_type, receive, 10**6, 5)
        found: list[Any] = []
        while (event := await reader.next_event()) is not None:
            if isinstance(event, FileData) and isinstance(found[-1], FileData):
                found[-1] = FileData(found[-1].data + event.data)
            else:
                found.append(event)
        return found

    try:
        return asyncio.run(events())
    except RequestError as error:
        return error.code


def assert_sound(events: list[Any]) -> None:
    """Check what everybody may rely on who reads a form."""
    inside = False
    for event in events:
        match event:
            case TextField(name, value):
                assert not inside
                assert name
                assert "\0" not in name + value
            case FileStart(name, filename, _):
                assert not inside
                assert name
                assert len(filename.encode()) <= 255
                assert not {"/", "\\"} & set(filename)
                assert not any(unicodedata.category(char) in {"Cc", "Cf"} for char in filename)
                inside = True
            case FileData(data):
                assert inside
                assert data
            case FileEnd():
                assert inside
                inside = False
    assert not inside
    names = [event.name for event in events if isinstance(event, TextField | FileStart)]
    assert len(set(names)) == len(names)


@bounded
@given(content_type=st.text(max_size=80), body=st.binary(max_size=300))
def test_any_bytes_are_a_form_or_refused(content_type: str, body: bytes) -> None:
    header = content_type.encode("latin-1", errors="ignore").decode("latin-1")
    for kind in (header, f"multipart/form-data; boundary={header}", CONTENT_TYPE):
        found = read(kind, [body])
        assert isinstance(found, str), "no form can be made of so little at random"


@bounded
@given(seed=st.integers(0, 2**64))
def test_a_damaged_form_is_read_the_same_however_it_arrives(seed: int) -> None:
    random = seeded(seed)
    body = damage(random.choice(FORMS), random)
    at_once = read(CONTENT_TYPE, [body])
    if not isinstance(at_once, str):
        assert_sound(at_once)
    for _ in range(3):
        assert read(CONTENT_TYPE, pieces(body, random)) == at_once
    assert read(CONTENT_TYPE, [body[i : i + 1] for i in range(len(body))]) == at_once


def requests(random: Random, count: int) -> list[bytes]:
    """Return damaged requests of all kinds."""
    found = []
    for _ in range(count):
        body = random.choice(FORMS)
        chunked = head(TRANSCRIPTIONS, forms.CONTENT_TYPE, "Transfer-Encoding: chunked")
        damaged = damage(body, random)
        whole = random.choice(
            (
                forms.submission(body),
                chunked + b"".join(map(chunk, filter(None, pieces(body, random)))) + chunk(b""),
                head(f"{TRANSCRIPTIONS}?limit=5&status=pending&cursor=W10", method="GET"),
                head(f"{TRANSCRIPTIONS}/job_0123456789ab?include=history", method="GET"),
                head(f"{TRANSCRIPTIONS}/job_0123456789ab", method="DELETE"),
            )
        )
        found.append(random.choice((forms.submission(damaged), damage(whole, random, most=3))))
    return found


def statuses(url: str, batch: list[bytes]) -> list[int]:
    """Send requests side by side; return the status of each that is answered."""
    wires = [Wire(url) for _ in batch]
    found = []
    for wire, request in zip(wires, batch, strict=True):
        wire.send(request)
    # Who waits for the rest of a body gets an answer by then; the rest of a head may take longer.
    give_up_at = time.monotonic() + BODY_TIMEOUT_SECONDS + 0.5
    for wire in wires:
        with wire:
            wire.socket.settimeout(max(0.01, give_up_at - time.monotonic()))
            try:
                found.append(wire.answer().status)
            except TimeoutError:
                continue
            except (HTTPException, OSError) as error:
                raise AssertionError(f"closed without an answer: {batch}") from error
    return found


def test_damaged_requests_are_never_the_servers_fault(strict: Stack) -> None:
    random = seeded(20)
    found: list[int] = []
    for _ in range(3):
        found += statuses(strict.url, requests(random, BATCH))
    assert max(found) < 500, sorted(set(found))
    assert len(found) > 2 * BATCH, "most must be answered"
    assert {200, 202, 400, 404, 415} <= set(found), "this damage is too much, or too little"

    until(lambda: owners(strict) == set(job_ids(strict)), "each object to be of a job")


def owners(stack: Stack) -> set[str]:
    """Return whose the recordings in the store are."""
    paths = asyncio.run(stack.deployment.store().list("jobs"))
    found = [re.fullmatch(r"jobs/(job_[0-9a-f]{12})/audio/original\.[a-z0-9]+", p) for p in paths]
    assert all(found), paths
    return {owner[1] for owner in found if owner}
