"""`ragstone prompt diff`: what differs between two prompts, or between a prompt and an earlier version of it."""

from __future__ import annotations

import difflib
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from rich.rule import Rule
from rich.text import Text

from ragstone.cli import show
from ragstone.cli.options import Debug, Json, ProjectFolder, command
from ragstone.cli.prompts.catalog import find_path
from ragstone.cli.prompts.revisions import prompts_at
from ragstone.cli.prompts.showing import settings
from ragstone.errors import PromptError, UsageError
from ragstone.project import Project, find
from ragstone.prompts.catalog import shipped_path
from ragstone.prompts.home import FOLDER
from ragstone.prompts.reading import Reading, Said, read_prompt

__all__ = ["diff_prompts"]

COLORS = {"+": "green", "-": "red", "@": "cyan"}


@dataclass(frozen=True, slots=True)
class _Side:
    label: str
    reading: Reading

    def as_dict(self) -> dict[str, Any]:
        return {"label": self.label, "name": self.reading.file.name, "version": self.reading.file.version}


@command
def diff_prompts(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The file in prompts/.")],
    other: Annotated[
        str | None, typer.Argument(metavar="[OTHER]", help="Another one; else the shipped one of that name.")
    ] = None,
    against: Annotated[
        str | None, typer.Option("--against", metavar="REV", help="Its version in git: HEAD, a tag, a commit.")
    ] = None,
    as_json: Json = False,
    project: ProjectFolder = Path(),
    debug: Debug = False,
) -> None:
    """Show what differs: settings, inputs, and the words of each message line by line."""
    folder = Project(find(project))
    if other is not None and against is not None:
        raise UsageError("OTHER and --against cannot both be given", hint="Compare with one of the two.")
    with ExitStack() as ends:
        if against is not None:
            path = find_path(folder, name)
            if not path.is_relative_to(folder.root):
                raise UsageError(f"{name!r} is no file of this project", hint="It ships with Ragstone.")
            past = prompts_at(folder.root, against, into=Path(ends.enter_context(TemporaryDirectory())))
            before = _past(past, name, against)
            sides = (before, _side(name, path))
        elif other is not None:
            sides = (_side(name, find_path(folder, name)), _side(other, find_path(folder, other)))
        else:
            sides = (_shipped(name, folder), _side(name, find_path(folder, name)))
    found = _compared(*sides)
    if as_json:
        show.as_json(found)
    else:
        _print(found)


def _side(label: str, path: Path, *, root: Path | None = None) -> _Side:
    return _Side(label, read_prompt(path, root=root))


def _shipped(name: str, project: Project) -> _Side:
    find_path(project, name)  # a name that nobody has is reported as such
    if not shipped_path(name).is_file():
        hint = "Name another prompt, or compare with an earlier version: --against HEAD"
        raise UsageError(f"no prompt {name!r} ships with Ragstone, so there is nothing to compare with", hint=hint)
    return _side(f"{name} as shipped", shipped_path(name))


def _past(folder: Path, name: str, revision: str) -> _Side:
    path = folder / f"{name}.prompty"
    if not path.is_file():
        raise UsageError(f"there is no {FOLDER}/{name}.prompty in {revision}", hint="It was added later, perhaps.")
    try:
        return _side(f"{name} in {revision}", path, root=folder)
    except PromptError as error:
        where = f"{(error.where or '').replace(str(folder), FOLDER)} in {revision}"
        raise PromptError(error.message, where=where, expected=error.expected, found=error.found) from None


# ── What differs ────────────────────────────────────────────────────────────────────────────────────────────────────


def _compared(before: _Side, after: _Side) -> dict[str, Any]:
    old, new = _flat(before.reading), _flat(after.reading)
    changed = [
        {"key": key, "before": old.get(key), "after": new.get(key)}
        for key in dict.fromkeys((*old, *new))
        if old.get(key) != new.get(key)
    ]
    messages = [
        {"number": number, "role": (new_said or old_said or Said("user", "")).role, "diff": lines}
        for number, (old_said, new_said) in enumerate(_paired(before.reading, after.reading), 1)
        if (lines := _lines(old_said, new_said))
    ]
    same = not changed and not messages
    return {
        "before": before.as_dict(),
        "after": after.as_dict(),
        "same": same,
        "settings": changed,
        "messages": messages,
    }


def _flat(reading: Reading) -> dict[str, Any]:
    """Settings by the names that a person would look for: `options.temperature`, `inputs.question.required`."""
    file = reading.file
    found: dict[str, Any] = {"displayName": file.display_name, "description": file.description}
    for key, value in settings(reading).items():
        if key == "inputs":
            found |= {
                f"inputs.{given['name']}.{name}": of for given in value for name, of in given.items() if name != "name"
            }
        elif key == "lookup":
            found |= {f"lookup.{name}.{part}": of for name, parts in value.items() for part, of in parts.items()}
        elif isinstance(value, dict):
            found |= {f"{key}.{name}": of for name, of in value.items()}  # pyright: ignore[reportUnknownVariableType]
        else:
            found[key] = value
    return found


def _paired(before: Reading, after: Reading) -> list[tuple[Said | None, Said | None]]:
    """The messages of both, matched by their roles in order, so that one put in between moves no other."""
    old, new = before.messages, after.messages
    pairs: list[tuple[Said | None, Said | None]] = []
    matcher = difflib.SequenceMatcher(None, [said.role for said in old], [said.role for said in new], autojunk=False)
    for _, start, end, other_start, other_end in matcher.get_opcodes():
        ours, theirs = old[start:end], new[other_start:other_end]
        if [said.role for said in ours] == [said.role for said in theirs]:
            pairs += zip_longest(ours, theirs)
        else:
            pairs += [*((said, None) for said in ours), *((None, said) for said in theirs)]
    return pairs


def _lines(before: Said | None, after: Said | None) -> list[str]:
    old, new = ((said.text.split("\n") if said else []) for said in (before, after))
    return list(difflib.unified_diff(old, new, lineterm="", n=2))[2:]


def _print(found: dict[str, Any]) -> None:
    before, after = found["before"], found["after"]
    for sign, side in (("-", before), ("+", after)):
        show.out.print(Text(f"{sign}{sign}{sign} {side['label']}  version {side['version']}", style="bold"))
    for one in found["settings"]:
        for sign, value in (("-", one["before"]), ("+", one["after"])):
            if value not in (None, ""):
                show.out.print(Text(f"{sign} {one['key']}: {_plain(value)}", style=COLORS[sign]), soft_wrap=True)
    for message in found["messages"]:
        show.out.print(Rule(f"{message['role']} (message {message['number']})", style="cyan", align="left"))
        for line in message["diff"]:
            show.out.print(Text(line, style=COLORS.get(line[:1], "")), soft_wrap=True)
    if found["same"]:
        show.out.print("They say the same.")


def _plain(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
