"""What a server says of its tokens may be nonsense: the answer counts all the same, and costs no less than it may."""

from __future__ import annotations

import json
from typing import Any

import pytest

from openai_server import Reply, collect, completion, piece, prompt, serving, streamed
from ragstone.connectors.openai import OpenAIModel
from ragstone.connectors.sqlite_ledger import SqliteLedger
from ragstone.errors import ModelError
from ragstone.inference.metered import MeteredModel
from ragstone.protocols import Model
from ragstone.terms import Budget
from ragstone.types import Context
from ragstone.usage import NANO, Price

PRICE = Price(input=1, output=2)
GUESS = (10, 2)  # of the prompt here, and of "Yes."


async def spent(reply: Reply, *, streams: bool) -> tuple[tuple[int, int, int, bool], ...]:
    """What the ledger counts of a call; nothing else may stand there afterwards."""
    ledger, context = SqliteLedger(None), Context()
    with serving() as server:
        server.will(reply)
        model = OpenAIModel("m", base_url=server.url, price=PRICE, output_limit=100)
        metered: Model = MeteredModel(model, ledger, budgets=[Budget(nano=NANO, period="day")])
        try:
            if streams:
                await collect(metered, prompt(), context=context)
            else:
                await metered.generate(prompt(), context=context)
        except ModelError:
            pass
        await model.close()
    rows = await ledger.spent(since="2000-01-01", until="2999-12-31", context=context)
    assert not await ledger.open(context=context)
    assert context.purse.nano == sum(row.nano for row in rows)
    await ledger.close()
    return tuple(
        (row.usage.input_tokens, row.usage.output_tokens, row.usage.cached_tokens, row.reported) for row in rows
    )


def counted(given: object = 12, said: object = 3, **more: Any) -> dict[str, Any]:
    return {"prompt_tokens": given, "completion_tokens": said, **more}


def cached(number: object) -> dict[str, Any]:
    return counted(prompt_tokens_details={"cached_tokens": number})


@pytest.mark.parametrize("streams", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (counted(12.0, 3), (12, 3, 0, True)),
        (cached(99), (12, 3, 12, True)),
        (cached(-5), (12, 3, 0, True)),
        (counted(prompt_tokens_details=[]), (12, 3, 0, True)),
        (counted(-5, -10), (*GUESS, 0, False)),
        (counted(1000, -500), (1000, 2, 0, False)),
        (counted(10**30, 3), (10, 3, 0, False)),
        (counted(float("nan"), float("inf")), (*GUESS, 0, False)),
        (counted(10.5, True), (*GUESS, 0, False)),
        (counted("many", {}), (*GUESS, 0, False)),
        (counted(None, 3), (10, 3, 0, False)),
        ("none", (*GUESS, 0, False)),
        ([], (*GUESS, 0, False)),
    ],
    ids=json.dumps,
)
async def test_a_count_that_cannot_be_is_estimated(usage: Any, expected: tuple[Any, ...], *, streams: bool) -> None:
    whole = completion("Yes.", usage=usage)
    pieces = streamed(piece("Yes."), piece(finish_reason="stop"), piece(choices=[], usage=usage))
    assert await spent(pieces if streams else whole, streams=streams) == (expected,)


async def test_the_last_count_of_a_stream_counts() -> None:
    reply = streamed(
        piece("Yes.", usage=counted(12, 1)),
        piece(finish_reason="stop", usage=counted(12, 2)),
        piece(choices=[], usage=counted(12, 3)),
    )
    assert await spent(reply, streams=True) == ((12, 3, 0, True),)


THOUGHT = {"role": "assistant", "content": None, "reasoning": "Hm, hm."}


@pytest.mark.parametrize("streams", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("reason", ["length", "content_filter", "tool_calls"])
async def test_a_server_is_paid_for_an_answer_of_no_use(reason: str, *, streams: bool) -> None:
    choice = {"index": 0, "finish_reason": reason}
    whole = completion("", choices=[{**choice, "message": THOUGHT}], usage=counted(12, 100))
    pieces = streamed(
        piece(choices=[{**choice, "delta": THOUGHT, "finish_reason": None}]),
        piece(choices=[{**choice, "delta": {}}], usage=counted(12, 100)),
    )
    assert await spent(pieces if streams else whole, streams=streams) == ((12, 100, 0, True),)


async def test_a_reply_that_nobody_can_read_is_paid_for_too() -> None:
    assert await spent(completion("Yes.", choices=[{"message": 5}]), streams=False) == ((10, 0, 0, False),)


async def test_reasoning_that_breaks_off_counts() -> None:
    thoughts = [piece(choices=[{"index": 0, "delta": THOUGHT}])] * 7
    assert await spent(streamed(*thoughts, broken=True), streams=True) == ((10, 7, 0, False),)


async def test_what_several_answers_of_no_use_took_counts_once() -> None:
    ended = [{"index": at, "delta": THOUGHT, "finish_reason": "length"} for at in range(2)]
    ledger = SqliteLedger(None)
    with serving() as server:
        server.will(streamed(piece(choices=ended), piece(choices=[], usage=counted(12, 200))))
        model = OpenAIModel("m", base_url=server.url, price=PRICE, output_limit=100, samples=True)
        with pytest.raises(ModelError):
            await MeteredModel(model, ledger).sample(prompt(), n=2, context=Context())
        await model.close()
    (row,) = await ledger.spent(since="2000-01-01", until="2999-12-31", context=Context())
    assert (row.usage.input_tokens, row.usage.output_tokens, row.reported) == (12, 200, True)
    await ledger.close()
