"""A transcript as server-sent events, while its job runs.

What is sent must stand in the finished text, so a chunk's text is sent once all chunks before it
are done. A chunk that was cut in the middle of speech waits for the end: which of its first and
last words count is decided when all are joined.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import msgspec

from dalston.common.errors import DalstonError
from dalston.common.models import JobStatus
from dalston.common.transcript import Transcript
from dalston.common.wording import joined
from dalston.gateway.errors import envelope
from dalston.gateway.openai.bodies import diarized_segments
from dalston.gateway.openai.waiting import Transcription
from dalston.gateway.openai.wishes import DIARIZED, Wish
from dalston.gateway.responses import STREAM_KEEP_ALIVE_SECONDS
from dalston.gateway.services.job_view import JobView
from dalston.gateway.services.jobs import JobService

_COMMENT = b": the job runs\n\n"
_END = b"data: [DONE]\n\n"
"""Scripts whose letters are wide put no blank between sentences, but for the Korean one."""


async def events(
    transcription: Transcription, service: JobService, wish: Wish, request_id: str | None
) -> AsyncGenerator[bytes]:
    """Yield the events of a transcript, and what keeps the connection open between them.

    Args:
        transcription: What is waited for.
        service: Has the texts of finished chunks.
        wish: How it is to be answered.
        request_id: For an error.
    """
    yield _COMMENT
    sent = ""
    try:
        async with aclosing(transcription.changes(STREAM_KEEP_ALIVE_SECONDS)) as changes:
            async for view in changes:
                if view is None:
                    yield _COMMENT
                elif view.job.status is JobStatus.COMPLETED:
                    for data in _ending(transcription.transcript(view), sent, wish):
                        yield data
                else:
                    text = await _so_far(service, view)
                    if len(text) > len(sent) and text.startswith(sent):
                        yield _delta(text[len(sent) :])
                        sent = text
                    else:
                        yield _COMMENT
    except DalstonError as error:
        yield _data(envelope(error, request_id))
    else:
        yield _END


async def _so_far(service: JobService, view: JobView) -> str:
    """Return the text of the chunks from the start up to the first that isn't sure."""
    return joined(await service.first_texts(view))


def _ending(transcript: Transcript, sent: str, wish: Wish) -> list[bytes]:
    """Return what is left when the transcript is there."""
    found = []
    rest = rest_of(transcript.text, sent)
    if rest:
        found.append(_delta(rest))
    if wish.response_format == DIARIZED:
        found += [_data(segment) for segment in diarized_segments(transcript)]
    done: dict[str, Any] = {"type": "transcript.text.done", "text": transcript.text}
    if transcript.language is not None and not wish.translate:
        done["languages"] = [{"code": transcript.language}]
    return [*found, _data(done)]


def rest_of(text: str, sent: str) -> str:
    """Return what of a text comes behind what was sent of it, whatever blanks that had.

    Nothing, if what was sent isn't its beginning: then only the whole text is right.
    """
    place = 0
    for character in sent:
        if character.isspace():
            continue
        while place < len(text) and text[place].isspace():
            place += 1
        if place == len(text) or text[place] != character:
            return ""
        place += 1
    return text[place:]


def _delta(text: str) -> bytes:
    return _data({"type": "transcript.text.delta", "delta": text})


def _data(message: dict[str, Any]) -> bytes:
    return b"data: " + msgspec.json.encode(message) + b"\n\n"
