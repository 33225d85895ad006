"""What answers have in common: JSON, and streams of server-sent events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response

STREAM_MEDIA_TYPE = "text/event-stream"
STREAM_HEADERS = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}
"""So that nothing on the way collects, compresses or keeps the events."""
STREAM_KEEP_ALIVE_SECONDS = 10.0
"""Between two signs of life of a stream: shorter than anything on the way waits."""


class JsonResponse(Response):
    """JSON from whatever msgspec can encode: times, statuses, and JSON that is ready already."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:  # noqa: ANN401 - as in the class above
        """Return the body."""
        return msgspec.json.encode(content)


def head_of_stream(media_type: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return the answer to a HEAD for what a GET sends in pieces: nobody knows its length."""
    answer = Response(headers=headers, media_type=media_type)
    del answer.headers["content-length"]
    return answer
