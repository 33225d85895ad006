"""docker-compose.yml keeps its contract: names, variables, and what nobody may do."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from dalston.config import Settings
from scripts.write_through import NEW
from tests.compose.project import (
    COMPOSE,
    COMPOSE_TEXT,
    ENGINE_FOLDERS,
    ENGINE_SERVICES,
    SERVICES,
    interpolated,
)
from tests.support.deployment import REPOSITORY

SHARED = {
    "REDIS_URL",
    "S3_BUCKET",
    "S3_REGION",
    "S3_ENDPOINT_URL",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
}
ALWAYS = {
    "postgres",
    "redis",
    "migrate",
    "gateway",
    "orchestrator",
    "engine-stub-transcriber",
    "engine-stub-merger",
    "engine-url-fetch",
}
ONCE = {"migrate", "write-through"}
EVERY_SERVICE = pytest.mark.parametrize("name", sorted(SERVICES))


def gibibytes(size: str) -> float:
    """Return a size as people write it, in GiB; a variable counts with its default."""
    size = re.sub(r"\$\{\w+:-(.*)\}", r"\1", size)
    return float(size[:-1]) / {"g": 1, "m": 1024}[size[-1]]


def seconds(duration: str) -> float:
    return float(duration.removesuffix("s"))


def test_these_services_run_without_a_profile() -> None:
    assert {name for name, service in SERVICES.items() if "profiles" not in service} == ALWAYS


def test_a_profile_turns_the_others_on() -> None:
    by_profile: dict[str, set[str]] = {}
    for name in set(SERVICES) - ALWAYS:
        [profile] = SERVICES[name]["profiles"]
        by_profile.setdefault(profile, set()).add(name)
    assert by_profile == {
        "local-s3": {"seaweedfs", "write-through"},
        "speech": {
            "engine-audio-prepare",
            "engine-faster-whisper",
            "engine-ge2e-speakers",
            "engine-pocketsphinx",
            "engine-transcript-merger",
        },
    }


def test_the_document_changes_services_and_settings_that_there_are() -> None:
    text = (REPOSITORY / "docs" / "deployment.md").read_text(encoding="utf-8")
    examples = re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    settings = {f"DALSTON_{field.upper()}" for field in Settings.__struct_fields__}

    assert examples
    for example in examples:
        # A tag of Docker Compose's own, which says how the files are put together.
        changed = yaml.safe_load(example.replace("!override ", ""))["services"]
        assert set(changed) - set(SERVICES) == set()
        for name, service in changed.items():
            set_anew = set(service.get("environment", {}))
            # What the file sets itself is set in `.env`.
            assert set_anew <= settings - set(SERVICES[name]["environment"])


def test_the_servers_are_these() -> None:
    assert SERVICES["postgres"]["image"] == "postgres:16-alpine"
    assert SERVICES["redis"]["image"] == "redis:7-alpine"
    assert "redis-server --appendonly no" in " ".join(SERVICES["redis"]["command"])
    assert SERVICES["seaweedfs"]["image"].startswith("chrislusf/seaweedfs:")
    assert "-master.telemetry=false" in SERVICES["seaweedfs"]["command"]


def test_the_store_lies_in_the_volume_that_is_written_through() -> None:
    store, prepared = SERVICES["seaweedfs"], SERVICES["write-through"]
    assert store["volumes"] == prepared["volumes"] == ["seaweedfs-data:/var/tmp"]
    program = prepared["entrypoint"][1]
    assert prepared["entrypoint"] == ["python", program, "/var/tmp"]
    dockerfile = (REPOSITORY / prepared["build"]["dockerfile"]).read_text()
    assert f"scripts{program.removeprefix('/app')} ./" in dockerfile
    assert store["working_dir"] == "/var/tmp"
    assert f"cd {NEW} " in store["entrypoint"][2]
    assert "-dir=." in store["command"]
    assert store["environment"]["WEED_LEVELDB2_DIR"].startswith("./")
    # It can neither be reached nor reach anybody.
    assert prepared["network_mode"] == "none"


def test_postgresql_keeps_its_data_in_a_named_volume() -> None:
    postgres = SERVICES["postgres"]
    environment = postgres["environment"]
    assert (environment["POSTGRES_USER"], environment["POSTGRES_DB"]) == ("dalston", "dalston")
    assert "postgres-data" in COMPOSE["volumes"]
    folder = dict(volume.split(":") for volume in postgres["volumes"])["postgres-data"]
    assert environment["PGDATA"].startswith(f"{folder}/")


def test_every_engine_that_ships_has_its_service() -> None:
    assert sorted(f"engine-{folder.name}" for folder in ENGINE_FOLDERS) == ENGINE_SERVICES
    for folder in ENGINE_FOLDERS:
        service = SERVICES[f"engine-{folder.name}"]
        assert service["environment"]["ENGINE_ID"] == folder.name
        assert service["build"]["context"] == "."
        assert REPOSITORY / service["build"]["dockerfile"] == folder / "Dockerfile"


@pytest.mark.parametrize("name", ["gateway", "orchestrator"])
def test_gateway_and_orchestrator_get_all_parts(name: str) -> None:
    environment = SERVICES[name]["environment"]
    assert set(environment) >= {*SHARED, "DATABASE_URL"}
    assert environment["DATABASE_URL"].startswith("postgresql://dalston:$")
    assert environment["DATABASE_URL"].endswith("@postgres:5432/dalston")


def test_the_gateway_knows_the_model_of_the_engines() -> None:
    transcriber = SERVICES["engine-faster-whisper"]["environment"]["DALSTON_MODEL"]
    assert SERVICES["gateway"]["environment"]["DALSTON_MODEL"] == transcriber


def test_without_keys_the_gateway_starts_only_as_long_as_it_is_published_on_loopback() -> None:
    gateway = SERVICES["gateway"]
    address = gateway["environment"]["DALSTON_PUBLISHED_ADDRESS"]
    assert address == "${GATEWAY_ADDRESS:-127.0.0.1}"
    assert gateway["ports"][0].startswith(f"{address}:")


@pytest.mark.parametrize("name", ENGINE_SERVICES)
def test_engines_get_everything_but_the_database(name: str) -> None:
    service = SERVICES[name]
    assert set(service["environment"]) >= {*SHARED, "ENGINE_ID", "DALSTON_TEMPORARY_DIR"}
    assert not any(
        key.startswith(("DATABASE", "POSTGRES")) or "postgres" in str(value)
        for key, value in service["environment"].items()
    )
    assert "networks" not in service, "the default network only, where no database is"
    assert SERVICES["postgres"]["networks"] == ["database"]


@pytest.mark.parametrize("name", ENGINE_SERVICES)
def test_engines_work_in_a_tmpfs_that_fits_into_their_memory(name: str) -> None:
    service = SERVICES[name]
    assert service["tmpfs"] == ["/tmp/dalston:size=1G"]
    assert service["environment"]["DALSTON_TEMPORARY_DIR"] == "/tmp/dalston"
    assert gibibytes(service["mem_limit"]) > 1


def test_an_upload_that_no_engine_has_room_for_is_refused() -> None:
    largest = SERVICES["gateway"]["environment"]["DALSTON_MAX_UPLOAD_BYTES"]
    default = re.fullmatch(r"\$\{DALSTON_MAX_UPLOAD_BYTES:-(\d+)\}", largest)
    assert default is not None
    assert int(default[1]) < 1024**3


@pytest.mark.parametrize("name", [*ENGINE_SERVICES, "orchestrator"])
def test_any_number_of_these_can_run(name: str) -> None:
    assert not {"container_name", "hostname", "ports"} & set(SERVICES[name])


def test_an_engine_has_time_to_drain() -> None:
    grace = Settings(data_dir=REPOSITORY).grace_seconds
    for name in ENGINE_SERVICES:
        assert "DALSTON_GRACE_SECONDS" not in SERVICES[name]["environment"]
        assert seconds(SERVICES[name]["stop_grace_period"]) >= grace + 5


@EVERY_SERVICE
def test_every_container_is_locked_in(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "devices", "pid", "ipc"} & set(service)
    assert service.get("network_mode", "none") == "none"
    assert gibibytes(service["mem_limit"]) > 0
    assert service["pids_limit"] > 0
    assert service["restart"] == ("no" if name in ONCE else "unless-stopped")
    assert service["logging"]["options"]["max-size"]


@EVERY_SERVICE
def test_no_container_runs_as_root(name: str) -> None:
    service = SERVICES[name]
    if "build" in service:
        assert "user" not in service, "the image says it; another test reads the Dockerfile"
    else:
        assert service["user"].partition(":")[0] not in {"root", "0"}


@EVERY_SERVICE
def test_no_image_is_the_latest_one_of_somebody_else(name: str) -> None:
    image = SERVICES[name]["image"]
    assert "@" not in image
    if "build" not in SERVICES[name]:
        assert not image.endswith(":latest")
        assert ":" in image


def test_ports_are_published_on_loopback_unless_a_variable_says_otherwise() -> None:
    published = {name: service.get("ports", []) for name, service in SERVICES.items()}
    assert {name: ports for name, ports in published.items() if ports} == {
        "gateway": ["${GATEWAY_ADDRESS:-127.0.0.1}:${GATEWAY_PORT:-8000}:8000"],
        "postgres": ["${POSTGRES_ADDRESS:-127.0.0.1}:${POSTGRES_PORT:-5432}:5432"],
        "redis": ["${REDIS_ADDRESS:-127.0.0.1}:${REDIS_PORT:-6379}:6379"],
    }


@EVERY_SERVICE
def test_no_secret_has_a_default(name: str) -> None:
    for key, value in SERVICES[name].get("environment", {}).items():
        if re.search(r"PASSWORD|SECRET|KEY|_URL", key) and key != "S3_ENDPOINT_URL":
            given = interpolated(str(value))
            assert given, f"{key} is written in the file"
            assert set(given.values()) == {":?run: make env"}


def test_the_start_waits_for_what_it_needs() -> None:
    server: dict[str, Any] = {
        "postgres": {"condition": "service_healthy"},
        "redis": {"condition": "service_healthy"},
        "migrate": {"condition": "service_completed_successfully"},
        "seaweedfs": {"condition": "service_healthy", "required": False},
    }
    assert SERVICES["gateway"]["depends_on"] == server
    assert SERVICES["orchestrator"]["depends_on"] == server
    for name in ENGINE_SERVICES:
        needed = SERVICES[name]["depends_on"]
        assert needed == {part: server[part] for part in ("redis", "seaweedfs")}
    assert SERVICES["seaweedfs"]["depends_on"] == {
        "write-through": {"condition": "service_completed_successfully"}
    }
    for name in ("postgres", "redis", "seaweedfs", "gateway"):
        assert SERVICES[name]["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}


def test_redis_cannot_be_emptied_or_stopped_by_a_client() -> None:
    command = " ".join(SERVICES["redis"]["command"])
    assert "user default on >$$REDIS_PASSWORD" in command
    assert "-@dangerous" in command


def test_the_file_says_where_a_new_user_begins() -> None:
    assert "make env" in COMPOSE_TEXT.split("name: dalston", maxsplit=1)[0]
