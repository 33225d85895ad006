"""Stored transcripts, read whole and in pieces."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dalston.common.storage import ObjectStore, StoreSettings
from dalston.common.transcript import LONG_BYTES, laid_out
from dalston.gateway.services.stored_transcripts import stored
from tests.support.deployment import Deployment

PATH = "jobs/job_000000000000/tasks/task_0000000000000000/1-a/output.json"
MEGABYTE = 1024 * 1024


def transcript(text: str, segments: int) -> dict[str, Any]:
    return {
        "segments": [{"start": n, "end": n + 1, "text": "so many"} for n in range(segments)],
        "text": text,
        "metadata": {"segments": [1], "x": ',"segments":['},
    }


def compact(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode()


async def in_pieces(store: ObjectStore) -> tuple[dict[str, Any], int]:
    """Return a transcript that was read in pieces, and how many there were."""
    found = await stored(store, PATH, None, in_pieces=True)
    assert found.fields is not None
    whole = {name: json.loads(bytes(value)) for name, value in found.fields.items()}
    if found.pieces is None:
        return whole, 0
    pieces = [piece async for piece in found.pieces]
    return whole | json.loads(b'{"segments":' + b"".join(pieces)), len(pieces)


# So that its second line begins before, at and behind the end of the first piece.
@pytest.mark.parametrize("length", [0, *range(MEGABYTE - 80, MEGABYTE + 20, 7), 3 * MEGABYTE])
async def test_it_does_not_matter_where_the_segments_begin(tmp_path: Path, length: int) -> None:
    store = ObjectStore(StoreSettings(folder=tmp_path))
    fields = transcript("a" * length, 10_000)
    await store.put(PATH, laid_out(compact(fields)))

    found, pieces = await in_pieces(store)

    assert found == fields
    assert pieces > 0


async def test_a_long_one_comes_in_pieces(deployment: Deployment) -> None:
    store = deployment.store()
    fields = transcript("ä", 60_000)
    await store.put(PATH, laid_out(compact(fields)))

    found, pieces = await in_pieces(store)

    assert found == fields
    assert pieces == 3


@pytest.mark.parametrize(
    "data",
    [
        compact(transcript("short", 10)),
        compact(transcript("as it was written once", 10_000)),
        compact(transcript("with lines", 10_000)).replace(b",", b",\n", 1),
        compact({"text": "a" * LONG_BYTES}) + b"\n",
        compact({"text": "a" * 3 * MEGABYTE, "segments": None}),
    ],
)
async def test_any_other_is_read_whole(deployment: Deployment, data: bytes) -> None:
    store = deployment.store()
    await store.put(PATH, laid_out(data) if b"short" in data else data)

    assert await in_pieces(store) == (json.loads(data), 0)


@pytest.mark.parametrize("segments", [None, 5, "text"])
def test_what_has_no_segments_stays_as_it_is(segments: object) -> None:
    data = compact({"text": "a" * LONG_BYTES, "segments": segments})
    assert laid_out(data) == data
