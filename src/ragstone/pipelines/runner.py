"""How any stage asks a model: by a prompt file's name and its inputs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import replace

from ragstone.errors import ModelError, OutOfCalls
from ragstone.inference.router import Router
from ragstone.pipelines.layered import layered
from ragstone.pipelines.limits import LIMITS, Limits
from ragstone.pipelines.lookups import NO_LOOKUPS, Lookups
from ragstone.pipelines.prompted import prompted
from ragstone.pipelines.tools import built_in, taken
from ragstone.prompts.file import PromptFile
from ragstone.prompts.layers.solving import Outcome
from ragstone.prompts.layers.stack import NO_LAYERS
from ragstone.prompts.wire import mend
from ragstone.protocols import Tool
from ragstone.types import Completion, Context, Prompt

__all__ = ["PromptRunner"]


class PromptRunner:
    """Renders a prompt file and asks the models of a route, the first that answers.

    >>> completion = await runner.run("context", {"title": "Cod", "document": text, "passage": part}, context=context)
    """

    def __init__(
        self,
        router: Router,
        prompt_file: Callable[[str], PromptFile],
        *,
        models: tuple[str, ...],
        lookups: Lookups = NO_LOOKUPS,
        tool: Callable[[str], Tool | None] = built_in,
        limits: Limits = LIMITS,
    ) -> None:
        self._limits = limits
        self._router, self._prompt_file, self.models, self._lookups = router, prompt_file, models, lookups
        self._tool = tool

    def version(self, prompt: str) -> str:
        """Changes with whatever shapes what is said to the models. It reads the file."""
        return self._prompt_file(prompt).version

    async def run(self, prompt: str, inputs: Mapping[str, object], *, context: Context) -> Completion:
        """The whole completion. Raises PromptError, UsageError, LookupFailed or a ModelError."""
        file = await asyncio.to_thread(self._prompt_file, prompt)
        return await self._run(file, inputs, context)

    async def plain(self, name: str, inputs: Mapping[str, object], *, context: Context) -> Completion:
        """What `run` gives of a prompt file whose layers rest, so that it is one call."""
        file = await asyncio.to_thread(self._prompt_file, name)
        return await self._run(replace(file, layers=NO_LAYERS), inputs, context)

    async def _run(self, file: PromptFile, inputs: Mapping[str, object], context: Context) -> Completion:
        context = _deeper(file.name, context)
        looked = await self._lookups.fetch(file, inputs, context=context)
        values = {**inputs, **looked.values}
        request = await prompted(file, values, router=self._router, limits=self._limits, context=context)
        outcome = await self.complete(file, request, context=context)
        said = outcome.completion
        notice = "\n".join(filter(None, (*looked.notices, said.notice))) or None
        return replace(said, text=mend(said.text, outcome.prompt.slots), notice=notice)

    async def complete(
        self, file: PromptFile, request: Prompt, *, search: Tool | None = None, context: Context
    ) -> Outcome:
        """What a model says to a prompt that is built already of this file, in its own words.

        `search` is what the tool of that name is, where the project has no other.
        """
        tools = await taken(file.layers.tools, self._tool, search=search)
        way = layered(file, request, router=self._router, runs=self, tools=tools, context=context)
        async with aclosing(way) as pieces:
            async for piece in pieces:
                if isinstance(piece, Outcome):
                    return piece
        raise ModelError("a model ended without an answer")


def _deeper(name: str, context: Context) -> Context:
    """The context of a prompt that is asked on the way to an answer. Raises OutOfCalls where they ask one another."""
    most = context.bounds.depth
    if most is not None and context.depth >= most:
        raise OutOfCalls(
            f"prompts ask one another more than {most} deep",
            where=f"prompt {name!r}",
            hint="Raise `depth` under `limits` in the pipeline's file.",
        )
    return replace(context, depth=context.depth + 1)
