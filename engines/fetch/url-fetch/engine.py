"""Brings a recording from an address, as if it had been uploaded."""

from __future__ import annotations

import json
from typing import Any

from dalston.engine_sdk import Engine, TaskFailed, TaskInput, TaskOutput


class UrlFetch(Engine):
    """Streams what an address answers with to the store, and nothing of it to this machine."""

    _transfer: Any = None

    def setup(self) -> None:
        """Load the HTTP client."""
        try:
            import transfer
        except ModuleNotFoundError as error:
            raise TaskFailed(
                "engine_not_installed",
                f"The engine url-fetch needs {error.name}, which is not installed. Install it: "
                f"pip install 'dalston[fetch]', "
                f"in a checkout .venv/bin/pip install -e '.[fetch]'",
            ) from error
        self._transfer = transfer

    def process(self, input: TaskInput) -> TaskOutput:
        """Keep the recording; `docs/api.md` lists the failure codes.

        The audio is not a recording yet but the order to bring one: JSON with `url` and
        `max_bytes`.
        """
        order = json.loads(input.audio_path.read_bytes())
        limits = self._transfer.Limits(
            max_bytes=order["max_bytes"],
            seconds=input.config["fetch_seconds"],
            stall_seconds=input.config["stall_seconds"],
            allow_private=input.config["fetch_private_addresses"],
        )
        # What is left by an error is not kept.
        with input.create("recording") as file:
            found = self._transfer.bring(order["url"], limits, file.write, input.progress)
        return TaskOutput(data={**found, "engine": {"id": self.id, "version": self.version}})


if __name__ == "__main__":
    UrlFetch().run()
