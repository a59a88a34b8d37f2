"""Reads YAML into checked values, and says of every fault in which file, line and column it stands.

The scalars are those of YAML 1.2: only `true` and `false` are booleans, so that a key named `on` stays a word.
"""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, create_model

from ragstone.errors import ConfigError, NotConfigured, nearest
from ragstone.protocols import Connector
from ragstone.registry import KINDS

__all__ = ["STATE", "Located", "bind", "expand", "parse_yaml", "read_yaml", "template", "validate"]

STATE = ".ragstone"  # the folder of a project's state

Keys = tuple[str | int, ...]
M = TypeVar("M", bound=BaseModel)

MAX_DEPTH = 100  # of values in one another
MAX_VALUES = 20_000  # aliases can make a few lines expand without end

_NULL = {"", "~", "null", "Null", "NULL"}
_BOOL = {word: word.lower() == "true" for word in ("true", "True", "TRUE", "false", "False", "FALSE")}
_INT = re.compile(r"[-+]?[0-9]+|0x[0-9a-fA-F]+|0o[0-7]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_REFERENCE = re.compile(r"\$\{env:([A-Za-z_][A-Za-z0-9_]*)(?::([^}]*))?\}")


_SECRET = re.compile(
    r"(?:^|_)(?:api_key|password|secret|token|headers?|query|options|arguments|client|url)$", re.IGNORECASE
)
"""Keys of connectors under which a key may stand, and the groups that hold some."""


@dataclass(frozen=True, slots=True, repr=False)  # a repr would show what variables hold
class Located:
    """A value read from a file, with the place of each of its parts."""

    value: Any
    path: Path
    places: Mapping[Keys, tuple[int, int]]
    unset: tuple[str, ...] = ()  # variables that were asked for and are not set, see `expand`
    filled: frozenset[str] = frozenset()  # what variables gave: keys, perhaps

    def where(self, keys: Keys = ()) -> str:
        """`path:line:column` of a part, or of the nearest part around it."""
        while keys and keys not in self.places:
            keys = keys[:-1]
        line, column = self.places.get(keys, (1, 1))
        return f"{self.path}:{line}:{column}"


def template() -> Path:
    """The folder whose `connectors/`, `pipelines/` and `prompts/` a new project begins with.

    In an installed wheel it lies inside the package, in an editable install it is the repository itself.
    """
    inside = Path(__file__).parent / "template"
    return inside if inside.is_dir() else Path(__file__).parents[2]


