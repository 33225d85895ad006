"""The text of a running job's finished chunks."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Sequence

import msgspec

from dalston.common.engine_spec import Catalog
from dalston.common.errors import ObjectMissingError, UnavailableError
from dalston.common.models import Job, Task
from dalston.common.pipeline_checks import FETCH
from dalston.common.storage import ObjectStore
from dalston.common.transcript import STAGE_SCHEMAS
from dalston.common.wording import joined

_KEPT_CHARACTERS = 8_000_000
"""Of all chunks that are kept, so that polling reads each chunk once."""
_READ_TOGETHER = 16
_WORDS_STAY = frozenset({FETCH, *STAGE_SCHEMAS})
"""Stages of which it is known that none of them makes other words of those that were heard."""


def words_may_change(job: Job, own_tasks: Iterable[Task], catalog: Catalog) -> bool:
    """Tell whether the transcript may have other words than the transcriber heard.

    A stage of another name that comes last may have been written to take some out, such as names
    or numbers: nobody may see these while the job runs.

    Args:
        job: The job.
        own_tasks: All tasks that it has by now.
        catalog: The pipelines as they are now; the job may have been planned by another one.
    """
    pipeline = catalog.pipelines.get(job.pipeline)
    stages = () if pipeline is None else pipeline.stages
    others = {task.stage for task in own_tasks} - {stage.stage for stage in stages}
    last = set() if pipeline is None else {pipeline.final.stage}
    return not last | others <= _WORDS_STAY


class _Heard(msgspec.Struct):
    text: str = ""


_decoder = msgspec.json.Decoder(_Heard)


class PartialTexts:
    """Reads what transcribers heard of chunks. An output never changes, so each is read once."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._kept: OrderedDict[str, str] = OrderedDict()
        self._characters = 0
        self._reading = asyncio.Semaphore(_READ_TOGETHER)

    async def text_of(self, paths: Sequence[str]) -> str:
        """Return the text of some outputs, one after the other.

        Args:
            paths: Object paths of the outputs, in order of time.
        """
        return joined(text for text in await self._all(paths) if text)

    async def first_texts_of(self, paths: Sequence[str]) -> list[str]:
        """Return the text of each of some outputs, up to the first that can't be read now.

        Args:
            paths: Object paths of the outputs.
        """
        texts = []
        for text in await self._all(paths):
            if text is None:
                break
            texts.append(text)
        return texts

    async def _all(self, paths: Sequence[str]) -> list[str | None]:
        missing = [path for path in paths if path not in self._kept]
        read = dict(zip(missing, await asyncio.gather(*map(self._read, missing)), strict=True))
        return [read[path] if path in read else await self._read(path) for path in paths]

    async def _read(self, path: str) -> str | None:
        kept = self._kept.get(path)
        if kept is not None:
            self._kept.move_to_end(path)
            return kept
        async with self._reading:
            try:
                text = _decoder.decode(await self._store.get(path)).text.strip()
            except (ObjectMissingError, UnavailableError, msgspec.MsgspecError):
                # Deleted meanwhile, or the store is away: the next question may find it.
                return None
        self._keep(path, text)
        return text

    def _keep(self, path: str, text: str) -> None:
        if path in self._kept:
            return
        self._kept[path] = text
        self._characters += len(path) + len(text)
        while self._characters > _KEPT_CHARACTERS:
            old_path, old_text = self._kept.popitem(last=False)
            self._characters -= len(old_path) + len(old_text)
