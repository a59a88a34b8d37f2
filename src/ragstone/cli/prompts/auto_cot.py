"""`ragstone prompt auto-cot`: examples with their reasoning, built from questions, for a person to review."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.table import Table
from rich.text import Text

from ragstone.cli import INTERRUPTED, show
from ragstone.cli.options import FAILED, Debug, Json, ProjectFolder, command
from ragstone.cli.prompts.catalog import find_path
from ragstone.cli.prompts.plan import rates
from ragstone.cli.prompts.routing import writing_models
from ragstone.errors import UsageError
from ragstone.pipelines.auto_cot import ASKING, MOST, TRIES, AutoCot, Group, Made, Outcome
from ragstone.pipelines.build import Builder
from ragstone.project import Project, find
from ragstone.prompts.file import PromptFile, load
from ragstone.prompts.home import FOLDER
from ragstone.prompts.keeping import replace_file
from ragstone.prompts.questions import Asked, asking_input, distinct, read_questions
from ragstone.prompts.schema import Layers
from ragstone.protocols import Embedder

__all__ = ["build_examples"]

T = TypeVar("T")
Wait = Callable[[Coroutine[Any, Any, Any]], Any]

PIPELINE = "answer"
K = 8  # examples: as many as the paper builds for arithmetic


@command
def build_examples(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The prompt that is to get examples.")],
    questions: Annotated[
        Path, typer.Option("--questions", metavar="FILE", help="JSON objects or plain questions, one a line.")
    ],
    k: Annotated[int, typer.Option("--k", metavar="N", min=1, max=MOST, help="Groups, and examples at most.")] = K,
    tries: Annotated[
        int, typer.Option("--tries", metavar="N", min=1, help="Questions of a group to ask until one will do.")
    ] = TRIES,
    given: Annotated[
        str | None, typer.Option("--input", metavar="NAME", help="The input that holds the question.")
    ] = None,
    out: Annotated[
        str | None, typer.Option("--out", metavar="FILE", help="In prompts/; else examples/NAME.auto.jsonl.")
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", metavar="NAME", help="The file in connectors/ of the model to ask.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Another one groups otherwise.")] = 0,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing, and write over a file that is there.")] = False,
    as_json: Json = False,
    project: ProjectFolder = Path(),
    debug: Debug = False,
) -> None:
    """Build examples with their reasoning from questions (Auto-CoT). You review them before any prompt shows them."""
    folder = Project(find(project))
    file = load(find_path(folder, name), off=Layers.model_fields)  # one may name the file that is to be built
    target = _target(folder, out or f"examples/{name}.auto.jsonl")
    before = _held(target.path)
    _require_person(target, before, yes=yes, as_json=as_json)
    read = read_questions(questions, file, name=asking_input(file, given))
    asking = load(find_path(folder, ASKING))
    try:
        with asyncio.Runner() as loop, writing_models(folder, model, wait=loop.run) as (router, timeout):
            build = AutoCot(file, router, asking=asking, tries=tries, timeout=timeout)
            with _embedder(folder, wait=loop.run) as embedder:
                groups = _grouped(build, read, embedder, loop.run, k=k, seed=seed)
            plan = _planned(folder, build, groups, loop.run)
            show.remarks([*_remarks(read, groups, k), plan])
            if not (yes or as_json) and not _agreed(target, before):
                show.remarks(["Nothing was written."])
                return
            with show.err.status("") as status:
                made = loop.run(build.examples(groups, progress=_counting(status.update, "Asking the model: group")))
            saved = _Saved(target, replace_file(target.path, made.data, before=before)) if made.rows else None
    except KeyboardInterrupt:
        sys.stderr.write("\nragstone: interrupted. Nothing was written.\n")
        raise typer.Exit(INTERRUPTED) from None
    if as_json:
        show.as_json(_as_dict(made, saved))
    else:
        _print(made, saved, folder, file)
    if saved is None:
        raise typer.Exit(FAILED)


# ── The file to write ───────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Target:
    """A file in prompts/, and its name as a prompt file says it."""

    path: Path
    name: str


@dataclass(frozen=True, slots=True)
class _Saved:
    """What was written, and where the earlier file is kept if git does not have it."""

    target: _Target
    copy: Path | None


def _target(project: Project, out: str) -> _Target:
    root = project.root / FOLDER
    path = (root / out.removeprefix(f"{FOLDER}/")).resolve()
    if not path.is_relative_to(root.resolve()) or path.suffix != ".jsonl":
        expected = f"a file .jsonl in {root}"
        raise UsageError(f"{out!r} cannot hold the examples of a prompt", where="--out", expected=expected)
    if path.exists() and not path.is_file():
        raise UsageError("is no file", where=str(path))
    return _Target(path, path.relative_to(root.resolve()).as_posix())


def _held(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


def _require_person(target: _Target, before: bytes | None, *, yes: bool, as_json: bool) -> None:
    """Before anything is read or paid: a file that is there is written over by a person's word alone."""
    if before is not None and not yes and (as_json or not _there()):
        hint = "Add --yes to write over it, or choose another: --out examples/NAME.jsonl"
        raise UsageError(f"is there already{_verified(before)}", where=str(target.path), hint=hint)


