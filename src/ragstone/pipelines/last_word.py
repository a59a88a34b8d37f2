"""Who is asked at last whether two questions mean the same, where a pipeline names somebody: a reranker, or a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ragstone.errors import ConfigError, PromptError, UsageError
from ragstone.pipelines.runner import PromptRunner
from ragstone.prompts.file import PromptFile
from ragstone.protocols import Reranker
from ragstone.text.answers import plain_words
from ragstone.types import Context

__all__ = ["Both", "Judging", "Reranking", "judges"]

NEAR = 0.8
"""How far a reranker must find an earlier question on the way from one that means something else (0) to the very same
words (1). Rerankers have scales of their own, which hold within one call, so it is relative. It is not fitted."""

TAKEN = ("question", "earlier")
"""The inputs of a prompt file that compares two questions. What it says begins with yes, or it means no."""


class Reranking:
    """Reads the question beside itself, beside the earlier one, and beside one that means something else."""

    def __init__(self, reranker: Reranker) -> None:
        self.reranker, self.name = reranker, "rerank"

    async def same(self, question: str, earlier: str, others: Sequence[str], *, context: Context) -> bool:
        """Without another question there is nothing to measure with, and nothing is taken for the same."""
        if not others:
            return False
        scores = await self.reranker.scores(question, [question, earlier, *others], context=context)
        top, found, bottom = scores[0], scores[1], min(scores[2:])
        return top > bottom and (found - bottom) / (top - bottom) >= NEAR


class Judging:
    """Asks the models of the route by a prompt file."""

    def __init__(self, runner: PromptRunner, prompt: str, *, timeout: float) -> None:
        self.runner, self.prompt, self.timeout, self.name = runner, prompt, timeout, "judge"

    async def same(self, question: str, earlier: str, others: Sequence[str], *, context: Context) -> bool:
        """Whether the first word is yes."""
        inputs = {"question": question, "earlier": earlier}
        said = await self.runner.run(self.prompt, inputs, context=context.within(self.timeout))
        return plain_words(said.text)[:1] == ["yes"]


class Both:
    """Asks the reranker first, which costs less."""

    def __init__(self, first: Reranking, second: Judging) -> None:
        self.first, self.second, self.name = first, second, "judge"

    async def same(self, question: str, earlier: str, others: Sequence[str], *, context: Context) -> bool:
        """Whether both say so."""
        return await self.first.same(question, earlier, others, context=context) and await self.second.same(
            question, earlier, others, context=context
        )


def judges(name: str, prompt: Callable[[str], PromptFile]) -> None:
    """Raises UsageError or PromptError for a prompt file that cannot compare two questions."""
    try:
        file = prompt(name)
    except PromptError as error:
        raise PromptError(error.message, where=error.where, expected=error.expected, found=error.found) from error
    except ConfigError as error:
        raise UsageError(f"the prompt {name!r} cannot be asked: {error}") from error
    needed = [given.name for given in file.given if given.required and given.name not in TAKEN]
    lacking = [one for one in TAKEN if all(given.name != one for given in file.given)]
    if needed or lacking:
        found = ", ".join(given.name for given in file.given) or "none"
        expected = "the inputs question and earlier, and no other that is required"
        raise UsageError(f"the prompt {name!r} compares no questions", expected=expected, found=f"the inputs {found}")
