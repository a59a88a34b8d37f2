"""Which prompts a project folder has: its own, and those that ship with Ragstone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ragstone.config import template
from ragstone.prompts.home import FOLDER

__all__ = ["STARTERS", "Entry", "entries", "shipped_path"]

STARTERS = "starters"
"""The folder in prompts/ with the files that a new prompt begins with."""


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


def entries(root: Path) -> list[Entry]:
    """Every prompt of a project folder by name. One of the project hides the shipped one of that name."""
    found: dict[str, Entry] = {}
    for folder, own in ((template() / FOLDER, root == template()), (root / FOLDER, True)):
        for name, path in _named(folder):
            found[name] = Entry(name, path, own)
    return sorted(found.values(), key=lambda entry: entry.name)


def _named(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*.prompty")):
        name = path.relative_to(folder).with_suffix("").as_posix()
        if not name.startswith(f"{STARTERS}/"):
            yield name, path


def shipped_path(name: str) -> Path:
    """Where the shipped prompt of a name would stand."""
    return template() / FOLDER / f"{name}.prompty"
