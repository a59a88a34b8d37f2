"""Reads a prompt file: front matter with the field names of Prompty v2, then the words that are said to a model.

    ---
    name: answer
    model:
      options: {temperature: 0}
    inputs:
      - {name: question, kind: string, required: true}
    metadata:
      ragstone:
        abstain: The documents do not answer this question.
        passages: {order: rank, mark: delimit}
    ---
    system:
    You answer from the numbered passages …

    user:
    {{ passages }}

    Question: {{ question }}

Everything is checked when the file is read, so that a mistake is found before anyone asks a question.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from ragstone.config import Located, parse_yaml, validate
from ragstone.errors import ConfigError, PromptError, nearest
from ragstone.output import Output
from ragstone.prompts import lookups, marks, outputs, retrieving
from ragstone.prompts.examples import Declared, ExampleSet
from ragstone.prompts.home import home
from ragstone.prompts.layers import loading as layers
from ragstone.prompts.layers.stack import NO_LAYERS, Stack
from ragstone.prompts.retrieving import RetrieveSpec
from ragstone.prompts.schema import Budget, Front, Order, Own, Property
from ragstone.prompts.syntax import Source, read
from ragstone.prompts.template import Body, compile_body
from ragstone.prompts.testing.cases import Case, Subject, Tests
from ragstone.types import Mark, Options, Trust

__all__ = ["PromptFile", "load", "variables"]

T = TypeVar("T")

FORMAT = 1  # part of every version: raise it when the same file would be rendered into other messages

RUNTIME = ("passages", "history", "mark", "canary")
"""What the runtime gives to a prompt, so that no file declares it as an input."""

TESTS = ("metadata", "ragstone", "tests")
"""The key that names a file's tests. A version does not change with it."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_RESERVED = {"and", "else", "false", "if", "in", "is", "loop", "none", "not", "or", "self", "super", "true"}
_REFERENCE = re.compile(r"\$\{(env|file):")


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptFile:
    """A prompt file that can be used as it stands. `version` changes with anything that may change what is sent."""

    name: str
    path: Path
    root: Path  # the folder of prompts, which its includes come from
    version: str
    body: Body
    said: str  # the words of its author, those that it includes too, with the places for values
    display_name: str = ""
    description: str = ""
    model: str = ""  # the model that its author had in mind; which one is asked is for the pipeline's route to say
    options: Options
    inputs: tuple[Property, ...]
    trust: Mapping[str, Trust]
    abstain: str | None = None
    retrieve: RetrieveSpec | None = None  # None where the file does not say
    rewrite_at: str = ""  # where it says in which other words is searched
    order: Order = "rank"
    mark: Mark = "none"
    fault: str = ""  # what is wrong with a newer version, while this one, the last good one, is in use
    output: Output | None = None  # None for free text
    few_shot: ExampleSet | None = None
    budget: Budget | None = None
    layers: Stack = NO_LAYERS
    persona: str = ""  # the file that its first system message begins with
    tests: Tests | None = None
    lookups: tuple[lookups.LookupSlot, ...] = ()  # inputs that are fetched, and that no caller gives

    @property
    def layers_on(self) -> tuple[str, ...]:
        """The names of the layers that are switched on."""
        words = (("few_shot", self.few_shot), ("persona", self.persona))
        return (*self.layers.names, *(name for name, on in words if on))

    @property
    def given(self) -> tuple[Property, ...]:
        """The inputs that a caller gives."""
        fetched = {slot.name for slot in self.lookups}
        return tuple(given for given in self.inputs if given.name not in fetched)

    @property
    def subject(self) -> Subject:
        """What cases must fit that are made for this file."""
        return _subject(self.inputs, self.body, self.output)

    def cases(self) -> tuple[Case, ...]:
        """The file's own tests, none where it names none. Raises PromptError for a file of tests that cannot be read.

        Its `faults` hold every one that was found.
        """
        return _told(self.tests.cases) if self.tests is not None else ()


