"""`make sbom` names every package that a running Dalston consists of, with its hashes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
LOCK = ROOT / "requirements" / "run.txt"


def test_each_locked_package_is_in_it(tmp_path: Path) -> None:
    written = tmp_path / "sbom.json"
    subprocess.run(
        [
            *(sys.executable, "-m", "cyclonedx_py", "requirements", LOCK),
            *("--output-reproducible", "-o", written),
        ],
        check=True,
        capture_output=True,
    )
    components = json.loads(written.read_text())["components"]

    locked = set(re.findall(r"^([\w.-]+)==(\S+)", LOCK.read_text(), re.MULTILINE))
    assert {(component["name"], component["version"]) for component in components} == locked
    for component in components:
        assert component["externalReferences"][0]["hashes"]
