"""ReAct on the way of a real question: what its tools find is cited, and nobody finds what is not for them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import ragstone
from layer_files import layered_file
from ragstone.connectors.extractive import ExtractiveModel
from ragstone.project import Project
from ragstone.testing import HashingEmbedder, MemoryLexicalIndex, MemorySource, MemoryStore, ScriptedModel, ScriptedTool
from ragstone.types import Answer, Prompt

FILES = {
    "boats.md": "# Boats\n\nThe lead of the halibut project owns 1,250 boats.",
    "halibut.md": "# Halibut\n\nThe halibut project is led by Ana Ruiz.",
    "weather.md": "# Weather\n\nIn Bergen it rains on 239 days of the year.",
}
REACT = "{react: {tools: [search, calculator], max_steps: 4}}"
BODY = """\
system:
Answer from the passages and cite them. Else say: I do not know.

user:
{{ passages }}

Question: {{ question }}
"""


def step(action: str, given: str) -> str:
    return json.dumps({"thought": "Hm.", "action": action, "input": given})


def rag(folder: Path, model: Any, layers: str = REACT, acl: Any = None, **parts: Any) -> ragstone.AsyncRag:
    layered_file(folder, layers, own="abstain: I do not know.\npassages: {mark: delimit}", body=BODY)
    source = MemorySource(FILES, acl=acl)
    source.name = "documents"
    return ragstone.AsyncRag(
        store=MemoryStore(),
        lexical=MemoryLexicalIndex(),
        embedder=HashingEmbedder(),
        model=model,
        prompt=folder / "test.prompty",
        sources=[source],
        **parts,
    )


async def asked(folder: Path, model: Any, question: str, *, k: int = 1, **parts: Any) -> Answer:
    options = {name: parts.pop(name) for name in ("where", "principals") if name in parts}
    async with rag(folder, model, **parts) as open_:
        await open_.ingest()
        return await open_.ask(question, k=k, **options)


class Reading:
    """Searches twice, calculates, and cites what it was shown, by the numbers that it was shown."""

    def __init__(self) -> None:
        self.lines = iter([("search", "boats"), ("search", "rain in Bergen"), ("calculator", "15% of 1,250")])

    def __call__(self, prompt: Prompt) -> str:
        following = next(self.lines, None)
        if following is not None:
            return step(*following)
        told = "\n".join(message.content for message in prompt.messages)
        numbers = {name: number for number, name in re.findall(r"\[(\d+)\] (\w+)\.md", told)}
        boats, rain, lead = (numbers[name] for name in ("boats", "weather", "halibut"))
        said = f"The lead owns 1,250 boats [{boats}]. It rains on 239 days [{rain}]. Ana Ruiz leads halibut [{lead}]."
        return step("finish", said)


async def test_what_the_tools_found_is_cited_beside_what_was_found_before(tmp_path: Path) -> None:
    model = ScriptedModel(Reading())
    answer = await asked(tmp_path, model, "Is halibut led by Ana Ruiz?")
    assert answer.text == "The lead owns 1,250 boats [1]. It rains on 239 days [2]. Ana Ruiz leads halibut [3]."
    quoted = {citation.uri: citation.quote for citation in answer.citations}
    assert quoted == {
        "boats.md": "The lead of the halibut project owns 1,250 boats.",
        "weather.md": "it rains on 239 days",
        "halibut.md": "The halibut project is led by Ana Ruiz.",
    }
    assert all(verdict.passed for verdict in answer.verdicts)
    assert {hit.chunk.uri for hit in answer.hits} == set(FILES)
    assert (answer.completion.calls, answer.notices) == (4, ())
    told = model.prompts[-1].messages[-1].content
    assert "\n187.5\n" in told


async def test_a_question_for_which_nothing_was_found_may_be_searched_for_in_other_words(tmp_path: Path) -> None:
    model = ScriptedModel([step("search", "boats"), step("finish", "The lead owns 1,250 boats [1].")])
    answer = await asked(tmp_path, model, "Who?", where={"source": "nowhere"})
    assert answer.text == "The lead owns 1,250 boats."  # a search of the tool has the filter of the question
    assert "nothing was found" in model.prompts[-1].messages[-1].content


async def test_without_any_document_no_model_is_asked(tmp_path: Path) -> None:
    model = ScriptedModel([])
    async with rag(tmp_path, model) as open_:
        answer = await open_.ask("Who?")
    assert (answer.text, answer.abstained) == ("I do not know.", True)


async def test_the_abstention_of_the_last_step_is_one(tmp_path: Path) -> None:
    answer = await asked(tmp_path, ScriptedModel([step("finish", "I do not know.")]), "Who leads the halibut project?")
    assert (answer.abstained, answer.citations) == (True, ())


async def test_a_program_brings_tools_of_its_own(tmp_path: Path) -> None:
    days = ScriptedTool(["29 days"])
    model = ScriptedModel([step("days", "May"), step("finish", "Ana Ruiz leads it [1].")])
    layers = "{react: {tools: [days]}}"
    await asked(tmp_path, model, "Who leads the halibut project?", layers=layers, tools={"days": days})
    assert days.given == ["May"]
    assert "\n29 days\n" in model.prompts[-1].messages[-1].content


async def test_a_tool_that_is_not_there_is_told_before_a_model_is_asked(tmp_path: Path) -> None:
    with pytest.raises(ragstone.RagstoneError, match=r"there is no tool 'calender'"):
        await asked(tmp_path, ScriptedModel([]), "Who?", layers="{react: {tools: [calender]}}")


async def test_a_model_that_only_quotes_answers_without_tools_and_says_so(tmp_path: Path) -> None:
    model = ExtractiveModel(embedder=HashingEmbedder())
    answer = await asked(tmp_path, model, "Who leads the halibut project?")
    assert any("react was not used" in notice for notice in answer.notices)


# ── In a project ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_check_names_the_line_of_a_tool_that_the_project_has_not(tmp_path: Path) -> None:
    for folder in ("connectors", "pipelines", "prompts"):
        (tmp_path / folder).mkdir()
    (tmp_path / "pyproject.toml").write_text("[tool.ragstone]\n")
    layered_file(tmp_path / "prompts", "{react: {tools: [search, sum]}}")
    (fault,) = Project(tmp_path).faults()
    assert re.search(r"test\.prompty:6:38: there is no tool 'sum': expected one of calculator, search", str(fault))
    (tmp_path / "connectors" / "sum.yaml").write_text("kind: tool\ntype: calculator\n")
    assert list(Project(tmp_path).faults()) == []
    (tmp_path / "connectors" / "sum.yaml").write_text("kind: tool\ntype: calculater\n")
    told = [str(fault) for fault in Project(tmp_path).faults()]
    assert any("there is no tool of type 'calculater'" in each for each in told)


@pytest.mark.parametrize(("principals", "seen"), [((), False), (("group:hr",), True)])
async def test_the_search_of_a_tool_has_the_rights_of_the_one_who_asks(
    tmp_path: Path, principals: tuple[str, ...], seen: bool
) -> None:
    model = ScriptedModel([step("search", "boats of the lead"), step("finish", "I do not know.")])
    acl = {"boats.md": ["group:hr"]}
    await asked(tmp_path, model, "Does it rain in Bergen?", acl=acl, principals=principals)
    assert ("owns 1,250 boats" in model.prompts[-1].messages[-1].content) is seen
