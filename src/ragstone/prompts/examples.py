"""Reads a set of solved examples and checks each row: a file of JSON lines beside the prompts.

    {"inputs": {"question": "How long is the warranty?"}, "output": "Two years [1].", "gold": true, "id": "warranty",
     "passages": [{"uri": "terms.md", "text": "The warranty lasts two years."}]}

Each row stands on one line. `inputs` are those that the prompt file declares, of its kinds; `output` is a text, or an
object where the answer has fields. `gold` says that a person has verified the row, `id` names it (else its line does),
`passages` are what it was answered from, and `rationale` is the way to the output, which a chain of thought shows.
`about` holds notes for whoever reads the file, and no model is shown it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from ragstone.errors import PromptError, nearest
from ragstone.prompts.schema import FewShot, Property, Select
from ragstone.prompts.syntax import read_raw
from ragstone.prompts.template import plain
from ragstone.types import Chunk, Hit

__all__ = ["RATIONALES", "Declared", "Example", "ExampleSet", "load_examples", "read_example"]

LONGEST_SET = 10_000_000  # bytes

KEYS = ("about", "gold", "id", "inputs", "output", "passages", "rationale")
RATIONALES = ("explanation", "rationale", "reasoning", "steps", "thought", "thoughts")
"""Fields of an output that hold the way to an answer, which may be wrong although the answer is right."""

Judge = Callable[[object], str | None]
"""Says what is wrong with an output, or None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One solved example: every declared input with its value, and the output as a model would say it."""

    id: str
    inputs: Mapping[str, object]
    output: str
    rationale: str = ""
    passages: tuple[Hit, ...] = ()
    gold: bool = False
    where: str = ""

    @property
    def asked(self) -> str:
        """What is compared with a question: the values of the inputs, line by line."""
        return asked(self.inputs)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleSet:
    """The examples that a prompt file names, and how some of them are chosen."""

    file: str  # below the folder of prompts
    examples: tuple[Example, ...]
    k: int
    select: Select
    seed: int
    digest: str  # of the file


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What the rows of a prompt file's examples must fit. Two of one `version` are the same.

    `judge` says what is wrong with an output, `render` raises PromptError for values that the messages cannot take.
    """

    version: str
    inputs: tuple[Property, ...] = field(compare=False)
    render: Callable[[Mapping[str, object]], object] = field(compare=False)
    judge: Judge | None = field(default=None, compare=False)


def asked(inputs: Mapping[str, object]) -> str:
    """The values of inputs, line by line, without those that are empty."""
    return "\n".join(filter(None, map(plain, inputs.values())))


def load_examples(spec: FewShot, *, root: Path, where: str, declared: Declared) -> ExampleSet:
    """Reads and checks the set that a prompt file names at `where`.

    Raises PromptError with the place of the first fault; its `faults` hold every one that was found.
    """
    path = root / spec.file
    try:
        data = read_raw(path, root, most=LONGEST_SET)
    except PromptError as error:
        message = f"{spec.file!r} cannot be used: {error.message}"
        raise PromptError(message, where=where, expected=error.expected, hint=error.hint) from None
    examples = _checked(path, data, declared)
    if len(examples) < spec.k:
        raise PromptError(
            f"{spec.file!r} holds too few examples",
            where=where,
            expected=f"at least k, which is {spec.k}",
            found=str(len(examples)),
        )
    if spec.select in ("similar", "mmr"):
        _raise([*_silent(examples, spec.select), *_unverified(examples, spec.select)])
    digest = hashlib.blake2b(data, digest_size=8).hexdigest()
    return ExampleSet(file=spec.file, examples=examples, k=spec.k, select=spec.select, seed=spec.seed, digest=digest)


def read_example(row: Mapping[str, object], *, declared: Declared, where: str, number: int) -> Example:
    """One row that stands in no file of examples yet, checked as one of a file. Raises PromptError as a file does."""
    reader = _Row(where, number, declared)
    example = reader.example(json.dumps(row).encode())
    _raise(reader.faults)
    assert example is not None, "a row without a fault is an example"
    return example


