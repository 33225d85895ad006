"""A long recording with the real engine: beside its library alone, and with two runners for one.

Each runner has one thread, as has the library, so that two runners don't take the processors from
each other. The library is given the whole recording, with its own voice activity detection and the
same model and beam. The clock starts with the upload, so storing, cutting and joining count as
ours.
"""

from __future__ import annotations

import io
import time
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np

from bench.deployments import Parts
from bench.peers.library import transcribe_alone
from bench.roles import Server, new_pipeline_server
from bench.waiting import MeasureError, watch_job
from dalston.evaluation.manifest import Clip, ManifestError, read_manifest
from dalston.evaluation.words import score_words
from scripts.demo_recording import WORDS, RecordingError, recording

LANGUAGE = "en"
MODEL = "base"
THREADS = 1
_RATE = 16_000
_PAUSE_SECONDS = 1.0
_JOB_SECONDS = 3600.0
_LOOK_SECONDS = 0.05
"""Between two looks at a job of minutes: each millisecond they would take a part of a processor."""
_TRANSCRIBER = "faster-whisper"
_ENGINES = ("audio-prepare", _TRANSCRIBER, "transcript-merger")
_WARM_UP_CLIPS = 4
"""So many at the same time that each of two runners gets one, and loads its model before."""


@dataclass(frozen=True)
class Speech:
    """What was made of the recording.

    Attributes:
        seconds: Until its text was there.
        error_rate: Wrong, missing and added words, in percent of those that are said.
    """

    seconds: float
    error_rate: float


@dataclass(frozen=True)
class Material:
    """A recording and what is said in it.

    Attributes:
        path: WAV, 16 kHz, mono.
        clip: The beginning of it, as a file.
    """

    path: Path
    clip: bytes
    text: str

    def scored(self, seconds: float, heard: str) -> Speech:
        """Return how long it took and how well it was heard."""
        rate = score_words(self.text, heard, LANGUAGE).rate
        assert rate is not None
        return Speech(seconds, 100 * rate)


def write_material(folder: Path, manifest: Path | None, repeats: int) -> Material:
    """Join recordings to one, with a second of silence behind each.

    Args:
        folder: Where it is written.
        manifest: Names recordings and texts (docs/quality.md); of these the English ones are taken
            that somebody has checked. None takes the demo's recording.
        repeats: How often they come.

    Raises:
        MeasureError: The manifest or a recording can't be had, or none is right for this.
    """
    try:
        clips = _clips(manifest)
        samples = [_decoded(clip.path) for clip in clips]
    except (ManifestError, RecordingError, OSError, av.FFmpegError) as error:
        raise MeasureError(str(error)) from error
    if not clips:
        raise MeasureError(f"{manifest} names no recording in {LANGUAGE} that somebody has checked")
    pause = np.zeros(int(_PAUSE_SECONDS * _RATE), np.int16)
    heard = [np.concatenate([one, pause]) for one in samples]
    path = folder / "speech.wav"
    path.write_bytes(_as_wav(np.concatenate(heard * repeats)))
    text = " ".join(clip.text for clip in clips)
    return Material(path, _as_wav(heard[0]), " ".join([text] * repeats))


def _clips(manifest: Path | None) -> list[Clip]:
    if manifest is None:
        return [Clip(name="demo", path=recording(), text=WORDS)]
    known = read_manifest(manifest)
    return [clip for clip in known if clip.language == LANGUAGE and clip.verified]


def measure_library(material: Material) -> Speech:
    """Have the library transcribe the recording.

    Raises:
        MeasureError: It failed.
    """
    settings = {"model": MODEL, "cpu_threads": THREADS}
    return material.scored(*transcribe_alone(material.path, LANGUAGE, settings))


def measure_runners(deployment: str, parts: Parts, material: Material, runners: int) -> Speech:
    """Have a freshly started server transcribe the recording.

    Args:
        deployment: Where.
        parts: What it stands on.
        material: The recording.
        runners: How many chunks are transcribed at a time.

    Raises:
        MeasureError: A process did not start or the job did not complete.
    """
    slots = dict.fromkeys(_ENGINES, 1) | {_TRANSCRIBER: runners}
    with new_pipeline_server(deployment, parts, "speech", slots, DALSTON_MODEL=MODEL) as server:
        for job in [_submit(server, material.clip) for _ in range(_WARM_UP_CLIPS)]:
            watch_job(server.tables, job)
        content = material.path.read_bytes()
        begin = time.monotonic()
        job = _submit(server, content)
        seconds = watch_job(server.tables, job, _JOB_SECONDS, _LOOK_SECONDS) - begin
        return material.scored(seconds, server.text(job))


def _submit(server: Server, content: bytes) -> str:
    return server.submit(content, language=LANGUAGE)


def _decoded(path: Path) -> Any:  # noqa: ANN401 - int16, one dimension
    """Return a recording's samples, at 16 kHz and mixed to one channel."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=_RATE)
    with av.open(str(path)) as container:
        frames = [
            made.to_ndarray()[0]
            for frame in (*container.decode(audio=0), None)
            for made in resampler.resample(frame)
        ]
    return np.concatenate(frames)


def _as_wav(samples: Any) -> bytes:  # noqa: ANN401 - int16, one dimension
    with io.BytesIO() as file:
        with wave.open(file, "wb") as written:
            written.setnchannels(1)
            written.setsampwidth(2)
            written.setframerate(_RATE)
            written.writeframes(samples.tobytes())
        return file.getvalue()
