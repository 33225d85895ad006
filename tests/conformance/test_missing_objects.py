"""A 404 that isn't about an object: a bucket's that isn't there, or a proxy's on the way to it."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from dalston.common.errors import ObjectMissingError, StoreUnavailableError
from dalston.common.storage import ObjectStore, StoreSettings
from tests.support.distributed import object_server

PATH = "jobs/a/audio/original.wav"
CALLS: dict[str, Callable[[ObjectStore], Awaitable[Any]]] = {
    "get": lambda store: store.get(PATH),
    "size": lambda store: store.size(PATH),
    "exists": lambda store: store.exists(PATH),
    "get_range": lambda store: store.get_range(PATH, 0, 1),
    "copy": lambda store: store.copy(PATH, "jobs/b/one"),
    "download": lambda store: store.download(PATH, Path("/dev/null")),
}
EMPTY_LIST = (
    b'<?xml version="1.0"?><ListBucketResult><Name>one</Name><KeyCount>0</KeyCount>'
    b"<IsTruncated>false</IsTruncated></ListBucketResult>"
)
NO_BUCKET = b'<?xml version="1.0"?><Error><Code>NoSuchBucket</Code></Error>'
PLAIN = b"404 page not found\n"


@contextmanager
def answering(lists: bytes | None, text: bytes) -> Iterator[ObjectStore]:
    """Serve a bucket whose objects are all answered with 404.

    Args:
        lists: What a list is answered with; None means with 404 too.
        text: Of each 404.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            is_list = self.command == "GET" and "list-type" in urlsplit(self.path).query
            found = lists if is_list else None
            body = text if found is None else found
            self.send_response(404 if found is None else 200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else body)

        do_HEAD = do_PUT = do_POST = do_DELETE = do_GET  # noqa: N815 - the library's names

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield ObjectStore(
            StoreSettings(
                bucket="one",
                endpoint_url=f"http://127.0.0.1:{server.server_port}",
                access_key_id="a",
                secret_access_key="b",
            )
        )
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize("name", [*CALLS, "delete"])
@pytest.mark.parametrize("text", [PLAIN, NO_BUCKET])
async def test_a_404_for_everything_is_a_store_that_is_away(name: str, text: bytes) -> None:
    with answering(None, text) as store, pytest.raises(StoreUnavailableError):
        await (store.delete(PATH) if name == "delete" else CALLS[name](store))


@pytest.mark.parametrize("name", CALLS)
async def test_a_bucket_that_is_there_is_believed_whatever_its_words(name: str) -> None:
    with answering(EMPTY_LIST, PLAIN) as store:
        if name == "exists":
            assert not await store.exists(PATH)
            return
        with pytest.raises(ObjectMissingError):
            await CALLS[name](store)


async def test_the_log_has_the_answer_and_no_insides() -> None:
    with answering(None, NO_BUCKET) as store, pytest.raises(StoreUnavailableError) as refused:
        await store.list("jobs")
    assert "NoSuchBucket" in repr(refused.value)
    assert "Debug source" not in repr(refused.value)


@pytest.fixture(scope="module")
def bucket() -> StoreSettings:
    return object_server().new_bucket("objects-that-are-missing")


@pytest.mark.parametrize("name", CALLS)
async def test_seaweedfs_is_believed(bucket: StoreSettings, name: str) -> None:
    store = ObjectStore(bucket)
    if name == "exists":
        assert not await store.exists(PATH)
        return
    with pytest.raises(ObjectMissingError):
        await CALLS[name](store)