@lru_cache(maxsize=8)
def _checked(path: Path, data: bytes, declared: Declared) -> tuple[Example, ...]:
    """The rows of a file, which is read with each question: checked once for each of its versions."""
    found: list[Example] = []
    faults: list[PromptError] = []
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if line.strip():
            reader = _Row(f"{path}:{number}", number, declared)
            example = reader.example(line)
            faults += reader.faults
            if example is not None:
                found.append(example)
    faults += _repeated(found)
    _raise(faults)
    return tuple(found)


def _raise(faults: Sequence[PromptError]) -> None:
    if faults:
        faults[0].faults = tuple(faults)
        raise faults[0]


def _repeated(examples: Sequence[Example]) -> list[PromptError]:
    first: dict[str, Example] = {}
    return [
        PromptError(
            f"the id {example.id!r} stands here twice", where=example.where, hint=f"It is that of {other.where}."
        )
        for example in examples
        if (other := first.setdefault(example.id, example)) is not example
    ]


def _unverified(examples: Sequence[Example], select: Select) -> list[PromptError]:
    """Rows whose rationale nobody has verified. A wrong one is chosen just when its question looks most similar.

    Zhang et al., Automatic Chain of Thought Prompting, 2022 (arXiv 2210.03493), section 3.
    """
    return [
        PromptError(
            f"{select!r} would choose a rationale that nobody has verified",
            where=example.where,
            expected='"gold": true',
            hint="Check the row and mark it, or write `select: fixed`.",
        )
        for example in examples
        if not example.gold and (example.rationale or _has_rationale(example.output))
    ]


def _silent(examples: Sequence[Example], select: Select) -> list[PromptError]:
    return [
        PromptError(f"{select!r} has nothing to compare: every input is empty", where=example.where)
        for example in examples
        if not example.asked.strip()
    ]


def _has_rationale(output: str) -> bool:
    try:
        value: object = json.loads(output)
    except ValueError:
        return False
    return isinstance(value, dict) and not set(RATIONALES).isdisjoint(cast("dict[str, object]", value))


