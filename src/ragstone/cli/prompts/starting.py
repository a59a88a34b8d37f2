"""`ragstone prompt new`: a file to begin with."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from ragstone.cli import show
from ragstone.cli.options import Debug, Json, ProjectFolder, command
from ragstone.cli.prompts.catalog import starters
from ragstone.errors import UsageError, nearest
from ragstone.project import Project, find
from ragstone.prompts.catalog import entries
from ragstone.prompts.file import load
from ragstone.prompts.home import FOLDER, home
from ragstone.prompts.syntax import read

__all__ = ["new_prompt"]

STARTER = "passages"

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_OWN_NAME = re.compile(r"^name:.*$", re.MULTILINE)
_NOT_ITS_OWN = re.compile(r"^(?:displayName|[ \t]+tests):.*(?:\n|\Z)", re.MULTILINE)  # the copy is not what they name


@command
def new_prompt(
    name: Annotated[str, typer.Argument(metavar="NAME", help="How the new prompt is called.")],
    source: Annotated[
        str, typer.Option("--from", metavar="NAME", help="A starter (passages, plain), or a prompt to copy.")
    ] = STARTER,
    as_json: Json = False,
    project: ProjectFolder = Path(),
    debug: Debug = False,
) -> None:
    """Write a new prompt file with comments, ready to be changed. None is overwritten."""
    root = find(project) / FOLDER
    path = root / f"{name}.prompty"
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} cannot name a prompt", expected="small letters, digits, _ and -, a letter first")
    if path.exists():
        raise UsageError("is there already", where=str(path), hint="Choose another name. Nothing was changed.")
    begun = _source(Project(root.parent), source)
    written = _write(path, begun, name)
    if as_json:
        show.as_json({"name": name, "path": str(path), "from": source, "written": [str(one) for one in written]})
        return
    shown = show.place(root.parent, f"{FOLDER}/{name}.prompty", line=None, page=None)
    show.out.print(f"[bold]{shown}[/] is ready. Change the words in it, then:\n")
    show.out.print(f"  ragstone prompt lint {name}\n  ragstone prompt explain {name}\n")
    if any(given.name == "question" for given in load(path).given):
        show.remarks([f"To use it for every question, write in pipelines/answer.yaml: prompt: {name}"])
    else:
        show.remarks(["It takes no question, so no pipeline can answer with it."])


def _source(project: Project, name: str) -> Path:
    known = {entry.name: entry.path for entry in entries(project.root)} | starters(project)
    if name not in known:
        expected = "one of " + ", ".join(known)
        raise UsageError(f"there is no prompt {name!r} to begin with", expected=expected, hint=nearest(name, known))
    return known[name]


def _write(path: Path, source: Path, name: str) -> list[Path]:
    """Writes the file, and what it includes where the project lacks that. Leaves nothing behind that does not load."""
    begun = home(source)
    load(source)  # one that has a fault is no beginning
    front, line, body = read(source, begun).removeprefix("---\n").partition("\n---\n")
    front = _NOT_ITS_OWN.sub("", front)
    front = _OWN_NAME.sub(f"name: {name}", front, count=1) if _OWN_NAME.search(front) else f"name: {name}\n{front}"
    texts = {path: f"---\n{front}{line}{body}"}
    for part in re.findall(r"""include\s+["']([^"']+)["']""", body):
        if not (path.parent / part).exists() and (begun / part).is_file():
            texts[path.parent / part] = (begun / part).read_text(encoding="utf-8")
    path.parent.mkdir(exist_ok=True)
    for target, text in texts.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    try:
        load(path)
    except Exception:
        for target in texts:
            target.unlink()
        raise
    return list(texts)
