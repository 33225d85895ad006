"""Subtitles by a captioner's rules: how long, how wide, where divided, who speaks."""

from __future__ import annotations

import time
import unicodedata
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dalston.common.formats import to_csv, to_srt, to_tsv, to_vtt
from dalston.common.subtitles import Rules, cues
from dalston.common.transcript import Segment, Speaker, Transcript, Word

SENTENCE = (
    "It was the best of times, it was the worst of times. It was the age of wisdom, it was the "
    "age of foolishness, it was the epoch of belief."
)


def spoken(text: str, seconds_per_word: float = 0.4, *, start: float = 0.0) -> Segment:
    """Return a segment whose words follow each other without a pause."""
    words = [
        Word(word, start + place * seconds_per_word, start + (place + 1) * seconds_per_word)
        for place, word in enumerate(text.split())
    ]
    return Segment(start, words[-1].end, text, words=words)


def of(*segments: Segment, speakers: tuple[Speaker, ...] = ()) -> Transcript:
    text = " ".join(segment.text for segment in segments)
    return Transcript(text, list(segments), speakers=list(speakers))


def width(line: str) -> int:
    seen = [letter for letter in line if unicodedata.category(letter) not in ("Mn", "Me", "Cf")]
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in seen)


def test_a_long_segment_is_divided_where_a_reader_pauses() -> None:
    found = list(cues(of(spoken(SENTENCE)), Rules()))
    assert " ".join(cue.text.replace("\n", " ") for cue in found) == SENTENCE
    assert len(found) == 3
    assert found[0].text == "It was the best of times,\nit was the worst of times."
    assert found[1].text.endswith("foolishness,")
    # A word's own time says when its cue begins.
    assert found[1].start == found[0].end == 12 * 400


@pytest.mark.parametrize(
    "text",
    [
        "مرحبا بكم في هذا البرنامج الجديد؟ | اليوم سنتحدث عن الطقس في العالم العربي وكيف يتغير.",
        "مرحبا بكم في هذا البرنامج الجديد، | اليوم سنتحدث عن الطقس في العالم العربي وكيف يتغير.",
        "आज हम मौसम के बारे में बात करेंगे और देखेंगे। | यह कैसे बदलता है यह जानना बहुत ज़रूरी है।",
        "آج ہم موسم کے بارے میں بات کریں گے\u06d4 | یہ کیسے بدلتا ہے یہ جاننا بہت ضروری ہے کیونکہ.",
        "Er sagte ganz leise zu ihr: „Nie wieder.“ | Danach ging er hinaus und kam erst am Abend.",
        "「明日は雨が降るでしょう、傘を忘れないで。」 | 彼はそう言って駅まで歩いて帰りました。",
    ],
    ids=["Arabic question", "Arabic clause", "Hindi", "Urdu", "German", "Japanese"],
)
def test_sentences_of_other_scripts_and_languages_end_too(text: str) -> None:
    first, rest = text.split(" | ")
    whole = f"{first}{'' if '。' in first else ' '}{rest}"
    found = [cue.text for cue in cues(of(Segment(0.0, 9.0, whole)), Rules())]
    assert found[0].replace("\n", "" if "。" in first else " ") == first


def test_lines_of_a_cue_are_about_as_long() -> None:
    text = "one two three four five six seven eight nine"
    [cue] = cues(of(spoken(text, 0.2)), Rules(line_length=42))
    first, second = cue.text.split("\n")
    assert abs(len(first) - len(second)) <= 6


def in_parts(*parts: str, speaker: str | None = None) -> list[Segment]:
    """Return segments that follow each other without a pause, as an engine ends them."""
    found: list[Segment] = []
    for part in parts:
        start = found[-1].end if found else 0.0
        found.append(msgspec.structs.replace(spoken(part, 0.25, start=start), speaker=speaker))
    return found


