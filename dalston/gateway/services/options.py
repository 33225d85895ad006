"""The fields of a submission besides its file: what they may be, and what becomes of them.

What a value may be is said by the `engine.yaml` of the engine that it is meant for, so a pipeline
of one's own knows the options that its engines know.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dalston.common.engine_spec import Catalog, EngineSpec, Pipeline, Stage
from dalston.common.errors import (
    ConfigurationError,
    ContradictoryOptionsError,
    InvalidParameterError,
    RequestError,
    UnsupportedLanguageError,
    UnsupportedOptionError,
    UnsupportedTaskError,
)
from dalston.common.languages import LANGUAGES, language_code
from dalston.gateway.services.suggestions import did_you_mean

PIPELINE, LANGUAGE, DIARIZE = "pipeline", "language", "diarize"
_SPEAKER_COUNTS = ("num_speakers", "min_speakers", "max_speakers")
_OF_ENGINES = (
    "language_detection",
    "task",
    "prompt",
    "hotwords",
    "beam_size",
    "temperatures",
    "drop_doubtful_text",
    "channels",
    *_SPEAKER_COUNTS,
)
"""Fields that are properties in an engine's configuration."""
FIELDS = (PIPELINE, LANGUAGE, DIARIZE, *_OF_ENGINES)
"""All fields but the file."""

DETECT_LANGUAGE = "auto"
_LONGEST_ECHO = 60
"""Characters of a wrong value that an error repeats."""
_SHORT_LIST = 12
"""Languages that an error lists; of more it names some."""
_WIDELY_SPOKEN = ("ar", "de", "en", "es", "fr", "hi", "it", "ja", "ko", "pt", "ru", "zh")
_TRUTH = {"true": True, "1": True, "false": False, "0": False}
_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,9}")


def _of_json(value: object, rule: Mapping[str, Any]) -> object:
    """Return what came as JSON; there 5.0 is a whole number too."""
    if isinstance(value, float) and value.is_integer() and _kind(rule) == "integer":
        return int(value)
    return value


