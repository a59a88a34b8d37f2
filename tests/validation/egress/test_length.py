"""However long an answer is and whatever it consists of, it is read to its end: a slower rule would never get there."""

from __future__ import annotations

import pytest

from leaving import FOUND, prompt, screened
from ragstone.types import Prompt

HARD = (
    *("[", "![", "](", "[1]", "[99]", "[a](", "<", "<a ", "<b>", "&#", "&amp;", "%", "%41", "http://", "hxxp://", "//"),
    *(
        "a@",
        "a@b.",
        "\\",
        "`",
        "` ``",
        "|",
        "- ",
        "-",
        "-----BEGIN ",
        "(",
        "a.",
        "a.com ",
        "tel:",
        "-eyJ",
        "key=",
        "。",
    ),
    *(
        "QUJDREVGR0hJSktMTU5PUA",
        "QUJDREVGR0hJSktMTU5P ",
        "41 ",
        "01000001 ",
        "65 ",
        "0x41 ",
        "abc",
        "[9",
        "]:",
        "\u200b",
    ),
    *(
        "The harbour opens at six. ",
        "The harbour opens at six ",
        "漢字かな。",
        "ϲо ",
        "```\n",
        "- ```\n",
        "  ```\n  //\n",
        "```\n//\n",
        "$$\n",
        "$ ` ",
        "\\[ ",
        "\\begin{a}",
        "**",
        "@.",
        "\n",
        "\n[a]: ",
    ),
)


def filled(shape: str, length: int) -> str:
    return "x " + (shape * (length // len(shape) + 1))[:length] + "9z"


def read(shape: str, length: int, step: int, given: Prompt) -> None:
    text = filled(shape, length)
    said, ended = screened([text[at : at + step] for at in range(0, len(text), step)], given)
    (verdict,) = ended.verdicts
    assert "could not be checked" not in verdict.reason
    assert said == ended.text
    assert ended.text


def quoted(shape: str) -> Prompt:
    """A prompt whose passage holds the same."""
    return prompt(found=f"{FOUND} {filled(shape, 200)}")


@pytest.mark.parametrize("shape", HARD)
def test_an_answer_of_one_shape_is_read_to_its_end(shape: str) -> None:
    read(shape, 5_000, 5_000, prompt())
    read(shape, 5_000, 5_000, quoted(shape))


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.parametrize("step", [1, 7, 1_000])
@pytest.mark.parametrize("shape", HARD)
def test_a_stream_of_one_shape_is_read_to_its_end(shape: str, step: int) -> None:
    read(shape, 100_000, step, quoted(shape))


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.parametrize("shape", HARD)
def test_a_million_characters_of_one_shape_are_read_to_their_end(shape: str) -> None:
    read(shape, 1_000_000, 1_000_000, prompt())
