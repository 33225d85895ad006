"""Text that nobody said: what faster-whisper flags, and leaves out if that is wanted."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dalston.engine_sdk.testing import EngineUnderTest
from tests.engines.sounds import write_wav
from tests.engines.speech_clips import read_sound, silence
from tests.support.recordings import SPEECH, needs_recordings

FIGURES = {"confidence": 0.8, "no_speech_probability": 0.05, "compression_ratio": 1.4}

SENTENCES = {
    "hi": (
        "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता और समानता "
        "प्राप्त है। उन्हें बुद्धि और अन्तरात्मा की देन प्राप्त है और परस्पर उन्हें "
        "भाईचारे के भाव से बर्ताव करना चाहिए। प्रत्येक व्यक्ति को जीवन, स्वाधीनता और "
        "वैयक्तिक सुरक्षा का अधिकार है। कोई भी गुलामी या दासता की हालत में न रखा"
    ),
    "ta": (
        "மனிதப் பிறிவியினர் சகலரும் சுதந்திரமாகவே பிறக்கின்றனர்; அவர்கள் மதிப்பிலும், "
        "உரிமைகளிலும் சமமானவர்கள், அவர்கள் நியாயத்தையும் மனச்சாட்சியையும் இயற்பண்பாகப் "
        "பெற்றவர்கள். அவர்கள் ஒருவருடனொருவர் சகோதர உணர்வுப் பாங்கில் நடந்துகொள்ளல் "
        "வேண்டும்."
    ),
    "ka": (
        "ყველა ადამიანი იბადება თავისუფალი და თანასწორი თავისი ღირსებითა და უფლებებით. "
        "მათ მინიჭებული აქვთ გონება და სინდისი და ერთმანეთის მიმართ უნდა იქცეოდნენ "
        "ძმობის სულისკვეთებით. ყოველ ადამიანს უნდა ჰქონდეს ყველა უფლება და ყველა "
        "თავისუფლება,"
    ),
    "my": (
        "လူတိုင်းသည် တူညီ လွတ်လပ်သော ဂုဏ်သိက္ခာဖြင့် လည်းကောင်း၊ တူညီလွတ်လပ်သော "
        "အခွင့်အရေးများဖြင့် လည်းကောင်း၊ မွေးဖွားလာသူများ ဖြစ်သည်။ ထိုသူတို့၌ ပိုင်းခြား "
        "ဝေဖန်တတ်သော ဉာဏ်နှင့် ကျင့်ဝတ် သိတတ်သော စိတ်တို့ရှိကြ၍ ထိုသူတို့သည် အချင်းချင်း"
    ),
}
"""The Universal Declaration of Human Rights in scripts whose letters are all alike in UTF-8."""


def segments(*texts: str, **figures: float) -> list[dict[str, Any]]:
    return [
        {"start": 2.0 * number, "end": 2.0 * number + 1.5, "text": text, **FIGURES, **figures}
        for number, text in enumerate(texts)
    ]


def review(
    whisper: EngineUnderTest, found: list[dict[str, Any]], *, drop: bool = False
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    assert whisper.spec.id == "faster-whisper"
    kept, warnings = sys.modules["doubts"].review(found, drop=drop)
    return kept, warnings


@pytest.mark.parametrize(
    "text",
    [
        "No, no, no, no!",
        "It was the best of times, it was the worst of times, it was the age of wisdom.",
        "Ha ha ha.",
        "A rose is a rose is a rose.",
        "What shall I do? What shall I do?",
        "今天天气很好、我们去公园走走吧。",
        "ありがとうございます。ありがとうございます。",
        "1, 2, 3, 4, 5, 6, 7, 8, 9, 10",
        "का कि की कु कू के कै को कौ",
        *SENTENCES.values(),
    ],
)
def test_what_people_say_is_not_flagged(whisper: EngineUnderTest, text: str) -> None:
    found = segments("Well.", text, text)
    assert review(whisper, found, drop=True) == (found, [])


@pytest.mark.parametrize(
    "text",
    [
        "Thank you. Thank you. Thank you. Thank you.",
        "and then we go to the and then we go to the and then we go to the",
        "So I said " + "bye " * 9,
        "謝謝大家收看" * 4,
        "நன்றி வணக்கம் " * 10,
    ],
)
def test_a_loop_in_a_segment(whisper: EngineUnderTest, text: str) -> None:
    found = segments("Well.", text, "Good.")
    kept, (warning,) = review(whisper, found)
    assert kept == found
    assert (warning["code"], warning["start"], warning["end"]) == ("repeated_text", 2.0, 3.5)
    assert "dropped" not in warning


def test_a_loop_over_segments_keeps_the_first(whisper: EngineUnderTest) -> None:
    found = segments("Well.", "Thanks for watching!", *["Thanks for watching!"] * 3, "Good.")
    kept, (warning,) = review(whisper, found, drop=True)
    assert [segment["text"] for segment in kept] == ["Well.", "Thanks for watching!", "Good."]
    assert (warning["code"], warning["start"], warning["end"]) == ("repeated_text", 4.0, 9.5)
    assert warning["dropped"] == "Thanks for watching! Thanks for watching! Thanks for watching!"


def test_a_loop_with_small_changes(whisper: EngineUnderTest) -> None:
    for sentence in (
        "I'm going to show you how to make a good cup of {}.",
        SENTENCES["ka"] + " {}.",
    ):
        text = " ".join(sentence.format(number) for number in range(10))
        _, warnings = review(whisper, segments(text))
        assert [warning["code"] for warning in warnings] == ["repeated_text"]


@pytest.mark.parametrize(
    ("no_speech", "confidence", "flagged"),
    [
        (0.9, 0.45, True),
        (0.9, 0.8, False),
        (0.1, 0.3, False),
        (0.1, 0.1, True),
        (0.55, 0.46, True),
        (0.37, 0.29, True),
        (0.44, 0.54, False),
        (0.71, 0.65, False),
    ],
)
def test_text_over_no_speech(
    whisper: EngineUnderTest, no_speech: float, confidence: float, flagged: bool
) -> None:
    figures = {"no_speech_probability": no_speech, "confidence": confidence}
    found = [*segments("Well."), *segments("You", **figures)]
    kept, warnings = review(whisper, found, drop=True)
    assert [warning["code"] for warning in warnings] == ["text_without_speech"] * flagged
    assert len(kept) == 2 - flagged
    assert not flagged or "left out" in warnings[0]["message"]


@needs_recordings
@pytest.mark.parametrize("drop", [False, True])
def test_a_sentence_that_comes_again_and_again(
    whisper: EngineUnderTest, tmp_path: Path, drop: bool
) -> None:
    clip = read_sound(SPEECH / "en_librivox_0880.wav")
    recording = np.concatenate([np.concatenate([clip, silence(1)])] * 6)
    path = write_wav(tmp_path / "audio.wav", recording)
    # At higher temperatures words are drawn, and each run hears others.
    config = {
        "language": "en",
        "beam_size": 1,
        "drop_doubtful_text": drop,
        "temperatures": [0.0],
    }
    data = whisper.process(path, config=config).data
    assert {warning["code"] for warning in data["warnings"]} == {"repeated_text"}
    assert all(0 <= w["start"] < w["end"] <= len(recording) / 16_000 for w in data["warnings"])
    assert all(("dropped" in warning) is drop for warning in data["warnings"])
    said = data["text"].lower().count("young man")
    assert said <= 1 if drop else said >= 5


@needs_recordings
def test_hotwords_that_are_written_over_faint_speech_are_told(
    whisper: EngineUnderTest, tmp_path: Path
) -> None:
    """Nothing of this can be understood; with hotwords the model writes some of them."""
    speech = read_sound(SPEECH / "en_ls_1688-142285-0006.flac") / 100
    hiss = np.random.default_rng(0).standard_normal(len(speech)) * 104
    path = write_wav(tmp_path / "faint.wav", np.rint(speech + hiss).astype(np.int16))
    hotwords = "Zywicki, Grüneberg, Acme Corporation, quarterly report, Dalston, Mr. Hale"
    config = {"language": "en", "hotwords": hotwords, "temperatures": [0.0]}
    data = whisper.process(path, config=config).data
    told = [(one["start"], one["end"]) for one in data["warnings"]]
    assert told
    for segment in data["segments"]:
        assert any(start <= segment["start"] < end for start, end in told)
