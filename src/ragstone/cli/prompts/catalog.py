"""Finds a prompt that a command names, and says who asks it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from ragstone.config import Located
from ragstone.errors import ConfigError, UsageError, nearest
from ragstone.project import Project, template
from ragstone.prompts.catalog import STARTERS, entries
from ragstone.prompts.home import FOLDER

__all__ = ["find_path", "starters", "used_by"]

CONTEXT = "context"  # what an ingest pipeline with `context: true` asks
CHAT = "chat"  # what `ragstone chat` asks


def find_path(project: Project, name: str) -> Path:
    """The file of a prompt. Raises UsageError that names the nearest prompt."""
    known = {entry.name: entry.path for entry in entries(project.root)}
    if name not in known:
        raise UsageError(
            f"there is no prompt {name!r}",
            where=str(project.root / FOLDER),
            expected="one of " + ", ".join(known),
            hint=nearest(name, known) or f"To begin one: ragstone prompt new {name}",
        )
    return known[name]


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
