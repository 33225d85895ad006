"""What the oldest client of this interface asks and reads.

Arguments: the server's address, a recording, and words that are said in it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import openai

URL, AUDIO, WORDS = sys.argv[1:]
BEGINNINGS = {"text": "", "srt": "1\n00:00:0", "vtt": "WEBVTT\n\n00:00:0"}
client = openai.OpenAI(base_url=f"{URL}/v1", api_key="none")
# The types that are known here are those of the newest client.
create: Any = client.audio.transcriptions.create


def refusal(kind: type[openai.APIStatusError], **asked: Any) -> str:
    """Return the code of the error that a question is answered with."""
    try:
        create(**{"file": Path(AUDIO), "model": "whisper-1", **asked})
    except kind as error:
        return str(error.response.json()["error"]["code"])
    sys.exit(f"nobody refused {asked}")


def expect(found: object, expected: object) -> None:
    """End with what was found instead."""
    if found != expected:
        sys.exit(f"{found!r} instead of {expected!r}")


def expect_words(text: str) -> None:
    """End unless a text has the words."""
    expect(WORDS in " ".join(text.lower().replace(",", "").split()), expected=True)


def transcribe(**asked: Any) -> Any:
    """Return the answer about the recording."""
    return create(file=Path(AUDIO), model="whisper-1", **asked)


expect(openai.__version__, "1.0.0")
expect_words(transcribe().text)
for response_format, beginning in BEGINNINGS.items():
    answer = transcribe(response_format=response_format)
    expect(answer[: len(beginning)], beginning)
    if response_format == "text":
        expect_words(answer)
verbose = transcribe(response_format="verbose_json")
expect_words(" ".join(segment["text"] for segment in verbose.segments))
expect("whisper-1" in {model.id for model in client.models.list()}, expected=True)
expect(client.models.retrieve("whisper-1").id, "whisper-1")

expect(refusal(openai.NotFoundError, model="nonsense"), "model_not_found")
expect(refusal(openai.BadRequestError, response_format="xml"), "invalid_parameter")
expect(refusal(openai.BadRequestError, extra_body={"unheard_of": "1"}), "unknown_field")
expect(refusal(openai.BadRequestError, file=("empty.wav", b"")), "empty_file")
print("all is as it should be")
