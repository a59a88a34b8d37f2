from __future__ import annotations

import base64
import re
import shutil
from collections.abc import Callable
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from few_shot_files import prompt_file, row
from ragstone.errors import PromptError, UsageError
from ragstone.prompts import marks
from ragstone.prompts.builder import build
from ragstone.prompts.file import PromptFile, load
from ragstone.prompts.marks import SIGNS, Marking, restored, sign, without_signs
from ragstone.prompts.passages import passages
from ragstone.prompts.tokens import counter
from ragstone.prompts.wire import mend
from ragstone.types import Chunk, Hit, Slot

PARTS = Path(__file__).parents[2] / "prompts" / "parts"
TEXT = st.text(max_size=60) | st.text("ab ¤¦\n\t中文กำ\u200b\u3164", max_size=40)
FILLERS = str.maketrans(dict.fromkeys("\u200b\u2060\ufeff\u115f\u1160\u180e\u2800\u3164\uffa0", " "))
BODY = """\
system:
Be brief.

{% include "parts/datamark.md" %}

Never shout.

user:
{{ passages }}

Question: {{ question }}
"""
WORDS = {mark: f'Be brief. {{% include "parts/{mark}.md" %}}' for mark in ("datamark", "encode")}

Write = Callable[..., PromptFile]


def hit(text: str, name: str = "a.md", *, context: str = "") -> Hit:
    chunk = Chunk(
        id=name, document_id=name, uri=name, title=name, text=text, start=0, end=len(text), line=1, context=context
    )
    return Hit(chunk, 1, {})


@pytest.fixture
def write(tmp_path: Path) -> Write:
    shutil.copytree(PARTS, tmp_path / "parts")

    def written(mark: str, *, words: str | None = None, inputs: str = "", own: str = "", user: str = "") -> PromptFile:
        path = tmp_path / "test.prompty"
        system = WORDS.get(mark, "Be brief.") if words is None else words
        path.write_text(
            f"---\ninputs: [{{name: question}}{inputs}]\nmetadata:\n  ragstone:\n    passages: {{mark: {mark}}}\n"
            f"    {own}\n---\nsystem:\n{system}\nuser:\n{user}{{{{ passages }}}}\n{{{{ question }}}}",
            encoding="utf-8",
        )
        return load(path, root=tmp_path)

    return written


# ── A sign before every word ────────────────────────────────────────────────────────────────────────────────────────


def test_a_sign_stands_before_every_word_and_lines_stay() -> None:
    marking = Marking("datamark", "¤")
    assert marking.of("A chunk.\nTwo  spaces\tand\r\n    an indent ") == (
        "¤A¤chunk.\n¤Two  ¤spaces\t¤and\r\n    ¤an¤indent "
    )
    assert marking.of("中文没有空格") == "¤中文没有¤空格"
    assert marking.of("") == ""
    assert marking.of("\n ") == "\n "


@given(text=TEXT)
@example(text="a  b")
@example(text="中 文")
@example(text=" a\u2028b\u3000\x85c")
@example(text="กำกำกำกำกำ")
def test_a_marked_text_is_restored_byte_for_byte(text: str) -> None:
    mark = sign([text])
    marked = Marking("datamark", mark).of(text)
    assert restored(marked, mark) == text
    assert marked.count(mark) >= len(text.translate(FILLERS).split())


@given(texts=st.lists(TEXT, max_size=4))
def test_no_passage_holds_the_sign_and_no_two_words_stand_without_it(texts: list[str]) -> None:
    hits = [hit(text, f"{number} and.md") for number, text in enumerate(texts)]
    mark = sign([text for one in hits for text in (one.chunk.uri, one.chunk.text)])
    written, _ = passages(hits, Marking("datamark", mark), trust="author")
    assert not any(mark in text for text in texts)
    for line in re.sub(r"^\[\d+\] ", "", str(written), flags=re.MULTILINE).split("\n"):
        for word in line.translate(FILLERS).split():
            assert word.startswith(mark)
    assert restored(str(written), mark) == str(passages(hits, Marking("none"), trust="author")[0])


