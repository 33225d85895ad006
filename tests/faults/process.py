"""A role of a server that can be made to fail: `python -m tests.faults.process ARGUMENTS`.

Does what `python -m dalston ARGUMENTS` does, with failpoints around its calls.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from dalston.cli import main
from tests.faults.failpoints import Failpoints, install

if __name__ == "__main__":
    folder = os.environ.get("TEST_FAULTS")
    if folder is not None:
        install(Failpoints(Path(folder), sys.argv[1]))
    main()
