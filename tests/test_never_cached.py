"""What judges models and prompts asks them, also where an answer is kept."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ragstone.caching.model import CachedModel
from ragstone.cli.models.calibrating import Job as Calibrating
from ragstone.cli.tune import Job as Tuning
from ragstone.evaluation.datasets.scratch import Scratch
from ragstone.evaluation.difficulty import Aim
from ragstone.inference.router import Router
from ragstone.pipelines.auto_cot import AutoCot
from ragstone.pipelines.craft import Dialogue
from ragstone.pipelines.prompt_tests import PromptTests
from ragstone.prompts.file import load
from ragstone.prompts.questions import Asked
from ragstone.prompts.rewriting import read_original
from ragstone.testing import HashingEmbedder, MemoryCache, ScriptedModel

PROMPTS = Path(__file__).parents[1] / "prompts"


@pytest.fixture
def model() -> ScriptedModel:
    made = ScriptedModel(lambda _: "Count them.\nAnswer: so")
    made.fingerprint = "scripted-1"
    return made


def cached(model: ScriptedModel) -> CachedModel:
    return CachedModel(model, MemoryCache(), sampled=True)


@pytest.fixture
def prompt(tmp_path: Path) -> Path:
    path = tmp_path / "a.prompty"
    front = "inputs: [{name: question, required: true}]\nmetadata: {ragstone: {tests: t.yaml}}"
    path.write_text(f"---\n{front}\n---\nuser:\n{{{{ question }}}}\n")
    case = {"name": "a", "inputs": {"question": "Why?"}, "expect": [{"contains": "so"}]}
    (tmp_path / "t.yaml").write_text(json.dumps({"cases": [case]}))
    return path


async def test_a_prompt_test(prompt: Path, model: ScriptedModel) -> None:
    def prompt_file(name: str) -> Any:
        return load(prompt.parent / f"{name}.prompty", root=prompt.parent)

    tests = PromptTests({"m": cached(model)}, embedder=HashingEmbedder(), prompt_file=prompt_file)
    for _ in range(2):
        report = await tests.run("a", repeats=2)
        assert [case.outcome for case in report.cases] == ["passed"]
    assert len(model.prompts) == 4


async def test_a_rewrite_of_a_prompt(prompt: Path) -> None:
    reply = json.dumps({"weaknesses": ["vague"], "questions": [], "prompt": "user:\nSay: {{ question }}\n"})
    model = ScriptedModel(lambda _: reply)
    model.fingerprint = "scripted-1"
    router = Router({"m": cached(model)})
    for _ in range(2):
        asking = load(PROMPTS / "craft" / "improve.prompty")
        await Dialogue(read_original(prompt), router, asking=asking, target=prompt).propose()
    assert len(model.prompts) == 2


async def test_examples_with_their_reasoning(prompt: Path, model: ScriptedModel) -> None:
    build = AutoCot(
        load(prompt, root=prompt.parent), Router({"m": cached(model)}), asking=load(PROMPTS / "auto_cot.prompty")
    )
    asked = [Asked(line=1, text="How many?", inputs={"question": "How many?"})]
    for _ in range(2):
        await build.examples(await build.groups(asked, embedder=HashingEmbedder(), k=1))
    assert len(model.prompts) == 2


def test_evaluation_tuning_and_calibration(tmp_path: Path) -> None:
    who: dict[str, Any] = {"tenant": "acme", "principals": frozenset({"group:hr"}), "pipeline": "answer"}
    tuning = Tuning(root=tmp_path, questions=None, draft=None, sizes=(), keep=False, **who)
    project: Any = SimpleNamespace()
    grading = Calibrating(project=project, graded=tmp_path, aim=Aim("quality", 0.9), seed=0, asking=False, **who)
    for context in (tuning.context(), grading.context()):
        assert (context.cache, context.tenant, context.principals) == ("off", "acme", who["principals"])
    scratch: Any = SimpleNamespace(tenant="eval-1")
    assert Scratch.context(scratch, "eval").cache == "off"
