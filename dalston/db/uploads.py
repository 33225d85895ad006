"""Recordings that were uploaded before their jobs: how much of them an owner may have lying there.

As much on a day as of the jobs' audio, by size, and counted apart from it: what a job has been made
of counts as the job's.
"""

from __future__ import annotations

from dalston.common.access import Caller
from dalston.common.errors import AudioLimitError
from dalston.db.compiled import usage as sql
from dalston.db.statements import Connection
from dalston.db.usage import Usage, hold_usage, seconds_by_size, usage_of


def is_counted(caller: Caller) -> bool:
    """Tell whether a caller's uploads are counted at all."""
    return caller.limits.audio_seconds_per_day is not None


async def require_room(connection: Connection, caller: Caller) -> None:
    """Refuse, before it is sent, an upload for which its owner has no room.

    Raises:
        AudioLimitError: It has none.
    """
    await _refuse(connection, caller, await usage_of(connection, caller.owner, caller.limits))


async def count_upload(connection: Connection, caller: Caller, upload_id: str, size: int) -> None:
    """Count an upload until a job is made of it, or the day is over.

    Args:
        connection: An open write transaction.
        caller: Its owner.
        upload_id: Its id.
        size: Its bytes.

    Raises:
        AudioLimitError: Others that came meanwhile have taken the room.
    """
    usage = (await hold_usage(connection, {caller.owner: caller.limits}))[caller.owner]
    await _refuse(connection, caller, usage)
    await connection.fetch(sql.FORGET_UPLOADS, owner=caller.owner, day=usage.day)
    charge = {"owner": caller.owner, "day": usage.day, "seconds": seconds_by_size(size)}
    await connection.run_many(sql.CHARGE, [{"job_id": upload_id} | charge])


async def forget_upload(connection: Connection, upload_id: str) -> None:
    """Count an upload no more: a job has been made of it."""
    await connection.fetch(sql.SETTLE, job_ids=[upload_id])


async def _refuse(connection: Connection, caller: Caller, usage: Usage) -> None:
    most = caller.limits.audio_seconds_per_day
    [waiting] = await connection.fetch(sql.UPLOADS, owner=caller.owner, day=usage.day)
    if most is not None and waiting.seconds >= most:
        raise AudioLimitError(
            f"The {most / 3600:g} hours of audio that you may send in a day are uploaded, and wait "
            f"for their transcripts to be asked for. Ask for them, or wait for midnight UTC.",
            most=int(most),
            retry_after=usage.rest_of_day,
        )
