"""Ablations of prompts, asked of models whose skill is known."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from math import comb
from pathlib import Path
from typing import Any

import pytest

import ragstone
from ragstone.errors import ModelDenied, ModelError, ModelUnavailable, NotConfigured, PromptError, UsageError
from ragstone.evaluation.ablate import Effect, judged
from ragstone.pipelines.ablations import ALL, AS_IT_IS, Ablations, Experiment
from ragstone.pipelines.prompt_tests import PromptTests
from ragstone.prompts.file import load
from ragstone.protocols import Capabilities
from ragstone.testing import ChanceModel, HashingEmbedder, MemoryLexicalIndex, MemoryStore, ScriptedModel
from ragstone.types import Prompt

GSM8K = Path(os.environ.get("RAGSTONE_DATA", Path(__file__).parents[3] / "shared/data")) / "reasoning/gsm8k_train.jsonl"
EXAMPLE = "Six of them."
LAYER = "layers: {few_shot: {on: true, file: examples.jsonl, k: 1}}"
PROMPT = """---
model: {{options: {{temperature: 0.5, seed: 1}}}}
inputs: [{{name: question, kind: string, required: true}}]
{more}metadata: {{ragstone: {{{own}}}}}
---
system:
Solve it.

user:
{{{{ question }}}}
"""


class Quoting(ScriptedModel):
    """A model that only quotes."""

    capabilities = Capabilities(generative=False)


class Skilled:
    """Says the right answer with one chance where the example is shown, and with another where it is not.

    Chance is a hash of what is sent, and of how often that was sent before.
    """

    def __init__(self, golds: dict[str, str], *, shown: float, bare: float) -> None:
        self.golds, self.shown, self.bare = golds, shown, bare
        self.asked: Counter[str] = Counter()

    def __call__(self, prompt: Prompt) -> str:
        sent = "\n".join(message.content for message in prompt.messages)
        chance = self.shown if EXAMPLE in sent else self.bare
        self.asked[sent] += 1
        drawn = hashlib.sha256(f"{sent}{self.asked[sent]}".encode()).digest()
        right = int.from_bytes(drawn[:4], "big") / 2**32 < chance
        return f"It is {self.golds[prompt.messages[-1].content]}." if right else "It is 0.123."


def write(folder: Path, *, own: str = LAYER, more: str = "") -> None:
    (folder / "a.prompty").write_text(PROMPT.format(own=own, more=more), encoding="utf-8")
    row = {"inputs": {"question": "How many?"}, "output": EXAMPLE}
    (folder / "examples.jsonl").write_text(json.dumps(row), encoding="utf-8")


def rows(folder: Path, count: int = 12, **keys: Any) -> Path:
    path = folder / "cases.jsonl"
    lines = (json.dumps({"question": f"Which is {number}?", "answer": number, **keys}) for number in range(count))
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def made(folder: Path, *models: Any) -> Ablations:
    def prompt_file(name: str) -> Any:
        return load(folder / f"{name}.prompty", root=folder)

    return Ablations(PromptTests(dict(zip("mn", models, strict=False)), embedder=None, prompt_file=prompt_file))


async def asked(ablations: Ablations, cases: Path, **options: Any) -> Experiment:
    experiment = await ablations.prepared("a", cases, **options)
    await ablations.run(experiment)
    return experiment


async def skill(folder: Path, *, shown: float, bare: float) -> Effect:
    lines = GSM8K.read_text(encoding="utf-8").split("\n")[:200]
    golds = {row["question"]: row["final"] for row in map(json.loads, lines)}
    write(folder)
    model = ScriptedModel(Skilled(golds, shown=shown, bare=bare))
    experiment = await asked(made(folder, model), GSM8K, limit=200, repeats=3)
    assert len(model.prompts) == experiment.answered == experiment.calls == 200 * 3 * 2
    (effect,) = judged(experiment).effects
    assert effect.cases == 200
    return effect


@pytest.mark.skipif(not GSM8K.exists(), reason="RAGSTONE_DATA is not there")
class TestKnownSkill:
    """On 200 problems of GSM8K."""

    async def test_a_known_gain_lies_within_the_interval(self, tmp_path: Path) -> None:
        effect = await skill(tmp_path, shown=0.7, bare=0.5)
        assert abs(effect.gain - 20) <= effect.margin < 8
        assert (effect.layer, effect.verdict) == ("few_shot", "gain shown")
        assert effect.tokens is not None
        assert 1 < effect.tokens < 1.5

    async def test_a_layer_without_effect_shows_no_gain(self, tmp_path: Path) -> None:
        effect = await skill(tmp_path, shown=0.6, bare=0.6)
        assert effect.verdict == "no gain shown"
        assert abs(effect.gain) <= effect.margin

    async def test_a_harmful_layer_shows_harm(self, tmp_path: Path) -> None:
        effect = await skill(tmp_path, shown=0.4, bare=0.6)
        assert effect.verdict == "harm shown"
        assert abs(effect.gain + 20) <= effect.margin


VOTES = (
    "layers: {cot: {on: true}, self_consistency: {n: 5, stop: none, vote: total}}",
    "outputs: [{name: total, kind: string}]\n",
)


def majority(p: float, n: int) -> float:
    """How often most of n draws are right, by the binomial distribution."""
    return sum(comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n // 2 + 1, n + 1))


@pytest.mark.skipif(not GSM8K.exists(), reason="RAGSTONE_DATA is not there")
async def test_the_gain_of_steps_and_of_votes_is_that_of_theory(tmp_path: Path) -> None:
    lines = GSM8K.read_text(encoding="utf-8").split("\n")[:150]
    golds = {row["question"]: row["final"] for row in map(json.loads, lines)}
    own, more = VOTES
    write(tmp_path, own=own, more=more)

    def question(prompt: Prompt) -> str:
        return next(slot.text for slot in prompt.slots if slot.name == "question")

    def p(prompt: Prompt) -> float:
        return 0.7 if "step by step" in prompt.messages[-1].content else 0.55

    model = ChanceModel(
        lambda prompt: golds[question(prompt)], p=p, wrong=["0.123"], says=lambda said: json.dumps({"total": said})
    )
    experiment = await asked(made(tmp_path, model), GSM8K, limit=150, repeats=3, gold="final")
    effects = {effect.layer: effect for effect in judged(experiment).effects}
    for layer, without in (("self_consistency", 0.7), ("cot", majority(0.55, 5)), (ALL, 0.55)):
        effect = effects[layer]
        assert abs(effect.gain - 100 * (majority(0.7, 5) - without)) <= effect.margin, layer
        assert effect.verdict == "gain shown"
    assert effects["self_consistency"].calls == pytest.approx(5)


async def test_a_layer_that_another_one_needs_is_said_and_not_switched_off_alone(tmp_path: Path) -> None:
    write(tmp_path, own="layers: {cot: {on: true}, self_consistency: {n: 3}}")
    ablations = made(tmp_path, ScriptedModel(lambda _: "Answer: 1"))
    experiment = await ablations.prepared("a", rows(tmp_path, 2))
    assert [setting.name for setting in experiment.settings] == [AS_IT_IS, "self_consistency", ALL]
    (said,) = experiment.left_out
    assert said.startswith("cot cannot be switched off by itself: free text cannot be voted on")
    with pytest.raises(PromptError, match="free text cannot be voted on"):
        await ablations.prepared("a", rows(tmp_path, 2), layers=["cot"])


async def test_every_setting_is_asked_about_a_case_before_the_next(tmp_path: Path) -> None:
    write(tmp_path)
    model = ScriptedModel(lambda _: "1")
    ablations = made(tmp_path, model)
    experiment = await ablations.prepared("a", rows(tmp_path, 2), repeats=2)
    assert [setting.name for setting in experiment.settings] == [AS_IT_IS, "few_shot"]
    told: list[tuple[int, int]] = []
    await ablations.run(experiment, told=lambda *counts: told.append(counts), at_once=1)
    assert told == [(number, 8) for number in range(1, 9)]
    sent = [(prompt.messages[-1].content, len(prompt.messages) > 2) for prompt in model.prompts]
    assert sent == [(f"Which is {case}?", with_it) for case in (0, 0, 1, 1) for with_it in (True, False)]
    assert [prompt.options.seed for prompt in model.prompts] == [1, 1, 2, 2] * 2
    assert [[trial.right for trial in trials] for trials in experiment.trials[0]] == [[False, False], [True, True]]


async def test_all_layers_go_together_where_several_are_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ragstone.prompts.file import PromptFile

    write(tmp_path)
    monkeypatch.setattr(PromptFile, "layers_on", property(lambda file: ("few_shot", "other") if file.few_shot else ()))
    off: list[set[str]] = []

    def loaded(path: Path, *, root: Path, off_: list[set[str]] = off, **options: Any) -> PromptFile:
        off_.append(set(options["off"]))
        return load(path, root=root, off=set(options["off"]) - {"other"})

    monkeypatch.setattr("ragstone.pipelines.ablations.load", loaded)
    ablations = made(tmp_path, ScriptedModel([]))
    experiment = await ablations.prepared("a", rows(tmp_path))
    assert [setting.name for setting in experiment.layers] == ["few_shot", "other", ALL]
    assert off == [{"few_shot"}, {"other"}, {"few_shot", "other"}]
    experiment = await ablations.prepared("a", rows(tmp_path), layers=["other"])
    assert [setting.name for setting in experiment.layers] == ["other"]


async def test_cases_of_prompt_test_count_with_all_their_checks(tmp_path: Path) -> None:
    write(tmp_path)
    path = tmp_path / "cases.yaml"
    cases = [
        {"name": "both", "inputs": {"question": "Who?"}, "expect": [{"contains": "Ana"}, {"words": 1}]},
        {"name": "right", "inputs": {"question": "What?"}, "expect": [{"answer": ["Ana", "Bo"]}]},
        {"name": "sent", "inputs": {"question": "Why?"}, "sent": [{"contains": "Why?"}]},
    ]
    path.write_text(json.dumps({"cases": cases}), encoding="utf-8")
    model = ScriptedModel(lambda prompt: "Ana it is" if len(prompt.messages) > 2 else "Ana")
    experiment = await asked(made(tmp_path, model), path, repeats=1)
    assert [[trials[0].right for trials in row] for row in experiment.trials] == [[False, False], [True, True]]
    assert experiment.left_out == ("1 case left out: no check of a reply",)


async def test_the_output_that_is_named_is_compared(tmp_path: Path) -> None:
    fields = "outputs: [{name: why, kind: string, required: true}, {name: answer, kind: integer, required: true}]\n"
    write(tmp_path, own=LAYER.replace("k: 1", "k: 1"), more=fields)
    output = {"why": "a guess", "answer": 6}
    row = {"inputs": {"question": "How many?"}, "output": output}
    (tmp_path / "examples.jsonl").write_text(json.dumps(row), encoding="utf-8")
    said = {True: {"why": "7", "answer": 0}, False: {"why": "x", "answer": "none"}}
    model = ScriptedModel(lambda prompt: json.dumps(said[len(prompt.messages) > 2]))
    found: dict[str, list[bool]] = {}
    for field in ("", "why"):
        experiment = await asked(made(tmp_path, model), rows(tmp_path, 8), repeats=1, field=field)
        found[field] = [trials[0].right for trials in experiment.trials[0]]
        assert not any(trials[0].right for trials in experiment.trials[1])  # of another form
    assert found == {"": [True, *[False] * 7], "why": [*[False] * 7, True]}


async def test_a_request_that_fails_is_wrong_and_counted(tmp_path: Path) -> None:
    write(tmp_path)
    model = ScriptedModel(lambda prompt: ModelUnavailable("overloaded") if len(prompt.messages) > 2 else "3")
    found = judged(await asked(made(tmp_path, model), rows(tmp_path), repeats=2))
    assert (found.failed, found.failure, found.calls) == (24, "overloaded", 24)
    assert found.effects[0].verdict == "cannot tell"
    assert found.effects[0].sentence.endswith("cannot tell (100% of the requests failed)")


async def test_a_model_that_never_answers_is_not_asked_to_the_end(tmp_path: Path) -> None:
    write(tmp_path)
    model = ScriptedModel(lambda _: ModelUnavailable("overloaded"))
    with pytest.raises(ModelError, match="none of the first 20 requests was answered: found overloaded"):
        await asked(made(tmp_path, model), rows(tmp_path, 40))
    assert len(model.prompts) < 30
    refusing = ScriptedModel(lambda _: ModelDenied("the key was refused"))
    with pytest.raises(ModelDenied):
        await asked(made(tmp_path, refusing), rows(tmp_path, 40))
    assert len(refusing.prompts) <= 4


async def test_a_case_that_cannot_be_built_fails_without_a_request(tmp_path: Path) -> None:
    write(tmp_path)
    path = rows(tmp_path, 10)
    path.write_text(path.read_text() + '\n{"question": "", "answer": 1}')
    model = ScriptedModel(lambda _: "3")
    experiment = await asked(made(tmp_path, model), path, repeats=1)
    assert len(model.prompts) == 20
    assert judged(experiment).failed == 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"layers": ["few_shto"]}, r"there is no layer 'few_shto': expected one of few_shot\. Did you mean 'few_shot'"),
        ({"repeats": 0}, "repeats is out of range"),
        ({"limit": 0}, "limit is out of range"),
        ({"field": "answer"}, "has no outputs"),
    ],
)
async def test_wrong_arguments_are_refused(options: dict[str, Any], words: str, tmp_path: Path) -> None:
    write(tmp_path)
    with pytest.raises(UsageError, match=words):
        await made(tmp_path, ScriptedModel([])).prepared("a", rows(tmp_path), **options)


async def test_without_a_layer_there_is_nothing_to_switch_off(tmp_path: Path) -> None:
    for own in ("spec: 1", LAYER.replace("true", "false")):
        write(tmp_path, own=own)
        with pytest.raises(UsageError) as raised:
            await made(tmp_path, ScriptedModel([])).prepared("a", rows(tmp_path))
        assert "no layer is on, so there is nothing to switch off" in str(raised.value)
        assert "few_shot" in str(raised.value.expected)


async def test_files_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    write(tmp_path)
    ablations = made(tmp_path, ScriptedModel([]))
    (tmp_path / "cases.csv").write_text("question,answer")
    (tmp_path / "empty.yaml").write_text("cases: []")
    (tmp_path / "empty.jsonl").write_text("\n")
    for name, error, words in (
        ("cases.csv", UsageError, "cannot hold cases"),
        ("gone.yaml", UsageError, "no such file"),
        ("empty.yaml", PromptError, "has no cases"),
        ("empty.jsonl", PromptError, "holds no cases"),
    ):
        with pytest.raises(error, match=words):
            await ablations.prepared("a", tmp_path / name)
    with pytest.raises(UsageError, match="says itself what is compared"):
        await ablations.prepared("a", tmp_path / "empty.yaml", field="x")


async def test_a_model_that_writes_is_needed(tmp_path: Path) -> None:
    write(tmp_path)
    for models in ((), (NotConfigured("LOCAL_URL is not set"),), (Quoting([]),)):
        with pytest.raises(NotConfigured, match="no model that writes is configured"):
            await made(tmp_path, *models).prepared("a", rows(tmp_path))


def test_a_program_asks_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path)
    model = ScriptedModel(lambda prompt: "4" if len(prompt.messages) > 2 else "no")
    parts = {"store": MemoryStore(), "lexical": MemoryLexicalIndex(), "embedder": HashingEmbedder()}
    monkeypatch.chdir(tmp_path)
    with ragstone.Rag(model=model, **parts) as rag:
        experiment = rag.ablate_prompt(str(tmp_path / "a.prompty"), rows(tmp_path), repeats=1, limit=10)
    (effect,) = judged(experiment).effects
    assert (effect.gain, effect.cases) == (10.0, 10)