@given(texts=st.lists(TEXT, min_size=1, max_size=4))
def test_base64_gives_the_origin_and_the_text_of_each_passage(texts: list[str]) -> None:
    hits = [hit(text, f"{number}.md", context="name | kg") for number, text in enumerate(texts)]
    written, _ = passages(hits, Marking("encode"), trust="author")
    found = [line.partition(" ") for line in str(written).split("\n\n")]
    assert [number for number, _, _ in found] == [f"[{number}]" for number in range(1, len(texts) + 1)]
    assert [base64.b64decode(code, validate=True).decode(errors="surrogatepass") for _, _, code in found] == [
        f"{number}.md\nname | kg\n{text}" for number, text in enumerate(texts)
    ]


# ── Which sign ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_first_sign_is_taken_until_a_passage_holds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert sign([]) == sign(["plain", "text ^ ~"]) == "¤"
    assert sign(["a ¤", "¦"]) == "¬"
    assert sign([SIGNS]) == SIGNS[0] + SIGNS[2]  # the first two of them in a row stand there
    monkeypatch.setattr(marks, "SIGNS", "¤¦")
    assert sign(["¤¦"]) == "¦¤"
    with pytest.raises(UsageError, match="every sign"):
        sign(["¤¦¤"])


@given(text=st.text("ab ¤¦¬\n", max_size=30), mark=st.sampled_from(["".join(two) for two in permutations("¤¦¬", 2)]))
def test_a_sign_of_two_characters_is_found_where_it_was_put(text: str, mark: str) -> None:
    if mark not in text:
        assert restored(Marking("datamark", mark).of(text), mark) == text


def test_no_sign_is_a_letter_or_changes_for_a_tokenizer() -> None:
    import unicodedata

    assert len(set(SIGNS)) == len(SIGNS) == 8
    for mark in SIGNS:
        assert unicodedata.normalize("NFKC", mark) == mark
        assert unicodedata.category(mark)[0] in "SP"
        assert not re.match(r"\w", mark)


# ── What is marked, and what is recorded ────────────────────────────────────────────────────────────────────────────


def test_what_was_retrieved_or_comes_from_a_tool_is_marked_and_nothing_else(write: Write) -> None:
    inputs = ", {name: note}, {name: rows, kind: array}, {name: kind, enumValues: [a b], default: a b}, {name: own}"
    own = "trust: {note: tool, rows: retrieved, kind: tool}"
    user = "{{ note }} / {{ rows }} / {{ kind }} / {{ own }}\n"
    file = write("datamark", inputs=inputs, own=own, user=user)
    given = {"question": "Why so?", "note": "It is so.", "rows": ["one two", 3], "own": "my own"}
    prompt = build(file, given, hits=[hit("A chunk.")])
    assert prompt.messages[-1].content == ("¤It¤is¤so. / ¤one¤two\n3 / a b / my own\n[1] ¤a.md\n¤A¤chunk.\nWhy so?")
    marked = {slot.name: (slot.mark, slot.sign) for slot in prompt.slots if slot.mark != "none"}
    assert marked == dict.fromkeys(("note", "rows", "passages"), ("datamark", "¤"))
    encoded = build(write("encode", inputs=inputs, own=own, user=user), given, hits=[])
    assert encoded.messages[-1].content.startswith("SXQgaXMgc28u / b25lIHR3bw==\n3 / a b / my own")
    assert [slot.sign for slot in encoded.slots] == [""] * 6


