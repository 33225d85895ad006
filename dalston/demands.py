"""What each role demands of the settings: asked before it starts, so that none ends for a mistake.

`dalston serve` asks for all of its roles first. One that had to find out by itself would be started
again and again, and no restart mends a setting.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import structlog

import dalston
from dalston.common.engine_spec import Catalog, EngineSpec
from dalston.common.errors import ConfigurationError
from dalston.common.redis import connect
from dalston.config import Settings
from dalston.db.url import read_url
from dalston.policies import default_retention, webhook_policy

log = structlog.get_logger(__name__)

_PACKAGE = Path(dalston.__file__).parent


def shipped_engines() -> Path:
    """Return the folder with the engines that ship."""
    checkout, installed = _PACKAGE.parent / "engines", _PACKAGE / "engines"
    return checkout if checkout.is_dir() else installed


def ships(engine_id: str) -> bool:
    """Tell whether an engine of that id ships, whatever its stage is."""
    return any(shipped_engines().glob(f"*/{engine_id}/engine.yaml"))


def check_all_roles(settings: Settings, catalog: Catalog) -> None:
    """Refuse settings with which not all roles can run, each engine included.

    An engine of the user's own that takes the place of one that ships is only warned of: it may be
    meant.

    Raises:
        ConfigurationError: Names the variable, what it may be and what to do.
    """
    check_gateway(settings)
    check_orchestrator(settings)
    engines = list(catalog.engines.values())
    require_engine_id(settings, engines)
    check_engines(settings, engines)
    for spec in engines:
        folder = spec.folder
        if folder is not None and not folder.is_relative_to(shipped_engines()) and ships(spec.id):
            log.warning("engine_replaced", engine_id=spec.id, by=str(folder))


def check_gateway(settings: Settings) -> None:
    """Refuse settings with which the gateway can't run.

    Raises:
        ConfigurationError: As above.
    """
    _check_shared(settings)
    read_url(settings.database)
    webhook_policy(settings)
    # Asked for its error alone.
    _ = settings.origins


def check_orchestrator(settings: Settings) -> None:
    """Refuse settings with which an orchestrator can't run.

    Raises:
        ConfigurationError: As above.
    """
    _check_shared(settings)
    read_url(settings.database)
    default_retention(settings)
    webhook_policy(settings)


def check_engines(settings: Settings, specs: Iterable[EngineSpec]) -> None:
    """Refuse settings with which some engines can't run.

    Raises:
        ConfigurationError: As above.
    """
    _check_shared(settings)
    _check_temporary_folder(settings)
    for spec in specs:
        configure_engine(settings, spec)


def require_engine_id(settings: Settings, specs: Sequence[EngineSpec]) -> None:
    """Refuse other engines than the one that a process is for.

    Raises:
        ConfigurationError: There is another one among them than ENGINE_ID says.
    """
    wanted = settings.engine_id
    if wanted is None or all(spec.id == wanted for spec in specs):
        return
    if len(specs) > 1:
        raise ConfigurationError(
            f"ENGINE_ID is {wanted}, but several engines would run here. Unset it: it is for a "
            f"process with one engine."
        )
    raise ConfigurationError(f"ENGINE_ID is {wanted}, but this is {specs[0].id}. Correct one.")


def configure_engine(settings: Settings, spec: EngineSpec) -> dict[str, Any]:
    """Return an engine's complete configuration under these settings.

    Raises:
        ConfigurationError: It refuses one of them; names the variable.
    """
    asked = {name: value for name, value in settings.engine_config().items() if spec.accepts(name)}
    try:
        return spec.configure(asked)
    except ConfigurationError as error:
        name = error.param
        if name not in asked or name not in Settings.__struct_fields__:
            raise
        raise ConfigurationError(
            f"DALSTON_{name.upper()} is '{asked[name]}'. {error.message}"
        ) from None


def _check_shared(settings: Settings) -> None:
    """Look at what every role uses."""
    connect(settings.redis)
    # Asked for its error alone.
    _ = settings.store


def _check_temporary_folder(settings: Settings) -> None:
    folder = settings.temporary_dir
    if folder is None:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        reason = None if os.access(folder, os.W_OK | os.X_OK) else "Permission denied"
    except OSError as error:
        reason = error.strerror
    if reason is not None:
        raise ConfigurationError(
            f"DALSTON_TEMPORARY_DIR is {folder}, which can't be used ({reason}). Name a folder "
            f"that this user may write to."
        )