def test_a_sentence_that_goes_on_in_the_next_segment_is_not_torn_there() -> None:
    """The last word in front of an engine's limit was shown alone, for a quarter of a second."""
    parts = in_parts(
        "tear down the fence you didn't want to come now leave and take your half a man",
        "with you tossing his gun up across his left arm and cocking it when he says.",
    )
    found = list(cues(of(*parts), Rules()))
    assert " ".join(cue.text.replace("\n", " ") for cue in found) == of(*parts).text
    assert all(cue.end - cue.start >= 1000 for cue in found)
    assert max(len(line) for cue in found for line in cue.text.split("\n")) <= 42
    # Chinese and the like go on without a space.
    [cue] = cues(of(Segment(0.0, 2.0, "明日は雨が"), Segment(2.0, 4.0, "降るでしょう。")), Rules())
    assert cue.text == "明日は雨が降るでしょう。"


def test_commas_tell_that_sentences_have_marks() -> None:
    """Of verse few segments end with a sentence."""
    verse = ("from fairest creatures, we desire", "increase, that thereby", "my rose, might")
    found = [cue.text for cue in cues(of(*in_parts(*verse * 3)), Rules())]
    assert all(not cue.endswith(("desire", "thereby", "might")) for cue in found[:-1])


def test_segments_that_do_not_go_on_stay_apart() -> None:
    ended = in_parts("He was there.", "she was not.")
    apart = [spoken("and then he"), spoken("went away.", start=2.0)]
    at_once = [Segment(0.0, 4.0, "one of them says"), Segment(2.0, 5.0, "what nobody hears.")]
    others = [*in_parts("and then he", speaker="A"), *in_parts("went away.", speaker="B")]
    for parts in (ended, apart, at_once, others):
        assert [cue.text for cue in cues(of(*parts), Rules())] == [part.text for part in parts]
    # Who is interrupted goes on.
    first, second = in_parts("what I wanted to", "tell you about.", speaker="A")
    between = Segment(0.9, 1.1, "Yes.", speaker="B")
    found = [cue.text for cue in cues(of(first, between, second), Rules(speakers=True))]
    assert found == ["A: what I wanted to tell you about.", "B: Yes."]


def test_ends_of_segments_count_where_there_are_no_marks() -> None:
    """Thai has none, and Whisper's Chinese often has none."""
    parts = [Segment(0.0, 2.0, "明日は雨が"), Segment(2.0, 4.0, "降るでしょう")]
    assert [cue.text for cue in cues(of(*parts), Rules())] == [part.text for part in parts]
    # A mark among many sentences changes nothing for the others.
    many = in_parts(*["今天我们来讲这个问题"] * 9, "下面来看例子。", "我觉得还不错")
    assert [cue.text for cue in cues(of(*many), Rules())] == [part.text for part in many]


def test_a_stretch_without_marks_is_divided_between_segments() -> None:
    parts = in_parts(
        "so I went down to the shop",
        "where they had no bread at all",
        "and usually they have some of it",
        "until noon or even later.",
        *["That was all."] * 2,
    )
    found = [cue.text.replace("\n", " ") for cue in cues(of(*parts), Rules())]
    assert found[:2] == [f"{parts[0].text} {parts[1].text}", f"{parts[2].text} {parts[3].text}"]


def test_hours_without_a_mark_are_divided_in_no_time() -> None:
    parts = in_parts(*["and so on and so forth for ever and ever"] * 4000, *["Amen."] * 4000)
    began = time.process_time()
    found = list(cues(of(*parts), Rules()))
    assert time.process_time() - began < 10
    assert sum(len(cue.text.split()) for cue in found) == 4000 * 11


def test_a_pause_divides_what_has_no_marks() -> None:
    early = spoken("and then they all went out to the", 0.2)
    late = spoken("old house by the sea and waited there for", 0.2, start=4.0)
    words = [*(early.words or ()), *(late.words or ())]
    whole = Segment(0.0, late.end, f"{early.text} {late.text}", words=words)
    first, *_ = cues(of(whole), Rules(line_length=24))
    assert first.text.replace("\n", " ") == early.text


