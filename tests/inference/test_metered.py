"""What a call may cost is taken before it, and what it has cost takes its place, however it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ragstone.errors import (
    LedgerUnavailable,
    ModelRejected,
    ModelTimeout,
    ModelUnavailable,
    NotAllowed,
    NotConfigured,
    OverBudget,
    RateLimited,
)
from ragstone.inference.metered import MeteredModel
from ragstone.inference.owed import owed_to
from ragstone.protocols import Capabilities, Model
from ragstone.spending import Claim, Spent
from ragstone.terms import Budget, Limit, Terms
from ragstone.testing import MemoryLedger, ScriptedModel
from ragstone.testing.suites import ModelSuite
from ragstone.types import Completion, Context, Delta, Message, Options, Prompt
from ragstone.usage import NANO, Price, Purse, Usage

PRICE = Price(input=1, output=4)  # a thousand and four thousand billionths a token
PRICED = Capabilities(price=PRICE, output_limit=100)
DOLLAR = (Budget(nano=NANO, period="day"),)
USED = Usage(input_tokens=40, cached_tokens=8, output_tokens=5)


def prompt(text: str = "x" * 100, *, tokens: int = 30, **options: Any) -> Prompt:
    return Prompt(name="p", version="1", messages=(Message("user", text),), tokens=tokens, options=Options(**options))


WORST = Usage(input_tokens=50 + 8, output_tokens=100)
WORST_NANO = 58 * 1_000 + 100 * 4_000


def said(text: str = "Yes.", usage: Usage = USED, **given: Any) -> Completion:
    return Completion(text=text, model="m", usage=usage, **given)


def metered(*script: Any, able: Capabilities = PRICED, **given: Any) -> tuple[MeteredModel, MemoryLedger]:
    ledger = given.pop("ledger", None) or MemoryLedger()
    model = ScriptedModel(list(script), capabilities=able)
    model.name = "large"
    return MeteredModel(model, ledger, **given), ledger


async def rows(ledger: MemoryLedger) -> list[tuple[bool, Usage, int]]:
    found: list[Spent] = list(await ledger.spent(since="2000-01-01", until="2999-12-31", context=Context()))
    return [(row.reported, row.usage, row.nano) for row in found]


async def open_claims(ledger: MemoryLedger) -> list[Claim]:
    return list(await ledger.open(context=Context()))


class TestMeteredModel(ModelSuite):
    deadlines = True

    def make(self, tmp_path: Path) -> MeteredModel:
        model = ScriptedModel(lambda asked: "Paris [1].", capabilities=replace(PRICED, samples=True))
        limits = (Limit(number=1_000, of="requests"),)
        return MeteredModel(model, MemoryLedger(), budgets=DOLLAR, limits=limits, request=0.5)


class Watched(Model):
    """Says what was open on the ledger while it was asked, and how it was asked."""

    capabilities = PRICED

    def __init__(self, ledger: MemoryLedger) -> None:
        self.ledger, self.seen, self.asked = ledger, list[Claim](), list[tuple[Prompt, Context]]()

    async def generate(self, prompt: Prompt, *, context: Context) -> Completion:
        self.seen += await self.ledger.open(context=context)
        self.asked.append((prompt, context))
        return said()


async def test_the_worst_case_is_claimed_before_and_what_was_used_counted_after():
    ledger = MemoryLedger()
    model = Watched(ledger)
    model.name = "large"
    context = Context(tenant="acme", key="app")
    await MeteredModel(model, ledger, budgets=DOLLAR).generate(prompt(), context=context)
    (claim,) = model.seen
    assert (claim.usage, claim.nano, claim.price) == (WORST, WORST_NANO, PRICE)
    assert (claim.account.tenant, claim.account.key, claim.account.model) == ("acme", "app", "large")
    ((asked, within),) = model.asked
    assert within.request == claim.id, "its server can log it"
    assert asked.options.max_tokens == 100, "what was reserved is what it may say"
    assert await rows(ledger) == [(True, USED, PRICE.nano(USED))]
    assert await open_claims(ledger) == []
    assert context.purse == Purse(PRICE.nano(USED))


@pytest.mark.parametrize(
    ("able", "given", "money", "output", "sent"),
    [
        (PRICED, 7, True, 7, 7),
        (PRICED, None, True, 100, 100),
        (PRICED, None, False, 100, None),
        (replace(PRICED, output_limit=None, context_window=530), None, True, 500, 500),
        (replace(PRICED, context_window=50), None, True, 20, 20),
        (replace(PRICED, output_limit=None), None, True, 4_096, 4_096),
        (replace(PRICED, output_limit=100_000), None, True, 100_000, 100_000),
        (replace(PRICED, output_limit=100_000), None, False, 4_096, None),
        (replace(PRICED, settings=frozenset({"seed"})), None, True, 100, None),
        (replace(PRICED, price=Price(input=0, output=0)), None, True, 100, None),
    ],
)
async def test_an_answer_is_as_long_as_it_may_be(
    able: Capabilities, given: int | None, money: bool, output: int, sent: int | None
):
    ledger = MemoryLedger()
    model = Watched(ledger)
    model.capabilities = able
    await MeteredModel(model, ledger, budgets=DOLLAR if money else ()).generate(
        prompt(max_tokens=given), context=Context()
    )
    assert model.seen[0].usage.output_tokens == output
    assert model.asked[0][0].options.max_tokens == sent


async def test_the_input_is_claimed_at_its_dearest_price():
    ledger = MemoryLedger()
    model = Watched(ledger)
    model.capabilities = replace(PRICED, price=Price(input=1, output=4, cache_write=1.25, cached_input=0.1))
    await MeteredModel(model, ledger).generate(prompt(), context=Context())
    assert model.seen[0].nano == 58 * 1_250 + 100 * 4_000


async def test_several_answers_of_one_request_are_one_claim():
    model, ledger = metered(said(), said(), said(), able=replace(PRICED, samples=True), budgets=DOLLAR)
    await model.sample(prompt(), n=3, context=Context())
    (row,) = await ledger.spent(since="2000-01-01", until="2999-12-31", context=Context())
    assert (row.requests, row.usage.output_tokens, row.usage.input_tokens) == (1, 15, 40)


async def test_over_budget_nothing_is_sent():
    model, ledger = metered(said(), budgets=(Budget(nano=WORST_NANO - 1, period="day"),))
    with pytest.raises(OverBudget, match=r"large: of the .* USD a day of tenant 'default'"):
        await model.generate(prompt(), context=Context())
    assert model.model.prompts == []
    assert await open_claims(ledger) == []


@pytest.mark.parametrize("own", [True, False])
async def test_beyond_a_limit_nothing_is_sent(own: bool):
    limits = (Limit(number=1, of="requests"),)
    model, _ = metered(said(), said(), limits=limits if own else ())
    context = Context() if own else Context(key="k", terms=Terms(limits=limits))
    await model.generate(prompt(), context=context)
    spent = context.purse.nano
    with pytest.raises(RateLimited):
        await model.generate(prompt(), context=context)
    assert context.purse.nano == spent


async def test_what_one_caller_may_spend_binds_no_other():
    terms = Terms(budgets=(Budget(nano=WORST_NANO, period="day", per="key"),))
    model, ledger = metered(said(), said(), said())
    mine, yours = (Context(key=key, terms=terms) for key in ("mine", "yours"))
    await model.generate(prompt(), context=mine)
    with pytest.raises(OverBudget, match=r"USD a day of key 'mine'"):
        await model.generate(prompt(), context=mine)
    await model.generate(prompt(), context=yours)
    assert len(await rows(ledger)) == 2


# ── The budget of one request ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("own", [True, False])
async def test_all_calls_of_a_request_share_its_budget(own: bool):
    usd = (WORST_NANO + PRICE.nano(USED)) / NANO
    model, _ = metered(said(), said(), said(), request=usd if own else None)
    context = Context(budget=None if own else usd)
    await model.generate(prompt(), context=context)
    await model.generate(prompt(), context=context.within(9))
    with pytest.raises(OverBudget, match=r"for this request .* USD are left"):
        await model.generate(prompt(), context=context)
    await model.generate(prompt(), context=Context(budget=usd))


async def test_calls_at_once_share_it_too():
    model = MeteredModel(Talking(), MemoryLedger(), request=3 * WORST_NANO / NANO)
    context = Context()
    tasks = [asyncio.ensure_future(model.generate(prompt(), context=context)) for _ in range(10)]
    done, under_way = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    assert len(under_way) == 3
    assert all(isinstance(task.exception(), OverBudget) for task in done)
    for task in under_way:
        task.cancel()
    await asyncio.gather(*under_way, return_exceptions=True)


async def test_a_model_without_a_price_is_refused_under_a_budget():
    able = Capabilities()
    for given in ({"budgets": DOLLAR}, {"request": 0.1}):
        with pytest.raises(NotConfigured, match=r"large: its price is not known.*price: \{input"):
            metered(said(), able=able, **given)
    model, _ = metered(said(), able=able)
    with pytest.raises(NotAllowed, match="its price is not known"):
        await model.generate(prompt(), context=Context(budget=1.0))
    assert (await model.generate(prompt(), context=Context())).text == "Yes."


async def test_a_model_of_your_own_without_a_price_is_free():
    model, ledger = metered(said(), able=Capabilities(local=True), budgets=(Budget(nano=0, period="day"),))
    await model.generate(prompt(), context=Context())
    assert await rows(ledger) == [(True, USED, 0)]


async def test_a_model_that_only_quotes_is_not_counted():
    model, ledger = metered(said(), said(), able=Capabilities(generative=False), budgets=DOLLAR)
    await model.generate(prompt(), context=Context())
    assert [delta.text async for delta in model.stream(prompt(), context=Context())] == ["Yes.", ""]
    assert await rows(ledger) == []


@pytest.mark.parametrize(
    ("text", "most"),
    [
        ("the halibut\n", 6),
        ("1,234,567.89", 12),  # several tokenizers give each digit its own token
        ("ሰላም", 9),  # and up to three to a letter of a rare script
        ('{"a": 1}', 8 - 1),
    ],
)
async def test_no_tokenizer_makes_more_of_a_text_that_people_write(text: str, most: int):
    ledger = MemoryLedger()
    model = Watched(ledger)
    await MeteredModel(model, ledger).generate(prompt(text, tokens=1), context=Context())
    assert model.seen[0].usage.input_tokens == most + 8


async def test_a_limit_that_is_never_sent_limits_nothing():
    silent = Capabilities(price=PRICE, omits=frozenset({"max_tokens"}))
    model, _ = metered(said(), able=silent, budgets=DOLLAR)
    with pytest.raises(NotAllowed, match=r"nothing limits its answers.* `output_limit`"):
        await model.generate(prompt(max_tokens=5), context=Context())
    model, ledger = metered(said(), able=replace(silent, output_limit=300_000), budgets=DOLLAR)
    with pytest.raises(OverBudget):
        await model.generate(prompt(max_tokens=5), context=Context())
    model, ledger = metered(said(), able=silent)
    await model.generate(prompt(max_tokens=5), context=Context())
    assert await rows(ledger) == [(True, USED, PRICE.nano(USED))]


# ── However it ends ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_a_server_does_not_count_is_estimated():
    class Uncounted(Model):
        capabilities = PRICED

        async def generate(self, prompt: Prompt, *, context: Context) -> Completion:
            return said("x" * 30, usage=Usage(), reasoning="y" * 30)

    ledger = MemoryLedger()
    await MeteredModel(Uncounted(), ledger).generate(prompt(), context=Context())
    assert await rows(ledger) == [(False, Usage(input_tokens=30, output_tokens=20), 110_000)]


@pytest.mark.parametrize("error", [ModelUnavailable("it cannot be reached"), ModelRejected("no"), RateLimited("429")])
async def test_what_came_to_nothing_costs_nothing(error: Exception):
    model, ledger = metered(error, budgets=DOLLAR)
    context = Context()
    with pytest.raises(type(error)):
        await model.generate(prompt(), context=context)
    assert await rows(ledger) == []
    assert await open_claims(ledger) == []
    assert context.purse.nano == 0


async def test_what_a_failed_call_has_used_counts():
    error = ModelRejected("it used up 100 tokens before the first word")
    error.usage = USED
    unknown = ModelUnavailable("its reply is no JSON")
    unknown.usage = Usage()
    model, ledger = metered(error, unknown)
    for one in (error, unknown):
        with pytest.raises(type(one)):
            await model.generate(prompt(), context=Context())
    assert await rows(ledger) == [
        (True, USED, PRICE.nano(USED)),
        (False, Usage(input_tokens=30), 30_000),
    ]


async def test_one_that_was_too_slow_counts_as_the_worst_case():
    model, ledger = metered(ModelTimeout("it said nothing for 60 s"))
    with pytest.raises(ModelTimeout):
        await model.generate(prompt(), context=Context())
    assert await rows(ledger) == [(False, WORST, WORST_NANO)]
    with pytest.raises(ModelTimeout):
        await model.generate(prompt(), context=Context().within(0))
    assert len(await rows(ledger)) == 1, "there was no time to send it"


class Talking(Model):
    """Says a word, and waits for ever, or fails."""

    capabilities = PRICED

    def __init__(self, words: int = 1, error: Exception | None = None) -> None:
        self.words, self.error, self.waiting, self.closed = words, error, asyncio.Event(), False

    async def generate(self, prompt: Prompt, *, context: Context) -> Completion:
        self.waiting.set()
        await asyncio.Event().wait()
        raise AssertionError

    async def stream(self, prompt: Prompt, *, context: Context) -> AsyncGenerator[Delta]:
        try:
            for _ in range(self.words):
                yield Delta("word ")
            self.waiting.set()
            if self.error:
                raise self.error
            await asyncio.Event().wait()
        finally:
            self.closed = True


async def test_a_stream_that_breaks_off_counts_what_came():
    ledger = MemoryLedger()
    model = MeteredModel(Talking(4, ModelUnavailable("its answer broke off")), ledger)
    with pytest.raises(ModelUnavailable):
        async for _ in model.stream(prompt(), context=Context()):
            pass
    assert await rows(ledger) == [(False, Usage(input_tokens=30, output_tokens=7), 58_000)]


async def test_a_stream_that_fails_before_its_first_word_costs_nothing():
    ledger = MemoryLedger()
    model = MeteredModel(Talking(0, ModelUnavailable("503")), ledger)
    with pytest.raises(ModelUnavailable):
        async for _ in model.stream(prompt(), context=Context()):
            pass
    assert await rows(ledger) == []
    assert await open_claims(ledger) == []


async def test_a_reader_who_leaves_pays_for_what_came():
    ledger, talking = MemoryLedger(), Talking(2)
    async with aclosing(MeteredModel(talking, ledger).stream(prompt(), context=Context())) as deltas:
        async for _ in deltas:
            break
    assert talking.closed
    assert await rows(ledger) == [(False, Usage(input_tokens=30, output_tokens=2), 38_000)]
    assert await open_claims(ledger) == []


@pytest.mark.parametrize(("words", "used"), [(2, Usage(input_tokens=30, output_tokens=4)), (0, Usage(input_tokens=30))])
async def test_a_caller_who_is_cancelled_pays_for_what_came(words: int, used: Usage):
    ledger, talking = MemoryLedger(), Talking(words)

    async def read() -> None:
        async for _ in MeteredModel(talking, ledger).stream(prompt(), context=Context()):
            pass

    task = asyncio.ensure_future(read())
    await talking.waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await rows(ledger) == [(False, used, PRICE.nano(used))]
    assert talking.closed


async def test_an_answer_in_one_piece_that_is_cancelled_counts_as_the_worst_case():
    ledger, talking = MemoryLedger(), Talking()
    context = Context()
    task = asyncio.ensure_future(MeteredModel(talking, ledger).generate(prompt(), context=context))
    await talking.waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await rows(ledger) == [(False, WORST, WORST_NANO)]
    assert context.purse.nano == WORST_NANO


async def test_a_notice_says_that_a_budget_has_cut_an_answer_off():
    cut, known = said(finish_reason="length"), "The answer was cut off at its limit of 100 tokens."
    model, _ = metered(cut, cut, replace(cut, notice=known), budgets=DOLLAR)
    first = await model.generate(prompt(), context=Context())
    assert first.notice == "The answer was cut off at 100 tokens, for which a budget was kept."
    assert (await model.generate(prompt(max_tokens=100), context=Context())).notice is None
    assert (await model.generate(prompt(), context=Context())).notice == known


# ── A ledger that cannot be reached ─────────────────────────────────────────────────────────────────────────────────


class Falling(MemoryLedger):
    """One that can be switched off."""

    down = True

    def _demand(self) -> None:
        if self.down:
            raise LedgerUnavailable("Redis cannot be reached", again=False)

    async def reserve(self, claim: Claim, *, context: Context) -> None:
        self._demand()
        await super().reserve(claim, context=context)

    async def settle(self, claim: Claim, usage: Usage, *, nano: int, reported: bool, context: Context) -> None:
        self._demand()
        await super().settle(claim, usage, nano=nano, reported=reported, context=context)


@pytest.mark.parametrize("given", [{"budgets": DOLLAR}, {"limits": (Limit(number=9, of="requests"),)}])
async def test_without_a_ledger_no_call_is_made_that_has_to_keep_to_something(given: dict[str, Any]):
    model, _ = metered(said(), ledger=Falling(), **given)
    context = Context()
    with pytest.raises(LedgerUnavailable):
        await model.generate(prompt(), context=context)
    assert model.model.prompts == []
    assert context.purse.nano == 0


async def test_what_could_not_be_written_down_is_written_with_the_next_call(caplog: pytest.LogCaptureFixture):
    ledger = Falling()
    model, _ = metered(said(), said(), said(), ledger=ledger)
    for _ in range(2):
        assert (await model.generate(prompt(), context=Context())).text == "Yes."
    assert "not written down yet" in caplog.text
    assert await rows(ledger) == []
    ledger.down = False
    await model.generate(prompt(), context=Context())
    ((_, usage, _),) = await rows(ledger)
    assert usage.output_tokens == 15


async def test_what_is_owed_is_owed_by_all_models_of_a_ledger():
    ledger = Falling()
    gone, _ = metered(said(), ledger=ledger)
    await gone.generate(prompt(), context=Context())
    await owed_to(ledger).settled()
    assert await rows(ledger) == [], "it is still down"
    ledger.down = False
    other, _ = metered(said(), ledger=ledger)
    await other.generate(prompt(), context=Context())
    assert len(await rows(ledger)) == 1
    assert (await rows(ledger))[0][1].output_tokens == 10


async def test_what_is_owed_can_be_settled_without_a_call():
    ledger = Falling()
    model, _ = metered(said(), ledger=ledger)
    await model.generate(prompt(), context=Context())
    ledger.down = False
    await owed_to(ledger).settled()
    await owed_to(ledger).settled()
    assert await rows(ledger) == [(True, USED, PRICE.nano(USED))]
