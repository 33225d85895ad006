"""Reads Morse code."""

import array
import wave
from itertools import groupby

from dalston.engine_sdk import Engine, TaskInput, TaskOutput

CODES = """.- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...-
.-- -..- -.-- --.. ----- .---- ..--- ...-- ....- ..... -.... --... ---.. ----."""
LETTERS = dict(zip(CODES.split(), "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", strict=True))


class MorseReader(Engine):
    """Takes short tones for dots and long ones for dashes, and writes what they spell."""

    def process(self, input: TaskInput) -> TaskOutput:
        """Look where it is loud, a hundredth of a second at a time."""
        with wave.open(str(input.audio_path), "rb") as audio:
            size = audio.getframerate() // 100
            blocks = [audio.readframes(size) for _ in range(audio.getnframes() // size)]
        loud = [max(array.array("h", block)) > input.config["loudness"] for block in blocks]
        runs = [(tone, len(list(same))) for tone, same in groupby(loud)]
        dot = min((length for tone, length in runs if tone), default=1)
        marks = ((".", "-", "-"), ("", " ", " / "))
        code = "".join(marks[not tone][(n > 2 * dot) + (n > 5 * dot)] for tone, n in runs)
        words = ("".join(LETTERS.get(c, "?") for c in word.split()) for word in code.split("/"))
        text = " ".join(word for word in words if word)
        segments = [{"start": 0.0, "end": len(loud) / 100, "text": text}] if text else []
        return TaskOutput({"text": text, "segments": segments, "engine": {"id": self.id}})
