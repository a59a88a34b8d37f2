"""`ragstone prompt import`: prompt files of others, written as ours, with a report of what was lost."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from ragstone.cli import show
from ragstone.cli.options import Debug, Json, ProjectFolder, command
from ragstone.errors import UsageError
from ragstone.project import find

if TYPE_CHECKING:
    from ragstone.prompts.importing.conversion import Imported
    from ragstone.prompts.importing.losses import Loss


@command
def import_(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Prompty, dotprompt or GitHub .prompt.yml.")],
    to: Annotated[
        str | None, typer.Option("--to", metavar="NAME", help="The name in prompts/; without it, the file's own.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the new file; write nothing.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Write over a prompt file that is there.")] = False,
    as_json: Json = False,
    project: ProjectFolder = Path(),
    debug: Debug = False,
) -> None:
    """Write prompt files of others into prompts/, and say what could not be carried over."""
    from ragstone.prompts.importing.conversion import convert

    if to is not None and len(files) > 1:
        raise UsageError("--to names one file", found=f"{len(files)} files", hint="Import them one by one.")
    folder = find(project) / "prompts"
    # Every file is read before the first is written, so that a fault in one leaves nothing half done.
    imported = [convert(path, name=to) for path in files]
    targets = [folder / f"{one.name}.prompty" for one in imported]
    _check_targets(imported, targets, force=force or dry_run)
    if not dry_run:
        for one, target in zip(imported, targets, strict=True):
            _write(target, one.text)
    if as_json:
        found = [_as_dict(one, target) for one, target in zip(imported, targets, strict=True)]
        show.as_json({"written": not dry_run, "files": found})
        return
    for one, target in zip(imported, targets, strict=True):
        _print(one, target, dry_run=dry_run)


def _check_targets(imported: list[Imported], targets: list[Path], *, force: bool) -> None:
    taken: dict[Path, Path] = {}
    for one, target in zip(imported, targets, strict=True):
        if target in taken:
            raise UsageError(
                f"{taken[target]} and {one.path} both become {target.name}", hint="Give one a name with --to."
            )
        taken[target] = one.path
        if target.exists() and not force:
            raise UsageError(
                "is there already", where=show.near(target), hint="Choose another name with --to, or --force."
            )


def _write(target: Path, text: str) -> None:
    """Writes the whole file or none of it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        beside.write_bytes(text.encode())
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)


def _as_dict(one: Imported, target: Path) -> dict[str, Any]:
    return {
        "from": str(one.path),
        "format": one.kind,
        "name": one.name,
        "to": show.near(target),
        "losses": [_loss(loss) for loss in one.losses],
        "text": one.text,
    }


def _loss(loss: Loss) -> dict[str, str]:
    return {"fate": loss.fate, "where": loss.where, "what": loss.what, "why": loss.why}


def _print(one: Imported, target: Path, *, dry_run: bool) -> None:
    arrow = "would become" if dry_run else "→"
    show.out.print(Text(f"{one.path} ({one.kind}) {arrow} {show.near(target)}", style="bold"), soft_wrap=True)
    if dry_run:
        show.out.print(Text(one.text), soft_wrap=True)
    for loss in one.losses:
        show.out.print(Text(f"  {loss.fate:8}  {loss.where}: {loss.what}: {loss.why}"), soft_wrap=True)
    left = sum(loss.fate == "left out" for loss in one.losses)
    changed = len(one.losses) - left
    show.out.print(f"  {left} left out, {changed} changed." if one.losses else "  Nothing was lost.")
