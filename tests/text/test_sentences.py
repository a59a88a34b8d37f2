from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ragstone.text.sentences import LONGEST, sentences


def cut(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences(text)]


@pytest.mark.parametrize(
    "expected",
    [
        ["It held.", "Did it?", "It did!", "Well …", "And more."],
        ["Dr. Grey and Mr. J. F. Kennedy met Prof. Ito.", "They spoke."],
        ["The U.S. Army came.", "Then it left the U.S.", "The rest stayed."],
        ["See Fig. 3, No. 5, p. 12 and vol. 2 of Smith et al. (2010).", "It is short."],
        ["No.", "I will not."],
        ["It came on Jan. 5 at 3.5 km/h with version 1.2.3 of foo.py.", "It stayed."],
        ["Use tools, e.g. a hammer, i.e. force, etc. as needed.", "Done."],
        ['"Really?" she asked.', '"Yes."', "He left."],
        ["Yahoo! is a company.", "So is another."],
        ["He waited... and waited...", "Nothing came."],
        ["It is known.[12]", "(It was proved in 1999.)", "**Note.**", "Read on."],
        ["Am 3. Mai und im 19. Jahrhundert war z. B. Dr. Weiß bzw. Hr. Groß da.", "Es waren 12.", "Dann ging er."],
        ["El Sr. López llegó.", "¿Cuándo?", "¡Ayer!"],
        ["M. Dupont est là.", "« Vraiment ? »", "Oui."],
        ["Он родился в 1990 г. в Москве, на ул. Мира.", "Потом уехал."],
        ["他说：“你好。”", "然后走了！", "真的吗？", "我不知道……", "高3.5米。", "完"],
        ["真的吗?", "我知道!", "好"],
        ["これは文です。", "次の文「です。」", "終わり"],
        ["यह एक वाक्य है।", "यह दूसरा है।"],
        ["ما هذا؟", "هذا كتاب.", "شكرا"],
        ["Τι είναι αυτό;", "Ένα βιβλίο."],
        ["이것은 문장입니다.", "다음 문장입니다."],
    ],
)
def test_cuts_where_the_language_ends_a_sentence(expected: list[str]) -> None:
    separator = "" if any("\u3000" <= mark <= "\u9fff" for mark in expected[0]) else " "
    assert cut(separator.join(expected)) == expected


def test_a_text_without_capitals_is_cut_at_its_stops() -> None:
    assert cut("the flow is laminar . it stays so . dr. who knows") == [
        "the flow is laminar .",
        "it stays so .",
        "dr. who knows",
    ]


def test_a_line_break_inside_a_paragraph_is_no_end() -> None:
    assert cut("This line was broken\nby a page. And this\r\none too.") == [
        "This line was broken\nby a page.",
        "And this\r\none too.",
    ]


def test_blank_lines_headings_and_list_items_are_ends() -> None:
    lines = ["# A title", "It begins", "", "It goes on", "- first", "- second. And more", "2. Numbered", "", "  * deep"]
    assert cut("\n".join([*lines, "", "Old title", "=====", "End"])) == [
        "# A title",
        "It begins",
        "It goes on",
        "- first",
        "- second.",
        "And more",
        "2. Numbered",
        "* deep",
        "Old title\n=====",
        "End",
    ]


def test_a_table_is_cut_into_rows_and_its_rule_stays_with_the_head() -> None:
    assert cut("Text\n| a. B | c |\n|---|:-:|\n| 1. X | 2 |\nafter") == [
        "Text",
        "| a. B | c |\n|---|:-:|",
        "| 1. X | 2 |",
        "after",
    ]


def test_a_fenced_block_is_one_sentence() -> None:
    code = "```python\nx = 1. \n\n# Not a heading\ny = 2\n```"
    assert cut(f"Before.\n{code}\nAfter. End.") == ["Before.", code, "After.", "End."]


def test_the_end_of_a_fence_whose_beginning_was_cut_off_swallows_nothing() -> None:
    assert cut("y = 2\n```\nProse. More.\n```python\nx = 1\n```") == [
        "y = 2\n```\nProse.",
        "More.",
        "```python\nx = 1\n```",
    ]


def test_a_fence_that_never_ends_swallows_nothing() -> None:
    assert cut("```\nOne. Two.") == ["```\nOne.", "Two."]


def test_a_sentence_that_is_too_long_is_cut_at_its_best_pause() -> None:
    clause = "word " * 80 + "end"
    assert cut(f"{clause}; {clause}, {clause}.") == [f"{clause};", f"{clause},", f"{clause}."]


def test_thai_is_cut_at_spaces() -> None:
    words = "ภาษาไทยไม่มีจุดจบ " * 40
    found = cut(words)
    assert all(len(sentence) <= 200 for sentence in found)
    assert all(sentence.startswith("ภาษา") and sentence.endswith("จบ") for sentence in found)


def test_a_mark_is_not_cut_from_its_letter() -> None:
    text = "x" * (LONGEST - 1) + "e\u0301" + "x" * LONGEST
    assert all(not sentence.startswith("\u0301") for sentence in cut(text))


WORDS = ("a", "Dr", "B", "12", "漢", "ก", "é", "e\u0301", "\u200b", "\ud800", "😀", "word " * 60)
MARKS = (".", "!", "?", "…", "。", "؟", ";", '"', ")", "[1]", "- ", "# ", "|", "---", "```", "~~~")
SPACES = (" ", "\t", "\n", "\n\n")
pieces = st.lists(st.sampled_from([*WORDS, *MARKS, *SPACES])).map("".join)


@given(st.one_of(st.text(), pieces))
@example("word " * 500)
@example("." * 2000)
def test_every_visible_character_lies_in_exactly_one_sentence(text: str) -> None:
    found = sentences(text)
    at = 0
    for start, end in found:
        assert at <= start < end <= len(text)
        assert not text[at:start].strip()
        assert text[start:end] == text[start:end].strip()
        assert end - start <= LONGEST
        at = end
    assert not text[at:].strip()


@given(pieces)
def test_a_sentence_cut_again_gives_what_lies_inside_it(text: str) -> None:
    for start, end in sentences(text):
        inner = sentences(text[start:end])
        assert inner[0][0] == 0
        assert inner[-1][1] == end - start
