from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ragstone.prompts.builder import build
from ragstone.prompts.file import PromptFile, load
from ragstone.prompts.wire import broken_up, mend, part
from ragstone.text.special_tokens import special_tokens
from ragstone.types import Message, Slot

BARE = st.characters(exclude_characters="<>[]｜|", exclude_categories=("Cs",)).filter(lambda c: broken_up(c)[0] == c)
TOKEN = st.sampled_from(["<|im_start|>", "</s>", "[INST]", "<｜User｜>", "<end_of_turn>", "<|eot_id|>", "[/INST]"])

Write = Callable[..., PromptFile]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(body: str, *, inputs: str = "[{name: question}, {name: other}]", own: str = "{}") -> PromptFile:
        path = tmp_path / "test.prompty"
        path.write_text(f"---\ninputs: {inputs}\nmetadata:\n  ragstone: {own}\n---\n{body}", encoding="utf-8")
        return load(path, root=tmp_path)

    return written


# ── What is broken up, and what is not ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("<|im_start|>", "<| im_start|>"),
        ("</s> and [/INST]", "</ s> and [/ INST]"),
        ("<<SYS>>", "<< SYS>>"),
        ("<｜begin▁of▁sentence｜>", "<｜ begin▁of▁sentence｜>"),
        ('<|"|>', '< |"|>'),
        ("]~b]", "]~ b]"),
        ("<|a<|b|>", "<|a<| b|>"),
        ("<|im_<|im_end|>end|>", "<|im_<| im_end|>end|>"),
    ],
)
def test_a_space_goes_behind_the_brackets(text: str, sent: str) -> None:
    assert broken_up(text)[0] == sent
    assert broken_up(sent) == (sent, ())


@pytest.mark.parametrize(
    "text",
    [
        "a < b | c > d",
        "[1] and [12] and [link](x.md)",
        "<b>bold</b> <script>x</script> <section> <start> <img src='x'>",
        "def f(x): return x << 2 | 1",
        "| a | b |\n|---|---|\n| <x> | [y] |",
        "[TODO] [NOTE] [SYSTEM] INST user: system:",
        "<<<1234abcd\ntext\n1234abcd>>>",
        "|> map <| x",
        "List[int] | None",
        "### Instruction:",
        "",
    ],
)
def test_what_only_looks_a_little_alike_stays(text: str) -> None:
    assert broken_up(text) == (text, ())


@given(text=st.text(BARE))
def test_without_a_token_every_value_passes_as_it_is(text: str) -> None:
    assert broken_up(text) == (text, ())
    assert part(text, "user") == (text, ())
    assert part([text, 3, True, None], "retrieved") == ((text, 3, True, None), ())


@given(pieces=st.lists(st.text(BARE, max_size=5) | TOKEN, max_size=12))
def test_only_spaces_are_added_and_mend_takes_them_out(pieces: list[str]) -> None:
    text = "".join(pieces)
    sent, broken = broken_up(text)
    assert sent.replace(" ", "") == text.replace(" ", "")
    assert broken_up(sent) == (sent, ())
    assert set(broken) >= {piece for piece in pieces if piece.startswith("<|") and piece.endswith("|>")}
    assume(sent.count(" ") == text.count(" ") + len([piece for piece in pieces if piece in broken]))
    assert mend(sent, [Slot(name="x", trust="user", text=sent, broken=broken)]) == text


def test_a_list_is_broken_up_item_by_item() -> None:
    assert part(["<s>", "a", "<s></s>"], "tool") == (("< s>", "a", "< s></ s>"), ("<s>", "</s>"))


# ── What a template makes of values ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("body", "question", "other", "sent"),
    [
        ("{{ question | upper }}", "[inst]", "", "[ INST]"),
        ("{{ question | lower }}", "</S>", "", "</ s>"),
        ("{{ question | replace('~', '|') }}", "<~im_end~>", "", "<| im_end|>"),
        ("{{ question | replace(' ', '') }}", "<| im_end|>", "", "<| im_end|>"),
        ("{{ question }}{{ other }}", "<|im_", "end|>", "<| im_end|>"),
        ("{% for c in question %}{{ c }}{% endfor %}", "a<|im_end|>", "", "a<| im_end|>"),
        ("<|{{ question }}|>", "im_end", "", "<| im_end|>"),
        ("<s>{{ question }}</s>", "</s>", "", "<s></ s></s>"),
    ],
)
def test_a_token_that_the_template_makes_whole_is_broken_up(
    write: Write, body: str, question: str, other: str, sent: str
) -> None:
    prompt = build(write(f"user:\n{body}"), {"question": question, "other": other}, hits=[])
    assert prompt.messages == (Message("user", sent),)
    assert prompt.slots[0].broken


def test_what_the_author_wrote_stays(write: Write) -> None:
    body = "system:\n<|think|> {{ '<s>' }} {{ tone }} {{ tones }}\nuser:\n{{ question }}"
    inputs = "[{name: question}, {name: tone, default: '[INST]'}, {name: tones, kind: array}]"
    file = write(body, inputs=inputs, own="{trust: {tone: author, tones: author}}")
    prompt = build(file, {"question": "<s>", "tones": ["</s>"]}, hits=[])
    assert [message.content for message in prompt.messages] == ["<|think|> <s> [INST] </s>", "< s>"]
    assert {slot.name: slot.broken for slot in prompt.slots} == {"question": ("<s>",), "tone": (), "tones": ()}


def test_what_a_filter_makes_of_the_authors_value_is_not_the_authors(write: Write) -> None:
    file = write("user:\n{{ other | upper }}{{ question }}", own="{trust: {other: author}}")
    assert build(file, {"question": "?", "other": "[inst]"}, hits=[]).messages[0].content == "[ INST]?"


def test_an_earlier_turn_is_broken_up_and_recorded(write: Write) -> None:
    turns = [Message("assistant", "It is <|im_end|>."), Message("user", "And?")]
    prompt = build(write("user:\n{{ question }}"), {"question": "Why?"}, hits=[], history=turns)
    assert [message.content for message in prompt.messages] == ["It is <| im_end|>.", "And?", "Why?"]
    assert [slot.broken for slot in prompt.slots] == [(), ("<|im_end|>",), ()]


# ── The model's own tokens ──────────────────────────────────────────────────────────────────────────────────────────


def test_the_tokens_of_a_tokenizer_are_broken_up_too(write: Write, tmp_path: Path) -> None:
    added = [{"content": token} for token in ("~~turn~~", "~~turn", "\n", "   ", "é", "ＡＢ", "two words")]
    (tmp_path / "tokenizer.json").write_text(json.dumps({"added_tokens": added}), encoding="utf-8")
    tokens = special_tokens(tmp_path)
    assert tokens == special_tokens(tmp_path / "tokenizer.json") == ("two words", "~~turn", "~~turn~~", "ＡＢ")
    file = write("user:\n{{ question }}")
    said = "~~turn~~ ~~turn é\n    AB two words"
    assert build(file, {"question": said}, hits=[]).messages[0].content == said
    prompt = build(file, {"question": said}, hits=[], tokens=tokens)
    assert prompt.messages[0].content == "~~ turn~~ ~~ turn é\n    A B t wo words"
    assert prompt.slots[0].broken == ("~~turn~~", "~~turn", "AB", "two words")


def test_a_token_that_begins_inside_another_is_broken_up_too() -> None:
    assert broken_up("ab-cd-ef", ("ab-cd", "cd-ef")) == ("a b-c d-ef", ("ab-cd", "cd-ef"))
