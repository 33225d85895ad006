"""The text fields of a submission, as they arrive: in the server's own manner, or in OpenAI's.

Which of the two it is may only be clear when all fields are there. Either way the result is the
pipeline and the parameters of a job.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from dalston.common.engine_spec import Catalog
from dalston.common.errors import (
    ContradictoryOptionsError,
    DuplicateFieldError,
    UnknownFieldError,
    UnknownPipelineError,
)
from dalston.common.webhooks import WebhookPolicy
from dalston.gateway.openai.names import ModelNames, Named
from dalston.gateway.openai.planning import native_fields
from dalston.gateway.openai.wishes import (
    MANNER,
    MODEL,
    STREAM,
    Wish,
    check_together,
    known_fields,
    plain_name,
    read_wish,
)
from dalston.gateway.services.options import FIELDS, PIPELINE, Options, short
from dalston.gateway.services.readiness import Readiness
from dalston.gateway.services.sources import SOURCE_URL, Source, both_ways, read_source
from dalston.gateway.services.suggestions import did_you_mean
from dalston.gateway.services.wishes import WISHES, read_wishes
from dalston.gateway.uploads import TextField

_OF_JOBS = (SOURCE_URL, *FIELDS, *WISHES)
"""All fields of a job's own manner but the file."""
_MOST_USED = ("file", "language", "model", "diarize", "pipeline", "response_format")


@dataclass(frozen=True)
class Manner:
    """How a client wants to be answered, as far as its request's head says so.

    Attributes:
        openai: Whether it is one of OpenAI's clients.
        job: Whether it wants a job, whatever else it says.
        translate: Whether it wants English text, whatever is spoken.
    """

    openai: bool = False
    job: bool = False
    translate: bool = False


@dataclass(frozen=True)
class Choices:
    """What there is to choose from.

    Attributes:
        catalog: The engines and pipelines of this server.
        default_pipeline: Of a submission that names neither a pipeline nor a model.
        options: Reads the fields of jobs.
        names: Knows the models.
        readiness: Knows whether a pipeline's engines can work.
        deadline_seconds: Of a job that doesn't say so itself.
        webhooks: Who may be told of a job's end.
        fetch_private_addresses: Whether a recording may be fetched from a private network.
    """

    catalog: Catalog
    default_pipeline: str
    options: Options
    names: ModelNames
    readiness: Readiness
    deadline_seconds: float | None = None
    webhooks: WebhookPolicy = field(default_factory=WebhookPolicy)
    fetch_private_addresses: bool = False


@dataclass(frozen=True)
class Asked:
    """What a form asks for.

    Attributes:
        pipeline: Name of the pipeline.
        parameters: Of the job.
        content: All of its fields, for the fingerprint.
        kept: Other fields of the `Job`, such as how long it may take.
        wish: How the transcript is to be answered; None if a job is to be.
        source: Where the recording is to be fetched from, if it doesn't come along.
    """

    pipeline: str
    parameters: dict[str, Any]
    content: Mapping[str, str | list[str]]
    kept: dict[str, Any]
    wish: Wish | None = None
    source: Source | None = None


class Fields(Protocol):
    """Takes the text fields of a submission, and says what they ask for."""

    async def take(self, sent: TextField) -> None:
        """Take a field."""

    async def before_file(self) -> None:
        """Refuse, before the recording is uploaded, what nothing behind it can make right."""

    async def asked(self) -> Asked:
        """Return what all fields together ask for."""


