"""The usual way to take a large file with FastAPI: `UploadFile`, copied in chunks to a folder.

It writes twice: the whole upload to a temporary file, before the route is called, then the copy.
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, UploadFile

from bench.peers.server import RunningServer, running, serve

_PATH = "/upload"
_CHUNK_BYTES = 1024 * 1024


@contextmanager
def uploadfile_server(folder: Path) -> Iterator[RunningServer]:
    """Run the server; it answers a POST when the copy is complete.

    Args:
        folder: An existing folder for the files; what it put there is removed in the end.

    Raises:
        PeerError: It did not start.
    """
    with running("bench.peers.uploadfile", _PATH, folder, {}) as it:
        yield it


def create_app(folder: Path) -> FastAPI:
    """Return the application."""
    app = FastAPI()

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.post(_PATH)
    async def upload(file: UploadFile) -> dict[str, Any]:
        name = f"{secrets.token_hex(6)}.wav"
        written = 0
        with (folder / name).open("wb") as stored:
            while chunk := await file.read(_CHUNK_BYTES):
                written += stored.write(chunk)
        return {"id": name, "bytes": written}

    return app


if __name__ == "__main__":
    serve(create_app(Path(sys.argv[1])))
