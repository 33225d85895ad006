"""The documents say what the code says, and their links lead somewhere."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import click
import pytest
from platformdirs.macos import MacOS
from platformdirs.unix import Unix

from dalston import config
from dalston.cli import cli
from dalston.common.errors import ConfigurationError
from dalston.common.models import (
    ATTEMPT_LIMITS,
    CODE_LIMITS,
    JOB_TRANSITIONS,
    TASK_TRANSITIONS,
    TERMINAL_JOB,
    Cause,
    JobStatus,
    TaskStatus,
)
from dalston.config import Settings, read_settings
from dalston.runtime import open_catalog
from tests.support.commands import commands_of

ROOT = Path(__file__).resolve().parent.parent.parent
DOCS = ROOT / "docs"
DECISIONS = DOCS / "decisions"
COMMON = ROOT / "dalston" / "common"
EXPECTED = (
    "README.md",
    "CONTRIBUTING.md",
    *(
        f"docs/{name}.md"
        for name in (
            *("api", "configuration", "engines", "models", "operations"),
            *("pipelines", "states", "walk", "decisions/README"),
        )
    ),
)
PAGES = sorted({*(ROOT / name for name in EXPECTED), *DOCS.rglob("*.md")})
RECORDS = sorted(path for path in DECISIONS.glob("[0-9]*.md") if not path.name.startswith("0000"))

MINE = """name: mine
stages:
  - {stage: prepare, engine: audio-prepare}
  - {stage: transcribe, engine: faster-whisper, after: [prepare]}
  - {stage: merge, engine: transcript-merger, after: [prepare, transcribe]}
"""

Status = TypeVar("Status", bound=StrEnum)


def section(page: str, heading: str) -> str:
    """Return what stands below a heading, up to the next one of the same level."""
    text = (DOCS / page).read_text(encoding="utf-8")
    found = re.search(rf"^{heading}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"docs/{page} has no section '{heading}'"
    return found[1]


def edges(diagram: str) -> set[tuple[str, str]]:
    return set(re.findall(r"^ +(\S+) --> (\S+)", diagram, re.MULTILINE))


def table(text: str) -> list[list[str]]:
    """Return the cells of a table's rows, without its head."""
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row.split("|")[1:-1]] for row in rows[1:]]


