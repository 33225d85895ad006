"""Forms that are refused: cases 6 to 8, 16 to 23 and 26 to 28."""

from __future__ import annotations

import gzip

import pytest

from tests.bad_input import forms
from tests.bad_input.traces import nothing_left_by
from tests.bad_input.wire import ask, assert_refused, head
from tests.support.stack import TRANSCRIPTIONS, Stack

GOOD = forms.form(forms.file())
PACKED = gzip.compress(GOOD)


@pytest.mark.parametrize(
    "content_type",
    [
        "Content-Type: application/json",
        "Content-Type: application/x-www-form-urlencoded",
        "Content-Type: audio/wav",
        "Content-Type: text/plain; boundary=" + forms.BOUNDARY,
        "Content-Type: multipart/mixed; boundary=" + forms.BOUNDARY,
        "Content-Type: multipart/form-data-x; boundary=" + forms.BOUNDARY,
        "Content-Type:",
        "Content-Type: \xff\xfe",
        "X-No-Type: at all",
    ],
)
def test_06_a_body_that_is_no_form_is_refused_with_415(strict: Stack, content_type: str) -> None:
    body = b'{"file": "UklGRg=="}' if "json" in content_type else GOOD
    with nothing_left_by(strict):
        answer = ask(strict.url, forms.submission(body, content_type))
        assert_refused(answer, 415, "unsupported_content_type")


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "deflate", "identity, br"])
def test_06_a_packed_body_is_refused_as_one(strict: Stack, coding: str) -> None:
    headers = [forms.CONTENT_TYPE, f"Content-Length: {len(PACKED)}", f"Content-Encoding: {coding}"]
    with nothing_left_by(strict):
        answer = ask(strict.url, head(TRANSCRIPTIONS, *headers) + PACKED)
        assert (
            "Content-Encoding" in assert_refused(answer, 415, "unsupported_content_type")["message"]
        )


def test_06_a_coding_that_packs_nothing_is_passed_over(strict: Stack) -> None:
    for coding in ("identity", "", "utf-8"):
        headers = [
            forms.CONTENT_TYPE,
            f"Content-Length: {len(GOOD)}",
            f"Content-Encoding: {coding}",
        ]
        assert ask(strict.url, head(TRANSCRIPTIONS, *headers) + GOOD).status == 202


@pytest.mark.parametrize(
    "content_type",
    [
        "Content-Type: multipart/form-data",
        "Content-Type: multipart/form-data;",
        "Content-Type: multipart/form-data; boundary",
        "Content-Type: multipart/form-data; boundary=",
        'Content-Type: multipart/form-data; boundary=""',
        "Content-Type: multipart/form-data; boundary*=utf-8''" + forms.BOUNDARY,
        "Content-Type: multipart/form-data; boundary=" + 300 * "x",
        "Content-Type: multipart/form-data; boundary=" + 30_000 * "x",
        "Content-Type: multipart/form-data; boundary=other",
        "Content-Type: multipart/form-data; boundary=\xe9\xff",
        'Content-Type: multipart/form-data; boundary="' + forms.BOUNDARY,
    ],
)
def test_07_a_form_without_a_usable_boundary_is_refused(strict: Stack, content_type: str) -> None:
    with nothing_left_by(strict):
        answer = ask(strict.url, forms.submission(GOOD, content_type))
        assert_refused(answer, 400, "malformed_body")


@pytest.mark.parametrize(
    "kept",
    [
        0,
        1,
        len(forms.OPENING) - 1,
        len(forms.OPENING) + 25,
        GOOD.index(b"\r\n\r\n") + 2,
        GOOD.index(b"\r\n\r\n") + 4,
        GOOD.index(forms.AUDIO) + 5,
        GOOD.index(forms.AUDIO) + len(forms.AUDIO),
        len(GOOD) - len(forms.CLOSING),
        len(GOOD) - 4,
    ],
)
def test_08_a_body_that_ends_before_its_closing_boundary_is_refused(
    strict: Stack, kept: int
) -> None:
    with nothing_left_by(strict):
        answer = ask(strict.url, forms.submission(GOOD[:kept]))
        assert_refused(answer, 400, "malformed_body")


