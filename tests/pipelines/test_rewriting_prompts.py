"""The prompt files that rewrite questions: which of them can be asked, and for how much."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ragstone.errors import PromptError
from ragstone.inference.router import Router
from ragstone.pipelines.rewriting import Rewriter, project_faults, with_calls
from ragstone.project import Project
from ragstone.prompts.file import PromptFile, load
from ragstone.testing import ScriptedModel
from ragstone.types import Completion, Context
from ragstone.usage import Usage

SHIPPED = Path(__file__).parents[2] / "prompts"
PROMPT = """---
inputs: [{{name: question, kind: string, required: true}}]
metadata:
  ragstone:
    retrieve: {{rewrite: {ways}}}
---
user:
{{{{ passages }}}} {{{{ question }}}}
"""


def shipped(name: str) -> PromptFile:
    return load(SHIPPED / f"{name}.prompty")


def wanting(folder: Path, ways: str) -> PromptFile:
    path = folder / "asked.prompty"
    path.write_text(PROMPT.format(ways=ways), encoding="utf-8")
    return load(path, root=folder)


def other(folder: Path, front: str) -> Callable[[str], PromptFile]:
    def read(name: str) -> PromptFile:
        path = folder / f"{name}.prompty"
        path.write_text(f"---\n{front}\n---\nuser:\nHi.\n", encoding="utf-8")
        return load(path, root=folder)

    return read


@pytest.mark.parametrize(
    ("front", "fault"),
    [
        ("name: hyde", "asked.prompty:5:16: the prompt 'hyde' takes no text 'question'"),
        ("inputs: [{name: question, kind: integer}]", "the prompt 'hyde' takes no text 'question'"),
        (
            "inputs: [{name: question, kind: string}, {name: style, kind: string, required: true}]",
            "the prompt 'hyde' needs the input 'style', which nobody gives here",
        ),
        ("inputz: []", "the prompt 'hyde' cannot be asked: "),
    ],
)
def test_a_prompt_that_cannot_rewrite_is_a_fault_of_the_file_that_wants_it(tmp_path: Path, front: str, fault: str):
    file = wanting(tmp_path, "hyde")
    (found,) = project_faults(file, other(tmp_path, front))
    assert isinstance(found, PromptError)
    assert fault in str(found)


def test_the_shipped_prompts_can_rewrite(tmp_path: Path):
    file = wanting(tmp_path, "[condense, multi_query, hyde, step_back, decompose]")
    assert list(project_faults(file, shipped)) == []


async def test_a_prompt_file_says_how_many_queries_there_are(tmp_path: Path):
    def five(name: str) -> PromptFile:
        front = "inputs: [{name: question, kind: string}, {name: count, kind: integer, default: 2}]"
        path = tmp_path / f"{name}.prompty"
        path.write_text(f"---\n{front}\n---\nuser:\n{{{{ question }}}} {{{{ count }}}}\n", encoding="utf-8")
        return load(path, root=tmp_path)

    model = ScriptedModel(["a1\nb2\nc3"])
    found = await Rewriter(Router({"m": model}), five).rewrite(["multi_query"], "Why?", context=Context())
    assert [query.text for query in found.others] == ["a1", "b2"]


def test_the_calls_of_an_answer_add_up():
    one = Completion(text="a", model="m", usage=Usage(input_tokens=1, output_tokens=2, cached_tokens=3), cost=0.5)
    whole = with_calls(one, [one, one])
    assert (whole.text, whole.calls, whole.cost) == ("a", 3, 1.5)
    assert whole.usage == Usage(input_tokens=3, output_tokens=6, cached_tokens=9)


def test_a_project_finds_it_before_anyone_asks(tmp_path: Path):
    (tmp_path / "prompts").mkdir()
    (tmp_path / "pyproject.toml").write_text("[tool.ragstone]\n", encoding="utf-8")
    wanting(tmp_path / "prompts", "step_back")
    project = Project(tmp_path)
    assert project.prompt("asked").retrieve is not None  # the shipped one is asked
    (tmp_path / "prompts" / "step_back.prompty").write_text("---\nname: step_back\n---\nuser:\nHi.\n", encoding="utf-8")
    with pytest.raises(PromptError, match="the prompt 'step_back' takes no text 'question'"):
        project.prompt("asked")
    assert any("takes no text 'question'" in str(fault) for fault in project.faults())
