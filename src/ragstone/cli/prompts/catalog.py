"""Which prompts there are: the project's own, and those that ship with Ragstone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from ragstone.config import Located
from ragstone.errors import ConfigError, UsageError, nearest
from ragstone.project import Project, template
from ragstone.prompts.home import FOLDER

__all__ = ["FOLDER", "STARTERS", "Entry", "entries", "find_path", "shipped_path", "starters", "used_by"]

STARTERS = "starters"
"""The folder in prompts/ with the files that a new prompt begins with."""

CONTEXT = "context"  # what an ingest pipeline with `context: true` asks
CHAT = "chat"  # what `ragstone chat` asks


@dataclass(frozen=True, slots=True)
class Entry:
    """A prompt by its name: its file, and whether that is the project's own."""

    name: str
    path: Path
    own: bool

    @property
    def origin(self) -> str:
        """`shipped`, `as shipped` for the project's copy, `changed` for a changed copy, `own` for one of its own."""
        if not self.own:
            return "shipped"
        shipped = shipped_path(self.name)
        if not shipped.is_file():
            return "own"
        return "as shipped" if shipped.read_bytes() == self.path.read_bytes() else "changed"


def entries(project: Project) -> list[Entry]:
    """Every prompt by name. One of the project hides the shipped one of that name."""
    found: dict[str, Entry] = {}
    for folder, own in ((template() / FOLDER, project.root == template()), (project.root / FOLDER, True)):
        for name, path in _named(folder):
            found[name] = Entry(name, path, own)
    return sorted(found.values(), key=lambda entry: entry.name)


def _named(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*.prompty")):
        name = path.relative_to(folder).with_suffix("").as_posix()
        if not name.startswith(f"{STARTERS}/"):
            yield name, path


def find_path(project: Project, name: str) -> Path:
    """The file of a prompt. Raises UsageError that names the nearest prompt."""
    known = {entry.name: entry.path for entry in entries(project)}
    if name not in known:
        raise UsageError(
            f"there is no prompt {name!r}",
            where=str(project.root / FOLDER),
            expected="one of " + ", ".join(known),
            hint=nearest(name, known) or f"To begin one: ragstone prompt new {name}",
        )
    return known[name]


def shipped_path(name: str) -> Path:
    """Where the shipped prompt of a name would stand."""
    return template() / FOLDER / f"{name}.prompty"


def starters(project: Project) -> dict[str, Path]:
    """The files that a new prompt can begin with, by name; one of the project hides the shipped one."""
    folders = (root / FOLDER / STARTERS for root in (template(), project.root))
    return {path.stem: path for folder in folders for path in sorted(folder.glob("*.prompty"))}


def used_by(project: Project, name: str) -> list[str]:
    """The pipelines, and commands, that ask a prompt."""
    found: list[str] = []
    for path in sorted((project.root / "pipelines").glob("*.yaml")):
        try:
            located = Project(project.root).pipeline(path.stem)
        except ConfigError:
            continue  # its faults are for `ragstone check` to say
        if name in _asked(located):
            found.append(f"pipelines/{path.name}")
    return [*found, "ragstone chat"] if name == CHAT else found


def _asked(located: Located) -> set[str]:
    whole: object = located.value
    if not isinstance(whole, dict):
        return set()
    value = cast("dict[str, Any]", whole)
    if "sources" in value:
        return {CONTEXT} if value.get("context") else set()
    return {str(value.get("prompt", "answer"))}
