"""Several completions come along the same way as one."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ragstone.errors import ModelDenied, ModelError, ModelUnavailable, NotConfigured
from ragstone.inference.router import Router
from ragstone.output import Output
from ragstone.protocols import Capabilities
from ragstone.testing import ScriptedModel
from ragstone.types import Completion, Context, Message, Options, Prompt

PROMPT = Prompt(name="p", version="1", messages=(Message("user", "Say hello twice"),), options=Options(seed=3))
SEVERAL = Capabilities(samples=True)
MISSING = NotConfigured("X is not set")


def quoting() -> ScriptedModel:
    return ScriptedModel(["quoted"], capabilities=Capabilities(generative=False))


async def test_a_model_that_samples_is_asked_once_and_its_input_counts_once() -> None:
    model = ScriptedModel(["a", "b", "c"], capabilities=SEVERAL)
    context = Context()
    found = await Router({"m": model}).sample(PROMPT, n=3, context=context)
    assert [one.text for one in found] == ["a", "b", "c"]
    assert [one.usage.input_tokens for one in found] == [3, 0, 0]
    (step,) = context.trace.steps
    assert (step.name, step.facts["model"], step.facts["samples"], step.facts["given"]) == ("generate", "m", 3, 3)
    assert (step.facts["input_tokens"], step.facts["output_tokens"]) == (3, 3)


async def test_another_model_is_asked_side_by_side_with_seeds_of_their_own() -> None:
    model = ScriptedModel(["a", "b", "c"])
    found = await Router({"m": model}).sample(PROMPT, n=3, context=Context())
    assert [one.text for one in found] == ["a", "b", "c"]
    assert [prompt.options.seed for prompt in model.prompts] == [3, 4, 5]
    assert [[attempt.model for attempt in one.attempts] for one in found] == [["m"]] * 3


async def test_the_samples_that_succeed_are_enough() -> None:
    model = ScriptedModel(["a", ModelUnavailable("overloaded"), ModelDenied("no"), "d"])
    other = ScriptedModel(["never asked"])
    context = Context()
    found = await Router({"m": model, "other": other}).sample(PROMPT, n=4, context=context)
    assert [one.text for one in found] == ["a", "d"]
    assert {one.notice for one in found} == {"2 of 4 samples are missing: overloaded"}
    assert context.trace.steps[0].facts["given"] == 2
    assert not other.prompts


async def test_where_all_fail_the_next_model_is_asked() -> None:
    down = ScriptedModel([ModelUnavailable("overloaded"), ModelUnavailable("down")])
    router = Router({"gone": MISSING, "down": down, "quotes": quoting(), "up": ScriptedModel(["a", "b"])})
    context = Context()
    found = await router.sample(PROMPT, n=2, context=context)
    assert [one.text for one in found] == ["a", "b"]
    for one in found:
        assert [(attempt.model, attempt.error) for attempt in one.attempts] == [("down", "overloaded"), ("up", None)]
        assert one.notice == (
            "gone is not configured (X is not set)\noverloaded\nquotes only quotes, so it cannot answer several times"
        )
    assert [(step.facts["model"], step.error is None) for step in context.trace.steps] == [
        ("down", False),
        ("up", True),
    ]


@pytest.mark.parametrize(
    ("models", "error", "words"),
    [
        ({"m": ScriptedModel([ModelDenied("the key was refused")] * 2), "up": ScriptedModel("ab")}, ModelDenied, "key"),
        ({"gone": MISSING, "m": ScriptedModel([ModelUnavailable("down")] * 2)}, ModelUnavailable, "down"),
        ({"gone": MISSING, "quotes": quoting()}, NotConfigured, "X is not set"),
        ({"quotes": quoting()}, NotConfigured, "no model that writes is set"),
    ],
    ids=["refused", "down", "not-configured", "quotes-only"],
)
async def test_without_any_answer_there_is_an_error(
    models: dict[str, ScriptedModel | NotConfigured], error: type[ModelError | NotConfigured], words: str
) -> None:
    with pytest.raises(error, match=words):
        await Router(models).sample(PROMPT, n=2, context=Context())


async def test_a_form_is_asked_for_in_words_where_the_model_knows_no_schema() -> None:
    output = Output(name="o", schema={}, strict={}, words="In JSON.")
    model = ScriptedModel(["{}", "{}"])
    asked = Prompt(name="p", version="1", messages=(Message("user", "Hello"),), output=output)
    found: list[Completion] = list(await Router({"m": model}).sample(asked, n=2, context=Context()))
    assert [one.structured for one in found] == ["words", "words"]
    assert all("In JSON." in prompt.messages[-1].content for prompt in model.prompts)


def test_a_route_knows_who_writes() -> None:
    router = Router({"quotes": quoting(), "writes": ScriptedModel(["a"], capabilities=SEVERAL)})
    assert router.writes
    assert (router.first.samples, router.writing.first.samples) == (False, True)
    alone = Router({"gone": MISSING, "quotes": quoting()})
    assert not alone.writes
    with pytest.raises(NotConfigured, match="X is not set"):
        alone.writing.require()
    with pytest.raises(NotConfigured, match="no model is set"):
        Router({"quotes": quoting()}).writing.require()


class Miscounting(ScriptedModel):
    """Gives as many samples as it likes."""

    capabilities = SEVERAL

    def __init__(self, gives: int) -> None:
        super().__init__(lambda _: "a")
        self.gives = gives

    async def sample(self, prompt: Prompt, *, n: int, context: Context) -> Sequence[Completion]:
        return [await self.generate(prompt, context=context) for _ in range(self.gives)]


async def test_more_samples_than_asked_for_are_cut_and_none_is_a_failure() -> None:
    assert len(await Router({"m": Miscounting(5)}).sample(PROMPT, n=2, context=Context())) == 2
    following = Router({"none": Miscounting(0), "m": Miscounting(1)})
    (found,) = await following.sample(PROMPT, n=2, context=Context())
    assert [attempt.model for attempt in found.attempts] == ["none", "m"]
    with pytest.raises(ModelUnavailable, match="it gave no answer"):
        await Router({"none": Miscounting(0)}).sample(PROMPT, n=2, context=Context())
