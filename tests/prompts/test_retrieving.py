"""What a prompt file says of the search before its answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from ragstone.errors import PromptError
from ragstone.prompts.asking import calls
from ragstone.prompts.file import PromptFile, load
from ragstone.prompts.lint.run import lint
from ragstone.prompts.retrieving import WAYS, sought

FILE = """---
inputs:
  - {{name: question, kind: string, required: true}}
  - {{name: topic, kind: string}}
  - {{name: count, kind: integer, default: 3}}
metadata:
  ragstone:
    retrieve: {retrieve}
---
user:
{words}

{{{{ question }}}} {{{{ topic }}}} {{{{ count }}}}
"""


def written(folder: Path, retrieve: str, words: str = "{{ passages }}") -> Path:
    path = folder / "asked.prompty"
    path.write_text(FILE.format(retrieve=retrieve, words=words), encoding="utf-8")
    return path


def read(folder: Path, retrieve: str, words: str = "{{ passages }}") -> PromptFile:
    return load(written(folder, retrieve, words), root=folder)


def test_one_way_may_stand_without_brackets(tmp_path: Path) -> None:
    for given, ways in (("hyde", ("hyde",)), ("[condense, hyde]", ("condense", "hyde")), ("none", ()), ("[]", ())):
        found = read(tmp_path, f"{{rewrite: {given}}}").retrieve
        assert found is not None
        assert found.ways == ways
        assert (found.on, found.query) == (True, "question")


@pytest.mark.parametrize(
    ("retrieve", "words", "fault"),
    [
        ("{rewrite: hide}", "", "asked.prompty:8:16: there is no way 'hide' to rewrite a question"),
        ("{rewrite: hide}", "", "Did you mean 'hyde'?"),
        ("{rewrite: [hyde, none]}", "", "'none' stands beside other ways"),
        ("{rewrite: [hyde, hyde]}", "", "asked.prompty:8:32: 'hyde' stands here twice"),
        ("{rewrite: 3}", "", "retrieve.rewrite: should be a list"),
        ("{query: topics}", "", "there is no input 'topics' to search for: expected one of question, topic, count"),
        ("{query: count}", "", "the input 'count' is no text, and cannot be searched for"),
        ("{query: passages}", "", "there is no input 'passages' to search for"),
        ("{on: false}", "{{ passages }}", "nothing is searched, and the words have a place for passages"),
        ("{on: false, rewrite: hyde}", "Hi.", "nothing is searched, so 'hyde' has nothing to do"),
        ("{rewrite: hyde}", "Hi.", "the words have no place for what is found in this way"),
        ("{onn: true}", "", "unknown key 'metadata.ragstone.retrieve.onn': expected one of on, query, rewrite"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_place(tmp_path: Path, retrieve: str, words: str, fault: str) -> None:
    with pytest.raises(PromptError) as caught:
        read(tmp_path, retrieve, words or "{{ passages }}")
    assert fault in str(caught.value)
    assert "asked.prompty:" in str(caught.value)


def test_the_ways_are_part_of_the_version(tmp_path: Path) -> None:
    found = {read(tmp_path, f"{{rewrite: {way}}}").version for way in ("none", *WAYS)}
    assert len(found) == 1 + len(WAYS)


def test_another_input_may_be_what_is_searched_for(tmp_path: Path) -> None:
    file = read(tmp_path, "{query: topic}")
    assert sought(file, {"question": "How?", "topic": "Halibut"}) == "Halibut"
    assert sought(file, {"question": "How?", "topic": " "}) == sought(file, {"question": "How?"}) == "How?"


def test_the_calls_before_the_search_are_known_before_the_first(tmp_path: Path) -> None:
    made = calls(read(tmp_path, "{rewrite: [condense, multi_query, hyde]}"))
    assert [(call.layer, call.does, call.usual, call.most) for call in made] == [
        ("rewrite", "condense", 0, 1),
        ("rewrite", "multi_query", 1, 1),
        ("rewrite", "hyde", 1, 1),
    ]
    assert all(call.alone and call.more > 600 for call in made)
    assert [call.made for call in made] == [120, 200, 200]
    assert calls(read(tmp_path, "{rewrite: none}")) == ()


def test_the_projects_own_prompt_is_what_is_counted(tmp_path: Path) -> None:
    file = read(tmp_path, "{rewrite: hyde}")
    own = tmp_path / "hyde.prompty"
    own.write_text(
        "---\nmodel: {options: {maxOutputTokens: 7}}\ninputs: [{name: question, kind: string, required: true}]\n---\n"
        "user:\n{{ question }}\n",
        encoding="utf-8",
    )
    assert calls(file)[0].made == 7
    own.write_text("broken", encoding="utf-8")
    assert calls(file)[0].made is None


def test_an_input_that_is_only_searched_for_is_used(tmp_path: Path) -> None:
    path = written(tmp_path, "{query: topic}")
    path.write_text(path.read_text(encoding="utf-8").replace("{{ topic }} ", ""), encoding="utf-8")
    assert "unused-input" not in {one.code for one in lint([path])}
    path.write_text(path.read_text(encoding="utf-8").replace("query: topic", "query: question"), encoding="utf-8")
    assert "unused-input" in {one.code for one in lint([path])}