def test_short_cues_stay_until_they_are_read_or_the_next_one_comes() -> None:
    found = list(
        cues(
            of(spoken("Yes.", 0.2), spoken("No.", 0.2, start=0.6), spoken("So.", 0.2, start=5.0)),
            Rules(shortest=1.0),
        )
    )
    assert [(cue.start, cue.end) for cue in found] == [(0, 600), (600, 1600), (5000, 6000)]


def test_no_cue_stays_too_long() -> None:
    drawn_out = Segment(0.0, 60.0, "Well.", words=[Word("Well.", 0.0, 60.0)])
    [cue] = cues(of(drawn_out), Rules(longest=7.0))
    assert cue.end == 7000
    slow = list(cues(of(spoken("a b c d e f", 3.0)), Rules(longest=7.0)))
    assert [cue.text for cue in slow] == ["a b", "c d", "e f"]


def test_who_speaks_is_said_where_it_changes() -> None:
    segments = [
        Segment(0.0, 1.0, "Hello.", speaker="s0"),
        Segment(1.0, 2.0, "How are you?", speaker="s0"),
        Segment(2.0, 3.0, "Well.", speaker="s1"),
    ]
    transcript = of(*segments, speakers=(Speaker("s0", "Anna"), Speaker("s1", "Ben")))
    named = [cue.text for cue in cues(transcript, Rules(speakers=True))]
    assert named == ["Anna: Hello.", "How are you?", "Ben: Well."]
    assert [cue.text for cue in cues(transcript, Rules())] == ["Hello.", "How are you?", "Well."]
    assert next(cues(transcript)).text == "Anna: Hello."


def test_who_goes_on_behind_an_interruption_is_said_again() -> None:
    long = " ".join(f"word{number}" for number in range(20))
    transcript = of(
        Segment(0.0, 20.0, long, speaker="s0"),
        Segment(5.2, 6.3, "Yes, indeed.", speaker="s1"),
        Segment(20.0, 20.1, " ", speaker="s1"),
        Segment(20.5, 21.5, "That's all.", speaker="s0"),
        speakers=(Speaker("s0", "Anna"), Speaker("s1", "Bert")),
    )
    shown = list(cues(transcript, Rules(speakers=True)))
    begun = [cue.text.partition(" ")[0] for cue in shown]
    assert begun[:3] == ["Anna:", "Bert:", "Anna:"]
    assert not any(":" in text for text in begun[3:])
    assert [cue.start for cue in shown] == sorted(cue.start for cue in shown)
    words = " ".join(cue.text for cue in shown).replace("Anna: ", "").replace("Bert: ", "").split()
    assert sorted(words) == sorted([*long.split(), "Yes,", "indeed.", "That's", "all."])


def test_a_name_does_not_stand_alone() -> None:
    name = "The Honourable Anna Maria Bertolucci-Featherstonehaugh"
    transcript = of(Segment(0.0, 1.0, "Hello.", speaker="s0"), speakers=(Speaker("s0", name),))
    [cue] = cues(transcript, Rules(speakers=True, lines=1))
    assert cue.text.endswith("Hello.")


def test_without_words_times_go_by_the_letters() -> None:
    [first, second] = cues(of(Segment(0.0, 10.0, "aaaa bbbb")), Rules(longest=5.0))
    assert (first.text, first.start, first.end) == ("aaaa", 0, 5000)
    assert (second.text, second.start, second.end) == ("bbbb", 5000, 10000)


def test_scripts_without_blanks_are_divided_by_width() -> None:
    text = "今日は天気がいいので散歩に行きましょう。それから昼ご飯を食べます。"
    found = list(cues(of(Segment(0.0, 8.0, text)), Rules(line_length=20, lines=2)))
    assert "".join(cue.text.replace("\n", "") for cue in found) == text
    assert all(width(line) <= 20 for cue in found for line in cue.text.split("\n"))
    assert found[0].text.endswith("。")


