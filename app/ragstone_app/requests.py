"""What every request may say of whom it is for."""

from __future__ import annotations

from typing import Annotated

from fastapi import Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from ragstone.errors import UsageError
from ragstone_app.access import Caller

__all__ = ["LISTS", "Asking", "Name", "Passages", "Tenant", "Whole", "said_once"]

MOST = 1_000  # principals of one caller

LISTS = frozenset({"principals", "room"})
"""What a query may say more than once."""


async def said_once(request: Request) -> None:
    """Raises UsageError for a query that says something twice: two readers of it could believe different tenants."""
    said = [name for name, _ in request.query_params.multi_items() if name not in LISTS]
    if len(said) != len(set(said)):
        twice = next(name for name in said if said.count(name) > 1)
        raise UsageError(f"the query says {twice[:80]!r} more than once", expected="each name once")


def _whole(given: object) -> object:
    """JSON knows one kind of number: 5.0 is the integer 5."""
    return int(given) if isinstance(given, float) and given.is_integer() else given


Whole = BeforeValidator(_whole)
"""Of each integer in a body."""

Passages = Annotated[int, Field(ge=1, le=1000), Whole]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Tenant = Annotated[str, Field(min_length=1, max_length=200, description="Whose documents; that of the key if absent.")]


class Asking(BaseModel):
    """For whom something is asked. A key that is absent here is that of the key; one that it has not is refused."""

    model_config = ConfigDict(extra="forbid", strict=True)

    principals: list[Name] | None = Field(
        default=None,
        max_length=MOST,
        description="Users and groups whose documents may be seen; those of the key if absent.",
    )
    tenant: Tenant | None = None

    def who(self, caller: Caller) -> tuple[str, tuple[str, ...]]:
        """The tenant and the principals that count. Raises AccessDenied for some that the caller may not name."""
        return caller.tenant(self.tenant), caller.principals(self.principals)
