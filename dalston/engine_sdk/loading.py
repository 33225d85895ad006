"""Finds the classes that an engine's folder defines.

Only the standard library is imported here: this is loaded in every engine's child. What goes
wrong is told with `TaskFailed`, as `setup()` tells it.
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from dalston.engine_sdk.base import Engine
from dalston.engine_sdk.models import ModelStore
from dalston.engine_sdk.types import TaskFailed

_folders: list[str] = []
"""Folders of the engines that this process has loaded; more than one only in tests."""


def load_engine_class(folder: Path) -> type[Engine]:
    """Import `engine.py` of a folder and return the one engine in it.

    The folder becomes the first entry of `sys.path`, so that the engine can import modules that
    lie beside it.

    Args:
        folder: An engine's folder.

    Returns:
        The class, not yet instantiated.

    Raises:
        TaskFailed: `engine_invalid` if there is no `engine.py`, it can't be imported, or it has
            no engine or more than one; `engine_not_installed` if a library is missing.
    """
    folder = folder.resolve()
    path = folder / "engine.py"
    if not path.is_file():
        raise TaskFailed(
            "engine_invalid",
            f"{folder} has no engine.py. Name the folder of an engine, or make one with "
            f"`dalston engine new`.",
        )
    _put_first_on_path(folder)
    engines: list[type[Engine]] = _classes(_import(path), Engine)
    if not engines:
        raise TaskFailed(
            "engine_invalid",
            f"{path} has no engine. Define one class derived from dalston.engine_sdk.Engine "
            f"with a method process().",
        )
    if len(engines) > 1:
        names = ", ".join(sorted(engine.__name__ for engine in engines))
        raise TaskFailed(
            "engine_invalid",
            f"{path} has more than one engine: {names}. Keep one; each engine has a folder of "
            f"its own.",
        )
    return engines[0]


def load_model_store_class(folder: Path) -> type[ModelStore] | None:
    """Import `models.py` of an engine's folder and return the one store of models in it.

    Args:
        folder: An engine's folder.

    Returns:
        The class, or None if there is no `models.py`.

    Raises:
        TaskFailed: As with `load_engine_class`.
    """
    folder = folder.resolve()
    path = folder / "models.py"
    if not path.is_file():
        return None
    _put_first_on_path(folder)
    stores: list[type[ModelStore]] = _classes(_import(path), ModelStore)
    if len(stores) != 1:
        raise TaskFailed(
            "engine_invalid",
            f"{path} must have one class derived from dalston.engine_sdk.models.ModelStore, "
            f"with all its methods.",
        )
    return stores[0]


def _put_first_on_path(folder: Path) -> None:
    # A module beside one engine may have the same name as one beside another.
    others = [Path(other) for other in _folders if other != str(folder)]
    for name, module in list(sys.modules.items()):
        source = getattr(module, "__file__", None)
        if source and any(Path(source).is_relative_to(other) for other in others):
            del sys.modules[name]
    for other in {str(folder), *_folders}:
        if other in sys.path:
            sys.path.remove(other)
    sys.path.insert(0, str(folder))
    _folders[:] = [str(folder)]


def _import(path: Path) -> ModuleType:
    # The name by which any process with this folder on its path finds it: what a process that the
    # engine spawns is to do is handed over by its module's name.
    name = path.stem
    if (path.with_suffix("") / "__init__.py").is_file():
        # There Python finds a package, which the engine may import.
        name = f"dalston_{path.stem}_" + path.parent.name.replace("-", "_")
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise TaskFailed("engine_invalid", f"{path} can't be read as a Python module.")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses and `inspect` look a class's module up by its name.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except TaskFailed:
        raise
    except ModuleNotFoundError as error:
        raise TaskFailed(
            "engine_not_installed",
            f"{path} imports {error.name}, which is not installed. Write it into "
            f"{path.parent / 'requirements.txt'} if it isn't there, and install what the engine "
            f"needs: dalston engine install {path.parent}",
        ) from error
    except Exception as error:
        raise TaskFailed(
            "engine_invalid", f"{path} can't be imported: {type(error).__name__}: {error}"
        ) from error
    return module


def _classes(module: ModuleType, kind: type) -> list[Any]:
    """Return the complete classes of a kind that a module defines."""
    found = [
        value
        for value in vars(module).values()
        if inspect.isclass(value)
        and issubclass(value, kind)
        and value.__module__ == module.__name__
        and not inspect.isabstract(value)
    ]
    return list(dict.fromkeys(found))