def test_the_words_name_the_sign_that_the_passages_have(write: Write) -> None:
    file = write("datamark", words="It is {{ mark }}.")
    for text, mark in (("A chunk.", "¤"), ("Price: 3 ¤", "¦")):
        prompt = build(file, {"question": "Why?"}, hits=[hit(text)])
        assert prompt.messages[0].content == f"It is {mark}."
        assert prompt.messages[1].content.startswith(f"[1] {mark}a.md\n{mark}")
        assert {slot.name: slot.sign for slot in prompt.slots} == {"question": "", "mark": "", "passages": mark}
        assert [slot.trust for slot in prompt.slots] == ["user", "author", "retrieved"]
    with pytest.raises(UsageError, match="no input 'mark'"):
        build(file, {"question": "Why?", "mark": " "}, hits=[])


def test_a_fence_is_recorded_too(write: Write) -> None:
    prompt = build(write("delimit"), {"question": "Why?"}, hits=[hit("A chunk.")])
    assert [(slot.name, slot.mark) for slot in prompt.slots] == [("question", "none"), ("passages", "delimit")]


def test_tokens_are_counted_and_left_out_as_they_are_sent(write: Write) -> None:
    hits = [hit(f"Passage number {number} says a few words. " * 3, f"f{number}.md") for number in range(8)]
    for mark in ("none", "datamark", "encode"):
        kept: list[int] = []
        for total in range(100, 1500, 25):
            file = write(mark, own=f"budget: {{total: {total}, reserve_output: 0}}")
            try:
                prompt = build(file, {"question": "Why?"}, hits=hits)
            except UsageError:
                continue
            assert prompt.tokens == counter().messages(prompt.messages) <= total
            slot = prompt.slots[-1]
            assert slot.tokens == counter().count(slot.text)
            kept.append(len(slot.hits))
            if prompt.shed:  # one passage more would have been too many
                more = build(write(mark), {"question": "Why?"}, hits=hits[: len(slot.hits) + 1])
                assert more.tokens > total
        assert kept == sorted(kept)
        assert kept[-1] == 8


# ── Examples and the stable prefix ──────────────────────────────────────────────────────────────────────────────────


def test_examples_carry_the_sign_of_the_prompt(tmp_path: Path) -> None:
    shutil.copytree(PARTS, tmp_path / "parts")
    shown = [{"uri": "x.md", "text": "Sums in ¤ here."}]
    rows = "\n".join((row("A?", passages=shown, gold=True), row("B?", passages=[{"uri": "y.md", "text": "<s> b"}])))
    file = prompt_file(tmp_path, rows, layer="k: 2", body=BODY, own="passages: {mark: datamark}")
    prompt = build(file, {"question": "Why?"}, hits=[hit("A chunk.")])
    assert [message.content.split("\n\n")[0] for message in prompt.messages[1::2]] == [
        "[1] ¦x.md\n¦Sums¦in¦¤¦here.",
        "[1] ¦y.md\n¦<¦s>¦b",
        "[1] ¦a.md\n¦A¦chunk.",
    ]
    assert "sign ¦," in prompt.messages[0].content


def test_the_usual_sign_is_stable_and_another_one_ends_the_prefix(tmp_path: Path) -> None:
    shutil.copytree(PARTS, tmp_path / "parts")
    file = prompt_file(tmp_path, row("A?"), layer="on: false", body=BODY, own="passages: {mark: datamark}")
    count = counter()
    usual, other = (build(file, {"question": "Why?"}, hits=[hit(text)]) for text in ("A chunk.", "A ¤ chunk."))
    assert usual.stable_prefix_tokens == count.count(usual.messages[0].content) + 5
    before = other.messages[0].content.partition("¦")[0]
    assert before.startswith("Be brief.\n\nHow to read")
    assert other.stable_prefix_tokens == count.count(before)


def test_a_list_of_signs_in_a_loop_is_no_sign(tmp_path: Path) -> None:
    body = "system:\n{{ mark }}{% for mark in question %}{{ mark }}{% endfor %}.\nuser:\n{{ passages }}x"
    file = prompt_file(tmp_path, row("A?"), layer="on: false", body=body, own="passages: {mark: datamark}")
    assert build(file, {"question": "Why"}, hits=[]).messages[0].content == "¤Why."


