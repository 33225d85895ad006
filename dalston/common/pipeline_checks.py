"""Whether engines are described well, and a pipeline can be done and makes one transcript."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from dalston.common.errors import ConfigurationError

if TYPE_CHECKING:
    from dalston.common.engine_spec import EngineSpec, Stage

CHUNKS = "chunks"
"""In an engine's `produces`: its output says which chunks a recording is cut into."""
RECORDING = "recording"
"""In an engine's `produces`: it brings the recording itself, as somebody might have uploaded it."""
_HEARD = {"audio", RECORDING, CHUNKS}
"""What other stages work on, of what an engine may produce."""
FETCH = "fetch"
"""The stage that brings a recording from an address. It stands in front of any pipeline whose job
has one, so no pipeline may have a stage of that name."""
CONDITIONS = frozenset({"channels", "diarize", "language", "language_detection", "task"})
"""Fields of a request that a pipeline's stage may depend on."""
_SPDX = r"[A-Za-z0-9][A-Za-z0-9.+-]*"
_LICENSE = re.compile(rf"\(*{_SPDX}\)*(?: (?:AND|OR|WITH) \(*{_SPDX}\)*)*")
"""An SPDX expression, as far as its form shows: `MIT`, `Apache-2.0 AND (MIT OR BSD-3-Clause)`."""


def check_engine(spec: EngineSpec, path: Path) -> None:
    """Refuse what doesn't say in a usable form whose an engine and its weights are.

    Args:
        spec: The engine.
        path: Its `engine.yaml`, for the message.

    Raises:
        ConfigurationError: Says what is wrong.
    """
    for weights in spec.weights:
        if not weights.name.strip() or not weights.source.strip():
            raise ConfigurationError(f"{path}: each of the weights needs a name and a source")
    for license_ in filter(None, [spec.license, *(weights.license for weights in spec.weights)]):
        if not _LICENSE.fullmatch(license_):
            raise ConfigurationError(
                f"{path}: the license '{license_}' is no SPDX expression, like MIT or "
                f"Apache-2.0 AND BSD-3-Clause"
            )
    if not all(weights.license for weights in spec.weights):
        raise ConfigurationError(
            f"{path}: each of the weights needs a license; NOASSERTION if nobody states one"
        )
    if spec.needs.model_memory_mb and not spec.accepts("model"):
        raise ConfigurationError(
            f"{path}: needs.model_memory_mb is for engines whose config has a property `model`"
        )


def check_config(spec: EngineSpec) -> None:
    """Refuse a configuration that is no JSON schema, and defaults that it doesn't allow.

    By itself, because it loads a library that takes two megabytes: only for those who configure.

    Args:
        spec: An engine that was read from a folder.

    Raises:
        ConfigurationError: Says what is wrong.
    """
    config, path = spec.config, Path(spec.folder or ".") / "engine.yaml"
    properties = config.get("properties", {})
    if not isinstance(properties, dict):
        raise ConfigurationError(f"{path}: config.properties must map names to what each may be")
    for name, rule in properties.items():
        if not isinstance(rule, dict):
            raise ConfigurationError(
                f"{path}: config.properties.{name} must be a mapping, such as {{type: number}}"
            )
    given = {name: rule["default"] for name, rule in properties.items() if "default" in rule}
    # What has no default may be set by the server or the pipeline.
    found = _fault({**config, "required": []}, given)
    if found is None:
        return
    for name, rule in properties.items():
        alone = {**config, "required": [], "properties": {name: rule}, "additionalProperties": True}
        own = {name: given[name]} if name in given else {}
        if (what := _fault(alone, own)) is not None:
            raise ConfigurationError(f"{path}: config.properties.{name}: {what}")
    raise ConfigurationError(f"{path}: config: {found}")


def _fault(schema: dict[str, Any], values: Mapping[str, Any]) -> str | None:
    """Return what is wrong with a schema, or with values by it; None if that is nothing."""
    if schema.keys() <= {"required"}:
        return None
    # Imported here because only a process that checks configurations should carry it.
    import fastjsonschema  # noqa: PLC0415

    try:
        fastjsonschema.validate(schema, values, use_default=False)
    except fastjsonschema.JsonSchemaValueException as error:
        return f"its default is not what it allows: {error.message.removeprefix('data').strip('.')}"
    except Exception as error:  # noqa: BLE001 - for many mistakes the library has no error of its own
        return f"this is no JSON schema ({error})"
    return None


def unable_stages(
    written: list[Stage], stages: list[Stage], engines: Mapping[str, EngineSpec]
) -> set[str]:
    """Return the optional stages whose engine comes from a variable and can't do them."""
    return {
        stage.stage
        for before, stage in zip(written, stages, strict=True)
        if stage.optional
        and before.engine != stage.engine
        and stage.engine in engines
        and not engines[stage.engine].does(stage.stage)
    }


def without(stage: Stage, names: set[str]) -> Stage:
    """Return a stage that doesn't come after some others."""
    after = [name for name in stage.after if name not in names]
    return msgspec.structs.replace(stage, after=after)


