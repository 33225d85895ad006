"""A job, its transcript and an error as AssemblyAI's clients read them. Pure.

Source: the types of AssemblyAI's own client for Python,
https://github.com/AssemblyAI/assemblyai-python-sdk. Times are milliseconds.

Its clients can't read a word without a confidence, so one that nobody knows is 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dalston.common.errors import DalstonError
from dalston.common.models import Job, JobStatus
from dalston.common.subtitles import milliseconds
from dalston.common.transcript import Segment, Transcript, Word
from dalston.gateway.dialects.transcripts import (
    confidence_of,
    paragraphs_of,
    speaker_numbers,
    text_of,
    turns_of,
    words_of,
)
from dalston.gateway.openai.bodies import letters_of

Json = dict[str, Any]
STATUSES = {
    "queued": (JobStatus.PENDING,),
    "processing": (JobStatus.RUNNING,),
    "completed": (JobStatus.COMPLETED,),
    "error": (JobStatus.FAILED, JobStatus.CANCELLED),
}
"""Each with what it is here."""
_SHOWN = {status: name for name, statuses in STATUSES.items() for status in statuses}
_UNKNOWN = 0.0


def error_body(error: DalstonError, request_id: str | None) -> Json:
    """Return the JSON of an error."""
    body: Json = {
        "error": error.message,
        "code": error.code,
        "param": error.param,
        "request_id": request_id,
    }
    return body if error.job_id is None else body | {"id": error.job_id}


def job_body(job: Job, audio_url: str, transcript: Transcript | None) -> Json:
    """Return the JSON of a job, with its transcript once that is there.

    Args:
        job: The job.
        audio_url: Where another job can be made of the same recording.
        transcript: Of a completed job.
    """
    body: Json = {
        "id": job.id,
        "status": shown_status(job),
        "audio_url": audio_url,
        "text": None,
        "words": None,
        "utterances": None,
        "punctuate": True,
        "format_text": True,
        "language_code": job.parameters.get("language"),
        "language_detection": "language" not in job.parameters,
        "speaker_labels": bool(job.parameters.get("diarize")),
        "multichannel": job.parameters.get("channels") == "split",
        "error": error_of(job),
    }
    return body if transcript is None else body | _transcribed(transcript)


def shown_status(job: Job) -> str:
    """Return how a job's status is called."""
    return _SHOWN.get(job.status, "error")


def error_of(job: Job) -> str | None:
    """Return why a job has no transcript, if it never will."""
    if job.error is not None:
        return f"{job.error.message} ({job.error.code})"
    return "It was stopped." if job.status is JobStatus.CANCELLED else None


def _transcribed(transcript: Transcript) -> Json:
    names = _letters(transcript)
    body: Json = {
        "text": transcript.text,
        "words": _words(transcript.segments, names),
        "confidence": confidence_of(transcript.segments),
        "language_code": transcript.language,
        "language_confidence": transcript.language_confidence,
    }
    if names:
        turns = turns_of(transcript.segments)
        body["utterances"] = [_stretch(turn, names) for turn in turns]
    if transcript.duration is not None:
        body["audio_duration"] = round(transcript.duration)
    warnings = _warnings(transcript.metadata)
    return body | ({"metadata": {"warnings": warnings}} if warnings else {})


def _warnings(metadata: Mapping[str, Any]) -> list[Json]:
    told = metadata.get("warnings")
    return [
        {"message": str(one.get("message"))}
        for one in (told if isinstance(told, list) else ())
        if isinstance(one, dict)
    ]


def sentences_body(transcript: Transcript, job: Job) -> Json:
    """Return the JSON of a transcript's segments."""
    names = _letters(transcript)
    found = [_stretch([segment], names) for segment in transcript.segments]
    return {"sentences": found} | _whole(transcript, job)


def paragraphs_body(transcript: Transcript, job: Job) -> Json:
    """Return the JSON of a transcript's paragraphs."""
    names = _letters(transcript)
    found = [_stretch(segments, names) for segments in paragraphs_of(transcript.segments)]
    return {"paragraphs": found} | _whole(transcript, job)


def _whole(transcript: Transcript, job: Job) -> Json:
    ends = (segment.end for segment in transcript.segments)
    length = max(ends, default=0.0) if transcript.duration is None else transcript.duration
    return {
        "id": job.id,
        "confidence": _known(confidence_of(transcript.segments)),
        "audio_duration": length,
    }


def _letters(transcript: Transcript) -> dict[str, str]:
    """Return A, B and so on for each speaker, in the order in which they first speak."""
    return {name: letters_of(number) for name, number in speaker_numbers(transcript).items()}


def _words(segments: Iterable[Segment], names: Mapping[str, str]) -> list[Json]:
    return [_word(word, who, names) for word, who in words_of(segments)]


def _word(word: Word, who: str | None, names: Mapping[str, str]) -> Json:
    return {
        "text": word.text,
        "start": milliseconds(word.start),
        "end": milliseconds(word.end),
        "confidence": _known(word.confidence),
        "speaker": names.get(who or ""),
    }


def _stretch(segments: Sequence[Segment], names: Mapping[str, str]) -> Json:
    return {
        "text": text_of(segments),
        "start": milliseconds(segments[0].start),
        "end": milliseconds(max(segment.end for segment in segments)),
        "confidence": _known(confidence_of(segments)),
        "words": _words(segments, names),
        "speaker": names.get(segments[0].speaker or ""),
    }


def _known(confidence: float | None) -> float:
    return _UNKNOWN if confidence is None else confidence
