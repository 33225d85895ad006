"""Real speech for other vendors' clients: words with times, and a call's channels."""

from __future__ import annotations

from typing import Any

import assemblyai
import pytest

from tests.support.recordings import SPEECH, needs_recordings
from tests.support.stack import running_embedded
from tests.support.vendor_clients import vendor_clients

pytestmark = [
    needs_recordings,
    pytest.mark.timeout(900),
    # The vendors' own code uses what its libraries call deprecated.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

LIBRIVOX = SPEECH / "en_librivox_0880.wav"
ENGINES = ("audio-prepare", "faster-whisper", "ge2e-speakers", "transcript-merger")
SENTENCE = "he was not an ill disposed young man"
LONGEST = 4


def plain(text: str) -> str:
    return " ".join("".join(c if c.isalnum() else " " for c in text.lower()).split())


def test_words_have_times_and_speakers_in_each_vendors_way() -> None:
    settings = {"DALSTON_PIPELINE": "default", "DALSTON_MODEL": "base"}
    with (
        running_embedded(*ENGINES, **settings) as stack,
        vendor_clients(stack.url) as clients,
    ):
        said: Any = clients.elevenlabs.speech_to_text.convert(
            file=("a.wav", LIBRIVOX.read_bytes()),
            model_id="scribe_v1",
            language_code="eng",
            diarize=True,
            timestamps_granularity="word",
        )
        assert plain(said.text) == SENTENCE
        assert said.language_code == "eng"
        assert "".join(word.text for word in said.words) == said.text
        spoken = [word for word in said.words if word.type == "word"]
        assert {word.speaker_id for word in spoken} == {"speaker_0"}
        assert all(0 <= word.start <= word.end <= said.audio_duration_secs for word in spoken)
        assert all(word.logprob <= 0 for word in spoken)

        heard = clients.deepgram.transcribe_file(
            request=LIBRIVOX.read_bytes(), model="base", multichannel=True, language="en"
        )
        [channel] = heard.results.channels
        assert plain(channel.alternatives[0].transcript) == SENTENCE
        assert all(0 < word.confidence <= 1 for word in channel.alternatives[0].words)
        assert 2 < heard.metadata.duration < LONGEST
        assert stack.read(heard.metadata.request_id)["pipeline"] == "default"

        found = clients.assemblyai.transcribe(
            str(LIBRIVOX),
            config=assemblyai.TranscriptionConfig(
                language_code="en_us",
                speaker_labels=True,
                speaker_options=assemblyai.SpeakerOptions.model_validate(
                    {"max_speakers_expected": 2}
                ),
            ),
        )
        assert plain(found.text or "") == SENTENCE
        [turn] = found.utterances or []
        assert turn.speaker == "A"
        assert [word.text for word in turn.words] == [word.text for word in found.words or []]
        assert 1000 < turn.end < 1000 * LONGEST
        assert 0.5 < (found.confidence or 0) <= 1
