"""From what OpenAI's fields ask for to the options of a job, or to why an engine can't do it."""

from __future__ import annotations

from collections.abc import Mapping

from dalston.common.engine_spec import Catalog, EngineSpec, Pipeline
from dalston.common.errors import ContradictoryOptionsError, UnsupportedValueError
from dalston.common.languages import language_code
from dalston.gateway.openai.names import DIARIZING
from dalston.gateway.openai.wishes import DIARIZED, Wish
from dalston.gateway.services.options import DETECT_LANGUAGE, DIARIZE, LANGUAGE, truth

_DIARIZE_STAGE = "diarize"
_WORDS = "words"
_TIMES_WORDS = "word_timestamps"
"""The setting by which a pipeline may have an engine time segments alone."""


def native_fields(
    wish: Wish, given: Mapping[str, str], catalog: Catalog, pipeline: Pipeline
) -> dict[str, str]:
    """Return the fields with which a job does what OpenAI's fields ask for.

    Args:
        wish: What they ask for.
        given: The job's own fields, as far as they were sent beside them.
        catalog: Knows the engines.
        pipeline: The one that is to do it.

    Raises:
        UnsupportedValueError: The pipeline's engine can't; says what it can.
        ContradictoryOptionsError: Two fields can't be true together.
    """
    ability = Ability(catalog, pipeline)
    ability.check(wish)
    fields = {name: value for name, value in given.items() if value}
    if wish.translate:
        ability.require("task", "translate", "model")
        fields["task"] = "translate"
    if fields.get("prompt"):
        ability.require("prompt", None, "prompt")
    if wish.temperature:
        ability.require("temperatures", None, "temperature")
        fields["temperatures"] = str(wish.temperature)
    if wish.keywords:
        ability.require("hotwords", None, "keywords")
        named = [fields["hotwords"]] if fields.get("hotwords") else []
        fields["hotwords"] = ", ".join([*named, *wish.keywords])
    _add_language(wish, fields, ability)
    _add_speakers(wish, fields, ability)
    return fields


def _add_language(wish: Wish, fields: dict[str, str], ability: Ability) -> None:
    if not wish.languages:
        return
    if len(wish.languages) > 1:
        raise ability.unsupported(
            "languages", "choose among several languages. It finds out any, or takes one for given"
        )
    given = fields.get(LANGUAGE, DETECT_LANGUAGE)
    same = language_code(given) or given, language_code(wish.languages[0]) or wish.languages[0]
    if given != DETECT_LANGUAGE and same[0] != same[1]:
        raise ContradictoryOptionsError(
            "language and languages name different ones. Leave one of them out.", param="languages"
        )
    fields[LANGUAGE] = wish.languages[0]


def _add_speakers(wish: Wish, fields: dict[str, str], ability: Ability) -> None:
    """Have speakers found if they are to be in the answer; channels are speakers already."""
    asked = wish.response_format == DIARIZED
    if fields.get("channels") == "split" or not (asked or wish.model == DIARIZING):
        return
    if not truth(fields.get(DIARIZE, "true"), DIARIZE):
        if asked:
            raise ContradictoryOptionsError(
                f"{DIARIZED} has speakers, and diarize=false finds none. Leave one of them out.",
                param="response_format",
            )
    elif ability.diarizes:
        fields[DIARIZE] = "true"
    elif asked:
        raise ability.unsupported(
            "response_format", f"find out who speaks, so not {DIARIZED} either"
        )


class Ability:
    """What a pipeline can do for OpenAI's clients.

    Args:
        catalog: Knows the engines.
        pipeline: The pipeline.
    """

    def __init__(self, catalog: Catalog, pipeline: Pipeline) -> None:
        stage = catalog.transcriber(pipeline) or pipeline.final
        self._pipeline = pipeline
        self._engine = catalog.engines[stage.engine]
        self._engines = [catalog.engines[one.engine] for one in pipeline.stages]
        self._times_words = any(
            (_WORDS in spec.produces or not spec.produces)  # who tells nothing may time them
            and one.stage == spec.stage  # and not one of its further ones, such as `language`
            and one.config.get(_TIMES_WORDS) is not False
            for one, spec in zip(pipeline.stages, self._engines, strict=True)
        )
        self.diarizes = any(one.stage == _DIARIZE_STAGE for one in pipeline.stages)

    def check(self, wish: Wish) -> None:
        """Refuse what no field of a job can ask for.

        Raises:
            UnsupportedValueError: It is asked for.
        """
        if wish.logprobs:
            raise self.unsupported("include", "return the probabilities of tokens")
        if wish.known_speakers:
            raise self.unsupported(
                "known_speaker_names", "tell known speakers by their names or voices"
            )
        if wish.cutting:
            raise self.unsupported(
                f"chunking_strategy[{wish.cutting[0]}]",
                "cut recordings by settings of a request. chunking_strategy=auto, and server_vad "
                "without settings, cut them in pauses",
            )
        if wish.response_format == "verbose_json" and wish.words and not self._times_words:
            raise self.unsupported("timestamp_granularities", "tell the times of words")

    def require(self, option: str, value: str | None, field: str) -> None:
        """Refuse a field that none of the pipeline's engines has an option for.

        Raises:
            UnsupportedValueError: There is none.
        """
        if not any(_accepts(spec, option, value) for spec in self._engines):
            what = "translate" if value else f"be told a {option.removesuffix('s')}"
            raise self.unsupported(field, what)

    def unsupported(self, param: str, what: str) -> UnsupportedValueError:
        """Return the error for what can't be done, with what can."""
        return UnsupportedValueError(
            f"The engine {self._engine.id} of the pipeline '{self._pipeline.name}' can't {what}. "
            f"It can do response_format {', '.join(self._formats())}{self._more()}. Change that, "
            f"or name another model; GET /v1/models lists them.",
            param=param,
        )

    def _formats(self) -> list[str]:
        formats = ["json", "text", "srt", "vtt", "verbose_json"]
        return [*formats, DIARIZED] if self.diarizes else formats

    def _more(self) -> str:
        times = "segments and words" if self._times_words else "segments"
        options = [
            name
            for name, option in (
                ("prompt", "prompt"),
                ("temperature", "temperatures"),
                ("keywords", "hotwords"),
            )
            if any(_accepts(spec, option, None) for spec in self._engines)
        ]
        return "".join([f", with times of {times}", *(f", {name}" for name in options)])


def _accepts(spec: EngineSpec, option: str, value: str | None) -> bool:
    if not spec.accepts(option):
        return False
    return value is None or value in spec.config["properties"][option].get("enum", [value])
