from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from few_shot_files import INPUTS, prompt_file, row
from ragstone.prompts.builder import _shot, build
from ragstone.prompts.marks import Marking
from ragstone.prompts.prefix import Prefix, prefix
from ragstone.prompts.tokens import PER_MESSAGE, counter
from ragstone.types import Message, Prompt

COUNT = counter()


def stable(*messages: str, words: str = "") -> int:
    return sum(COUNT.count(text) + PER_MESSAGE for text in messages) + COUNT.count(words)


def made(root: Path, body: str, *, layer: str = "on: false", history: int = 0, own: str = "") -> Prompt:
    file = prompt_file(root, "\n".join(map(row, "AB")), layer=layer, body=body, own=own)
    turns = [Message("user", f"Turn {number}.") for number in range(history)]
    examples = file.few_shot.examples[:1] if file.few_shot and file.few_shot.select == "similar" else None
    return build(file, {"question": "Why?"}, hits=[], history=turns, examples=examples)


USER = "user:\nQuestion: {{ question }}"


def test_the_instructions_and_the_first_words_of_the_question_are_stable(tmp_path: Path) -> None:
    assert made(tmp_path, f"system:\nBe brief.\n\n{USER}").stable_prefix_tokens == stable(
        "Be brief.", words="Question: "
    )


def test_what_is_included_is_stable_up_to_its_first_value(tmp_path: Path) -> None:
    (tmp_path / "one.md").write_text("One.")
    (tmp_path / "two.md").write_text("Two {{ tone }} three.")
    body = f'system:\nA {{% include "one.md" %}} B {{% include "two.md" %}} C.\n\n{USER}'
    assert made(tmp_path, body).stable_prefix_tokens == stable(words="A One. B Two ")


@pytest.mark.parametrize("tag", ["{{ tone }}", "{% if tone %}x{% endif %}", "{% for x in tone %}x{% endfor %}"])
def test_the_first_value_ends_it(tmp_path: Path, tag: str) -> None:
    body = f"system:\nBe {tag} brief.\n\nsystem:\nNever stable.\n\n{USER}"
    assert made(tmp_path, body).stable_prefix_tokens == stable(words="Be ")


def test_a_message_that_may_be_missing_ends_it(tmp_path: Path) -> None:
    body = f"system:\nBe brief.\n\nsystem:\n{{% if tone == 'formal' %}}Formal.{{% endif %}}\n\n{USER}"
    assert made(tmp_path, body).stable_prefix_tokens == stable("Be brief.")


def test_examples_that_are_the_same_for_every_question_are_stable(tmp_path: Path) -> None:
    body = f"system:\nBe brief.\n\n{USER}"
    for layer in ("k: 1", "k: 1, select: random, seed: 4"):
        assert made(tmp_path, body, layer=layer).stable_prefix_tokens == stable(
            "Be brief.", "Question: A", "Yes.", words="Question: "
        )
    assert made(tmp_path, body, layer="k: 1, select: similar").stable_prefix_tokens == stable("Be brief.")


def test_earlier_turns_end_it(tmp_path: Path) -> None:
    body = f"system:\nBe brief.\n\nuser:\nHello.\nassistant:\nHello.\n{USER}"
    assert made(tmp_path, body).stable_prefix_tokens == stable("Be brief.", "Hello.", "Hello.", words="Question: ")
    assert made(tmp_path, body, history=2).stable_prefix_tokens == stable("Be brief.", "Hello.", "Hello.")


PARTS = st.sampled_from(
    ["Words. ", "{{ question }}", "{{ tone }}", "{{ passages }}", "{% if tone == 'plain' %}plain{% endif %}", "\n", "",
     "{{ 'constant' }}", "{%- if question -%} x {%- endif %}", '{% include "part.md" %}']
)  # fmt: skip
MESSAGES = st.lists(st.lists(PARTS, max_size=4).map("".join), max_size=3)


@given(systems=MESSAGES, users=MESSAGES, layer=st.sampled_from(["on: false", "k: 2"]), turns=st.integers(0, 2))
def test_what_is_called_stable_is_the_beginning_of_every_prompt(
    tmp_path_factory: pytest.TempPathFactory, systems: list[str], users: list[str], layer: str, turns: int
) -> None:
    root = tmp_path_factory.getbasetemp()
    (root / "part.md").write_text("Part.")
    texts = [*(f"system:\n{text}" for text in systems), *(f"user:\n{text}\nassistant:\nYes." for text in users), USER]
    file = prompt_file(root, "\n".join(map(row, "AB")), layer=layer, body="\n\n".join(texts), inputs=INPUTS)
    history = [Message("user", f"Turn {number}.") for number in range(turns)]
    shown = (
        [
            message
            for example in file.few_shot.examples
            for message in _shot(file, example, (), Marking(), False).messages
        ]
        if file.few_shot
        else []
    )
    found: list[Prefix] = []
    prompts: list[Prompt] = []
    for question, tone in (("Why?", "plain"), ("user:\nWhen?", "formal")):
        values = {"question": question, "tone": tone}
        prompts.append(build(file, values, hits=[], history=history))
        rendered = file.body.render({**values, "passages": ""})
        found.append(prefix(file.body, rendered, examples=shown, static=True, turns=bool(turns)))
        assert prompts[-1].stable_prefix_tokens == found[-1].tokens(COUNT)
    for beginning in found:
        count = len(beginning.messages)
        for prompt in prompts:
            assert prompt.messages[:count] == beginning.messages
            assert not beginning.words.strip() or prompt.messages[count].content.startswith(beginning.words)
