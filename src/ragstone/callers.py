"""Who asks, and by which key, checked, as the context of one request; and what its trace keeps of it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

from ragstone.errors import UsageError
from ragstone.terms import NO_TERMS, Terms
from ragstone.trace import Trace
from ragstone.types import Answer, CachePolicy, Context

__all__ = ["KEPT", "NOBODY", "Payer", "context_of", "outcome_of", "principals_of", "shown"]

POLICIES: tuple[CachePolicy, ...] = ("use", "refresh", "off")
KEPT = 2_000
"""Characters of a question, and of an answer, that its trace keeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payer:
    """Who pays for a request, beside its tenant, and how much at most.

    `key` is what the ledger counts it for: the name of an application or of an API key, never the key itself. `budget`
    is in USD, for all calls of the request together; `terms` are what may be used in a minute, a day or a month. Raises
    UsageError for a budget that is no amount.
    """

    key: str = ""
    budget: float | None = None
    terms: Terms = NO_TERMS

    def __post_init__(self) -> None:
        if self.budget is not None and not 0 <= self.budget < math.inf:
            raise UsageError("the budget is no amount", expected="USD, 0 or more", found=repr(self.budget))


NOBODY = Payer()
"""Of a request that is counted for its tenant alone, within the budgets of its route."""


def context_of(
    name: str, tenant: object, principals: object = (), payer: Payer = NOBODY, cache: CachePolicy = "use"
) -> Context:
    """The context of a request, whose trace has that name. Raises UsageError for a tenant or principals of no name.

    So it does for a `cache` that is none of `use`, `refresh` and `off`.
    """
    if not isinstance(tenant, str) or not tenant:
        raise UsageError("the tenant is wrong", expected="its name", found=repr(tenant)[:80])
    if cache not in POLICIES:
        raise UsageError("the cache policy is wrong", expected="one of " + ", ".join(POLICIES), found=repr(cache)[:80])
    who = principals_of(principals)
    return Context(
        tenant=tenant,
        key=payer.key,
        principals=who,
        budget=payer.budget,
        terms=payer.terms,
        cache=cache,
        trace=Trace(name),
    )


def principals_of(given: object) -> frozenset[str]:
    """The principals; one alone may be given as it is, and is not taken for its letters."""
    several: object = (given,) if isinstance(given, str) else given
    named: list[object] = list(cast("Iterable[object]", several)) if isinstance(several, Iterable) else [several]
    for one in named:
        if not isinstance(one, str):
            raise UsageError("the principals are wrong", expected="a list of texts", found=repr(given)[:80])
    return frozenset(cast("list[str]", named))


def shown(said: object) -> str:
    """As much of a question or an answer as a trace keeps."""
    text = str(said)
    return text if len(text) <= KEPT else f"{text[:KEPT]} …"


def outcome_of(answer: Answer) -> dict[str, Any]:
    """What a trace keeps of an answer; `similarity` is the highest cosine of a passage that was found."""
    found: dict[str, Any] = {
        "outcome": "abstained" if answer.abstained else "answered",
        "model": answer.completion.model,
        "prompt": f"{answer.prompt.name}@{answer.prompt.version}",
        "answer": shown(answer.text),
        "citations": list(dict.fromkeys(citation.uri for citation in answer.citations)),
        "cost": answer.completion.cost,
    }
    if answer.confidence is not None:
        found["confidence"] = round(answer.confidence, 6)
    if near := [hit.scores["dense"] for hit in answer.hits if "dense" in hit.scores]:
        found["similarity"] = round(float(max(near)), 6)
    if answer.cached:
        found["cached"] = True
    if answer.completion.calls > 1:
        found["calls"] = answer.completion.calls
    return found | {"notices": list(answer.notices)} if answer.notices else found
