"""Reads an answer that must be a JSON object: takes it out of its wrapping, cites its texts, and checks its form.

    ```json
    {"answer": "First class is allowed [2].", "hours": null}
    ```

becomes `{"answer": "First class is allowed [1]."}` with citation 1: the fence is taken off, a null that stands for a
property that may be missing is taken out, and the markers of all texts are renumbered together.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, cast

from ragstone.output import Output, fitted, read_json
from ragstone.types import Citation, Hit, Verdict
from ragstone.validation.grounding.citing import cite, cite_all

__all__ = ["Opened", "Read", "closed", "opened", "read_form", "read_object", "read_output"]

Node: TypeAlias = Mapping[str, Any]
Change: TypeAlias = Callable[[str, str], str]
"""From the path of a text and the text to what stands there instead."""

Kind: TypeAlias = Literal["words", "shaped", "chosen"]

_WORDS: Kind = "words"
_SHAPED: Kind = "shaped"


def _kind(text: str, nodes: Iterable[Node]) -> Kind:
    """Whether a text is a model's own words, has a form, or was chosen from what the schema says.

    A model may take any branch of a schema, so one that lets it write freely makes words of what no other one names.
    """
    free: list[Node] = []
    for node in nodes:
        if "enum" in node or "const" in node:
            if text in (*node.get("enum", ()), *((node["const"],) if "const" in node else ())):
                return "chosen"
        elif _takes_text(node):
            free.append(node)
    return "shaped" if free and all("format" in node or "pattern" in node for node in free) else "words"


def _takes_text(node: Node) -> bool:
    said = node.get("type", "string")
    return said == "string" if isinstance(said, str) else "string" in said


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """An answer that was read; `parsed` is None where it misfits.

    `texts` are its own words before they were cited, and `said` the same with their citations.
    """

    text: str
    texts: tuple[str, ...]
    said: tuple[str, ...]
    parsed: Any
    citations: tuple[Citation, ...]
    cited: Verdict
    formed: Verdict


@dataclass(frozen=True, slots=True)
class Opened:
    """An answer whose own words were taken out of it, so that they can be checked before they are put back.

    `values` are its other texts, whose form the schema says, and the names that the schema does not know. `value` is
    None for what is no JSON object: then all of it is words. `remark` says what was done to read it. `paths` and
    `value_paths` name the fields of the texts and values: `answer`, `steps[2].text`, counted from 0.
    """

    texts: tuple[str, ...]
    values: tuple[str, ...] = ()
    paths: tuple[str, ...] = ("",)
    value_paths: tuple[str, ...] = ()
    value: Mapping[str, Any] | None = None
    remark: str = ""
    fault: str = ""


def opened(text: str, output: Output, *, cut: bool = True) -> Opened:
    """The words of an answer in the form of `output`; `cut`: also of one that breaks off, as far as it goes."""
    value, remark, fault = read_json(text, cut=cut)
    if value is None:
        return Opened((text,), fault=fault)
    schemas = _Schemas(output.schema)
    value = schemas.without_nulls(value, output.schema)
    texts, values = schemas.texts(value), schemas.texts(value, _SHAPED)
    return Opened(
        texts=tuple(text for _, text in texts),
        values=tuple(text for _, text in values),
        paths=tuple(path for path, _ in texts),
        value_paths=tuple(path for path, _ in values),
        value=value,
        remark=remark,
    )


def closed(found: Opened, texts: Sequence[str], values: Sequence[str], output: Output, hits: Sequence[Hit]) -> Read:
    """The answer with these texts in place of its own, cited from `hits`, as free text is where it is no object.

    It fails the check `output` where it does not fit.
    """
    if found.value is None:
        said, citations, cited = cite(texts[0], hits)
        formed = Verdict(check="output", passed=False, reason=found.fault)
        return Read(
            text=said, texts=tuple(texts), said=(said,), parsed=None, citations=citations, cited=cited, formed=formed
        )
    words, citations, cited = cite_all(texts, hits)
    if not texts:
        cited = Verdict(check="citations", passed=True, reason="the answer has no text that could cite")
    schemas, said, shaped = _Schemas(output.schema), iter(words), iter(values)
    value = schemas.with_texts(dict(found.value), lambda _, __: next(said))
    value = schemas.with_texts(value, lambda _, __: next(shaped), _SHAPED)
    parsed, fault = fitted(value, output)
    return Read(
        text=json.dumps(value, ensure_ascii=False, indent=2),
        texts=tuple(texts),
        said=words,
        parsed=parsed,
        citations=citations,
        cited=cited,
        formed=Verdict(check="output", passed=not fault, reason="; ".join(filter(None, (fault, found.remark)))),
    )


def read_output(text: str, output: Output, hits: Sequence[Hit], *, cut: bool = True) -> Read:
    """The answer in the form of `output`, its own words cited as they stand; with `cut` also one that breaks off."""
    found = opened(text, output, cut=cut)
    return closed(found, found.texts, found.values, output, hits)


def read_object(text: str, output: Output) -> tuple[Any, str]:
    """The answer in the form of `output`, its texts as they are: for one that cites nothing. None, and why, else."""
    value, _, fault = read_json(text, cut=True)
    if value is None:
        return None, fault
    return fitted(_Schemas(output.schema).without_nulls(value, output.schema), output)


def read_form(text: str, output: Output) -> tuple[str, str]:
    """What was done to read an answer in the form of `output`, and what is wrong with it."""
    value, remark, fault = read_json(text, cut=True)
    if value is None:
        return remark, fault
    return remark, fitted(_Schemas(output.schema).without_nulls(value, output.schema), output)[1]


# ── Its texts ───────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Schemas:
    """What a schema says of each place of a value, whichever of its choices the value has taken."""

    root: Node

    def texts(self, value: dict[str, Any], kind: Kind = _WORDS) -> list[tuple[str, str]]:
        """The paths and texts of one kind, a model's own words if nothing is said, in their order, `answer` first."""
        found: list[tuple[str, str]] = []

        def keep(path: str, text: str) -> str:
            found.append((path, text))
            return text

        self.with_texts(value, keep, kind)
        return found

    def with_texts(self, value: dict[str, Any], change: Change, kind: Kind = _WORDS) -> dict[str, Any]:
        """The same value with each of its texts of a kind changed; `answer` comes first, so that its citations do."""
        first = {"answer": value["answer"]} if "answer" in value else {}
        changed = self._members({**first, **value}, list(self._meant([self.root])), change, kind, "")
        return dict(changed[name] for name in value)

    def _changed(self, value: Any, nodes: Sequence[Node], change: Change, kind: Kind, path: str) -> Any:
        nodes = list(self._meant(nodes))
        if isinstance(value, str):
            return change(path, value) if _kind(value, nodes) == kind else value
        if isinstance(value, list):
            inside, items = [node["items"] for node in nodes if "items" in node], cast("list[Any]", value)
            return [self._changed(item, inside, change, kind, f"{path}[{at}]") for at, item in enumerate(items)]
        if isinstance(value, dict):
            return dict(self._members(cast("dict[str, Any]", value), nodes, change, kind, path).values())
        return value

    def _members(
        self, given: dict[str, Any], nodes: Sequence[Node], change: Change, kind: Kind, path: str
    ) -> dict[str, tuple[str, Any]]:
        """Each member by its name, with its name and value as they are now; a name that a model made up is a text."""
        changed: dict[str, tuple[str, Any]] = {}
        for name, each in given.items():
            known = any(name in node.get("properties", {}) for node in nodes)
            place = f"{path}.{name if known else '*'}".lstrip(".")
            said = change(place, name) if kind == _SHAPED and not known else name
            changed[name] = said, self._changed(each, self._under(nodes, name), change, kind, place)
        return changed

    def without_nulls(self, value: Any, *schemas: Node) -> Any:
        """The value without each null that stands for a missing property: strict servers know no other way."""
        nodes = list(self._meant(schemas))
        if isinstance(value, list):
            inside = [node["items"] for node in nodes if "items" in node]
            return [self.without_nulls(item, *inside) for item in cast("list[Any]", value)]
        if isinstance(value, dict):
            needed = {name for node in nodes for name in node.get("required", [])}
            return {
                name: self.without_nulls(each, *self._under(nodes, name))
                for name, each in cast("dict[str, Any]", value).items()
                if each is not None or name in needed or self._may_be_null(self._under(nodes, name))
            }
        return value

    def _may_be_null(self, nodes: Sequence[Node]) -> bool:
        """Also where nothing is said of a property: then it stays, and is found to be one too many."""
        return not nodes or any("null" in node.get("type", ()) for node in self._meant(nodes))

    def _under(self, nodes: Sequence[Node], name: str) -> list[Node]:
        return [node["properties"][name] for node in nodes if name in node.get("properties", {})]

    def _meant(self, nodes: Sequence[Node]) -> Iterator[Node]:
        """The nodes themselves, with what they refer to and what they let choose from in their place."""
        waiting, seen = list(nodes), set[int]()
        while waiting:
            node = waiting.pop(0)
            if id(node) in seen:
                continue
            seen.add(id(node))
            choices = [choice for word in ("anyOf", "oneOf") for choice in node.get(word, [])]
            if "$ref" in node:
                name = str(node["$ref"]).removeprefix("#/$defs/")
                choices.append(self.root if name == "#" else self.root["$defs"][name])
            waiting += choices
            if not choices:
                yield node
