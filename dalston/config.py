"""Every setting, and the only place that reads the environment."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlsplit

import msgspec
import platformdirs

from dalston.common.errors import ConfigurationError
from dalston.common.storage import StoreSettings

_PREFIX = "DALSTON_"
_EXPECTED = re.compile(r"Expected `(int|float|bool)(?: \| null)?`(?: ([<>]=?) ([0-9.]+))?")
"""How the library says what it wants."""
_KINDS = {"int": "a whole number", "float": "a number", "bool": "true or false"}
_BOUNDS = {">=": "of {} or more", ">": "above {}", "<=": "up to {}", "<": "below {}"}
_PLAIN_NAMES = {
    "DATABASE_URL": "database_url",
    "REDIS_URL": "redis_url",
    "S3_BUCKET": "s3_bucket",
    "S3_REGION": "s3_region",
    "S3_ENDPOINT_URL": "s3_endpoint_url",
    "AWS_ACCESS_KEY_ID": "aws_access_key_id",
    "AWS_SECRET_ACCESS_KEY": "aws_secret_access_key",
    "ENGINE_ID": "engine_id",
}
"""Variables that have a name of their own; every other setting is `DALSTON_` and its name."""

_SECRET_PREFIXES = (
    *("AWS_", "S3_", "POSTGRES_", "DATABASE_URL", "REDIS_URL", _PREFIX),
    # What the clients of PostgreSQL and Redis read by themselves.
    *("PGPASS", "PGSERVICE", "REDISCLI_AUTH"),
)
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?")
_HTTP_ADDRESS = re.compile(r"https?://[^\s/?#]+(/\S*)?")
_FOLDERS_AND_FILES = frozenset({"data_dir", "temporary_dir", "valkey_server"})
"""Whose names may end with a blank, as SQLite's file may: a server must find what it has."""
_SOCKET_PATH_BYTES = 100
"""Unix sockets have room for about this many bytes of path."""


