"""What a client may ask of a job beside its transcript.

A deadline, what is kept of it, and who is told of its end.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from dalston.common.errors import InvalidParameterError
from dalston.common.models import Retention
from dalston.common.webhooks import WebhookPolicy
from dalston.gateway.services.webhooks import check_receiver

_CALLBACK = "callback_url"
WISHES = ("deadline_seconds", "retention", "retention_days", _CALLBACK)
"""Fields of a submission."""
_LONGEST_DEADLINE = 10_000_000.0
_MOST_DAYS = 100_000.0
_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,6})?")


def read_wishes(
    fields: Mapping[str, str], deadline_seconds: float | None, webhooks: WebhookPolicy
) -> dict[str, Any]:
    """Return the fields of a `Job` that a submission asks for.

    Args:
        fields: As they were sent.
        deadline_seconds: Of a job that doesn't say so itself.
        webhooks: Who may be told of its end.

    Raises:
        RequestError: One isn't what it may be.
    """
    retention = fields.get("retention")
    known = [kind.value for kind in Retention]
    if retention is not None and retention not in known:
        raise InvalidParameterError(
            f"retention: this must be one of {', '.join(known)}.", param="retention"
        )
    days = _number(fields, "retention_days", 0.0, _MOST_DAYS)
    own = _number(fields, "deadline_seconds", 1.0, _LONGEST_DEADLINE)
    callback = fields.get(_CALLBACK)
    return {
        _CALLBACK: check_receiver(webhooks, callback, _CALLBACK) if callback else None,
        "retention": None if retention is None else Retention(retention),
        "retention_days": days,
        "deadline_seconds": deadline_seconds if own is None else own,
    }


def _number(fields: Mapping[str, str], name: str, least: float, most: float) -> float | None:
    text = fields.get(name)
    if text is None:
        return None
    value = float(text) if _NUMBER.fullmatch(text) else -1.0
    if not least <= value <= most:
        raise InvalidParameterError(
            f"{name}: this must be a number from {least:g} to {most:.0f}.", param=name
        )
    return value