def read_yaml(path: Path) -> Located:
    """Reads a file. Raises ConfigError when it is missing, is not UTF-8 or is not YAML."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise ConfigError("there is no such file", where=str(path)) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot be read: {error}", where=str(path)) from error
    return parse_yaml(text, path)


def parse_yaml(text: str, path: Path, *, first_line: int = 1) -> Located:
    """Reads YAML text that begins at a line of a file. An empty text is an empty mapping."""
    places: dict[Keys, tuple[int, int]] = {}
    try:
        node = _composed(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + first_line, mark.column + 1) if mark else (first_line, 1)
        raise ConfigError(
            f"is not valid YAML: {error.problem}", where=f"{path}:{line}:{column}"
        ) from None  # it quotes the line, which may hold a key
    except yaml.YAMLError as error:
        raise ConfigError(f"is not valid YAML: {error}", where=f"{path}:{first_line}:1") from error
    except RecursionError:
        raise ConfigError("is nested too deeply", where=f"{path}:{first_line}:1") from None
    if node is None:
        return Located({}, path, {(): (first_line, 1)})
    try:
        return Located(_Walk(path, first_line, places).value(node, ()), path, places)
    except RecursionError:
        raise ConfigError("is nested too deeply, or within itself", where=f"{path}:{first_line}:1") from None


def _composed(text: str) -> yaml.Node | None:
    """The tree of a YAML text; None for an empty one.

    libyaml reads it eight times as fast as PyYAML itself, whose words for a fault are the better ones. It is asked for
    events alone: its own way to a tree recurses without a limit, and a line of brackets ends the process.
    """
    try:
        return _tree(yaml.parse(text, Loader=yaml.CSafeLoader))
    except (AttributeError, _Unusual, yaml.YAMLError):  # AttributeError: PyYAML was built without libyaml
        return yaml.compose(text, Loader=yaml.SafeLoader)


class _Unusual(Exception):
    """What PyYAML shall judge."""


def _tree(events: Iterable[Any]) -> yaml.Node | None:
    roots: list[yaml.Node] = []
    within: list[tuple[yaml.Node, list[yaml.Node]]] = []  # the open nodes, each with its parts so far
    anchors: dict[str, yaml.Node] = {}
    for event in events:
        if isinstance(event, yaml.CollectionEndEvent):
            node, parts = within.pop()
            node.value = (
                parts if isinstance(node, yaml.SequenceNode) else list(zip(parts[::2], parts[1::2], strict=True))
            )
            continue
        node = _node(event, anchors)
        if node is None:
            continue
        (within[-1][1] if within else roots).append(node)
        if isinstance(node, yaml.CollectionNode) and not isinstance(event, yaml.AliasEvent):
            within.append((node, []))
            if len(within) > MAX_DEPTH:
                raise RecursionError
    if len(roots) > 1:
        raise _Unusual
    return roots[0] if roots else None


def _node(event: Any, anchors: dict[str, yaml.Node]) -> yaml.Node | None:
    """The node that an event begins, or that an alias names; None where it begins none."""
    start, end = event.start_mark, event.end_mark
    if isinstance(event, yaml.AliasEvent):
        if event.anchor not in anchors:
            raise _Unusual
        return anchors[event.anchor]
    if isinstance(event, yaml.ScalarEvent):
        node: yaml.Node = yaml.ScalarNode("", event.value, start, end, style=event.style or None)
    elif isinstance(event, yaml.SequenceStartEvent):
        node = yaml.SequenceNode("", [], start, end)
    elif isinstance(event, yaml.MappingStartEvent):
        node = yaml.MappingNode("", [], start, end)
    else:
        return None
    if event.anchor is not None:
        if event.anchor in anchors:
            raise _Unusual
        anchors[event.anchor] = node
    return node


class _Walk:
    """Makes plain values of a YAML tree, noting where each stands."""

    def __init__(self, path: Path, first_line: int, places: dict[Keys, tuple[int, int]]) -> None:
        self.path, self.first_line, self.places = path, first_line, places
        self.count = 0

    def value(self, node: yaml.Node, keys: Keys) -> Any:
        place = (node.start_mark.line + self.first_line, node.start_mark.column + 1)
        self.places.setdefault(keys, place)
        self.count += 1
        if self.count > MAX_VALUES:
            raise ConfigError(f"holds more than {MAX_VALUES:,} values", where=str(self.path))
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(child, (*keys, index)) for index, child in enumerate(node.value)]
        assert isinstance(node, yaml.MappingNode)
        made: dict[str, Any] = {}
        for key_node, child in node.value:
            line, column = key_node.start_mark.line + self.first_line, key_node.start_mark.column + 1
            where = f"{self.path}:{line}:{column}"
            if not isinstance(key_node, yaml.ScalarNode):
                raise ConfigError("a key is no word", where=where, expected="a line such as 'name: answer'")
            key = str(key_node.value)
            if key in made:
                raise ConfigError(f"the key {key!r} stands here twice", where=where)
            self.places[(*keys, key)] = (line, column)
            made[key] = self.value(child, (*keys, key))
        return made


def _scalar(node: yaml.ScalarNode) -> Any:
    text: str = node.value
    if node.style is not None:
        return text
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if _INT.fullmatch(text):
        return int(text, 0) if text[:2] in ("0x", "0o") else int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text


def expand(located: Located, environment: Mapping[str, str] | None = None, *, lenient: bool = False) -> Located:
    """Puts variables in place of `${env:NAME:default}`. A name without default that is not set raises NotConfigured.

    `lenient` puts nothing in its place instead, to check the rest of a file. This is the one place where the
    environment is read, and only connectors come here.
    """
    environment = os.environ if environment is None else environment
    unset: list[str] = []
    given: set[str] = set()

    def filled(value: Any, keys: Keys) -> Any:
        if isinstance(value, dict):
            return {key: filled(child, (*keys, key)) for key, child in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        if isinstance(value, list):
            return [filled(child, (*keys, index)) for index, child in enumerate(value)]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        if not isinstance(value, str):
            return value

        def look_up(match: re.Match[str]) -> str:
            name, default = match.group(1), match.group(2)
            found = environment.get(name)
            if found:
                given.add(found)
                return found
            unset.append(name)
            if default is None and not lenient:
                raise NotConfigured(f"{name} is not set", where=located.where(keys), hint=f"Run: export {name}=…")
            return default or ""

        return _REFERENCE.sub(look_up, value)

    value = filled(located.value, ())
    return replace(located, value=value, unset=tuple(dict.fromkeys(unset)), filled=frozenset(given))


def validate(model: type[M], located: Located, *, at: Keys = ()) -> M:
    """The value as that model. Raises a ConfigError for the first fault; its `faults` hold every one of them."""
    try:
        return model.model_validate(located.value)
    except ValidationError as error:
        details = _joined(located.value, error.errors())  # pyright: ignore[reportArgumentType]
        faults = [_fault(model, located, at, detail) for detail in details]
        first = faults[0]
        first.faults = tuple(faults)
        raise first from None


def _joined(value: Any, details: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The faults, with one for a value that may have several forms in place of one for each form."""
    found: dict[object, Mapping[str, Any]] = {}
    for number, detail in enumerate(details):
        keys = _resolved(value, detail["loc"])
        if detail["type"] in ("missing", "extra_forbidden") or keys == detail["loc"]:
            found[number] = detail
            continue
        said = _PLAIN.get(detail["type"]) or str(detail["msg"]).removeprefix("Input ")
        before = found.get(keys)
        message = said if before is None or before["msg"] == said else f"{before['msg']}, or {said}"
        found[keys] = {"type": "value_error", "loc": keys, "msg": message, "input": _at(value, keys)}
    return list(found.values())


