"""Finds the engine class in an engine's folder.

Only the standard library is imported here: this is loaded in every engine's child. What goes
wrong is told with `TaskFailed`, as `setup()` tells it.
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
from pathlib import Path
from types import ModuleType

from dalston.engine_sdk.base import Engine
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
    return _only_engine(_import(path), path)


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
    name = "dalston_engine_" + path.parent.name.replace("-", "_")
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
            f"{path} imports {error.name}, which is not installed. Install what the engine "
            f"needs: pip install -r {path.parent / 'requirements.txt'}",
        ) from error
    except Exception as error:
        raise TaskFailed(
            "engine_invalid", f"{path} can't be imported: {type(error).__name__}: {error}"
        ) from error
    return module


def _only_engine(module: ModuleType, path: Path) -> type[Engine]:
    found = [
        value
        for value in vars(module).values()
        if inspect.isclass(value)
        and issubclass(value, Engine)
        and value.__module__ == module.__name__
        and not inspect.isabstract(value)
    ]
    engines = list(dict.fromkeys(found))
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
