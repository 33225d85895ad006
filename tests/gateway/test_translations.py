"""English text of what was spoken in another language, asked for by a job's own field."""

from __future__ import annotations

import dataclasses

import pytest

from dalston.common.transcript import Segment, Transcript
from dalston.config import read_settings
from dalston.gateway.openai.bodies import json_body
from dalston.gateway.openai.streams import _ending
from dalston.gateway.parts import Parts
from dalston.gateway.services.jobs import JobService
from dalston.gateway.services.submitted import Manner
from dalston.gateway.uploads import TextField
from dalston.runtime import open_catalog

SPOKEN = Transcript(
    text="Good day.", segments=[Segment(0.0, 1.0, "Good day.")], language="de", duration=1.0
)


@pytest.mark.parametrize("own", [{"task": "translate"}, {}])
async def test_the_answer_says_english_where_the_text_is_translated(
    parts: Parts, own: dict[str, str]
) -> None:
    catalog = open_catalog(read_settings())
    service = JobService(dataclasses.replace(parts, catalog=catalog, default_pipeline="default"))
    fields = service.fields(Manner(openai=True))
    for name, value in {"model": "whisper-1", "response_format": "verbose_json", **own}.items():
        await fields.take(TextField(name, value))
    wish = (await fields.asked()).wish
    await service.close()
    assert wish is not None
    body = json_body(SPOKEN, wish)
    shown = ("translate", "english") if own else ("transcribe", "german")
    assert (body["task"], body["language"]) == shown
    assert (b'"code":"de"' in _ending(SPOKEN, "", wish)[-1]) is not bool(own)
