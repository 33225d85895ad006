"""Reads and checks `engine.yaml` and pipeline files; together they are the catalog.

Formats are described in `docs/engines.md` and `docs/pipelines.md`.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import yaml

from dalston.common.errors import ConfigurationError
from dalston.common.languages import LANGUAGES
from dalston.common.models import ATTEMPT_LIMITS, Cause
from dalston.common.pipeline_checks import (
    check_config,
    check_engine,
    check_engines,
    check_stages,
    unable_stages,
    without,
)

ANY_LANGUAGE = "*"
_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")
_STAGE = re.compile(r"[a-z][a-z0-9_]{0,30}")
_VARIABLE = re.compile(r"\$\{([A-Z_]+)\}")

Megabytes = Annotated[int, msgspec.Meta(gt=0)]


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long one task may take, and what the engine's process may take meanwhile.

    Attributes:
        base_seconds: Seconds that any task may take.
        seconds_per_audio_second: Added for each second of audio.
        memory_mb: Megabytes that the process may have for itself; no limit if None.
        file_mb: Megabytes that a file may have that it writes by itself.
        silent_seconds: How long it may read and write nothing, and tell no progress.
    """

    base_seconds: Annotated[float, msgspec.Meta(ge=0)] = 60.0
    seconds_per_audio_second: Annotated[float, msgspec.Meta(ge=0)] = 2.0
    memory_mb: Megabytes | None = None
    file_mb: Megabytes = 4096
    silent_seconds: Annotated[float, msgspec.Meta(gt=0)] | None = None


