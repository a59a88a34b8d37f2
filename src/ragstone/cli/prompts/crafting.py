"""`ragstone prompt craft`: a model helps to improve a prompt, and a person decides."""

from __future__ import annotations

import asyncio
import os
import re
import select
import signal
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.padding import Padding
from rich.rule import Rule
from rich.text import Text

from ragstone.cli import INTERRUPTED, show
from ragstone.cli.options import Debug, Json, ProjectFolder, command
from ragstone.cli.prompts.catalog import find_path
from ragstone.cli.prompts.differences import COLORS
from ragstone.cli.prompts.routing import writing_models
from ragstone.errors import ModelError, UsageError
from ragstone.pipelines.craft import IMPROVE, Dialogue, Round, Saved
from ragstone.project import Project, find
from ragstone.prompts.catalog import STARTERS
from ragstone.prompts.file import load
from ragstone.prompts.home import FOLDER
from ragstone.prompts.rewriting import Rewrite, read_original

__all__ = ["craft_prompt"]

ROUNDS = 5
ENDING = ".prompty"
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}(/[a-z][a-z0-9_-]{0,63}){0,3}")
LEAVES = ("n", "no", "q", "quit")


@command
def craft_prompt(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The prompt to improve.")],
    purpose: Annotated[
        str | None, typer.Option("--purpose", metavar="TEXT", help="What it is for; else you are asked.")
    ] = None,
    to: Annotated[
        str | None, typer.Option("--to", metavar="NAME", help="Save as another prompt, and leave this one as it is.")
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", metavar="NAME", help="The file in connectors/ of the model that helps.")
    ] = None,
    rounds: Annotated[int, typer.Option("--rounds", metavar="N", min=1, help="Rewrites at most.")] = ROUNDS,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing, and save a rewrite without faults.")] = False,
    as_json: Json = False,
    project: ProjectFolder = Path(),
    debug: Debug = False,
) -> None:
    """Improve a prompt with the help of a model: it criticises, asks, and rewrites; you see each change and decide."""
    _require_person(yes=yes, as_json=as_json)
    folder = Project(find(project))
    path = find_path(folder, name)
    target, called = _target(folder, name, to)
    original = read_original(path)
    asking = load(find_path(folder, IMPROVE))
    before = _held(target)
    try:
        with asyncio.Runner() as loop, writing_models(folder, model, wait=loop.run) as (router, timeout):
            dialogue = Dialogue(
                original, router, asking=asking, target=target, name=called, purpose=purpose or "", timeout=timeout
            )
            talk = _Talk(dialogue, loop.run)
            if yes:
                talk.alone(as_json=as_json)
            else:
                talk.together(rounds, ask_purpose=purpose is None)
    except KeyboardInterrupt:
        said = "Nothing was written." if _held(target) == before else "The prompt is saved."
        sys.stderr.write(f"\nragstone: interrupted. {said}\n")
        raise typer.Exit(INTERRUPTED) from None


def _require_person(*, yes: bool, as_json: bool) -> None:
    if as_json and not yes:
        raise UsageError("--json asks nobody", hint="Add --yes, which saves a rewrite without faults.")
    there = sys.stdin is not None and sys.stdin.isatty()  # pyright: ignore[reportUnnecessaryComparison] - it may be closed
    if not (yes or there):
        raise UsageError(
            "there is no terminal to ask you in", hint="Run it in a terminal, or add --yes to be asked nothing."
        )


def _target(project: Project, name: str, to: str | None) -> tuple[Path, str | None]:
    """The file to write, and its name where that is another one."""
    root = project.root / FOLDER
    if to is None:
        return root / f"{name}{ENDING}", None
    called = to.removesuffix(ENDING).removeprefix(f"{root}/").removeprefix(f"{FOLDER}/")
    if not _NAME.fullmatch(called) or called.startswith(f"{STARTERS}/"):
        expected = "small letters, digits, _ and -, a letter first; a / for a folder in prompts/"
        raise UsageError(f"{to!r} cannot name a prompt", where="--to", expected=expected)
    path = root / f"{called}{ENDING}"
    if path.exists():
        raise UsageError("is there already", where=str(path), hint="Choose another name. Nothing was changed.")
    return path, called


