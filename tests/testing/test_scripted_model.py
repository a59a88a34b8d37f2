"""What routing needs of the scripted model: a load, an answer that waits, and one that breaks off."""

from __future__ import annotations

import asyncio

import pytest

from openai_server import collect, prompt
from ragstone.errors import ModelTimeout, ModelUnavailable, NotAllowed
from ragstone.protocols import Capabilities, Load
from ragstone.testing import Break, ScriptedModel
from ragstone.types import Context


async def test_it_says_how_busy_it_is() -> None:
    model = ScriptedModel([], load=Load(running=3, waiting=1))
    assert await model.busy(context=Context()) == Load(running=3, waiting=1)
    model.now = None
    assert await model.busy(context=Context()) is None


async def test_it_waits_until_it_may_answer() -> None:
    until = asyncio.Event()
    model = ScriptedModel(["yes"], until=until)
    call = asyncio.ensure_future(model.generate(prompt(), context=Context()))
    done, _ = await asyncio.wait([call], timeout=0.05)
    assert not done
    until.set()
    assert (await call).text == "yes"


async def test_it_waits_no_longer_than_the_deadline() -> None:
    model = ScriptedModel(["yes"], until=asyncio.Event())
    with pytest.raises(ModelTimeout):
        await model.generate(prompt(), context=Context().within(0.01))


async def test_it_breaks_off_after_words_and_says_when_to_come_again() -> None:
    error = ModelUnavailable("gone", retry_after=3)
    model = ScriptedModel([Break("two words", error), Break("two words", error)])
    stream = model.stream(prompt(), context=Context())
    assert [(await anext(stream)).text, (await anext(stream)).text] == ["two ", "words"]
    with pytest.raises(ModelUnavailable) as caught:
        await anext(stream)
    assert caught.value.retry_after == 3
    with pytest.raises(ModelUnavailable, match="gone"):
        await model.generate(prompt(), context=Context())


async def test_it_refuses_the_settings_that_its_capabilities_leave_out() -> None:
    model = ScriptedModel(["yes"], capabilities=Capabilities(settings=frozenset({"temperature"})))
    with pytest.raises(NotAllowed, match="it has no seed"):
        await collect(model, prompt(seed=1, temperature=0.0))
    assert model.prompts == []
    assert model.capabilities.price is None
