"""A route as a project's file makes it, over servers that are named by their addresses, with clocks of a test's own.

async with routing({"a": vllm.base_url, "b": proxy.url}, tmp_path, strategy="cheapest") as routed:
    completion = await routed.router.generate(prompt, context=Context())
    assert (await routed.spent()).reported["a"].requests == 1
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ragstone.config import Located
from ragstone.connectors.openai import OpenAIModel
from ragstone.connectors.sqlite_ledger import SqliteLedger
from ragstone.inference.attempt import AttemptedModel
from ragstone.inference.breaker import Breaker
from ragstone.inference.gauge import Gauge
from ragstone.inference.health import Health
from ragstone.inference.router import Router
from ragstone.pipelines.routes import Healths, guarded, route
from ragstone.pipelines.spec import ModelTerms, RouteSpec
from ragstone.spending import Spent
from ragstone.types import Completion, Context, Message, Options, Prompt
from ragstone.usage import Price

__all__ = ["PRICE", "Routed", "Rows", "a_prompt", "answered_by", "routing"]

PRICE = Price(input=1, output=4)  # USD per million tokens: a thousand and four thousand billionths each


@dataclass(slots=True)
class Rows:
    """What stands in a ledger, by the name of the model: what servers reported, and what we estimated."""

    reported: dict[str, Spent]
    estimated: dict[str, Spent]
    open: int  # claims


@dataclass(slots=True)
class Routed:
    """The route with all that it is made of. `now` is what the clocks of breakers and gauges say, in seconds."""

    ledger: SqliteLedger
    models: dict[str, OpenAIModel] = field(default_factory=dict[str, OpenAIModel])
    healths: Healths = field(default_factory=Healths)
    router: Router = field(default_factory=lambda: Router({}))
    now: float = 1000.0
    slept: list[float] = field(default_factory=list[float])  # seconds that were waited before a further try

    def health(self, name: str) -> Health:
        """What is known of a model."""
        return self.healths.known[name]

    async def spent(self) -> Rows:
        """What the ledger holds now. Each model has one row of a kind, since nobody else asks, on one day."""
        rows = await self.ledger.spent(since="2000-01-01", until="2999-12-31", context=Context())
        reported = {row.account.model: row for row in rows if row.reported}
        estimated = {row.account.model: row for row in rows if not row.reported}
        assert len(reported) + len(estimated) == len(rows)
        return Rows(reported, estimated, len(await self.ledger.open(context=Context())))

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


@asynccontextmanager
async def routing(
    urls: Mapping[str, str],
    folder: Path,
    *,
    prices: Mapping[str, Price | None] | None = None,
    terms: Mapping[str, Any] | None = None,
    silence: Mapping[str, float] | None = None,
    **spec: Any,
) -> AsyncGenerator[Routed]:
    """Makes the route. `terms` are those of every model, `silence` the seconds that a server may be silent."""
    wanted, each = RouteSpec(models=list(urls), **spec), ModelTerms.model_validate(terms or {})
    routed = Routed(SqliteLedger(folder / "ledger.db"))
    guards: dict[str, AttemptedModel] = {}
    for name, url in urls.items():
        price, patience = (prices or {}).get(name, PRICE), (silence or {}).get(name, 60.0)
        model = routed.models[name] = OpenAIModel("tiny", base_url=url, price=price, local=True, timeout=patience)
        model.name = name
        await model.load()  # or the first try has to wait for the import of the SDK
        health = routed.healths.of(name, each)
        health.breaker = Breaker(name, clock=lambda: routed.now)
        health.gauge = Gauge(clock=lambda: routed.now)
        guard = guarded(model, wanted, each, health=health, ledger=routed.ledger)
        assert isinstance(guard, AttemptedModel)
        guard.sleep = routed._sleep
        guards[name] = guard
    file = Located({}, folder / "answer.yaml", {})
    routed.router = Router(guards, route=route(wanted, routed.healths, located=file, folder=folder))
    try:
        yield routed
    finally:
        for model in routed.models.values():
            await model.close()
        await routed.ledger.close()


def a_prompt(text: str = "What is a chunk?", *, tokens: int = 40, temperature: float = 0.0, **options: Any) -> Prompt:
    """A prompt that is answered by so many tokens. At a temperature of 0 the tiny model never ends by itself."""
    messages = (Message("system", "Answer from the passages."), Message("user", text))
    given = Options(temperature=temperature, max_tokens=tokens, **options)
    return Prompt(name="routing", version="1", messages=messages, options=given, tokens=20)


def answered_by(completion: Completion) -> str:
    """The name of the model that gave it."""
    assert completion.attempts[-1].error is None
    return completion.attempts[-1].model
