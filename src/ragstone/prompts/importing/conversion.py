"""Tells what kind of prompt file a file is, and makes one of ours of it.

The content decides; the name of the file is asked only where the content fits two kinds.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast

from ragstone.config import Located, parse_yaml
from ragstone.errors import ConfigError, PromptError, UsageError, nearest
from ragstone.prompts.file import load
from ragstone.prompts.importing import dotprompt, github, prompty
from ragstone.prompts.importing.draft import Draft
from ragstone.prompts.importing.inputs import Inputs
from ragstone.prompts.importing.losses import Loss, Losses
from ragstone.prompts.syntax import LONGEST_FILE, Source

__all__ = ["Imported", "convert"]

Kind: TypeAlias = Literal["Prompty v1", "Prompty v2", "dotprompt", "GitHub .prompt.yml"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_FENCE = re.compile(r"---[ \t]*")
_HANDLEBARS = re.compile(r"\{\{~?\s*(?:role\s|history\s*~?\}|media\s|section\s|[#/>^!])")
_DOTPROMPT_KEYS = {"input", "output", "config", "toolDefs", "variant", "ext"}
_PROMPTY_KEYS = {"inputs", "outputs", "template", "metadata", "displayName", "kind", "sample", "authors", "tags"}
_KINDS = "Prompty, dotprompt (.prompt) or GitHub's .prompt.yml"


@dataclass(frozen=True, slots=True)
class Imported:
    """One file, read: the name and the text of the new file, and what it does not say any more."""

    path: Path
    kind: Kind
    name: str
    text: str
    losses: tuple[Loss, ...]


def convert(path: Path, *, name: str | None = None) -> Imported:
    """Reads a prompt file of another kind. The result is what our own loader accepts.

    Raises UsageError for a file that cannot be read or a name that is none, and PromptError with file and line for
    one that is of no known kind or is broken.
    """
    try:
        return _convert(path, name)
    except PromptError:
        raise
    except ConfigError as error:
        raise PromptError(
            error.message, where=error.where, expected=error.expected, found=error.found, hint=error.hint
        ) from None
    except RecursionError:
        raise PromptError("is nested too deeply", where=str(path)) from None


def _convert(path: Path, name: str | None) -> Imported:
    located, body = _parts(_text(path), path)
    kind = _kind(located, body, path)
    losses = Losses()
    draft = Draft(located, losses, Inputs(f"{path}:1", losses))
    if kind == "GitHub .prompt.yml":
        github.read(draft)
    elif kind == "dotprompt":
        dotprompt.read(draft, body)
    else:
        prompty.read(draft, body, old=kind == "Prompty v1")
    name = _name(path) if name is None else _checked(name)
    text = draft.written(name)
    _try(text, name, path)
    return Imported(path, kind, name, text, tuple(losses.found))


def _name(path: Path) -> str:
    """The name of the file, without its ending and with what no name may hold as a hyphen."""
    stem = re.sub(r"(\.prompt)?\.(prompty|prompt|ya?ml|json)$", "", path.name, flags=re.IGNORECASE)
    return re.sub(r"[^A-Za-z0-9_-]+", "-", stem).strip("-_") or "prompt"


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is no name of a prompt", expected="letters, digits, - and _", hint="Leave out .prompty."
        )
    return name


def _try(text: str, name: str, path: Path) -> None:
    """Sees that our loader takes the new file, before anything is written."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            made = Path(folder) / f"{name}.prompty"
            made.write_bytes(text.encode())
            load(made, root=Path(folder))
    except UnicodeEncodeError as error:
        raise PromptError("holds half of a character", where=str(path), found=repr(text[error.start])) from None
    except PromptError as error:
        message = f"cannot be said in a prompt file of ours: {error.message}"
        raise PromptError(message, where=str(path), expected=error.expected, found=error.found) from None


# ── What is in the file ─────────────────────────────────────────────────────────────────────────────────────────────