class Retries(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a task that failed is tried again.

    Attributes:
        tries: How often it is tried in all, should each fail in a way that a retry may cure.
        first_seconds: Pause before the second try.
        factor: Each later pause is so many times as long as the one before.
        longest_seconds: But never longer than this.
        jitter: Share by which a pause is made longer or shorter at random, 0 to 1, so that what
            failed together isn't tried again together.
    """

    tries: Annotated[int, msgspec.Meta(ge=1, le=100)] = ATTEMPT_LIMITS[Cause.RETRY]
    first_seconds: Annotated[float, msgspec.Meta(ge=0, le=86400)] = 1.0
    factor: Annotated[float, msgspec.Meta(ge=1, le=100)] = 2.0
    longest_seconds: Annotated[float, msgspec.Meta(ge=0, le=86400)] = 60.0
    jitter: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.25

    def pause(self, failures: int, chance: float) -> float:
        """Return how many seconds to wait after a failure.

        Args:
            failures: How many there have been, this one included.
            chance: At random between 0 and 1.
        """
        # The exponent is bounded because a float is.
        grown = self.first_seconds * self.factor ** min(failures - 1, 60)
        spread = 1.0 + self.jitter * (2.0 * chance - 1.0)
        return min(grown, self.longest_seconds) * spread


class Needs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the engine needs to run.

    Attributes:
        memory_mb: Megabytes of memory with its model loaded.
        model_memory_mb: The same with models that need another amount, by the value of the
            configuration's `model`.
        gpu: `none`, `optional` or `required`: for people; nothing here looks at it.
        audio: Whether it looks at the audio; if not, that isn't brought to it. `on_demand`: it
            reads a long recording with `open_audio` alone, which brings what is read.
        chunk_outputs: `on_demand`: what earlier stages found in chunks is a sequence whose
            elements are read when they are looked at, instead of a list.
        slots: Tasks at a time, at least, for an engine that waits for others rather than computes.
            With more than one, no owner has all of them.
    """

    memory_mb: Megabytes = 128
    model_memory_mb: dict[str, Megabytes] = {}
    gpu: Literal["none", "optional", "required"] = "none"
    audio: bool | Literal["on_demand"] = True
    chunk_outputs: Literal["at_once", "on_demand"] = "at_once"
    slots: Annotated[int, msgspec.Meta(ge=1, le=100)] = 1


class Weights(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model that the engine computes with: what it is, where it comes from, whose it is.

    Attributes:
        name: For people.
        source: Who made it, and how it gets onto the machine.
        license: Of the weights, as an SPDX expression; `NOASSERTION` if nobody states one.
    """

    name: str
    source: str
    license: str


class EngineSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An engine as its `engine.yaml` describes it.

    Attributes:
        id: Lower case, digits and hyphens; names the queue.
        stage: The stage that it does.
        further_stages: Other stages that the same model can do.
        languages: Codes, or `*` for every language of `languages.py`.
        languages_of_models: What differs from that, by a pattern of the model's name.
        produces: What its output has: `segments`, `words`, `audio` …
        config: JSON schema of its configuration, with defaults.
        license: Of the engine and the libraries that it needs, as an SPDX expression.
        weights: The models that it computes with, if any.
        retries: How a task of it that failed is tried again.
    """

    id: str
    version: str
    stage: str
    further_stages: list[str] = []
    description: str = ""
    languages: list[str] = msgspec.field(default_factory=lambda: [ANY_LANGUAGE])
    languages_of_models: dict[str, list[str]] = {}
    produces: list[str] = []
    config: dict[str, Any] = {}
    needs: Needs = Needs()
    limits: Limits = Limits()
    retries: Retries = Retries()
    license: str = ""
    weights: list[Weights] = []
    folder: Path | None = None

    def defaults(self) -> dict[str, Any]:
        """Return the configuration that the schema's defaults give."""
        properties: dict[str, dict[str, Any]] = self.config.get("properties", {})
        return {name: rule["default"] for name, rule in properties.items() if "default" in rule}

    def accepts(self, name: str) -> bool:
        """Tell whether the configuration has that property."""
        return name in self.config.get("properties", {})

    def memory_mb(self, config: Mapping[str, Any]) -> int:
        """Return the megabytes of memory that it takes with a configuration."""
        needs = self.needs
        return needs.model_memory_mb.get(str(config.get("model")), needs.memory_mb)

    def does(self, stage: str) -> bool:
        """Tell whether it can do a stage."""
        return stage == self.stage or stage in self.further_stages

    def known_languages(self, model: str | None = None) -> list[str]:
        """Return the codes of all languages that it knows, sorted.

        Args:
            model: Name of the model that it would use.
        """
        known = self.languages
        for pattern, languages in self.languages_of_models.items():
            if model is not None and fnmatch.fnmatchcase(model, pattern):
                known = languages
        return sorted(LANGUAGES) if ANY_LANGUAGE in known else sorted(known)

    def configure(self, *overrides: Mapping[str, Any]) -> dict[str, Any]:
        """Return a complete configuration: defaults, then each mapping over the one before.

        Raises:
            ConfigurationError: The result is not what the schema allows.
        """
        merged = self.defaults()
        for override in overrides:
            merged.update(override)
        if not self.config:
            return merged
        # Imported here because only a process that checks configurations should carry it.
        import fastjsonschema  # noqa: PLC0415

        try:
            fastjsonschema.validate(self.config, merged, use_default=False)
        except fastjsonschema.JsonSchemaValueException as error:
            where = ".".join(str(part) for part in error.path[1:]) or "configuration"
            what = error.message.removeprefix(str(error.name)).strip()
            raise ConfigurationError(
                f"Engine {self.id}: {where}: {what}. Its engine.yaml says what is allowed.",
                param=where,
            ) from None
        return merged


class Stage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One stage of a pipeline.

    Attributes:
        stage: The stage's name, once in a pipeline.
        engine: Id of the engine that serves it.
        after: Names of the stages whose outputs it gets.
        config: Overrides of the engine's configuration.
        each: What one task of it works on: the whole `recording`, or each `chunk`; or there is
            one task for the `first_chunk`, whose output those of all chunks may use.
        optional: Whether a job goes on without it should it fail.
        when: Fields of the request and the values that they must have for the stage to be done;
            null is a field that isn't given, a list has several values that will do.
    """

    stage: str
    engine: str
    after: list[str] = []
    config: dict[str, Any] = {}
    each: Literal["recording", "chunk", "first_chunk"] = "recording"
    optional: bool = False
    when: dict[str, Any] = {}

    def wanted(self, parameters: Mapping[str, Any]) -> bool:
        """Tell whether a request with these fields wants it done."""
        return all(
            parameters.get(name) in (value if isinstance(value, list) else [value])
            for name, value in self.when.items()
        )


class Pipeline(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A named way from a recording to a transcript, stages in an order that can be walked."""

    name: str
    stages: list[Stage]
    description: str = ""
    fake_text: bool = False

    @property
    def final(self) -> Stage:
        """The stage whose output is the transcript: the one that no other comes after."""
        needed = {name for stage in self.stages for name in stage.after}
        return next(stage for stage in self.stages if stage.stage not in needed)


class Catalog(msgspec.Struct, frozen=True):
    """All engines and pipelines that this server knows, by id and by name."""

    engines: dict[str, EngineSpec]
    pipelines: dict[str, Pipeline]

    @staticmethod
    def transcriber(pipeline: Pipeline) -> Stage | None:
        """Return the stage that decides which languages a pipeline knows."""
        return next((stage for stage in pipeline.stages if stage.stage == "transcribe"), None)


def read_engine(folder: Path) -> EngineSpec:
    """Read the `engine.yaml` of an engine's folder.

    Raises:
        ConfigurationError: It isn't there or isn't valid; names the file and the place.
    """
    path = folder / "engine.yaml"
    raw = _read_yaml(path)
    try:
        spec = msgspec.convert({**raw, "folder": str(folder)}, EngineSpec, dec_hook=_as_path)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"{path}: {_in_yaml(str(error))}") from None
    if not _NAME.fullmatch(spec.id):
        raise ConfigurationError(f"{path}: id must be lower case letters, digits and hyphens")
    if not all(_STAGE.fullmatch(stage) for stage in (spec.stage, *spec.further_stages)):
        raise ConfigurationError(f"{path}: stage must be lower case letters, digits and _")
    named = {*spec.languages, *(code for of in spec.languages_of_models.values() for code in of)}
    unknown = named - set(LANGUAGES) - {ANY_LANGUAGE}
    if unknown:
        raise ConfigurationError(f"{path}: unknown languages: {', '.join(sorted(unknown))}")
    if not spec.languages:
        raise ConfigurationError(f'{path}: languages is empty; write ["*"] for all of them')
    check_engine(spec, path)
    return spec


def read_catalog(
    engine_folders: Iterable[Path],
    pipeline_folders: Iterable[Path],
    variables: Mapping[str, str],
) -> Catalog:
    """Read every engine and pipeline below the folders; a later one replaces an earlier one.

    Args:
        engine_folders: Each holds `<stage>/<engine-id>/engine.yaml` or `<engine-id>/engine.yaml`.
        pipeline_folders: Each holds `*.yaml`.
        variables: What `${NAME}` in a pipeline's `engine` stands for.

    Raises:
        ConfigurationError: A file isn't valid or names something that isn't there.
    """
    engines: dict[str, EngineSpec] = {}
    for root in engine_folders:
        _require_folder(root)
        own_specs = sorted([*root.glob("*/engine.yaml"), *root.glob("*/*/engine.yaml")])
        for path in own_specs or _lone_engine(root):
            spec = read_engine(path.parent)
            engines[spec.id] = spec
    pipelines: dict[str, Pipeline] = {}
    roots = list(pipeline_folders)
    # Who wants no pipelines configures no engine.
    for spec in engines.values() if roots else ():
        check_config(spec)
    for root in roots:
        _require_folder(root)
        for path in sorted(root.glob("*.yaml")):
            pipeline = _read_pipeline(path, engines, variables)
            pipelines[pipeline.name] = pipeline
    return Catalog(engines, pipelines)


def _lone_engine(root: Path) -> list[Path]:
    return [root / "engine.yaml"] if (root / "engine.yaml").exists() else []


def _require_folder(root: Path) -> None:
    if not root.is_dir():
        raise ConfigurationError(
            f"{root} is not a folder. Correct DALSTON_ENGINES or DALSTON_PIPELINES, or make it."
        )


def _read_pipeline(
    path: Path, engines: Mapping[str, EngineSpec], variables: Mapping[str, str]
) -> Pipeline:
    raw = _read_yaml(path)
    raw.setdefault("name", path.stem)
    try:
        pipeline = msgspec.convert(raw, Pipeline)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"{path}: {_in_yaml(str(error))}") from None
    if not _NAME.fullmatch(pipeline.name):
        raise ConfigurationError(f"{path}: name must be lower case letters, digits and hyphens")
    stages = [_resolve(stage, path, variables) for stage in pipeline.stages]
    if unable := unable_stages(pipeline.stages, stages, engines):
        stages = [without(stage, unable) for stage in stages if stage.stage not in unable]
    check_engines(pipeline.stages, stages, engines, path)
    check_stages(stages, engines, path)
    return msgspec.structs.replace(pipeline, stages=stages)


