"""The rules of the house that no ready-made tool checks: one function per rule.

Each rule takes the repository's files and yields what breaks it. Rules read syntax trees, never run
the code, and have no switch to silence them in a source file; only sizes may be excepted, by name,
in scripts/size_exceptions.txt. `make check` runs this: python -m scripts.check_rules.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator

from scripts.check_source import Rule, Source, Violation, called, imported, repository_files
from scripts.check_status import COMPILED, check_status_writes

SIZE_EXCEPTIONS = "scripts/size_exceptions.txt"

LONGEST_FILE = 400
LONGEST_FUNCTION = 50

SETTINGS = "dalston/config.py"
SDK = "dalston.engine_sdk"
CHILD_ROOTS = (SDK, *(f"{SDK}.{name}" for name in ("base", "types", "child", "questions")))


def functions(tree: ast.AST, prefix: str = "") -> Iterator[tuple[str, int, int]]:
    """Yields qualified name, line and length in lines of each function, nested ones included."""
    for node in ast.iter_child_nodes(tree):
        name = prefix
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = f"{prefix}{node.name}."
            if not isinstance(node, ast.ClassDef):
                yield name[:-1], node.lineno, (node.end_lineno or node.lineno) - node.lineno + 1
        yield from functions(node, name)


def frozen_sizes(sources: list[Source]) -> dict[str, int]:
    """Reads the exceptions: `path lines` or `path::function lines`; # starts a comment."""
    text = next((s.text for s in sources if s.path == SIZE_EXCEPTIONS), "")
    entries = (line.partition("#")[0].split() for line in text.splitlines())
    return {entry[0]: int(entry[1]) for entry in entries if entry}


def check_sizes(sources: list[Source]) -> Iterator[Violation]:
    """Files up to 400 lines, functions up to 50; an exception never grows and ends when it can.

    Nobody reads compiled statements from one end to the other: their files are as long as they get.
    """
    frozen = frozen_sizes(sources)
    for source in sources:
        if not source.path.endswith(".py") or source.below(COMPILED):
            continue
        sizes = [(source.path, 1, len(source.text.splitlines()), LONGEST_FILE)]
        for name, line, length in functions(source.tree):
            sizes.append((f"{source.path}::{name}", line, length, LONGEST_FUNCTION))
        for name, line, length, limit in sizes:
            allowed = frozen.pop(name, None)
            if length > (allowed or limit):
                text = f"{name} has {length} lines, {allowed or limit} are allowed: split it"
                yield Violation(source.path, line, text)
            elif allowed is not None and length < allowed:
                new = f"lower it to {length}" if length > limit else "remove it"
                text = f"the exception of {name} may only shrink: {new}"
                yield Violation(SIZE_EXCEPTIONS, 1, text)
    for name in frozen:
        yield Violation(SIZE_EXCEPTIONS, 1, f"{name} is no more: remove its exception")


def check_names(sources: list[Source]) -> Iterator[Violation]:
    """No module or folder whose name says only that something had no other place."""
    for source in sources:
        parts = set(source.path.removesuffix(".py").split("/"))
        if source.path.endswith(".py") and parts & {"util", "utils", "helper", "helpers", "misc"}:
            yield Violation(source.path, 1, "name the file after its subject")


def check_environment(sources: list[Source]) -> Iterator[Violation]:
    """Only dalston/config.py reads the environment, in dalston/ and engines/."""
    readers = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv", "expandvars"}
    keywords = {"envvar", "auto_envvar_prefix"}  # click's ways to read it
    for source in sources:
        if source.path == SETTINGS or not source.below("dalston", "engines"):
            continue
        for node in ast.walk(source.tree):
            match node:
                case ast.Attribute(attr=name) if name in readers:
                    pass
                case ast.ImportFrom(module="os" | "os.path", names=names) if any(
                    alias.name in readers for alias in names
                ):
                    pass
                case ast.Call(keywords=given) if any(k.arg in keywords for k in given):
                    pass
                case _:
                    continue
            text = f"only {SETTINGS} reads the environment: take the value as an argument"
            yield Violation(source.path, node.lineno, text)


def is_sdk(module: str) -> bool:
    """Tells whether a module is dalston.engine_sdk or lies in it."""
    return f"{module}.".startswith(f"{SDK}.")