def load(path: Path, *, root: Path | None = None, off: Collection[str] = ()) -> PromptFile:
    """Reads a prompt file, and what it includes from `root`: the folder of prompts that it stands in, unless another.

    Layers that are named in `off` are switched off, whatever the file says. Raises PromptError with the place of the
    first fault; its `faults` hold every one that was found.
    """
    try:
        return _told(partial(_load, path, root or home(path), frozenset(off)))
    except RecursionError as error:
        raise PromptError("the front matter is nested too deeply", where=str(path)) from error


def variables(front: Front) -> list[str]:
    """What the words of a prompt may put in: its inputs, what is looked up, and what the runtime gives it."""
    own = front.metadata.ragstone
    mark = ["mark"] if own.passages.mark == "datamark" else []
    return [*(given.name for given in front.inputs), *own.lookup, "passages", "canary", *mark]


def _trust(own: Own, names: Sequence[str]) -> dict[str, Trust]:
    """How far to trust each slot. What the runtime gives and what is looked up, the file has no say in."""
    given: dict[str, Trust] = {"passages": "retrieved", "mark": "author", "canary": "author"}
    found: dict[str, Trust] = dict.fromkeys((*names, "history"), "user")
    found |= {name: trust for name, trust in given.items() if name in names}
    found |= own.trust
    found |= dict.fromkeys(own.lookup, "tool")
    return found


def _load(path: Path, root: Path, off: frozenset[str]) -> PromptFile:
    text = read(path, root)
    located, body = _split(text, path)
    front = validate(Front, located).without(off)
    text = _shaping(located.value, body) + "".join(sorted(off))
    _raise_first(_faults(front, located))
    own = front.metadata.ragstone
    looked_up = [Property(name=name, description=f"Looked up at {of.connector}.") for name, of in own.lookup.items()]
    inputs = (*front.inputs, *looked_up)
    names = variables(front)
    persona = own.persona.file if own.persona is not None and own.persona.on else ""
    compiled = compile_body(body, root=root, names=names, opening=layers.persona(persona, root, located))
    _raise_first(lookups.unused_faults(own.lookup, compiled.uses, located))
    _raise_first(retrieving.passage_faults(own.retrieve, compiled.uses, located))
    said = " ".join([body.text, *compiled.includes.values()])
    _raise_first(_silences(own, compiled, said, located))
    name = front.name or path.stem
    output = outputs.of_file(located, name=name, root=root)
    shaped = {**compiled.includes, **({outputs.PART: output.words} if output else {})}
    declared = Declared(
        version=_version(text, shaped),
        inputs=inputs,
        render=partial(_asked, compiled),
        judge=None if output is None else partial(outputs.misfit, output=output),
    )
    few_shot = layers.examples(own, located, root, declared)
    stack = layers.stack(front, located, root, output, few_shot, passages="passages" in compiled.uses)
    shaped = {**stack.texts, **shaped, **({few_shot.file: few_shot.digest} if few_shot else {})}
    return PromptFile(
        name=name,
        path=path,
        root=root,
        version=_version(text, shaped),
        body=compiled,
        said=said,
        display_name=front.display_name,
        description=front.description,
        model=front.model.id,
        options=front.model.options.options(),
        inputs=inputs,
        trust=_trust(own, names),
        abstain=own.abstain,
        retrieve=own.retrieve,
        rewrite_at=located.where((*retrieving.OURS, "rewrite")),
        order=own.passages.order,
        mark=own.passages.mark,
        output=output,
        few_shot=few_shot,
        layers=stack,
        persona=persona,
        budget=own.budget and own.budget.reserving(front.model.options.max_output_tokens),
        tests=_tests(own.tests, inputs, located, root, compiled, output),
        lookups=lookups.lookup_slots(own.lookup, located),
    )


def _silences(own: Own, compiled: Body, said: str, located: Located) -> Iterator[PromptError]:
    """What the model must be told and never is."""
    if own.abstain is not None and " ".join(own.abstain.split()) not in " ".join(said.split()):
        where = located.where(("metadata", "ragstone", "abstain"))
        yield PromptError("the prompt never tells the model to say these words", where=where, found=repr(own.abstain))
    if found := marks.unsaid(own.passages.mark, uses=compiled.uses, includes=compiled.includes, said=said):
        message, expected, hint = found
        where = located.where(("metadata", "ragstone", "passages", "mark"))
        yield PromptError(message, where=where, expected=expected, hint=hint)