def _resolved(value: Any, loc: Keys) -> Keys:
    """As much of the place of a fault as stands in the file: a form of a union has a name of its own there."""
    for number, key in enumerate(loc):
        try:
            value = value[key]
        except (TypeError, KeyError, IndexError):
            return loc[:number]
    return loc


def _at(value: Any, keys: Keys) -> Any:
    for key in keys:
        value = value[key]
    return value


_PLAIN = {
    "model_type": "should hold keys and values",
    "dict_type": "should hold keys and values",
    "list_type": "should be a list",
    "tuple_type": "should be a list",
    "sequence_str": "should be a list",
    "bool_type": "should be true or false",
    "bool_parsing": "should be true or false",
    "int_type": "should be a whole number",
    "int_parsing": "should be a whole number",
    "int_from_float": "should be a whole number",
    "float_type": "should be a number",
    "float_parsing": "should be a number",
    "string_type": "should be a text",
}


def _fault(model: type[BaseModel], located: Located, at: Keys, detail: Mapping[str, Any]) -> ConfigError:
    keys: Keys = (*at, *detail["loc"])
    name = ".".join(str(key) for key in keys)
    where = located.where(keys)
    if detail["type"] == "extra_forbidden":
        known = _known_keys(model, detail["loc"][:-1])
        return ConfigError(
            f"unknown key {name!r}",
            where=where,
            expected="one of " + ", ".join(known) if known else None,
            hint=nearest(str(keys[-1]), known),
        )
    if detail["type"] == "missing":
        return ConfigError(f"the key {name!r} is missing", where=where)
    empty = detail["type"] == "too_short" and not detail.get("input")
    message = (
        "should not be empty"
        if empty
        else _PLAIN.get(detail["type"]) or str(detail["msg"]).removeprefix("Value error, ")
    )
    found = detail.get("input")
    choices = re.findall("'([^']*)'", message) if detail["type"] == "literal_error" else []
    return ConfigError(
        f"{name or 'the file'}: {message[:1].lower()}{message[1:]}",
        where=where,
        found=_unsaid(keys, found, located) or _shown(found),
        hint=nearest(str(found), choices),
    )


def _unsaid(keys: Keys, found: object, located: Located) -> str | None:
    """What is said in place of a value that may be a key, or hold one; None where it may be shown."""
    if any(value in str(found) for value in located.filled):
        return "what a variable holds"
    return "what is not shown" if any(_SECRET.search(str(key)) for key in keys) else None


def _shown(found: object) -> str:
    """A value as whoever wrote the file knows it."""
    if found is None:
        return "nothing"
    if isinstance(found, bool):
        return str(found).lower()
    kinds = {"dict": "keys and values", "list": "a list", "str": "a long text"}
    return repr(found) if len(repr(found)) < 60 else kinds.get(type(found).__name__, "something long")


