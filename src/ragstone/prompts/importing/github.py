"""Reads GitHub's `.prompt.yml`: a list of messages with `{{name}}` where a value goes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, cast

from ragstone.errors import PromptError
from ragstone.prompts.importing.draft import Draft
from ragstone.prompts.importing.messages import Said, arranged
from ragstone.prompts.importing.nodes import Node, Print, Text

__all__ = ["read"]

_PLACEHOLDER = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_.-]*)\s*\}\}")
_OTHER = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_LATER = {
    "responseFormat": "A format of the answer is not carried over.",
    "jsonSchema": "A format of the answer is not carried over.",
    "evaluators": "How answers are judged is not carried over.",
    "tools": "Tools are not carried over.",
}


def read(draft: Draft) -> None:
    """Fills a draft from the file that it was made with."""
    given = cast("dict[str, Any]", draft.located.value)
    draft.text("name", given.get("name"), ["name"])
    draft.text("description", given.get("description"), ["description"])
    model: object = given.get("model")
    if isinstance(model, str) and "${" not in model:
        draft.model["id"] = model
    elif model is not None:
        draft.leave_out(["model"], "It is no text, or refers to a variable.")
    draft.options(given.get("modelParameters"), ["modelParameters"])
    draft.inputs.required = True  # the original leaves `{{name}}` as it stands where no value is given
    messages = cast("list[Any]", given["messages"])
    said = [one for index, message in enumerate(messages) for one in _message(draft, message, index)]
    draft.messages = arranged(said, draft.inputs, draft.losses)
    _examples(draft, given.get("testData"))
    known = ("name", "description", "model", "modelParameters", "messages", "testData")
    for key, value in given.items():
        if key not in known and value not in (None, [], {}):
            draft.leave_out([key], _LATER.get(key, "There is no such key here."))


def _message(draft: Draft, given: object, index: int) -> Iterator[Said]:
    at = ("messages", index)
    message = cast("dict[str, Any]", given) if isinstance(given, dict) else {}
    role, content = message.get("role"), message.get("content")
    if not isinstance(role, str):
        raise PromptError("a message has no role", where=draft.where(*at), expected="role: system, user or assistant")
    for key in message:
        if key not in ("role", "content"):
            draft.leave_out((*at, key), "A message has a role and words.")
    yield Said(role, tuple(_content(draft, content, (*at, "content"))), draft.where(*at))


def _content(draft: Draft, content: object, at: Sequence[str | int]) -> Iterator[Node]:
    if isinstance(content, str):
        yield from _words(draft, content, draft.where(*at))
    elif isinstance(content, list):
        for index, part in enumerate(cast("list[Any]", content)):
            named = cast("dict[str, Any]", part) if isinstance(part, dict) else {}
            if isinstance(named.get("text"), str):
                yield from _words(draft, named["text"], draft.where(*at, index))
            else:
                draft.leave_out((*at, index), "Pictures, sound and files are not sent.")
    elif content is not None:
        draft.leave_out(at, "It is no text.")


def _words(draft: Draft, text: str, where: str) -> Iterator[Node]:
    at = 0
    for found in _PLACEHOLDER.finditer(text):
        yield from _plain(draft, text[at : found.start()], where)
        yield Print(draft.inputs.use(tuple(found[1].split(".")), "print", where).name)
        at = found.end()
    yield from _plain(draft, text[at:], where)


def _plain(draft: Draft, text: str, where: str) -> Iterator[Node]:
    for other in _OTHER.findall(text):
        draft.losses.change(where, " ".join(other.split())[:60], "It is no placeholder, so it is said as it stands.")
    yield Text(text)


def _examples(draft: Draft, given: object) -> None:
    """The first test gives each input its example. The tests themselves are not carried over."""
    tests = cast("list[Any]", given) if isinstance(given, list) else []
    first = cast("dict[str, Any]", tests[0]) if tests and isinstance(tests[0], dict) else {}
    for found in draft.inputs.found.values():
        if found.shown in first:
            value = first[found.shown]
            draft.inputs.describe(found, {"example": value}, draft.where("testData", 0, found.shown))
    if tests:
        draft.leave_out(
            ["testData"], "The first case gives the examples of the inputs, the others are not carried over."
        )
