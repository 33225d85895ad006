"""Clients that submit recordings and don't give up, whatever happens to the servers."""

from __future__ import annotations

import random
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field

import httpx

from tests.support.obedient import recording, text_of
from tests.support.stack import TRANSCRIPTIONS

POISON_EVERY = 25
"""One of so many recordings crashes every engine that touches it."""
CLIENTS = 4
_PAUSE_SECONDS = 0.2


@dataclass
class Submitted:
    """A recording, and the jobs that its one idempotency key was answered with."""

    key: str
    audio: bytes
    poison: bool
    jobs: set[str] = field(default_factory=set)

    @property
    def text(self) -> str:
        """The one right transcript."""
        return text_of(self.audio)


class Clients:
    """Submits a number of recordings at a rate.

    Args:
        urls: Of the gateways.
        jobs: How many recordings.
        seconds: Over how long they are spread.
        seed: What differs between recordings is drawn from it.
    """

    def __init__(self, urls: list[str], jobs: int, seconds: float, seed: int) -> None:
        draw = random.Random(seed)
        self._urls = urls
        self._pause = seconds * CLIENTS / jobs
        self.stopped = threading.Event()
        self.submitted = [self._recording(draw, number) for number in range(jobs)]
        self._pool = ThreadPoolExecutor(CLIENTS)
        self._work: list[Future[None]] = []

    def _recording(self, draw: random.Random, number: int) -> Submitted:
        poison = number % POISON_EVERY == POISON_EVERY - 1
        wish = (
            {"do": "crash", "tries": 99} if poison else {"seconds": draw.choice([0, 0.1, 0.3, 0.8])}
        )
        audio = recording(number=number, seed=draw.randrange(10**9), **wish)
        return Submitted(f"key-{number}", audio, poison)

    def start(self) -> None:
        """Begin."""
        shares = [self.submitted[first::CLIENTS] for first in range(CLIENTS)]
        self._work = [self._pool.submit(self._submit_all, share) for share in shares]

    def join(self) -> None:
        """Wait until all are accepted.

        Raises:
            AssertionError: A client got an answer that it must not get.
        """
        for work in self._work:
            work.result()
        self._pool.shutdown()

    def is_done(self) -> bool:
        """Tell whether all are accepted."""
        return all(work.done() for work in self._work)

    def _submit_all(self, share: list[Submitted]) -> None:
        with httpx.Client(timeout=10, trust_env=False) as client:
            for number, one in enumerate(share):
                self._submit(client, one, number)
                self.stopped.wait(self._pause)

    def _submit(self, client: httpx.Client, one: Submitted, number: int) -> None:
        attempt = number
        while not self.stopped.is_set():
            attempt += 1
            with suppress(httpx.TransportError):
                answer = client.post(
                    f"{self._urls[attempt % len(self._urls)]}{TRANSCRIPTIONS}",
                    files={"file": ("a.wav", one.audio)},
                    headers={"Idempotency-Key": one.key},
                )
                if answer.status_code == httpx.codes.ACCEPTED:
                    one.jobs.add(answer.json()["id"])
                    return
                assert answer.status_code == httpx.codes.SERVICE_UNAVAILABLE, answer.text
                assert answer.headers["Retry-After"]
            self.stopped.wait(_PAUSE_SECONDS)
