"""What the settings say about how long things are kept and who may be called.

The server's secret for webhooks is among it: set, or made once and kept in the data folder.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from dalston.common.disk import to_disk
from dalston.common.errors import ConfigurationError
from dalston.common.models import Retention
from dalston.common.webhooks import MIN_SECRET_CHARACTERS, WebhookPolicy
from dalston.config import Settings

if TYPE_CHECKING:
    from dalston.orchestrator.parts import Policy

FILE = "webhook-secret"
_BYTES = 32
_FOR_ITS_OWNER = 0o600
_PUBLIC, _ANY = "public", "any"


def housekeeping_policy(settings: Settings) -> Policy:
    """Return for how long things may wait and are kept.

    Raises:
        ConfigurationError: The retention isn't one that there is.
    """
    from dalston.orchestrator.parts import Policy

    return Policy(
        no_engine_seconds=settings.no_engine_seconds,
        housekeeping_hours=settings.housekeeping_hours,
        orphan_hours=settings.orphan_hours,
        retention=default_retention(settings),
        retention_days=settings.retention_days,
        webhooks=webhook_policy(settings),
    )


def default_retention(settings: Settings) -> Retention:
    """Return what is deleted of a job that doesn't say so itself.

    Raises:
        ConfigurationError: It isn't one that there is.
    """
    known = [kind.value for kind in Retention]
    if settings.retention not in known:
        raise ConfigurationError(f"DALSTON_RETENTION must be one of: {', '.join(known)}.")
    return Retention(settings.retention)


def webhook_policy(settings: Settings) -> WebhookPolicy:
    """Return how receivers of webhooks are called.

    On SQLite all processes share a machine and its data folder, so the first of them makes a secret
    there. Elsewhere each would make one of its own: there it must be set, or there are no webhooks.

    Raises:
        ConfigurationError: A secret that is set is too short, or another setting is none.
    """
    if settings.webhook_addresses not in (_PUBLIC, _ANY):
        raise ConfigurationError(f"DALSTON_WEBHOOK_ADDRESSES must be {_PUBLIC} or {_ANY}.")
    given = tuple((settings.webhook_secret or "").split())
    if any(len(secret) < MIN_SECRET_CHARACTERS for secret in given):
        raise ConfigurationError(
            f"DALSTON_WEBHOOK_SECRET needs at least {MIN_SECRET_CHARACTERS} characters; "
            f"`openssl rand -hex 32` makes one. With a blank between them, the old one stands "
            f"behind the new one."
        )
    if not given and settings.database.startswith("sqlite:"):
        given = (_kept_secret(settings.data_dir / FILE),)
    return WebhookPolicy(
        secrets=given,
        allow_private=settings.webhook_addresses == _ANY,
        timeout_seconds=settings.webhook_timeout_seconds,
    )


def _kept_secret(path: Path) -> str:
    """Return what is in the file, which the first who asks writes, whole or not at all."""
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FOR_ITS_OWNER)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(_BYTES))
        to_disk(draft, path.parent)
        try:
            # Refused if another process was first: then its secret is everybody's.
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
        to_disk(path, path.parent)
    found = path.read_text(encoding="ascii").strip()
    if len(found) < MIN_SECRET_CHARACTERS:
        raise ConfigurationError(f"{path} is damaged. Put it back from a backup, or delete it.")
    return found
