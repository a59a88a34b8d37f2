"""What a prompt file says of the search before its answer: whether there is one, for which input, in which other words.

    metadata:
      ragstone:
        retrieve: {on: true, query: question, rewrite: [condense, multi_query]}

Each way of rewriting is a prompt file of that name, which a model is asked before the search.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias, cast, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict

from ragstone.config import Located
from ragstone.errors import PromptError, nearest

if TYPE_CHECKING:
    from ragstone.prompts.file import PromptFile
    from ragstone.prompts.schema import Property

__all__ = ["OURS", "WAYS", "RetrieveSpec", "Way", "faults", "passage_faults", "sought"]

QUESTION = "question"
OURS = ("metadata", "ragstone", "retrieve")

Way: TypeAlias = Literal["condense", "multi_query", "hyde", "step_back", "decompose"]

WAYS: tuple[str, ...] = get_args(Way)
NONE = "none"


def _several(value: object) -> object:
    """One name may stand without brackets; each is checked later, where its place in the file is known."""
    return [value] if isinstance(value, str) else value


class RetrieveSpec(BaseModel):
    """What may stand under `retrieve`. `query` names the input that is searched for."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    on: bool = True
    query: str = QUESTION
    rewrite: Annotated[list[str], BeforeValidator(_several)] = []

    @property
    def ways(self) -> tuple[Way, ...]:
        """The ways in which the question is put anew, in the order of the file."""
        return tuple(cast("Way", name) for name in self.rewrite if name != NONE) if self.on else ()


def sought(file: PromptFile, values: Mapping[str, object]) -> str:
    """The text that is searched for: the input that the file names; the question where it has no word."""
    name = file.retrieve.query if file.retrieve is not None else QUESTION
    given = next((one.default for one in file.inputs if one.name == name), None)
    text = values.get(name, given)
    return text if isinstance(text, str) and text.strip() else str(values[QUESTION])


def faults(
    spec: RetrieveSpec | None, inputs: Sequence[Property], fetched: Collection[str], located: Located
) -> Iterator[PromptError]:
    """What is wrong with `retrieve` in a front matter; `fetched` are the inputs that are looked up."""
    if spec is not None:
        yield from _way_faults(spec, located)
        yield from _query_faults(spec, inputs, fetched, located) if spec.on else ()


def _way_faults(spec: RetrieveSpec, located: Located) -> Iterator[PromptError]:
    """Ways that there are not, that stand there twice, or that cannot be beside `none`."""
    known = (NONE, *WAYS)
    for place, name in enumerate(spec.rewrite):
        where = located.where((*OURS, "rewrite", place))
        if name not in known:
            expected = "one of " + ", ".join(known)
            message = f"there is no way {name!r} to rewrite a question"
            yield PromptError(message, where=where, expected=expected, hint=nearest(name, known))
        elif name in spec.rewrite[:place]:
            yield PromptError(f"{name!r} stands here twice", where=where)
        elif name == NONE and len(spec.rewrite) > 1:
            yield PromptError("'none' stands beside other ways", where=where, hint="Take it out, or all the others.")


def _query_faults(
    spec: RetrieveSpec, inputs: Sequence[Property], fetched: Collection[str], located: Located
) -> Iterator[PromptError]:
    """An input to search for that there is not, or that holds no text which is known before the search."""
    where, declared = located.where((*OURS, "query")), {given.name: given for given in inputs}
    found = declared.get(spec.query)
    if spec.query in fetched:
        message = f"{spec.query!r} is looked up while the search runs, and cannot be searched for"
        yield PromptError(message, where=where, expected="an input that the caller gives")
    elif found is None:
        expected = "one of " + ", ".join(declared) if declared else "an input of this file"
        message = f"there is no input {spec.query!r} to search for"
        yield PromptError(message, where=where, expected=expected, hint=nearest(spec.query, declared))
    elif found.kind != "string":
        message = f"the input {spec.query!r} is no text, and cannot be searched for"
        yield PromptError(message, where=where, expected="an input of the kind string", found=found.kind)


def passage_faults(spec: RetrieveSpec | None, used: Collection[str], located: Located) -> Iterator[PromptError]:
    """Passages that nothing finds, and a rewriting whose passages nobody reads."""
    if spec is None:
        return
    if not spec.on and "passages" in used:
        hint = "Write `on: true`, or take {{ passages }} out of the words."
        where = located.where((*OURS, "on"))
        yield PromptError("nothing is searched, and the words have a place for passages", where=where, hint=hint)
    for name in [] if spec.on else [name for name in spec.rewrite if name in WAYS][:1]:
        where = located.where((*OURS, "rewrite"))
        yield PromptError(f"nothing is searched, so {name!r} has nothing to do", where=where, hint="Take it out.")
    if spec.ways and "passages" not in used:
        hint = "Write {{ passages }} where they belong, or take `rewrite` out."
        where = located.where((*OURS, "rewrite"))
        yield PromptError("the words have no place for what is found in this way", where=where, hint=hint)
