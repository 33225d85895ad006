"""The object store's library, and a client of it for some settings.

Only `storage.py` imports this, and only once a store is used: it takes five megabytes, and eight
with its threads, of which many an engine that waits for work never has any use.
"""

from __future__ import annotations

import atexit
import time
from datetime import timedelta
from typing import TYPE_CHECKING

from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store

from dalston.common.disk import NO_ROOM

if TYPE_CHECKING:
    from dalston.common.storage import StoreSettings

ERRORS = (BaseError, OSError)
"""What the library's calls raise."""

REQUEST_SECONDS = 60
"""How long one request to a bucket may take."""
RETRY_SECONDS = 30
"""For how long a bucket is asked again that is overloaded; one that took longer is away."""
_NO_SUCH_KEY = "<Code>NoSuchKey</Code>"
"""S3's word for an object that isn't there, in the body of the answer."""

# Its async calls can abort a short-lived process while the interpreter ends: a background thread
# still wants to set a result. A moment's wait at exit lets it finish.
atexit.register(time.sleep, 0.02)


def no_room(error: Exception) -> bool:
    """Tell whether a folder's disk, or what one may use of it, is full. It is only to be told.

    The library says so in no other way than in its text.
    """
    if isinstance(error, OSError):
        return error.errno in NO_ROOM
    return any(f"(os error {number})" in str(error) for number in NO_ROOM)


async def lacks(store: LocalStore | S3Store, path: str, error: FileNotFoundError) -> bool:
    """Tell whether a store answers and has no such object.

    A bucket that isn't there is answered with 404 too, and so is every path by a proxy whose
    service is away: neither is a word about the object.

    Args:
        store: The store.
        path: The object's.
        error: What came back.
    """
    if isinstance(store, LocalStore) or _NO_SUCH_KEY in str(error):
        return True
    try:
        # Of a bucket that isn't there nothing can be listed.
        async for _ in store.list(path):
            break
        # HEAD is answered without a word; and the bucket may have come back meanwhile.
        await store.get_async(path)
    except FileNotFoundError:
        return True
    except ERRORS:
        return False
    return False


def open_client(settings: StoreSettings) -> LocalStore | S3Store:
    """Return a client of a bucket if one is named, otherwise of the folder."""
    if settings.bucket is None:
        return LocalStore(settings.folder, automatic_cleanup=True)
    options: dict[str, str] = {}
    if settings.endpoint_url is not None:
        options["endpoint"] = settings.endpoint_url
    if settings.access_key_id is not None and settings.secret_access_key is not None:
        options["access_key_id"] = settings.access_key_id
        options["secret_access_key"] = settings.secret_access_key
    plain_http = (settings.endpoint_url or "").startswith("http://")
    return S3Store(
        settings.bucket,
        region=settings.region or "us-east-1",
        client_options={
            "allow_http": plain_http,
            "timeout": f"{REQUEST_SECONDS}s",
            "connect_timeout": "5s",
        },
        retry_config={"retry_timeout": timedelta(seconds=RETRY_SECONDS)},
        **options,  # type: ignore[arg-type]
    )
