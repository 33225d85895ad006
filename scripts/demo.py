"""Transcribes a recording end to end, as a stranger would: server, upload, transcript, figures.

Usage: `make demo`, or `make demo AUDIO=talk.mp3` for a recording of your own.

Exit status: 0 if the words are right (your own recording: if there are any), 1 if not,
2 if there is no such file, 3 if the demo's recording could not be fetched.
"""

import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

import httpx

from scripts.demo_recording import WORDS, RecordingError, recording, word_error_rate
from scripts.demo_report import Measured, speed_line, time_lines, transcript_lines
from scripts.demo_server import DemoServer, ServerError, running_server

RIGHT, WRONG, NO_SUCH_FILE, NO_RECORDING = 0, 1, 2, 3

# Whisper base hears every word of the recording right (measured: 0.000); ten in a hundred leaves
# room for another model or machine, and is far from what any wrong text would have.
HIGHEST_ERROR_RATE = 0.10

ROUTE = "/v1/audio/transcriptions"
POLL_SECONDS = 0.1
ENDED = frozenset({"completed", "failed", "cancelled"})


class DemoError(Exception):
    """The demo did not end as it should; the text says why."""


def main(arguments: list[str]) -> int:
    """Runs the demo and returns its exit status."""
    signal.signal(signal.SIGTERM, end)
    own = arguments[0] if arguments else None
    if own is not None and not Path(own).is_file():
        print(f"demo: there is no file {own}. Usage: make demo AUDIO=talk.mp3", file=sys.stderr)
        return NO_SUCH_FILE
    try:
        audio = recording() if own is None else Path(own)
        return show(audio, reference=WORDS if own is None else None)
    except RecordingError as error:
        print(f"demo: {error}", file=sys.stderr)
        return NO_RECORDING
    except (DemoError, ServerError, httpx.HTTPError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return WRONG


def end(number: int, _frame: FrameType | None) -> None:
    """Ends the demo as Ctrl-C does: the server is stopped first."""
    sys.exit(128 + number)


def show(audio: Path, reference: str | None) -> int:
    """Transcribes a recording, prints what came of it, and returns the exit status.

    Args:
        audio: the recording.
        reference: the words that are spoken in it, if they are known.

    Raises:
        DemoError: the job failed.
        ServerError: the server did not start, or left something behind.
    """
    begin = time.monotonic()
    print("Starting the server …", flush=True)
    with running_server() as server:
        print(f"  {server.url}, data in {server.folder}")
        job, upload, loading = transcribe(server, audio)
        measured = Measured(server.start_seconds, upload, time.monotonic() - begin)
    print("\nTranscript")
    print("\n".join(f"  {line}" for line in transcript_lines(job)))
    print("\nWhere the time went")
    print("\n".join(time_lines(job, measured, loading)))
    print(f"\n{speed_line(job) or ''}")
    print(
        f"Stopped in {server.stop_seconds:.1f} s: of {server.most_processes} processes none is "
        f"left, and the data folder is removed."
    )
    return judge(job, reference)


def transcribe(server: DemoServer, audio: Path) -> tuple[dict[str, Any], float, list[str]]:
    """Submits a recording and waits for its transcript, through the HTTP API alone.

    Returns:
        The completed job, the seconds of the upload, and the ids of the engines that were still
        loading when it was submitted.

    Raises:
        DemoError: the job was refused, or failed.
    """
    with httpx.Client(base_url=server.url, timeout=600, trust_env=False) as client:
        engines = client.get("/health/ready").json()["engines"]
        loading = [name for name, engine in engines.items() if engine["state"] == "loading"]
        size = audio.stat().st_size / 1e6
        print(f"Posting {audio.name} ({size:.1f} MB) to {ROUTE}", flush=True)
        begin = time.monotonic()
        with audio.open("rb") as file:
            fields = {"pipeline": "default"}
            answer = client.post(ROUTE, files={"file": (audio.name, file)}, data=fields)
        upload = time.monotonic() - begin
        if answer.status_code != httpx.codes.ACCEPTED:
            message = f"The server refused it: {answer.text}"
            raise DemoError(message)
        print(f"  202 Accepted: {answer.text}")
        print(f"Polling {answer.headers['Location']}", flush=True)
        job = wait_for_end(client, answer.headers["Location"])
    if job["status"] != "completed":
        message = f"The job is {job['status']}: {job.get('error')}\n{server.log}"
        raise DemoError(message)
    return job, upload, loading


def wait_for_end(client: httpx.Client, location: str) -> dict[str, Any]:
    """Polls a job until it has ended, and prints each new stage.

    Raises:
        DemoError: an engine can't start, so the job would wait for ever.
    """
    shown = ""
    while True:
        answer = client.get(location)
        job: dict[str, Any] = answer.json()
        if answer.status_code != httpx.codes.OK:
            message = f"The server answered {answer.status_code}: {answer.text}"
            raise DemoError(message)
        now = [task["stage"] for task in job["tasks"] if task["status"] in {"ready", "running"}]
        stage = "".join(now[:1])
        if stage not in {"", shown}:
            shown = stage
            print(f"  {stage} …", flush=True)
        if job["status"] in ENDED:
            return job
        fail_with_a_broken_engine(client, job)
        time.sleep(POLL_SECONDS)


def fail_with_a_broken_engine(client: httpx.Client, job: dict[str, Any]) -> None:
    """Ends the demo when an engine that the job waits for can't start.

    Raises:
        DemoError: with what the engine says.
    """
    waiting = [task["engine_id"] for task in job["tasks"] if task["status"] == "ready"]
    if not waiting:
        return
    engine = client.get("/health/ready").json()["engines"].get(waiting[0], {})
    if engine.get("state") == "failed":
        message = f"The engine {waiting[0]} can't start: {engine.get('message')}"
        raise DemoError(message)


def judge(job: dict[str, Any], reference: str | None) -> int:
    """Prints whether the words are right and returns the exit status."""
    if reference is None:
        said = len(job["text"].split())
        print(f"OK: {said} words." if said else "FAILED: the transcript is empty.")
        return RIGHT if said else WRONG
    rate = word_error_rate(reference, job["text"])
    right = rate <= HIGHEST_ERROR_RATE
    print(
        f"{'OK' if right else 'FAILED'}: {100 * rate:.1f} % of the words are wrong; up to "
        f"{100 * HIGHEST_ERROR_RATE:.0f} % pass."
    )
    return RIGHT if right else WRONG


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
