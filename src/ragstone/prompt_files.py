"""The prompt files of a project, and what is wrong with them: `rag.prompts()`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ragstone.assembly import Assembly
from ragstone.errors import PromptError, UsageError, nearest
from ragstone.prompts.catalog import Entry
from ragstone.prompts.file import load
from ragstone.prompts.home import FOLDER
from ragstone.prompts.lint.finding import Finding
from ragstone.prompts.lint.run import lint
from ragstone.prompts.schema import Property

__all__ = ["AsyncPrompts", "ListedPrompt", "ShownPrompt"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedPrompt:
    """A prompt by its name. One that does not load has a `fault`, and no version.

    `origin` is `own`, `shipped`, `as shipped` for the project's copy of one that ships, `changed` for a changed copy.
    """

    name: str
    origin: str
    description: str = ""
    version: str | None = None
    inputs: tuple[Property, ...] = ()
    fault: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """The prompt as the service lists it."""
        keys = ("name", "kind", "description", "required", "default")
        inputs = [{key: getattr(given, key) for key in keys} for given in self.inputs]
        told = {"name": self.name, "origin": self.origin, "description": self.description, "version": self.version}
        return {**told, "inputs": inputs, "fault": self.fault}


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownPrompt:
    """A prompt with the text of its file, and with what `ragstone prompt lint` finds in it."""

    listed: ListedPrompt
    text: str
    findings: tuple[Finding, ...]

    def as_dict(self) -> dict[str, Any]:
        """The prompt as the service shows it. A file is named as it is in the folder, and not where that lies."""
        found = [{**one.as_dict(), "path": _inside(one.path)} for one in self.findings]
        return {**self.listed.as_dict(), "text": self.text, "findings": found}


class AsyncPrompts:
    """The prompt files of a project: its own, and those that ship with Ragstone.

    async with ragstone.aopen("mydocs") as rag:
        for one in await rag.prompts().all():
            print(one.name, one.version)
    """

    def __init__(self, parts: Assembly) -> None:
        self._parts = parts

    async def all(self) -> list[ListedPrompt]:
        """Every prompt by name, as its file stands now."""
        return await asyncio.to_thread(lambda: [_listed(entry) for entry in self._parts.prompts()])

    async def show(self, name: str) -> ShownPrompt:
        """One prompt. Raises UsageError where there is none of that name."""
        return await asyncio.to_thread(self._show, name)

    async def has(self, name: str) -> bool:
        """Whether there is a prompt of that name."""
        found = await asyncio.to_thread(self._parts.prompts)
        return any(entry.name == name for entry in found)

    def _show(self, name: str) -> ShownPrompt:
        found = {entry.name: entry for entry in self._parts.prompts()}
        if name not in found:
            raise UsageError(
                f"there is no prompt {name[:80]!r}", expected="one of " + ", ".join(found), hint=nearest(name, found)
            )
        path = found[name].path
        text = path.read_text(encoding="utf-8", errors="replace")
        return ShownPrompt(listed=_listed(found[name]), text=text, findings=tuple(lint([path])))


def _listed(entry: Entry) -> ListedPrompt:
    try:
        file = load(entry.path)
    except PromptError as error:
        return ListedPrompt(name=entry.name, origin=entry.origin, fault=error.message)
    return ListedPrompt(
        name=entry.name,
        origin=entry.origin,
        description=file.description,
        version=file.version,
        inputs=file.given,
    )


def _inside(path: str) -> str:
    """The path from the folder of prompts on."""
    parts = Path(path).parts
    last = max((place for place, part in enumerate(parts) if part == FOLDER), default=len(parts) - 1)
    return "/".join(parts[last:])
