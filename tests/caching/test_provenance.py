"""What an answer rests on: its tags, and passages that can be held against the documents."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import BaseModel

from ragstone.caching.provenance import Passage, passages_of, read_passages, tags_of
from ragstone.prompts.classes import with_class
from ragstone.prompts.file import load
from ragstone.types import Chunk, Context, Document, Hit, Message, Prompt, Slot

TEXT = "# Halibut\n\nIt ships on 3 May 2031."
DOCUMENT = Document(
    id="d1", source="s", uri="a.md", title="Halibut", media_type="text/markdown", text=TEXT, content_hash="1"
)
CHUNK = Chunk(id="c1", document_id="d1", uri="a.md", title="Halibut", text=TEXT[11:], start=11, end=len(TEXT), line=3)
SHIPPED = Path(__file__).parents[2] / "prompts" / "answer.prompty"


def prompt(*chunks: Chunk, version: str = "1") -> Prompt:
    hits = tuple(Hit(chunk=chunk, rank=rank, scores={}) for rank, chunk in enumerate(chunks, 1))
    slot = Slot(name="passages", trust="retrieved", text="…", hits=hits)
    return Prompt(name="answer", version=version, messages=(Message("user", "…"),), slots=(slot,))


def tags(built: Prompt) -> tuple[str, ...]:
    return tags_of(built, model="local", fingerprint="f", context=Context(tenant="t"))


def test_a_call_is_tagged_with_all_that_it_is_removed_by():
    other = replace(CHUNK, id="c2", document_id="d2")
    assert tags(prompt(CHUNK, other, CHUNK)) == (
        "tenant:t",
        "prompt:answer@1",
        "model:local@f",
        "document:d1",
        "document:d2",
    )


def test_a_prompt_of_no_file_has_no_version_that_another_could_follow():
    loose = replace(prompt(CHUNK), loose=True)
    assert tags(loose) == ("tenant:t", "model:local@f", "document:d1")


class Day(BaseModel):
    """When something is."""

    day: int


class Name(BaseModel):
    """What something is called."""

    name: str


def test_classes_that_stand_in_for_outputs_leave_the_version_the_files():
    file = load(SHIPPED)
    versions = [with_class(file, of).version for of in (Day, Name)]
    assert len({file.version, *versions}) == 3
    assert {tags(prompt(version=version)) for version in versions} == {tags(prompt(version=file.version))}


def test_a_passage_stands_as_long_as_its_document_says_it_there_to_the_same_readers():
    (passage,) = passages_of(prompt(CHUNK, CHUNK))
    assert passage.stands_in(DOCUMENT)
    assert passage.stands_in(replace(DOCUMENT, text=f"{TEXT}\n\nMore.", uri="b.md", content_hash="2"))
    for changed in (
        replace(DOCUMENT, text=TEXT.replace("3 May", "9 May")),
        replace(DOCUMENT, text=f" {TEXT}"),
        replace(DOCUMENT, title="Turbot"),
        replace(DOCUMENT, metadata={"year": 2031}),
        replace(DOCUMENT, acl=("group:hr",)),
    ):
        assert not passage.stands_in(changed)


def test_passages_come_back_from_json_as_they_were():
    passages = passages_of(prompt(CHUNK, replace(CHUNK, id="c2", start=0, text=TEXT)))
    assert len(passages) == 2
    assert read_passages(json.loads(json.dumps([one.as_list() for one in passages]))) == passages
    assert read_passages([]) == []


@pytest.mark.parametrize("told", [None, {}, "", [[]], [["d", 1, 2]], [["d", 1, "2", "x"]], [["d", True, 2, "x"]], [3]])
def test_anything_else_is_none(told: object):
    assert read_passages(told) is None


def test_a_passage_is_data():
    assert Passage("d", 1, 2, "x").as_list() == ["d", 1, 2, "x"]
