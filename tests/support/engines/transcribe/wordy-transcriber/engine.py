"""A transcriber that hears as many words as people say, without listening."""

import wave
from typing import Any

from dalston.engine_sdk import Engine, TaskInput, TaskOutput

WORDS_PER_SECOND = 2.5
WORDS_PER_SEGMENT = 12


class WordyTranscriber(Engine):
    """Fills a chunk with timed words, so that transcripts are as long as real ones."""

    def process(self, input: TaskInput) -> TaskOutput:
        """Return words in segments."""
        with wave.open(str(input.audio_path), "rb") as audio:
            seconds = audio.getnframes() / audio.getframerate()
        count = int(seconds * WORDS_PER_SECOND)
        words: list[dict[str, Any]] = [
            {
                "text": f"word{number % 97}",
                "start": round(number / WORDS_PER_SECOND, 3),
                "end": round((number + 0.9) / WORDS_PER_SECOND, 3),
                "confidence": 0.9,
            }
            for number in range(count)
        ]
        groups = [words[n : n + WORDS_PER_SEGMENT] for n in range(0, count, WORDS_PER_SEGMENT)]
        segments: list[dict[str, Any]] = [
            {
                "start": group[0]["start"],
                "end": group[-1]["end"],
                "text": " ".join(word["text"] for word in group),
                "words": group,
            }
            for group in groups
        ]
        text = " ".join(segment["text"] for segment in segments)
        return TaskOutput({"text": text, "segments": segments, "language": "en"})


if __name__ == "__main__":
    WordyTranscriber().run()
