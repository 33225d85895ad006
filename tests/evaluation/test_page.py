"""The report: one page that needs nothing else, says all, and breaks at no text."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from dalston.evaluation.page import page
from dalston.evaluation.results import Evaluation
from dalston.evaluation.waveform import HEIGHT, WIDTH, waveform
from tests.engines.sounds import encode, tone, write_wav
from tests.evaluation.example import HOSTILE, evaluation, result
from tests.support.recordings import SPEECH, needs_recordings

NAMESPACE = {"h": "http://www.w3.org/1999/xhtml", "s": "http://www.w3.org/2000/svg"}


def parsed(found: Evaluation) -> ET.Element:
    # Of our own making, and no document type that could name anything else.
    return ET.fromstring(page(found, ["M0 0Z"] * len(found.clips)))  # noqa: S314


def text(element: ET.Element | None) -> str:
    assert element is not None
    return " ".join("".join(element.itertext()).split())


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))


def test_it_is_well_formed_as_xml_and_as_html() -> None:
    root = parsed(evaluation())
    tags = Tags()
    tags.feed(page(evaluation(), [None] * 6))
    assert len(tags.seen) > 100
    assert {tag.rpartition("}")[2] for tag in (e.tag for e in root.iter())} >= {"main", "svg", "h1"}
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids))


def test_it_names_nothing_outside_of_itself() -> None:
    written = page(evaluation(), ["M0 0Z"] * 6)
    tags = Tags()
    tags.feed(written)
    assert {tag for tag, _ in tags.seen}.isdisjoint({"link", "img", "iframe", "object", "base"})
    for _, attributes in tags.seen:
        assert "src" not in attributes
        assert (attributes.get("href") or "#").startswith("#")
    addresses = set(re.findall(r"\w+://[^\s\"'<>]+", written))
    assert addresses == set(NAMESPACE.values())
    assert "url(" not in written
    assert "@import" not in written
    assert "default-src 'none'" in written


def test_links_lead_somewhere() -> None:
    root = parsed(evaluation())
    ids = {element.get("id") for element in root.iter()}
    links = [a.get("href", "")[1:] for a in root.iterfind(".//h:a", NAMESPACE)]
    assert len(links) == 12
    assert set(links) <= ids


def test_texts_are_shown_as_they_are_and_never_run() -> None:
    root = parsed(evaluation())
    assert len(root.findall(".//h:script", NAMESPACE)) == 1
    assert root.findall(".//h:b", NAMESPACE) == []
    shown = text(root.find("h:body", NAMESPACE))
    assert shown.count(HOSTILE) >= 5
    assert text(root.find("h:head/h:title", NAMESPACE)).endswith(f"{HOSTILE}.tsv")


def test_a_failed_clip_is_shown_first_with_its_reason() -> None:
    root = parsed(evaluation())
    first = root.find(".//h:article", NAMESPACE)
    assert text(first).startswith("lost.wav")
    assert "Failed: No sound." in text(first)
    assert "missing: - these 3 words" in text(first)
    row = root.find(".//h:tbody/h:tr[h:th]/h:td[@class='failed']", NAMESPACE)
    assert row is not None


def test_errors_have_signs_and_not_just_colours() -> None:
    root = parsed(
        evaluation(result("c.wav", "en", "a cat sat down right there", "a dog sat right there now"))
    )
    words = root.find(".//h:article/h:p[@class='words']", NAMESPACE)
    assert text(words) == "a wrong: ≠ cat heard dog sat missing: - down right there added: + now"
    assert words is not None
    assert [element.tag.rpartition("}")[2] for element in words] == ["span", "del", "ins"]


def test_clips_come_worst_first() -> None:
    root = parsed(evaluation())
    rates = [
        float(row.findall("h:td", NAMESPACE)[4].get("data-value", ""))
        for row in root.findall(".//h:tbody", NAMESPACE)[-1]
    ]
    assert len(rates) == 6
    assert all(first >= second for first, second in pairwise(rates))


def test_languages_without_spaces_are_shown_without() -> None:
    root = parsed(evaluation(result("ja.wav", "ja", "客観的実在", "客観実在")))
    assert text(root.find(".//h:article/h:p[@class='words']", NAMESPACE)) == "客観missing: - 的実在"


def test_a_clip_in_which_nobody_speaks() -> None:
    root = parsed(evaluation(result("silence.wav", "en", "", "")))
    assert "Nobody speaks, and nothing was heard." in text(root.find(".//h:article", NAMESPACE))


@pytest.mark.parametrize("kind", ["wav", "webm"])
def test_a_waveform_has_the_sounds_shape(tmp_path: Path, kind: str) -> None:
    if kind == "wav":
        path = write_wav(tmp_path / "a.wav", tone(1.0))
    else:
        path = encode(tmp_path / "a.webm", "webm", "libopus", rate=48_000)
    drawn = waveform(path)
    assert drawn is not None
    points = [tuple(map(float, pair.split())) for pair in re.split("[MLZ]", drawn) if pair]
    across, heights = zip(*points, strict=True)
    assert (min(across), max(across)) == (0, WIDTH)
    assert min(heights) < HEIGHT / 2 < max(heights)
    assert 0 <= min(heights) <= max(heights) <= HEIGHT
    assert 100 < len(points) <= 1000


def test_what_can_not_be_decoded_has_no_waveform(tmp_path: Path) -> None:
    path = tmp_path / "notes.mp3"
    path.write_text("No sound. " * 100)
    assert waveform(path) is None
    assert waveform(tmp_path / "none.wav") is None
    assert waveform(write_wav(tmp_path / "empty.wav", tone(0.0))) is None
    assert "No waveform" in page(evaluation(result("a", "en", "a", "a")), [None])


@needs_recordings
def test_a_waveform_of_stereo_flac() -> None:
    assert waveform(SPEECH / "en_jfk.flac") is not None
