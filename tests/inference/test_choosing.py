"""Every reason for which a model of a route may not have a prompt, and what is said where none may."""

from __future__ import annotations

from typing import Any

import pytest

from ragstone.errors import ModelResting, NotAllowed, NotConfigured, PromptTooLong
from ragstone.inference.breaker import Breaker
from ragstone.inference.choosing import Route
from ragstone.inference.health import Health
from ragstone.inference.router import Router
from ragstone.protocols import SETTINGS, Capabilities, Model
from ragstone.testing import ScriptedModel
from ragstone.types import Context, Message, Options, Prompt


def prompt(**given: Any) -> Prompt:
    return Prompt(name="p", version="1", messages=(Message("user", "Hello"),), **{"tokens": 1000, **given})


def model(**given: Any) -> ScriptedModel:
    return ScriptedModel(["yes"], capabilities=Capabilities(**given))


def resting() -> dict[str, Health]:
    health = Health(breaker=Breaker(clock=lambda: 1.0))
    health.breaker.rest(30)
    return {"m": health}


@pytest.mark.parametrize(
    ("able", "asked", "route", "why"),
    [
        ({}, {"confidential": True}, {}, "m: it is none of your own, and this request may go nowhere else"),
        ({}, {}, {"local_only": True}, "m: it is none of your own, and this request may go nowhere else"),
        (
            {"settings": SETTINGS - {"top_k", "seed"}},
            {"options": Options(top_k=4, seed=1, temperature=0.0)},
            {},
            "m: it has no topK and seed",
        ),
        ({"context_window": 900}, {}, {}, "m: the prompt is 100 tokens too long for it: expected at most 900"),
        (
            {"context_window": 1100},
            {"options": Options(max_tokens=200)},
            {},
            "m: the prompt is 100 tokens too long for it: expected at most 1,100, "
            "found 1,000 tokens and 200 of its answer",
        ),
        ({}, {}, {"healths": resting()}, "its server wants to be left alone for 30 s"),
    ],
    ids=["confidential", "local only", "settings", "window", "window with its answer", "resting"],
)
async def test_a_model_is_passed_over_for_a_reason(
    able: dict[str, Any], asked: dict[str, Any], route: dict[str, Any], why: str
):
    models: dict[str, Model | NotConfigured] = {"m": model(**able), "other": model(local=True)}
    found = await Route(**route).choose(models, prompt(**asked), context=Context())
    assert [one.name for one in found.asked] == ["other"]
    (passed,) = found.passed
    assert (passed.name, why in passed.why) == ("m", True), passed.why


async def test_what_is_not_configured_or_only_quotes_is_passed_over_too():
    models: dict[str, Model | NotConfigured] = {
        "gone": NotConfigured("X is not set"),
        "quotes": model(generative=False, local=True),
        "m": model(),
    }
    found = await Router(models).choose(prompt(), several=True, context=Context())
    assert [one.name for one in found.asked] == ["m"]
    assert [one.why for one in found.passed] == [
        "gone is not configured (X is not set)",
        "quotes only quotes, so it cannot answer several times",
    ]


async def test_a_context_that_is_confidential_counts_as_a_prompt_that_is():
    found = await Route().choose({"m": model()}, prompt(), context=Context(confidential=True))
    assert isinstance(found.failure, NotAllowed)
    assert "write local: true" in str(found.failure)


async def test_a_prompt_longer_than_every_window_names_the_nearest_and_by_how_much():
    models = {"far": model(context_window=200), "near": model(context_window=990), "other": model(context_window=500)}
    with pytest.raises(PromptTooLong) as raised:
        await Router(models).generate(prompt(), context=Context())
    assert str(raised.value).startswith(
        "near: the prompt is 10 tokens too long for it: expected at most 990, found 1,000 tokens."
    )
    assert raised.value.beyond == 10
    assert raised.value.hint
    assert not any(one.prompts for one in models.values())


async def test_one_that_only_rests_is_what_is_said_where_others_may_not():
    models = {"m": model(local=True), "window": model(context_window=10), "stranger": model()}
    with pytest.raises(ModelResting, match="left alone for 30 s"):
        await Router(models, route=Route(healths=resting())).generate(prompt(confidential=True), context=Context())
