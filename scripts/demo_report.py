"""What the demo prints: the transcript with its times, and where the time went."""

import textwrap
from dataclasses import dataclass
from datetime import datetime
from typing import Any

WIDTH = 79
NAME = 34


@dataclass(frozen=True)
class Measured:
    """Seconds that the demo measured itself, with its own clock."""

    start: float
    upload: float
    total: float


def transcript_lines(job: dict[str, Any]) -> list[str]:
    """Returns the transcript, each segment with its start and end in the recording."""
    lines = []
    for segment in job["segments"]:
        times = f"{clock(segment['start'])} - {clock(segment['end'])}  "
        lines += textwrap.wrap(
            segment["text"].strip(),
            WIDTH,
            initial_indent=times,
            subsequent_indent=" " * len(times),
        )
    return lines or ["(no words: nobody speaks in this recording)"]


def time_lines(job: dict[str, Any], measured: Measured, loading: list[str]) -> list[str]:
    """Returns a table of where the time went.

    Args:
        job: the completed job as GET shows it.
        measured: what the demo measured.
        loading: ids of the engines that were still loading when the job was submitted.
    """
    lines = [
        row("server start", "", measured.start),
        row("upload", "", measured.upload),
    ]
    before = moment(job["created_at"])
    for task in job["tasks"]:
        started, completed = moment(task["started_at"]), moment(task["completed_at"])
        waited = (started - before).total_seconds()
        worked = (completed - started).total_seconds()
        why = " (loads its model)" if task["engine_id"] in loading else ""
        lines.append(row(f"{task['stage']}: wait{why}", "", waited))
        lines.append(row(f"{task['stage']}: work", task["engine_id"], worked))
        before = completed
    processing = (moment(job["completed_at"]) - moment(job["created_at"])).total_seconds()
    lines.append(row("accepted to completed", "", processing))
    lines.append(row("all, with server start", "", measured.total))
    return lines


def speed_line(job: dict[str, Any]) -> str | None:
    """Returns how fast the recording was worked off, if its length is known."""
    duration = job.get("duration")
    if not duration:
        return None
    seconds = (moment(job["completed_at"]) - moment(job["created_at"])).total_seconds()
    return (
        f"{duration:.1f} s of audio in {seconds:.1f} s: real-time factor {seconds / duration:.2f}, "
        f"{duration / seconds:.1f} times as fast as speech."
    )


def row(name: str, detail: str, seconds: float) -> str:
    """Returns a line of the table."""
    return f"  {name:<{NAME}}{detail:<24}{seconds:8.2f} s"


def moment(text: str) -> datetime:
    """Reads a time of the API."""
    return datetime.fromisoformat(text)


def clock(seconds: float) -> str:
    """Returns a time in the recording as minutes and seconds, such as ` 1:02.50`."""
    minutes, rest = divmod(round(seconds * 100), 6000)
    return f"{minutes:3d}:{rest / 100:05.2f}"
