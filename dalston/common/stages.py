"""Which stages of a pipeline a job goes through, and whose audio each of them works on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec

from dalston.common.engine_spec import EngineSpec, Stage
from dalston.common.pipeline_checks import CHUNKS


def wanted_stages(stages: Iterable[Stage], is_wanted: Callable[[Stage], bool]) -> list[Stage]:
    """Return the stages that are done; what came after another one now comes after those before.

    Args:
        stages: Of a pipeline, in an order in which they can be done.
        is_wanted: Tells whether a job goes through a stage.
    """
    before: dict[str, list[str]] = {}
    kept = []
    for stage in stages:
        after = [name for first in stage.after for name in before[first]]
        replaced = msgspec.structs.replace(stage, after=list(dict.fromkeys(after)))
        if is_wanted(stage):
            kept.append(replaced)
            before[stage.stage] = [stage.stage]
        else:
            before[stage.stage] = replaced.after
    return kept


def audio_source(
    stage: Stage, by_name: Mapping[str, Stage], engines: Mapping[str, EngineSpec]
) -> Stage | None:
    """Return the nearest stage before one that makes its audio; None means the upload.

    Args:
        stage: The stage that works on audio.
        by_name: The stages that are done.
        engines: By id.
    """
    wanted = "audio" if stage.each == "recording" else CHUNKS
    before = [by_name[name] for name in stage.after]
    while before:
        for other in before:
            if wanted in engines[other.engine].produces:
                return other
        before = [by_name[name] for other in before for name in other.after]
    return None
