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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ragstone.config import Located, parse_yaml, validate
from ragstone.errors import ConfigError, PromptError, nearest
from ragstone.output import Output
from ragstone.prompts import marks, outputs
from ragstone.prompts.examples import Declared, ExampleSet, load_examples
from ragstone.prompts.schema import Budget, Front, Order, Property
from ragstone.prompts.syntax import Source, read
from ragstone.prompts.template import Body, compile_body
from ragstone.types import Mark, Options, Trust

__all__ = ["PromptFile", "load", "variables"]

FORMAT = 1  # part of every version: raise it when the same file would be rendered into other messages

RUNTIME = ("passages", "history", "mark")
"""What the runtime gives to a prompt, so that no file declares it as an input."""

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
    display_name: str = ""
    description: str = ""
    model: str = ""  # the model that its author had in mind; which one is asked is for the pipeline's route to say
    options: Options
    inputs: tuple[Property, ...]
    trust: Mapping[str, Trust]
    abstain: str | None = None
    order: Order = "rank"
    mark: Mark = "none"
    fault: str = ""  # what is wrong with a newer version, while this one, the last good one, is in use
    output: Output | None = None  # None for free text
    few_shot: ExampleSet | None = None
    budget: Budget | None = None


def load(path: Path, *, root: Path) -> PromptFile:
    """Reads a prompt file, and what it includes from the folder `root`.

    Raises PromptError with the place of the first fault; its `faults` hold every one that was found.
    """
    try:
        return _load(path, root)
    except PromptError:
        raise
    except ConfigError as error:
        raise _as_prompt_error(error) from None
    except RecursionError as error:
        raise PromptError("the front matter is nested too deeply", where=str(path)) from error


def variables(front: Front) -> list[str]:
    """What the words of a prompt may put in: its inputs, and what the runtime gives it."""
    mark = ["mark"] if front.metadata.ragstone.passages.mark == "datamark" else []
    return [*(given.name for given in front.inputs), "passages", *mark]


def _runtime_trust(names: Sequence[str]) -> dict[str, Trust]:
    """How far to trust what the runtime gives, where the file has no say in it."""
    given: dict[str, Trust] = {"passages": "retrieved", "mark": "author"}
    return {name: trust for name, trust in given.items() if name in names}


def _load(path: Path, root: Path) -> PromptFile:
    text = read(path, root)
    located, body = _split(text, path)
    front = validate(Front, located)
    _raise_first(_faults(front, located))
    names = variables(front)
    compiled = compile_body(body, root=root, names=names)
    own = front.metadata.ragstone
    said = " ".join([body.text, *compiled.includes.values()])
    if own.abstain is not None and " ".join(own.abstain.split()) not in " ".join(said.split()):
        where = located.where(("metadata", "ragstone", "abstain"))
        raise PromptError("the prompt never tells the model to say these words", where=where, found=repr(own.abstain))
    if found := marks.unsaid(own.passages.mark, uses=compiled.uses, includes=compiled.includes, said=said):
        message, expected, hint = found
        where = located.where(("metadata", "ragstone", "passages", "mark"))
        raise PromptError(message, where=where, expected=expected, hint=hint)
    name = front.name or path.stem
    output = outputs.of_file(located, name=name, root=root)
    shaped = {**compiled.includes, **({outputs.PART: output.words} if output else {})}
    few_shot = None
    if own.layers.few_shot is not None and own.layers.few_shot.on:
        declared = Declared(
            version=_version(text, shaped),
            inputs=tuple(front.inputs),
            render=partial(_asked, compiled),
            judge=None if output is None else partial(outputs.misfit, output=output),
        )
        where = located.where(("metadata", "ragstone", "layers", "few_shot", "file"))
        few_shot = load_examples(own.layers.few_shot, root=root, where=where, declared=declared)
        shaped[own.layers.few_shot.file] = few_shot.digest
    return PromptFile(
        name=name,
        path=path,
        root=root,
        version=_version(text, shaped),
        body=compiled,
        display_name=front.display_name,
        description=front.description,
        model=front.model.id,
        options=front.model.options.options(),
        inputs=tuple(front.inputs),
        trust={**dict.fromkeys(names, "user"), "history": "user", **_runtime_trust(names), **own.trust},
        abstain=own.abstain,
        order=own.passages.order,
        mark=own.passages.mark,
        output=output,
        few_shot=few_shot,
        budget=own.budget and own.budget.reserving(front.model.options.max_output_tokens),
    )


def _asked(body: Body, values: Mapping[str, object]) -> None:
    """Tries an example's values. Raises PromptError where the messages cannot take them, or ask nothing of a model."""
    if not any(message.role == "user" for message in body.render({"mark": marks.SIGNS[0], **values})):
        raise PromptError("makes every user message empty", where=str(body.path))


def _version(text: str, includes: Mapping[str, str]) -> str:
    """A hash of the file and all that it includes; the model's options stand in the file."""
    return hashlib.blake2b(json.dumps([FORMAT, text, includes]).encode(), digest_size=8).hexdigest()


def _as_prompt_error(error: ConfigError) -> PromptError:
    made = PromptError(error.message, where=error.where, expected=error.expected, found=error.found, hint=error.hint)
    made.faults = tuple(_as_prompt_error(fault) if fault is not error else made for fault in error.faults)
    return made


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
    known = [*names, *(name for name in RUNTIME if name != "mark")]
    for name, trust in front.metadata.ragstone.trust.items():
        where = located.where(("metadata", "ragstone", "trust", name))
        if name not in known:
            expected = "one of " + ", ".join(known)
            yield PromptError(f"there is no input {name!r}", where=where, expected=expected, hint=nearest(name, known))
        elif name == "passages" and trust != "retrieved":
            yield PromptError(
                "passages are always retrieved text", where=where, expected="'retrieved'", found=repr(trust)
            )


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
