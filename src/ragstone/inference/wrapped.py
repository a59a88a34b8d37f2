"""What every model that wraps another one passes on."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

from ragstone.protocols import Capabilities, Load, Model
from ragstone.types import Completion, Context, Delta, Prompt
from ragstone.usage import Usage

__all__ = ["WrappedModel"]


class WrappedModel(Model):
    """Stands in place of the model that it wraps, and does what that one does."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.name = model.name

    @property
    def capabilities(self) -> Capabilities:  # pyright: ignore[reportIncompatibleVariableOverride] - a probe may change them
        """The wrapped model's."""
        return self.model.capabilities

    async def load(self) -> None:
        """Starts the wrapped model."""
        await self.model.load()

    async def close(self) -> None:
        """Closes the wrapped model."""
        await self.model.close()

    async def generate(self, prompt: Prompt, *, context: Context) -> Completion:
        """The wrapped model's."""
        return await self.model.generate(prompt, context=context)

    async def sample(self, prompt: Prompt, *, n: int, context: Context) -> Sequence[Completion]:
        """The wrapped model's."""
        return await self.model.sample(prompt, n=n, context=context)

    def stream(self, prompt: Prompt, *, context: Context) -> AsyncGenerator[Delta]:
        """The wrapped model's."""
        return self.model.stream(prompt, context=context)

    async def probe(self, *, context: Context) -> Usage:
        """Has the wrapped model find it out."""
        return await self.model.probe(context=context)

    async def busy(self, *, context: Context) -> Load | None:
        """The wrapped model's."""
        return await self.model.busy(context=context)
