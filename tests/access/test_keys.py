"""API keys: who is let in, what with, and for how long."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from dalston.common.access import Scope, mint_key, prefix_of
from dalston.db.keys import list_keys
from tests.bad_input import forms
from tests.bad_input.wire import ask, assert_refused, head
from tests.support.deployment import Deployment
from tests.support.keys import bearer, in_database, make_key, revoke
from tests.support.stack import TRANSCRIPTIONS, Role, Stack
from tests.support.waiting import until

EVERYWHERE = "0.0.0.0"  # noqa: S104 - refused, unless something allows it
FILE = {"file": ("a.wav", b"x")}
HUGE = "Content-Length: 209715200"


def command(deployment: Deployment, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dalston", *arguments],
        env=deployment.environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_command_line_makes_lists_and_revokes(stack: Stack, deployment: Deployment) -> None:
    gateway = stack.gateway()
    assert gateway.logged("no_api_keys")
    made = command(deployment, "keys", "create", "--name", "My laptop", "--expires", "90d")
    key = made.stdout.strip()
    prefix = prefix_of(key)
    assert prefix is not None
    assert key not in made.stderr
    assert "--owner local" in made.stderr
    listed = command(deployment, "keys", "list").stdout
    assert prefix in listed
    assert "usable" in listed
    assert key[len(prefix) :] not in listed
    [row] = in_database(deployment, list_keys)
    assert key[len(prefix) :] not in repr(row)
    until(
        lambda: stack.client.get(TRANSCRIPTIONS).status_code == 401,
        "the gateway to ask for a key",
        5,
    )
    assert stack.client.get(TRANSCRIPTIONS, headers=bearer(key)).status_code == 200

    assert command(deployment, "keys", "revoke", prefix).returncode == 0
    assert "revoked" in command(deployment, "keys", "list").stdout
    until(
        lambda: stack.client.get(TRANSCRIPTIONS, headers=bearer(key)).status_code == 401,
        "the gateway to refuse the revoked key",
        5,
    )
    # The last key is gone, and nobody gets in because of that.
    assert stack.client.get(TRANSCRIPTIONS).status_code == 401


def test_limits_of_an_owner_without_a_key_are_told_to_be_such(
    stack: Stack, deployment: Deployment
) -> None:
    del stack
    make_key(deployment, "ada")
    limit = ("--requests-per-minute", "60")
    for owner in ("ada", "local", "everybody"):
        assert not command(deployment, "limits", "set", owner, *limit).stderr
    misspelt = command(deployment, "limits", "set", "adda", *limit)
    assert misspelt.returncode == 0
    assert "no key is of an owner 'adda'" in misspelt.stderr


@pytest.mark.parametrize("deployment", ["embedded"], indirect=True)
def test_limits_are_listed_also_of_those_who_have_none_of_their_own(
    stack: Stack, deployment: Deployment
) -> None:
    del stack
    make_key(deployment, "ada")
    command(deployment, "limits", "set", "everybody", "--running-jobs", "1")
    listed = command(deployment, "limits", "list").stdout.splitlines()
    assert "everybody: 1 running job" in listed
    assert "ada: no limits of its own; everybody's hold" in listed
    command(deployment, "limits", "set", "everybody", "--upload-bytes", "9")
    command(deployment, "limits", "set", "ada", "--running-jobs", "3")
    listed = command(deployment, "limits", "list").stdout.splitlines()
    assert "everybody: 1 running job, 9 bytes per upload" in listed
    assert "ada: 3 running jobs; everybody's: 9 bytes per upload" in listed
    command(deployment, "limits", "set", "everybody", "--upload-bytes", "none")
    none = command(deployment, "limits", "set", "everybody", "--running-jobs", "none")
    assert none.stdout == "everybody: no limits\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["keys", "create", "--name", "local"], "--owner local"),
        (["keys", "create", "--name", "x", "--owner", "../x"], "--owner"),
        (["keys", "create", "--name", "a\nb"], "--name"),
        (["keys", "create", "--name", "x", "--expires", "yesterday"], "--expires"),
        (["keys", "create", "--name", "x", "--expires", "2001-01-01"], "--expires"),
        (["keys", "create", "--name", "x", "--expires", "9999-12-31T23:59-14:00"], "--expires"),
        (["keys", "create", "--name", "Everybody"], "'everybody' stands for all owners"),
        (["keys", "create", "--name", "x", "--scope", "root"], "--scope"),
        (["keys", "revoke", "dk_00000000"], "keys list"),
        (["keys", "revoke", "nonsense"], "keys list"),
        (["limits", "set", "somebody"], "limit"),
        (["limits", "set", "somebody", "--running-jobs", "0"], "--running-jobs"),
        (["limits", "set", "somebody", "--upload-bytes", "1GB"], "a number of bytes"),
        (["limits", "set", "Cara", "--running-jobs", "1"], "small letters"),
        (["limits", "set", "Cara", "--running-jobs", "1"], "Did you mean 'cara'?"),
    ],
)
def test_a_wrong_command_changes_nothing(
    stack: Stack, deployment: Deployment, arguments: list[str], said: str
) -> None:
    del stack
    refused = command(deployment, *arguments)
    assert refused.returncode != 0
    assert said in refused.stderr
    assert "Traceback" not in refused.stderr
    assert in_database(deployment, list_keys) == []


def test_a_revoked_key_is_refused_by_every_gateway_within_five_seconds(
    stack: Stack, deployment: Deployment
) -> None:
    key, other = make_key(deployment, "ada"), make_key(deployment, "ada")
    other_stack = Stack(deployment)
    try:
        for one in (stack, other_stack):
            one.gateway()
            assert one.client.get(TRANSCRIPTIONS, headers=bearer(key)).status_code == 200
        revoke(deployment, key)
        for one in (stack, other_stack):
            until(
                lambda one=one: (
                    one.client.get(TRANSCRIPTIONS, headers=bearer(key)).status_code  # type: ignore[misc]
                    == 401
                ),
                "the revoked key to be refused",
                5,
            )
            assert one.client.get(TRANSCRIPTIONS, headers=bearer(other)).status_code == 200
    finally:
        other_stack.close()


def test_02_every_bad_key_hears_the_same(stack: Stack, deployment: Deployment) -> None:
    good = make_key(deployment, "ada")
    revoked = make_key(deployment, "ada")
    revoke(deployment, revoked)
    expired = make_key(deployment, "ada", expires_at=datetime.now(UTC) - timedelta(seconds=1))
    stack.gateway()
    prefix = prefix_of(good) or ""
    forged = next(key for key in iter(mint_key, "") if prefix_of(key) != prefix)
    attempts: list[list[tuple[str, str]]] = [
        [],
        *(
            [("Authorization", f"Bearer {key}")]
            for key in (revoked, expired, forged, good[:-1], f"{good}a", "dk_", prefix)
        ),
        [("Authorization", f"Basic {good}")],
        [("Authorization", good)],
        [("Authorization", "Bearer")],
        [("Authorization", f"Bearer {good}"), ("Authorization", f"Bearer {good}")],
        [("X-Api-Key", good)],
    ]
    heard = set()
    for headers in attempts:
        answer = stack.client.get(TRANSCRIPTIONS, headers=headers)
        assert answer.status_code == 401, headers
        assert answer.headers["www-authenticate"] == "Bearer"
        error = answer.json()["error"]
        assert answer.headers["x-request-id"] == error.pop("request_id")
        heard.add(str(error))
    assert len(heard) == 1
    assert "'invalid_api_key'" in heard.pop()
    for name in ("key", "api_key", "access_token"):
        assert stack.client.get(TRANSCRIPTIONS, params={name: good}).status_code == 401
    assert stack.client.get(TRANSCRIPTIONS, headers=bearer(good)).status_code == 200
    small = {"authorization": f"bearer  {good}"}
    assert stack.client.get(TRANSCRIPTIONS, headers=small).status_code == 200


def test_01_a_large_body_without_a_key_is_refused_before_it_is_read(
    stack: Stack, deployment: Deployment
) -> None:
    make_key(deployment, "ada")
    stack.gateway()
    # Not a byte of the body is sent: whoever answers has not waited for it.
    refused = ask(stack.url, head(TRANSCRIPTIONS, forms.CONTENT_TYPE, HUGE))
    assert_refused(refused, 401, "invalid_api_key")
    waiting = head(TRANSCRIPTIONS, forms.CONTENT_TYPE, HUGE, "Expect: 100-continue")
    assert_refused(ask(stack.url, waiting), 401, "invalid_api_key")


def test_03_a_key_without_the_scope_is_refused_before_the_body_is_read(
    stack: Stack, deployment: Deployment
) -> None:
    reads = make_key(deployment, "ada", [Scope.READ])
    submits = make_key(deployment, "ada", [Scope.SUBMIT])
    everything = make_key(deployment, "ada", [Scope.ADMIN])
    stack.gateway()
    shown = f"Authorization: Bearer {reads}"
    refused = ask(stack.url, head(TRANSCRIPTIONS, forms.CONTENT_TYPE, HUGE, shown))
    error = assert_refused(refused, 403, "insufficient_scope")
    assert "'submit'" in error["message"]
    assert "insufficient_scope" in refused.headers["www-authenticate"]

    client = stack.client
    job = client.post(TRANSCRIPTIONS, files=FILE, headers=bearer(submits)).json()["id"]
    path = f"{TRANSCRIPTIONS}/{job}"
    assert client.get(path, headers=bearer(submits)).status_code == 403
    assert client.get(path, headers=bearer(reads)).status_code == 200
    assert client.delete(path, headers=bearer(reads)).status_code == 403
    assert client.delete(path, headers=bearer(submits)).status_code == 204
    answer = client.post(TRANSCRIPTIONS, files=FILE, headers=bearer(everything))
    assert answer.status_code == 202
    assert client.get(answer.headers["location"], headers=bearer(everything)).status_code == 200


@pytest.mark.parametrize(
    ("named", "allowed"),
    [
        ((), {Scope.SUBMIT, Scope.READ}),
        (("read",), {Scope.READ}),
        (("submit", "admin"), {Scope.SUBMIT, Scope.ADMIN}),
    ],
)
def test_scopes_are_named_as_the_documentation_names_them(
    deployment: Deployment, named: tuple[str, ...], allowed: set[Scope]
) -> None:
    options = [word for scope in named for word in ("--scope", scope)]
    made = (
        command(deployment, "migrate").returncode,
        command(deployment, "keys", "create", "--name", "desk", *options),
    )
    assert (made[0], made[1].returncode) == (0, 0), made[1].stderr
    [row] = in_database(deployment, list_keys)
    assert row.scopes == allowed


def test_whoever_makes_a_key_is_told_for_which_server(tmp_path: Path) -> None:
    folder = tmp_path / "my data"
    environment = {name: v for name, v in os.environ.items() if not name.startswith("DATABASE_URL")}
    call = [sys.executable, "-m", "dalston"]

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*call, *arguments, "--data-dir", folder],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    refused = run("serve", "--host", EVERYWHERE, "--port", "0")
    assert f"keys create --data-dir '{folder}' --name" in refused.stderr
    made = run("keys", "create", "--name", "desk")
    assert str(folder) in made.stderr
    assert "none runs there now" in made.stderr
    assert "From now on the server " in made.stderr
    second = run("keys", "create", "--name", "phone")
    assert f"It is for the server of the data folder {folder}" in second.stderr
    assert "From now on" not in second.stderr


def test_a_data_folder_is_its_owners_alone_whoever_makes_it(tmp_path: Path) -> None:
    folder = tmp_path / "new?" / "data%20"
    call = [sys.executable, "-m", "dalston", "keys", "create", "--data-dir", str(folder)]
    environment = {name: v for name, v in os.environ.items() if not name.startswith("DATABASE_URL")}
    subprocess.run(
        [*call, "--name", "desk"],
        env=environment,
        check=True,
        capture_output=True,
        timeout=60,
        umask=0o022,
    )
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "dalston.db").stat().st_mode & 0o777 == 0o600
    assert (folder / "dalston.db").stat().st_size > 0


def test_a_damaged_database_ends_a_command_instead_of_stopping_it(tmp_path: Path) -> None:
    (tmp_path / "dalston.db").write_bytes(b"this is no database at all, however long it is" * 100)
    call = [sys.executable, "-m", "dalston", "keys", "list", "--data-dir", str(tmp_path)]
    environment = {name: v for name, v in os.environ.items() if not name.startswith("DATABASE_URL")}
    ended = subprocess.run(call, env=environment, check=False, capture_output=True, timeout=60)
    assert ended.returncode == 1


def test_the_documentation_needs_no_key_and_tells_of_it(
    stack: Stack, deployment: Deployment
) -> None:
    make_key(deployment, "ada", [Scope.READ])
    stack.gateway()
    page = stack.client.get("/docs")
    assert page.status_code == 200
    # A browser asks for these without a key, too.
    for path in re.findall(r'(?:src|href)="(/[^"]+)"', page.text):
        assert stack.client.get(path).status_code == 200, path
    told = stack.client.get("/openapi.json").json()
    assert told["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    submission = told["paths"][TRANSCRIPTIONS]["post"]
    assert {"key": []} in submission["security"]
    assert {"401", "403", "409", "422", "429"} <= set(submission["responses"])
    assert [one["name"] for one in submission["parameters"]] == ["Idempotency-Key", "Prefer"]
    assert "security" not in told["paths"]["/health"]["get"]


def test_no_log_has_a_key(stack: Stack, deployment: Deployment) -> None:
    key = make_key(deployment, "ada")
    gateway = stack.gateway()
    client = stack.client
    client.post(TRANSCRIPTIONS, files={"file": (f"{key}.wav", b"x")}, headers=bearer(key))
    client.get(f"{TRANSCRIPTIONS}/{key}", params={"key": key}, headers=bearer(key))
    client.post(
        TRANSCRIPTIONS,
        files=FILE,
        headers=bearer(key) | {"Idempotency-Key": key, "User-Agent": key},
    )
    gateway.stop()
    log = gateway.log.read_text()
    assert prefix_of(key) is not None
    assert str(prefix_of(key)) in log, "the request's path was not logged at all"
    assert key[11:] not in log


def test_without_keys_the_gateway_serves_only_this_machine(
    stack: Stack, deployment: Deployment
) -> None:
    with socket.create_server((EVERYWHERE, 0)) as listener:
        descriptor = listener.fileno()
        os.set_inheritable(descriptor, True)  # noqa: FBT003 - the call's own shape
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"

        def start(**settings: str) -> Role:
            return stack.start("gateway", "--fd", str(descriptor), fd=descriptor, **settings)

        refused = start()
        assert refused.ended() == 2
        assert "keys create" in refused.log.read_text()

        published = start(DALSTON_PUBLISHED_ADDRESS="127.0.0.1")
        until(lambda: _status(url) == 200, "a gateway that is published on this machine alone")
        assert published.logged("no_api_keys")
        published.kill()

        make_key(deployment, "ada")
        with_keys = start()
        until(lambda: _status(url) == 401, "a gateway that asks for keys")
        assert with_keys.logged("no_api_keys") == []


def _status(url: str) -> int | None:
    try:
        return httpx.get(f"{url}{TRANSCRIPTIONS}", timeout=5, trust_env=False).status_code
    except httpx.HTTPError:
        return None


def test_without_keys_serve_serves_only_this_machine(tmp_path: Path) -> None:
    arguments = ["serve", "--host", EVERYWHERE, "--port", "0", "--data-dir", str(tmp_path)]
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DALSTON_", "DATABASE_URL", "REDIS_URL"))
    }
    refused = subprocess.run(
        [sys.executable, "-m", "dalston", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert refused.returncode == 2
    assert "keys create" in refused.stderr
    assert "Traceback" not in refused.stderr
