"""Languages as clients write them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dalston.common.languages import LANGUAGES, language_code

API = Path(__file__).resolve().parent.parent.parent / "docs" / "api.md"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("de", "de"),
        (" DE ", "de"),
        ("German", "de"),
        ("haitian creole", "ht"),
        ("en-US", "en"),
        ("pt_BR", "pt"),
        ("zh-CN", "zh"),
        ("zh-Hant-TW", "zh"),
        ("zh-yue", "yue"),
        ("yue-HK", "yue"),
        ("es-419", "es"),
        ("de-CH-1996", "de"),
        ("nb-NO", "no"),
        ("cmn-Hans-CN", "zh"),
        ("zh-cmn", "zh"),
        ("fil", "tl"),
        ("jv", "jw"),
        ("iw_IL", "he"),
    ],
)
def test_what_a_client_may_call_a_language(text: str, code: str) -> None:
    assert language_code(text) == code


@pytest.mark.parametrize(
    "text", ["", "xx", "xx-US", "en-", "en--US", "-US", "en,de", "en US", "en-toolongforatag", "é"]
)
def test_what_names_no_language(text: str) -> None:
    assert language_code(text) is None


def test_the_document_lists_all() -> None:
    [listed] = re.findall(
        r"^### Languages\n(.*?)^### ", API.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    text = " ".join(listed.split())

    assert {code: name for code, name in LANGUAGES.items() if f"`{code}` {name}" in text} == (
        LANGUAGES
    )