def _asked(body: Body, values: Mapping[str, object]) -> None:
    """Tries an example's values. Raises PromptError where the messages cannot take them, or ask nothing of a model."""
    if not any(message.role == "user" for message in body.render({"mark": marks.SIGNS[0], "canary": "", **values})):
        raise PromptError("makes every user message empty", where=str(body.path))


def _tests(
    named: str | None,
    inputs: Sequence[Property],
    located: Located,
    root: Path,
    body: Body,
    output: Output | None,
) -> Tests | None:
    """The file's own tests. A case says itself what is looked up: no test asks an outside system."""
    if named is None:
        return None
    return Tests(path=root / named, root=root, where=located.where(TESTS), subject=_subject(inputs, body, output))


def _subject(inputs: Sequence[Property], body: Body, output: Output | None) -> Subject:
    fields = None if output is None else tuple(output.schema["properties"])
    return Subject(inputs=inputs, passages="passages" in body.uses, outputs=fields)


def _shaping(front: Mapping[str, Any], body: Source) -> str:
    """What of a file shapes what is sent: all but its comments and the name of its tests."""
    metadata: dict[str, Any] = front.get("metadata", {})
    ours: dict[str, Any] = metadata.get("ragstone", {})
    own = {key: value for key, value in ours.items() if key != TESTS[-1]}
    rest = {key: value for key, value in metadata.items() if key != "ragstone"} | ({"ragstone": own} if own else {})
    kept = {key: value for key, value in front.items() if key != "metadata"} | ({"metadata": rest} if rest else {})
    return json.dumps([kept, body.text])


def _version(text: str, includes: Mapping[str, str]) -> str:
    """A hash of the file and all that it includes; the model's options stand in the file."""
    return hashlib.blake2b(json.dumps([FORMAT, text, includes]).encode(), digest_size=8).hexdigest()


def _as_prompt_error(error: ConfigError) -> PromptError:
    made = PromptError(error.message, where=error.where, expected=error.expected, found=error.found, hint=error.hint)
    made.faults = tuple(_as_prompt_error(fault) if fault is not error else made for fault in error.faults)
    return made


def _told(read: Callable[[], T]) -> T:
    """What `read` gives, with each fault of a file as one of a prompt."""
    try:
        return read()
    except PromptError:
        raise
    except ConfigError as error:
        raise _as_prompt_error(error) from None


def _raise_first(faults: Iterator[PromptError]) -> None:
    found = tuple(faults)
    if found:
        found[0].faults = found
        raise found[0]


def _split(text: str, path: Path) -> tuple[Located, Source]:
    """The front matter and the body. The first line and the next one that is `---` enclose the front matter."""
    lines = text.split("\n")
    if lines[0] != "---":
        raise PromptError("has no front matter", where=f"{path}:1:1", expected="a first line '---'")
    try:
        end = lines.index("---", 1)
    except ValueError:
        raise PromptError("has no end of its front matter", where=f"{path}:1:1", expected="a line '---'") from None
    for number, line in enumerate(lines[1:end], 2):
        if found := _REFERENCE.search(line):
            raise PromptError(
                f"{found[0]}…}} cannot be used in a prompt file",
                where=f"{path}:{number}:{found.start() + 1}",
                hint="Variables are read in connectors/*.yaml only." if found[1] == "env" else "Use {% include %}.",
            )
    located = parse_yaml("\n".join(lines[1:end]), path, first_line=2)
    if not isinstance(located.value, dict):
        raise PromptError(
            "the front matter holds no keys", where=located.where(), expected="lines such as 'name: answer'"
        )
    return located, Source(path, "\n".join(lines[end + 1 :]), end + 2)


# ── Faults that concern two keys at once ────────────────────────────────────────────────────────────────────────────