@pytest.mark.parametrize(
    "text",
    [
        "今天 OpenAI 发布了新的模型、大家都很高兴。我们会继续讨论 GPT 这个题目、请准时参加会议。",
        "มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกันในเกียรติศักดิ์และสิทธิ ต่างมีเหตุผลและมโนธรรม",
    ],
    ids=["Chinese", "Thai"],
)
def test_scripts_without_blanks_may_have_some(text: str) -> None:
    found = list(cues(of(Segment(0.0, 16.0, text)), Rules(line_length=20, lines=2)))
    shown = " ".join(cue.text for cue in found)
    assert "".join(shown.split()) == text.replace(" ", "")
    assert "OpenAI" not in text or " ".join(shown.split()).startswith("今天 OpenAI 发")
    assert all(width(line) <= 20 for cue in found for line in cue.text.split("\n"))
    # Nothing leaves the screen while it is still being said.
    assert [cue.end for cue in found] == [*(cue.start for cue in found[1:]), 16_000]


@pytest.mark.parametrize(
    "text",
    [
        (
            "Savez-vous pourquoi il est parti ? Je crois : non ! Il a dit « jamais de la vie » ; "
            "alors nous sommes rentrés à 10 % ?"
        ),
        "彼女「そうだね」彼「違うよ」友人は『銀河』と《夜》を、【静かに】置いた。",
        "“你好”他说。“再见”然后离开了《红楼梦》这本书。",
    ],
    ids=["French", "Japanese", "Chinese"],
)
@pytest.mark.parametrize("timed", [True, False])
def test_no_line_begins_or_ends_with_a_mark_that_belongs_to_the_other_side(
    text: str, *, timed: bool
) -> None:
    """As Whisper gives words: marks with a space in front, and brackets, are words themselves."""
    parts = text.split() if " " in text else list(text)
    words = [Word(part, 0.25 * place, 0.25 * place + 0.25) for place, part in enumerate(parts)]
    segment = Segment(0.0, words[-1].end, text, words=words if timed else None)
    for length in range(12, 46):
        found = [cue.text.split("\n") for cue in cues(of(segment), Rules(line_length=length))]
        lines = [line for cue in found for line in cue]
        assert "".join(lines).replace(" ", "") == text.replace(" ", "")
        assert not [line for line in lines if line[0] in "?!:;%»」』》】”、。"]
        assert not [line for line in lines if line[-1] in "«「『《【“"]


THAI = "วันนี้เราจะพูดถึงเรื่องที่ไม่ได้พูดถึงมานานแล้ว"


@pytest.mark.parametrize("timed", [True, False])
def test_no_letter_loses_its_vowel_and_marks_above_take_no_room(*, timed: bool) -> None:
    """Whisper gives each sign of Thai as a word."""
    words = [Word(sign, 0.1 * n, 0.1 * n + 0.1) for n, sign in enumerate(THAI)]
    segment = Segment(0.0, words[-1].end, THAI, words=words if timed else None)
    for length in range(10, 30):
        rules = Rules(line_length=length, lines=1)
        lines = [cue.text for cue in cues(of(segment), rules)]
        assert "".join(lines) == THAI
        assert not [line for line in lines if unicodedata.category(line[0]).startswith("M")]
        assert max(map(width, lines)) <= length
    assert width(THAI) == 33 < len(THAI)
    [cue] = cues(of(segment), Rules(line_length=33))
    assert cue.text == THAI


def test_the_space_behind_what_is_not_seen_takes_room() -> None:
    [cue] = cues(of(Segment(0.0, 2.0, "\u200b eleven eleven")), Rules(line_length=13))
    assert [width(row) for row in cue.text.split("\n")] == [7, 6]


def test_no_line_of_japanese_begins_with_a_small_letter() -> None:
    text = "ニューヨークのコーヒーショップでちょっとキャッシュカードを使った"
    words = [Word(sign, 0.1 * n, 0.1 * n + 0.1) for n, sign in enumerate(text)]
    for known in (words, None):
        segment = Segment(0.0, words[-1].end, text, words=known)
        for length in range(10, 40):
            found = cues(of(segment), Rules(line_length=length))
            lines = [line for cue in found for line in cue.text.split("\n")]
            assert "".join(lines) == text
            assert not [line for line in lines if line[0] in "ーュョッャ"]


