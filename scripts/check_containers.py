"""Checks a running stack of docker-compose.yml: what a user does, and what an attacker would try.

Usage, with the stack up: python3 scripts/check_containers.py docker compose [options …]

Needs nothing but Python and Docker Compose. Ends with status 1 at the first thing that is wrong.
"""

import io
import json
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

STUB_TEXT = "This is a stub transcript. The system works!"
PATIENCE_SECONDS = 60.0
JOBS = 24
ENGINES = 3
LONGEST_STOP_SECONDS = 30.0
RESTORED = "dalston-restored"
"""The project that a back-up is brought to; it and its volumes are removed again."""
STOPPED = (0, 128 + signal.SIGTERM)
"""Exit statuses of a stop; the HTTP server ends by the very signal, once all is answered."""


class CheckFailedError(Exception):
    """Something is not as it must be."""


def require(condition: object, text: str) -> None:
    """Goes on only if a condition holds.

    Raises:
        CheckFailedError: it doesn't.
    """
    if not condition:
        raise CheckFailedError(text)


def run(*command: str) -> str:
    """Runs a command that must succeed and returns what it printed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    require(done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return done.stdout


class Stack:
    """The running containers, as Docker Compose and HTTP show them."""

    def __init__(self, compose: list[str]) -> None:
        self.compose_command = compose
        self.url = ""

    def compose(self, *arguments: str) -> str:
        """Runs `docker compose` with some arguments."""
        return run(*self.compose_command, *arguments)

    def attempt(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs `docker compose`; it may fail."""
        command = [*self.compose_command, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def to_file(self, path: Path, *arguments: str) -> None:
        """Runs `docker compose`, which must succeed, and keeps what it prints."""
        with path.open("wb") as file:
            done = subprocess.run([*self.compose_command, *arguments], stdout=file, check=False)
        require(done.returncode == 0, f"{arguments} ended with {done.returncode}")

    def from_file(self, path: Path, *arguments: str) -> None:
        """Runs `docker compose`, which must succeed, with a file as its input."""
        with path.open("rb") as file:
            command = [*self.compose_command, *arguments]
            done = subprocess.run(command, stdin=file, capture_output=True, check=False)
        require(done.returncode == 0, f"{arguments}: {done.stderr.decode()}")

    def containers(self) -> list[tuple[str, dict[str, Any]]]:
        """Returns service and `docker inspect` of each container, stopped ones included."""
        found = json.loads(run("docker", "inspect", *self.compose("ps", "-aq").split()))
        return [(one["Config"]["Labels"]["com.docker.compose.service"], one) for one in found]

    def find_gateway(self) -> None:
        """Finds out where a gateway is published."""
        self.url = "http://" + self.compose("port", "gateway", "8000").strip()

    def get(self, path: str) -> Any:  # noqa: ANN401 - JSON
        """Gets a path of the gateway as JSON."""
        with urllib.request.urlopen(self.url + path, timeout=20) as answer:  # noqa: S310 - our http
            return json.load(answer)

    def post_recording(self) -> str:
        """Submits a second of silence and returns the job's id."""
        boundary = "0123456789abcdef"
        head = (
            f"--{boundary}\r\nContent-Disposition: form-data; "
            'name="file"; filename="silence.wav"\r\n\r\n'
        )
        body = head.encode() + silence() + f"\r\n--{boundary}--\r\n".encode()
        request = urllib.request.Request(  # noqa: S310 - our http
            self.url + "/v1/audio/transcriptions",
            data=body,
            headers={"Content-Type": f"multipart/form-data; boundary={boundary}"},
        )
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 - our http
            return str(json.load(answer)["id"])

    def job(self, job_id: str) -> Any:  # noqa: ANN401 - JSON
        """Returns a job as the gateway shows it."""
        return self.get(f"/v1/audio/transcriptions/{job_id}")

    def completed(self, job_id: str) -> None:
        """Waits until a job is completed, with the stub's text."""
        until(lambda: self.job(job_id)["status"] in {"completed", "failed"}, f"{job_id} to end")
        job = self.job(job_id)
        require(job["status"] == "completed", f"the job did not complete: {job}")
        require(job["text"] == STUB_TEXT, f"the job has another text: {job}")


def silence() -> bytes:
    """Returns a WAV file of one second: 16 kHz, mono, signed 16-bit."""
    memory = io.BytesIO()
    with wave.open(memory, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(bytes(2 * 16000))
    return memory.getvalue()


def until(condition: Callable[[], object], described: str) -> None:
    """Waits for a condition.

    Raises:
        CheckFailedError: it did not come true in a minute.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        require(time.monotonic() < deadline, f"waited in vain for {described}")
        time.sleep(0.2)


def check_hardening(stack: Stack) -> None:
    """Every container: unprivileged user, read-only, no capabilities, limits."""
    for service, container in stack.containers():
        host = container["HostConfig"]
        user = container["Config"]["User"].partition(":")[0]
        require(user not in {"", "0", "root"}, f"{service} runs as root")
        require(host["ReadonlyRootfs"], f"{service} can write to its file system")
        require(host["CapDrop"] == ["ALL"] and not host["CapAdd"], f"{service} has capabilities")
        require("no-new-privileges:true" in host["SecurityOpt"], f"{service} may gain privileges")
        require(host["Memory"] > 0 and host["PidsLimit"] > 0, f"{service} has no limits")
        require(not host["Privileged"], f"{service} is privileged")
        if container["State"]["Running"]:
            found = run("docker", "exec", container["Id"], "id", "-u").strip()
            require(found != "0", f"{service} runs as root")


def check_separation(stack: Stack) -> None:
    """Engines have no way to the database; no port is open to other machines."""
    for service, container in stack.containers():
        variables = {entry.partition("=")[0] for entry in container["Config"]["Env"]}
        networks = container["NetworkSettings"]["Networks"]
        if service.startswith("engine-"):
            secret = {name for name in variables if name.startswith(("DATABASE_", "POSTGRES_"))}
            require(not secret, f"{service} knows {secret}")
            require(not any("database" in name for name in networks), f"{service} is in {networks}")
            tmpfs = container["HostConfig"]["Tmpfs"]
            require(tmpfs == {"/tmp/dalston": "size=1G"}, f"{service} has {tmpfs}")  # noqa: S108
        for port, places in (container["HostConfig"]["PortBindings"] or {}).items():
            addresses = {place["HostIp"] for place in places}
            require(addresses == {"127.0.0.1"}, f"{service} publishes {port} at {addresses}")


def check_store(stack: Stack) -> None:
    """What the store says that it has is on the disk."""
    said = stack.compose("logs", "--no-color", "write-through")
    require("are written through to the disk" in said, f"write-through said {said}")


def check_redis(stack: Stack) -> None:
    """Redis answers nobody without the password, and has no commands that destroy."""
    asked = stack.attempt("exec", "-T", "redis", "redis-cli", "ping")
    require("NOAUTH" in asked.stdout + asked.stderr, f"Redis answered: {asked.stdout}")
    login = 'REDISCLI_AUTH="$REDIS_PASSWORD" redis-cli'
    for command in ("flushall", "config get '*'", "shutdown nosave", "monitor", "keys '*'"):
        asked = stack.attempt("exec", "-T", "redis", "sh", "-c", f"{login} {command}")
        require("NOPERM" in asked.stdout + asked.stderr, f"{command}: {asked.stdout}")


def check_engine_id(stack: Stack) -> None:
    """An engine whose ENGINE_ID is another's refuses to start."""
    asked = stack.attempt(
        "run", "--rm", "--no-deps", "-T", "-e", "ENGINE_ID=another", "engine-stub-transcriber"
    )
    require(asked.returncode == 2, f"it ended with {asked.returncode}")  # noqa: PLR2004
    require("ENGINE_ID is another" in asked.stdout + asked.stderr, f"it said {asked.stderr}")


def check_job(stack: Stack) -> None:
    """A recording is posted and transcribed."""
    stack.completed(stack.post_recording())


def slots(stack: Stack, engine_id: str) -> int:
    """Returns how many tasks of an engine can be worked on at a time."""
    return int(stack.get("/health/ready")["engines"][engine_id]["slots"])


def restarts(stack: Stack, service: str) -> int:
    """Returns how often Docker had to start a service's containers again."""
    return sum(int(one["RestartCount"]) for name, one in stack.containers() if name == service)


def check_scaling(stack: Stack) -> None:
    """Engines join while jobs run, and leave again."""
    service = "engine-stub-transcriber"
    jobs = [stack.post_recording() for _ in range(JOBS // 2)]
    stack.compose("up", "-d", "--no-build", "--no-recreate", "--scale", f"{service}={ENGINES}")
    until(lambda: slots(stack, "stub-transcriber") == ENGINES, f"{ENGINES} transcribers")
    jobs += [stack.post_recording() for _ in range(JOBS // 2)]
    for job in jobs:
        stack.completed(job)
    logs = stack.compose("logs", "--no-color", service)
    busy = {line.split("|")[0] for line in logs.splitlines() if "task_completed" in line}
    require(len(busy) == ENGINES, f"only {busy} did something")
    started = time.monotonic()
    stack.compose("up", "-d", "--no-build", "--no-recreate", "--scale", f"{service}=1")
    took = time.monotonic() - started
    require(took < LONGEST_STOP_SECONDS, f"idle engines took {took:.0f} s to leave")
    until(lambda: slots(stack, "stub-transcriber") == 1, "one transcriber")


def check_crash(stack: Stack) -> None:
    """An engine whose every process is killed comes back, and nothing is lost."""
    jobs = [stack.post_recording() for _ in range(JOBS // 2)]
    service = "engine-stub-transcriber"
    killed = stack.attempt("exec", "-T", service, "sh", "-c", "kill -9 -1")
    require(killed.returncode == 0, f"it could not be killed: {killed.stderr}")
    for job in jobs:
        stack.completed(job)
    until(lambda: restarts(stack, service) == 1, "the killed container to be restarted")
    until(lambda: slots(stack, "stub-transcriber") == 1, "the transcriber")


def check_restart(stack: Stack) -> None:
    """All containers are removed and made anew; the data stays, and every role ended cleanly."""
    job = stack.post_recording()
    stack.completed(job)
    started = time.monotonic()
    stack.compose("stop")
    took = time.monotonic() - started
    require(took < LONGEST_STOP_SECONDS, f"it took {took:.0f} s to stop")
    for service, container in stack.containers():
        status = container["State"]["ExitCode"]
        require(status in STOPPED, f"{service} ended with {status}")
        require(not container["State"]["OOMKilled"], f"{service} ran out of memory")
    stack.compose("down")
    stack.compose("up", "-d", "--no-build", "--wait")
    stack.find_gateway()
    stack.completed(job)
    check_job(stack)


def check_backup(stack: Stack) -> None:
    """A back-up, as docs/deployment.md has it, is all that another machine needs."""
    job = stack.post_recording()
    stack.completed(job)
    stack.compose("stop", "engine-stub-transcriber")
    waiting = stack.post_recording()
    other = Stack([*stack.compose_command, "--project-name", RESTORED])
    once = ("run", "--rm", "--no-deps", "-T", "--entrypoint")
    with tempfile.TemporaryDirectory() as folder:
        rows, objects = Path(folder, "dalston.sql"), Path(folder, "objects.tar")
        stack.to_file(rows, "exec", "-T", "postgres", "pg_dump", "-U", "dalston", "dalston")
        stack.compose("stop", "seaweedfs")
        pack = "cd /var/tmp && exec tar -c *"
        stack.to_file(objects, *once, "sh", "seaweedfs", "-c", pack)
        # Both would publish the same ports.
        stack.compose("stop")
        try:
            other.compose("up", "-d", "--no-build", "--wait", "postgres")
            into = ("psql", "-q", "-1", "-v", "ON_ERROR_STOP=1", "-U", "dalston", "dalston")
            other.from_file(rows, "exec", "-T", "postgres", *into)
            other.from_file(objects, *once, "tar", "seaweedfs", "-C", "/var/tmp", "-x")  # noqa: S108
            other.compose("up", "-d", "--no-build", "--wait")
            other.find_gateway()
            other.completed(job)
            other.completed(waiting)
        finally:
            other.compose("down", "--volumes")
    stack.compose("up", "-d", "--no-build", "--wait")
    stack.find_gateway()
    stack.completed(waiting)


CHECKS = (
    check_job,
    check_hardening,
    check_separation,
    check_store,
    check_redis,
    check_engine_id,
    check_scaling,
    check_crash,
    check_restart,
    check_backup,
)


def main(compose: list[str]) -> int:
    """Runs all checks; returns the exit status."""
    stack = Stack(compose or ["docker", "compose"])
    for check in (Stack.find_gateway, *CHECKS):
        started = time.monotonic()
        try:
            check(stack)
        except (CheckFailedError, OSError) as error:
            sys.stderr.write(f"FAILED  {check.__doc__}\n        {error}\n")
            return 1
        print(f"ok {time.monotonic() - started:5.1f} s  {check.__doc__}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
