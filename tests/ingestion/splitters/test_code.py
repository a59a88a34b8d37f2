from __future__ import annotations

from dataclasses import replace

import pytest

from ragstone.ingestion.splitters.code import CodeSplitter
from ragstone.ingestion.splitters.tokens import TokenSplitter
from ragstone.testing import HashingEmbedder
from ragstone.testing.suites.splitter import check_pieces, document_of

PYTHON = '''"""Fish."""

import re

SIZE = 3


# What swims.
@swimming
class Cod(Fish):
    """It swims."""

    speed = 1

    # How far.
    @property
    def far(self):
        return self.speed * SIZE

    def eat(self, food):
        for each in food:
            each.eaten = True  # gone
        return len(food)


def é():
    return "ß日本"
'''
TYPESCRIPT = """import { a } from "b";

/** A fish. */
@Injectable()
export class Cod extends Fish {
  private speed = 3;

  /** Swims. */
  @log
  swim(far: number): number {
    return this.speed * far + 1 + 2 + 3;
  }

  eat(): void {
    for (const x of this.food) { x.eaten = true; }
  }
}

export const run = (x: number) => {
  console.log(x);
};
"""


def cut(text: str, *, size: int, uri: str = "cod.py") -> list[tuple[str, str]]:
    document = replace(document_of([("text", text)]), uri=uri)
    pieces = CodeSplitter(embedder=HashingEmbedder(), size=size).split(document)
    return [(piece.context, document.text[piece.start : piece.end]) for piece in pieces]


def between(text: str, first: str, last: str) -> str:
    return text[text.index(first) : text.index(last) + len(last)]


def test_a_class_and_a_function_that_fit_are_whole_with_what_stands_before_them() -> None:
    assert cut(PYTHON, size=80) == [
        ("", between(PYTHON, '"""Fish', "SIZE = 3")),
        ("", between(PYTHON, "# What swims", "return len(food)")),
        ("", between(PYTHON, "def é", '"ß日本"')),
    ]


def test_a_class_that_does_not_fit_is_cut_between_its_methods() -> None:
    header = "class Cod(Fish):"
    assert cut(PYTHON, size=40)[1:] == [
        ("", between(PYTHON, "# What swims", "speed = 1")),
        (header, between(PYTHON, "# How far", "self.speed * SIZE")),
        (header, between(PYTHON, "def eat", "return len(food)")),
        ("", between(PYTHON, "def é", '"ß日本"')),
    ]


def test_comments_and_decorators_of_other_languages_stay_with_their_method_too() -> None:
    header = "class Cod extends Fish {"
    assert cut(TYPESCRIPT, size=40, uri="src/cod.ts") == [
        ("", 'import { a } from "b";'),
        ("", between(TYPESCRIPT, "/** A fish", "speed = 3;")),
        (header, between(TYPESCRIPT, "/** Swims", "+ 3;\n  }")),
        (header, between(TYPESCRIPT, "eat()", "\n  }\n}")),
        ("", between(TYPESCRIPT, "export const run", "};")),
    ]


def test_a_function_that_does_not_fit_is_cut_between_statements_under_its_first_line() -> None:
    body = "\n".join(f"    cod_{number} = swim(far, {number})" for number in range(12))
    found = cut(f"def swim(far):\n{body}\n", size=30)
    assert len(found) > 3
    assert {context for context, _ in found[1:]} == {"def swim(far):"}
    assert all(line.strip().endswith((")", ":")) for _, text in found for line in text.splitlines())


@pytest.mark.parametrize("uri", ["cod.py", "a.zip!/cod.py"])
def test_small_definitions_go_together(uri: str) -> None:
    text = "\n\n\n".join(f"def f{number}():\n    pass" for number in range(4))
    assert cut(text, size=100, uri=uri) == [("", text)]


@pytest.mark.parametrize("uri", ["cod.xyz", "cod", "cod.md"])
def test_a_file_of_no_known_language_is_cut_as_tokens_cuts(uri: str) -> None:
    document = replace(document_of([("heading", "# A"), ("text", "Cod swims. " * 40)]), uri=uri)
    embedder = HashingEmbedder()
    expected = TokenSplitter(embedder=embedder, size=30).split(document)
    assert CodeSplitter(embedder=embedder, size=30).split(document) == expected


def test_code_with_mistakes_is_cut_too() -> None:
    assert "".join(text for _, text in cut("class A(:\n  def f(((\n}}}\n" * 20, size=20)).count("class A(:") == 20


def test_code_that_is_nested_without_end_is_cut_too() -> None:
    text = "".join(" " * depth + "if x:\n" for depth in range(150)) + " " * 150 + "pass"
    document = replace(document_of([("text", text)]), uri="cod.py")
    check_pieces(document, CodeSplitter(embedder=HashingEmbedder(), size=20).split(document), HashingEmbedder())
