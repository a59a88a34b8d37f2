from copy import deepcopy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragstone.validation.segments import Segments, segments

WORDS = st.sampled_from(
    [
        "The",
        "harbour",
        "opens",
        "at",
        "6.30",
        "a.m.",
        "Dr.",
        "e.g.",
        "No. 5",
        " ",
        "  ",
        "\n",
        "\n\n",
        ". ",
        ".",
        "! ",
        "?",
        "...",
        "[1]",
        " [1, 2].",
        "[a. b](http://x.y/z. w)",
        "![i](",
        "http://a.b/c. d",
        "www.x. y",
        "a@b.c ",
        "`",
        "```",
        "```py\n",
        "~~~\n",
        "\n- ",
        "\n1. ",
        "\n# ",
        "\n| a | b |\n",
        "<b>",
        "<img src='x. y'>",
        "<",
        ">",
        "。",
        "「東京。」",
        "؟",
        "\t",
        "**Bold.** ",
        "\n```\n",
        "\n   \n",
        "'\" ",
    ]
)
TEXTS = st.lists(WORDS, max_size=60).map("".join)
LONG = Segments()
LONG.feed("Yes. " * 12_000)


@given(TEXTS, st.randoms(use_true_random=False))
@settings(max_examples=300)
def test_however_a_text_arrives_its_segments_are_the_same(text, chance):
    cut, found, at = Segments(), [], 0
    while at < len(text):
        step = chance.randint(1, chance.choice([1, 3, 20, 200]))
        found += cut.feed(text[at : at + step])
        at += step
    found += cut.finish()
    assert found == segments(text)
    assert "".join(one.text for one in found) == text
    assert all(one.text for one in found)


@given(TEXTS, st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None)
def test_however_the_end_of_a_long_text_arrives_its_segments_are_the_same(text, chance):
    whole, cut = deepcopy(LONG), deepcopy(LONG)
    at, found = 0, []
    while at < len(text):
        step = chance.randint(1, chance.choice([1, 3, 20, 200]))
        found += cut.feed(text[at : at + step])
        at += step
    assert [*found, *cut.finish()] == [*whole.feed(text), *whole.finish()]


def said(text):
    return [one.text for one in segments(text)]


def test_a_sentence_ends_with_its_markers_and_spaces():
    assert said("It opens at six. [1] It closes at ten [2]. Dr. Grey knows (or so it seems.) Good.") == [
        "It opens at six. [1] ",
        "It closes at ten [2]. ",
        "Dr. Grey knows (or so it seems.) ",
        "Good.",
    ]


def test_a_paragraph_and_a_list_item_end():
    found = said("First\nline\n\nSecond\n- one\n- two\n\n\nEnd")
    assert found == [
        "First\nline\n\n",
        "Second\n",
        "- one\n",
        "- two\n\n\n",
        "End",
    ]


def test_the_lines_of_a_code_block_stand_alone():
    text = "See:\n```py\na = 1. Then b\n\n  c\n```\nDone. Now."
    assert [(one.text, one.code) for one in segments(text)] == [
        ("See:\n", False),
        ("```py\n", True),
        ("a = 1. Then b\n", True),
        ("\n", True),
        ("  c\n", True),
        ("```\n", True),
        ("Done. ", False),
        ("Now.", False),
    ]


def test_what_a_renderer_reads_as_one_is_never_cut():
    for whole in ("[a. B c](http://x.y/?q=A. B)", "`a. B`", '<img alt="Hello. World">', "![One. Two](http://x/1. 2)"):
        assert said(f"See {whole} here. Then more.") == [f"See {whole} here. ", "Then more."]


def test_an_address_ends_at_a_space_and_no_sooner():
    assert said("See https://a.b/c. Next one.") == ["See https://a.b/c. ", "Next one."]
    assert said("見よhttp://evil。com/x 次。次") == ["見よhttp://evil。com/x 次。", "次"]


def test_a_long_answer_is_cut_less_finely():
    text = "Yes. " * 20_000
    found = segments(text)
    assert "".join(one.text for one in found) == text
    assert {len(one.text) for one in found[:4_000]} == {5}
    assert len(found) < 12_000
    assert all(one.text.endswith(". ") for one in found)


def test_lines_of_code_that_are_joined_hold_no_prose():
    text = "Yes. " * 20_000 + "\n" + ("```\n" + "a\n" * 500 + "```\nNo. Yes.\n") * 4
    code = [one.text for one in segments(text) if one.code]
    assert "".join(one.text for one in segments(text)) == text
    assert len(code) < 500
    assert "".join(code) == ("```\n" + "a\n" * 500 + "```\n") * 4


HARD = (
    *(
        "[",
        "![",
        "](",
        "[1]",
        "[a](",
        "<",
        "<a ",
        "&#",
        "%",
        "http://",
        "a@",
        "\\",
        "`",
        "` ``",
        "|",
        "- ",
        "(",
        ".",
        "。",
    ),
    *(
        "QUJDREVGR0hJSktMTU5PUA",
        "The harbour opens at six. ",
        "a.",
        "```\n",
        "- ```\n",
        "\n",
        "\t",
        "www.",
        "[1]. ",
        "> ",
    ),
)


def streamed(shape, length, step):
    text = (shape * (length // len(shape) + 1))[:length]
    cut = Segments()
    found = [one.text for at in range(0, length, step) for one in cut.feed(text[at : at + step])]
    assert "".join([*found, *(one.text for one in cut.finish())]) == text


@pytest.mark.parametrize("shape", HARD)
def test_an_answer_of_one_shape_is_read_to_its_end(shape):
    streamed(shape, 20_000, 1)
    streamed(shape, 20_000, 20_000)


@pytest.mark.slow
@pytest.mark.parametrize("step", [1, 7, 1_000])
@pytest.mark.parametrize("shape", HARD)
def test_a_stream_of_one_shape_is_read_to_its_end(shape, step):
    streamed(shape, 100_000, step)


@pytest.mark.slow
@pytest.mark.parametrize("shape", HARD)
def test_a_million_characters_of_one_shape_are_read_to_their_end(shape):
    streamed(shape, 1_000_000, 1_000_000)
