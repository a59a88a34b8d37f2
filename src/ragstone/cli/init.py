"""`ragstone init`: writes a new project folder."""

from __future__ import annotations

import tomllib
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ragstone.cli.options import Debug, command
from ragstone.cli.show import out
from ragstone.config import template
from ragstone.errors import UsageError
from ragstone.project import FOLDERS

PYPROJECT = "[tool.ragstone]\n# This table marks the folder as a Ragstone project.\n"
IGNORED = ".ragstone/\n"


class Default(StrEnum):
    """Which model answers in the new project."""

    extractive = "extractive"
    openai = "openai"
    anthropic = "anthropic"
    local = "local"


SETTINGS = {
    Default.extractive: (),
    Default.openai: ("export OPENAI_API_KEY=…",),
    Default.anthropic: ("pip install 'ragstone[anthropic]'", "export ANTHROPIC_API_KEY=…"),
    Default.local: ("export RAGSTONE_LOCAL_URL=http://127.0.0.1:8000/v1", "export RAGSTONE_LOCAL_MODEL=…"),
}
"""What has to be installed, or set in the environment, for each."""


@command
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to make, or to make a project of.")],
    model: Annotated[
        Default,
        typer.Option(help="Who answers: quoted sentences, OpenAI, Anthropic, or your own OpenAI-compatible server."),
    ] = Default.extractive,
    debug: Debug = False,
) -> None:
    """Make a project folder: documents/, connectors/, pipelines/, prompts/."""
    write(folder, model=model)
    shown = folder.as_posix()
    out.print(f"[bold]{shown}[/] is ready. Next:\n")
    if folder.resolve() != Path.cwd():
        out.print(f"  cd {shown}")
    out.print("  [dim]# put files into documents/[/]")
    for line in (*SETTINGS[model], "ragstone ingest", 'ragstone ask "…"'):
        out.print(f"  {line}")


def write(folder: Path, *, model: Default) -> None:
    """Writes the files. None is overwritten; a folder that is a project already is refused."""
    pyproject = folder / "pyproject.toml"
    before = pyproject.read_text(encoding="utf-8") if pyproject.is_file() else ""
    if "[tool.ragstone" in before:
        raise UsageError("is a Ragstone project already", where=str(folder), hint="Nothing was changed.")
    try:
        tomllib.loads(before)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"is not valid TOML: {error}", where=str(pyproject), hint="Nothing was changed.") from None
    wanted = {
        path.relative_to(template()): _text(path.relative_to(template()), path.read_text(encoding="utf-8"), model)
        for name in FOLDERS
        for path in sorted((template() / name).rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }
    taken = [str(path) for path in wanted if (folder / path).exists()]
    if taken:
        raise UsageError(f"{taken[0]} is there already", where=str(folder), hint="Choose an empty folder.")
    for path, text in wanted.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    (folder / "documents").mkdir(exist_ok=True)
    ignore = folder / ".gitignore"
    if not ignore.exists():
        ignore.write_text(IGNORED, encoding="utf-8")
    # Last, since this is what makes it a project.
    pyproject.write_text(before + ("\n" if before else "") + PYPROJECT, encoding="utf-8")


def _text(path: Path, text: str, model: Default) -> str:
    """The template's text, pointed at `documents/` and at the chosen model."""
    if path.as_posix() == "connectors/documents.yaml":
        lines = [line for line in text.splitlines() if not line.startswith("include:")]
        return "\n".join("path: documents" if line.startswith("path:") else line for line in lines) + "\n"
    if path.parts[0] == "pipelines" and model is not Default.extractive:
        return text.replace("models: [local, extractive]", f"models: [{model}]")
    return text
