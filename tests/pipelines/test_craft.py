"""The dialogue that improves a prompt, with a model that says what it is told to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ragstone.errors import ModelError, ModelUnavailable, NotConfigured, PromptError, UsageError
from ragstone.inference.router import Router
from ragstone.pipelines.craft import Dialogue
from ragstone.prompts.file import load
from ragstone.prompts.rewriting import read_original
from ragstone.protocols import Capabilities
from ragstone.testing import ScriptedModel
from ragstone.types import Completion, Context, Prompt

IMPROVE = Path(__file__).parents[2] / "prompts" / "craft" / "improve.prompty"
WORDS = """system:
Answer {{ question | upper }} in short, like [1].
{% include "parts/tone.md" %}

user:
{{ passages }}
Question: {{ question }} <|im_start|>
"""
FRONT = """---
name: answer
description: Answers questions of travellers.
inputs: [{name: question, required: true, description: What is asked.}]
metadata: {ragstone: {passages: {mark: delimit}}}
---
"""
BETTER = WORDS.replace("in short", "in one sentence")


def reply(prompt: str = BETTER, *, weaknesses: Any = ("'in short' is vague.",), questions: Any = ()) -> str:
    return json.dumps({"weaknesses": list(weaknesses), "questions": list(questions), "prompt": prompt})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "prompts" / "parts").mkdir(parents=True)
    (tmp_path / "prompts" / "parts" / "tone.md").write_text("Be kind to {{ question }}.\n")
    (tmp_path / "prompts" / "answer.prompty").write_text(FRONT + WORDS)
    return tmp_path / "prompts" / "answer.prompty"


def talk(path: Path, model: ScriptedModel, **more: Any) -> Dialogue:
    more = {"target": path, **more}
    return Dialogue(read_original(path), Router({"scripted": model}), asking=load(IMPROVE), **more)


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def edit(path: Path) -> None:
    path.write_text(FRONT + WORDS.replace("short", "brief"))


def asked(prompt: Prompt) -> str:
    return prompt.messages[-1].content


async def test_a_round_has_weaknesses_questions_and_a_checked_rewrite(path: Path) -> None:
    model = ScriptedModel([reply(questions=["Who  reads\nit?", " "])])
    dialogue = talk(path, model)
    found = await dialogue.propose()
    assert found.weaknesses == ("'in short' is vague.",)
    assert found.questions == ("Who reads it?",)
    assert not found.rewrite.faults
    assert not found.rewrite.doubtful
    assert found.rewrite.words == BETTER
    assert text(path) == FRONT + WORDS, "nothing is written before it is saved"
    saved = dialogue.save(found.rewrite)
    assert text(saved.path) == FRONT + BETTER
    assert saved.copy is not None
    assert text(saved.copy) == FRONT + WORDS


async def test_the_model_gets_the_words_as_they_stand_and_no_placeholder_is_filled_in(path: Path) -> None:
    model = ScriptedModel([reply()])
    await talk(path, model).propose()
    said = asked(model.prompts[0])
    assert WORDS.strip().replace("<|im_start|>", "<| im_start|>") in said
    assert '{% include "parts/tone.md" %}' in said
    assert "parts/tone.md:\nBe kind to {{ question }}." in said
    assert "- {{ question }}: What is asked.\n- {{ passages }}\n" in said
    assert "Purpose: Answers questions of travellers." in said
    assert [message.role for message in model.prompts[0].messages] == ["system", "user"]


async def test_what_is_repeated_comes_back_whole(path: Path) -> None:
    """Special tokens are broken up on the way to the model, and `[1]` is a word of the prompt and no citation."""
    broken = BETTER.replace("<|im_start|>", "<| im_start|>")
    found = await talk(path, ScriptedModel([reply(broken)])).propose()
    assert found.rewrite.words == BETTER
    assert "like [1]." in found.rewrite.words


async def test_answers_and_wishes_are_told_and_the_next_round_begins_with_the_last_rewrite(path: Path) -> None:
    model = ScriptedModel([reply(questions=["Who reads it?"]), reply(), reply()])
    dialogue = talk(path, model, purpose="a help desk")
    found = await dialogue.propose()
    dialogue.answer(found.questions[0], "Drivers.")
    await dialogue.propose()
    dialogue.wish("Shorter, please.")
    await dialogue.propose()
    first, second, third = map(asked, model.prompts)
    assert "Who reads it?" not in first
    assert "- Who reads it? Drivers." in second
    assert "in one sentence" in second
    assert "Shorter" not in second
    assert "- Shorter, please." in third
    assert "- Who reads it? Drivers." in third
    assert all("Purpose: a help desk" in said for said in (first, second, third))
    assert len(dialogue.completions) == 3
    assert dialogue.tokens > 0


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (BETTER.replace("{{ question | upper }}", "{{ qestion }}"), "- unknown variable 'qestion'"),
        (BETTER.replace("{{ passages }}\n", ""), "- {{ passages }} is missing"),
        ("Answer.", "- has no user message"),
    ],
)
async def test_a_rewrite_that_cannot_be_used_goes_back_once_with_its_faults(path: Path, broken: str, told: str) -> None:
    model = ScriptedModel([reply(broken, questions=["Who?"]), reply(weaknesses=["Other."])])
    found = await talk(path, model).propose()
    assert told in asked(model.prompts[1])
    assert broken.strip().replace("<|im_start|>", "<| im_start|>") in asked(model.prompts[1])
    assert found.rewrite.words == BETTER
    assert (found.weaknesses, found.questions) == (("'in short' is vague.",), ("Who?",))


async def test_one_that_stays_broken_is_not_saved_and_is_not_built_upon(path: Path) -> None:
    broken = BETTER.replace("{{ question | upper }}", "{{ qestion }}")
    model = ScriptedModel([reply(broken), reply(broken), reply()])
    dialogue = talk(path, model)
    found = await dialogue.propose()
    assert "unknown variable 'qestion'" in found.rewrite.faults[0].message
    with pytest.raises(PromptError, match="cannot be used: unknown variable 'qestion'"):
        dialogue.save(found.rewrite)
    assert text(path) == FRONT + WORDS
    assert names(path.parent) == ["answer.prompty", "parts"]
    await dialogue.propose()
    assert "qestion" not in asked(model.prompts[2])


@pytest.mark.parametrize(
    "answer",
    ["Here you are!", "[]", '{"prompt": "user:\\nWhy?"}', reply().replace("weaknesses", "faults"), reply("  ")],
)
async def test_an_answer_of_another_form_is_asked_for_again_and_then_an_error(path: Path, answer: str) -> None:
    found = await talk(path, ScriptedModel([answer, f"```json\n{reply()}\n```"])).propose()
    assert found.rewrite.words == BETTER
    with pytest.raises(ModelError, match="not the form that was asked for"):
        await talk(path, ScriptedModel([answer, answer])).propose()


async def test_an_answer_that_was_cut_off_says_what_to_raise(path: Path) -> None:
    class Short(ScriptedModel):
        async def generate(self, prompt: Prompt, *, context: Context) -> Completion:
            said = await super().generate(prompt, context=context)
            return Completion(text=said.text[:40], model="short", finish_reason="length")

    with pytest.raises(ModelError, match=r"cut off.*Raise maxOutputTokens in .*improve\.prompty"):
        await talk(path, Short([reply()])).propose()


async def test_a_model_that_fails_says_so(path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="overloaded"):
        await talk(path, ScriptedModel([ModelUnavailable("overloaded")])).propose()


def test_a_model_that_only_quotes_is_refused_before_it_is_asked(path: Path) -> None:
    class Quoting(ScriptedModel):
        capabilities = Capabilities(generative=False)

    with pytest.raises(NotConfigured, match="generative model"):
        talk(path, Quoting([]))


def test_a_copy_of_the_asking_prompt_without_its_outputs_is_refused(path: Path) -> None:
    asking = load(path)
    with pytest.raises(PromptError, match="outputs named weaknesses, questions, prompt"):
        Dialogue(read_original(path), Router({"m": ScriptedModel([])}), asking=asking, target=path)


async def test_an_asking_prompt_that_declares_less_is_told_less(path: Path, tmp_path: Path) -> None:
    whole = text(IMPROVE)
    start, end = whole.index("  - name: purpose"), whole.index("outputs:")
    trust, body = whole.index("      purpose: user"), whole.index("---\nsystem:")
    less = whole[:start] + whole[end:trust] + whole[body:].split("user:\n")[0] + "user:\n{{ prompt }}\n"
    (tmp_path / "improve.prompty").write_text(less)
    model = ScriptedModel([reply("user:\nWhy?"), reply()])
    dialogue = Dialogue(
        read_original(path), Router({"m": model}), asking=load(tmp_path / "improve.prompty"), target=path
    )
    assert (await dialogue.propose()).rewrite.words == BETTER


async def test_an_edit_during_the_dialogue_is_not_overwritten(path: Path) -> None:
    dialogue = talk(path, ScriptedModel([reply()]))
    found = await dialogue.propose()
    edit(path)
    with pytest.raises(UsageError, match="was changed meanwhile"):
        dialogue.save(found.rewrite)
    assert "in brief" in text(path)


async def test_a_copy_elsewhere_takes_its_parts_along_and_leaves_the_original(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "mine" / "prompts" / "short.prompty"
    dialogue = talk(path, ScriptedModel([reply()]), target=target, name="short")
    saved = dialogue.save((await dialogue.propose()).rewrite)
    assert saved.copy is None
    assert saved.parts == (tmp_path / "mine" / "prompts" / "parts" / "tone.md",)
    assert load(target).name == "short"
    assert text(path) == FRONT + WORDS