def _text(path: Path) -> str:
    where = str(path)
    if path.is_dir():
        raise UsageError("is a folder", where=where, expected="a prompt file")
    try:
        data = path.read_bytes() if path.stat().st_size <= LONGEST_FILE else None
    except FileNotFoundError:
        siblings = [file.name for file in path.parent.glob("*")] if path.parent.is_dir() else []
        raise UsageError("there is no such file", where=where, hint=nearest(path.name, siblings)) from None
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot be read: {error}", where=where) from None
    if data is None:
        raise PromptError(f"is longer than {LONGEST_FILE:,} bytes", where=where, expected="a prompt file")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise PromptError("is no text in UTF-8", where=f"{where}:{line}", expected=_KINDS) from None
    if "\0" in text:
        raise PromptError("is no text", where=where, expected=_KINDS)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _parts(text: str, path: Path) -> tuple[Located, Source]:
    """The front matter and the body. A file of YAML alone has no body, and one without a front matter no keys."""
    lines = text.split("\n")
    start = next((index for index, line in enumerate(lines) if line.strip() and not line.startswith("#")), None)
    if start is None:
        raise PromptError("is empty", where=str(path), expected=_KINDS)
    if not _FENCE.fullmatch(lines[start]):
        return _without_front_matter(text, path)
    end = next((index for index in range(start + 1, len(lines)) if _FENCE.fullmatch(lines[index])), None)
    if end is None:
        located = parse_yaml(text, path)
        value: object = located.value
        if isinstance(value, dict) and ("messages" in value or "instructions" in value):
            return located, _instructions(located)
        raise PromptError("has no end of its front matter", where=f"{path}:{start + 1}:1", expected="a line '---'")
    located = parse_yaml("\n".join(lines[start + 1 : end]), path, first_line=start + 2)
    if not isinstance(located.value, dict):
        raise PromptError("the front matter holds no keys", where=located.where(), expected="lines such as 'name: x'")
    return located, Source(path, "\n".join(lines[end + 1 :]), end + 2)


def _without_front_matter(text: str, path: Path) -> tuple[Located, Source]:
    if _HANDLEBARS.search(text) or path.suffix == ".prompt":
        located = parse_yaml("", path)
        return located, Source(path, text)
    located = parse_yaml(text, path)
    if not isinstance(located.value, dict):
        raise PromptError("is no prompt file", where=f"{path}:1:1", expected=_KINDS)
    return located, _instructions(located)


def _instructions(located: Located) -> Source:
    """The body of a Prompty file that is YAML alone."""
    value = cast("dict[str, object]", located.value).get("instructions")
    line = located.places.get(("instructions",), (1, 1))[0]
    return Source(located.path, value if isinstance(value, str) else "", line)


def _kind(located: Located, body: Source, path: Path) -> Kind:
    given = cast("dict[str, Any]", located.value)
    if isinstance(given.get("messages"), list):
        return "GitHub .prompt.yml"
    metadata: object = given.get("metadata")
    if isinstance(metadata, dict) and "ragstone" in metadata:
        hint = "Copy it into the folder prompts/."
        where = located.where(("metadata", "ragstone"))
        raise UsageError("is a prompt file of Ragstone already", where=where, hint=hint)
    if not body.text.strip():
        found = ", ".join(given) or "no keys"
        raise PromptError("has no messages", where=f"{path}:1", expected=_KINDS, found=found)
    theirs, dots = _marks_of_prompty(given, body, path), _marks_of_dotprompt(given, body, path)
    if not theirs and not dots:
        raise PromptError("is no prompt file", where=f"{path}:1:1", expected=_KINDS)
    if dots > theirs:
        return "dotprompt"
    return "Prompty v1" if _old(given) else "Prompty v2"


def _marks_of_prompty(given: Mapping[str, Any], body: Source, path: Path) -> float:
    marks = 2 * len(_PROMPTY_KEYS & {*given}) + 2 * isinstance(given.get("model"), dict)
    return marks + 2 * bool(prompty.ROLE_LINE.search(body.text)) + 0.5 * (path.suffix == ".prompty")


def _marks_of_dotprompt(given: Mapping[str, Any], body: Source, path: Path) -> float:
    marks = 2 * len(_DOTPROMPT_KEYS & {*given}) + isinstance(given.get("model"), str)
    marks += any("." in key for key in given)
    return marks + 2 * bool(_HANDLEBARS.search(body.text)) + 0.5 * (path.suffix == ".prompt")


def _old(given: Mapping[str, Any]) -> bool:
    model: object = given.get("model")
    inside = {*cast("dict[str, Any]", model)} if isinstance(model, dict) else set[str]()
    return bool(
        {*prompty.OLD} & {*given}
        or {"api", "configuration", "parameters", "response"} & inside
        or isinstance(given.get("template"), str)
        or (isinstance(given.get("inputs"), dict) and '"type"' in repr(given["inputs"]).replace("'", '"'))
    )