def _held(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


@dataclass(frozen=True, slots=True)
class _Talk:
    """The dialogue on a terminal. `wait` waits for a model."""

    dialogue: Dialogue
    wait: Callable[[Coroutine[Any, Any, Round]], Round]
    saved: list[Saved] = field(default_factory=list[Saved])

    # ── With a person ────────────────────────────────────────────────────────────────────────────────────────────────

    def together(self, rounds: int, *, ask_purpose: bool) -> None:
        """Round after round, until the person saves or leaves."""
        if ask_purpose:
            known = self.dialogue.original.file.description
            _say("What is this prompt for? Enter skips" + (f": {known}" if known else "."))
            self.dialogue.purpose = _line() or ""
        for left in reversed(range(rounds)):
            rewrite = self._round()
            if rewrite is None:
                break
            wish = self._decided(rewrite, last=not left)
            if wish is None:
                break
            if wish:
                self.dialogue.wish(wish)
        if not self.saved:
            _say("Nothing was written.")
        self._costs()

    def _round(self) -> Rewrite | None:
        """Criticism and questions; where one is answered, the model writes again. None where the person leaves."""
        found = self._patiently("Reading the prompt …")
        if found is None:
            return None
        _list("What is weak", found.weaknesses)
        answered = False
        if found.questions:
            _say("\nA few questions. Enter skips one.")
        for number, question in enumerate(found.questions, 1):
            _say(f"\n{number}. {question}")
            answer = _line()
            if answer is None:
                break
            if answer:
                self.dialogue.answer(question, answer)
                answered = True
        found = self._patiently("Rewriting …") if answered else found
        if found is None:
            return None
        _show(found.rewrite)
        return found.rewrite

    def _patiently(self, doing: str) -> Round | None:
        """A model that fails is asked again as long as the person wants it: what was answered is not lost."""
        while True:
            try:
                return self._proposed(doing)
            except ModelError as error:
                show.err.print(Text(f"\n{error}", style="red"), soft_wrap=True)
                _say("\nEnter asks the model again, n leaves the file as it was:")
                said = _line()
                if said is None or said.casefold() in LEAVES:
                    return None

    def _proposed(self, doing: str) -> Round:
        with show.err.status(Text(doing)):
            return self.wait(self.dialogue.propose())

    def _decided(self, rewrite: Rewrite, *, last: bool) -> str | None:
        """What the person wants changed, or None where it is saved or left."""
        usable = not (rewrite.faults or rewrite.same)
        choices = ["y saves it"] if usable else []
        choices += ["n leaves the file as it was"]
        choices += [] if last else ["or say what to change"]
        while True:
            _say(f"\n{', '.join(choices)}:")
            said = _line()
            word = "n" if said is None else said.casefold()
            if word in LEAVES:
                return None
            if word in ("y", "yes"):
                if usable and self._sure(rewrite):
                    self._save(rewrite)
                    return None
            elif said and not last:
                return said

    def _sure(self, rewrite: Rewrite) -> bool:
        """Whether a rewrite that somebody has to look at is saved all the same."""
        if not rewrite.doubtful:
            return True
        _say("Save it all the same? yes or no:")
        return (_line() or "").casefold() == "yes"

    # ── Without ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def alone(self, *, as_json: bool) -> None:
        """One round; a rewrite that somebody would have to look at is not saved."""
        found = self._proposed("Rewriting …")
        rewrite = found.rewrite
        if not as_json:
            _list("What is weak", found.weaknesses)
            _show(rewrite)
        if rewrite.faults or rewrite.doubtful:
            raise ModelError(f"the rewrite {_doubt(rewrite)}. Nothing was written", hint="Run it without --yes.")
        if not rewrite.same:
            self._save(rewrite, quiet=as_json)
        if as_json:
            show.as_json(self._as_dict(found))
        else:
            self._costs()

    def _as_dict(self, found: Round) -> dict[str, Any]:
        saved = self.saved[0] if self.saved else None
        return {
            "saved": str(saved.path) if saved else None,
            "copy": str(saved.copy) if saved and saved.copy else None,
            "weaknesses": list(found.weaknesses),
            "questions": list(found.questions),
            "diff": found.rewrite.diff,
            "remarks": [one.as_dict() for one in found.rewrite.remarks],
            "calls": len(self.dialogue.completions),
            "tokens": self.dialogue.tokens,
            "cost": self.dialogue.cost,
        }

    # ── Both ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _save(self, rewrite: Rewrite, *, quiet: bool = False) -> None:
        saved = self.dialogue.save(rewrite)
        self.saved.append(saved)
        if quiet:
            return
        _say(f"\nSaved: {_here(saved.path)}")
        for part in saved.parts:
            _say(f"With it: {_here(part)}, which it needs.")
        if saved.copy is not None:
            _say(f"The earlier version: {_here(saved.copy)}")
        elif self.dialogue.original.file.path == saved.path:
            _say(f"The earlier version is in git: git checkout -- {_here(saved.path)}")

    def _costs(self) -> None:
        calls = len(self.dialogue.completions)
        tokens = f", {self.dialogue.tokens} tokens" if self.dialogue.tokens else ""  # not every server counts
        cost = f", {self.dialogue.cost:.6f}".rstrip("0").rstrip(".") + " USD" if self.dialogue.cost else ""
        show.remarks([f"{calls} call{'s' * (calls != 1)} of the model{tokens}{cost}"])


# ── On the terminal ─────────────────────────────────────────────────────────────────────────────────────────────────


def _line() -> str | None:
    """What is typed, or None at the end of the input."""
    sys.stdout.write("› ")
    sys.stdout.flush()
    _await_line()
    line = sys.stdin.readline()
    return line.strip() if line else None


def _await_line() -> None:
    """Waits for a typed line. A Ctrl-C just before a plain read would be noticed only with the next key."""
    if os.name == "nt":
        return  # where only sockets can be waited for
    heard, told = os.pipe()
    os.set_blocking(told, False)
    before = signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    try:
        while not select.select([sys.stdin, heard], [], [])[0]:
            pass
    finally:
        signal.set_wakeup_fd(before)
        os.close(heard)
        os.close(told)


def _say(line: str) -> None:
    show.out.print(Text(_visible(line)), soft_wrap=not show.out.is_terminal)


def _list(title: str, lines: tuple[str, ...]) -> None:
    if lines:
        show.out.print(Rule(title, style="cyan", align="left"))
    for line in lines:
        show.out.print(Padding(Text(f"- {_visible(line)}"), (0, 0, 0, 2), expand=False))


def _show(rewrite: Rewrite) -> None:
    """The rewrite as a comparison with the file, and what is to be known before it is saved."""
    show.out.print(Rule("The prompt, rewritten", style="cyan", align="left"))
    for line in rewrite.diff:
        show.out.print(Text(_visible(line), style=COLORS.get(line[:1], "")), soft_wrap=True)
    if rewrite.same:
        _say("The model would change nothing.")
    if rewrite.faults or rewrite.lost or rewrite.invented:
        show.out.print(Text(f"\nIt {_doubt(rewrite)}.", style="red"), soft_wrap=not show.out.is_terminal)
    for one in rewrite.remarks:
        color = "red" if one.severity == "error" else "yellow"
        show.out.print(Text(f"\n{one.code}: {one.message}. {one.why}", style=color))


def _doubt(rewrite: Rewrite) -> str:
    """Why a rewrite cannot be used, or has to be looked at."""
    if rewrite.faults:
        return "cannot be used: " + "; ".join(_fault(one.message, one.fix) for one in rewrite.faults)
    said: list[str] = []
    if rewrite.lost:
        said.append(f"no longer has {', '.join(rewrite.lost)}")
    if rewrite.invented:
        said.append(f"has {', '.join(rewrite.invented)}, which was not there before")
    said += [one.message for one in rewrite.remarks if one.severity == "error"]
    return " and ".join(said)


def _fault(message: str, fix: str) -> str:
    return f"{message} ({fix.rstrip('.')})" if fix.startswith("Did you mean") else message


def _visible(text: str) -> str:
    """A model's words without what would steer the terminal."""
    return "".join(c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text)


def _here(path: Path) -> str:
    try:
        return path.relative_to(Path.cwd()).as_posix()
    except ValueError:
        return str(path)