class _Row:
    """Checks one row, and gathers what is wrong with it."""

    def __init__(self, where: str, number: int, declared: Declared) -> None:
        self.where, self.number, self.declared = where, number, declared
        self.faults: list[PromptError] = []

    def example(self, line: bytes) -> Example | None:
        """The example that a line holds; None where it cannot be used."""
        row = self._read(line)
        if row is None:
            return None
        for key in row:
            if key not in KEYS:
                self._fault(f"unknown key {key!r}", expected="one of " + ", ".join(KEYS), hint=nearest(key, KEYS))
        if not isinstance(row.get("about", {}), dict):
            self._fault("about is no object", expected='"about": {…}', found=_kind(row["about"]))
        made = Example(
            id=self._id(row),
            inputs=self._inputs(row),
            output=self._output(row),
            rationale=self._rationale(row),
            passages=tuple(self._passages(row)),
            gold=self._gold(row),
            where=self.where,
        )
        if self.faults:
            return None
        try:
            self.declared.render({**made.inputs, "passages": "\n".join(hit.chunk.text for hit in made.passages)})
        except PromptError as error:
            self._fault(error.message)
            return None
        return made

    def _fault(
        self, message: str, *, column: int | None = None, expected: str | None = None, found: str | None = None,
        hint: str | None = None,
    ) -> None:  # fmt: skip
        where = self.where if column is None else f"{self.where}:{column}"
        self.faults.append(PromptError(message, where=where, expected=expected, found=found, hint=hint))

    def _read(self, line: bytes) -> dict[str, object] | None:
        try:
            row: object = json.loads(line.decode(), object_pairs_hook=_once, parse_constant=_no_number)
        except UnicodeDecodeError as error:
            self._fault("is no UTF-8", column=error.start + 1, hint="Save the file as UTF-8.")
        except json.JSONDecodeError as error:
            self._fault(f"is no JSON: {error.msg}", column=error.colno, hint="Each example stands on one line.")
        except RecursionError:
            self._fault("is nested too deeply")
        except ValueError as error:
            self._fault(f"is no example: {error}")
        else:
            if isinstance(row, dict):
                return cast("dict[str, object]", row)
            self._fault("is no example", expected="an object with inputs and output", found=_kind(row))
        return None

    def _id(self, row: Mapping[str, object]) -> str:
        given = row.get("id", str(self.number))
        if not isinstance(given, str) or not given.strip():
            self._fault("the id is no text", expected="a text", found=_kind(given))
            return ""
        return given

    def _gold(self, row: Mapping[str, object]) -> bool:
        given = row.get("gold", False)
        if not isinstance(given, bool):
            self._fault("gold is neither true nor false", found=_kind(given))
            return False
        return given

    def _inputs(self, row: Mapping[str, object]) -> dict[str, object]:
        given = row.get("inputs")
        if not isinstance(given, dict):
            self._fault("has no inputs", expected='"inputs": {…}', found=None if given is None else _kind(given))
            return {}
        values = cast("dict[str, object]", given)
        names = [each.name for each in self.declared.inputs]
        for name in values:
            if name not in names:
                hint = nearest(name, names)
                if name == "passages":
                    hint = "Passages stand beside inputs, as a key of their own."
                self._fault(f"there is no input {name!r}", expected="one of " + ", ".join(names), hint=hint)
        return {each.name: self._input(each, values) for each in self.declared.inputs}

    def _input(self, given: Property, values: Mapping[str, object]) -> object:
        if given.name not in values:
            if given.required and given.default is None:
                self._fault(f"the input {given.name!r} is missing")
            return given.absent if given.default is None else given.default
        value = values[given.name]
        if not given.fits(value):
            self._fault(f"the input {given.name!r} is of another kind", expected=given.kind, found=_kind(value))
        elif given.enum_values is not None and value not in given.enum_values:
            expected = "one of " + ", ".join(map(plain, given.enum_values))
            self._fault(f"the input {given.name!r} has another value", expected=expected, found=repr(value))
        return value

    def _output(self, row: Mapping[str, object]) -> str:
        given = row.get("output")
        if not isinstance(given, str | dict) or not (given.strip() if isinstance(given, str) else given):
            found = None if given is None else _kind(cast("object", given))
            self._fault("has no output", expected="a text or an object", found=found)
            return ""
        if self.declared.judge is not None and (fault := self.declared.judge(cast("object", given))):
            self._fault(f"the output does not fit the prompt file's outputs: {fault}")
        return given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)

    def _rationale(self, row: Mapping[str, object]) -> str:
        given = row.get("rationale", "")
        if not isinstance(given, str) or ("rationale" in row and not given.strip()):
            self._fault("the rationale is no text", expected="the steps that lead to the output", found=_kind(given))
            return ""
        return given

    def _passages(self, row: Mapping[str, object]) -> Iterator[Hit]:
        given = row.get("passages", [])
        if not isinstance(given, list):
            self._fault("passages are no list", expected='[{"uri": …, "text": …}]', found=_kind(given))
            return
        for rank, passage in enumerate(cast("list[object]", given), 1):
            fields = cast("dict[str, Any]", passage) if isinstance(passage, dict) else {}
            if set(fields) != {"uri", "text"} or not all(isinstance(value, str) for value in fields.values()):
                self._fault(f"passage {rank} is none", expected='{"uri": "a file", "text": "its words"}')
                continue
            yield _hit(fields["uri"], fields["text"], rank)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, value in pairs:
        if key in made:
            raise ValueError(f"the key {key!r} stands there twice")
        made[key] = value
    return made


def _no_number(word: str) -> object:
    raise ValueError(f"{word} is no number")


_NAMES = {"str": "a text", "bool": "a boolean", "int": "a number", "float": "a number", "list": "a list"}


def _kind(value: object) -> str:
    if value in ("", {}):
        return "an empty one"
    return "null" if value is None else _NAMES.get(type(value).__name__, "an object")


def _hit(uri: str, text: str, rank: int) -> Hit:
    chunk = Chunk(
        id=f"{uri}:{rank}", document_id=uri, uri=uri, title=uri, text=text, start=0, end=len(text), line=1, spans=()
    )
    return Hit(chunk, rank, {})
