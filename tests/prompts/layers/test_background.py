"""What a model wrote on the way to an answer: how it is marked, and that no call reads more than was planned."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ragstone.config import template
from ragstone.inference.router import Router
from ragstone.pipelines.runner import PromptRunner
from ragstone.prompts.builder import build
from ragstone.prompts.file import PromptFile, load
from ragstone.prompts.layers.asides import ROOM
from ragstone.prompts.tokens import Counter, counter
from ragstone.protocols import Capabilities
from ragstone.testing import ScriptedModel
from ragstone.types import Context, Mark, Prompt

FILE = """\
---
model: {options: {maxOutputTokens: %d}}
inputs: [{name: question, required: true}, {name: order, required: true}]
metadata:
  ragstone:
    trust: {order: tool}
    passages: {mark: %s}
    layers: %s
---
system:
Be brief.%s

user:
{{ order }}
{{ question }}
"""
MARKS: tuple[Mark, ...] = ("none", "datamark", "encode")


def marked_file(root: Path, mark: Mark, layers: str, *, longest: int = ROOM) -> PromptFile:
    told = ""
    if mark != "none":
        part = f"parts/{mark}.md"
        (root / "parts").mkdir(exist_ok=True)
        (root / part).write_bytes((template() / "prompts" / part).read_bytes())
        told = f' {{% include "{part}" %}}'
    (root / "test.prompty").write_text(FILE % (longest, mark, layers, told), encoding="utf-8")
    return load(root / "test.prompty", root=root)


async def run(file: PromptFile, model: ScriptedModel) -> Prompt:
    """The prompt as it was built."""
    request = build(file, {"question": "How many?", "order": "One pump, the second."}, hits=[])
    runner = PromptRunner(Router({"model": model}), lambda name: file, models=("model",))
    await runner.complete(file, request, context=Context())
    return request


def long(count: Counter, most: int, word: str) -> str:
    """A text of nearly so many tokens."""
    text = f"{word} "
    while count.count(text + word) < most:
        text += f"{word} "
    return text.strip()


def listed(name: str, most: int, text: str, length: int) -> str:
    """A list of so many texts of that length, no two alike."""
    return json.dumps({name: [f"{number} {text[:length]}" for number in range(most)]}, ensure_ascii=False)


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("word", ["a", "pump", "extraordinarily", "größer", "42"])
@pytest.mark.parametrize(
    "layers",
    [
        "{step_back: {on: true}}",
        "{generated_knowledge: {statements: 20}}",
        "{least_to_most: {max_steps: 3}}",
        "{least_to_most: {max_steps: 3}, cot: {on: true}}",
        "{step_back: {on: true}, generated_knowledge: {statements: 20}, least_to_most: {max_steps: 3}}",
    ],
)
async def test_no_call_reads_more_than_was_planned(tmp_path: Path, mark: Mark, word: str, layers: str) -> None:
    count = counter()
    answer = long(count, ROOM - 5, word)

    def say(prompt: Prompt) -> str:
        if prompt.output is None:
            return answer if "more general question" not in prompt.messages[-1].content else answer[:499]
        (name,) = prompt.output.schema["properties"]
        most = 3 if name == "questions" else 20
        length = 1
        while count.count(listed(name, most, answer, length + 1)) <= ROOM and length < 490:
            length += 1
        return listed(name, most, answer, length)

    model = ScriptedModel(say)
    model.capabilities = Capabilities(local=True, structured="schema")
    base = await run(marked_file(tmp_path, mark, layers), model)
    reads = [call.more for call in base.plan for _ in range(call.most)]
    assert len(model.prompts) == len(reads)
    for prompt, more in zip(model.prompts, reads, strict=True):
        words = count.count(prompt.output.words) if prompt.output is not None else 0
        assert count.messages(prompt.messages) + words <= base.tokens + more


async def test_signs_that_a_model_repeats_are_taken_out_of_what_it_reads_again(tmp_path: Path) -> None:
    lists = json.dumps({"questions": ["¤How¤many¤pumps?", "¤Which¤one?"]})
    model = ScriptedModel([lists, "¤Two¤pumps.", "The ¤second.", "Two."])
    base = await run(marked_file(tmp_path, "datamark", "{least_to_most: {on: true}}"), model)
    said = [message.content for message in model.prompts[-1].messages[2:]]
    assert {slot.sign for slot in base.slots} == {"", "¤"}
    assert (said[0], said[2]) == ("Two pumps.", "The second.")
    assert '"How many pumps?"' in model.prompts[1].messages[-1].content
    assert '"Which one?"' in model.prompts[2].messages[-1].content
