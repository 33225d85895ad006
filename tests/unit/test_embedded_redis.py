"""A wrong binary of the embedded Redis is told in one line, whatever is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from dalston.common.errors import ConfigurationError
from dalston.embedded_redis import EmbeddedRedis


@pytest.mark.parametrize(
    ("binary", "said"), [("/nowhere/valkey-server", "can't be run"), ("/bin/true", "ended at once")]
)
async def test_a_binary_that_is_no_redis_is_named(binary: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=f"{binary}.*{said}.*DALSTON_VALKEY_SERVER"):
        await EmbeddedRedis(Path(binary), tmp_path / "redis.sock").start()
