"""What `make mutations` weakens is there, and the documents list it."""

from __future__ import annotations

import re

import pytest

from scripts.check_source import ROOT
from scripts.mutate_guards import GUARDS, Guard

PAGE = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
CODES = "".join(
    (ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("api.md", "engines.md")
)


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_a_guard_stands_where_it_is_weakened(guard: Guard) -> None:
    text = (ROOT / guard.path).read_text(encoding="utf-8")

    assert text.count(guard.text) == 1
    assert guard.text not in text.replace(guard.text, guard.weakened)
    assert all((ROOT / name).is_file() for name in guard.tests if name.endswith(".py"))


def test_the_documents_list_every_guard() -> None:
    section = PAGE.partition("## Guards")[2].partition("\n## ")[0]

    assert re.findall(r"^\| ([^|]+) \| `", section, re.MULTILINE) == [g.name for g in GUARDS]


def rows_of(heading: str) -> list[list[str]]:
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row.split("|")[1:-1]] for row in rows[1:]]


def named_tests(cell: str) -> list[str]:
    """Return the names of the tests that a cell lists, once it is known that all are there."""
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", cell)
    assert named
    for path, name in named:
        text = (ROOT / "tests" / path).read_text(encoding="utf-8")
        assert re.search(rf"^ *(async )?def {name}\(", text, re.MULTILINE), name
    return [name for _, name in named]


MATRIX, BAD_INPUT = rows_of("The failure matrix"), rows_of("Bad input")


@pytest.mark.parametrize("row", MATRIX, ids=lambda row: row[0])
def test_every_row_of_the_failure_matrix_names_tests_that_are_there(row: list[str]) -> None:
    named_tests(row[2])


def test_the_failure_matrix_is_whole() -> None:
    assert len(MATRIX) == 28


@pytest.mark.parametrize("row", BAD_INPUT, ids=lambda row: row[0])
def test_every_bad_input_has_its_tests_and_codes_that_are_listed(row: list[str]) -> None:
    number, _, wanted, tests = row
    numbers = {name[5:7] for name in named_tests(tests) if re.match(r"test_\d\d_", name)}
    assert numbers <= {f"{int(number):02}"}
    for code in re.findall(r"`([a-z]+(?:_[a-z]+)+)`", wanted):
        assert f"`{code}`" in CODES, code


def test_no_bad_input_is_missing_and_no_test_of_one() -> None:
    assert [row[0] for row in BAD_INPUT] == [str(number) for number in range(1, 61)]
    listed = {name for row in BAD_INPUT for name in re.findall(r"::(test_\d\d_\w+)", row[3])}
    there = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"def (test_\d\d_\w+)\(", path.read_text(encoding="utf-8"))
    }
    assert listed == there