def check_engine_imports(sources: list[Source]) -> Iterator[Violation]:
    """Engines import nothing of Dalston but dalston.engine_sdk."""
    for source in sources:
        if not source.below("engines"):
            continue
        for node in ast.walk(source.tree):
            modules = imported(node)
            if modules[:1] == ["dalston"] and isinstance(node, ast.ImportFrom):
                modules = modules[1:]
            for module in modules:
                if module.split(".")[0] == "dalston" and not is_sdk(module):
                    text = f"an engine imports {SDK} only, not {module}"
                    yield Violation(source.path, getattr(node, "lineno", 1), text)
                    break


def is_for_types(node: ast.AST) -> bool:
    """Tells whether a statement is `if TYPE_CHECKING:`, whose body never runs."""
    return isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"


def imports_that_run(node: ast.AST, *, at_load: bool = True) -> Iterator[tuple[ast.stmt, bool]]:
    """Yields each import that can run, and whether loading the module runs it."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child, at_load
        elif not is_for_types(child):
            later = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
            yield from imports_that_run(child, at_load=at_load and not later)


def check_child_imports(sources: list[Source]) -> Iterator[Violation]:
    """What an engine's child process loads of Dalston needs the standard library only.

    Starts at dalston.engine_sdk and its base, types, child and questions, and follows what loading
    them imports. Inside a function they may import what is heavier, but only from
    dalston.engine_sdk.
    """
    files: dict[str, Source] = {}
    for source in sources:
        if source.below("dalston"):
            name = source.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
            files[name] = source
    waiting, seen = ["dalston", *CHILD_ROOTS], set[str]()
    while waiting:
        module = waiting.pop()
        if module in seen or module not in files:
            continue
        seen.add(module)
        for node, at_load in imports_that_run(files[module].tree):
            for name in imported(node):
                if is_sdk(name):
                    waiting += [name] if at_load else []
                elif name.split(".")[0] not in sys.stdlib_module_names:
                    text = f"{module} is loaded in an engine's child process: it can't need {name}"
                    yield Violation(files[module].path, node.lineno, text)
                    break


def place_patterns() -> dict[str, re.Pattern[str]]:
    """Returns what no file may name; the words are put together so that this file names none."""
    hosts = (
        "py" + r"pi\.\w",
        "python" + "hosted",
        "npm" + r"js\.\w",
        "crates" + r"\.io",
        "ruby" + r"gems\.org",
        "repo1?" + r"\.maven",
        "proxy" + r"\.golang",
        "conda" + r"\.anaconda",
        r"(deb|security)\.debian" + r"\.org",
        r"(archive|security)\.ubuntu" + r"\.com",
        "artifact" + "ory",
        "codeart" + "ifact",
        "jf" + r"rog\.",
        r"-python\.pkg" + r"\.dev",
        "dev" + r"pi\b",
    )
    user = r"[A-Za-z_][\w.-]*"
    folders = ("root", f"home/{user}", "work", f"Users/{user}", "opt/wheels", "opt/py" + "pi")
    return {
        "a registry's host: say the package's name only": re.compile(
            "|".join(hosts), re.IGNORECASE
        ),
        "a path of one machine: write it relative to the repository": re.compile(
            rf"(?<![\w.$~*}}\])-])/({'|'.join(folders)})(?![\w-])"
        ),
    }


def check_places(sources: list[Source]) -> Iterator[Violation]:
    """No file names a package registry's host or a path of one machine."""
    patterns = place_patterns()
    for source in sources:
        for number, line in enumerate(source.text.splitlines(), start=1):
            for text, pattern in patterns.items():
                if match := pattern.search(line):
                    yield Violation(source.path, number, f"{match.group()} is {text}")


def check_waiting(sources: list[Source]) -> Iterator[Violation]:
    """A test waits for a condition, never for a time."""
    for source in sources:
        if not source.below("tests") or not re.search(r"/(test_\w+|conftest)\.py$", source.path):
            continue
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Call) and called(node) == "sleep":
                yield Violation(source.path, node.lineno, "a test waits for a described condition")


RULES: tuple[Rule, ...] = (
    check_sizes,
    check_names,
    check_environment,
    check_status_writes,
    check_engine_imports,
    check_child_imports,
    check_places,
    check_waiting,
)


def violations(sources: list[Source], rules: Iterable[Rule] = RULES) -> list[Violation]:
    """Applies rules to files and returns what breaks them, by file and line."""
    return sorted({violation for rule in rules for violation in rule(sources)})


def main() -> int:
    """Prints each violation on a line; the exit status is 1 if there is one."""
    try:
        sources = repository_files()
    except (OSError, subprocess.CalledProcessError):
        print("This check asks git for the repository's files: run it in a git checkout.")
        return 1
    found = violations(sources)
    for violation in found:
        print(violation)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