@dataclass(frozen=True)
class Options:
    """Reads the fields of submissions.

    Attributes:
        catalog: The engines and pipelines of this server.
        default_pipeline: Of a request that names none.
        engine_settings: What the server's settings say to engines, such as `model`.
        model: The transcriber's, if a request names one.
    """

    catalog: Catalog
    default_pipeline: str
    engine_settings: Mapping[str, Any]
    model: str | None = None

    def with_model(self, model: str | None) -> Options:
        """Return options that are read for a model of the transcriber's."""
        return replace(self, model=model)

    def read(self, fields: Mapping[str, str]) -> dict[str, Any]:
        """Return the parameters of a job: what was asked for, and nothing else.

        Args:
            fields: As they were sent; an empty one counts as not sent. Their pipeline is known.

        Raises:
            RequestError: A value can't be used, contradicts another one, or asks for something
                that the pipeline or its model can't do.
        """
        given = {name: text for name, text in fields.items() if text and name != PIPELINE}
        pipeline = self.catalog.pipelines[fields.get(PIPELINE) or self.default_pipeline]
        asked: dict[str, Any] = {}
        language = self._language(pipeline, given.pop(LANGUAGE, DETECT_LANGUAGE))
        if language is not None:
            asked[LANGUAGE] = language
        if DIARIZE in given:
            asked[DIARIZE] = truth(given.pop(DIARIZE), DIARIZE)
        for name, text in given.items():
            asked[name] = self._of_engine(pipeline, name, text, _value)
        return self._checked(pipeline, asked)

    def revise(
        self, pipeline: Pipeline, before: Mapping[str, Any], changed: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return a job's parameters with some of them changed.

        Args:
            pipeline: The job's.
            before: Its parameters until now.
            changed: By name, as JSON; null takes one away.

        Raises:
            RequestError: A value can't be used, contradicts another one, or asks for something
                that the pipeline or its model can't do.
        """
        asked = {name: value for name, value in before.items() if name not in changed}
        for name, value in changed.items():
            if name not in FIELDS or name == PIPELINE:
                raise self._unsupported(pipeline, name)
            if value is None:
                continue
            if name == LANGUAGE and isinstance(value, str):
                language = self._language(pipeline, value)
                asked |= {} if language is None else {LANGUAGE: language}
            elif name == DIARIZE:
                if isinstance(value, str):
                    # This is JSON, and a text that says so isn't true or false.
                    raise _neither(value, DIARIZE)
                asked[DIARIZE] = truth(json.dumps(value), DIARIZE)
            else:
                asked[name] = self._of_engine(pipeline, name, value)
        return self._checked(pipeline, asked)

    def _checked(self, pipeline: Pipeline, asked: dict[str, Any]) -> dict[str, Any]:
        """Return parameters, each of which is right by itself, if they are right together."""
        _check_speakers(asked)
        if any(name in asked for name in _SPEAKER_COUNTS):
            # Who says how many people speak wants to know who says what.
            asked[DIARIZE] = True
        _check_together(asked)
        self._check_model(pipeline, asked)
        self._check_stages(pipeline, asked)
        return asked

    def check_early(self, fields: Mapping[str, str]) -> None:
        """Refuse fields that come before the file, if nothing behind it can make them right.

        Raises:
            RequestError: They are wrong, whatever pipeline is named.
        """
        known = sorted(self.catalog.pipelines, key=lambda name: name != self.default_pipeline)
        first_error: RequestError | None = None
        for name in [fields[PIPELINE]] if fields.get(PIPELINE) else known:
            try:
                self.read({**fields, PIPELINE: name})
            except RequestError as error:
                first_error = first_error or error
            else:
                return
        if first_error is not None:
            raise first_error

    def _language(self, pipeline: Pipeline, text: str) -> str | None:
        if text.lower() == DETECT_LANGUAGE:
            return None
        known, model = self._known_languages(pipeline)
        code = language_code(text)
        if code is None or code not in known:
            by = f" with the model {model}" if model is not None else ""
            raise UnsupportedLanguageError(
                f"The language '{short(text)}' isn't known to the pipeline '{pipeline.name}'{by}."
                f"{_meant_language(text, known)} Leave it out to have it detected, or use "
                f"{_some_of(known)}.",
                param=LANGUAGE,
            )
        return code

    def _known_languages(self, pipeline: Pipeline) -> tuple[list[str], str | None]:
        """Return the languages that a pipeline's transcriber knows, and its model's name."""
        stage = self.catalog.transcriber(pipeline)
        if stage is None:
            return [], None
        spec = self.catalog.engines[stage.engine]
        model = None
        if spec.accepts("model"):
            settings = {**spec.defaults(), **self.engine_settings, **stage.config}
            model = self.model or settings.get("model")
        return spec.known_languages(model), model

    def _of_engine(
        self,
        pipeline: Pipeline,
        name: str,
        given: Any,  # noqa: ANN401 - JSON
        read: Callable[[Any, Mapping[str, Any]], Any] = _of_json,
    ) -> Any:  # noqa: ANN401 - JSON
        """Return the value of an option, once it is known that its engine can use it."""
        found = next(self._accepting(pipeline, name), None)
        if found is None:
            raise self._unsupported(pipeline, name)
        _, spec = found
        rule = spec.config["properties"][name]
        try:
            value = read(given, rule)
            spec.configure({name: value})
        except (ValueError, ConfigurationError):
            shown = given if isinstance(given, str) else json.dumps(given)
            raise InvalidParameterError(
                f"{name} can't be '{short(shown)}': {_allowed(rule)}.", param=name
            ) from None
        return value

    def _accepting(self, pipeline: Pipeline, name: str) -> Iterator[tuple[Stage, EngineSpec]]:
        for stage in pipeline.stages:
            spec = self.catalog.engines[stage.engine]
            if spec.accepts(name):
                yield stage, spec

    def _unsupported(self, pipeline: Pipeline, name: str) -> UnsupportedOptionError:
        able = [
            other.name
            for other in self.catalog.pipelines.values()
            if any(True for _ in self._accepting(other, name))
            or (name == DIARIZE and any(stage.stage == DIARIZE for stage in other.stages))
        ]
        where = f"Pipelines that do: {', '.join(sorted(able))}" if able else "No pipeline here does"
        return UnsupportedOptionError(
            f"The pipeline '{pipeline.name}' knows no '{short(name)}'. {where}.", param=short(name)
        )

    def _check_model(self, pipeline: Pipeline, asked: Mapping[str, Any]) -> None:
        known, model = self._known_languages(pipeline)
        if known != ["en"]:
            return
        who = f"The model {model}" if model is not None else f"The pipeline '{pipeline.name}'"
        if asked.get("task") == "translate":
            raise UnsupportedTaskError(
                f"{who} knows only English, so it can't translate. Leave `task` out, or have the "
                f"server use a model that knows more, such as base or large-v3.",
                param="task",
            )
        if asked.get("language_detection") == "chunk":
            raise UnsupportedOptionError(
                f"{who} knows only English, so there is no language to find out. Leave "
                f"`language_detection` out, or have the server use a model that knows more, such "
                f"as base or large-v3.",
                param="language_detection",
            )

    def _check_stages(self, pipeline: Pipeline, asked: Mapping[str, Any]) -> None:
        """Refuse to find out who speaks where no stage would."""
        if asked.get(DIARIZE) and not any(
            stage.stage == DIARIZE and stage.wanted(asked) for stage in pipeline.stages
        ):
            raise self._unsupported(pipeline, DIARIZE)


def short(text: str) -> str:
    """Return the start of a text that somebody sent, for a message."""
    return text if len(text) <= _LONGEST_ECHO else f"{text[:_LONGEST_ECHO]}…"


def _meant_language(text: str, known: Sequence[str]) -> str:
    """Return what may have been meant, where it is a word that no language has."""
    if language_code(text) is not None:
        return ""
    return did_you_mean(text, [*known, *(LANGUAGES[code] for code in known)])


def _some_of(known: Sequence[str]) -> str:
    if len(known) <= _SHORT_LIST:
        return f"one of: {', '.join(known) or 'none'}"
    some = [code for code in _WIDELY_SPOKEN if code in known]
    return f"one of {len(known)} codes, among them {', '.join(some)}; docs/api.md lists all"


def _check_speakers(asked: Mapping[str, Any]) -> None:
    exact, least, most = (asked.get(name) for name in _SPEAKER_COUNTS)
    counts = [name for name in _SPEAKER_COUNTS if name in asked]
    if asked.get(DIARIZE) is False and counts:
        raise ContradictoryOptionsError(
            f"diarize=false finds no speakers, but {' and '.join(counts)} says how many there are. "
            f"Leave one of the two out.",
            param=counts[0],
        )
    if exact is not None and len(counts) > 1:
        raise ContradictoryOptionsError(
            f"num_speakers is exact, so {' and '.join(counts[1:])} can't be given as well. Leave "
            f"out what you don't know.",
            param="num_speakers",
        )
    if least is not None and most is not None and least > most:
        raise ContradictoryOptionsError(
            f"min_speakers ({least}) is more than max_speakers ({most}). Correct one of them, or "
            f"leave one out.",
            param="min_speakers",
        )


def _check_together(asked: Mapping[str, Any]) -> None:
    if asked.get("channels") == "split" and asked.get(DIARIZE):
        raise ContradictoryOptionsError(
            "With channels=split each channel is a speaker, so diarize and the numbers of speakers "
            "can't be given as well. Leave them out, or leave channels=split out.",
            param="channels",
        )
    if LANGUAGE in asked and asked.get("language_detection") is not None:
        raise ContradictoryOptionsError(
            f"language={asked[LANGUAGE]} leaves nothing to find out. Leave out language, or "
            f"language_detection.",
            param="language_detection",
        )


def truth(text: str, name: str) -> bool:
    """Read true or false, also written as 1 or 0.

    Raises:
        InvalidParameterError: It is neither; `name` is the field's.
    """
    known = _TRUTH.get(text.lower())
    if known is None:
        raise _neither(text, name)
    return known


def _neither(text: str, name: str) -> InvalidParameterError:
    return InvalidParameterError(
        f"{name} can't be '{short(text)}': true or false is allowed.", param=name
    )


def _value(text: str, rule: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON
    """Return what a field's text means, by the rule for it.

    Raises:
        ValueError: It means nothing.
    """
    kind = _kind(rule)
    if kind == "array":
        return [_value(item.strip(), rule["items"]) for item in text.split(",")]
    if kind == "boolean":
        return truth(text, "")
    if kind == "integer":
        if not _WHOLE_NUMBER.fullmatch(text):
            raise ValueError(text)
        return int(text)
    if kind == "number":
        number = float(text)
        if not math.isfinite(number):
            raise ValueError(text)
        return number
    return text


def _kind(rule: Mapping[str, Any]) -> str:
    kinds = rule.get("type", "string")
    return kinds if isinstance(kinds, str) else next(kind for kind in kinds if kind != "null")


def _allowed(rule: Mapping[str, Any]) -> str:
    """Say what a field may be."""
    if "enum" in rule:
        return f"one of {', '.join(map(str, rule['enum']))} is allowed"
    kind = _kind(rule)
    span = f" from {rule['minimum']} to {rule['maximum']}" if "maximum" in rule else ""
    if kind == "array":
        of = rule["items"]
        each = f" from {of['minimum']} to {of['maximum']}" if "maximum" in of else ""
        return (
            f"{rule.get('minItems', 1)} to {rule.get('maxItems', 'any number of')} numbers{each}, "
            f"separated by commas, are allowed"
        )
    if kind == "string":
        return f"text of up to {rule.get('maxLength', 'any number of')} characters is allowed"
    names = {"integer": "a whole number", "number": "a number", "boolean": "true or false"}
    return f"{names[kind]}{span} is allowed"
