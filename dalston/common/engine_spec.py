"""Reads and checks `engine.yaml` and pipeline files; together they are the catalog.

Formats are described in `docs/engines.md` and `docs/pipelines.md`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import yaml

from dalston.common.errors import ConfigurationError
from dalston.common.languages import LANGUAGES

ANY_LANGUAGE = "*"
_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")
_STAGE = re.compile(r"[a-z][a-z0-9_]{0,30}")
_VARIABLE = re.compile(r"\$\{([A-Z_]+)\}")


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long one task may take: a base, and more for longer audio.

    Attributes:
        base_seconds: Seconds that any task may take.
        seconds_per_audio_second: Added for each second of audio.
    """

    base_seconds: float = 60.0
    seconds_per_audio_second: float = 2.0


class Needs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the engine needs to run.

    Attributes:
        memory_mb: Megabytes of memory with its model loaded.
        gpu: `none`, `optional` or `required`.
    """

    memory_mb: int = 128
    gpu: str = "none"


class EngineSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An engine as its `engine.yaml` describes it.

    Attributes:
        id: Lower case, digits and hyphens; names the queue.
        stage: The stage that it does.
        languages: Codes, or `*` for every language of `languages.py`.
        produces: What its output has: `segments`, `words`, `audio` …
        config: JSON schema of its configuration, with defaults.
    """

    id: str
    version: str
    stage: str
    description: str = ""
    languages: list[str] = msgspec.field(default_factory=lambda: [ANY_LANGUAGE])
    produces: list[str] = []
    config: dict[str, Any] = {}
    needs: Needs = Needs()
    limits: Limits = Limits()
    license: str = ""
    folder: Path | None = None

    def defaults(self) -> dict[str, Any]:
        """Return the configuration that the schema's defaults give."""
        properties: dict[str, dict[str, Any]] = self.config.get("properties", {})
        return {name: rule["default"] for name, rule in properties.items() if "default" in rule}

    def accepts(self, name: str) -> bool:
        """Tell whether the configuration has that property."""
        return name in self.config.get("properties", {})

    def known_languages(self) -> list[str]:
        """Return the codes of all languages that it knows, sorted."""
        return sorted(LANGUAGES) if ANY_LANGUAGE in self.languages else sorted(self.languages)

    def configure(self, *overrides: Mapping[str, Any]) -> dict[str, Any]:
        """Return a complete configuration: defaults, then each mapping over the one before.

        Raises:
            ConfigurationError: The result is not what the schema allows.
        """
        merged = self.defaults()
        for override in overrides:
            merged.update(override)
        # Imported here because only a process that checks configurations should carry it.
        import jsonschema  # noqa: PLC0415

        try:
            jsonschema.validate(merged, self.config or True)
        except jsonschema.ValidationError as error:
            where = ".".join(str(part) for part in error.path) or "configuration"
            raise ConfigurationError(
                f"Engine {self.id}: {where}: {error.message}. Its engine.yaml says what is allowed."
            ) from None
        return merged


class Stage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One stage of a pipeline.

    Attributes:
        stage: The stage's name, once in a pipeline.
        engine: Id of the engine that serves it.
        after: Names of the stages whose outputs it gets.
        config: Overrides of the engine's configuration.
    """

    stage: str
    engine: str
    after: list[str] = []
    config: dict[str, Any] = {}


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

    def language_engine(self, pipeline: Pipeline) -> EngineSpec | None:
        """Return the engine that decides which languages a pipeline knows: its transcriber."""
        for stage in pipeline.stages:
            if stage.stage == "transcribe":
                return self.engines[stage.engine]
        return None


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
        raise ConfigurationError(f"{path}: {error}") from None
    if not _NAME.fullmatch(spec.id):
        raise ConfigurationError(f"{path}: id must be lower case letters, digits and hyphens")
    if not _STAGE.fullmatch(spec.stage):
        raise ConfigurationError(f"{path}: stage must be lower case letters, digits and _")
    unknown = set(spec.languages) - set(LANGUAGES) - {ANY_LANGUAGE}
    if unknown:
        raise ConfigurationError(f"{path}: unknown languages: {', '.join(sorted(unknown))}")
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
    for root in pipeline_folders:
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
        raise ConfigurationError(f"{path}: {error}") from None
    if not _NAME.fullmatch(pipeline.name):
        raise ConfigurationError(f"{path}: name must be lower case letters, digits and hyphens")
    stages = [_resolve(stage, path, variables) for stage in pipeline.stages]
    _check_stages(stages, engines, path)
    return msgspec.structs.replace(pipeline, stages=stages)


def _resolve(stage: Stage, path: Path, variables: Mapping[str, str]) -> Stage:
    def value(match: re.Match[str]) -> str:
        if match[1] not in variables:
            known = ", ".join(f"${{{name}}}" for name in variables)
            raise ConfigurationError(f"{path}: unknown variable {match[0]}; there is {known}.")
        return variables[match[1]]

    return msgspec.structs.replace(stage, engine=_VARIABLE.sub(value, stage.engine))


def _check_stages(stages: list[Stage], engines: Mapping[str, EngineSpec], path: Path) -> None:
    seen: set[str] = set()
    for stage in stages:
        spec = engines.get(stage.engine)
        if spec is None:
            known = ", ".join(sorted(engines)) or "none"
            raise ConfigurationError(
                f"{path}: stage {stage.stage} wants the engine '{stage.engine}', which isn't "
                f"there. Known engines: {known}. Add its folder to DALSTON_ENGINES or correct "
                f"the pipeline."
            )
        if spec.stage != stage.stage:
            raise ConfigurationError(
                f"{path}: engine {spec.id} does the stage {spec.stage}, not {stage.stage}"
            )
        if stage.stage in seen:
            raise ConfigurationError(f"{path}: stage {stage.stage} is there twice")
        missing = [name for name in stage.after if name not in seen]
        if missing:
            raise ConfigurationError(
                f"{path}: stage {stage.stage} comes after {', '.join(missing)}, which is not "
                f"listed above it. Put that first, or take it out of `after`."
            )
        try:
            spec.configure(stage.config)
        except ConfigurationError as error:
            raise ConfigurationError(f"{path}: {error.message}") from None
        seen.add(stage.stage)
    needed = {name for stage in stages for name in stage.after}
    finals = [stage.stage for stage in stages if stage.stage not in needed]
    if len(finals) != 1:
        raise ConfigurationError(
            f"{path}: exactly one stage must come last and give the transcript; "
            f"here it is: {', '.join(finals) or 'none'}"
        )


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


def _as_path(kind: type, value: object) -> object:
    if kind is Path:
        return Path(str(value))
    raise NotImplementedError(kind)
