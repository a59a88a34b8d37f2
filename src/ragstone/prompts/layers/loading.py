"""Reads the layers of a prompt file: the persona, the examples, and the stack of all that stands around the call."""

from __future__ import annotations

from pathlib import Path

from ragstone.config import Located
from ragstone.errors import PromptError
from ragstone.output import Output
from ragstone.prompts.examples import Declared, ExampleSet, load_examples
from ragstone.prompts.layers.building import stacked
from ragstone.prompts.layers.legality import Setting
from ragstone.prompts.layers.stack import Stack
from ragstone.prompts.schema import Front, Own
from ragstone.prompts.syntax import Source, read

__all__ = ["examples", "persona", "stack"]


def examples(own: Own, located: Located, root: Path, declared: Declared) -> ExampleSet | None:
    """The solved examples that a file shows, or None."""
    spec = own.layers.few_shot
    if spec is None or not spec.on:
        return None
    where = located.where(("metadata", "ragstone", "layers", "few_shot", "file"))
    return load_examples(spec, root=root, where=where, declared=declared)


def persona(file: str, root: Path, located: Located) -> Source | None:
    """The words that the first system message begins with."""
    if not file:
        return None
    try:
        return Source(root / file, read(root / file, root))
    except PromptError as error:
        where = located.where(("metadata", "ragstone", "persona", "file"))
        message = f"{file!r} cannot be used: {error.message}"
        raise PromptError(message, where=where, expected=error.expected, hint=error.hint) from None


def stack(
    front: Front, located: Located, root: Path, output: Output | None, few_shot: ExampleSet | None, *, passages: bool
) -> Stack:
    """The layers. Raises PromptError where they cannot work together, or may take more calls than are allowed."""
    own = front.metadata.ragstone
    cot = own.layers.cot
    bare = [each.where for each in few_shot.examples if not each.rationale] if few_shot and cot and cot.on else []
    setting = Setting(
        layers=own.layers,
        options=front.model.options.options(),
        output=output,
        located=located,
        mark=own.passages.mark,
        rationales=tuple(bare),
        passages=passages,
    )
    made = stacked(setting, root=root)
    most = made.most + len(own.retrieve.ways if own.retrieve is not None else ())
    if most > own.max_calls:
        raise PromptError(
            f"one answer may take {most} calls of a model",
            where=located.where(("metadata", "ragstone", "layers")),
            expected=f"at most max_calls, which is {own.max_calls}",
            hint=f"Write `max_calls: {most}` under metadata.ragstone, or make the layers smaller.",
        )
    return made
