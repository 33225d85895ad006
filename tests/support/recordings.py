"""Real recordings with their texts, which are not part of the repository."""

from __future__ import annotations

import pytest

from tests.support.deployment import REPOSITORY

SPEECH = REPOSITORY.parent / "shared" / "speech"
needs_recordings = pytest.mark.skipif(
    not SPEECH.is_dir(), reason="the recordings in ../shared/speech are not here"
)
