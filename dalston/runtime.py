"""The composition root: from settings to open parts to running roles.

Which backend serves a part is decided here, by its URL, and nowhere else.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shlex
import socket
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from redis.asyncio import Redis

import dalston
from dalston.common.access import is_loopback
from dalston.common.engine_spec import Catalog, EngineSpec, read_catalog, read_engine
from dalston.common.errors import ConfigurationError
from dalston.common.events import EventBus
from dalston.common.queue import TaskQueue
from dalston.common.redis import connect
from dalston.common.storage import ObjectStore
from dalston.config import Settings, engine_environment, folders
from dalston.demands import (
    check_engines,
    check_gateway,
    check_orchestrator,
    configure_engine,
    require_engine_id,
    shipped_engines,
)
from dalston.policies import housekeeping_policy, webhook_policy
from dalston.processes import allow_many_files, on_stop_signal

if TYPE_CHECKING:
    from dalston.db.session import Database
    from dalston.gateway.parts import Parts as GatewayParts
    from dalston.orchestrator.housekeeping import Tidied

log = structlog.get_logger(__name__)

_PACKAGE = Path(dalston.__file__).parent
FAKE_TEXT_WARNING = (
    "The default pipeline is '{name}', which returns FAKE TEXT whatever the recording says. "
    "Set DALSTON_PIPELINE=default for real transcripts."
)


def engine_folders(settings: Settings) -> list[Path]:
    """Return the folders with engines: those that ship, then the user's own."""
    return [shipped_engines(), *folders(settings.engines)]


def open_catalog(settings: Settings) -> Catalog:
    """Read all engines and pipelines.

    Raises:
        ConfigurationError: One isn't valid, or the default pipeline isn't there.
    """
    catalog = read_catalog(
        engine_folders(settings),
        [_PACKAGE / "pipelines", *folders(settings.pipelines)],
        {"DALSTON_TRANSCRIBE_ENGINE": settings.transcribe_engine},
    )
    known = ", ".join(sorted(catalog.pipelines))
    for variable, name in settings.chosen_pipelines().items():
        if name not in catalog.pipelines:
            raise ConfigurationError(f"{variable} is '{name}', but the pipelines are: {known}.")
    return catalog


@dataclass(frozen=True)
class Shared:
    """The parts that every role uses."""

    redis: Redis
    queue: TaskQueue
    events: EventBus
    store: ObjectStore


@asynccontextmanager
async def open_shared(settings: Settings) -> AsyncIterator[Shared]:
    """Open Redis and the store, and close them at the end."""
    redis = connect(settings.redis)
    try:
        yield Shared(redis, TaskQueue(redis), EventBus(redis), ObjectStore(settings.store))
    finally:
        await redis.aclose()


async def migrate(settings: Settings) -> bool:
    """Bring the database to the newest schema; tell whether anything had to be done."""
    from dalston.db.session import Database

    if settings.database_url is None:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        # SQLite's other files will be as private as this one.
        (settings.data_dir / "dalston.db").touch(mode=0o600)
    database = Database(settings.database)
    try:
        if await database.is_current():
            return False
        from dalston.db.migrate import migrate as migrate_database  # with all of SQLAlchemy

        return await migrate_database(database)
    finally:
        await database.close()


@asynccontextmanager
async def open_own_database(settings: Settings) -> AsyncIterator[Database]:
    """Open the database for a tool of whoever runs the server.

    The one in the data folder is migrated first, as `dalston serve` does it.

    Raises:
        SchemaVersionError: Another one must be migrated first.
    """
    from dalston.db.session import Database

    if settings.database_url is None:
        await migrate(settings)
    database = Database(settings.database)
    try:
        await database.require_schema()
        yield database
    finally:
        await database.close()


