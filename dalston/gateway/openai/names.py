"""Which names of models there are, and what each stands for.

A name is an alias, for clients that know OpenAI's names only; a pipeline; or a model of the engine
that transcribes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from redis.exceptions import RedisError

from dalston.common.engine_spec import Catalog, EngineSpec, Pipeline
from dalston.common.errors import ContradictoryOptionsError, ModelNotFoundError
from dalston.common.queue import TaskQueue
from dalston.gateway.services.options import short
from dalston.gateway.services.readiness import is_path
from dalston.gateway.services.suggestions import did_you_mean

DIARIZING = "gpt-4o-transcribe-diarize"
ALIASES = (
    "whisper-1",
    "gpt-transcribe",
    "gpt-4o-transcribe",
    "gpt-4o-mini-transcribe",
    "gpt-4o-mini-transcribe-2025-12-15",
    DIARIZING,
)
"""OpenAI's names: each stands for the configured pipeline with its own model."""
_ASK_SECONDS = 1.0


@dataclass(frozen=True)
class Named:
    """What a name stands for.

    Attributes:
        name: The name.
        pipeline: The pipeline that does it.
        model: The model of its transcriber, if that isn't the one that it has anyway.
        owner: Who makes the transcripts: an engine's id.
        created: When that engine came here, in seconds since 1970.
        present: Whether the model is on a machine that runs the engine; None if nobody tells.
    """

    name: str
    pipeline: str
    owner: str
    created: int = 0
    model: str | None = None
    present: bool | None = None


class ModelNames:
    """Knows all names.

    Args:
        catalog: The engines and pipelines of this server.
        queue: Knows which engines run, and they know which models they have.
        aliased: The pipeline that OpenAI's names stand for.
        engine_settings: What the server's settings say to engines.
    """

    def __init__(
        self, catalog: Catalog, queue: TaskQueue, aliased: str, engine_settings: Mapping[str, Any]
    ) -> None:
        self._catalog = catalog
        self._queue = queue
        self._aliased = aliased
        self._settings = engine_settings

    async def find(self, name: str | None, pipeline: str | None = None) -> Named:
        """Return what a name stands for.

        Args:
            name: As a client says it; None is the pipeline's own.
            pipeline: The pipeline that the client names as well, if it does.

        Raises:
            ModelNotFoundError: Nothing has that name; lists what has one.
            ContradictoryOptionsError: The pipeline can't do it with that model.
        """
        if name is None:
            return self._of_pipeline(pipeline or self._aliased, pipeline or self._aliased)
        # Only a model of somebody's own is worth asking the engines for.
        known = self._listed if name in self._listed else await self.all()
        found = known.get(name)
        if found is None:
            raise _not_found(name, known)
        if pipeline is None or found.pipeline == pipeline:
            return found
        if name in ALIASES:
            return self._of_pipeline(name, pipeline)
        if found.model is not None:
            for other in self._models_of(self._catalog.pipelines[pipeline]):
                if other.name == name:
                    return other
        raise ContradictoryOptionsError(
            f"The pipeline '{pipeline}' doesn't work with the model '{name}'. Leave one of them "
            f"out.",
            param="model",
        )

    async def all(self) -> dict[str, Named]:
        """Return all that has a name, in the order in which it is shown."""
        reported = await self._reported()
        found = {
            name: named if named.model is None else _with_presence(named, reported)
            for name, named in self._listed.items()
        }
        for name in self._in_order():
            spec = self._transcriber(self._catalog.pipelines[name])
            if spec is not None and spec.accepts("model"):
                # A model of somebody's own, that no list has.
                for own in sorted(reported.get(spec.id) or ()):
                    found.setdefault(own, self._named(own, name, spec, own, present=True))
        return found

    @cached_property
    def _listed(self) -> dict[str, Named]:
        """All names that are known without asking anybody."""
        if self._aliased not in self._catalog.pipelines:
            return {}
        found = {name: self._of_pipeline(name, self._aliased) for name in ALIASES}
        for name in self._in_order():
            found.setdefault(name, self._of_pipeline(name, name))
        for name in self._in_order():
            for named in self._models_of(self._catalog.pipelines[name]):
                found.setdefault(named.name, named)
        return found

    def _in_order(self) -> list[str]:
        """Return the pipelines' names; the first one that knows a model works with it."""
        names = sorted(self._catalog.pipelines)
        return sorted(names, key=lambda name: name != self._aliased)

    def _transcriber(self, pipeline: Pipeline) -> EngineSpec | None:
        stage = self._catalog.transcriber(pipeline)
        return None if stage is None else self._catalog.engines[stage.engine]

    def _of_pipeline(self, name: str, pipeline: str) -> Named:
        chosen = self._catalog.pipelines[pipeline]
        spec = self._transcriber(chosen) or self._catalog.engines[chosen.final.engine]
        return self._named(name, pipeline, spec)

    @staticmethod
    def _named(
        name: str,
        pipeline: str,
        spec: EngineSpec,
        model: str | None = None,
        *,
        present: bool | None = None,
    ) -> Named:
        created = 0
        if spec.folder is not None:
            created = int((spec.folder / "engine.yaml").stat().st_mtime)
        return Named(name, pipeline, spec.id, created, model, present)

    def _models_of(self, pipeline: Pipeline) -> Iterator[Named]:
        spec = self._transcriber(pipeline)
        if spec is None or not spec.accepts("model"):
            return
        rule = spec.config["properties"]["model"]
        stage = self._catalog.transcriber(pipeline)
        config = {} if stage is None else stage.config
        own = [config.get("model"), self._settings.get("model"), rule.get("default")]
        for name in dict.fromkeys([*own, *rule.get("examples", ()), *spec.needs.model_memory_mb]):
            # A folder is the business of whoever runs the server.
            if isinstance(name, str) and not is_path(name):
                yield self._named(name, pipeline.name, spec, name)

    async def _reported(self) -> dict[str, set[str] | None]:
        """Return the models that each engine's live instances have; None where one doesn't tell."""
        engines = {
            spec.id
            for pipeline in self._catalog.pipelines.values()
            if (spec := self._transcriber(pipeline)) is not None and spec.accepts("model")
        }
        if not engines:
            return {}
        try:
            async with asyncio.timeout(_ASK_SECONDS):
                found = await self._queue.instances(sorted(engines))
        except (RedisError, OSError):
            return {}
        reported: dict[str, set[str] | None] = {}
        for engine_id, instances in found.items():
            lists = [instance.models for instance in instances]
            telling = [models for models in lists if models is not None]
            reported[engine_id] = {name for models in telling for name in models}
            if not lists or len(telling) < len(lists):
                reported[engine_id] = None
        return reported


def _not_found(name: str, known: Mapping[str, Named]) -> ModelNotFoundError:
    """Return the error for a name that nothing has; what can be used comes before the rest."""
    here = [
        named.name
        for named in known.values()
        if named.name not in ALIASES and (named.model is None or named.present)
    ]
    return ModelNotFoundError(
        f"There is no model '{short(name)}'.{did_you_mean(name, known, 3)} Here are "
        f"{', '.join(here)}, and OpenAI's names such as {ALIASES[0]}. GET /v1/models lists more; "
        f"one that isn't here is brought with: dalston models pull NAME",
        param="model",
    )


def _with_presence(named: Named, reported: Mapping[str, set[str] | None]) -> Named:
    models = reported.get(named.owner)
    return replace(named, present=None if models is None else named.model in models)
