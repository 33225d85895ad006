"""`make test-node`: the tests with clients in JavaScript, on both deployments.

Installs the locked npm packages beside the tests first, with the npm of .venv and from whatever
registry that is set up for.
"""

import base64
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.conftest import DEPLOYMENTS, STUBS
from tests.support.distributed import stop_shared_servers
from tests.support.openai_client import RECORDING
from tests.support.stack import running

ROOT = Path(__file__).resolve().parent.parent
TESTS = ROOT / "tests" / "conformance" / "clients" / "node"
PROGRAMS = Path(sys.executable).parent


def main() -> int:
    """Returns the exit status of the first run that failed, or 0."""
    environment = dict(os.environ, PATH=f"{PROGRAMS}{os.pathsep}{os.environ.get('PATH', '')}")
    quiet = ("--no-audit", "--no-fund", "--ignore-scripts", "--loglevel", "error")
    subprocess.run([PROGRAMS / "npm", "ci", *quiet], cwd=TESTS, env=environment, check=True)
    try:
        return max(run(name, environment) for name in DEPLOYMENTS)
    finally:
        stop_shared_servers()


def run(deployment: str, environment: dict[str, str]) -> int:
    """Runs all tests against a server on a deployment."""
    print(f"Clients in JavaScript, {deployment}:", flush=True)
    with (
        tempfile.TemporaryDirectory(prefix="dalston-") as folder,
        DEPLOYMENTS[deployment](Path(folder)) as parts,
        running(parts, *STUBS, DALSTON_PIPELINE="stub") as stack,
    ):
        told = {
            "DALSTON_URL": stack.url,
            "DALSTON_RECORDING": base64.b64encode(RECORDING[1]).decode(),
        }
        done = subprocess.run(
            [PROGRAMS / "node", "--test", "--test-reporter=spec"],
            cwd=TESTS,
            env=environment | told,
            check=False,
        )
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
