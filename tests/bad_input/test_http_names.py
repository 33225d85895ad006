"""File names that no file system should see: cases 24 and 25."""

from __future__ import annotations

import asyncio
import re
import unicodedata

import pytest

from tests.bad_input import forms
from tests.bad_input.wire import ask
from tests.support.stack import Stack

BIDI = "\u202e\u2066\u200f\ufeff"


def accepted_as(stack: Stack, part: bytes) -> tuple[str | None, str]:
    """Submit a file; return the name that the job shows and the extension of its object."""
    answer = ask(stack.url, forms.submission(forms.form(part)))
    assert answer.status == 202, answer
    job_id = answer.json["id"]
    [path] = asyncio.run(stack.deployment.store().list(f"jobs/{job_id}"))
    found = re.fullmatch(r"jobs/job_[0-9a-f]{12}/audio/original\.([a-z0-9]+)", path)
    assert found, path
    name: str | None = stack.read(job_id)["filename"]
    return name, found[1]


@pytest.mark.parametrize(
    ("sent", "shown", "extension"),
    [
        ("../../x", "x", "wav"),
        ("../../etc/passwd", "passwd", "wav"),
        ("/etc/cron.d/talk.mp3", "talk.mp3", "mp3"),
        ("C:\\x", "x", "wav"),
        ("C:\\music\\talk.ogg", "talk.ogg", "ogg"),
        ("\\\\host\\share\\talk.flac", "talk.flac", "flac"),
        ("..\\..\\talk.MP3", "talk.MP3", "mp3"),
        ("talk.mp3/../../jobs", "jobs", "wav"),
        ("talk.tar.exe", "talk.tar.exe", "wav"),
        ("talk.mp3/", None, "wav"),
        ("..", None, "wav"),
        (".", None, "wav"),
        ("", None, "wav"),
        (" ", None, "wav"),
        (".mp3", ".mp3", "wav"),
        ("talk.", "talk.", "wav"),
    ],
)
def test_24_no_part_of_a_path_gets_anywhere(
    strict_anywhere: Stack, sent: str, shown: str | None, extension: str
) -> None:
    assert accepted_as(strict_anywhere, forms.file(sent)) == (shown, extension)


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        (b'a\\"b\\".wav', 'a"b".wav'),
        (b"a%22b%22.wav", 'a"b".wav'),
        (b"a%0D%0Ab.wav", "a  b.wav"),
        (b"a\nSet-Cookie: b.wav", "aSet-Cookie: b.wav"),
        (b"a\0b.wav", "ab.wav"),
        (b"a\x1b[31mb.wav", "a[31mb.wav"),
        ("a\u0085b\u009bc.wav".encode(), "abc.wav"),
        (f"{BIDI}gnp.3pm".encode(), "gnp.3pm"),
        ("one\u2028line\u2029only.wav".encode(), "onelineonly.wav"),
        ("Größe 大きさ 🎙.wav".encode(), "Größe 大きさ 🎙.wav"),
        (b"caf\xe9.wav", "caf\ufffd.wav"),
        (300 * b"x" + b".wav", 255 * "x"),
        (("ä" * 200).encode(), "ä" * 127),
        (b"'; DROP TABLE jobs; --.wav", "'; DROP TABLE jobs; --.wav"),
        (b"${jndi:ldap://x}.wav", "x}.wav"),
    ],
)
def test_25_odd_names_are_kept_as_harmless_text(
    strict_anywhere: Stack, sent: bytes, shown: str
) -> None:
    name, extension = accepted_as(strict_anywhere, forms.file(sent))
    assert name == shown
    assert extension == "wav"
    assert len(name.encode()) <= 255
    assert not any(unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for char in name)


@pytest.mark.parametrize(
    ("parameters", "shown"),
    [
        ("filename*=utf-8''Gr%C3%B6%C3%9Fe.mp3", "Größe.mp3"),
        ("filename*=iso-8859-1'de'Gr%F6%DFe.mp3", "Größe.mp3"),
        ("filename*=utf-8''..%2F..%2Fx%00.mp3", "x.mp3"),
        ("filename=\"a.mp3\"; filename*=utf-8''b.mp3", "b.mp3"),
        ("filename*=utf-8''b.mp3; filename=a.mp3", "b.mp3"),
        (
            "filename=\"=?utf-8?B?R3LDtsOfZS5tcDM=?=\"; filename*=utf-8''Gr%C3%B6%C3%9Fe.mp3",
            "Größe.mp3",
        ),
        ("filename=\"a.mp3\"; filename*=undefined''b.mp3", "a.mp3"),
        ('filename="Größe filename*1.mp3"', "Größe filename*1.mp3"),
        ("filename*=a.mp3", "a.mp3"),
        ('filename*0="a"; filename*1="b.mp3"', "ab.mp3"),
        ('filename*999999999999="a.mp3"', "a.mp3"),
        ("filename*=no-such-charset''a.mp3", "a.mp3"),
        # Python has codecs of these names that don't decode text, or not this text.
        ("filename*=undefined''a.mp3", None),
        ("filename*=punycode''%ff%fe.mp3", None),
        ("filename*=idna''%ff.mp3", None),
        ("filename*=ut\0f-8''a.mp3", None),
        # Numbered pieces beside one without a number.
        ("filename*=utf-8''a.mp3; filename*1=b", None),
        ("filename*=utf-8''a.mp3; size*1=1; size*=2", None),
    ],
)
def test_25_an_extended_name_is_read_or_left_out(
    strict_anywhere: Stack, parameters: str, shown: str | None
) -> None:
    part = forms.part(f'name="file"; {parameters}'.encode(), forms.AUDIO)
    assert accepted_as(strict_anywhere, part)[0] == shown


def test_25_a_long_name_is_not_cut_in_the_middle_of_a_character(strict_anywhere: Stack) -> None:
    name, _ = accepted_as(strict_anywhere, forms.file("x" + "🎙" * 100))
    assert name == "x" + "🎙" * 63
