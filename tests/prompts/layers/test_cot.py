"""A chain of thought: what is asked for, and what of the reply is the answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from few_shot_files import row
from layer_files import built, layered_file, solved
from ragstone.errors import PromptError
from ragstone.protocols import Capabilities
from ragstone.testing import ScriptedModel

FIELDS = "[{name: total, kind: integer}, {name: unit, kind: string, required: false}]"


def last(prompt) -> str:
    return prompt.messages[-1].content


async def test_switched_off_or_absent_the_words_are_the_base_text_byte_for_byte(tmp_path: Path) -> None:
    base = await built(layered_file(tmp_path), ScriptedModel([]))
    off = layered_file(tmp_path, "{cot: {on: false, style: plan_and_solve}, self_consistency: {on: false, n: 9}}")
    assert (await built(off, ScriptedModel([]))).messages == base.messages
    assert off.layers_on == ()


@pytest.mark.parametrize("style", ["zero_shot", "plan_and_solve"])
async def test_the_last_user_message_ends_with_words_that_name_the_marker(tmp_path: Path, style: str) -> None:
    base = await built(layered_file(tmp_path), ScriptedModel([]))
    asked = await built(layered_file(tmp_path, f"{{cot: {{style: {style}, marker: 'Result:'}}}}"), ScriptedModel([]))
    assert asked.messages[:-1] == base.messages[:-1]
    assert last(asked).startswith(last(base) + "\n\n")
    assert '"Result:"' in last(asked).removeprefix(last(base))
    assert asked.tokens > base.tokens


@pytest.mark.parametrize(
    ("said", "answer", "steps"),
    [
        ("2 + 3 = 5.\nAnswer: 5", "5", "2 + 3 = 5."),
        ("2 + 3 = 5.\n\n**Answer:** 5 apples\nand a pear", "5 apples\nand a pear", "2 + 3 = 5."),
        ("Answer: 4\nNo, 2 + 3 = 5.\nANSWER: 5", "5", "Answer: 4\nNo, 2 + 3 = 5."),
        ("The Answer: is hidden.\n> answer: 5", "5", "The Answer: is hidden."),
        ("2 + 3 = 5.\nAnswer: 5\nAnswer:\n\nAnswer: ", "5", "2 + 3 = 5."),
    ],
)
async def test_the_answer_stands_behind_the_last_marker(tmp_path: Path, said: str, answer: str, steps: str) -> None:
    found = (await solved(layered_file(tmp_path, "{cot: {on: true}}"), ScriptedModel([said]))).completion
    assert (found.text, found.reasoning, found.notice) == (answer, steps, None)


@pytest.mark.parametrize("said", ["It is 5.", "It is 5.\nAnswer:"])
async def test_a_reply_without_a_marked_answer_is_given_whole_and_says_so(tmp_path: Path, said: str) -> None:
    found = (await solved(layered_file(tmp_path, "{cot: {on: true}}"), ScriptedModel([said]))).completion
    assert found.text == said
    assert found.notice is not None
    assert "marked no answer" in found.notice


async def test_with_fields_the_steps_are_the_first_field_and_are_taken_off(tmp_path: Path) -> None:
    file = layered_file(tmp_path, "{cot: {on: true}}", outputs=FIELDS)
    model = ScriptedModel(['{"reasoning": "2 + 3 = 5.", "total": 5, "unit": null}'])
    outcome = await solved(file, model)
    (sent,) = model.prompts
    assert sent.output is not None
    assert list(sent.output.schema["properties"]) == ["reasoning", "total", "unit"]
    assert sent.output.schema["required"][0] == "reasoning"
    assert '"reasoning"' in last(sent)
    assert json.loads(outcome.text) == {"total": 5, "unit": None}
    assert outcome.completion.reasoning == "2 + 3 = 5."
    assert outcome.prompt.output is file.output


async def test_auto_leaves_the_steps_to_a_model_with_a_switch_of_its_own(tmp_path: Path) -> None:
    file = layered_file(tmp_path, "{cot: {on: auto}}")
    base = await built(layered_file(tmp_path), ScriptedModel([]))
    file = layered_file(tmp_path, "{cot: {on: auto}}")
    model = ScriptedModel(["5"])
    assert "Answer:" in last(await built(file, model))
    model.capabilities = Capabilities(local=True, reasons=True)
    outcome = await solved(file, model)
    assert model.prompts[0].messages == base.messages
    assert model.prompts[0].reasons
    assert (outcome.text, outcome.completion.notice) == ("5", None)


async def test_examples_show_their_steps_only_while_the_layer_is_on(tmp_path: Path) -> None:
    (tmp_path / "two.jsonl").write_text(row("2 + 3?", "5", rationale="Two and three are five."))
    few = "few_shot: {file: two.jsonl, k: 1}"
    on = await built(layered_file(tmp_path, f"{{{few}, cot: {{style: exemplars}}}}"), ScriptedModel([]))
    off = await built(layered_file(tmp_path, f"{{{few}}}"), ScriptedModel([]))
    assert [message.content for message in on.messages if message.role == "assistant"] == [
        "Two and three are five.\nAnswer: 5"
    ]
    assert [message.content for message in off.messages if message.role == "assistant"] == ["5"]


async def test_examples_with_fields_show_their_steps_as_a_field(tmp_path: Path) -> None:
    (tmp_path / "two.jsonl").write_text(row("2 + 3?", {"total": 5}, rationale="Two and three."))
    file = layered_file(tmp_path, "{few_shot: {file: two.jsonl, k: 1}, cot: {on: true}}", outputs=FIELDS)
    shown = [message for message in (await built(file, ScriptedModel([]))).messages if message.role == "assistant"]
    assert json.loads(shown[0].content) == {"reasoning": "Two and three.", "total": 5}


@pytest.mark.parametrize(
    ("layers", "outputs", "fault"),
    [
        ("{cot: {style: exemplars}}", "", "shows the steps of few-shot examples, and there are none"),
        ("{cot: {on: maybe}}", "", "cot.on"),
        ("{cot: {marker: ' '}}", "", "cot.marker"),
        ("{cot: {styles: zero_shot}}", "", "Did you mean 'style'?"),
        ("{cot: {on: true}}", "[{name: reasoning, kind: string}]", "have a field 'reasoning' already"),
        ("{few_shot: {file: bare.jsonl, k: 1}, cot: {on: true}}", "", "bare.jsonl:1: an example without its steps"),
    ],
)
def test_what_cannot_work_is_refused_when_the_file_is_read(
    tmp_path: Path, layers: str, outputs: str, fault: str
) -> None:
    (tmp_path / "bare.jsonl").write_text(row("2 + 3?", "5"))
    with pytest.raises(PromptError) as refused:
        layered_file(tmp_path, layers, outputs=outputs)
    assert fault in str(refused.value)


async def test_the_words_of_the_project_win_and_shape_the_version(tmp_path: Path) -> None:
    before = layered_file(tmp_path, "{cot: {on: true}}")
    (tmp_path / "layers" / "cot").mkdir(parents=True)
    (tmp_path / "layers" / "cot" / "zero_shot.md").write_text("Denke nach. Schreibe dann {{ marker }}")
    after = layered_file(tmp_path, "{cot: {on: true, marker: 'Antwort:'}}")
    assert last(await built(after, ScriptedModel([]))).endswith("\n\nDenke nach. Schreibe dann Antwort:")
    same_layers = layered_file(tmp_path, "{cot: {on: true}}")
    assert same_layers.version != before.version
    (tmp_path / "layers" / "cot" / "zero_shot.md").write_text("Think.")
    with pytest.raises(PromptError, match="never shows marker"):
        layered_file(tmp_path, "{cot: {on: true}}")


@pytest.mark.parametrize("body", ["system:\nBe brief.\n\nuser:\n{{ question }}\n", "user:\n{{ question }}\n"])
async def test_a_persona_is_part_of_the_stable_prefix(tmp_path: Path, body: str) -> None:
    (tmp_path / "clerk.md").write_text("You are a patient clerk.\n")
    base = await built(layered_file(tmp_path, body=body), ScriptedModel([]))
    with_one = await built(layered_file(tmp_path, own="persona: {file: clerk.md}", body=body), ScriptedModel([]))
    rest = [message.content for message in base.messages if message.role == "system"]
    said = [message.content for message in with_one.messages if message.role == "system"]
    assert said == ["\n\n".join(["You are a patient clerk.", *rest])]
    assert with_one.stable_prefix_tokens > base.stable_prefix_tokens
    off = await built(layered_file(tmp_path, own="persona: {on: false, file: clerk.md}", body=body), ScriptedModel([]))
    assert off.messages == base.messages