def docstrings(enumeration: type[StrEnum]) -> dict[str, str]:
    """Return the text below each member of an enumeration, by the member's value."""
    tree = ast.parse((COMMON / "models.py").read_text(encoding="utf-8"))
    [body] = [
        node.body
        for node in tree.body
        if isinstance(node, ast.ClassDef) and node.name == enumeration.__name__
    ]
    texts: dict[str, str] = {}
    for member, below in pairwise(body):
        match member, below:
            case (
                ast.Assign(value=ast.Constant(value=str(name))),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                texts[name] = text
    assert set(texts) == {member.value for member in enumeration}, "a member has no docstring"
    return texts


@pytest.mark.parametrize(
    ("heading", "transitions", "first"),
    [
        ("## Jobs", JOB_TRANSITIONS, {JobStatus.PENDING}),
        ("## Tasks", TASK_TRANSITIONS, {TaskStatus.PENDING, TaskStatus.READY}),
    ],
    ids=["jobs", "tasks"],
)
def test_diagram_shows_each_transition_and_no_other(
    heading: str, transitions: Mapping[Status, Iterable[Status]], first: set[Status]
) -> None:
    expected = {("[*]", status.value) for status in first}
    for before, following in transitions.items():
        ends = [after.value for after in following]
        ends += ["[*]"] if before in TERMINAL_JOB or not following else []
        expected |= {(before.value, end) for end in ends}

    assert edges(section("states.md", heading)) == expected


@pytest.mark.parametrize(
    ("heading", "statuses"), [("## Jobs", JobStatus), ("## Tasks", TaskStatus)]
)
def test_statuses_are_described_as_in_the_code(heading: str, statuses: type[StrEnum]) -> None:
    listed = re.findall(r"^- `(\w+)`: (.+)$", section("states.md", heading), re.MULTILINE)

    assert len(listed) == len(dict(listed))
    assert dict(listed) == docstrings(statuses)


def test_causes_are_described_with_their_limits() -> None:
    text = section("states.md", "## Why a task comes back")
    rows = [(name.strip("`"), why, limit) for name, why, limit in table(text)]

    assert {name: why for name, why, _ in rows} == docstrings(Cause)
    limits = {name: limit for name, _, limit in rows}
    assert limits == {cause.value: str(ATTEMPT_LIMITS.get(cause, "none")) for cause in Cause}
    assert CODE_LIMITS == {"invalid_engine_output": 2}
    assert "`invalid_engine_output` is final at the second" in text


def variable(field: str) -> str:
    """Return the name of the variable that a setting is read from."""
    plain = {setting: name for name, setting in config._PLAIN_NAMES.items()}
    return plain.get(field, f"DALSTON_{field.upper()}")


def listed_variables() -> dict[str, str]:
    """Return the default of each variable as the document writes it."""
    text = (DOCS / "configuration.md").read_text(encoding="utf-8")
    return {row[0].strip("`"): row[1] for row in table(text) if row[0].startswith("`")}


def test_every_variable_is_listed_once_and_no_other() -> None:
    text = (DOCS / "configuration.md").read_text(encoding="utf-8")
    names = re.findall(r"^\| `(\w+)`", text, re.MULTILINE)

    assert sorted(names) == sorted(variable(field) for field in Settings.__struct_fields__)


@pytest.mark.parametrize("name", sorted(listed_variables()))
def test_a_listed_variable_is_read(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for field in Settings.__struct_fields__:
        monkeypatch.delenv(variable(field), raising=False)
    before = read_settings()
    [field] = [field for field in Settings.__struct_fields__ if variable(field) == name]
    is_switch = isinstance(getattr(before, field), bool)
    monkeypatch.setenv(name, "true" if is_switch else "7")

    assert read_settings() != before


def test_defaults_are_listed_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    for field in Settings.__struct_fields__:
        monkeypatch.delenv(variable(field), raising=False)
    settings = read_settings()
    listed = listed_variables()

    for field in set(Settings.__struct_fields__) - {"data_dir"}:
        value = getattr(settings, field)
        shown = f"{value:.15g}" if isinstance(value, int | float) else str(value)
        shown = str(value).lower() if isinstance(value, bool) else shown
        expected = {None: "not set", "": "empty"}.get(value, f"`{shown}`")
        assert listed[variable(field)] == expected, field


@pytest.mark.parametrize("page", ["operations.md", "configuration.md"])
@pytest.mark.parametrize("system", [MacOS, Unix])
def test_the_data_folder_is_named_as_each_system_has_it(
    page: str, system: type[MacOS | Unix], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    folder = system("dalston", appauthor=False).user_data_dir

    assert f"`{folder.replace(str(Path.home()), '~')}`" in (DOCS / page).read_text("utf-8")


def noisy_events(folder: Path) -> set[str]:
    """Return the events that the code below a folder logs as warnings or errors."""
    events = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(
                    func=ast.Attribute(
                        value=ast.Name(id="log"), attr="warning" | "error" | "exception"
                    ),
                    args=[ast.Constant(value=str(event)), *_],
                ):
                    events.add(event)
    return events


def test_every_warning_and_error_in_the_log_is_explained_and_no_other() -> None:
    text = section("operations.md", "## Log").partition("### Warnings and errors\n")[2]
    explained = [name for row in table(text) for name in re.findall(r"`(\w+)`", row[0])]

    assert len(explained) == len(set(explained))
    assert set(explained) == noisy_events(ROOT / "dalston")


def commands(page: Path) -> list[str]:
    """Return the lines of a page's examples in which the shell is to find `dalston`."""
    fence = re.compile(r"^```(?:sh|console)\n(.*?)```", re.MULTILINE | re.DOTALL)
    examples = fence.findall(page.read_text("utf-8"))
    called = re.compile(r"^(?:\$ )?(?:\w+=\S* )*dalston .+", re.MULTILINE)
    return [line for example in examples for line in called.findall(example)]


def test_each_page_that_calls_dalston_says_how_a_checkout_has_it() -> None:
    calling = [page for page in PAGES if commands(page)]

    assert {"README.md", "operations.md", "shell.md"} <= {page.name for page in calling}
    silent = [
        page.relative_to(ROOT)
        for page in calling
        if 'export PATH="$PWD/.venv/bin:$PATH"' not in page.read_text(encoding="utf-8")
    ]
    assert silent == []


def test_each_command_of_make_is_listed() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE)) - {"help"}
    listed = re.findall(r"`make ([a-z-]+)", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))

    assert targets - set(listed) == set()


def subcommands(command: click.Command, path: str) -> list[str]:
    """Return the full names of all commands below one."""
    if not isinstance(command, click.Group):
        return [path]
    below = commands_of(command)
    return [name for word, each in below for name in subcommands(each, f"{path} {word}")]


