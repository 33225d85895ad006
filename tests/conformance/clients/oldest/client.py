"""What the oldest client of this interface asks and reads; the argument is the address."""

from __future__ import annotations

import sys
from typing import Any

import openai

TEXT = "This is a stub transcript. The system works!"
RECORDING = ("talk.wav", b"any bytes will do for a stub")
BEGINNINGS = {
    "text": TEXT,
    "srt": "1\n00:00:00,000 --> 00:00:02,000\nThis is a stub transcript.\n",
    "vtt": "WEBVTT\n\n00:00:00.000 --> 00:00:02.000\nThis is a stub transcript.\n",
}
client = openai.OpenAI(base_url=f"{sys.argv[1]}/v1", api_key="none")
# The types that are known here are those of the newest client.
create: Any = client.audio.transcriptions.create


def refusal(kind: type[openai.APIStatusError], **asked: Any) -> str:
    """Return the code of the error that a question is answered with."""
    try:
        create(**{"file": RECORDING, "model": "whisper-1", **asked})
    except kind as error:
        return str(error.response.json()["error"]["code"])
    sys.exit(f"nobody refused {asked}")


def expect(found: object, expected: object) -> None:
    """End with what was found instead."""
    if found != expected:
        sys.exit(f"{found!r} instead of {expected!r}")


expect(openai.__version__, "1.0.0")
expect(create(file=RECORDING, model="whisper-1").text, TEXT)
for response_format, beginning in BEGINNINGS.items():
    answer = create(file=RECORDING, model="whisper-1", response_format=response_format)
    expect(answer[: len(beginning)], beginning)
verbose = create(file=RECORDING, model="whisper-1", response_format="verbose_json")
expect(" ".join(segment["text"] for segment in verbose.segments), TEXT)
expect(max(model.id for model in client.models.list()), "whisper-1")
expect(client.models.retrieve("whisper-1").id, "whisper-1")

expect(refusal(openai.NotFoundError, model="nonsense"), "model_not_found")
expect(refusal(openai.BadRequestError, temperature=0.4), "unsupported_value")
expect(refusal(openai.BadRequestError, response_format="xml"), "invalid_parameter")
expect(refusal(openai.BadRequestError, extra_body={"unheard_of": "1"}), "unknown_field")
expect(refusal(openai.BadRequestError, file=("empty.wav", b"")), "empty_file")
print("all is as it should be")
