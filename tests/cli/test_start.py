"""What a command says that can't start."""

from __future__ import annotations

from tests.cli.conftest import Shell


def test_why_the_database_can_not_be_reached_is_told_without_its_password(shell: Shell) -> None:
    shell.command = "migrate"
    done = shell.run(DATABASE_URL="postgresql://user:secret@127.0.0.1:1/name")
    assert done.status == 1
    assert "can't be used now" in done.err
    assert "ConnectionRefusedError" in done.err
    assert "secret" not in done.err
