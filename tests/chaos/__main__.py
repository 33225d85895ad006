"""`python -m tests.chaos`: a run as long and hard as you like; the exit status tells."""

from __future__ import annotations

import argparse
import random
import sys

from tests.chaos.run import Plan, run
from tests.support.distributed import stop_shared_servers


def main() -> int:
    """Run, and print the account."""
    parser = argparse.ArgumentParser(prog="make chaos")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=240.0)
    parser.add_argument("--pause", type=float, default=0.25)
    parser.add_argument("--longest-freeze", type=float, default=20.0)
    asked = parser.parse_args()
    print(f"seed {asked.seed}", flush=True)
    plan = Plan(
        asked.seed,
        jobs=asked.jobs,
        seconds=asked.seconds,
        settle_seconds=300.0,
        pause=asked.pause,
        longest_freeze=asked.longest_freeze,
    )
    try:
        account = run(plan)
    finally:
        stop_shared_servers()
    print(account)
    for name, found in account.complaints().items():
        print(f"{name}: {found}")
    return 1 if account.complaints() else 0


if __name__ == "__main__":
    sys.exit(main())
