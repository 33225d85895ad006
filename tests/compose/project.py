"""The repository's container files, as the tests read them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from tests.support.deployment import REPOSITORY

WITHOUT_IMAGE = {"pyannote"}
"""Engines whose packages are not in the lock: they have no image."""
ENGINE_FOLDERS = sorted(
    path.parent
    for path in REPOSITORY.glob("engines/*/*/engine.yaml")
    if path.parent.name not in WITHOUT_IMAGE
)
DOCKERFILES = sorted(
    [*REPOSITORY.glob("docker/Dockerfile.*"), *(folder / "Dockerfile" for folder in ENGINE_FOLDERS)]
)
COMPOSE_TEXT = (REPOSITORY / "docker-compose.yml").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(COMPOSE_TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
ENGINE_SERVICES = sorted(name for name in SERVICES if name.startswith("engine-"))


def interpolated(text: str) -> dict[str, str]:
    """Return the variables that Docker Compose puts into a text, and what follows their names."""
    found = re.findall(r"(?<!\$)\$\{([A-Z][A-Z0-9_]*)([^}]*)\}", text)
    return dict(found)


def instructions(path: Path) -> list[tuple[str, str]]:
    """Return a Dockerfile's instructions with their arguments, continued lines joined."""
    text = re.sub(r"\\\n", " ", path.read_text(encoding="utf-8"))
    lines = (line.strip() for line in text.splitlines())
    parts = (line.partition(" ") for line in lines if line and not line.startswith("#"))
    return [(word.upper(), rest.strip()) for word, _, rest in parts]


def variables(path: Path) -> dict[str, str]:
    """Return the environment that a Dockerfile's last stage sets."""
    found: dict[str, str] = {}
    for word, rest in instructions(path):
        if word == "FROM":
            found = {}
        elif word == "ENV":
            found |= dict(pair.split("=", 1) for pair in rest.split())
    return found