def check_engines(
    written: list[Stage], stages: list[Stage], engines: Mapping[str, EngineSpec], path: Path
) -> None:
    """Refuse stages whose engine isn't there or does another stage.

    Args:
        written: As the pipeline's file has them.
        stages: The same, or some of them, with the values of variables.
        engines: The engines that are there, by id.
        path: The pipeline's file, for the message.

    Raises:
        ConfigurationError: Says what is wrong, and where: in the file, or in a variable.
    """
    given = {stage.stage: stage.engine for stage in written}
    for stage in stages:
        _check_by_itself(stage, path)
        spec = engines.get(stage.engine)
        if spec is not None and spec.does(stage.stage):
            continue
        by_file = given[stage.stage] == stage.engine
        variable = given[stage.stage].strip("${}")
        where = f"{path}: " if by_file else f"{variable} is '{stage.engine}': {path}: "
        if spec is not None:
            raise ConfigurationError(
                f"{where}engine {spec.id} does the stage {spec.stage}, not {stage.stage}"
            )
        from difflib import get_close_matches  # noqa: PLC0415 - hardly ever needed

        known = ", ".join(sorted(engines)) or "none"
        meant = get_close_matches(stage.engine, engines, 1)
        near = f" Did you mean '{meant[0]}'?" if meant else ""
        raise ConfigurationError(
            f"{where}stage {stage.stage} wants the engine '{stage.engine}', which isn't there."
            f"{near} Known engines: {known}. Add its folder to DALSTON_ENGINES or correct "
            f"{'the pipeline' if by_file else variable}."
        )


def check_stages(stages: list[Stage], engines: Mapping[str, EngineSpec], path: Path) -> None:
    """Refuse stages that can't be done, or don't make one transcript.

    Args:
        stages: In the order in which they are written, each with an engine that is there.
        engines: The engines that are there, by id.
        path: The pipeline's file, for the message.

    Raises:
        ConfigurationError: Says what is wrong.
    """
    seen: set[str] = set()
    for stage in stages:
        if stage.stage in seen:
            raise ConfigurationError(f"{path}: stage {stage.stage} is there twice")
        missing = [name for name in stage.after if name not in seen]
        if missing:
            raise ConfigurationError(
                f"{path}: stage {stage.stage} comes after {', '.join(missing)}, which is not "
                f"listed above it. Put that first, or take it out of `after`."
            )
        try:
            engines[stage.engine].configure(stage.config)
        except ConfigurationError as error:
            raise ConfigurationError(f"{path}: {error.message}") from None
        seen.add(stage.stage)
    _check_parts(stages, engines, path)
    needed = {name for stage in stages for name in stage.after}
    finals = [stage.stage for stage in stages if stage.stage not in needed]
    if len(finals) != 1:
        raise ConfigurationError(
            f"{path}: exactly one stage must come last and give the transcript; "
            f"here it is: {', '.join(finals) or 'none'}"
        )


def _check_by_itself(stage: Stage, path: Path) -> None:
    if stage.stage == FETCH:
        raise ConfigurationError(
            f"{path}: the stage {FETCH} is put in front of a pipeline by itself, for a recording "
            f"that is named by its address. Give this one another name."
        )
    if unknown := set(stage.when) - CONDITIONS:
        raise ConfigurationError(
            f"{path}: stage {stage.stage}: `when` can't look at {', '.join(sorted(unknown))}, "
            f"only at {', '.join(sorted(CONDITIONS))}"
        )


def _check_parts(stages: list[Stage], engines: Mapping[str, EngineSpec], path: Path) -> None:
    """Refuse stages for chunks that nobody makes, and a job without its transcript."""
    makers = [stage.stage for stage in stages if CHUNKS in engines[stage.engine].produces]
    in_parts = [stage for stage in stages if stage.each != "recording"]
    if in_parts and (len(makers) != 1 or makers[0] != "prepare"):
        raise ConfigurationError(
            f"{path}: stage {in_parts[0].stage} works on each chunk, so the stage prepare, and no "
            f"other, must have an engine that produces {CHUNKS}; here it is: "
            f"{', '.join(makers) or 'none'}"
        )
    for stage in in_parts:
        if not set(stage.after) & {*makers, *(other.stage for other in in_parts)}:
            raise ConfigurationError(
                f"{path}: stage {stage.stage} works on each chunk, but doesn't come after "
                f"{makers[0]}, which makes them. Name it in `after`."
            )
    of_chunks = {stage.stage for stage in stages if stage.each == "chunk"}
    for stage in stages:
        if stage.each == "first_chunk" and (wrong := of_chunks & set(stage.after)):
            raise ConfigurationError(
                f"{path}: stage {stage.stage} works on the first chunk, so it can't come after "
                f"{', '.join(sorted(wrong))}, which works on each"
            )
        if stage.optional and (made := _HEARD & set(engines[stage.engine].produces)):
            raise ConfigurationError(
                f"{path}: stage {stage.stage} makes {', '.join(sorted(made))}, on which others "
                f"work, and no job can go on without: no `optional` there"
            )
        if stage.when and in_parts and stage.stage in makers:
            raise ConfigurationError(
                f"{path}: stage {stage.stage} makes the chunks: no `when` there"
            )
    needed = {name for stage in stages for name in stage.after}
    last = [stage for stage in stages if stage.stage not in needed]
    if any(stage.optional or stage.when or stage.each != "recording" for stage in last):
        raise ConfigurationError(
            f"{path}: the last stage gives the transcript, so it can't be optional, has no "
            f"`when`, and works on the whole recording"
        )
