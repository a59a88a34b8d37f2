"""Asks a model within its budgets and limits, and has what it used written down.

    model = MeteredModel(model, ledger, budgets=[Budget(nano=5 * NANO, period="day")])

A claim of the worst case comes before a call, and what was used takes its place after it. Whatever becomes of the call,
one of three things follows: what its server has reported, our own estimate where words came or may have been made, or a
release where nothing was.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from ragstone.errors import (
    LedgerUnavailable,
    ModelError,
    ModelTimeout,
    NotAllowed,
    NotConfigured,
    OverBudget,
    RagstoneError,
    StateError,
)
from ragstone.inference.calendar import Calendar
from ragstone.inference.owed import owed_to
from ragstone.inference.worst_case import dearest, endless, estimate, price_of, worst_case
from ragstone.protocols import Ledger, Model
from ragstone.samples import CUT_OFF, noted, used
from ragstone.spending import Claim, demand_countable
from ragstone.terms import Account, Budget, Limit
from ragstone.types import Completion, Context, Delta, Prompt
from ragstone.usage import NANO, Usage
from ragstone.wrapped import WrappedModel

__all__ = ["MeteredModel"]

log = logging.getLogger("ragstone")

CALENDAR = Calendar()
UNPRICED = "Write `price: {input: …, output: …}` (USD per million tokens) in the connector's file."
ENDLESS = "Write `output_limit` (tokens of its longest answer) in the connector's file."


class MeteredModel(WrappedModel):
    """The model, each of whose calls has a claim on the ledger.

    `budgets` and `limits` are those that a call has to fit into, beside those of its caller (`context.terms`);
    `request` the USD that all calls of one request may cost together, or `context.budget` where that is less. A request
    under a budget that limits its answer by nothing is sent with the limit that was reserved. Raises NotConfigured for
    budgets of a model whose price is not known; one of your own without a price is free. A model that only quotes is
    not counted.

    Where the ledger cannot be reached, a call with budgets or limits is not made. What a call has used that could not
    be written down is written with the next call of any model on that ledger, or when the project is closed.
    """

    def __init__(
        self,
        model: Model,
        ledger: Ledger,
        *,
        budgets: Sequence[Budget] = (),
        limits: Sequence[Limit] = (),
        request: float | None = None,
        calendar: Calendar = CALENDAR,
    ) -> None:
        super().__init__(model)
        self.ledger, self.budgets, self.limits = ledger, tuple(budgets), tuple(limits)
        self.request, self.calendar = request, calendar
        if (budgets or request is not None) and price_of(model.capabilities) is None:
            raise NotConfigured("its price is not known, and the route has a budget", where=self.name, hint=UNPRICED)

    async def generate(self, prompt: Prompt, *, context: Context) -> Completion:
        """The completion. Raises OverBudget, RateLimited or LedgerUnavailable before anything is sent."""
        if not self.capabilities.generative:
            return await self.model.generate(prompt, context=context)
        call = await self._begun(prompt, context)
        try:
            completion = await self.model.generate(call.prompt, context=call.context)
        except BaseException as error:
            await self._left(call, error)
            raise
        return (await self._ended(call, [completion]))[0]

    async def sample(self, prompt: Prompt, *, n: int, context: Context) -> Sequence[Completion]:
        """The completions, as one call where the model gives several of one request."""
        if not self.capabilities.generative or not self.capabilities.samples:
            return await Model.sample(self, prompt, n=n, context=context)
        call = await self._begun(prompt, context, n=n)
        try:
            completions = await self.model.sample(call.prompt, n=n, context=call.context)
        except BaseException as error:
            await self._left(call, error)
            raise
        return await self._ended(call, completions)

    async def stream(self, prompt: Prompt, *, context: Context) -> AsyncGenerator[Delta]:
        """The completion piece by piece. A reader who leaves pays for what came."""
        if not self.capabilities.generative:
            async for delta in self.model.stream(prompt, context=context):
                yield delta
            return
        call = await self._begun(prompt, context, streams=True)
        try:
            async with aclosing(self.model.stream(call.prompt, context=call.context)) as deltas:
                async for delta in deltas:
                    call.said.append(delta.text)
                    if delta.completion is not None:
                        (completion,) = await self._ended(call, [delta.completion])
                        delta = replace(delta, completion=completion)
                    yield delta
        except BaseException as error:
            await self._left(call, error)
            raise

    async def probe(self, *, context: Context) -> Usage:
        """Has the wrapped model find it out, and counts what that took. It is small, and holds to no budget."""
        usage, price = (await self.model.probe(context=context)).believed(), price_of(self.capabilities)
        if usage == Usage():
            return usage
        account = Account(tenant=context.tenant, key=context.key, model=self.name or "model")
        nano = price.nano(usage) if price else 0
        claim = Claim(account=account, day=self.calendar.today(), usage=usage, nano=nano, price=price)

        async def settle() -> None:
            await self.ledger.settle(claim, usage, nano=nano, reported=True, context=context)

        await self._written(settle)
        return usage

    # ── Before ───────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _begun(self, prompt: Prompt, context: Context, *, n: int = 1, streams: bool = False) -> _Call:
        """The call with its claim taken."""
        price, most = price_of(self.capabilities), self._most(context)
        budgets, limits = self.budgets + context.terms.budgets, self.limits + context.terms.limits
        money = bool(budgets) or most is not None
        if money and price is None:
            raise NotAllowed("its price is not known, and the request has a budget", where=self.name, hint=UNPRICED)
        money = money and price is not None and not price.free
        if money and endless(self.capabilities):
            raise NotAllowed("nothing limits its answers, and the request has a budget", where=self.name, hint=ENDLESS)
        asked, usage = worst_case(prompt, self.capabilities, n=n, money=money)
        claim = Claim(
            account=Account(tenant=context.tenant, key=context.key, model=self.name or "model"),
            day=self.calendar.today(),
            usage=usage,
            nano=dearest(price, usage) if price else 0,
            price=price,
            budgets=budgets,
            limits=limits,
        )
        demand_countable(claim.account, usage, claim.nano)
        late = context.remaining() == 0
        call = _Call(claim, asked, replace(context, request=claim.id), limited=asked is not prompt, late=late)
        call.streams = streams
        self._take(claim, context, most)
        try:
            await self.ledger.reserve(claim, context=context)
        except (LedgerUnavailable, StateError) as error:
            if budgets or limits:
                context.purse.nano -= claim.nano
                raise
            log.warning("%s", error)  # nothing depends on it but the count, which is made up for afterwards
        except RagstoneError:
            context.purse.nano -= claim.nano
            raise
        except BaseException:  # the caller has left: it may have been taken
            await self._release(call)
            raise
        return call

    def _most(self, context: Context) -> int | None:
        """Billionths of a dollar for all calls of the request."""
        given = [usd for usd in (self.request, context.budget) if usd is not None]
        return round(min(given) * NANO) if given else None

    def _take(self, claim: Claim, context: Context, most: int | None) -> None:
        taken = context.purse.nano
        if most is not None and taken + claim.nano > most:
            raise OverBudget(
                f"of the {most / NANO:g} USD for this request {max(0, most - taken) / NANO:.6g} USD are left,"
                f" and this call may cost {claim.nano / NANO:.6g} USD",
                where=self.name,
                hint="Ask for a shorter answer or for fewer passages, or raise `request` under `budget`.",
            )
        context.purse.nano += claim.nano

    # ── After ────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _ended(self, call: _Call, completions: Sequence[Completion]) -> list[Completion]:
        """Counts what an answer has used: as its server says, else as we estimate it."""
        usage = used(completions).believed()
        if not usage.whole:
            guess = estimate(call.prompt, [part for one in completions for part in (one.text, one.reasoning)])
            usage = replace(
                usage,
                input_tokens=usage.input_tokens or guess.input_tokens,
                output_tokens=usage.output_tokens or guess.output_tokens,
            )
            await self._settle(call, usage, reported=False)
        else:
            await self._settle(call, usage, reported=True)
        return [call.remarked(completion) for completion in completions]

    async def _left(self, call: _Call, error: BaseException) -> None:
        """Counts what a call has used that was broken off.

        A server that is not read to the end may go on, and charge all of it: so where no word was to be seen before the
        end, a call that was left or was too slow counts as the worst case, until its server's log says better.
        """
        if call.done:
            return
        known = error.usage if isinstance(error, ModelError) else None
        if known is not None and known.believed() != Usage():
            await self._settle(call, known.believed(), reported=True)
        elif call.said:
            await self._settle(call, estimate(call.prompt, call.said, pieces=len(call.said)), reported=False)
        elif isinstance(error, RagstoneError) and (call.late or not isinstance(error, ModelTimeout)):
            if known is None:
                await self._release(call)
            else:
                await self._settle(call, estimate(call.prompt, ()), reported=False)
        elif call.streams:
            await self._settle(call, estimate(call.prompt, ()), reported=False)
        else:
            await self._settle(call, call.claim.usage, reported=False, nano=call.claim.nano)

    async def _settle(self, call: _Call, usage: Usage, *, reported: bool, nano: int | None = None) -> None:
        claim = call.claim
        if nano is None:
            nano = claim.price.nano(usage) if claim.price else 0
        call.done = True
        call.context.purse.nano += nano - claim.nano

        async def settle() -> None:
            await self.ledger.settle(claim, usage, nano=nano, reported=reported, context=call.context)

        await self._written(settle)

    async def _release(self, call: _Call) -> None:
        call.done = True
        call.context.purse.nano -= call.claim.nano

        async def release() -> None:
            await self.ledger.release(call.claim, context=call.context)

        await self._written(release)

    async def _written(self, write: Callable[[], Awaitable[None]]) -> None:
        """Has the ledger write, also where the caller is about to leave. An answer is not lost to a ledger that is."""
        await asyncio.shield(asyncio.ensure_future(owed_to(self.ledger).written(write)))


@dataclass(slots=True)
class _Call:
    """One call under way."""

    claim: Claim
    prompt: Prompt
    context: Context
    limited: bool  # whether we have limited its answer, and nobody else
    late: bool  # whether there was no time for it from the start
    streams: bool = False
    said: list[str] = field(default_factory=list[str])  # "" for a piece of its reasoning
    done: bool = False

    def remarked(self, completion: Completion) -> Completion:
        """With a notice, where the limit was ours, and cut it off."""
        if not self.limited or completion.finish_reason != "length" or CUT_OFF in (completion.notice or ""):
            return completion
        return noted(completion, f"{CUT_OFF} at {self.prompt.options.max_tokens} tokens, for which a budget was kept.")
