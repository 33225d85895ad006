"""Lines of the log: one JSON object each, whatever they say, and never a reason to fail."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import logging
from dalston.logs import get_logger, set_up_logs
set_up_logs("test", "info", "json")
log = get_logger("a")
log.debug("not shown")
log.info("plain", number=1, text="ü")
log.info("odd", number=10**40, half="\\udcff", thing=object())
try:
    1 / 0
except ZeroDivisionError:
    log.exception("failed")
logging.getLogger("of.a.library").warning("theirs %s", 2)
"""


def test_every_line_is_an_object() -> None:
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    lines = [json.loads(line) for line in run.stderr.splitlines()]
    assert [line["event"] for line in lines] == ["plain", "odd", "failed", "theirs 2"]
    assert [line["level"] for line in lines] == ["info", "info", "error", "warning"]
    assert {line["role"] for line in lines} == {"test"}
    assert lines[0]["text"] == "ü"
    assert lines[1]["number"] == 10**40
    assert "ZeroDivisionError" in lines[2]["exception"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a file that is full")
def test_a_log_that_cannot_be_written_fails_nothing() -> None:
    with Path("/dev/full").open("w") as full:
        run = subprocess.run([sys.executable, "-c", PROGRAM], stderr=full, check=False)
    # At its end Python itself complains that it can't write there.
    assert run.returncode in {0, 120}
