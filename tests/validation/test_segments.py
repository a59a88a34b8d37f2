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
