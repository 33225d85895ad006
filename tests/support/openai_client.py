"""OpenAI's own client, on a server of a test."""

from __future__ import annotations

from typing import Any

from openai import OpenAI

from tests.support.stack import Stack

RECORDING = ("talk.wav", b"any bytes will do for a stub")


def openai_client(stack: Stack, **settings: Any) -> OpenAI:
    """Return a client with nothing but its address changed."""
    return OpenAI(base_url=f"{stack.url}/v1", **{"api_key": "none", **settings})