def test_08_only_the_line_end_behind_the_closing_boundary_may_be_missing(strict: Stack) -> None:
    assert ask(strict.url, forms.submission(GOOD.removesuffix(b"\r\n"))).status == 202


@pytest.mark.parametrize(
    ("body", "codes"),
    [
        (forms.form(forms.text("language", b"en")), ["missing_file"]),
        (forms.form(), ["missing_file"]),
        (forms.form(forms.text("file", forms.AUDIO)), ["missing_file"]),
        (forms.form(forms.text("file", b"")), ["missing_file"]),
        (forms.form(forms.text("file", b"@talk.mp3")), ["missing_file"]),
        (forms.form(forms.part('name="audio"; filename="a.wav"', b"x")), ["unknown_field"]),
        (forms.form(forms.part('name="language"; filename="a.wav"', b"x")), ["unknown_field"]),
        (forms.form(forms.part('filename="a.wav"', b"x")), ["malformed_body"]),
        (forms.form(forms.part('name=""; filename="a.wav"', b"x")), ["malformed_body"]),
        (forms.form(forms.part("", b"x")), ["malformed_body"]),
        (forms.form(forms.OPENING + b"\r\nx\r\n"), ["malformed_body"]),
        (b"", ["malformed_body"]),
    ],
)
def test_16_a_form_without_a_file_is_refused(strict: Stack, body: bytes, codes: list[str]) -> None:
    with nothing_left_by(strict):
        assert_refused(ask(strict.url, forms.submission(body)), 400, *codes)


@pytest.mark.parametrize("filename", ["talk.wav", ""])
def test_17_a_file_without_bytes_is_refused(strict: Stack, filename: str) -> None:
    with nothing_left_by(strict):
        answer = ask(strict.url, forms.submission(forms.form(forms.file(filename, b""))))
        assert_refused(answer, 400, "empty_file", param="file")


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        (forms.form(forms.file(), forms.file()), "duplicate_field", "file"),
        (forms.form(forms.file("a.wav"), forms.file("b.mp3")), "duplicate_field", "file"),
        (
            forms.form(forms.file(), forms.part('name="file2"; filename="b.wav"', b"x")),
            "unknown_field",
            "file2",
        ),
        (forms.form(forms.file(), forms.text("file", b"x")), "duplicate_field", "file"),
    ],
)
def test_18_two_files_are_refused(strict: Stack, body: bytes, code: str, param: str) -> None:
    with nothing_left_by(strict):
        assert_refused(ask(strict.url, forms.submission(body)), 400, code, param=param)


@pytest.mark.parametrize("file_first", [True, False])
def test_19_a_file_and_an_address_are_refused(strict: Stack, *, file_first: bool) -> None:
    field = forms.text("source_url", b"https://example.org/talk.mp3")
    parts = [forms.file(), field] if file_first else [field, forms.file()]
    with nothing_left_by(strict):
        answer = ask(strict.url, forms.submission(forms.form(*parts)))
        assert_refused(answer, 400, "contradictory_options", param="source_url")


@pytest.mark.parametrize("file_first", [True, False])
@pytest.mark.parametrize("name", ["modell", "Language", "file[]"])
def test_19_a_field_that_is_not_known_is_refused(
    strict: Stack, name: str, file_first: bool
) -> None:
    field = forms.text(name, b"http://localhost/talk.mp3")
    parts = [forms.file(), field] if file_first else [field, forms.file()]
    with nothing_left_by(strict):
        answer = ask(strict.url, forms.submission(forms.form(*parts)))
        error = assert_refused(answer, 400, "unknown_field", param=name)
        assert "language" in error["message"], "it must say which fields are known"


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param([forms.text(f"field{i}", b"x") for i in range(1001)], id="1001-fields"),
        pytest.param([forms.text("language", 2_000_000 * b"x")], id="2-MB-of-text"),
        pytest.param([forms.text("unknown", 2_000_000 * b"x")], id="2-MB-of-unknown-text"),
        pytest.param([forms.text(100_000 * "n", b"x")], id="100-kB-of-name"),
        pytest.param([forms.file(100_000 * "n")], id="100-kB-of-filename"),
        pytest.param(
            [forms.part('name="file"', b"x", *(f"X-{i}: y" for i in range(5000)))],
            id="5000-headers-of-a-part",
        ),
    ],
)
def test_20_a_form_with_more_than_any_honest_one_is_refused(
    strict: Stack, parts: list[bytes]
) -> None:
    with nothing_left_by(strict):
        answer = ask(strict.url, forms.submission(forms.form(*parts, forms.file())))
        assert_refused(answer, 400, "form_too_large", "unknown_field", "malformed_body")