def test_marks_that_begin_a_text_or_stand_between_stay_where_they_are() -> None:
    text = "— Oui ... … je sais - enfin & puis — voilà"
    words = [Word(part, float(n), float(n) + 1) for n, part in enumerate(text.split())]
    segment = Segment(0.0, words[-1].end, text, words=words)
    found = [cue.text for cue in cues(of(segment), Rules(line_length=10, longest=1))]
    assert found == text.split()
    # A row of marks is no word.
    rows = [cue.text for cue in cues(of(Segment(0.0, 9.0, "! " * 40)), Rules(line_length=10))]
    assert max(len(line) for row in rows for line in row.split("\n")) <= 10


def test_large_cues_are_divided_in_no_time() -> None:
    """A fifth of a second; it took half a minute when each letter's line was measured anew."""
    text = "今日は天気がいい" * 2500
    rules = Rules(line_length=200, lines=10, longest=600.0)
    begun = time.process_time()
    found = list(cues(of(Segment(0.0, 600.0, text)), rules))
    assert time.process_time() - begun < 10
    assert "".join(cue.text for cue in found).replace("\n", "") == text
    assert len(found) == 20


def test_a_picture_of_several_characters_is_not_torn() -> None:
    family, flag = "👩\u200d👩\u200d👧\u200d👦", "🇩🇪"
    text = f"カフェで{family}と{flag}を見ました"
    rows = [
        row
        for cue in cues(of(Segment(0.0, 3.0, text)), Rules(line_length=6))
        for row in cue.text.split("\n")
    ]
    assert "".join(rows) == text
    assert [sum(picture in row for row in rows) for picture in (family, flag)] == [1, 1]


@given(
    st.lists(st.text(st.characters(codec="utf-8"), max_size=60), max_size=8),
    st.integers(10, 60),
    st.integers(1, 3),
)
def test_any_text_keeps_the_rules(texts: list[str], length: int, lines: int) -> None:
    segments = [Segment(2.0 * n, 2.0 * n + 2.0, text) for n, text in enumerate(texts)]
    rules = Rules(line_length=length, lines=lines)
    found = list(cues(of(*segments), rules))
    for cue in found:
        rows = cue.text.split("\n")
        assert len(rows) <= lines
        assert cue.text.strip()
        assert all(width(row) <= length or " " not in row for row in rows)
        assert cue.start < cue.end
    assert all(before.start <= after.start for before, after in pairwise(found))


@pytest.mark.parametrize("render", [to_srt, to_vtt])
def test_rules_are_for_both_kinds_of_subtitles(render: object) -> None:
    assert callable(render)
    assert str(render(of(spoken(SENTENCE)), Rules())).count(" --> ") == 3
    assert str(render(of(spoken(SENTENCE)))).count(" --> ") == 1


def test_marks_of_web_vtt_are_escaped() -> None:
    assert "a &lt;b&gt; &amp; c --&gt; d" in to_vtt(of(Segment(0, 1, "a <b> & c --> d")), Rules())


def test_tables_have_a_row_for_each_segment() -> None:
    transcript = of(
        Segment(0.0, 1.5, 'He said: "a, b"\tand left', speaker="s0", confidence=0.5),
        Segment(1.5, 2.0, "=1+1"),
        speakers=(Speaker("s0", "Anna"),),
    )
    assert to_tsv(transcript) == (
        'start\tend\ttext\n0\t1500\tHe said: "a, b" and left\n1500\t2000\t=1+1\n'
    )
    assert to_csv(transcript) == (
        "start,end,speaker,text,confidence\r\n"
        '0.0,1.5,Anna,"He said: ""a, b"" and left",0.5\r\n'
        "1.5,2.0,,=1+1,\r\n"
    )