_ENGINES_SHARE = 0.8
"""Of the machine's memory, or of the container's: the rest is for everything else."""

Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What can be set; `docs/configuration.md` lists the variables.

    Attributes:
        data_dir: Folder of the embedded stores.
        pipeline: The pipeline of a job that names none.
        engines: More folders with engines.
        pipelines: More folders with pipelines.
        openai_pipeline: The pipeline that OpenAI's names of models stand for.
        wait_base_seconds: How long a request waits for its transcript, at least.
        wait_seconds_per_audio_second: Added to that for each second of audio.
        transcribe_engine: The engine that `${DALSTON_TRANSCRIBE_ENGINE}` in a pipeline means.
        model: Model of the speech engine: a name or a folder.
        published_address: Where clients reach the server, if that isn't where it listens.
        cors_origins: Web sites whose pages may call the server, with blanks between them.
        api_key: The key that `dalston transcribe` and `dalston eval` show.
        max_upload_bytes: A larger upload is refused.
        body_timeout_seconds: How long a request's body may stand still.
        engine_slots: Tasks at a time of each engine that is run.
        engine_memory_mb: Megabytes that the engines of one process may take together.
        engine_idle_seconds: How long an engine's model stays in memory with nothing to do.
        grace_seconds: How long a running task may go on after the order to stop.
        fetch_seconds: How long the download of a recording may take that is named by its address.
        fetch_private_addresses: Whether it may be in a private network or on this machine.
        job_deadline_seconds: How long a job may take that doesn't say so itself.
        no_engine_seconds: How long a stage may wait while no engine can do it.
        retention: What is deleted of a job, some days after its end, that doesn't say so itself.
        retention_days: How many days those are.
        webhook_secret: What signs webhooks: up to two, the newest first, with a blank between.
        webhook_addresses: `public`, or `any`: webhooks may go into private networks too.
        webhook_timeout_seconds: How long one try to deliver a webhook may take.
        housekeeping_hours: Time between two rounds of housekeeping.
        orphan_hours: An object that belongs to nothing is deleted after this; an upload that takes
            half as long is refused.
        log_format: `text`, `json`, or `auto`: text on a terminal.
        valkey_server: Path of the server binary for the embedded Redis.
    """

    data_dir: Path
    database_url: str | None = None
    redis_url: str | None = None
    s3_bucket: str | None = None
    s3_region: str | None = None
    s3_endpoint_url: str | None = None
    aws_access_key_id: str | None = None
    aws_secret_access_key: str | None = None
    engine_id: str | None = None
    host: str = "127.0.0.1"
    port: Port = 8000
    published_address: str | None = None
    cors_origins: str = ""
    api_key: str | None = None
    pipeline: str = "default"
    engines: str = ""
    pipelines: str = ""
    openai_pipeline: str | None = None
    wait_base_seconds: Annotated[float, msgspec.Meta(ge=0)] = 120.0
    wait_seconds_per_audio_second: Annotated[float, msgspec.Meta(ge=0)] = 3.0
    transcribe_engine: str = "faster-whisper"
    model: str | None = None
    device: str | None = None
    max_upload_bytes: Annotated[int, msgspec.Meta(gt=0)] = 4 * 1024**3
    body_timeout_seconds: Annotated[float, msgspec.Meta(gt=0)] = 20.0
    engine_slots: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1
    engine_memory_mb: Annotated[int, msgspec.Meta(gt=0)] | None = None
    engine_idle_seconds: Annotated[float, msgspec.Meta(ge=0)] = 900.0
    grace_seconds: Annotated[float, msgspec.Meta(ge=0)] = 20.0
    fetch_seconds: Annotated[float, msgspec.Meta(gt=0, le=86400)] = 900.0
    fetch_private_addresses: bool = False
    job_deadline_seconds: Annotated[float, msgspec.Meta(gt=0, le=10**9)] | None = None
    no_engine_seconds: Annotated[float, msgspec.Meta(gt=0, le=10**9)] = 3600.0
    retention: str = "keep"
    retention_days: Annotated[float, msgspec.Meta(ge=0, le=100_000)] = 30.0
    housekeeping_hours: Annotated[float, msgspec.Meta(gt=0, le=100_000)] = 1.0
    orphan_hours: Annotated[float, msgspec.Meta(gt=0, le=100_000)] = 24.0
    webhook_secret: str | None = None
    webhook_addresses: str = "public"
    webhook_timeout_seconds: Annotated[float, msgspec.Meta(gt=0, le=300)] = 20.0
    temporary_dir: Path | None = None
    log_level: str = "info"
    log_format: str = "auto"
    valkey_server: Path | None = None

    @property
    def database(self) -> str:
        """The database's URL; a SQLite file in the data folder unless one is set."""
        return self.database_url or f"sqlite:///{quote(str(self.data_dir / 'dalston.db'))}"

    @property
    def redis(self) -> str:
        """The URL of Redis; the embedded server's socket unless one is set."""
        return self.redis_url or f"unix://{quote(str(self.redis_socket))}"

    @property
    def redis_socket(self) -> Path:
        """The embedded server's socket: in the data folder, unless its path is too long."""
        path = self.data_dir / "run" / "valkey.sock"
        if len(os.fsencode(path)) < _SOCKET_PATH_BYTES:
            return path
        name = f"dalston-{os.getuid()}-{_digest(self.data_dir)}"
        return Path(tempfile.gettempdir()) / name / "valkey.sock"

    @property
    def store(self) -> StoreSettings:
        """Where objects are kept; a folder in the data folder unless a bucket is set.

        Raises:
            ConfigurationError: What belongs to the bucket is no address, or half a pair of keys.
        """
        if self.s3_bucket is not None:
            self._check_bucket()
        return StoreSettings(
            folder=self.data_dir / "objects",
            bucket=self.s3_bucket,
            region=self.s3_region,
            endpoint_url=self.s3_endpoint_url,
            access_key_id=self.aws_access_key_id,
            secret_access_key=self.aws_secret_access_key,
        )

    def _check_bucket(self) -> None:
        url = self.s3_endpoint_url
        if url is not None and not _HTTP_ADDRESS.fullmatch(url):
            raise ConfigurationError(
                "S3_ENDPOINT_URL must begin with http:// or https://, such as "
                "https://s3.example.org. Correct it, or unset it for Amazon's own service."
            )
        if url is not None and not _is_readable(url):
            raise ConfigurationError(
                "S3_ENDPOINT_URL has a host or a port that can't be one: a port is a number up to "
                "65535. Correct it."
            )
        if (self.aws_access_key_id is None) != (self.aws_secret_access_key is None):
            raise ConfigurationError(
                "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY belong together, and one of them "
                "isn't set. Set both, or neither."
            )

    @property
    def task_folder(self) -> Path:
        """Where engines keep what they work on: a folder of this server's own."""
        if self.temporary_dir is None:
            return self.data_dir / "tmp"
        return self.temporary_dir / f"dalston-{_digest(self.data_dir)}"

    @property
    def environments(self) -> Path:
        """Where Python environments of engines' own are kept."""
        return self.data_dir / "environments"

    def memory_for_engines(self) -> int:
        """Return the megabytes that engines may take: most of what there is, unless one is set."""
        if self.engine_memory_mb is not None:
            return self.engine_memory_mb
        return int(_ENGINES_SHARE * _memory_bytes() / 1_000_000)

    @property
    def origins(self) -> tuple[str, ...]:
        """The web sites whose pages may call the server.

        Raises:
            ConfigurationError: One isn't a web site's address.
        """
        origins = tuple(self.cors_origins.split())
        for origin in origins:
            if not _ORIGIN.fullmatch(origin):
                raise ConfigurationError(
                    f"DALSTON_CORS_ORIGINS has '{origin}'. Name each web site in full, such as "
                    f"https://example.org, with no path; '*' is not allowed."
                )
        # As browsers send them, whatever people write.
        return tuple(origin.lower() for origin in origins)

    def chosen_pipelines(self) -> dict[str, str]:
        """Return the pipelines that are named here, by variable."""
        return {
            "DALSTON_PIPELINE": self.pipeline,
            "DALSTON_OPENAI_PIPELINE": self.openai_pipeline or self.pipeline,
        }

    def engine_config(self) -> dict[str, Any]:
        """Return what these settings say to engines that have such a configuration."""
        models = self.data_dir / "models"
        asked = {
            "model": self.model,
            "device": self.device,
            "models_folder": str(models) if models.is_dir() else None,
            "fetch_seconds": self.fetch_seconds,
            "fetch_private_addresses": self.fetch_private_addresses,
        }
        return {name: value for name, value in asked.items() if value is not None}


