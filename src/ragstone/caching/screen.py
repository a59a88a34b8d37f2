"""Who has the last word on what is kept, and what becomes of an answer that it cannot look through."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from ragstone.caching.semantic import quiet
from ragstone.types import Completion, Prompt

__all__ = ["Screen", "screened"]

Screen: TypeAlias = Callable[[Prompt, Completion], Awaitable[str | None]]
"""Says why a completion may not be kept, in a few words; None where it may."""


async def screened(screen: Screen | None, prompt: Prompt, completion: Completion) -> str | None:
    """Why a completion is not kept. One that could not be looked through is not, and is given all the same."""
    if screen is None:
        return None
    try:
        return await screen(prompt, completion)
    except Exception as error:  # the answer is there, and may have been paid for
        quiet.warn("an answer cannot be looked through", error, instead="it is not kept")
        return "it could not be looked through"