def test_each_command_of_dalston_is_in_a_page() -> None:
    texts = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)

    assert [name for name in subcommands(cli, "dalston") if name not in texts] == []


def test_the_walk_takes_the_steps_of_its_test() -> None:
    tree = ast.parse((ROOT / "tests/pipeline/test_walk.py").read_text(encoding="utf-8"))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    own = {function.name for function in functions} - {"read_object"}
    [walk] = [function for function in functions if function.name.startswith("test_")]
    calls = [
        (node.lineno, node.func.id)
        for node in ast.walk(walk)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in own
    ]
    steps = [name.replace("_", " ") for _, name in sorted(calls)]
    text = (DOCS / "walk.md").read_text(encoding="utf-8")
    headings = re.findall(r"^### \d\. (.+)$", text, re.MULTILINE)

    assert len(steps) > 1
    assert [heading.lower() for heading in headings] == steps


@pytest.mark.parametrize(
    ("place", "right", "wrong"),
    [
        (0, "faster-whisper", "whisper-xxl"),
        (1, MINE, "".join(MINE.splitlines(keepends=True)[place] for place in (0, 1, 2, 4, 3))),
        (2, "[prepare, transcribe]", "[prepare]"),
        (3, "engine: audio-prepare", "engin: audio-prepare"),
        (4, "faster-whisper", '"${MY_ENGINE}"'),
        (5, "audio-prepare", "audio-prepare, config: {longest_seconds: a lot}"),
        (6, "name: mine", "name: mine"),
    ],
)
def test_what_is_said_of_wrong_pipelines_is_shown_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: int, right: str, wrong: str
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(MINE.replace(right, wrong))
    monkeypatch.setenv("DALSTON_PIPELINES", str(tmp_path))
    monkeypatch.setenv("DALSTON_PIPELINE", "fast")
    with pytest.raises(ConfigurationError) as refused:
        open_catalog(read_settings())
    shown = section("pipelines.md", "## When a file is wrong").partition("```text\n")[2]
    line = shown.splitlines()[place].replace("/srv/dalston/pipelines/mine.yaml", str(file))
    # That there is a pipeline `mine` is this test's doing.
    said = refused.value.message.replace("default, mine,", "default,")
    assert line == f"dalston: {said}"


def test_the_example_of_an_error_names_the_pipelines_that_ship() -> None:
    ship = sorted(path.stem for path in (ROOT / "dalston" / "pipelines").glob("*.yaml"))
    assert f"Known pipelines: {', '.join(ship)}." in section("api.md", "## Errors")


def without_code(text: str) -> str:
    return re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)


def anchors(path: Path) -> set[str]:
    """Return the anchors that a page's headings get."""
    titles = re.findall(r"^#+ +(.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_that_are_there(page: Path) -> None:
    assert page.is_file(), f"{page.relative_to(ROOT)} is not written yet"
    targets = re.findall(r"\]\(([^()\s]+)\)", without_code(page.read_text(encoding="utf-8")))
    broken = []
    for target in targets:
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = page.parent / name if name else page
        if not path.exists() or (anchor and anchor not in anchors(path)):
            broken.append(target)

    assert broken == []


def test_every_decision_has_its_parts_and_is_in_the_index() -> None:
    index = re.findall(
        r"^\| \[(\d{4})\]\(([\w.-]+)\) \| (.+) \| (\w+) \|$",
        (DECISIONS / "README.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )

    assert len(RECORDS) >= 12
    assert [name for _, name, _, _ in index] == [path.name for path in RECORDS]
    for number, name, title, status in index:
        text = (DECISIONS / name).read_text(encoding="utf-8")
        dated = rf"- Date: \d{{4}}-\d\d-\d\d\n- Status: {status}\b"
        assert name.startswith(number)
        assert text.startswith(f"# {number}: {title}\n"), name
        assert re.search(rf"^{dated}", text, re.MULTILINE), name
        parts = re.findall(r"^## (.+)$", text, re.MULTILINE)
        assert parts == ["Context", "Decision", "Consequences"], name


def test_every_file_of_common_was_decided_on() -> None:
    decided = {
        name
        for path in RECORDS
        for name in re.findall(r"^\| `common/([\w.]+)/?` \|", path.read_text("utf-8"), re.MULTILINE)
    }
    there = {path.name for path in COMMON.iterdir()} - {"__init__.py", "__pycache__"}

    assert there == decided
