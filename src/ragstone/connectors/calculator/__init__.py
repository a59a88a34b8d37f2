"""A calculator for models, which write numbers well and reckon badly: exact, and the same on every machine."""

from __future__ import annotations

from ragstone.connectors.calculator.exact import shown
from ragstone.connectors.calculator.expression import value_of
from ragstone.protocols import Capabilities, Observation, Tool
from ragstone.types import Context

__all__ = ["Calculator"]


class Calculator(Tool):
    """Calculates an expression exactly: fractions within, and at most 15 digits shown of what has no end.

    >>> (await Calculator().use("15% of 1,280 + 0.1 + 0.2", context=context)).text
    '192.3'
    """

    capabilities = Capabilities(local=True)
    description = "Calculates one expression of numbers."

    async def use(self, given: str, *, context: Context) -> Observation:
        """The value, behind `≈` where it was rounded. Raises ToolFailed, which says how to mend the expression."""
        return Observation(text=shown(value_of(given)))
