"""Writes dalston/db/compiled/: the SQL of each statement in dalston/db/definitions/.

`make statements` runs this. With `--check`, as in `make check`, nothing is written, and the exit
status is 1 if a file is not what would be.
"""

import argparse
import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

from dalston.db import definitions
from dalston.db.definitions.compiling import Family, compiled
from dalston.db.kinds import Kind
from dalston.db.statements import SQL, Column, Constant, Parameter, Statement
from scripts.check_source import ROOT

FOLDER = Path("dalston", "db", "compiled")
PACKAGE = (
    '"""The statements as SQL, written by `make statements` from dalston/db/definitions/."""\n'
)


def named(value: Column | Parameter) -> str:
    """Returns the source of a column or a parameter."""
    kind = "" if value.kind is Kind.PLAIN else f", {value.kind}"
    return f"{type(value).__name__}({value.name!r}{kind})"


def several(sources: list[str]) -> str:
    """Returns the source of a tuple."""
    return f"({', '.join(sources)}{',' if len(sources) == 1 else ''})"


def sql_source(written: SQL) -> str:
    """Returns the source of a text and its places."""
    text = written.text.replace("\\", "\\\\")
    # What would end the string, or run into its end.
    text = re.sub(r'"(?="")|"\Z', r"\\\g<0>", text)
    places = [
        f"Constant({place.value!r})" if isinstance(place, Constant) else named(place)
        for place in written.places
    ]
    return f'SQL("""\\\n{text}""", {several(places)},)'


def statement_source(statement: Statement) -> str:
    """Returns the source of a statement."""
    columns = several([named(column) for column in statement.columns])
    texts = "".join(f"{name}={sql_source(sql)}, " for name, sql in statement.written.items())
    return f"Statement({f'columns={columns}, ' if statement.columns else ''}{texts})"


def family_source(family: Family) -> str:
    """Returns the source of a statement, or of a tuple or a dictionary of them."""
    if isinstance(family, Statement):
        return statement_source(family)
    if isinstance(family, tuple):
        return several([statement_source(one) for one in family])
    entries = (f"{key!r}: {statement_source(one)}, " for key, one in family.items())
    return f"{{{''.join(entries)}}}"


def module_source(name: str, families: dict[str, Family]) -> str:
    """Returns the source of a module of statements, laid out by the formatter."""
    body = "".join(f"{one} = {family_source(family)}\n" for one, family in families.items())
    classes = ("SQL", "Column", "Constant", "Parameter", "Statement")
    used = ", ".join(one for one in classes if f"{one}(" in body)
    kinds = "from dalston.db.kinds import Kind\n" if "Kind." in body else ""
    head = (
        '"""Written by `make statements` from '
        f'dalston/db/definitions/{name}.py: change that."""\n\n'
        "from __future__ import annotations\n\n"
        f"{kinds}from dalston.db.statements import {used}\n\n"
    )
    command = [str(Path(sys.executable).parent / "ruff"), "format", "--quiet", "-"]
    done = subprocess.run(
        command, cwd=ROOT, input=head + body, capture_output=True, text=True, check=True
    )
    return done.stdout


def wanted() -> dict[Path, str]:
    """Returns what the folder of compiled statements should hold, by path."""
    files = {FOLDER / "__init__.py": PACKAGE}
    for found in pkgutil.iter_modules(definitions.__path__):
        families = compiled(importlib.import_module(f"{definitions.__name__}.{found.name}"))
        if families:
            files[FOLDER / f"{found.name}.py"] = module_source(found.name, families)
    return files


def present() -> dict[Path, str]:
    """Returns what it holds."""
    paths = sorted((ROOT / FOLDER).glob("*.py"))
    return {path.relative_to(ROOT): path.read_text(encoding="utf-8") for path in paths}


def main(arguments: list[str]) -> int:
    """Writes the files, or says which ones are out of date; returns the exit status."""
    parser = argparse.ArgumentParser(description="Write dalston/db/compiled/.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if one would be")
    check = parser.parse_args(arguments).check
    new, old = wanted(), present()
    stale = sorted(path for path in new.keys() | old.keys() if new.get(path) != old.get(path))
    for path in stale:
        if check:
            print(f"{path}: not what its definitions say; run make statements")
        elif path in new:
            (ROOT / path).write_text(new[path], encoding="utf-8")
        else:
            (ROOT / path).unlink()
    if not check:
        print(f"{len(stale)} of {len(new)} files are new.")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
