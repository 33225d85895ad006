"""Answers in JSON."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.responses import Response


class JsonResponse(Response):
    """JSON from whatever msgspec can encode: times, statuses, and JSON that is ready already."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:  # noqa: ANN401 - as in the class above
        """Return the body."""
        return msgspec.json.encode(content)
