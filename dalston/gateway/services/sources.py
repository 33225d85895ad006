"""A recording that is named by its address: what a submission may name, and the order to fetch it.

The gateway never calls the address. A task does, as the first one of the job.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes, urlsplit

import msgspec

from dalston.common.addresses import check_url
from dalston.common.engine_spec import Catalog
from dalston.common.errors import ContradictoryOptionsError, UnsupportedOptionError
from dalston.common.models import Job, Task
from dalston.common.pipeline_checks import FETCH
from dalston.common.stages import FETCHER
from dalston.common.storage import RECORDING_NAME, ObjectStore, beside, is_source, source_path
from dalston.gateway.filenames import clean_filename

SOURCE_URL = "source_url"
"""The field."""


@dataclass(frozen=True)
class Source:
    """Where a recording is.

    Attributes:
        url: Its address; may hold a secret.
        filename: The last part of the address, as a file's name.
    """

    url: str
    filename: str


class _Order(msgspec.Struct, frozen=True):
    url: str
    max_bytes: int


def read_source(text: str, catalog: Catalog, *, allow_private: bool) -> Source:
    """Read the field.

    Args:
        text: What was sent; not empty.
        catalog: Has the engine that will fetch it, or not.
        allow_private: Whether it may be in a private network or on this machine.

    Raises:
        RequestError: Nothing may, or can, be fetched from there.
    """
    if FETCHER not in catalog.engines:
        raise UnsupportedOptionError(
            f"This server has no engine '{FETCHER}', so it fetches nothing. Upload the recording.",
            param=SOURCE_URL,
        )
    check_url(
        text,
        allow_private=allow_private,
        param=SOURCE_URL,
        permitted_by="DALSTON_FETCH_PRIVATE_ADDRESSES=true",
    )
    last = urlsplit(text).path.rpartition("/")[2]
    return Source(text, clean_filename(unquote_to_bytes(last)))


def recording_of(job: Job, own_tasks: Sequence[Task]) -> str | None:
    """Return the object path of a job's recording; None while it has not been fetched."""
    if not is_source(job.audio_path):
        return job.audio_path
    for task in own_tasks:
        if task.stage == FETCH and task.output_path is not None:
            return beside(task.output_path, RECORDING_NAME)
    return None


async def store_order(store: ObjectStore, job_id: str, source: Source, max_bytes: int) -> str:
    """Store the order to fetch a job's recording, and return its path.

    Raises:
        StoreUnavailableError: The store does not answer.
    """
    path = source_path(job_id)
    await store.put(path, msgspec.json.encode(_Order(source.url, max_bytes)))
    return path


def both_ways() -> ContradictoryOptionsError:
    """Return the error for a recording that comes in two ways."""
    return ContradictoryOptionsError(
        f"There is a file, and {SOURCE_URL} names another one. Send one of the two.",
        param=SOURCE_URL,
    )