def _there() -> bool:
    """Whether somebody sits at a terminal."""
    return sys.stdin is not None and sys.stdin.isatty()  # pyright: ignore[reportUnnecessaryComparison] - it may be closed


def _verified(data: bytes) -> str:
    """How many rows of a file a person has verified, where there are any."""
    gold = 0
    for line in data.splitlines():
        try:
            row: Any = json.loads(line)
        except (ValueError, RecursionError):
            continue
        gold += isinstance(row, dict) and row.get("gold") is True  # pyright: ignore[reportUnknownMemberType]
    return f", with {gold} that a person has verified" if gold else ""


def _agreed(target: _Target, before: bytes | None) -> bool:
    """Whether the person wants it, where somebody sits there to be asked."""
    if not _there():
        return True
    over = f" {show.near(target.path)} is there already{_verified(before)}: it is written over." if before else ""
    show.err.print(Text(f"{over.strip()} Begin? y or n:".strip()))
    sys.stderr.write("› ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().casefold() in ("y", "yes")


# ── Grouping, and what it will cost ─────────────────────────────────────────────────────────────────────────────────


@contextmanager
def _embedder(project: Project, *, wait: Wait) -> Generator[Embedder]:
    """The embedder of the index that `pipelines/answer.yaml` asks, behind the project's cache of vectors."""
    index = project.answer_spec(PIPELINE).index
    spec = project.ingest_spec(index)
    builder = Builder(project.root, project.connectors, plugins=project.plugins, state=project.state_folder)
    try:
        yield builder.reading(spec.model_copy(update={"tokens": False}), project.pipeline(index)).embedder
    finally:
        wait(builder.close())


def _grouped(
    build: AutoCot, questions: Sequence[Asked], embedder: Embedder, wait: Wait, *, k: int, seed: int
) -> list[Group]:
    with show.err.status("") as status:
        progress = _counting(status.update, "Embedding: question")
        return wait(build.groups(questions, embedder=embedder, k=k, seed=seed, progress=progress))


def _counting(update: Callable[[str], None], doing: str) -> Callable[[int, int], None]:
    return lambda done, of: update(f"{doing} {done:,} of {of:,} …")


def _remarks(questions: Sequence[Asked], groups: Sequence[Group], k: int) -> list[str]:
    different = len(distinct(questions))
    said = f"{different:,} questions in {len(groups)} group{'s' * (len(groups) != 1)}."
    if different < len(questions):
        said += f" {len(questions) - different:,} more say the same as another and count once."
    if len(groups) < k:
        said += f" No more than {len(groups)} groups of them differ."
    return [said]


def _planned(project: Project, build: AutoCot, groups: Sequence[Group], wait: Wait) -> str:
    """What is asked at most, and what that costs."""
    calls = build.most_calls(groups)
    longest = wait(build.longest(groups))
    names = " or ".join(build.router.names)
    said = f"At most {calls} call{'s' * (calls != 1)} of {names}"
    known = [rate for name in build.router.names if (rate := rates(project, name)) is not None]
    if longest is None or len(known) < len(build.router.names):
        return f"{said}; no price is known."
    made = build.asking.options.max_tokens
    if made is None and any(rate[1] for rate in known):
        return f"{said}; how long an answer may be, {ASKING} does not say."
    cost = max(calls * (longest.tokens * paid + (made or 0) * asked) / 1_000_000 for paid, asked in known)
    return f"{said}, at most {_money(cost)}." if cost else f"{said}, free of charge."


def _money(cost: float) -> str:
    return f"{cost:.6f}".rstrip("0").rstrip(".") + " USD"


# ── What was built ──────────────────────────────────────────────────────────────────────────────────────────────────


def _as_dict(made: Made, saved: _Saved | None) -> dict[str, Any]:
    return {
        "saved": str(saved.target.path) if saved else None,
        "copy": str(saved.copy) if saved and saved.copy else None,
        "file": saved.target.name if saved else None,
        "examples": len(made.rows),
        "calls": sum(one.calls for one in made.outcomes),
        "tokens": made.tokens,
        "cost": made.cost,
        "groups": [
            {
                "group": one.group.number,
                "size": len(one.group.questions),
                "tried": one.calls,
                "id": one.row["id"] if one.row else None,
                "question": one.chosen.text if one.chosen else None,
                "line": one.chosen.line if one.chosen else None,
                "refused": [
                    {"line": each.question.line, "question": each.question.text, "why": each.why}
                    for each in one.refused
                ],
            }
            for one in made.outcomes
        ],
    }


def _print(made: Made, saved: _Saved | None, project: Project, file: PromptFile) -> None:
    table = Table("group", "size", "asked", "example", box=None, pad_edge=False)
    for column in table.columns[:3]:
        column.justify, column.no_wrap = "right", True
    for one in made.outcomes:
        size = f"{len(one.group.questions):,}"
        table.add_row(str(one.group.number), size, str(one.calls), _example(one))
    show.out.print(table)
    calls = sum(one.calls for one in made.outcomes)
    tokens = f", {made.tokens:,} tokens" if made.tokens else ""  # not every server counts
    cost = f", {_money(made.cost)}" if made.cost else ""
    show.remarks([f"{calls} call{'s' * (calls != 1)} of the model{tokens}{cost}"])
    if saved is None:
        show.err.print(Text("No question made an example. Nothing was written.", style="red"))
        show.remarks(["Try a stronger model, more --tries, or other questions."])
        return
    show.out.print(Text(f"\nSaved: {show.near(saved.target.path)}"), soft_wrap=True)
    if saved.copy is not None:
        show.out.print(Text(f"The earlier file: {show.near(saved.copy)}"), soft_wrap=True)
    for line in _next(made, saved, project, file):
        show.out.print(Text(line), soft_wrap=True)


def _example(outcome: Outcome) -> Text:
    if outcome.chosen is not None:
        return Text(_one_line(outcome.chosen.text), overflow="ellipsis", no_wrap=True)
    last = outcome.refused[-1].why
    return Text(_one_line(f"none: {last}"), style="yellow")


def _next(made: Made, saved: _Saved, project: Project, file: PromptFile) -> list[str]:
    """What to do now, with the lines that switch the examples on."""
    name = file.path.relative_to(file.root).with_suffix("").as_posix()
    own = project.root / FOLDER / f"{name}.prompty"
    begun = own.is_file()
    return [
        "",
        "Each example was written by a model, and some reason wrongly.",
        'Read each one, correct it or delete its line, and set "gold": true.',
        *([] if begun else [f"Make the prompt your own: ragstone prompt new {name} --from {name}"]),
        f"Then write in {show.near(own)}, under metadata:",
        "",
        "  ragstone:",
        "    layers:",
        "      few_shot:",
        "        on: true",
        f"        file: {saved.target.name}",
        f"        k: {len(made.rows)}",
        "        select: fixed",
        *(["      cot: {on: true, style: exemplars}"] if "rationale" in made.rows[0] else []),
        "",
        f"and see what is sent: ragstone prompt explain {name}",
    ]


def _one_line(text: str) -> str:
    """Words of others without what would steer the terminal."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in " ".join(text.split()))
