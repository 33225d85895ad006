"""Parts of a deployment that a test may kill, start again, freeze and cut off."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import redis

from bench.parts.ports import free_port
from bench.parts.postgresql import UNPRIVILEGED, PostgreSQL, start_postgresql
from bench.parts.seaweedfs import store_environment
from dalston.common.storage import StoreSettings
from dalston.embedded_redis import find_server
from tests.faults.failpoints import FaultPlans
from tests.faults.proxy import Proxy, proxy
from tests.support.deployment import Deployment, age
from tests.support.distributed import database, object_server, postgresql_programs
from tests.support.waiting import until


class RestartableRedis:
    """A Valkey that keeps nothing, at one address for as long as it is wanted."""

    def __init__(self, folder: Path, *, tcp: bool) -> None:
        self._folder = folder
        if tcp:
            port = free_port()
            self.url = f"redis://127.0.0.1:{port}/0"
            self._where = ["--bind", "127.0.0.1", "--port", str(port)]
        else:
            socket = folder / "valkey.sock"
            self.url = f"unix://{socket}"
            self._where = ["--port", "0", "--unixsocket", str(socket)]
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def client(self) -> redis.Redis:
        """Return a client for looking at it from outside."""
        return redis.Redis.from_url(self.url)

    def start(self) -> None:
        """Start it, empty."""
        self._process = subprocess.Popen(
            [find_server(None), *self._where, "--save", "", "--appendonly", "no"],
            stdout=subprocess.DEVNULL,
            cwd=self._folder,
        )
        until(self._answers, "Valkey to answer")

    def kill(self) -> None:
        """End it as `kill -9` does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def age(self) -> None:
        """Have a wait over before it begins; see `tests.support.deployment.age`."""
        with self.client() as client:
            age(client)

    def _answers(self) -> bool:
        with self.client() as client:
            try:
                return bool(client.ping())
            except redis.RedisError:
                return False


class RestartablePostgreSQL:
    """A PostgreSQL of a test's own, whose data survive its crashes."""

    def __init__(self, folder: Path) -> None:
        self._server = start_postgresql(postgresql_programs(), folder, durable=False)

    def url(self) -> str:
        """Return the URL of its one database."""
        return self._server.url("postgres")

    def crash(self) -> None:
        """End it at once, as `pg_ctl stop -m immediate` does."""
        self._server.process.send_signal(signal.SIGQUIT)
        self._server.process.wait(20)

    def start(self) -> None:
        """Start it on its data again."""
        old = self._server
        process = subprocess.Popen(
            old.process.args,
            user=UNPRIVILEGED if os.geteuid() == 0 else None,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
        )
        self._server = PostgreSQL(process, old.port, old.password)
        until(self._answers, "PostgreSQL to answer", 40)

    def stop(self) -> None:
        """End it for good."""
        self._server.stop()

    def _answers(self) -> bool:
        try:
            self._server.execute("SELECT 1")
        except Exception:  # noqa: BLE001 - it recovers, and says so in many ways
            return False
        return True


@contextmanager
def restartable_postgresql() -> Iterator[RestartablePostgreSQL]:
    """Start a PostgreSQL on a new folder."""
    with tempfile.TemporaryDirectory(prefix="dalston-pg-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        if os.geteuid() == 0:
            owner = pwd.getpwnam(UNPRIVILEGED)
            os.chown(folder, owner.pw_uid, owner.pw_gid)
        server = RestartablePostgreSQL(Path(folder))
        try:
            yield server
        finally:
            server.stop()


@dataclass(frozen=True)
class Breakable:
    """A deployment with the handles of what it stands on.

    Attributes:
        break_store: Makes the store fail every call.
        mend_store: Makes it work again.
        settings: What processes need to know, so that they can be made to fail.
        store_line: The line to the store, if it is a server.
    """

    deployment: Deployment
    redis: RestartableRedis
    break_store: Callable[[], None]
    mend_store: Callable[[], None]
    settings: dict[str, str]
    store_line: Proxy | None = None


@contextmanager
def breakable(name: str, folder: Path, database_url: str | None = None) -> Iterator[Breakable]:
    """Start the parts of a deployment.

    Args:
        name: `embedded` or `distributed`.
        folder: An empty folder with a short path.
        database_url: Of a database that is there already.
    """
    with ExitStack() as stack:
        server = RestartableRedis(folder, tcp=name == "distributed")
        stack.callback(server.kill)
        deployment = Deployment(
            name=name,
            folder=folder,
            database_url=database_url or f"sqlite:///{folder / 'dalston.db'}",
            redis_url=server.url,
            store_settings=StoreSettings(folder=folder / "objects"),
        )
        (folder / "faults").mkdir()
        plans = FaultPlans(folder / "faults")
        if name == "embedded":

            def break_store() -> None:
                plans.arm("", "store", "before", times=10**6)

            yield Breakable(deployment, server, break_store, plans.disarm, plans.settings())
            return
        if database_url is None:
            url = stack.enter_context(database())
            deployment = replace(deployment, database_url=url)
        settings = object_server().new_bucket(f"test-{os.urandom(6).hex()}")
        line = stack.enter_context(proxy(urlsplit(str(settings.endpoint_url)).port or 80))
        through = msgspec.structs.replace(settings, endpoint_url=f"http://127.0.0.1:{line.port}")
        deployment = replace(
            deployment, store_settings=settings, store_environment=store_environment(through)
        )
        yield Breakable(deployment, server, line.reset, line.mend, {}, line)


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """Stop a process as SIGSTOP does, and let it go on at the end."""
    # One that has ended, before or meanwhile, stands still too.
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
    until(lambda: _state(pid) in "TZ", f"{pid} to stand still")
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def _state(pid: int) -> str:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError):
        return "Z"
    return text.rpartition(")")[2].split()[0]
