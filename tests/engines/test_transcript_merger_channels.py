"""The one transcript of channels that were transcribed alone."""

from __future__ import annotations

from typing import Any

from dalston.engine_sdk.testing import EngineUnderTest
from tests.engines.test_transcript_merger_chunks import chunk, merge, merger, said, words

__all__ = ["merger"]


def speakers(data: dict[str, Any]) -> list[tuple[str, str]]:
    return [(segment["speaker"], segment["text"]) for segment in data["segments"]]


def test_each_channel_is_a_speaker_in_order_of_time(merger: EngineUnderTest) -> None:
    data = merge(
        merger,
        chunk(0.0, (0.0, 20.0), said("Yes? Mhm.", 2.0), channel=2),
        chunk(0.0, (0.0, 9.0), said("Hello there.", 1.0), said("Well then.", 6.0), channel=1),
        chunk(9.0, (9.0, 20.0), said("Good bye.", 1.0), channel=1),
    )
    assert speakers(data) == [
        ("channel_1", "Hello there."),
        ("channel_2", "Yes? Mhm."),
        ("channel_1", "Well then."),
        ("channel_1", "Good bye."),
    ]
    assert data["speakers"] == [
        {"id": "channel_1", "label": "Channel 1"},
        {"id": "channel_2", "label": "Channel 2"},
    ]
    for segment in data["segments"]:
        assert {word["speaker"] for word in segment["words"]} == {segment["speaker"]}


def test_people_may_speak_at_the_same_time(merger: EngineUnderTest) -> None:
    """Chunks of two channels overlap everywhere, and no word is taken for another's."""
    same = "one two three four"
    data = merge(
        merger,
        chunk(0.0, (0.0, 4.0), said(same, 1.0), channel=1),
        chunk(3.0, (4.0, 20.0), said(same, 3.0), channel=1),
        chunk(0.0, (0.0, 20.0), said(same, 1.0), channel=2),
    )
    assert words(data).split() == same.split() * 3
    starts = [segment["start"] for segment in data["segments"]]
    assert starts == sorted(starts) == [1.0, 1.0, 6.0]


def test_who_says_nothing_is_no_speaker(merger: EngineUnderTest) -> None:
    data = merge(
        merger,
        chunk(0.0, (0.0, 20.0), said("Hello?", 1.0), channel=1),
        chunk(0.0, (0.0, 20.0), channel=3),
    )
    assert data["speakers"] == [{"id": "channel_1", "label": "Channel 1"}]


def test_better_times_go_to_the_channel_that_they_are_of(merger: EngineUnderTest) -> None:
    heard = [
        chunk(0.0, (0.0, 20.0), said(f"Channel {number}.", 1.0), channel=number)
        for number in (1, 2)
    ]
    aligned = chunk(0.0, (0.0, 20.0), said("Channel 2.", 1.25), channel=2)
    data = merge(merger, *heard, align=[aligned])
    assert [(s["start"], s["text"]) for s in data["segments"]] == [
        (1.0, "Channel 1."),
        (1.25, "Channel 2."),
    ]


def test_a_warning_tells_of_which_channel_it_is(merger: EngineUnderTest) -> None:
    doubt = {"code": "repeated_text", "message": "Again.", "start": 1.0, "end": 2.0}
    data = merge(
        merger,
        chunk(2.0, (0.0, 20.0), said("a", 1.0), channel=1, warnings=[doubt]),
        chunk(0.0, (0.0, 20.0), said("b", 1.0), channel=2, warnings=[doubt]),
    )
    told = [(w["start"], w["end"], w["channel"]) for w in data["metadata"]["warnings"]]
    assert sorted(told) == [(1.0, 2.0, 2), (3.0, 4.0, 1)]


def told(data: dict[str, Any]) -> list[tuple[str, float, float]]:
    return [
        (warning["message"].partition(" have ")[0], warning["start"], warning["end"])
        for warning in data["metadata"]["warnings"]
        if warning["code"] == "same_words_in_channels"
    ]


def test_a_voice_that_is_heard_in_two_channels_is_told(merger: EngineUnderTest) -> None:
    data = merge(
        merger,
        chunk(
            0.0,
            (0.0, 40.0),
            said("I never said that at all.", 2.0),
            said("Good bye then, my dear friend.", 30.0),
            channel=1,
        ),
        chunk(
            0.0,
            (0.0, 40.0),
            said("never said that at all", 2.9),
            said("Well, you did.", 15.0),
            said("Good bye then my dear friend", 30.2),
            channel=3,
        ),
    )
    ((channels, start, end),) = told(data)
    assert channels == "channel_1 and channel_3"
    assert (start, end) == (2.0, max(segment["end"] for segment in data["segments"]))


def test_what_two_people_say_is_no_voice_in_two_channels(merger: EngineUnderTest) -> None:
    """A greeting at the same time, the same sentence later, and other words at the same time."""
    data = merge(
        merger,
        chunk(
            0.0,
            (0.0, 40.0),
            said("Hello there, Tom.", 1.0),
            said("I never said that at all.", 5.0),
            said("We could meet on Monday or so.", 30.0),
            channel=1,
        ),
        chunk(
            0.0,
            (0.0, 40.0),
            said("Hello there, Ann.", 1.0),
            said("I never said that at all.", 15.0),
            said("It was not on Monday, was it?", 30.0),
            channel=2,
        ),
    )
    assert told(data) == []
