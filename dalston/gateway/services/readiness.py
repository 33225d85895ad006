"""Whether the engines of a pipeline can do a job at all, as far as they say so.

An engine that nobody runs at the moment, one that loads or downloads its model, and one that has
crashed may work in a moment: their jobs are accepted and wait. One that lacks its model, its
packages or the memory stays so until somebody does something, and the client is told at once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from redis.exceptions import RedisError

from dalston.common.engine_spec import EngineSpec, Stage
from dalston.common.errors import EngineNotUsableError, ModelMissingError, RequestError
from dalston.common.pipeline_checks import FETCH
from dalston.common.queue import EngineInstance
from dalston.common.stages import FETCHER
from dalston.gateway.parts import Parts

_BELIEVED_SECONDS = 1.0
"""For how long what the engines have said is believed, if it is good."""
_ASK_SECONDS = 1.0
"""Nobody waits longer for Redis before a job is accepted."""
_MODEL_CODES = frozenset(
    {"model_not_found", "model_incomplete", "model_damaged", "model_download_failed"}
)
_FINAL_CODES = frozenset({"engine_not_installed", "engine_invalid", "not_enough_memory"})


def is_path(model: str) -> bool:
    """Tell whether a model is named by its place on an engine's disk."""
    return model.startswith(("/", "~", "."))


class Readiness:
    """Asks the engines of a pipeline."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._good_until: dict[tuple[str, str | None, bool], float] = {}
        self._asking = asyncio.Lock()

    async def require(
        self, pipeline: str, model: str | None = None, *, fetched: bool = False
    ) -> None:
        """Refuse a job that would wait for what isn't there.

        Args:
            pipeline: The job's.
            model: Of the engine that transcribes, if the job names one.
            fetched: Whether its recording is to be fetched from an address.

        Raises:
            ModelMissingError: An engine hasn't the model; says what to run.
            EngineNotUsableError: It can't work on any machine that runs it; says why.
        """
        asked = (pipeline, model, fetched)
        if self._is_good(asked):
            return
        async with self._asking:
            # Many clients at once ask once.
            if not self._is_good(asked):
                await self._ask(*asked)
                self._good_until[asked] = time.monotonic() + _BELIEVED_SECONDS

    def _is_good(self, asked: tuple[str, str | None, bool]) -> bool:
        return time.monotonic() < self._good_until.get(asked, 0.0)

    async def _ask(self, pipeline: str, model: str | None, fetched: bool) -> None:  # noqa: FBT001 - as it is kept
        catalog = self._parts.catalog
        # A job goes on without what is optional.
        stages = [stage for stage in catalog.pipelines[pipeline].stages if not stage.optional]
        stages += [Stage(FETCH, FETCHER)] if fetched else []
        try:
            async with asyncio.timeout(_ASK_SECONDS):
                found = await self._parts.queue.instances(
                    sorted({stage.engine for stage in stages})
                )
        except (RedisError, OSError):
            # Nobody knows; the job waits in the database, as any other without Redis.
            return
        transcriber = catalog.transcriber(catalog.pipelines[pipeline])
        for stage in stages:
            spec = catalog.engines[stage.engine]
            asked = stage.config.get("model") if spec.accepts("model") else None
            named = transcriber is not None and stage.engine == transcriber.engine
            if model is not None and named:
                asked = model
            by = "model" if model is not None and named else "pipeline"
            error = _hindrance(pipeline, spec, found[stage.engine], asked, by)
            if error is not None:
                raise error


def _hindrance(
    pipeline: str, spec: EngineSpec, instances: Sequence[EngineInstance], asked: object, by: str
) -> RequestError | None:
    """Return why no instance can do a stage with a model, if all of them say that.

    Args:
        pipeline: The request's.
        spec: The stage's engine.
        instances: Of that engine.
        asked: The model; None is each instance's own.
        by: The field of the request that asks for it: `model` or `pipeline`.
    """
    reasons = [_reason(instance, None if asked is None else str(asked)) for instance in instances]
    if not reasons or not all(reasons):
        return None
    model = str(asked) if asked is not None else instances[0].model
    telling = any(instance.models is not None for instance in instances)
    if "model_missing" in reasons and model and telling:
        return ModelMissingError(
            f"{_wanting(pipeline, model, by)} of the engine {spec.id}, which isn't on the server. "
            f"Run on the machine with the engine: dalston models pull {model} --engine {spec.id}",
            param=by,
        )
    if "engine_not_installed" in reasons:
        how = f"Run on its machine: dalston engine install {spec.id}"
    elif "not_enough_memory" in reasons:
        how = "It needs more memory than DALSTON_ENGINE_MEMORY_MB lets it have."
    else:
        # Who may submit may read the same in /health/ready.
        said = next((instance.message for instance in instances if instance.message), "")
        how = f"It says: {said}" if said else "GET /health/ready says why."
    return EngineNotUsableError(
        f"The pipeline '{pipeline}' needs the engine {spec.id}, which can't work as it is. {how}",
        param="pipeline",
    )


def _wanting(pipeline: str, model: str, by: str) -> str:
    if by == "model":
        return f"You asked for the model '{model}'"
    return f"The pipeline '{pipeline}' needs the model '{model}'"


def _reason(instance: EngineInstance, asked: str | None) -> str:
    """Return why an instance can't do a task with a model; nothing if it can, or may soon."""
    if instance.state == "failed" and instance.code in _FINAL_CODES:
        return instance.code
    if asked is None or asked == instance.model:
        missing = instance.state == "failed" and instance.code in _MODEL_CODES
        return "model_missing" if missing else ""
    if instance.models is None or is_path(asked):
        return ""
    return "" if asked in instance.models else "model_missing"