def _faults(front: Front, located: Located) -> Iterator[PromptError]:
    later = {("tools",): front.tools, ("model", "connection"): front.model.connection}
    for keys, value in later.items():
        if value not in (None, [], {}):
            hint = "Connections stand in connectors/*.yaml." if keys[-1] == "connection" else None
            message = f"{'.'.join(keys)} is not supported by this version"
            yield PromptError(message, where=located.where(keys), hint=hint)
    names = [given.name for given in front.inputs]
    for index, given in enumerate(front.inputs):
        place = ("inputs", index)
        yield from _name_faults(given.name, names[:index], located.where((*place, "name")))
        yield from _value_faults(given, located, place)
    yield from _layer_faults(front, located)
    fetched = front.metadata.ragstone.lookup
    for name in fetched:
        yield from _name_faults(name, names, located.where((*lookups.OURS, name)))
    yield from lookups.lookup_faults(fetched, front.inputs, located)
    yield from retrieving.faults(front.metadata.ragstone.retrieve, front.inputs, fetched, located)
    known = [*names, *fetched, *(name for name in RUNTIME if name not in ("mark", "canary"))]
    for name, trust in front.metadata.ragstone.trust.items():
        where = located.where(("metadata", "ragstone", "trust", name))
        if name not in known:
            expected = "one of " + ", ".join(known)
            yield PromptError(f"there is no input {name!r}", where=where, expected=expected, hint=nearest(name, known))
        elif name == "passages" and trust != "retrieved":
            yield PromptError(
                "passages are always retrieved text", where=where, expected="'retrieved'", found=repr(trust)
            )
        elif name in fetched and trust != "tool":
            yield PromptError("what is looked up is always a tool's", where=where, expected="'tool'", found=repr(trust))


def _layer_faults(front: Front, located: Located) -> Iterator[PromptError]:
    """Settings that are right alone and wrong together."""
    place = ("metadata", "ragstone")
    own = front.metadata.ragstone
    few_shot, budget, longest = own.layers.few_shot, own.budget, front.model.options.max_output_tokens
    if few_shot is not None and few_shot.select == "length" and budget is None:
        yield PromptError(
            "`select: length` takes what fits a budget, and there is none",
            where=located.where((*place, "layers", "few_shot", "select")),
            hint="Write budget: {total: 8000} under metadata.ragstone, or `select: fixed`.",
        )
    if budget is None:
        return
    reserved = longest if budget.reserve_output is None else budget.reserve_output
    if longest is not None and reserved is not None and reserved < longest:
        yield PromptError(
            "the budget reserves less for the answer than it may take",
            where=located.where((*place, "budget", "reserve_output")),
            expected=f"at least maxOutputTokens, which is {longest}",
            found=str(reserved),
        )
    if reserved is not None and reserved >= budget.total:
        yield PromptError(
            "the answer alone takes the whole budget",
            where=located.where((*place, "budget", "total")),
            expected=f"more than the {reserved} tokens that are reserved for the answer",
            found=str(budget.total),
        )


def _name_faults(name: str, before: Sequence[str], where: str) -> Iterator[PromptError]:
    if name in RUNTIME:
        yield PromptError(f"{name!r} is given by Ragstone itself", where=where, hint="Take it out of inputs.")
    elif not _NAME.fullmatch(name) or name.lower() in _RESERVED:
        yield PromptError(
            f"{name!r} cannot name an input", where=where, expected="letters, digits and _, no word of Jinja"
        )
    elif name in before:
        yield PromptError(f"the input {name!r} stands here twice", where=where)


def _value_faults(given: Property, located: Located, place: tuple[str | int, ...]) -> Iterator[PromptError]:
    for key, value in (("default", given.default), ("example", given.example)):
        where = located.where((*place, key))
        if value is None:
            continue
        if not given.fits(value):
            yield PromptError(f"the {key} is of another kind", where=where, expected=given.kind, found=repr(value))
        elif given.enum_values is not None and value not in given.enum_values:
            yield PromptError(f"the {key} is none of enumValues", where=where, found=repr(value))
    for index, value in enumerate(given.enum_values or []):
        if not given.fits(value):
            where = located.where((*place, "enumValues", index))
            yield PromptError("the value is of another kind", where=where, expected=given.kind, found=repr(value))
