"""Damaged copies of a real recording in every container, also several in one file."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from random import Random

import httpx
import numpy as np
import pytest

from scripts.demo_recording import recording
from tests.bad_input.mutations import seeded
from tests.engines.sounds import encode
from tests.engines.test_prepare_formats import FORMATS
from tests.support.stack import TRANSCRIPTIONS, Role, Stack

FEW_SECONDS = 2
BATCH = 20
QUICK = {"temperatures": "0", "beam_size": "1"}
"""What it hears in noise doesn't matter, and it need not try again to hear more."""
HEAD_BYTES = 400
HALF = 0.5


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """The beginning of the demo's recording as each kind of file."""
    folder = tmp_path_factory.mktemp("copies")
    with wave.open(str(recording()), "rb") as file:
        own = file.getframerate()
        spoken = np.frombuffer(file.readframes(FEW_SECONDS * own), np.int16)
    files = []
    for name, kind in FORMATS.items():
        rate = kind.get("rate", 44_100)
        # How well it is resampled doesn't matter.
        samples = spoken[np.arange(FEW_SECONDS * rate) * own // rate]
        files.append(encode(folder / name, **kind, samples=samples).read_bytes())
    joined = [files[0] + files[-1], *(one + one for one in files)]
    return files + joined


def damaged(copies: list[bytes], random: Random) -> bytes:
    """Return one copy with flipped bits, cut off, or with stretches that belong elsewhere."""
    data = bytearray(random.choice(copies))
    where = random.choice((min(HEAD_BYTES, len(data)), len(data)))
    kind = random.randrange(5)
    if kind == 0:
        for _ in range(random.randint(1, 60)):
            data[random.randrange(where)] ^= 1 << random.randrange(8)
    elif kind == 1:
        del data[random.randrange(len(data)) :]
    elif kind == 2:
        other = random.choice(copies)
        start, length = random.randrange(where), random.randint(1, 2000)
        data[start : start + length] = other[: random.randint(1, 2000)]
    elif kind == 3:
        start = random.randrange(where)
        del data[start : start + random.randint(1, 5000)]
    else:
        start, length = random.randrange(len(data)), random.choice((188, 4000, 20_000))
        moved = data[start : start + length]
        if random.random() < HALF:
            del data[start : start + length]
        place = random.randrange(len(data) + 1)
        data[place:place] = moved
    return bytes(data) or b"\0"


def test_whatever_is_broken_each_job_comes_to_its_end(
    server: Stack, engines: list[Role], copies: list[bytes], cases: int
) -> None:
    random = seeded(20)
    ended = {"completed": 0, "failed": 0}
    codes: dict[str, int] = {}
    for batch in batches(cases):
        contents = [damaged(copies, random) for _ in range(batch)]
        for job_id in [server.submit(content, **QUICK) for content in contents]:
            job = server.ended(job_id, 240)
            ended[job["status"]] += 1
            if job["status"] == "failed":
                code = job["error"]["code"]
                codes[code] = codes.get(code, 0) + 1
            assert server.client.delete(f"{TRANSCRIPTIONS}/{job_id}").status_code == 204
        print(f"{sum(ended.values())} of {cases} damaged recordings: {ended} {codes}", flush=True)
    assert min(ended.values()) > 0, (ended, codes)
    # None of them was the fault of the server, and none killed what decodes it.
    assert not {"internal_error", "engine_error", "engine_crashed", "engine_timeout"} & set(codes)
    [supervisor] = engines
    assert not supervisor.logged("task_abandoned")


def test_after_all_that_the_same_server_still_works(server: Stack) -> None:
    assert server.client.get("/health/ready").status_code == httpx.codes.OK
    job = server.ended(server.submit(recording()), 240)
    assert "best of times" in job["text"].lower()


def batches(count: int) -> Iterator[int]:
    """Cut a number into parts of a bounded size."""
    while count > 0:
        yield min(BATCH, count)
        count -= BATCH
