"""Pieces of text are put together as their script has it, whatever language was spoken."""

from __future__ import annotations

import pytest

from dalston.common.wording import belongs_to_word, between, counted, joined, words_in


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("Good morning.", "Let us begin.", " "),
        ("お早う。", "始めましょう。", ""),
        ("コーヒー", "です", ""),
        ("今天天气很好", "我们走吧", ""),
        ("人々", "が", ""),
        ("สวัสดีครับ", "น้ำเย็น", ""),
        ("ສະບາຍດີ", "ຂອບໃຈ", ""),
        ("សួស្តី", "អរគុណ", ""),
        ("မင်္ဂလာပါ", "ကျေးဇူးတင်ပါတယ်", ""),
        ("བཀྲ་ཤིས།", "བདེ་ལེགས།", ""),
        ("안녕하세요.", "시작합시다.", " "),
        ("नमस्ते।", "आइए", " "),
        ("Доброе утро.", "Начнём.", " "),
        ("Good morning.", "お早う。", " "),
        ("お早う。", "Good morning.", " "),
        ("価格は100", "円です", ""),
        ("100", "円です", ""),
        ("「はい」", "(笑)", ""),
        ("It was 100", "euros", " "),
        ("12", "34", " "),
        ("...", "?", " "),
    ],
)
def test_a_space_stands_where_the_letters_ask_for_it(
    before: str, after: str, expected: str
) -> None:
    assert between(before, after) == expected


def test_many_texts_are_joined_pair_by_pair() -> None:
    assert joined([]) == ""
    assert joined(["", "One.", "", "Two."]) == "One. Two."
    assert joined(iter(["お早う。", "始めます。", "Good.", "Bye."])) == (
        "お早う。始めます。 Good. Bye."
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Hello there,  you two.", ["Hello", "there,", "you", "two."]),
        ("今天天气、很好 啊。", ["今", "天", "天", "气、", "很", "好", "啊。"]),
        ("これはAPI2です。", ["こ", "れ", "は", "API2", "で", "す。"]),
        ("ดีครับ", ["ดี", "ค", "รั", "บ"]),
        ("안녕 하세요", ["안녕", "하세요"]),
        (" ", []),
    ],
)
def test_words_of_a_text(text: str, words: list[str]) -> None:
    assert words_in(text) == words


@pytest.mark.parametrize(
    "word",
    ["हिन्दी", "ที่", "தமிழ்", "বাংলা", "cafe\u0301", "می\u200cروم", "क्\u200dष", "ß9", "コーヒー"],
)
def test_marks_and_joiners_belong_to_a_word(word: str) -> None:
    assert all(map(belongs_to_word, word))


def test_punctuation_does_not_belong_to_a_word() -> None:
    assert not any(map(belongs_to_word, ".,!?…\"«»()।、。؟-' "))


@pytest.mark.parametrize(
    ("number", "said"),
    [(0, "0 days"), (1, "1 day"), (1.0, "1 day"), (2, "2 days"), (2.5, "2.5 days")],
)
def test_one_of_something_is_counted_as_one(number: float, said: str) -> None:
    assert counted(number, "day") == said
