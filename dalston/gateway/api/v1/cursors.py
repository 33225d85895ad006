"""Cursors of a list: where a page ends, opaque to clients."""

from __future__ import annotations

import base64
import binascii
import re
from datetime import UTC, datetime

import msgspec

from dalston.common.errors import InvalidParameterError
from dalston.common.models import JOB_ID, Job
from dalston.db.webhooks import Delivery


def encode_cursor(last: Job | Delivery) -> str:
    """Return the cursor that continues behind an entry of a list."""
    data = msgspec.json.encode((last.created_at, last.id))
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def decode_cursor(cursor: str, kind: re.Pattern[str] = JOB_ID) -> tuple[datetime, str]:
    """Return the creation time and the id that a cursor stands for.

    Args:
        cursor: As it came.
        kind: What the id must be.

    Raises:
        InvalidParameterError: It is none of ours.
    """
    try:
        data = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
        found, last_id = msgspec.json.decode(data, type=tuple[datetime, str])
        # Near the ends of the calendar there are moments that have no name in UTC.
        moment = found.astimezone(UTC) if found.tzinfo else None
    except (binascii.Error, ValueError, OverflowError, msgspec.MsgspecError):
        moment, last_id = None, ""
    if moment is None or not kind.fullmatch(last_id):
        raise InvalidParameterError(
            "cursor: this is no cursor of ours. Take next_cursor of the page before, or leave "
            "it out to begin with the newest.",
            param="cursor",
        )
    return moment, last_id