@pytest.mark.parametrize("behind", ["A", "\r", " " * 2_000_000])
def test_20_a_file_that_costs_time_to_read_is_refused(strict: Stack, behind: str) -> None:
    almost = f"\r\n--{forms.BOUNDARY}{behind}".encode()
    file = forms.file(data=almost * max(1, 2_000_000 // len(almost)))
    with nothing_left_by(strict):
        answer = ask(strict.url, forms.submission(forms.form(file)))
        assert_refused(answer, 400, "form_too_large")


def test_a_boundary_may_begin_in_a_file_as_often_as_it_likes(strict: Stack) -> None:
    file = forms.file(data=f"\r\n--{forms.BOUNDARY[:-1]}".encode() * 50_000)
    assert ask(strict.url, forms.submission(forms.form(file))).status == 202


@pytest.mark.parametrize("name", ["language", "pipeline"])
@pytest.mark.parametrize("values", [[b"en", b"de"], [b"stub", b"stub"], [b"", b""]])
def test_21_a_field_that_is_there_twice_is_refused(
    strict: Stack, name: str, values: list[bytes]
) -> None:
    if name == "pipeline":
        values = [b"stub", b"stub"]
    fields = [forms.text(name, value) for value in values]
    with nothing_left_by(strict):
        answer = ask(strict.url, forms.submission(forms.form(*fields, forms.file())))
        assert_refused(answer, 400, "duplicate_field", param=name)


@pytest.mark.parametrize(
    "part",
    [
        forms.text("language", b"en\0"),
        forms.text("pipeline", b"\0"),
        forms.text("pipeline", b"stub\x1b[31m"),
        forms.part(b'name="lang\0uage"', b"en"),
        forms.part(b'name="file\0"; filename="a.wav"', b"x"),
    ],
)
def test_22_text_with_nul_is_refused(strict_anywhere: Stack, part: bytes) -> None:
    with nothing_left_by(strict_anywhere):
        answer = ask(strict_anywhere.url, forms.submission(forms.form(forms.file(), part)))
        assert_refused(answer, 400, "invalid_text")


@pytest.mark.parametrize(
    "part",
    [
        forms.text("language", b"\xff\xfe"),
        forms.text("pipeline", b"caf\xe9"),
        forms.text("pipeline", b"\xed\xa0\x80"),
        forms.text("language", b"\xc0\xae"),
        forms.part(b'name="\xff"', b"en"),
    ],
)
def test_23_text_that_is_not_utf_8_is_refused(strict_anywhere: Stack, part: bytes) -> None:
    with nothing_left_by(strict_anywhere):
        answer = ask(strict_anywhere.url, forms.submission(forms.form(forms.file(), part)))
        assert_refused(answer, 400, "invalid_text")


@pytest.mark.parametrize("file_first", [True, False])
@pytest.mark.parametrize(
    "value", [b"no-such-pipeline", b"../stub", b"STUB", b"stub\n", 900_000 * b"x"]
)
def test_26_an_unknown_pipeline_is_refused_with_those_that_are_known(
    strict: Stack, value: bytes, file_first: bool
) -> None:
    field = forms.text("pipeline", value)
    parts = [forms.file(), field] if file_first else [field, forms.file()]
    with nothing_left_by(strict):
        answer = ask(strict.url, forms.submission(forms.form(*parts)))
        error = assert_refused(answer, 400, "unknown_pipeline", param="pipeline")
        assert "default, speakers, stub" in error["message"]


@pytest.mark.parametrize("file_first", [True, False])
@pytest.mark.parametrize(
    "value", [b"xx", b"klingon", b"en,de", b"en-", b"xx-GB", b"0", 900_000 * b"x"]
)
def test_26_an_unknown_language_is_refused_with_those_that_are_known(
    strict: Stack, value: bytes, file_first: bool
) -> None:
    field = forms.text("language", value)
    parts = [forms.file(), field] if file_first else [field, forms.file()]
    with nothing_left_by(strict):
        answer = ask(strict.url, forms.submission(forms.form(*parts)))
        error = assert_refused(answer, 400, "unsupported_language", param="language")
        assert "de, en, es" in error["message"]


@pytest.mark.parametrize("value", [b"en-GB", b"pt_BR", b"zh-Hant-TW", b"german"])
def test_26_a_language_with_a_region_is_that_language(strict: Stack, value: bytes) -> None:
    parts = [forms.text("pipeline", b"default"), forms.text("language", value), forms.file()]
    assert ask(strict.url, forms.submission(forms.form(*parts))).status == 202


@pytest.mark.parametrize(
    ("name", "value", "code", "meant"),
    [
        ("langage", b"en", "unknown_field", "Did you mean 'language'?"),
        ("diarise", b"true", "unknown_field", "Did you mean 'diarize'?"),
        ("Language", b"en", "unknown_field", "Did you mean 'language'?"),
        ("language", b"germn", "unsupported_language", "Did you mean 'german'?"),
        ("language", b"eng", "unsupported_language", "Did you mean 'en'?"),
        ("pipeline", b"defalt", "unknown_pipeline", "Did you mean 'default'?"),
        ("model", b"large-v9", "model_not_found", "Did you mean 'large-v3',"),
    ],
)
def test_an_error_about_a_name_says_which_one_is_near(
    strict: Stack, name: str, value: bytes, code: str, meant: str
) -> None:
    parts = [forms.text("pipeline", b"default")] if name == "language" else []
    parts += [forms.text(name, value), forms.file()]
    with nothing_left_by(strict):
        answer = ask(strict.url, forms.submission(forms.form(*parts)))
        error = assert_refused(answer, 404 if name == "model" else 400, code, param=name)
        assert meant in error["message"]
        assert len(error["message"]) < 400


@pytest.mark.parametrize("name", ["retention_days", "deadline_seconds", "num_speakers"])
@pytest.mark.parametrize("value", [b"NaN", b"nan", b"1e999", b"-1", b"Infinity", b"0x10", b"1_0"])
def test_27_a_number_that_is_none_or_of_no_use_is_refused(
    strict: Stack, name: str, value: bytes
) -> None:
    parts = [forms.text("pipeline", b"default"), forms.text(name, value), forms.file()]
    with nothing_left_by(strict):
        answer = ask(strict.url, forms.submission(forms.form(*parts)))
        assert_refused(answer, 400, "invalid_parameter", param=name)


@pytest.mark.parametrize("name", ["hotwords", "temperatures"])
def test_28_ten_thousand_terms_are_refused(strict: Stack, name: str) -> None:
    terms = ",".join(["0"] * 10_000).encode()
    parts = [forms.text("pipeline", b"default"), forms.text(name, terms), forms.file()]
    with nothing_left_by(strict):
        answer = ask(strict.url, forms.submission(forms.form(*parts)))
        assert_refused(answer, 400, "invalid_parameter", param=name)


def test_38_an_unknown_parameter_of_the_address_is_refused(strict: Stack) -> None:
    request = head(
        f"{TRANSCRIPTIONS}?langauge=de", forms.CONTENT_TYPE, f"Content-Length: {len(GOOD)}"
    )
    with nothing_left_by(strict):
        answer = ask(strict.url, request + GOOD)
        assert_refused(answer, 400, "unknown_field", "invalid_parameter", param="langauge")
