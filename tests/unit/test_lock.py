"""The committed locks fit pyproject.toml and each other, and name no place."""

import tomllib
from collections.abc import Iterator

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scripts import lock

RUN = (lock.REQUIREMENTS / "run.txt").read_text(encoding="utf-8")
DEV = (lock.REQUIREMENTS / "dev.txt").read_text(encoding="utf-8")


def declared(*extras: str) -> Iterator[Requirement]:
    with (lock.ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    texts = [*project["dependencies"], *lock.build_requirements()]
    texts += [text for extra in extras for text in project["optional-dependencies"][extra]]
    for requirement in map(Requirement, texts):
        if requirement.name == "dalston":
            yield from declared(*requirement.extras)
        else:
            yield requirement


def missing(text: str, extras: tuple[str, ...]) -> list[str]:
    versions: dict[str, list[str]] = {}
    for pin in lock.pinned(text):
        name, _, version = pin.partition("==")
        versions.setdefault(name, []).append(version)
    return [
        str(requirement)
        for requirement in declared(*extras)
        if not any(
            requirement.specifier.contains(version)
            for version in versions.get(canonicalize_name(requirement.name), [])
        )
    ]


def test_the_locks_hold_what_pyproject_declares() -> None:
    assert missing(RUN, lock.RUN_EXTRAS) == []
    assert missing(DEV, lock.DEV_EXTRAS) == []


def test_a_dependency_that_is_not_locked_is_noticed() -> None:
    without = "\n".join(line for line in RUN.splitlines() if not line.startswith("msgspec=="))
    assert {text.partition(">")[0] for text in missing(without, lock.RUN_EXTRAS)} == {"msgspec"}


def test_the_run_lock_is_a_part_of_the_dev_lock() -> None:
    assert lock.pinned(RUN) < lock.pinned(DEV)


@pytest.mark.parametrize("text", [RUN, DEV], ids=["run", "dev"])
def test_the_locks_are_hashed_and_name_no_place(text: str) -> None:
    lock.verify(text)


@pytest.mark.parametrize(
    "line",
    [
        "--find-links wheels",
        "--index-url somewhere",
        "torch @ file:///wheels/torch.whl \\\n    --hash=sha256:00",
        "msgspec==0.22.0",
    ],
)
def test_a_lock_with_a_place_or_without_a_hash_is_refused(line: str) -> None:
    with pytest.raises(lock.LockError):
        lock.verify(f"# a lock\nclick==8.5.1 \\\n    --hash=sha256:00\n{line}\n")
