"""What a rerun may be asked for: as of the job's own model, and as JSON has it."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec
import pytest

from dalston.common.errors import InvalidParameterError, RequestError
from dalston.config import read_settings
from dalston.gateway.parts import Parts
from dalston.gateway.services.again import Again
from dalston.runtime import open_catalog
from tests.support.board import new_job


@pytest.fixture
def parts(parts: Parts, model: str) -> Parts:
    """With the engines that there are, and a model of the server's."""
    catalog = open_catalog(read_settings())
    return dataclasses.replace(parts, catalog=catalog, engine_settings={"model": model})


def revised(
    parts: Parts,
    before: dict[str, Any],
    options: dict[str, Any],
    from_stage: str = "transcribe",
) -> dict[str, Any]:
    job = msgspec.structs.replace(new_job("job_000000000000"), parameters=before)
    pipeline = parts.catalog.pipelines["default"]
    return Again(parts)._parameters(job, pipeline, from_stage, options)


@pytest.mark.parametrize("model", ["tiny.en"])
async def test_a_job_of_another_model_is_asked_what_that_one_knows(parts: Parts) -> None:
    before = {"model": "base", "task": "translate"}
    assert revised(parts, before, {}) == before
    assert revised(parts, before, {"language": "de"}) == before | {"language": "de"}
    with pytest.raises(RequestError):
        revised(parts, {}, {"language": "de"})


@pytest.mark.parametrize("model", ["base"])
async def test_a_job_of_an_english_model_is_asked_for_english(parts: Parts) -> None:
    assert revised(parts, {}, {"language": "de"}) == {"language": "de"}
    with pytest.raises(RequestError, match=r"tiny\.en"):
        revised(parts, {"model": "tiny.en"}, {"language": "de"})


@pytest.mark.parametrize("model", ["base"])
async def test_a_whole_number_is_one_however_json_writes_it(parts: Parts) -> None:
    [found] = revised(parts, {}, {"beam_size": 5.0}).values()
    assert (found, type(found)) == (5, int)
    with pytest.raises(InvalidParameterError):
        revised(parts, {}, {"beam_size": 2.5})


@pytest.mark.parametrize("model", ["base"])
async def test_speakers_may_be_looked_for_that_were_not_wanted_before(parts: Parts) -> None:
    wanted = {"diarize": True, "num_speakers": 2}
    assert revised(parts, {"diarize": False}, {"num_speakers": 2}, "diarize") == wanted
    assert revised(parts, {"diarize": False}, {}, "diarize") == {"diarize": True}
    with pytest.raises(RequestError):
        revised(parts, {}, {"diarize": False, "num_speakers": 2}, "diarize")


@pytest.mark.parametrize("model", ["base"])
async def test_a_wrong_value_is_shown_as_it_was_given(parts: Parts) -> None:
    for given, shown in (("yes", "yes"), ("true", "true"), ([1], r"\[1\]")):
        with pytest.raises(InvalidParameterError, match=f"^diarize can't be '{shown}': true or"):
            revised(parts, {}, {"diarize": given}, "diarize")
