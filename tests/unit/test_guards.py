"""What `make mutations` weakens is there, and the documents list it."""

from __future__ import annotations

import re

import pytest

from scripts.check_source import ROOT
from scripts.mutate_guards import GUARDS, Guard

PAGE = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_a_guard_stands_where_it_is_weakened(guard: Guard) -> None:
    text = (ROOT / guard.path).read_text(encoding="utf-8")

    assert text.count(guard.text) == 1
    assert guard.text not in text.replace(guard.text, guard.weakened)
    assert all((ROOT / name).is_file() for name in guard.tests if name.endswith(".py"))


def test_the_documents_list_every_guard() -> None:
    section = PAGE.partition("## Guards")[2].partition("\n## ")[0]

    assert re.findall(r"^\| ([^|]+) \| `", section, re.MULTILINE) == [g.name for g in GUARDS]


def matrix() -> list[list[str]]:
    section = PAGE.partition("## The failure matrix")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row.split("|")[1:-1]] for row in rows[1:]]


@pytest.mark.parametrize("row", matrix(), ids=lambda row: row[0])
def test_every_row_of_the_failure_matrix_names_tests_that_are_there(row: list[str]) -> None:
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", row[2])
    assert named

    for path, name in named:
        text = (ROOT / "tests" / path).read_text(encoding="utf-8")
        assert re.search(rf"^ *(async )?def {name}\(", text, re.MULTILINE), name


def test_the_failure_matrix_is_whole() -> None:
    assert len(matrix()) == 26
