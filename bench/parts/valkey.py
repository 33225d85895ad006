"""Valkey over TCP with a password; it keeps nothing on the disk."""

from __future__ import annotations

import secrets
import subprocess
from dataclasses import dataclass

import redis

from bench.parts.ports import free_port
from bench.waiting import MeasureError, seen
from dalston.embedded_redis import find_server


@dataclass(frozen=True)
class Valkey:
    """A running server and its URL."""

    process: subprocess.Popen[str]
    url: str

    def client(self) -> redis.Redis:
        """Return a client for looking at it from outside."""
        return redis.Redis.from_url(self.url)

    def stop(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait()


def start_valkey() -> Valkey:
    """Start an empty server.

    Raises:
        MeasureError: It did not start.
    """
    port, password = free_port(), secrets.token_hex(8)
    process = subprocess.Popen(
        [find_server(None), "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    assert process.stdin is not None
    # By standard input, so that the password is in no command line.
    process.stdin.write(
        f'bind 127.0.0.1\nport {port}\nrequirepass {password}\nsave ""\nappendonly no\n'
    )
    process.stdin.close()
    server = Valkey(process, f"redis://:{password}@127.0.0.1:{port}/0")
    try:
        seen(lambda: _answers(server), "Valkey to answer over TCP")
    except MeasureError:
        server.stop()
        raise
    return server


def _answers(server: Valkey) -> bool:
    with server.client() as client:
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
