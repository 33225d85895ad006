"""The questions about an engine's models and packages, and how its child answers them.

Only the standard library is imported here: this runs with the engine's own interpreter.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from dalston.engine_sdk.loading import load_model_store_class
from dalston.engine_sdk.models import ModelStore, Progress
from dalston.engine_sdk.types import TaskFailed

CHECK = "check"
"""Which packages are missing, which models are here, and is the one that the settings name?"""
LIST, PULL, VERIFY, REMOVE = "list", "pull", "verify", "remove"
_REQUIREMENT = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*(?:[=<>!~].*)?")
"""A package by name; not one with a marker, an address or an option."""

_Answer = dict[str, Any]


def answer(
    question: str, folder: Path, config: dict[str, Any], name: str | None, progress: Progress
) -> _Answer:
    """Answer a question.

    Args:
        question: One of this module's.
        folder: The engine's.
        config: Its configuration.
        name: The model that the question is about.
        progress: Is told what is being done.

    Raises:
        TaskFailed: The engine says no.
    """
    if question == CHECK:
        return _check(folder, config, progress)
    store = _store(folder, config, progress)
    if store is None:
        raise TaskFailed("models_unknown", "This engine doesn't tell of any models.")
    answers: dict[str, Callable[[str], object]] = {
        PULL: store.pull,
        VERIFY: store.verify,
        REMOVE: store.remove,
    }
    if question == LIST:
        return {"models": [asdict(model) for model in store.list()]}
    return {"result": asdict(answers[question](name or ""))}  # type: ignore[call-overload]


def _store(folder: Path, config: dict[str, Any], progress: Progress) -> ModelStore | None:
    found = load_model_store_class(folder)
    return None if found is None else found(config, progress)


def _check(folder: Path, config: dict[str, Any], progress: Progress) -> _Answer:
    missing = missing_packages(folder)
    found: _Answer = {"missing": missing, "models": None, "has_model": True}
    store = None if missing else _store(folder, config, progress)
    if store is not None:
        here = [model for model in store.list() if model.present]
        found["models"] = sorted({name for model in here for name in (model.name, *model.aliases)})
        wanted = config.get("model")
        found["has_model"] = wanted is None or store.find(str(wanted)).present
    return found


def missing_packages(folder: Path) -> list[str]:
    """Return the packages of an engine's `requirements.txt` that its interpreter doesn't have."""
    requirements = folder / "requirements.txt"
    if not requirements.is_file():
        return []
    missing = []
    for line in requirements.read_text(encoding="utf-8").splitlines():
        needed = _REQUIREMENT.fullmatch(line.partition("#")[0].strip())
        if needed is None:
            continue
        try:
            version(needed[1])
        except PackageNotFoundError:
            missing.append(needed[1])
    return missing
