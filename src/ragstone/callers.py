"""Who asks, as a program says it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from ragstone.errors import UsageError
from ragstone.trace import Trace
from ragstone.types import Context

__all__ = ["context_of", "principals_of"]


def context_of(name: str, tenant: str, principals: Iterable[str]) -> Context:
    """A context with a trace of its own. Raises UsageError for a tenant or principals that are none."""
    return Context(tenant=_tenant(tenant), principals=principals_of(principals), trace=Trace(name))


def _tenant(name: object) -> str:
    if not isinstance(name, str) or not name:
        raise UsageError("the tenant is wrong", expected="its name", found=repr(name)[:80])
    return name


def principals_of(given: object) -> frozenset[str]:
    """The principals; one alone may be given as it is, and is not taken for its letters."""
    several: object = (given,) if isinstance(given, str) else given
    named: list[object] = list(cast("Iterable[object]", several)) if isinstance(several, Iterable) else [several]
    for one in named:
        if not isinstance(one, str):
            raise UsageError("the principals are wrong", expected="a list of texts", found=repr(given)[:80])
    return frozenset(cast("list[str]", named))