def _known_keys(model: type[BaseModel], path: tuple[Any, ...]) -> list[str]:
    named = False
    for key in path:
        if named or isinstance(key, int):
            named = False
            continue  # the place of an item, or its name; the annotation around it has named its model
        field = model.model_fields.get(str(key))
        nested = [part for part in _parts(field.annotation) if _is_model(part)] if field else []
        if not nested:
            return []
        model, named = nested[0], field is not None and get_origin(field.annotation) is dict
    return sorted(field.alias or name for name, field in model.model_fields.items())


def _parts(annotation: Any) -> list[Any]:
    return [annotation, *(part for inner in get_args(annotation) for part in _parts(inner))]


def _is_model(annotation: Any) -> bool:
    return inspect.isclass(annotation) and issubclass(annotation, BaseModel)


# ── A connector's constructor is its schema ─────────────────────────────────────────────────────────────────────────


@cache
def _settings(
    factory: type[Connector], given: frozenset[str], beside: type[BaseModel] | None
) -> tuple[type[BaseModel], dict[str, str], frozenset[str]]:
    """A model of the constructor's parameters, those that name another connector (with its kind), and the paths.

    What is given in another way need not stand in the file. The keys of `beside` may stand there too.
    """
    hints = get_type_hints(factory.__init__)
    fields: dict[str, Any] = {}
    references: dict[str, str] = {}
    paths: set[str] = set()
    for name, parameter in inspect.signature(factory).parameters.items():
        annotation = hints.get(name, Any)
        parts = _parts(annotation)
        kind = next((word for word, protocol in KINDS.items() if protocol in parts), None)
        if kind is not None:
            references[name] = kind
            annotation = str | None if type(None) in parts else str
        elif any(getattr(part, "_is_protocol", False) for part in parts):
            continue  # a part of the pipeline, which no file can write
        if Path in parts:
            paths.add(name)
        if {int, float} & {*filter(inspect.isclass, parts)} and bool not in parts:
            annotation = Annotated[annotation, BeforeValidator(_number)]
        default = None if name in given else ...
        default = default if parameter.default is inspect.Parameter.empty else parameter.default
        if hasattr(BaseModel, name):  # pydantic's own, such as `schema`
            fields[f"{name}_"] = (annotation, Field(default, alias=name))
        else:
            fields[name] = (annotation, default)
    for name, field in beside.model_fields.items() if beside is not None else ():
        fields.setdefault(name, (field.annotation, field))
    model = create_model(f"{factory.__name__} settings", __config__=ConfigDict(extra="forbid"), **fields)
    return model, references, frozenset(paths)


def _number(value: object) -> object:
    """Python would take `true` for a 1."""
    if isinstance(value, bool):
        raise ValueError("should be a number")
    return value


def bind(
    factory: type[Connector],
    located: Located,
    *,
    folder: Path,
    connector: Callable[[str, str], Connector],
    given: Mapping[str, Any] | None = None,
    state: Path | None = None,
    beside: type[BaseModel] | None = None,
) -> dict[str, Any]:
    """The constructor's arguments from YAML keys.

    Relative paths start at `folder`, those in its `.ragstone/` at `state` where that is given; a name of another
    connector is handed to `connector(kind, name)`. What is in `given` overrides. The keys of
    `beside` are checked too, and are no arguments. Raises ConfigError with the place of
    an unknown, missing or wrong key.
    """
    given = given or {}
    model, references, paths = _settings(factory, frozenset(given), beside)
    checked = validate(model, located)
    arguments: dict[str, Any] = {}
    for attribute, field in model.model_fields.items():
        name, value = field.alias or attribute, getattr(checked, attribute)
        if name not in inspect.signature(factory).parameters:
            continue
        if name in references and isinstance(value, str):
            value = connector(references[name], value)
        if name in paths and isinstance(value, Path | str) and "://" not in str(value):  # a URL stays as it is
            value = _placed(Path(value).expanduser(), folder, state)
        arguments[name] = value
    return {**arguments, **given}


def _placed(path: Path, folder: Path, state: Path | None) -> Path:
    if state is not None and path.parts[:1] == (STATE,):
        return state.joinpath(*path.parts[1:])
    return folder / path
