"""Other vendors' own clients, on a server of a test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import assemblyai
import httpx
from deepgram import DeepgramClient
from deepgram.environment import DeepgramClientEnvironment
from elevenlabs.client import ElevenLabs

RECORDING = b"any bytes will do for a stub"


@dataclass(frozen=True)
class VendorClients:
    """One client of each vendor.

    Attributes:
        deepgram: Its part for recordings.
        assemblyai: Asks often whether a transcript is there.
    """

    elevenlabs: ElevenLabs
    deepgram: Any
    assemblyai: assemblyai.Transcriber


@contextmanager
def vendor_clients(url: str, key: str = "none") -> Iterator[VendorClients]:
    """Yield clients with nothing but their address changed."""
    environment = DeepgramClientEnvironment(base=url, production=url, agent=url, agent_rest=url)
    settings = assemblyai.Settings(base_url=url, api_key=key, polling_interval=0.05)
    own = assemblyai.Client(settings=settings)
    with httpx.Client(timeout=60) as client, own.http_client:
        yield VendorClients(
            ElevenLabs(base_url=url, api_key=key, httpx_client=client),
            DeepgramClient(
                api_key=key, environment=environment, httpx_client=client
            ).listen.v1.media,
            assemblyai.Transcriber(client=own),
        )
