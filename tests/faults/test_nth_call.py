"""The n-th call of a role to database, Redis or store fails, for n = 1, 2, … to the last.

Whatever the call and however it fails, the job is one job, ends once, completed, with its right
text. `make faults` takes every n; here a few of them are drawn, from a seed that a failure shows.
"""

from __future__ import annotations

import os
import random
import time
from itertools import count
from pathlib import Path

import pytest

from tests.faults.failpoints import MODES
from tests.faults.nth_call import PLACES, Fault, NthCall, nth_call
from tests.support.deployment import Deployment

EVERY = os.environ.get("TEST_EVERY_CALL") == "1"
SEED = int(os.environ.get("TEST_SEED", "0")) or random.randrange(10**6)
DRAWN = {"before": 6, "after": 6, "kill": 5}
"""Faults of each mode."""
MOST_SECONDS = 35.0
"""No fault is begun behind this: on a busy machine fewer of them are drawn."""

if EVERY:

    @pytest.mark.timeout(3600)
    @pytest.mark.parametrize("mode", MODES)
    @pytest.mark.parametrize("place", list(PLACES), ids=" ".join)
    def test_every_call(
        deployment: Deployment, tmp_path: Path, silence: Path, place: tuple[str, str], mode: str
    ) -> None:
        slowest = 0.0
        with nth_call(deployment, tmp_path, silence.read_bytes()) as server:
            for n in count(1):
                hit, seconds = run(server, Fault(*place, mode, n))
                slowest = max(slowest, seconds)
                if hit is None:
                    break
        assert n > 1, "no call was ever made to fail"
        print(f"{' '.join(place)}, {mode}: {n - 1} calls, the slowest job took {slowest:.1f} s")

else:

    @pytest.mark.timeout(300)
    def test_a_job_ends_once_with_the_right_text_whichever_call_fails(
        deployment: Deployment, tmp_path: Path, silence: Path
    ) -> None:
        draw = random.Random(SEED)
        faults = [
            Fault(*place, mode, draw.randint(1, PLACES[place]))
            for mode, number in DRAWN.items()
            for place in draw.choices(list(PLACES), k=number)
        ]
        draw.shuffle(faults)
        began = time.monotonic()
        hits: list[str | None] = []
        with nth_call(deployment, tmp_path, silence.read_bytes()) as server:
            for fault in faults:
                if time.monotonic() - began < MOST_SECONDS:
                    hits += run(server, fault)[:1]
        # A gateway makes some calls only now and then; that none is hit says that nothing fails.
        assert any(hits), "no call was ever made to fail"


def run(server: NthCall, fault: Fault) -> tuple[str | None, float]:
    try:
        outcome = server.run(fault)
    except AssertionError as error:
        error.add_note(f"{fault}, TEST_SEED={SEED}")
        raise
    print(fault, *outcome)
    return outcome