def _resolve(stage: Stage, path: Path, variables: Mapping[str, str]) -> Stage:
    def value(match: re.Match[str]) -> str:
        if match[1] not in variables:
            known = ", ".join(f"${{{name}}}" for name in variables)
            raise ConfigurationError(f"{path}: unknown variable {match[0]}; there is {known}.")
        return variables[match[1]]

    return msgspec.structs.replace(stage, engine=_VARIABLE.sub(value, stage.engine))


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigurationError(f"{path} isn't there") from None
    except yaml.MarkedYAMLError as error:
        line = "" if error.problem_mark is None else f", line {error.problem_mark.line + 1}"
        raise ConfigurationError(
            f"{path}{line}: {error.problem or 'not YAML'}. Correct it."
        ) from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError(f"{path}: {error}") from None
    if not isinstance(raw, dict):
        raise ConfigurationError(f"{path}: expected a mapping of names to values")
    return raw


def _in_yaml(error: str) -> str:
    """Return what is wrong with a value, and what helps."""
    if error.startswith("Invalid enum value"):
        return f"{error}. docs/engines.md and docs/pipelines.md say which there are."
    read_as_other = re.match(r"Expected `str`, got `(?:float|int|bool|date)`", error)
    return f"{error}. Put it into quotes." if read_as_other else error


def _as_path(kind: type, value: object) -> object:
    if kind is Path:
        return Path(str(value))
    raise NotImplementedError(kind)
