"""Reads dotprompt: front matter with `input`, `output`, `config`, and a Handlebars body with `{{role "system"}}`."""

from __future__ import annotations

from typing import Any, cast

from ragstone.errors import PromptError
from ragstone.prompts.importing.draft import Draft
from ragstone.prompts.importing.handlebars import Dialect, translated
from ragstone.prompts.importing.inputs import Steps, kind_of
from ragstone.prompts.importing.messages import arranged, cut
from ragstone.prompts.importing.picoschema import declare
from ragstone.prompts.syntax import Source
from ragstone.prompts.syntax import read as read_text

__all__ = ["read"]

_LATER = {
    "output": "A format of the answer is not carried over.",
    "tools": "Tools are not carried over.",
    "toolDefs": "Tools are not carried over.",
    "variant": "Another variant is another prompt file.",
    "metadata": "Metadata are authors, tags and version.",
}


def read(draft: Draft, body: Source) -> None:
    """Fills a draft from the front matter that it was made with, and the body."""
    given = cast("dict[str, Any]", draft.located.value)
    draft.text("name", given.get("name"), ["name"])
    draft.text("description", given.get("description"), ["description"])
    if given.get("model") is not None:
        _model(draft, given["model"])
    draft.options(given.get("config"), ["config"])
    if isinstance(given.get("version"), str | int | float):
        draft.front["metadata"] = {"version": given["version"]}
    _input(draft, given.get("input"))
    for key, value in given.items():
        if key in ("name", "description", "model", "config", "version", "input") or value is None:
            continue
        draft.leave_out([key], _LATER.get(key, "It is for another program."))
    stripped = body.text.strip()
    start = body.text.count("\n", 0, body.text.find(stripped)) if stripped else 0
    source = Source(body.path, stripped, body.line + start)
    nodes = translated(source, Dialect(partial=lambda name: _partial(body, name)), draft.inputs, draft.losses)
    said = cut(nodes, first="user", where=source.where(1), losses=draft.losses)
    draft.messages = arranged(said, draft.inputs, draft.losses)


def _model(draft: Draft, given: object) -> None:
    """`provider/model`; the whole of it is the model's name."""
    if isinstance(given, str) and "${" not in given:
        draft.model["id"] = given
    else:
        draft.leave_out(["model"], "It is no text, or refers to a variable.")


def _input(draft: Draft, given: object) -> None:
    if given is None:
        return
    if not isinstance(given, dict):
        draft.leave_out(["input"], "It holds no keys and values.")
        return
    parts = cast("dict[str, Any]", given)
    if parts.get("schema"):
        declare(draft, parts["schema"], ["input", "schema"])
    for key in parts:
        if key not in ("schema", "default"):
            draft.leave_out(["input", key], "There is no such key here.")
    defaults: object = parts.get("default")
    if isinstance(defaults, dict):
        _defaults(draft, cast("dict[str, Any]", defaults), ("input", "default"), ())
    elif defaults is not None:
        draft.leave_out(["input", "default"], "It holds no names and values.")


def _defaults(draft: Draft, given: dict[str, Any], at: Steps, parent: Steps) -> None:
    for name, value in given.items():
        place, steps = (*at, name), (*parent, name)
        if isinstance(value, dict):
            if steps not in draft.inputs.groups:
                draft.inputs.group(steps, draft.where(*place))
            _defaults(draft, cast("dict[str, Any]", value), place, steps)
            continue
        known = draft.inputs.found.get(steps)
        if known is None:
            kind = kind_of(value)
            known = draft.inputs.declare(steps, draft.where(*place), kind=kind)
        draft.inputs.describe(known, {"default": value}, draft.where(*place))


def _partial(body: Source, name: str) -> Source | None:
    """The file `_name.prompt` beside the prompt, where dotprompt keeps its partials."""
    path = body.path.parent / f"_{name}.prompt"
    try:
        return Source(path, read_text(path, body.path.parent))
    except PromptError:
        return None
