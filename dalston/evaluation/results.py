"""What was measured: the figures of each clip, of all of them, and the circumstances."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Unit = Literal["word", "character"]
"""What errors are counted in; characters where a language is written without spaces."""

Change = Literal["equal", "substitute", "delete", "insert"]


class Piece(msgspec.Struct, frozen=True):
    """A stretch of the alignment of two texts.

    Attributes:
        change: What was done with the reference's words: `equal` kept, `substitute` replaced, as
            many by as many, `delete` missed, `insert` added.
        reference: Words of the reference; empty for `insert`.
        heard: Words of the transcript; empty for `delete`.
    """

    change: Change
    reference: list[str]
    heard: list[str]


class WordScore(msgspec.Struct, frozen=True):
    """How the transcript's words differ from the reference's.

    Attributes:
        unit: What was counted, words or characters; the others are numbers of it.
        reference: In the reference.
        substituted: Wrong ones.
        missed: In the reference alone.
        added: In the transcript alone.
        pieces: The alignment.
    """

    unit: Unit
    reference: int
    substituted: int
    missed: int
    added: int
    pieces: list[Piece] = []

    @property
    def errors(self) -> int:
        """The number of errors of all kinds."""
        return self.substituted + self.missed + self.added

    @property
    def rate(self) -> float | None:
        """Errors per word of the reference, which may be above 1; None without a reference."""
        return share(self.errors, self.reference)


class SpeakerScore(msgspec.Struct, frozen=True):
    """How the transcript's speakers differ from the reference's, in seconds.

    Attributes:
        scored: Speech of the reference, counted once for each speaker.
        missed: Of it, what nobody was said to speak.
        false_alarm: Said to be speech and isn't in the reference.
        confused: Given to another speaker.
        expected: How many speakers there are.
        found: How many the transcript has.
    """

    scored: float
    missed: float
    false_alarm: float
    confused: float
    expected: int
    found: int

    @property
    def rate(self) -> float | None:
        """The diarization error rate; None without speech."""
        return share(self.missed + self.false_alarm + self.confused, self.scored)


class TimeScore(msgspec.Struct, frozen=True):
    """How far the starts of words are from the reference's.

    Attributes:
        reference: Words of the reference that have a time.
        errors: Seconds between the two starts, for each word that both texts have.
    """

    reference: int
    errors: list[float]


class ConfidenceBand(msgspec.Struct, frozen=True):
    """How many words have a confidence from `low` up to `high`, and how many of them are right."""

    low: float
    high: float
    words: int
    right: int


class ClipResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a clip.

    Attributes:
        clip: Its name in the manifest.
        status: `completed` or `failed`; a failed clip's words are all missed.
        error: Why it failed.
        language: The language that is spoken, as far as the manifest or the server knows it.
        heard_language: The language that the transcript says it is.
        verified: Whether the reference was checked by people, so that errors may be counted.
        reference: The reference as the manifest has it, without names of speakers.
        text: The transcript.
        words: Errors in words.
        speakers: Errors in speakers, if the manifest has them and the run tells them; where there
            is no transcript, or one without speakers, all speech is missed.
        times: Errors in the words' times, likewise.
        confidences: Right words by their confidence, if the transcript has confidences.
        audio_seconds: Length of the recording.
        processing_seconds: From the job's start to its end, by the server's clock.
        warnings: The transcript's warnings.
        engines: Facts of the engines that worked on it, by their ids.
    """

    clip: str
    status: Literal["completed", "failed"]
    error: str | None = None
    language: str | None = None
    heard_language: str | None = None
    verified: bool = True
    reference: str = ""
    text: str = ""
    words: WordScore
    speakers: SpeakerScore | None = None
    times: TimeScore | None = None
    confidences: list[ConfidenceBand] = []
    audio_seconds: float | None = None
    processing_seconds: float | None = None
    warnings: list[str] = []
    engines: dict[str, dict[str, Any]] = {}

    @property
    def failed(self) -> bool:
        """Whether there is no transcript."""
        return self.status == "failed"

    @property
    def real_time_factor(self) -> float | None:
        """Seconds of processing per second of audio."""
        if self.processing_seconds is None or self.audio_seconds is None:
            return None
        return share(self.processing_seconds, self.audio_seconds)


class TimeSummary(msgspec.Struct, frozen=True):
    """Start errors of words, in milliseconds; `matched` of `reference` words are in both texts."""

    matched: int
    reference: int
    median: float
    mean: float
    ninety_percent: float


class Total(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of a group of clips, weighted by their words, their speech or their length.

    Attributes:
        name: A language's code, or `all`.
        clips: In the group, failed ones too.
        failed: Of them, without a transcript.
        unverified: Of them, with a reference that nobody checked: not counted in what compares.
        words: Sums of words, a failed clip's words being missed.
        rate: Errors per word of the reference.
        completed_rate: The same without failed clips.
        diarized: Clips with speakers in the manifest, in a run that tells speakers.
        diarization_rate: Their error rate.
        counted_right: Of those, in how many the number of speakers is right.
        times: Start errors of words.
        audio_seconds: Audio of the clips that have a transcript.
        real_time_factor: Seconds of processing per second of that.
    """

    name: str
    clips: int
    failed: int
    unverified: int
    words: WordScore
    rate: float | None
    completed_rate: float | None
    diarized: int
    diarization_rate: float | None
    counted_right: int
    times: TimeSummary | None
    audio_seconds: float
    real_time_factor: float | None


class Memory(msgspec.Struct, frozen=True):
    """The most resident memory that was seen, in bytes.

    Attributes:
        engines: Of each engine's process, by the engine's id.
        together: Of all engines' processes at one moment, also those that had nothing to do.
    """

    engines: dict[str, int]
    together: int


class Circumstances(msgspec.Struct, frozen=True, kw_only=True):
    """With what, where and when it was measured.

    Attributes:
        manifest: The manifest's name.
        pipeline: The pipeline that the server used.
        engines: Facts of the engines, such as version and model, by their ids.
        machine: The machine that this program ran on.
        date: The day, ISO 8601.
        language_given: Whether the server was told each clip's language.
        memory: Of the engines of a server of our own.
    """

    manifest: str
    pipeline: str
    engines: dict[str, dict[str, Any]]
    machine: str
    date: str
    language_given: bool
    memory: Memory | None = None


class Evaluation(msgspec.Struct, frozen=True):
    """All that was measured.

    Attributes:
        circumstances: With what, where and when.
        totals: By language, and of all.
        confidences: Right words by their confidence, in clips with a verified reference.
        clips: In the manifest's order.
    """

    circumstances: Circumstances
    totals: list[Total]
    confidences: list[ConfidenceBand]
    clips: list[ClipResult]


def to_json(evaluation: Evaluation) -> bytes:
    """Return all that was measured as JSON, each clip with its rates."""
    written = msgspec.to_builtins(evaluation)
    for clip, result in zip(written["clips"], evaluation.clips, strict=True):
        clip["rate"] = result.words.rate
        clip["diarization_rate"] = None if result.speakers is None else result.speakers.rate
        clip["real_time_factor"] = result.real_time_factor
    return msgspec.json.format(msgspec.json.encode(written), indent=1) + b"\n"


def share(part: float, whole: float) -> float | None:
    """Return a part of a whole; None where there is no whole."""
    return part / whole if whole else None
