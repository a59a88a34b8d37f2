"""Builds a prompt for the models of a route: what they cannot read is broken up, and what is too long is left out."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from ragstone.errors import UsageError
from ragstone.inference.router import Router
from ragstone.pipelines.limits import LIMITS, Limits, raising
from ragstone.prompts.builder import build
from ragstone.prompts.file import PromptFile
from ragstone.prompts.inputs import checked
from ragstone.prompts.selectors import BY_VECTORS, compared
from ragstone.prompts.tokens import counter
from ragstone.protocols import Embedder
from ragstone.types import Context, Hit, Message, Prompt

__all__ = ["prompted"]


async def prompted(
    file: PromptFile,
    inputs: Mapping[str, object],
    *,
    router: Router,
    hits: Sequence[Hit] = (),
    history: Sequence[Message] = (),
    embedder: Embedder | None = None,
    limits: Limits = LIMITS,
    context: Context,
) -> Prompt:
    """The prompt for the model that is asked first: its tokenizer counts, and its window is not exceeded.

    `embedder` reads the examples, where the file has them chosen by it. Raises what `build` raises, and UsageError for
    what is longer than `limits` allow.
    """
    wanted, chosen = file.few_shot, None
    if embedder is not None and wanted is not None and wanted.select in BY_VECTORS:
        chosen = await compared(wanted, checked(file, inputs), embedder=embedder, context=context)
    first, tokens = router.first, router.special_tokens
    reserved = (file.budget.reserve_output or 0) if file.budget is not None else 0
    window = limits.window(first.context_window, reserved=reserved)

    def made() -> Prompt:
        count = counter(tokenizer=first.tokenizer, model=first.model)
        return build(
            file,
            inputs,
            hits=hits,
            history=history,
            examples=chosen,
            tokens=tokens,
            counter=count,
            window=window,
            reasons=first.reasons,
        )

    try:
        return limits.held(await asyncio.to_thread(made))
    except UsageError as error:
        if window == limits.prompt + reserved and "tokens too long" in error.message:
            error.hint = raising("prompt")  # it is no budget of the prompt file that is too small
        raise
