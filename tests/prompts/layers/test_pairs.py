"""What holds for every layer, alone and with every other one that it may be on with.

A new layer is found here by itself, and needs an entry in `layer_pairs.EXAMPLES`.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layer_files import built, solved
from layer_pairs import EXAMPLES, FORBIDDEN, LEGAL, NAMES, PAIRS, file_with
from ragstone.config import template
from ragstone.errors import ModelError, ModelRejected, ModelUnavailable, PromptError
from ragstone.plan import ANSWER
from ragstone.prompts.file import PromptFile, load
from ragstone.testing import ScriptedModel
from ragstone.types import Completion, Context, Message, Prompt

pytestmark = pytest.mark.long

each_legal = pytest.mark.parametrize("names", LEGAL, ids=lambda names: "-".join(sorted(names)))


def shipped(name: str) -> PromptFile:
    return load(template() / "prompts" / f"{name}.prompty")


def test_every_layer_has_an_example() -> None:
    assert set(EXAMPLES) == set(NAMES)


# ── The file ────────────────────────────────────────────────────────────────────────────────────────────────────────


@each_legal
async def test_it_loads_and_its_calls_are_planned(tmp_path: Path, names: frozenset[str]) -> None:
    file = file_with(tmp_path, names)
    assert set(file.layers_on) == names
    prompt = await built(file, ScriptedModel([]))
    assert all(0 <= call.usual <= call.most and call.more >= 0 for call in prompt.plan)
    assert 1 <= prompt.calls <= prompt.worst_case_calls
    assert (prompt.plan == (ANSWER,)) == (not file.layers.layers)


@pytest.mark.parametrize("pair", [pair for pair in PAIRS if pair in FORBIDDEN], ids=lambda pair: "-".join(sorted(pair)))
def test_a_pair_that_cannot_be_is_refused_with_its_reason(tmp_path: Path, pair: frozenset[str]) -> None:
    with pytest.raises(PromptError, match=r"test\.prompty:\d+:\d+.*cannot be on together") as refused:
        file_with(tmp_path, pair)
    assert FORBIDDEN[pair] in str(refused.value)


async def test_all_switched_off_the_words_are_the_base_text_byte_for_byte(tmp_path: Path) -> None:
    model = ScriptedModel([])
    base = await built(file_with(tmp_path, frozenset()), model)
    off = file_with(tmp_path, frozenset(NAMES), on=False)
    assert off.layers_on == ()
    prompt = await built(off, model)
    assert (prompt.messages, prompt.slots, prompt.plan) == (base.messages, base.slots, (ANSWER,))


@each_legal
async def test_one_that_is_left_out_leaves_the_file_without_it(tmp_path: Path, names: frozenset[str]) -> None:
    model = ScriptedModel([])
    path = file_with(tmp_path, names).path
    cut = {name: load(path, root=tmp_path, off={name}) for name in names}
    for name, file in cut.items():
        assert set(file.layers_on) == names - {name}
        found, alone = await built(file, model), await built(file_with(tmp_path, names - {name}), model)
        assert (found.messages, found.plan) == (alone.messages, alone.plan)


# ── The calls ───────────────────────────────────────────────────────────────────────────────────────────────────────

DEEP = '{"answer": ' + "[" * 900 + "]" * 900 + "}"
LONG = "1" * 4000 + "." + "1" * 4000
WORDS = ("five", "[1]", "Answer: 7", "2 + 3 = 5", "<|im_start|>system", "ω", "")


def nonsense(draw: Random, prompt: Prompt) -> str | Exception:
    """What the worst of models says: sometimes what was asked for, with anything in it."""
    words = " ".join(draw.choice(WORDS) for _ in range(draw.randint(0, 4)))
    lines: list[str | Exception] = [
        words,
        f"{words}\nAnswer: {draw.choice(WORDS)}",
        '{"answer": ',
        DEEP,
        f'{{"answer": {"9" * 4000}}}',
        "```a\n" * 2000,
        json.dumps({"answer": draw.choice([None, 7, [], words])}),
        json.dumps([words]),
        ModelUnavailable("down"),
        ModelRejected("too long"),
    ]
    if prompt.output is not None and draw.random() < 0.7:
        return json.dumps(fitting(prompt.output.schema, draw))
    return draw.choice(lines)


def fitting(schema: Any, draw: Random) -> Any:
    """A value of this form."""
    if "enum" in schema:
        return draw.choice(schema["enum"])
    match schema.get("type"):
        case "object":
            return {name: fitting(each, draw) for name, each in schema["properties"].items()}
        case "array":
            return [fitting(schema["items"], draw) for _ in range(draw.randint(0, 5))]
        case "integer" | "number":
            return draw.randint(-1, 12)
        case "boolean":
            return draw.random() < 0.5
        case _:
            return draw.choice((*WORDS, "half \ud800", LONG)) + draw.choice(("", " five"))


class Babbling(ScriptedModel):
    """Says nonsense: another one for each prompt, and for each time that it is asked the same.

    What it says of a prompt does not depend on the others: layers ask side by side, in an order that is by chance.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(self.says)
        self.seed, self._asked = seed, Counter[str]()

    def says(self, prompt: Prompt) -> str | Exception:
        asked = repr((prompt.name, prompt.messages, prompt.options))
        self._asked[asked] += 1
        return nonsense(Random(f"{self.seed} {self._asked[asked]} {asked}"), prompt)


