"""Which Whisper models are here, and how they are brought, verified and removed."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from dalston.engine_sdk import TaskFailed
from dalston.engine_sdk.models import CheckedFile, Model, ModelStore, Verification, size_of
from hub import HUB_MODELS, cache_folder, cached_folder, hub_repository
from model_files import find_model, missing_files
from packaged_models import (
    PACKAGED_MODELS,
    PackagedFile,
    installed_packages,
    is_installed,
    packaged_size,
)

_SUMS = "SHA256SUMS"
_BLOCK = 1024 * 1024
_SHA256_DIGITS, _GIT_DIGITS = 64, 40


class WhisperModels(ModelStore):
    """Models in a folder of models, in installed packages and in the hub's cache."""

    def list(self) -> list[Model]:
        """Return what is here, then what the hub is known to have."""
        folder = self._models_folder()
        own = sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder else []
        # What the hub's library keeps in a folder of models is no model by that name.
        own = [name for name in own if not missing_files(folder / name)] if folder else []
        names = [*own, *(name for name in HUB_MODELS if name not in own)]
        found = [self.find(name) for name in names]
        return sorted(found, key=lambda model: not model.present)

    def find(self, name: str) -> Model:
        """Return where a model is, in the order in which the engine looks."""
        folder = self._own_folder(name)
        if folder is not None:
            return Model(name, not missing_files(folder), "folder", size_of(folder))
        repository = hub_repository(name)
        aliases = tuple(
            other
            for other in (*HUB_MODELS, repository or "")
            if other and other != name and hub_repository(other) == repository
        )
        if is_installed(name):
            return Model(name, True, "package", packaged_size(name), aliases)  # noqa: FBT003 - present
        cached = None if repository is None else cached_folder(repository)
        if cached is not None and not missing_files(cached):
            return Model(name, True, "cache", size_of(cached), aliases)  # noqa: FBT003 - present
        return Model(name, False, "unknown" if repository is None else "hub", None, aliases)  # noqa: FBT003 - present

    def pull(self, name: str) -> Model:
        """Find a model as the engine does, and download it if it is nowhere."""
        find_model(name, models_folder=self._models_folder(), download=True, progress=self.progress)
        return self.find(name)

    def verify(self, name: str) -> Verification:
        """Compare the files with what their publisher says of them."""
        model = self._present(name)
        if model.source == "package":
            files = PACKAGED_MODELS[name]
            checked = list(self._packaged(files))
            return Verification(model, checked, "the files that Systran published")
        folder = self._own_folder(name)
        if folder is not None:
            return self._in_folder(model, folder)
        cached = cached_folder(hub_repository(name) or "")
        paths = [] if cached is None else sorted(path for path in cached.iterdir())
        return Verification(model, [self._cached(path) for path in paths], "the hub")

    def remove(self, name: str) -> Model:
        """Remove a model from the folder of models or from the hub's cache."""
        model = self._present(name)
        if model.source == "package":
            raise TaskFailed(
                "model_not_removable",
                f"The model {name} is an installed package. Remove it with: pip uninstall "
                f"{' '.join(installed_packages(name))}",
            )
        folder, models_folder = self._own_folder(name), self._models_folder()
        if folder is None:
            shutil.rmtree(cache_folder(hub_repository(name) or ""))
        elif models_folder is None or folder.resolve().parent != models_folder.resolve():
            raise TaskFailed(
                "model_not_removable",
                f"The model is a folder of your own, {folder}: remove it yourself.",
            )
        else:
            shutil.rmtree(folder)
        return self.find(name)

    def _models_folder(self) -> Path | None:
        asked = self.config.get("models_folder")
        folder = None if asked is None else Path(asked).expanduser()
        return folder if folder is not None and folder.is_dir() else None

    def _own_folder(self, name: str) -> Path | None:
        models_folder = self._models_folder()
        if models_folder is not None and name and (models_folder / name).is_dir():
            return models_folder / name
        path = Path(name).expanduser()
        return path if len(path.parts) > 1 and path.is_dir() else None

    def _present(self, name: str) -> Model:
        model = self.find(name)
        if not model.present:
            raise TaskFailed(
                "model_not_found",
                f"The model {name} isn't on this machine. `dalston models list` shows what is; "
                f"`dalston models pull {name}` brings it, if the hub has it.",
            )
        return model

    def _packaged(self, files: tuple[PackagedFile, ...]) -> Iterator[CheckedFile]:
        for file in files:
            self.progress(f"reading {file.name}", None, None)
            digest = hashlib.sha256()
            for path in file.paths():
                _feed(digest, path)
            yield _compared(file.name, digest.hexdigest(), file.sha256)

    def _in_folder(self, model: Model, folder: Path) -> Verification:
        sums = folder / _SUMS
        expected = _read_sums(sums) if sums.is_file() else {}
        present = {path.name for path in folder.iterdir() if path.is_file()} - {_SUMS}
        checked = []
        for name in sorted(present | expected.keys()):
            self.progress(f"reading {name}", None, None)
            if name not in present:
                checked.append(CheckedFile(name, "", expected[name], "isn't there"))
            else:
                checked.append(_compared(name, _sha256(folder / name), expected.get(name)))
        return Verification(model, checked, f"{_SUMS} in its folder" if expected else "")

    def _cached(self, path: Path) -> CheckedFile:
        """Compare a file of the hub's cache, whose real name is what the hub says of its bytes."""
        self.progress(f"reading {path.name}", None, None)
        sha256, published = _sha256(path), path.resolve().name
        if len(published) == _SHA256_DIGITS:
            return _compared(path.name, sha256, published)
        if len(published) == _GIT_DIGITS and _git_digest(path) != published:
            return CheckedFile(path.name, sha256, None, "is not the file that was published")
        return CheckedFile(path.name, sha256)


def _compared(name: str, sha256: str, expected: str | None) -> CheckedFile:
    differs = expected is not None and sha256 != expected
    return CheckedFile(name, sha256, expected, "is not what was published" if differs else "")


def _read_sums(path: Path) -> dict[str, str]:
    """Return the SHA-256 of each file, from a list as `sha256sum` writes it."""
    pairs = (line.split(maxsplit=1) for line in path.read_text(encoding="utf-8").splitlines())
    return {pair[1].lstrip("*").strip(): pair[0] for pair in pairs if len(pair) > 1}


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    _feed(digest, path)
    return digest.hexdigest()


def _git_digest(path: Path) -> str:
    """Return what git calls a file's content by: the hub publishes that of small files."""
    digest = hashlib.sha1(usedforsecurity=False)
    digest.update(f"blob {path.stat().st_size}\0".encode())
    _feed(digest, path)
    return digest.hexdigest()


def _feed(digest: hashlib._Hash, path: Path) -> None:
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
