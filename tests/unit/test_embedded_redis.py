"""The embedded Redis starts wherever the data folder is; a wrong binary is told in one line."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from dalston.common.errors import ConfigurationError
from dalston.embedded_redis import EmbeddedRedis, find_server


@pytest.mark.parametrize(
    ("binary", "said"), [("/nowhere/valkey-server", "can't be run"), ("/bin/true", "ended at once")]
)
async def test_a_binary_that_is_no_redis_is_named(binary: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=f"{binary}.*{said}.*DALSTON_VALKEY_SERVER"):
        await EmbeddedRedis(Path(binary), tmp_path / "redis.sock").start()


@pytest.mark.parametrize("name", ["a b", "a#b", "a?b", "a%20b", "a'b", 'a"b', "a\\b", "a\nb", "ü"])
async def test_it_starts_in_a_folder_of_any_name(name: str) -> None:
    # A socket's path must be short, and a test's own folder may be long already.
    with TemporaryDirectory(prefix="dalston-") as folder:
        socket = Path(folder) / name / "valkey.sock"
        server = EmbeddedRedis(find_server(None), socket)
        await server.start()
        assert socket.is_socket()
        assert await server.answers()
        await server.stop()
        assert not socket.exists()
