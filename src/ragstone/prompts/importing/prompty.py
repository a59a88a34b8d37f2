"""Reads Prompty, version 1 and 2: front matter, then a Jinja or Mustache body with lines such as `system:`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from ragstone.errors import PromptError
from ragstone.prompts.importing.draft import Draft
from ragstone.prompts.importing.handlebars import Dialect
from ragstone.prompts.importing.handlebars import translated as from_handlebars
from ragstone.prompts.importing.inputs import kind_of, referring
from ragstone.prompts.importing.jinja import translated as from_jinja
from ragstone.prompts.importing.messages import arranged, cut
from ragstone.prompts.importing.nodes import For, If, Node, RoleMark, Text
from ragstone.prompts.syntax import Source

__all__ = ["OLD", "ROLE_LINE", "read"]

OLD = ("sample", "authors", "tags", "version", "base")
"""Keys that only version 1 has at the top."""

ROLE_LINE = re.compile(
    r"^[^\S\n]*#?[^\S\n]*(system|user|assistant|developer|function|tool)[^\S\n]*(\[[^\]\n]*\])?[^\S\n]*:[^\S\n]*$",
    re.IGNORECASE | re.MULTILINE,
)

_BLOCK_TAG = re.compile(r"\{%.*?%\}|\{#.*?#\}")

_CONNECTION = "Connections and keys stand in connectors/*.yaml."
_LATER = {
    "outputs": "A format of the answer is not carried over.",
    "tools": "Tools are not carried over.",
    "sample": "Only the sample values of known inputs are kept, as examples.",
}
_RICH = {"image": "unusable", "audio": "unusable", "file": "unusable", "thread": "threads"}


def read(draft: Draft, body: Source, *, old: bool) -> None:
    """Fills a draft from the front matter that it was made with, and the body. `old` is version 1."""
    given = cast("dict[str, Any]", draft.located.value)
    draft.text("name", given.get("name"), ["name"])
    draft.text("displayName", given.get("displayName"), ["displayName"])
    draft.text("description", given.get("description"), ["description"])
    _metadata(draft, given)
    _model(draft, given.get("model"))
    template = _template(draft, given.get("template"))
    _inputs(draft, given.get("inputs"))
    _sample(draft, given.get("sample"))
    for key in ("outputs", "tools"):
        if given.get(key):
            draft.leave_out([key], _LATER[key])
    known = {"name", "displayName", "description", "metadata", "model", "template", "inputs", "instructions", "kind"}
    for key in given:
        if key not in (*known, *_LATER, "authors", "tags", "version", "$schema"):
            draft.leave_out([key], "There is no such key here.")
    nodes = _nodes(draft, body, template, old=old)
    said = cut(nodes, first="system", where=body.where(1), losses=draft.losses)
    draft.messages = arranged(said, draft.inputs, draft.losses)


# ── Front matter ────────────────────────────────────────────────────────────────────────────────────────────────────


def _metadata(draft: Draft, given: Mapping[str, Any]) -> None:
    made: dict[str, Any] = {}
    raw: object = given.get("metadata")
    nested = cast("dict[str, Any]", raw) if isinstance(raw, dict) else {}
    for source, at in ((nested, ("metadata",)), (given, ())):
        for key, value in source.items():
            if key in ("authors", "tags"):
                texts = [value] if isinstance(value, str) else value
                listed = cast("list[object]", texts) if isinstance(texts, list) else []
                if listed and all(isinstance(text, str) for text in listed) and not referring(listed):
                    made[key] = listed
                elif value:
                    draft.leave_out((*at, key), "It is no list of texts.")
            elif key == "version" and isinstance(value, str | int | float) and not referring(value):
                made[key] = value
            elif at or key == "version":
                draft.leave_out((*at, key), "Metadata are authors, tags and version.")
    if made:
        draft.front["metadata"] = made


def _model(draft: Draft, given: object) -> None:
    if isinstance(given, str):
        given = {"id": given}
    if not isinstance(given, dict):
        if given is not None:
            draft.leave_out(["model"], "It holds no keys and values.")
        return
    for key, value in cast("dict[str, Any]", given).items():
        at = ["model", key]
        if value is None or value in ("", {}):
            continue
        if key in ("id", "provider"):
            if isinstance(value, str) and not referring(value):
                draft.model[key] = value
            else:
                draft.leave_out(at, "It refers to a variable or another file, or is no text.")
        elif key in ("options", "parameters"):
            draft.options(value, at)
        elif key in ("connection", "configuration"):
            draft.leave_out(at, _CONNECTION)
        elif key not in ("api", "apiType") or value != "chat":
            why = (
                "Models are asked in the way of a chat." if key in ("api", "apiType") else "There is no such key here."
            )
            draft.leave_out(at, why)


def _template(draft: Draft, given: object) -> str:
    """The language of the body."""
    named: dict[str, Any] = {"format": given} if isinstance(given, str) else {}
    if isinstance(given, dict):
        named = cast("dict[str, Any]", given)
    language: object = named.get("format") or named.get("type") or "jinja2"
    if isinstance(language, dict):
        language = cast("dict[str, Any]", language).get("kind", "jinja2")
    if language not in ("jinja2", "mustache"):
        raise PromptError(
            "the language of the template is not known",
            where=draft.where("template", "format"),
            expected="jinja2 or mustache",
            found=repr(language),
        )
    parser: object = named.get("parser", "prompty")
    if isinstance(parser, dict):
        parser = cast("dict[str, Any]", parser).get("kind", "prompty")
    if parser != "prompty":
        draft.leave_out(["template", "parser"], "Messages are read as Prompty reads them.")
    return cast("str", language)


def _inputs(draft: Draft, given: object) -> None:
    if isinstance(given, dict):
        for name, value in cast("dict[str, Any]", given).items():
            _input(draft, name, value, ["inputs", name])
    elif isinstance(given, list):
        for index, value in enumerate(cast("list[Any]", given)):
            name: object = cast("dict[str, Any]", value).get("name") if isinstance(value, dict) else None
            if isinstance(name, str) and name:
                _input(draft, name, cast("object", value), ["inputs", index])
            else:
                draft.leave_out(["inputs", index], "It has no name.")
    elif given is not None:
        draft.leave_out(["inputs"], "It is no list of inputs.")


def _input(draft: Draft, name: str, given: object, at: Sequence[str | int], parent: tuple[str, ...] = ()) -> None:
    """One input, declared by a kind, by a description of it, or by its default value."""
    where, steps = draft.where(*at), (*parent, name)
    if not isinstance(given, dict):
        kind = kind_of(given)
        draft.inputs.describe(draft.inputs.declare(steps, where, kind=kind), {"default": given}, where)
        return
    facts = cast("dict[str, Any]", given)
    kind = str(facts.get("kind") or facts.get("type") or "string").lower()
    if kind in _RICH:
        (draft.inputs.unusable if _RICH[kind] == "unusable" else draft.inputs.threads).add(name)
        why = "Pictures, sound and files are not sent." if _RICH[kind] == "unusable" else "Earlier turns need no input."
        draft.leave_out(at, why)
        return
    if kind in ("object", "dict"):
        _group(draft, facts, at, steps)
        return
    raw: object = facts.get("items")
    items = str(cast("dict[str, Any]", raw).get("kind", "")) if isinstance(raw, dict) else ""
    required = facts.get("required", facts.get("is_required")) is True
    made = draft.inputs.declare(steps, where, kind=kind, items=items, required=required)
    wanted = ("description", "enumValues", "default", "example")
    draft.inputs.describe(made, {key: facts.get(key) for key in wanted} | _sampled(facts), where)
    for key in facts:
        if key not in (*wanted, "sample", "name", "kind", "type", "required", "is_required", "items", "strict"):
            draft.leave_out((*at, key), "There is no such key here.")


def _sampled(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {"example": facts["sample"]} if "sample" in facts and "example" not in facts else {}


def _group(draft: Draft, facts: Mapping[str, Any], at: Sequence[str | int], steps: tuple[str, ...]) -> None:
    """An object whose parts are declared; one whose parts are not gets them from its use."""
    parts: object = facts.get("properties")
    draft.inputs.group(steps, draft.where(*at))
    if isinstance(parts, dict):
        for name, part in cast("dict[str, Any]", parts).items():
            _input(draft, name, part, [*at, "properties", name], steps)
    elif isinstance(parts, list):
        for index, part in enumerate(cast("list[Any]", parts)):
            named: object = cast("dict[str, Any]", part).get("name") if isinstance(part, dict) else None
            if isinstance(named, str):
                _input(draft, named, cast("object", part), [*at, "properties", index], steps)
    for key in ("default", "example", "sample"):
        if facts.get(key):
            draft.leave_out((*at, key), "Each part is an input of its own here.")


def _sample(draft: Draft, given: object) -> None:
    """Sample values are examples of the inputs; an input that only the sample names is declared by it."""
    if given is None:
        return
    if not isinstance(given, dict):
        draft.leave_out(["sample"], "It is in another file." if referring(given) else "It holds no names and values.")
        return
    for name, value in cast("dict[str, Any]", given).items():
        at = ["sample", name]
        if name in draft.inputs.threads | draft.inputs.unusable or (name,) in draft.inputs.groups:
            draft.leave_out(at, _LATER["sample"])
        elif (known := draft.inputs.found.get((name,))) is not None:
            draft.inputs.describe(known, {"example": value}, draft.where(*at))
        elif isinstance(value, dict):
            draft.inputs.group((name,), draft.where(*at))
        elif isinstance(value, list) and any(isinstance(item, dict | list) for item in cast("list[object]", value)):
            draft.leave_out(at, "The items of a list are texts and numbers here, with nothing inside.")
        else:
            kind = kind_of(cast("object", value))
            made = draft.inputs.declare((name,), draft.where(*at), kind=kind)
            draft.inputs.describe(made, {"example": value}, draft.where(*at))


# ── Body ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _nodes(draft: Draft, body: Source, language: str, *, old: bool) -> list[Node]:
    lines = body.text.split("\n")

    def texts(text: str, line: int) -> Iterator[Node]:
        yield from _marked(draft, Source(body.path, text, body.line + line - 1), lines[line - 1 :], old=old)

    if language == "jinja2":
        return from_jinja(body, draft.inputs, draft.losses, texts=texts)
    return list(_all_marked(draft, body, from_mustache(body, draft), old=old))


def from_mustache(body: Source, draft: Draft) -> list[Node]:
    """The body of a Prompty file that is written in Mustache."""
    return from_handlebars(body, Dialect(mustache=True), draft.inputs, draft.losses)


def _all_marked(draft: Draft, body: Source, nodes: Sequence[Node], *, old: bool) -> Iterator[Node]:
    """The same nodes with roles, also those in blocks. Where a text stood in its file is not known any more."""
    for node in nodes:
        match node:
            case Text(text):
                yield from _marked(draft, Source(body.path, text, body.line), None, old=old)
            case If(branches, otherwise):
                marked = tuple(
                    (condition, tuple(_all_marked(draft, body, inner, old=old))) for condition, inner in branches
                )
                yield If(marked, tuple(_all_marked(draft, body, otherwise, old=old)), node.where)
            case For():
                inner = tuple(_all_marked(draft, body, node.body, old=old))
                yield For(node.head, inner, tuple(_all_marked(draft, body, node.otherwise, old=old)), node.where)
            case _:
                yield node


def _marked(draft: Draft, text: Source, lines: Sequence[str] | None, *, old: bool) -> Iterator[Node]:
    """The roles in a text. `lines` are those of its file, where a tag on a role's line makes it no role."""
    at = 0
    for found in ROLE_LINE.finditer(text.text):
        role, line = found[1].lower(), text.text.count("\n", 0, found.start())
        if role in ("function", "tool") and not old:
            continue
        if lines is not None and not ROLE_LINE.fullmatch(_BLOCK_TAG.sub("", lines[line])):
            continue
        where = f"{text.path}:{text.line + line}"
        if found[2]:
            draft.losses.leave_out(where, found[2], "A role has no attributes here.")
        yield Text(text.text[at : found.start()])
        yield RoleMark(role, where)
        at = found.end()
    yield Text(text.text[at:])
