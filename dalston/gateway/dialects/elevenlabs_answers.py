"""A transcript and an error as ElevenLabs' clients read them. Pure.

Source: the types of ElevenLabs' own client for Python, https://github.com/elevenlabs/elevenlabs-python.
Times are seconds. What the engine doesn't tell is null or left out, never a made-up number.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from dalston.common.errors import DalstonError
from dalston.common.formats import MEDIA_TYPES, SUBTITLES, to_txt
from dalston.common.subtitles import Rules
from dalston.common.transcript import Segment, Transcript, Word
from dalston.common.wording import between
from dalston.gateway.dialects.languages import long_code
from dalston.gateway.dialects.transcripts import by_channel, speaker_numbers, text_of, words_of

_SERVER_SIDE = 500

Json = dict[str, Any]


def error_body(error: DalstonError, request_id: str | None) -> Json:
    """Return the JSON of an error."""
    client_side = error.http_status < _SERVER_SIDE
    detail: Json = {
        "type": "invalid_request_error" if client_side else "server_error",
        "code": error.code,
        "status": error.code,
        "message": error.message,
        "param": error.param,
        "request_id": request_id,
    }
    if error.job_id is not None:
        detail["transcription_id"] = error.job_id
    return {"detail": detail}


def transcript_body(
    transcript: Transcript,
    transcription_id: str,
    *,
    words: bool = True,
    split: str | None = None,
    formats: Sequence[Json] = (),
) -> Json:
    """Return the JSON of a transcript.

    Args:
        transcript: The job's.
        transcription_id: The job's id.
        words: Whether words are wanted.
        split: `separate` or `combined` if each channel was transcribed alone.
        formats: What else it is to be written as.
    """
    whole: Json = {"transcription_id": transcription_id}
    if transcript.duration is not None:
        whole["audio_duration_secs"] = transcript.duration
    if split == "separate":
        channels = [
            _chunk(transcript, segments, words=words, channel=number)
            for number, segments in enumerate(by_channel(transcript))
        ]
        return {"transcripts": channels} | whole
    body = _chunk(transcript, transcript.segments, words=words, combined=split is not None)
    body["text"] = transcript.text
    if formats:
        body["additional_formats"] = [_written(transcript, one) for one in formats]
    return body | whole


def _chunk(
    transcript: Transcript,
    segments: Iterable[Segment],
    *,
    words: bool,
    channel: int | None = None,
    combined: bool = False,
) -> Json:
    known = list(segments)
    text = text_of(known)
    numbers = speaker_numbers(transcript)
    channels = {
        id(segment): number
        for number, own in enumerate(by_channel(transcript) if combined else ())
        for segment in own
    }
    body: Json = {
        "language_code": long_code(transcript.language),
        "language_probability": transcript.language_confidence,
        "text": text,
        "words": [],
    }
    if channel is not None:
        body["channel_index"] = channel
    if words:
        for segment in known:
            of = channels.get(id(segment), channel)
            if body["words"] and segment.words:
                before, after = body["words"][-1], segment.words[0]
                body["words"] += _between(before, after, between(before["text"], after.text))
            body["words"] += [*_words([segment], numbers, of)]
    return body


def _words(
    segments: Iterable[Segment], numbers: dict[str, int], channel: int | None
) -> Iterator[Json]:
    """Yield words, and what stands between them."""
    for segment in segments:
        place, before = 0, None
        for word, speaker in words_of([segment]):
            found = segment.text.find(word.text, place)
            gap = segment.text[place:found] if found >= 0 else ""
            if before is not None and gap:
                yield from _between(before, word, gap)
            place = place if found < 0 else found + len(word.text)
            before = _word(word, None if speaker is None else numbers[speaker], channel)
            yield before


def _word(word: Word, speaker: int | None, channel: int | None) -> Json:
    shown: Json = {"text": word.text, "start": word.start, "end": word.end, "type": "word"}
    if speaker is not None:
        shown["speaker_id"] = f"speaker_{speaker}"
    if word.confidence:
        # The confidence of a word is a probability.
        shown["logprob"] = round(math.log(word.confidence), 4)
    if channel is not None:
        shown["channel_index"] = channel
    return shown


def _between(before: Json, after: Word, gap: str) -> list[Json]:
    if not gap.isspace():
        return []
    start = before["end"]
    spacing = {"text": gap, "start": start, "end": max(start, after.start), "type": "spacing"}
    same = {name: before[name] for name in ("speaker_id", "channel_index") if name in before}
    return [spacing | same]


def _written(transcript: Transcript, wanted: Json) -> Json:
    """Return a transcript as a file, as `additional_formats` has it."""
    name = wanted["format"]
    length = wanted.get("max_characters_per_line")
    speakers = bool(wanted.get("include_speakers"))
    if name in SUBTITLES:
        rules = Rules(speakers=speakers)
        if length is not None:
            rules = Rules(speakers=speakers, line_length=length)
        content = SUBTITLES[name](transcript, rules)
    else:
        content = to_txt(transcript) if speakers else f"{transcript.text}\n"
    return {
        "requested_format": name,
        "file_extension": name,
        "content_type": MEDIA_TYPES[name],
        "is_base64_encoded": False,
        "content": content,
    }
