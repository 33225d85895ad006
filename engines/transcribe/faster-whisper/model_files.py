"""Finds a Whisper model: a folder, an installed package, the hub's cache, a download.

`docs/models.md` describes the order for users.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from dalston.engine_sdk import TaskFailed
from hub import cached_folder, download_folder, hub_repository, is_offline
from packaged_models import read_packaged_model

Progress = Callable[[str, float | None, float | None], None]

_REQUIRED = ("model.bin", "config.json", "tokenizer.json")
_VOCABULARY = "vocabulary.*"


@dataclass(frozen=True)
class ModelFiles:
    """A model that was found.

    Attributes:
        name: What was asked for; of a folder its own name.
        source: `folder`, `package`, `cache` or `download`.
        folder: Where its files lie, or None if they are in `contents`.
        contents: The files' bytes by name; empty if they lie in `folder`.
    """

    name: str
    source: str
    folder: Path | None = None
    contents: dict[str, bytes] = field(default_factory=dict, repr=False)


def find_model(
    name: str, *, models_folder: Path | None, download: bool, progress: Progress
) -> ModelFiles:
    """Find a model, in the order that the module's first line gives.

    Args:
        name: A model's name, `owner/name` on the hub, or a folder.
        models_folder: A folder of models, looked into first.
        download: Whether the hub may be asked.
        progress: Is told what is being done: message, bytes done, bytes in all.

    Raises:
        TaskFailed: `model_not_found`, `model_incomplete`, `model_damaged` or
            `model_download_failed`; the last one may be tried again.
    """
    folder = _local_folder(name, models_folder)
    if folder is not None:
        _require_complete(folder)
        # A transcript names its model, but not where the server keeps it.
        return ModelFiles(folder.name, "folder", folder)
    contents = read_packaged_model(name)
    if contents:
        return ModelFiles(name, "package", contents=contents)
    repository = hub_repository(name)
    if repository is None:
        raise TaskFailed(
            "model_not_found",
            f"'{name}' is no name of a known model. `dalston models list --all` shows those that "
            f"there are; the path of a folder that holds one will do as well.",
        )
    folder = cached_folder(repository)
    if folder is not None and not missing_files(folder):
        return ModelFiles(name, "cache", folder)
    if not download:
        raise _not_found(name, "Downloads are switched off (download: false).")
    if is_offline():
        raise _not_found(name, "Downloads are switched off (HF_HUB_OFFLINE).")
    folder = download_folder(repository, progress)
    _require_complete(folder)
    return ModelFiles(name, "download", folder)


def missing_files(folder: Path) -> list[str]:
    """Return what a folder lacks of a complete model, as names of files."""
    missing = [name for name in _REQUIRED if not (folder / name).is_file()]
    return missing if any(folder.glob(_VOCABULARY)) else [*missing, _VOCABULARY]


def _local_folder(name: str, models_folder: Path | None) -> Path | None:
    if models_folder is not None:
        models_folder = models_folder.expanduser()
        if not models_folder.is_dir():
            raise TaskFailed(
                "model_not_found",
                f"models_folder is {models_folder}, which is not a folder. Correct the setting.",
            )
        if (models_folder / name).is_dir():
            return models_folder / name
    path = Path(name).expanduser()
    # A bare name is never a path: a folder that happens to be called `base` is not what is meant.
    if len(path.parts) > 1 and path.is_dir():
        return path
    if path.is_absolute() or name.startswith("."):
        raise TaskFailed(
            "model_not_found",
            f"The model {name} is not a folder. Correct the setting `model`.",
        )
    return None


def _require_complete(folder: Path) -> None:
    missing = missing_files(folder)
    if missing:
        raise TaskFailed(
            "model_incomplete",
            f"The model in {folder} lacks {_listed(missing)}. It must be a Whisper model that is "
            f"converted for CTranslate2, with its tokenizer.json. Copy the missing files, or name "
            f"another model.",
        )


def _not_found(name: str, reason: str) -> TaskFailed:
    return TaskFailed(
        "model_not_found",
        f"The model '{name}' is not on this machine. {reason} Either name a folder that holds it "
        f"(model: /path/to/model), or install the base model (pip install "
        f"'dalston[speech-base]', in a checkout .venv/bin/pip install -e '.[speech-base]'), or "
        f"allow the download of a known one. docs/models.md tells more.",
    )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
