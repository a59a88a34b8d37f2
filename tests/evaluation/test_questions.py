"""Questions of a person, and questions drafted from the documents."""

from __future__ import annotations

from pathlib import Path

import pytest

from ragstone.assembly import LooseParts
from ragstone.errors import UsageError
from ragstone.evaluation.questions import collection, documents, drafted, read_questions, write_questions
from ragstone.testing import HashingEmbedder, MemoryLexicalIndex, MemorySource, MemoryStore
from ragstone.types import Context, Document

TRAVEL = """# Travel rules

## First class

First class is allowed on long journeys.

## Paying back

Write down what was paid.
"""
HOTELS = """# Hotels

| city | price |
|---|---|
| Rome | 120 |

A hotel may cost 120 euros a night.

## Paying back

The cashier pays within ten days.
"""


@pytest.fixture
async def known() -> list[Document]:
    parts = LooseParts(
        embedder=HashingEmbedder(),
        store=MemoryStore(),
        lexical=MemoryLexicalIndex(),
        sources=[MemorySource({"travel.md": TRAVEL, "hotels.md": HOTELS})],
    )
    await parts.ingest(tenant="default").run(context=Context())
    found = documents(parts.index(tenant="default"), context=Context())
    await parts.close()
    return found


def test_headings_and_first_sentences_are_drafted_in_turn(known: list[Document]) -> None:
    asked = [(question.text, list(question.relevant)) for question in drafted(known)]
    assert asked == [
        ("A hotel may cost 120 euros a night.", ["hotels.md"]),
        ("First class is allowed on long journeys.", ["travel.md"]),
        ("First class", ["travel.md"]),
        ("Write down what was paid.", ["travel.md"]),
    ]  # "Paying back" stands in both documents


def test_no_more_are_drafted_than_are_wanted_and_every_document_has_its_turn(known: list[Document]) -> None:
    found = drafted(known, most=2)
    assert [list(question.relevant) for question in found] == [["hotels.md"], ["travel.md"]]


def test_what_was_written_is_read_again(known: list[Document], tmp_path: Path) -> None:
    path = tmp_path / "questions.jsonl"
    found = drafted(known)
    write_questions(path, found)
    assert read_questions(path, uris=["travel.md", "hotels.md"]) == found


def test_one_document_may_stand_under_uri(tmp_path: Path) -> None:
    path = tmp_path / "questions.jsonl"
    path.write_text('{"question": "When is first class allowed?", "uri": "travel.md"}\n')
    (question,) = read_questions(path, uris=["travel.md"])
    assert question.relevant == {"travel.md": 1}


def test_an_empty_file_holds_no_question(tmp_path: Path) -> None:
    path = tmp_path / "questions.jsonl"
    path.write_text("\n")
    with pytest.raises(UsageError, match="no question"):
        read_questions(path, uris=[])


def test_a_collection_keeps_markdown_and_reads_everything_else_as_text(known: list[Document]) -> None:
    data = collection("mine", known, drafted(known))
    assert {text.id: text.media_type for text in data.texts} == {
        "travel.md": "text/markdown",
        "hotels.md": "text/markdown",
    }
