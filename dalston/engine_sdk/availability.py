"""What an engine has on this machine: its packages, its models, enough memory.

The engine itself is not loaded for that. A child of its own says it in a moment, and is asked again
when somebody has installed, brought or removed something: that touches a folder, which is looked at
each second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import structlog

from dalston.common.engine_spec import EngineSpec
from dalston.common.models import Failure
from dalston.engine_sdk.process import ChildProcess, SetupFailedError
from dalston.engine_sdk.questions import CHECK

log = structlog.get_logger(__name__)

CHECK_SECONDS = 120.0
"""A child that takes longer to say what there is hangs."""
LOOK_SECONDS = 1.0
"""How often the watched folders are looked at."""

Ask = Callable[[], ChildProcess]


class Availability:
    """What is known of it, kept up to date.

    Args:
        spec: The engine.
        watched: Folders whose change means that something was brought or removed.
        new_child: Makes a child that can be asked.

    Attributes:
        models: Names of the models that are here; None if the engine doesn't tell.
        has_model: Whether the model that the settings name is here, as far as the engine tells.
    """

    def __init__(self, spec: EngineSpec, watched: tuple[Path, ...], new_child: Ask) -> None:
        self._spec = spec
        self._watched = watched
        self._new_child = new_child
        self._seen = self._stamps()
        self._changed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.models: list[str] | None = None
        self.has_model = True

    @property
    def tells_of_models(self) -> bool:
        """Whether the engine has something to say about models."""
        return self._spec.folder is not None and (self._spec.folder / "models.py").is_file()

    @property
    def changed(self) -> asyncio.Future[None]:
        """Done at the next change."""
        return self._changed

    def _stamps(self) -> list[int]:
        stamps = []
        for folder in self._watched:
            try:
                stamps.append(folder.stat().st_mtime_ns)
            except OSError:
                stamps.append(0)
        return stamps

    async def check(self) -> Failure | None:
        """Ask what there is; return why the engine can't work here, if it can't."""
        child = self._new_child()
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                found: dict[str, Any] = await child.ask(CHECK, lambda *_: None)
        except SetupFailedError as error:
            return error.failure
        except TimeoutError:
            text = f"Its models.py did not say within {CHECK_SECONDS:.0f} s what there is."
            return Failure("engine_setup_failed", text, retryable=True)
        except OSError as error:
            return Failure("engine_crashed", f"Its process can't be started: {error}", True)  # noqa: FBT003 - retryable
        self.models, self.has_model = found["models"], found["has_model"]
        if not found["missing"]:
            return None
        return Failure(
            "engine_not_installed",
            f"The engine {self._spec.id} needs {', '.join(found['missing'])}, which is not "
            f"installed. Run: dalston engine install {self._spec.id}",
        )

    async def watch(self, on_change: Callable[[], Awaitable[object]], *, at_once: bool) -> None:
        """Look for changes until cancelled.

        Args:
            on_change: Called after each, before anybody else hears of it.
            at_once: Whether it is called at the beginning as well.
        """
        changed = at_once
        while True:
            if changed:
                try:
                    await on_change()
                except Exception:
                    log.exception("engine_not_checked", engine_id=self._spec.id)
                self._tell()
            await asyncio.sleep(LOOK_SECONDS)
            stamps = self._stamps()
            changed, self._seen = stamps != self._seen, stamps

    def _tell(self) -> None:
        told, self._changed = self._changed, asyncio.get_running_loop().create_future()
        told.set_result(None)
