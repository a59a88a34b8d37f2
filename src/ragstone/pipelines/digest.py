"""Has a model say in few words what was said in a conversation, as the prompt file `digest` wants it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from ragstone.errors import ModelTimeout
from ragstone.inference.router import Router
from ragstone.pipelines.limits import LIMITS, Limits
from ragstone.pipelines.lookups import NO_LOOKUPS, Lookups
from ragstone.pipelines.runner import PromptRunner
from ragstone.prompts.file import PromptFile
from ragstone.types import Context

__all__ = ["Digest"]

PROMPT = "digest"
PATIENCE = 30.0  # seconds: a person waits, and the search has not begun


class Digest:
    """Summarises turns with the models of a route that write words of their own; without one there is no summary."""

    def __init__(
        self,
        router: Router,
        prompt_file: Callable[[str], PromptFile],
        *,
        lookups: Lookups = NO_LOOKUPS,
        timeout: float = PATIENCE,
        limits: Limits = LIMITS,
    ) -> None:
        runner = PromptRunner(router.writing, prompt_file, models=(), lookups=lookups, limits=limits)
        self._runner = runner if router.writes else None
        self._bounds, self.timeout = limits.bounds, min(timeout, PATIENCE)

    async def run(self, turns: str, *, earlier: str, context: Context) -> str:
        """The summary of an earlier one and of turns; empty where no model writes, or says nothing.

        Raises ModelTimeout, PromptError or another ModelError.
        """
        if self._runner is None:
            return ""
        context = replace(context.within(self.timeout), bounds=self._bounds, unread=True)
        with context.trace.step("digest"):
            try:
                async with asyncio.timeout(context.remaining()):
                    completion = await self._runner.run(PROMPT, {"turns": turns, "earlier": earlier}, context=context)
            except TimeoutError:
                raise ModelTimeout(f"no summary within {self.timeout:g} s") from None
        return "" if completion.finish_reason == "length" else completion.text.strip()