@dataclass
class SubmittedFields:
    """Takes the fields of one form.

    Attributes:
        choices: What there is to choose from.
        manner: How the client wants to be answered.
    """

    choices: Choices
    manner: Manner = Manner()
    _given: dict[str, str | list[str]] = field(default_factory=dict)

    async def take(self, sent: TextField) -> None:
        """Take a field.

        Raises:
            RequestError: It can't be right, whatever comes behind it.
        """
        name = plain_name(sent.name)
        if name not in _OF_JOBS and name not in known_fields(translate=self.manner.translate):
            raise _unknown(sent.name, translate=self.manner.translate)
        if name != sent.name:
            several = self._given.setdefault(name, [])
            if isinstance(several, str):
                raise DuplicateFieldError(
                    f"The field '{name}' is there with brackets and without.", param=name
                )
            several.append(sent.value)
            return
        if name in self._given:
            raise DuplicateFieldError(f"The field '{name}' is there twice.", param=name)
        self._given[name] = sent.value
        if name == PIPELINE:
            # Before the recording is uploaded in vain.
            await self.choices.readiness.require(self._pipeline(sent.value))
        elif name in WISHES and sent.value:
            read_wishes({name: sent.value}, None, self.choices.webhooks)
        elif name == SOURCE_URL:
            self._source()

    async def before_file(self) -> None:
        """Refuse, before the recording is uploaded, what nothing behind it can make right.

        Raises:
            RequestError: What is there is wrong, whatever comes.
        """
        if self._text(SOURCE_URL):
            raise both_ways()
        if self._is_openai:
            read_wish(self._given, translate=self.manner.translate)
            if self._text(MODEL):
                named = await self._named()
                await self.choices.readiness.require(named.pipeline, named.model)
        elif set(self._given) <= set(_OF_JOBS):
            self.choices.options.check_early(self._own())

    async def asked(self) -> Asked:
        """Return what the form asks for, once all of it is there.

        Raises:
            RequestError: That can't be done.
        """
        if not self._is_openai:
            for name, value in self._given.items():
                if name not in _OF_JOBS and value:
                    raise _only_answered(name)
            pipeline = self._pipeline(self._text(PIPELINE))
            parameters = self.choices.options.read(self._own())
            source = self._source()
            await self.choices.readiness.require(pipeline, fetched=source is not None)
            return Asked(pipeline, parameters, self._content(), self._kept(), source=source)
        return await self._asked_of_openai()

    async def _asked_of_openai(self) -> Asked:
        wish = read_wish(self._given, translate=self.manner.translate)
        check_together(self._given, wish)
        named = await self._named()
        pipeline = self.choices.catalog.pipelines[named.pipeline]
        fields = native_fields(wish, self._own(), self.choices.catalog, pipeline)
        options = self.choices.options.with_model(named.model)
        parameters = options.read({**fields, PIPELINE: named.pipeline})
        if named.model is not None:
            parameters[MODEL] = named.model
        source = self._source()
        await self.choices.readiness.require(
            named.pipeline, named.model, fetched=source is not None
        )
        if self.manner.job and wish.stream:
            raise ContradictoryOptionsError(
                "stream=true wants the text at once, and Prefer: respond-async a job. Leave one of "
                "the two out.",
                param=STREAM,
            )
        content = {**self._content(), "translate": str(wish.translate)}
        if parameters.get("task") == "translate":
            # Asked for by a job's own field; the answer is that of a translation all the same.
            wish = msgspec.structs.replace(wish, translate=True)
        answered = None if self.manner.job else wish
        return Asked(named.pipeline, parameters, content, self._kept(), answered, source)

    @property
    def _is_openai(self) -> bool:
        told = self.manner.openai or self.manner.translate
        return told or any(self._given.get(name) for name in MANNER)

    async def _named(self) -> Named:
        asked = self._text(PIPELINE)
        pipeline = self._pipeline(asked) if asked else None
        return await self.choices.names.find(self._text(MODEL) or None, pipeline)

    def _own(self) -> dict[str, str]:
        """Return the job's own fields."""
        return {
            name: value
            for name, value in self._given.items()
            if name in FIELDS and isinstance(value, str)
        }

    def _content(self) -> dict[str, str | list[str]]:
        """Return what was sent; an empty field counts as left out."""
        return {name: value for name, value in self._given.items() if value}

    def _kept(self) -> dict[str, Any]:
        """Return what a job is asked beside its transcript."""
        given = {name: text for name in WISHES if (text := self._text(name))}
        return read_wishes(given, self.choices.deadline_seconds, self.choices.webhooks)

    def _source(self) -> Source | None:
        """Return where the recording is to be fetched from, if that is asked for.

        Raises:
            RequestError: Nothing may be fetched from there.
        """
        text = self._text(SOURCE_URL)
        if not text:
            return None
        choices = self.choices
        return read_source(text, choices.catalog, allow_private=choices.fetch_private_addresses)

    def _text(self, name: str) -> str:
        value = self._given.get(name, "")
        return value if isinstance(value, str) else ""

    def _pipeline(self, name: str) -> str:
        name = name or self.choices.default_pipeline
        known = self.choices.catalog.pipelines
        if name not in known:
            raise UnknownPipelineError(
                f"There is no pipeline '{short(name)}'.{did_you_mean(name, known)} Known "
                f"pipelines: {', '.join(sorted(known))}.",
                param=PIPELINE,
            )
        return name


def _unknown(name: str, *, translate: bool) -> UnknownFieldError:
    known = ("file", *_OF_JOBS, *known_fields(translate=translate))
    return UnknownFieldError(
        f"The field '{name}' isn't known.{did_you_mean(name, known)} The most used ones are "
        f"{', '.join(_MOST_USED)}; docs/api.md and the server's page /docs list all.",
        param=name,
    )


def _only_answered(name: str) -> UnknownFieldError:
    return UnknownFieldError(
        f"The field '{name}' is for answers with a transcript, and this would be a job. Send "
        f"'model' as well, or leave it out.",
        param=name,
    )