async def require_keys(settings: Settings, database: Database, host: str) -> None:
    """Refuse to serve others than this machine as long as everybody may do everything.

    Args:
        settings: Say whether the server is reached at another address than `host`.
        database: Has the keys.
        host: The address that is listened at.

    Raises:
        ConfigurationError: There has never been an API key, and others can reach the server.
    """
    from dalston.db.keys import any_key

    async with database.read() as connection:
        if await any_key(connection):
            return
    address = settings.published_address or host
    if not is_loopback(address):
        raise ConfigurationError(
            f"Without API keys only this machine is served, and others can reach {address}. Make "
            f"a key with `dalston keys create {_which_database(settings)}--name …`, or listen at "
            f"127.0.0.1. Where a container "
            f"listens that can be reached from this machine alone, set "
            f"DALSTON_PUBLISHED_ADDRESS=127.0.0.1."
        )
    log.info("no_api_keys", message=f"No API keys: whoever reaches {address} may do everything.")


def _which_database(settings: Settings) -> str:
    if settings.database_url is not None:
        return ""
    return f"--data-dir {shlex.quote(str(settings.data_dir))} "


async def run_gateway(settings: Settings, listener: socket.socket) -> None:
    """Serve HTTP on a bound socket until told to stop.

    Raises:
        SchemaVersionError: The database must be migrated first.
        ConfigurationError: A setting can't be used, or others than this machine would be served
            without API keys.
    """
    from dalston.db.session import Database
    from dalston.gateway.main import create_app
    from dalston.gateway.protocol import SignalFreeServer, http_config

    allow_many_files()
    catalog = open_catalog(settings)
    check_gateway(settings)
    database = Database(settings.database)
    try:
        await database.require_schema()
        await require_keys(settings, database, _host_of(listener))
        async with open_shared(settings) as shared:
            parts = _gateway_parts(settings, catalog, database, shared)
            warn_of_fake_text(settings, catalog)
            app = create_app(parts)
            server = SignalFreeServer(http_config(app))

            def stop() -> None:
                server.should_exit = True
                app.state.jobs.watch.stop()

            on_stop_signal(stop)
            # The store's client makes itself ready while there are still files for that.
            first_use = asyncio.create_task(shared.store.answers())
            # Whoever connects from now on is answered. A port that was free is told nowhere else.
            log.info("gateway_ready", address=listener.getsockname())
            try:
                await server.serve(sockets=[listener])
            finally:
                first_use.cancel()
                await app.state.jobs.close()
                await app.state.leaving.close()
    finally:
        await database.close()


def _gateway_parts(
    settings: Settings, catalog: Catalog, database: Database, shared: Shared
) -> GatewayParts:
    from dalston.gateway.parts import Parts

    return Parts(
        database=database,
        queue=shared.queue,
        events=shared.events,
        store=shared.store,
        catalog=catalog,
        default_pipeline=settings.pipeline,
        max_upload_bytes=settings.max_upload_bytes,
        body_timeout_seconds=settings.body_timeout_seconds,
        engine_settings=settings.engine_config(),
        named_pipeline=settings.openai_pipeline,
        wait_base_seconds=settings.wait_base_seconds,
        wait_seconds_per_audio_second=settings.wait_seconds_per_audio_second,
        cors_origins=settings.origins,
        longest_upload_seconds=settings.orphan_hours * 3600 / 2,
        job_deadline_seconds=settings.job_deadline_seconds,
        webhooks=webhook_policy(settings),
    )


def _host_of(listener: socket.socket) -> str:
    address = listener.getsockname()
    # A socket in the file system has no host, and nobody else reaches it.
    return str(address[0]) if isinstance(address, tuple) else "localhost"


def warn_of_fake_text(settings: Settings, catalog: Catalog) -> None:
    """Say plainly that the default pipeline does not listen, if it doesn't."""
    if catalog.pipelines[settings.pipeline].fake_text:
        log.warning("fake_text", message=FAKE_TEXT_WARNING.format(name=settings.pipeline))


async def run_orchestrator(
    settings: Settings, take_back: str | None = None, *, outlives_engines: bool = False
) -> None:
    """Run an orchestrator until told to stop.

    Args:
        settings: Which parts it stands on.
        take_back: Prefix of engine instances that are known to be dead.
        outlives_engines: Whether all engines have ended by then.

    Raises:
        SchemaVersionError: The database must be migrated first.
        ConfigurationError: A setting can't be used.
    """
    from dalston.db.session import Database
    from dalston.orchestrator.main import Orchestrator
    from dalston.orchestrator.parts import Parts

    catalog = open_catalog(settings)
    check_orchestrator(settings)
    database = Database(settings.database)
    try:
        await database.require_schema()
        async with open_shared(settings) as shared:
            policy = housekeeping_policy(settings)
            parts = Parts(database, shared.queue, shared.events, shared.store, catalog, policy)
            orchestrator = Orchestrator(parts)
            on_stop_signal(orchestrator.stop)
            log.info("orchestrator_ready", instance=orchestrator.name)
            await orchestrator.run(take_back, outlives_engines=outlives_engines)
    finally:
        await database.close()