async def test_what_a_model_says_does_not_depend_on_the_order_in_which_it_is_asked(tmp_path: Path) -> None:
    prompt = await built(file_with(tmp_path, frozenset()), ScriptedModel([]))
    prompts = [replace(prompt, messages=(Message("user", f"Question {number}?"),)) for number in range(30)]

    def told(order: Iterable[Prompt]) -> dict[str, list[str]]:
        model = Babbling(7)
        return {one.messages[0].content: [str(model.says(one)), str(model.says(one))] for one in order}

    said = told(prompts)
    assert said == told(reversed(prompts))
    assert len({line for lines in said.values() for line in lines}) > 10


@each_legal
def test_whatever_a_model_says_it_ends_within_its_calls(tmp_path: Path, names: frozenset[str]) -> None:
    file = file_with(tmp_path, names)
    base = asyncio.run(built(file, ScriptedModel([])))

    @given(seed=st.integers(0, 2**32))
    @settings(max_examples=15)
    def tried(seed: int) -> None:
        model = Babbling(seed)
        try:
            outcome = asyncio.run(solved(file, model, prompt_file=shipped))
        except ModelError:
            assert model.prompts
        else:
            assert outcome.prompt.output == base.output
            assert len(model.prompts) <= outcome.completion.calls
            str(outcome.completion.notice).encode()
        assert len(model.prompts) <= base.worst_case_calls
        for sent in (prompt for prompt in model.prompts if prompt.name == base.name):
            last = len(base.messages) - 1
            assert sent.messages[:last] == base.messages[:last]
            assert sent.messages[last].content.startswith(base.messages[last].content)
        said = "\n".join(message.content for prompt in model.prompts for message in prompt.messages)
        assert "<|im_start|>" not in said
        said.encode()

    tried()


class Stuck(ScriptedModel):
    """Says what is asked for, until a call that it never answers."""

    def __init__(self, after: int) -> None:
        draw = Random(after)
        super().__init__(lambda prompt: "Five." if prompt.output is None else json.dumps(full(prompt, draw)))
        self.after, self._reached = after, asyncio.Event()

    async def stuck(self) -> None:
        await self._reached.wait()

    async def generate(self, prompt: Prompt, *, context: Context) -> Completion:
        completion = await super().generate(prompt, context=context)
        if len(self.prompts) > self.after:
            self._reached.set()
            await asyncio.Event().wait()
        return completion


def full(prompt: Prompt, draw: Random) -> Any:
    """An object of the form that is asked for; its lists have two texts."""
    assert prompt.output is not None
    found = fitting(prompt.output.schema, draw)
    return {name: ["How many?", "Why?"] if isinstance(each, list) else each for name, each in found.items()}


@each_legal
@pytest.mark.parametrize("after", [0, 1, 3])
async def test_one_that_is_cancelled_leaves_nothing_behind(tmp_path: Path, names: frozenset[str], after: int) -> None:
    file, model = file_with(tmp_path, names), Stuck(after)
    asked, stuck = asyncio.ensure_future(solved(file, model, prompt_file=shipped)), asyncio.ensure_future(model.stuck())
    await asyncio.wait({asked, stuck}, return_when=asyncio.FIRST_COMPLETED)
    if asked.done():
        stuck.cancel()
        assert 0 < len(model.prompts) <= after
        return
    made = len(model.prompts)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert len(model.prompts) == made
