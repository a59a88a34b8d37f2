from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
PIN = re.compile(r"^([\w.-]+)(?:\[.*?\])?==([^\s;]+).*(\n    --hash=sha256:[0-9a-f]{64}.*)+", re.MULTILINE)


def pins(lock: Path) -> dict[str, str]:
    """The locked version of each package, by its name in lower case."""
    return {match[1].lower(): match[2] for match in PIN.finditer(lock.read_text())}


def wanted() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    return [Requirement(line) for line in (*project["dependencies"], *extras["openai"], *extras["serve"])]


@pytest.mark.parametrize("requirement", wanted(), ids=lambda requirement: requirement.name)
def test_the_lock_satisfies_the_project(requirement: Requirement) -> None:
    assert requirement.specifier.contains(pins(ROOT / "requirements/run.txt")[requirement.name.lower()])


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_every_line_is_a_version_with_its_hashes(lock: Path) -> None:
    assert pins(lock)
    assert PIN.sub("", lock.read_text()).strip() == ""


@pytest.mark.parametrize("name", ["run.txt", "weights.txt", "dev.txt", "lint.txt"])
def test_no_environment_of_ours_holds_torch(name: str) -> None:
    assert not {"torch", "transformers", "sentence-transformers"} & pins(ROOT / "requirements" / name).keys()


@pytest.mark.parametrize("name", ["dev.txt", "lint.txt"])
def test_the_locks_of_one_environment_agree(name: str) -> None:
    base, added = pins(ROOT / "requirements/run.txt"), pins(ROOT / "requirements" / name)
    assert {package: base[package] for package in added.keys() & base.keys()}.items() <= added.items()