async def run_housekeeping(settings: Settings, *, dry: bool) -> Tidied:
    """Do one round of housekeeping, beside a server that runs or without one.

    Raises:
        SchemaVersionError: The database must be migrated first.
    """
    from dalston.db.session import Database
    from dalston.orchestrator.housekeeping import Housekeeping
    from dalston.orchestrator.parts import Parts

    policy = housekeeping_policy(settings)
    database = Database(settings.database)
    try:
        await database.require_schema()
        async with open_shared(settings) as shared:
            nothing = Catalog({}, {})
            parts = Parts(database, shared.queue, shared.events, shared.store, nothing, policy)
            return await Housekeeping(parts).run(dry=dry)
    finally:
        await database.close()


def choose_engines(settings: Settings, names: Sequence[str]) -> list[EngineSpec]:
    """Return the engines that are named by id or by folder.

    Raises:
        ConfigurationError: One isn't there, or isn't the one that ENGINE_ID says.
    """
    known = find_engines(settings)
    specs = [_choose_engine(known, name) for name in names]
    require_engine_id(settings, specs)
    return specs


def _choose_engine(known: Mapping[str, EngineSpec], name: str) -> EngineSpec:
    if name in known:
        return known[name]
    if (Path(name) / "engine.yaml").exists():
        return read_engine(Path(name).absolute())
    raise ConfigurationError(
        f"There is no engine '{name}'. Known engines: {', '.join(sorted(known))}; "
        f"or name the folder of one."
    )


def engines_of_default_pipeline(settings: Settings) -> set[str]:
    """Return the ids of the engines that do the jobs of the default pipeline."""
    pipeline = open_catalog(settings).pipelines[settings.pipeline]
    return {stage.engine for stage in pipeline.stages}


def find_engines(settings: Settings) -> dict[str, EngineSpec]:
    """Return all engines that are found, by id."""
    return read_catalog(engine_folders(settings), [], {}).engines


async def run_engines(
    settings: Settings,
    specs: Sequence[EngineSpec],
    instance_prefix: str | None = None,
    at_once: Collection[str] | None = None,
) -> None:
    """Run some engines, each with children of its own, until told to stop.

    Args:
        settings: Which parts they stand on.
        specs: The engines.
        instance_prefix: Begins the names of the engine instances, so that a restarted server
            knows its own.
        at_once: Ids of those that are loaded at the start; the others by their first task. All of
            them if None.

    Raises:
        ConfigurationError: A setting can't be used, by these engines or at all.
    """
    from dalston.engine_sdk.memory import MemoryKeeper
    from dalston.engine_sdk.runner import EngineRunner, RunnerSettings

    check_engines(settings, specs)
    memory = MemoryKeeper(settings.memory_for_engines())
    prefix = instance_prefix or f"{socket.gethostname()[:32]}-{os.getpid()}-"
    async with open_shared(settings) as shared, asyncio.TaskGroup() as group:
        runners = []
        for spec in specs:
            how = RunnerSettings(
                instance=f"{prefix}{spec.id}-{secrets.token_hex(3)}",
                config=configure_engine(settings, spec),
                slots=settings.engine_slots,
                grace_seconds=settings.grace_seconds,
                temporary_folder=settings.task_folder,
                environment=engine_environment(),
                idle_seconds=settings.engine_idle_seconds,
                lazy=at_once is not None and spec.id not in at_once,
                environments=settings.environments,
                watched=(settings.data_dir / "models", settings.environments),
            )
            parts = (shared.queue, shared.events, shared.store)
            runners.append(EngineRunner(spec, *parts, how, memory))

        def stop() -> None:
            for runner in runners:
                runner.stop()

        on_stop_signal(stop)
        for runner in runners:
            group.create_task(runner.run())
