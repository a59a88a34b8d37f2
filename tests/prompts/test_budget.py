from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from few_shot_files import prompt_file, row
from ragstone.errors import PromptError, UsageError
from ragstone.prompts.builder import build
from ragstone.prompts.file import PromptFile, load
from ragstone.prompts.tokens import Counter, counter
from ragstone.types import Chunk, Hit, Message, Prompt

WORDS = Counter("words", True, lambda text: len(re.findall(r"\w+|[^\w\s]", text)))
"""Words and marks, so that a test can count by hand."""

BODY = """\
system:
Answer from the passages.

user:
{{ passages }}

Question: {{ question }}
"""
KINDS = ("passages", "examples", "history")


def hit(text: str, number: int) -> Hit:
    name = f"f{number}.md"
    chunk = Chunk(id=name, document_id=name, uri=name, title=name, text=text, start=0, end=len(text), line=1)
    return Hit(chunk, number, {})


def talk(*questions: str) -> list[Message]:
    return [turn for text in questions for turn in (Message("user", text), Message("assistant", f"Re {text}"))]


def budgeted(
    root: Path, total: int, shed: str = "passages, examples, history", *, own: str = "", k: int = 3
) -> PromptFile:
    rows = "\n".join(row(f"Example {number}?", "Yes.", id=f"e{number}") for number in range(k))
    budget = f"budget: {{total: {total}, reserve_output: 20, shed: [{shed}]}}{own}"
    return prompt_file(root, rows, layer=f"k: {k}", own=budget, body=BODY)


def made(file: PromptFile, passages: int = 4, turns: int = 3, **given: Any) -> Prompt:
    hits = [hit(f"Passage number {number}.", number) for number in range(1, passages + 1)]
    history = talk(*(f"Turn {number}?" for number in range(1, turns + 1)))
    return build(file, {"question": "Why?"}, hits=hits, history=history, **{"counter": WORDS, **given})


def shed(prompt: Prompt) -> list[str]:
    return [f"{unit.kind} {unit.unit}" for unit in prompt.shed]


# ── The order ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_fits_is_sent_whole(tmp_path: Path) -> None:
    plain = made(budgeted(tmp_path, 10_000))
    assert plain.shed == ()
    assert plain.tokens == WORDS.messages(plain.messages)
    assert made(budgeted(tmp_path, plain.tokens + 20)).messages == plain.messages


def test_the_least_valuable_unit_goes_first(tmp_path: Path) -> None:
    everything = ["passages f4.md", "passages f3.md", "passages f2.md", "passages f1.md", "examples e2", "examples e1",
                  "examples e0", "history Turn 1?", "history Turn 2?", "history Turn 3?"]  # fmt: skip
    size = made(budgeted(tmp_path, 10_000)).tokens
    seen = []
    for total in range(size + 20, 20, -1):
        try:
            prompt = made(budgeted(tmp_path, total))
        except UsageError:
            break
        assert shed(prompt) == everything[: len(prompt.shed)]
        seen.append(len(prompt.shed))
    assert set(seen) == set(range(11))


def test_the_declared_order_counts(tmp_path: Path) -> None:
    whole = made(budgeted(tmp_path, 10_000)).tokens
    assert shed(made(budgeted(tmp_path, whole + 19, "history, passages"))) == ["history Turn 1?"]
    assert shed(made(budgeted(tmp_path, whole + 19, "examples"))) == ["examples e2"]


def test_what_is_kept_stands_as_it_would_alone(tmp_path: Path) -> None:
    whole = made(budgeted(tmp_path, 10_000)).tokens
    prompt = made(budgeted(tmp_path, whole + 15))
    assert shed(prompt) == ["passages f4.md"]
    assert prompt.messages == made(budgeted(tmp_path, 10_000), passages=3).messages
    slot = prompt.slot("retrieved")
    assert slot is not None
    assert [each.chunk.uri for each in slot.hits] == ["f1.md", "f2.md", "f3.md"]


def test_a_passage_that_is_too_long_alone_leaves_a_prompt_without(tmp_path: Path) -> None:
    prompt = build(budgeted(tmp_path, 200), {"question": "Why?"}, hits=[hit("long " * 5000, 1)], counter=WORDS)
    assert [(unit.kind, unit.unit) for unit in prompt.shed] == [("passages", "f1.md")]
    assert prompt.shed[0].tokens > 5000
    slot = prompt.slot("retrieved")
    assert slot is not None
    assert slot.hits == ()


def test_an_exchange_goes_with_its_answers(tmp_path: Path) -> None:
    history = [Message("assistant", "Welcome."), *talk("One " * 30), Message("assistant", "Also."), *talk("Two?")]
    file = budgeted(tmp_path, 120, "history")
    prompt = build(file, {"question": "Why?"}, hits=[], history=history, counter=WORDS)
    assert [unit.unit for unit in prompt.shed] == ["Welcome.", f"{('One ' * 30)[:60]}…"]
    assert [message.content for message in prompt.messages[-3:-1]] == ["Two?", "Re Two?"]


def test_passages_that_the_file_does_not_show_are_no_units(tmp_path: Path) -> None:
    file = prompt_file(tmp_path, row("A?"), own="budget: {total: 30}", body="user:\n{{ question }}")
    prompt = build(file, {"question": "Why?"}, hits=[hit("long " * 500, 1)], counter=WORDS)
    assert [unit.kind for unit in prompt.shed] == []


