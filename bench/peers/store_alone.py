"""What the S3 server takes by itself: `python -m bench.peers.store_alone BYTES`.

One object in parts of 8 MiB, four at a time, from memory and without HTTP before it, by the
library that Dalston uses. Settings come from the variables that Dalston reads.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping

from obstore.store import S3Store

from bench.peers.process import read_line, running_module

_PART_BYTES = 8 * 1024 * 1024
_AT_ONCE = 4
_SECONDS = 180.0


def measure_store(environment: Mapping[str, str], size: int) -> float:
    """Return the megabytes (10^6 bytes) per second that the store takes.

    Raises:
        MeasureError: It doesn't take them.
    """
    with running_module(("bench.peers.store_alone", str(size)), environment) as process:
        return size / 1e6 / float(read_line(process, _SECONDS))


async def put(size: int) -> float:
    """Put an object; return the seconds that it took."""
    store = S3Store(
        os.environ["S3_BUCKET"],
        region=os.environ["S3_REGION"],
        endpoint=os.environ["S3_ENDPOINT_URL"],
        access_key_id=os.environ["AWS_ACCESS_KEY_ID"],
        secret_access_key=os.environ["AWS_SECRET_ACCESS_KEY"],
        client_options={"allow_http": True},
    )
    part = os.urandom(_PART_BYTES)

    async def parts() -> AsyncIterator[bytes]:
        for sent in range(0, size, _PART_BYTES):
            yield part[: size - sent]

    begin = time.monotonic()
    await store.put_async(
        "alone", parts(), chunk_size=_PART_BYTES, max_concurrency=_AT_ONCE, use_multipart=True
    )
    return time.monotonic() - begin


if __name__ == "__main__":
    print(json.dumps(asyncio.run(put(int(sys.argv[1])))), flush=True)
    # The library's threads may abort the interpreter's end otherwise.
    time.sleep(0.1)
