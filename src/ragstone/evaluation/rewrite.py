"""Changes keys in the `retrieve:` part of a pipeline's file, and leaves every other character as it stands."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import yaml

from ragstone.config import parse_yaml
from ragstone.errors import ConfigError
from ragstone.pipelines.spec import RetrieveSpec

__all__ = ["SECTION", "changes", "lines", "rewritten"]

SECTION = "retrieve"
TUNED = ("mode", "fusion", "dense_weight", "rerank", "smooth")


def changes(before: RetrieveSpec, after: RetrieveSpec) -> dict[str, Any]:
    """The keys in which two configurations differ, with the new values as a file says them."""
    return {name: _plain(getattr(after, name)) for name in TUNED if getattr(before, name) != getattr(after, name)}


def _plain(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return {"by": value.by, **value.model_dump(mode="json", exclude_defaults=True)}
    return value


def lines(keys: Mapping[str, Any]) -> str:
    """The keys as a person would write them into the file."""
    return "\n".join([f"{SECTION}:", *(f"  {name}: {_said(value)}" for name, value in keys.items())])


def rewritten(text: str, keys: Mapping[str, Any], *, path: Path) -> str | None:
    """The text of a file with those keys set; None where that cannot be done without harm.

    What comes out is read again: it has to say exactly what the file said, with those keys changed.
    """
    try:
        before: Any = parse_yaml(text, path).value
        held: Any = before.get(SECTION, {})
        expected = {**before, SECTION: {**held, **keys}}
        made = _edited(text, keys)
        same = made is not None and parse_yaml(made, path).value == expected
    except (ConfigError, AttributeError, TypeError):
        return None
    return made if same else None


def _edited(text: str, keys: Mapping[str, Any]) -> str | None:
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode):
        return None
    section = next((value for key, value in root.value if key.value == SECTION), None)
    if section is None:
        return _appended(text, keys) if not root.flow_style else None
    if not isinstance(section, yaml.MappingNode):
        return None
    there = {str(key.value): (key, value) for key, value in section.value}
    edits: list[tuple[int, int, str]] = []
    for name, value in keys.items():
        if name in there:
            edits.append(_in_place(text, *there[name], _said(value)))
    new = [f"{name}: {_said(value)}" for name, value in keys.items() if name not in there]
    if new:
        edits.append(_within_braces(section, new) if section.flow_style else _on_lines(text, section, new))
    for start, end, put in sorted(edits, reverse=True):
        text = text[:start] + put + text[end:]
    return text


def _appended(text: str, keys: Mapping[str, Any]) -> str:
    line = f"{SECTION}: {{{', '.join(f'{name}: {_said(value)}' for name, value in keys.items())}}}"
    return text + ("" if text.endswith("\n") else _newline(text)) + line + _newline(text)


def _within_braces(section: yaml.MappingNode, new: list[str]) -> tuple[int, int, str]:
    if not section.value:
        at = section.start_mark.index + 1
        return at, at, ", ".join(new)
    at = _end(section.value[-1][1])
    return at, at, "".join(f", {one}" for one in new)


def _on_lines(text: str, section: yaml.MappingNode, new: list[str]) -> tuple[int, int, str]:
    """Below the last key, after what is said about it on its own line."""
    first: yaml.Node = section.value[0][0]
    end = text.find("\n", _end(section.value[-1][1]))
    at = len(text) if end < 0 else end + 1
    newline, indent = _newline(text), " " * first.start_mark.column
    block = "".join(f"{indent}{one}{newline}" for one in new)
    return at, at, block if end >= 0 else newline + block


def _in_place(text: str, key: yaml.Node, old: yaml.Node, said: str) -> tuple[int, int, str]:
    start, end = old.start_mark.index, _end(old)
    if start < end and old.start_mark.line == key.end_mark.line:
        return start, end, said
    return text.index(":", key.end_mark.index) + 1, end, f" {said}"  # a block, or nothing yet


def _end(node: yaml.Node) -> int:
    """Where a value ends: a block says so only where the next thing begins, so its last part is asked."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last: Any = node.value[-1]
        return _end(cast("yaml.Node", last[1] if isinstance(last, tuple) else last))
    return node.end_mark.index


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _said(value: Any) -> str:
    """A value in YAML's flow style."""
    if isinstance(value, Mapping):
        pairs = cast("Mapping[str, Any]", value).items()
        return f"{{{', '.join(f'{name}: {_said(one)}' for name, one in pairs)}}}"
    return value if isinstance(value, str) and value.isidentifier() else json.dumps(value)
