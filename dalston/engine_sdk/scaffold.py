"""Makes the folder of a new engine that works at once and passes its own test."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from string import Template

from dalston.common.errors import ConfigurationError

_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")
_STAGE = re.compile(r"[a-z][a-z0-9_]{0,30}")
_STAGES_WITH_TEMPLATE = frozenset({"prepare", "transcribe", "merge"})
_SHARED_FILES = ("Dockerfile", "requirements.txt")
_OWN_FILES = ("engine.py", "engine.yaml", "test_engine.py")


def create_engine(stage: str, engine_id: str, parent: Path) -> Path:
    """Write the folder of a new engine: code, description, requirements, image and test.

    Args:
        stage: The stage that it does: `prepare`, `transcribe`, `merge`, or any other name of
            lower case letters, digits and `_`.
        engine_id: Lower case letters, digits and hyphens; names its queue.
        parent: The folder of all engines, for example `engines`; it is made if need be.

    Returns:
        `<parent>/<stage>/<engine_id>`.

    Raises:
        ConfigurationError: A name isn't allowed, or the folder is there already.
    """
    if not _STAGE.fullmatch(stage):
        raise ConfigurationError(
            f"'{stage}' can't name a stage: use lower case letters, digits and _, a letter first."
        )
    if not _NAME.fullmatch(engine_id) or engine_id.endswith("-"):
        raise ConfigurationError(
            f"'{engine_id}' can't name an engine: use lower case letters, digits and hyphens, a "
            f"letter first and no hyphen last."
        )
    folder = parent / stage / engine_id
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise ConfigurationError(
            f"{folder} is there already. Choose another id, or remove it."
        ) from None
    except OSError as error:
        raise ConfigurationError(f"{folder} can't be made: {error.strerror}.") from error
    names = {
        "stage": stage,
        "engine_id": engine_id,
        "class_name": "".join(part.capitalize() for part in engine_id.split("-")),
        # Where an image is built from: the repository lets in what lies below engines/.
        "folder": f"engines/{stage}/{engine_id}",
    }
    kind = stage if stage in _STAGES_WITH_TEMPLATE else "other"
    for name in _SHARED_FILES:
        _write(folder / name, f"shared/{name}", names)
    for name in _OWN_FILES:
        _write(folder / name, f"{kind}/{name}", names)
    return folder


def _write(target: Path, template: str, names: dict[str, str]) -> None:
    source = files("dalston.engine_sdk").joinpath("templates", f"{template}.txt")
    text = Template(source.read_text(encoding="utf-8")).substitute(names)
    target.write_text(text, encoding="utf-8")
