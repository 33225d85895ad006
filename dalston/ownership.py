"""Which folder is meant, and whose its files are.

What one user makes in a data folder, another's server can't use.
"""

from __future__ import annotations

import errno
import os
import shlex
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from dalston.common.errors import ConfigurationError
from dalston.processes import has_account, user_called

_ROOT = 0
_NOBODY = 65_534
"""Linux shows it where the owner is a user that a container doesn't have, or that a file server
doesn't let root be."""
_DATABASE = ("dalston.db", "dalston.db-wal", "dalston.db-shm")
_OBJECTS = ("objects", "objects/jobs")
_ALWAYS = ("run", "tmp")


class _FolderPath(click.Path):
    """A folder that is named: an empty name, as of a variable that isn't set, would be this one."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401 - click's own
        if value == "":
            self.fail("no folder is named. Name one, or leave the option out.", param, ctx)
        return super().convert(value, param, ctx)


FOLDER = _FolderPath(path_type=Path, file_okay=False)


def require_own(folder: Path, *, named: bool) -> None:
    """Refuse to work as root on another user's data folder, or where one of that user's would be.

    That user's server could not use the files. Whoever has no account here has no server here:
    so it is in a container, whose volume is a folder of somebody's home. Nobody has none either.

    Args:
        folder: The data folder; need not be there.
        named: Whether the command line has named it.

    Raises:
        ConfigurationError: It is one; says what to run instead.
    """
    if os.name == "nt" or os.geteuid() != _ROOT:
        return
    place = next(path for path in (folder / "dalston.db", folder, *folder.parents) if path.exists())
    owner = place.stat().st_uid
    if owner in (_ROOT, _NOBODY) or not has_account(owner):
        return
    program = (
        sys.argv[:1] if Path(sys.argv[0]).name == "dalston" else [sys.executable, "-m", "dalston"]
    )
    where = [] if named else ["--data-dir", str(folder)]
    again = ["sudo", "-u", user_called(owner), *program, *sys.argv[1:], *where]
    raise ConfigurationError(
        f"{place} belongs to the user {user_called(owner)}, whose server could not use what root "
        f"makes there. Name a folder of root's own with --data-dir, or run this as that user: "
        f"{shlex.join(again)}"
    )


def require_usable(folder: Path, *, database: bool, objects: bool) -> None:
    """Refuse a data folder in which somebody else has put what a server must write to.

    So it is when root has restored it. A database that can be read, and an object store that can't
    be written to, would be noticed by requests alone.

    Args:
        folder: The data folder.
        database: Whether the database is in it.
        objects: Whether the objects are.

    Raises:
        OSError: Names what this user may not write to, or nobody.
    """
    for name in (*_ALWAYS, *(_DATABASE if database else ()), *(_OBJECTS if objects else ())):
        path = folder / name
        wanted = os.R_OK | os.W_OK | (os.X_OK if path.is_dir() else 0)
        if path.exists() and not os.access(path, wanted):
            nobody = os.statvfs(path).f_flag & os.ST_RDONLY
            number = errno.EROFS if nobody else errno.EACCES
            raise OSError(number, os.strerror(number), str(path))


def told_whose(error: OSError) -> str:
    """Say whose the file or the folder is that may not be used, if it is another user's."""
    if not isinstance(error, PermissionError) or not isinstance(error.filename, str):
        return ""
    if os.name == "nt":
        return ""
    own = os.geteuid()
    for place in (file := Path(error.filename).absolute(), *file.parents):
        # What isn't there was to be made in the folder above.
        with suppress(OSError):
            owner = place.stat().st_uid
            if owner == own:
                return ""
            whose = f". {place} belongs to the user {user_called(owner)}, and this runs as "
            if place == file:
                remedy = "run it as the other one, or change whose it is (chown)."
            else:
                remedy = f"make {file}, give it to this user (chown), and start again."
            return f"{whose}{user_called(own)}: {remedy}"
    return ""
