"""Models of the Hugging Face hub: its cache on this machine, and downloads.

The hub's own settings count (HF_ENDPOINT, HF_HUB_OFFLINE, HF_HOME, HF_TOKEN …); its library reads
them.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from dalston.engine_sdk import TaskFailed

Progress = Callable[[str, float | None, float | None], None]

_SYSTRAN = "Systran/faster-whisper-"
HUB_MODELS = {
    **{
        size: _SYSTRAN + size
        for size in (
            *("tiny", "tiny.en", "base", "base.en", "small", "small.en", "medium", "medium.en"),
            *("large-v1", "large-v2", "large-v3"),
        )
    },
    "large": "Systran/faster-whisper-large-v3",
    "distil-small.en": "Systran/faster-distil-whisper-small.en",
    "distil-medium.en": "Systran/faster-distil-whisper-medium.en",
    "distil-large-v2": "Systran/faster-distil-whisper-large-v2",
    "distil-large-v3": "Systran/faster-distil-whisper-large-v3",
    "distil-large-v3.5": "distil-whisper/distil-large-v3.5-ct2",
    "large-v3-turbo": "mobiuslabsgmbh/faster-whisper-large-v3-turbo",
    "turbo": "mobiuslabsgmbh/faster-whisper-large-v3-turbo",
}
"""Where each model is published for CTranslate2, by the name that users know."""

_REPOSITORY = re.compile(r"[\w][\w.-]*/[\w][\w.-]*", re.ASCII)
_WANTED = (
    "config.json",
    "preprocessor_config.json",
    "model.bin",
    "tokenizer.json",
    "vocabulary.*",
)
_SECONDS_BETWEEN_REPORTS = 0.5


def hub_repository(name: str) -> str | None:
    """Return the hub's name for a model, or None if it has none."""
    known = HUB_MODELS.get(name)
    return known or (name if _REPOSITORY.fullmatch(name) else None)


def is_offline() -> bool:
    """Tell whether the user has forbidden the hub's library to use the network."""
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def cached_folder(repository: str) -> Path | None:
    """Return a model's folder in the hub's cache; it may lack files, or be None."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return Path(
            snapshot_download(repository, local_files_only=True, allow_patterns=list(_WANTED))
        )
    except (LocalEntryNotFoundError, HFValidationError):
        return None


def cache_folder(repository: str) -> Path:
    """Return the folder in which the hub's cache keeps a model, with all its revisions."""
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    return Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=repository, repo_type="model")


def download_folder(repository: str, progress: Progress) -> Path:
    """Download a model into the hub's cache; goes on where an earlier try ended.

    Args:
        repository: `owner/name`.
        progress: Is told bytes done and bytes in all.

    Returns:
        The folder with the model's files.

    Raises:
        TaskFailed: `model_not_found` if there is no such model, `model_download_failed` if the
            hub can't be reached or breaks off.
    """
    from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError

    try:
        paths = _download(repository, progress)
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise TaskFailed(
            "model_not_found",
            f"The hub has no model {repository}, or it needs a token (HF_TOKEN). Correct the "
            f"setting `model`; docs/models.md lists the names.",
        ) from error
    except Exception as error:
        raise TaskFailed(
            "model_download_failed",
            f"The model {repository} could not be downloaded ({type(error).__name__}). Check the "
            f"network, HF_ENDPOINT and the free space, or name a folder with the model; what is "
            f"there already is kept.",
            retryable=True,
        ) from error
    if not paths:
        raise TaskFailed(
            "model_incomplete",
            f"{repository} has no files of a Whisper model for CTranslate2. Name another model.",
        )
    return paths[0].parent


def _download(repository: str, progress: Progress) -> list[Path]:
    from huggingface_hub import HfApi, hf_hub_download

    message = f"downloading model {repository}"
    progress(message, None, None)
    found = HfApi().model_info(repository, files_metadata=True)
    sizes = {
        file.rfilename: file.size or 0
        for file in found.siblings or ()
        if any(fnmatch(file.rfilename, pattern) for pattern in _WANTED)
    }
    counter = _Counter(message, sum(sizes.values()), progress)
    paths = [
        Path(hf_hub_download(repository, name, tqdm_class=_counting_bar(counter))) for name in sizes
    ]
    counter.finish()
    return paths


class _Counter:
    """Adds up the bytes of all files and reports them now and then."""

    def __init__(self, message: str, total: float, progress: Progress) -> None:
        self._message = message
        self._total = total
        self._progress = progress
        self._done = 0.0
        self._next_report = 0.0
        self._lock = threading.Lock()

    def add(self, amount: float) -> None:
        with self._lock:
            self._done += amount
            now = time.monotonic()
            if now < self._next_report:
                return
            self._next_report = now + _SECONDS_BETWEEN_REPORTS
        self._progress(self._message, min(self._done, self._total), self._total)

    def finish(self) -> None:
        self._progress(self._message, self._total, self._total)


def _counting_bar(counter: _Counter) -> type[Any]:
    """Return a progress bar that shows nothing and counts; the hub's library wants a class."""
    from tqdm import tqdm  # type: ignore[import-untyped, unused-ignore]

    class CountingBar(tqdm):  # type: ignore[misc, unused-ignore]
        def __init__(self, *args: object, **options: Any) -> None:  # noqa: ANN401 - as in tqdm
            super().__init__(*args, **{**options, "disable": True})
            counter.add(options.get("initial") or 0)

        def update(self, n: float | None = 1) -> None:
            counter.add(n or 0)

    return CountingBar