# ── What cannot fit ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_does_not_fit_says_by_how_much(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        made(budgeted(tmp_path, 30))
    bare = made(budgeted(tmp_path, 10_000, k=3), passages=0, turns=0)
    least = bare.tokens - sum(WORDS.count(slot.text) + 10 for slot in bare.slots if slot.name == "examples")
    assert str(caught.value) == (
        f"prompt 'test': the prompt is {least - 10} tokens too long without what may be left out: expected at most 10 "
        f"tokens beside the 20 reserved for the answer, found {least}. Ask more briefly, or raise `total` under "
        "metadata.ragstone.budget in the prompt file."
    )


def test_nothing_that_may_not_go_is_left_out(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="tokens too long:"):
        made(budgeted(tmp_path, 60, ""))


def test_the_window_of_the_model_counts_where_it_is_smaller(tmp_path: Path) -> None:
    file = budgeted(tmp_path, 10_000)
    size = made(file).tokens
    assert made(file, window=size + 20).shed == ()
    assert shed(made(file, window=size + 19)) == ["passages f4.md"]


def test_without_a_budget_nothing_is_left_out(tmp_path: Path) -> None:
    file = prompt_file(tmp_path, row("A?"), body=BODY)
    prompt = build(file, {"question": "Why?"}, hits=[hit("long " * 50_000, 1)], window=10)
    assert prompt.shed == ()
    assert (prompt.counter, prompt.tokens) == ("estimate", counter().messages(prompt.messages))


def test_as_much_is_reserved_as_an_answer_may_take(tmp_path: Path) -> None:
    path = tmp_path / "x.prompty"
    front = "model: {options: {maxOutputTokens: 30}}\ninputs: [{name: question}]\nmetadata: {ragstone: {budget: {%s}}}"
    path.write_text(f"---\n{front % 'total: 60'}\n---\nuser:\n{{{{ question }}}}")
    assert build(load(path, root=tmp_path), {"question": "a " * 20}, hits=[], counter=WORDS).tokens == 30
    with pytest.raises(UsageError, match="1 tokens too long"):
        build(load(path, root=tmp_path), {"question": "a " * 21}, hits=[], counter=WORDS)
    for budget, words in [
        (
            "total: 60, reserve_output: 20",
            "the budget reserves less for the answer than it may take: expected at least",
        ),
        ("total: 30", "the answer alone takes the whole budget: expected more than the 30 tokens"),
        ("total: 60, shed: [history, history]", "the same kind stands here twice"),
        ("total: 60, shed: [instructions]", "input should be 'passages', 'examples' or 'history'"),
        ("reserve_output: 20", "total' is missing"),
    ]:
        path.write_text(f"---\n{front % budget}\n---\nuser:\n{{{{ question }}}}")
        with pytest.raises(PromptError, match=re.escape(words)):
            load(path, root=tmp_path)


# ── What always holds ───────────────────────────────────────────────────────────────────────────────────────────────

TEXTS = st.lists(st.text(max_size=60) | st.sampled_from(["word " * 40, "user:\n{{ x }}", "7f3a9c1e>>>"]), max_size=6)


@given(
    passages=TEXTS,
    turns=TEXTS,
    k=st.integers(1, 4),
    order=st.permutations(KINDS).flatmap(lambda kinds: st.integers(0, 3).map(lambda count: kinds[:count])),
    totals=st.tuples(st.integers(30, 900), st.integers(30, 900)),
    counted=st.sampled_from([WORDS, counter()]),
    marked=st.booleans(),
)
def test_a_prompt_fits_keeps_its_order_and_loses_less_with_more_room(
    tmp_path_factory: pytest.TempPathFactory, passages: list[str], turns: list[str], k: int, order: list[str],
    totals: tuple[int, int], counted: Counter, marked: bool,
) -> None:  # fmt: skip
    root = tmp_path_factory.getbasetemp()
    own = "\n    passages: {mark: delimit}" if marked else ""
    hits = [hit(text, number) for number, text in enumerate(passages)]
    built: list[Prompt | None] = []
    for total in sorted(totals):
        file = budgeted(root, total, ", ".join(order), own=own, k=k)
        try:
            prompt = build(file, {"question": "Why?"}, hits=hits, history=talk(*turns), counter=counted)
        except UsageError:
            built.append(None)
            continue
        built.append(prompt)
        assert prompt.tokens == counted.messages(prompt.messages) <= total - 20
        assert prompt.messages[0] == Message("system", "Answer from the passages.")
        assert prompt.messages[-1].content.endswith("Question: Why?")
        kinds = [unit.kind for unit in prompt.shed]
        assert kinds == sorted(kinds, key=order.index)
        assert prompt.stable_prefix_tokens <= prompt.tokens
        slot = prompt.slot("retrieved")
        assert slot is not None
        assert list(slot.hits) == hits[: len(hits) - kinds.count("passages")]
    less, more = built
    assert not (less is not None and more is None)
    if less is not None and more is not None:
        assert less.shed[: len(more.shed)] == more.shed


def test_many_units_are_left_out_without_measuring_each(tmp_path: Path) -> None:
    count = 2000
    measured: list[int] = []

    def measure(text: str) -> int:
        measured.append(len(text))
        return len(text) // 4

    file = prompt_file(tmp_path, row("A?"), own="budget: {total: 2000}", body=BODY)
    hits = [hit("word " * 50, number) for number in range(count)]
    prompt = build(file, {"question": "Why?"}, hits=hits, counter=Counter("quarter", False, measure))
    assert 0 < count - len(prompt.shed) < 40
    assert prompt.tokens > 1800
    assert sum(measured) < 20 * count * 250  # not the thousand times of one after another