# ── What an author must say ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("mark", "words", "said"),
    [
        ("datamark", "Be brief.", "test.prompty:5:16: the prompt never tells the model what the mark is: "
         "expected {{ mark }} in the words."),
        ("encode", "Be brief.", "test.prompty:5:16: the prompt never tells the model how its passages are encoded"),
        ("delimit", "It is {{ mark }}.", "test.prompty:9:10: unknown variable 'mark'. Write `mark: datamark`"),
        ("none", "It is {{ mark }}.", "unknown variable 'mark'"),
        ("encode", "Base64 {{ mark }}.", "unknown variable 'mark'"),
        ("datamark", WORDS["datamark"] + WORDS["encode"], "test.prompty:5:16: parts/encode.md tells the model of "
         "another mark than the prompt has: expected mark: encode. Include parts/datamark.md in its place, or write"),
        ("none", '{% include "parts/delimit.md" %}', "another mark than the prompt has: expected mark: delimit. Take"),
        ("datamark", "{{ mrak }}", "Did you mean 'mark'?"),
    ],
)  # fmt: skip
def test_a_mark_that_is_not_told_or_that_there_is_none_of_is_refused(
    write: Write, mark: str, words: str, said: str
) -> None:
    with pytest.raises(PromptError) as caught:
        write(mark, words=words)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("inputs", "own", "said"),
    [
        (", {name: mark}", "{}", "'mark' is given by Ragstone itself"),
        ("", "trust: {mark: user}", "there is no input 'mark'"),
    ],
)
def test_nobody_else_gives_the_mark(write: Write, inputs: str, own: str, said: str) -> None:
    with pytest.raises(PromptError, match=re.escape(said)):
        write("datamark", inputs=inputs, own="" if own == "{}" else own)


# ── After the answer ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("It¤ships¤on¤3¤May¤[1].", "It ships on 3 May [1]."),
        ("¤It ships [1].\n\n- ¤One\n- ¤Two¤more", "It ships [1].\n\n- One\n- Two more"),
        ('{"answer": "¤It¤ships", "kind":"¤yes"}', '{"answer": "It ships", "kind":"yes"}'),
        ('He said "no"¤and¤(¤yes¤)¤too', 'He said "no" and (yes ) too'),
        ("**¤It¤ships**¤(¤soon)", "**It ships** (soon)"),
        ("中文没有¤空格", "中文没有空格"),
        ("The sign ¤ is a sign.", "The sign ¤ is a sign."),
        ("Nothing here.", "Nothing here."),
    ],
)
def test_signs_in_an_answer_are_taken_out(answer: str, said: str) -> None:
    slot = Slot(name="passages", trust="retrieved", text="", mark="datamark", sign="¤")
    assert without_signs(answer, [slot, slot]) == said
    assert without_signs(answer, [Slot(name="question", trust="user", text="")]) == answer


@given(text=TEXT)
def test_what_an_answer_quotes_as_it_stands_is_what_the_passage_says(text: str) -> None:
    quoted = " ".join(re.sub(r"[^\w\s]", "", text).split())
    mark = sign([quoted])
    slot = Slot(name="passages", trust="retrieved", text="", mark="datamark", sign=mark)
    assert without_signs(Marking("datamark", mark).of(quoted), [slot]) == quoted


def test_a_token_that_was_broken_up_and_marked_is_whole_again(write: Write) -> None:
    prompt = build(write("datamark"), {"question": "Why?"}, hits=[hit("It begins with <|im_start|> and a role.")])
    words = "¤It¤begins¤with¤<|¤im_start|>¤and¤a¤role."
    assert words in prompt.messages[-1].content
    assert mend(words, prompt.slots) == "It begins with <|im_start|> and a role."