def read_settings(overrides: Mapping[str, object] | None = None) -> Settings:
    """Read the environment.

    Args:
        overrides: From the command line, by field; None means not given.

    Raises:
        ConfigurationError: A variable's value can't be used; names the variable.
    """
    values: dict[str, object] = {"data_dir": platformdirs.user_data_dir("dalston", appauthor=False)}
    for field, variable in _variables().items():
        value = os.environ.get(variable, "")
        # Of a line in a file of secrets its end comes along.
        if field not in _FOLDERS_AND_FILES and not value.startswith("sqlite"):
            value = value.strip()
        if value:
            values[field] = value
    values |= {name: value for name, value in (overrides or {}).items() if value is not None}
    values["data_dir"] = str(Path(str(values["data_dir"])).expanduser().absolute())
    try:
        return msgspec.convert(values, Settings, strict=False, dec_hook=_as_path)
    except msgspec.ValidationError as error:
        text, _, path = str(error).partition(" - at `$.")
        variable = _variables().get(path.removesuffix("`"), "a setting")
        raise ConfigurationError(f"{variable}: {_told(text)}. See docs/configuration.md.") from None


def _is_readable(url: str) -> bool:
    """Tell whether host and port of a URL can be what they are; the store's client would panic."""
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _told(text: str) -> str:
    """Return what is wrong with a value, in a reader's words where there are some."""
    found = _EXPECTED.match(text)
    if found is None:
        return text
    kind, bound, limit = found.groups()
    within = "" if bound is None else f" {_BOUNDS[bound].format(limit.removesuffix('.0'))}"
    return f"this must be {_KINDS[kind]}{within}"


def _variables() -> dict[str, str]:
    """Return the name of each field's variable."""
    plain = {field: variable for variable, field in _PLAIN_NAMES.items()}
    return {
        field: plain.get(field, f"{_PREFIX}{field.upper()}") for field in Settings.__struct_fields__
    }


def unknown_variables() -> dict[str, str | None]:
    """Return variables that look like settings and are none, each with what it may be meant for."""
    known = set(_variables().values())
    unknown = sorted(name for name in os.environ if name.startswith(_PREFIX) and name not in known)
    if not unknown:
        return {}
    from difflib import get_close_matches  # noqa: PLC0415 - hardly ever needed

    bare = {name.removeprefix(_PREFIX): name for name in known}
    meant = {name: get_close_matches(name.removeprefix(_PREFIX), bare, 1) for name in unknown}
    return {name: bare[found[0]] if found else None for name, found in meant.items()}


def folders(text: str) -> list[Path]:
    """Return the folders of a list as in `PATH`."""
    return [Path(part).expanduser() for part in text.split(os.pathsep) if part]


def role_environment(settings: Settings) -> dict[str, str]:
    """Return the environment for another role of the same server."""
    return {**os.environ, "DALSTON_DATA_DIR": str(settings.data_dir)}


def engine_environment() -> dict[str, str]:
    """Return the environment for an engine's child: none of the server's settings or secrets."""
    return {
        name: value for name, value in os.environ.items() if not name.startswith(_SECRET_PREFIXES)
    }


def _memory_bytes() -> int:
    """Return the machine's memory, or what the container may take if that is less."""
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
    except OSError:
        return machine
    return min(machine, int(limit)) if limit.isdecimal() else machine


def _digest(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:16]


def _as_path(kind: type, value: object) -> object:
    if kind is Path:
        return Path(str(value)).expanduser().absolute()
    raise NotImplementedError(kind)
