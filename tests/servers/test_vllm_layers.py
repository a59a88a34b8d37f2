"""Every layer of a prompt file with a real vLLM, held against what vLLM itself has counted.

Its model is random: what it says is noise, and whatever has a form was bound to it. So each layer answers several times
at once, and what only chance can bring about has to come about in one of them.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

import ragstone
from layer_files import built, layered_file, shipped, solved
from layer_pairs import LEGAL, file_with
from ragstone.connectors.openai import OpenAIModel
from ragstone.errors import ModelTimeout
from ragstone.prompts.file import PromptFile
from ragstone.prompts.layers import asides
from ragstone.prompts.layers.cot import NO_MARK
from ragstone.prompts.layers.solving import Outcome
from ragstone.testing import HashingEmbedder, MemoryLexicalIndex, MemoryStore
from ragstone.trace import Step
from ragstone.types import Context, Prompt
from ragstone.usage import Price
from vllm_counters import Counted, counting, metric, until

pytestmark = pytest.mark.vllm

SHARED = 96  # tokens of RULES, in whole blocks of 32 as the server of conftest.py keeps them
RULES = "You answer for a shop by the sea. Fish comes in boxes, and a box holds 24 fish. " * 4
OUTPUTS = "[{name: kind, enumValues: [cod, eel, tuna]}, {name: why, kind: string}]"
OPTIONS = "{temperature: 0.5, maxOutputTokens: 200}"
SHORT = "{temperature: 0.5, maxOutputTokens: 30}"


@pytest.fixture
async def model(vllm, tmp_path: Path) -> AsyncIterator[OpenAIModel]:
    made = OpenAIModel(model=vllm.model, base_url=vllm.base_url, price=Price(input=1, output=3))
    # It is found out once whether a server obeys forms. That is no call of a layer, so it comes before.
    await made.generate(await built(layered_file(tmp_path, outputs=OUTPUTS), made), context=Context())
    yield made
    await made.close()


@pytest.fixture
async def raw(vllm) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=vllm.base_url.removesuffix("/v1"), timeout=120) as client:
        yield client


MOST = 160
"""Answers after which a test gives up waiting for what noise does seldom."""


@dataclass(frozen=True, slots=True)
class Ran:
    """One answer by way of its layers: the prompt before them, and the trace of all that they did."""

    base: Prompt
    outcome: Outcome
    context: Context

    @property
    def calls(self) -> int:
        return self.outcome.completion.calls

    @property
    def notice(self) -> str:
        return self.outcome.completion.notice or ""

    @property
    def said(self) -> Any:
        return json.loads(self.outcome.text)

    def steps(self, name: str) -> list[Step]:
        return [step for step in self.context.trace.steps if step.name == name]

    def facts(self, layer: str) -> dict[str, Any]:
        (step,) = self.steps(f"layer.{layer}")
        return step.facts


@dataclass(frozen=True, slots=True)
class Shop:
    """Runs prompt files with layers, and holds what they say of themselves against the server's own counts."""

    root: Path
    model: OpenAIModel
    raw: httpx.AsyncClient

    async def runs(self, times: int = 8, /, *, outputs: str = "", options: str = OPTIONS, **layers: Any) -> list[Ran]:
        """So many answers side by side. No other test's prompts begin as theirs, nor do those of one another."""
        files: list[PromptFile] = []
        for _ in range(times):
            body = f"system:\nShop {uuid4()}. {RULES}\n\nuser:\nQuestion: {{{{ question }}}}\n"
            made = layered_file(self.root, json.dumps(layers), outputs=outputs, options=options, body=body)
            files.append(made)
        return await self.answers(files)

    async def until(self, seen: Callable[[Ran], object], times: int = 8, /, **given: Any) -> list[Ran]:
        """As many answers as it takes for what noise does seldom to be seen once."""
        ran: list[Ran] = []
        while len(ran) < MOST and not any(map(seen, ran)):
            ran += await self.runs(times, **given)
        return ran

    async def answers(self, files: Sequence[PromptFile]) -> list[Ran]:
        """The answer by way of each file, side by side."""
        async with counting(self.raw) as counted:
            ran = await asyncio.gather(*map(self.answer, files))
        held(ran, counted)
        return ran

    async def answer(self, file: PromptFile) -> Ran:
        """The answer by way of one file."""
        base, context = await built(file, self.model), Context()
        return Ran(base, await solved(file, self.model, prompt_file=shipped, context=context), context)


def held(ran: list[Ran], counted: Counted) -> None:
    asked = [step.facts for run in ran for step in run.steps("generate")]
    assert counted.requests == len(asked), "samples of one prompt are one request"
    assert counted.samples == sum(run.calls for run in ran)
    usages = [run.outcome.completion.usage for run in ran]
    assert sum(usage.output_tokens for usage in usages) == counted.written
    assert sum(usage.input_tokens for usage in usages) == sum(step["input_tokens"] for step in asked)
    assert sum(step["input_tokens"] * step.get("given", 1) for step in asked) == counted.read
    for run in ran:
        used, completion = run.outcome.completion.usage, run.outcome.completion
        assert 1 <= run.calls <= run.base.worst_case_calls
        assert completion.cost == pytest.approx((used.input_tokens + 3 * used.output_tokens) / 1e6)
        last = len(run.base.messages) - 1
        assert run.outcome.prompt.messages[:last] == run.base.messages[:last]
        assert run.outcome.prompt.messages[last].content.startswith(run.base.messages[last].content)


def cached(run: Ran) -> list[int]:
    """The tokens of each request that came from the prefix cache."""
    return [step.facts["cached_tokens"] for step in run.steps("generate")]


@pytest.fixture
def shop(tmp_path: Path, model: OpenAIModel, raw: httpx.AsyncClient) -> Shop:
    return Shop(tmp_path, model, raw)


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Noise does not end by itself, and a question of 400 tokens is none."""
    monkeypatch.setattr(asides, "ROOM", 60)


# ── One call ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_steps_of_an_answer_with_fields_are_bound_and_taken_off(shop: Shop) -> None:
    for run in await shop.runs(outputs=OUTPUTS, cot={"on": True}):
        assert run.said.keys() == {"kind", "why"}
        assert run.said["kind"] in ("cod", "eel", "tuna")
        assert run.outcome.completion.structured == "schema"
        assert run.outcome.completion.reasoning
        assert run.calls == 1


async def test_steps_of_free_text_are_read_by_a_mark_that_noise_does_not_set(shop: Shop) -> None:
    for run in await shop.runs(2, options=SHORT, cot={"on": True}):
        assert NO_MARK in run.notice
        assert (bool(run.outcome.text), run.outcome.completion.reasoning) == (True, "")
    for run in await shop.runs(2, options=SHORT, cot={"on": True}, self_consistency={"n": 3}):
        assert "None of the 3 samples gave an answer that could be compared" in run.notice
        assert run.outcome.completion.confidence is None


# ── Samples ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_votes_of_a_field_come_in_one_request(shop: Shop) -> None:
    found = await shop.runs(outputs=OUTPUTS, self_consistency={"n": 5, "vote": "kind", "stop": "none"})
    for run in found:
        (asked,) = run.steps("generate")
        assert (asked.facts["samples"], asked.facts["given"], run.calls) == (5, 5, 5)
        votes = run.facts("self_consistency")["votes"]
        assert sum(votes.values()) == 5
        assert run.outcome.completion.confidence == max(votes.values()) / 5
        assert votes[run.said["kind"]] == max(votes.values())
    assert len({run.said["kind"] for run in found}) > 1


async def test_adaptive_votes_come_in_waves_until_they_are_certain(shop: Shop) -> None:
    found = await shop.runs(12, outputs=OUTPUTS, self_consistency={"n": 7, "vote": "kind"})
    waves = [[step.facts["samples"] for step in run.steps("generate")] for run in found]
    assert all(
        sum(wave) == run.calls == run.facts("self_consistency")["samples"]
        for wave, run in zip(waves, found, strict=True)
    )
    assert {wave[0] for wave in waves} == {4}
    assert max(map(len, waves)) > 1
    alike = "[{name: kind, enumValues: [cod]}]"
    for run in await shop.runs(2, outputs=alike, self_consistency={"n": 7, "vote": "kind"}):
        assert (run.calls, run.outcome.completion.confidence) == (4, 1)


async def test_the_likeliest_sample_is_given_with_its_log_probability(shop: Shop) -> None:
    for run in await shop.runs(4, options=SHORT, best_of={"n": 4, "rank": "logprob"}):
        scores = run.facts("best_of")["scores"]
        assert len(run.steps("generate")) == 1
        assert len(set(scores)) == 4
        assert run.outcome.completion.logprob == max(scores) < 0
        assert run.outcome.prompt.logprobs is False


async def test_a_sample_that_passes_its_check_is_preferred_to_one_that_is_cut_off(shop: Shop) -> None:
    options = "{temperature: 0.6, maxOutputTokens: 19}"
    found = await shop.runs(16, outputs=OUTPUTS, options=options, best_of={"n": 3, "rank": "check"})
    failed = [run for run in found if "None of the 3 samples passed" in run.notice]
    passed = [run for run in found if run not in failed]
    assert all(run.said.keys() == {"kind", "why"} for run in passed)
    assert {run.facts("best_of")["chosen"] for run in passed} > {1}
    assert failed


async def test_a_judge_that_gives_no_grades_leaves_the_first_sample(shop: Shop) -> None:
    for run in await shop.runs(2, options=SHORT, best_of={"n": 2, "rank": "judge"}):
        assert run.calls == run.base.worst_case_calls == 4
        assert "The judge graded none of the 2 samples" in run.notice


# ── Before the answer ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.usefixtures("brief")
async def test_a_task_is_divided_and_its_questions_are_answered_in_turn(shop: Shop) -> None:
    found = await shop.until(lambda run: run.calls > 3, 16, outputs=OUTPUTS, least_to_most={"max_steps": 3})
    for run in found:
        facts = run.facts("least_to_most")
        assert run.said["kind"] in ("cod", "eel", "tuna")
        if len(facts["questions"]) < 2:
            assert "no two simpler questions" in run.notice
            assert run.calls == 2
        else:
            assert facts["answered"] == min(len(facts["questions"]), 3)
            assert run.calls == 2 + facts["answered"]
            assert len(run.outcome.prompt.messages) == 2 + 2 * facts["answered"]
        assert min(cached(run)[1:], default=SHARED) >= SHARED
    assert max(run.calls for run in found) > 3


@pytest.mark.usefixtures("brief")
async def test_a_general_question_and_its_answer_are_background(shop: Shop) -> None:
    for run in await shop.runs(options=SHORT, step_back={"on": True}):
        facts = run.facts("step_back")
        assert (facts["used"], run.calls) == (True, 3)
        (slot,) = (slot for slot in run.outcome.prompt.slots if slot.name == "step_back")
        assert facts["question"] in " ".join(slot.text.split())
        assert min(cached(run)[1:], default=SHARED) >= SHARED


async def test_statements_are_background(shop: Shop) -> None:
    stated = lambda run: run.facts("generated_knowledge")["statements"]  # noqa: E731
    found = await shop.until(stated, outputs=OUTPUTS, generated_knowledge={"statements": 2})
    for run in found:
        statements = run.facts("generated_knowledge")["statements"]
        assert len(statements) <= 2
        assert run.calls == 2
        assert bool(statements) != ("found no statement" in run.notice)
        assert all(f"- {each}" in run.outcome.prompt.messages[-1].content for each in statements)
        assert cached(run)[1] >= SHARED
    assert any(run.facts("generated_knowledge")["statements"] for run in found)


# ── Step by step ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("outputs", ["", OUTPUTS])
async def test_every_step_of_react_has_its_form(shop: Shop, outputs: str) -> None:
    found = await shop.runs(16, outputs=outputs, react={"tools": ["calculator"], "max_steps": 4})
    ended: set[bool] = set()
    for run in found:
        steps = [step.facts for step in run.steps("layer.react")]
        assert {step["action"] for step in steps} <= {"calculator", "finish"}, "the form leaves no other action"
        assert {step["fault"] for step in steps} <= {"", 'its "input" is empty'}
        finished = steps[-1]["action"] == "finish" and not steps[-1]["fault"]
        ended.add(finished)
        assert run.calls == len(steps) + (not finished or bool(outputs))
        assert finished != ("found no answer in 4 steps" in run.notice)
        assert len(run.steps("tool.calculator")) == len({step["given"] for step in steps if _used(step)})
        if outputs:
            assert run.said["kind"] in ("cod", "eel", "tuna")
        assert min(cached(run)[1:], default=SHARED) >= SHARED
    assert True in ended


def _used(step: dict[str, Any]) -> bool:
    return step["action"] == "calculator" and not step["fault"]


@pytest.mark.parametrize(
    "settings",
    [{}, {"evaluate": "vote"}, {"search": "dfs"}, {"threshold": "impossible", "max_calls": 7}],
    ids=["bfs", "vote", "dfs", "few calls"],
)
async def test_a_tree_is_searched_within_its_calls(shop: Shop, settings: dict[str, Any]) -> None:
    given = {"breadth": 2, "depth": 2, "propose": 3, **settings}
    grown = lambda run: run.facts("tree_of_thoughts")["path"]  # noqa: E731
    found = await shop.until(grown, outputs=OUTPUTS, tree_of_thoughts=given)
    for run in found:
        facts = run.facts("tree_of_thoughts")
        assert facts["unread"] == 0 or settings.get("evaluate") == "vote", "a value is bound to its words"
        assert facts["calls"] + 1 == run.calls
        assert facts["ended"] == "solved" or run.notice
        assert run.said["kind"] in ("cod", "eel", "tuna")
        assert min(cached(run)[1:], default=SHARED) >= SHARED
    assert max(len(run.facts("tree_of_thoughts")["path"]) for run in found) > 0


# ── After the answer ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_answer_that_is_cut_off_is_sent_back_until_it_has_its_form(shop: Shop) -> None:
    options = "{temperature: 0.6, maxOutputTokens: 19}"
    found = await shop.runs(16, outputs=OUTPUTS, options=options, reflect={"rounds": 2, "verifier": ["schema"]})
    corrections: set[int] = set()
    for run in found:
        facts = run.facts("reflect")
        assert run.calls == 1 + facts["corrections"] <= 3
        corrections.add(facts["corrections"])
        if facts["faults"][-1]:
            assert "failed its check, also after 2 corrections" in run.notice
        else:
            assert run.said.keys() == {"kind", "why"}
        assert min(cached(run)[1:], default=SHARED) >= SHARED
    assert len(corrections) > 1


async def test_a_draft_is_verified_by_questions_and_revised(shop: Shop) -> None:
    revised = lambda run: run.facts("chain_of_verification").get("revised")  # noqa: E731
    found = await shop.until(revised, outputs=OUTPUTS, chain_of_verification={"questions": 2})
    for run in found:
        facts = run.facts("chain_of_verification")
        assert run.calls == 2 + len(facts["asked"]) + bool(facts["answered"])
        assert run.said["kind"] in ("cod", "eel", "tuna")
        assert min(cached(run)[1:], default=SHARED) >= SHARED
    assert any(run.facts("chain_of_verification")["revised"] for run in found)


# ── Together ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_stop_words_end_the_answer_and_nothing_on_the_way_to_it(shop: Shop) -> None:
    """No token of words holds a blank in its midst, so the answer has a first word."""
    words = ["s t", "e a", "s a", "e s"]
    options = json.dumps({"temperature": 1.0, "maxOutputTokens": 400, "stopSequences": words})
    found = await shop.runs(3, options=options, step_back={"on": True})
    for run in found:
        assert run.steps("generate")[-1].facts["finish_reason"] == "stop"
        assert all(word not in run.outcome.text for word in words)
    on_the_way = [run.steps("generate")[0].facts for run in found]
    assert ("length", 400) in [(step["finish_reason"], step["output_tokens"]) for step in on_the_way]


@pytest.mark.usefixtures("brief")
async def test_every_legal_pair_makes_the_calls_that_it_says_and_no_more_than_it_plans(shop: Shop) -> None:
    files: list[PromptFile] = []
    for names in LEGAL:
        folder = shop.root / "-".join(sorted(names))
        folder.mkdir()
        files.append(file_with(folder, names, options=OPTIONS))
    for run in await shop.answers(files):
        assert isinstance(run.said["answer"], str)
        assert run.outcome.completion.structured == "schema"


async def test_an_answer_from_passages_searches_them_and_is_checked(shop: Shop) -> None:
    """The whole pipeline, with the tool that searches as the answer's own search does."""
    layers = {"react": {"tools": ["search", "calculator"], "max_steps": 3}, "reflect": {"rounds": 1}}
    body = f"system:\n{uuid4()} {RULES}\n\nuser:\n{{{{ passages }}}}\n\nQuestion: {{{{ question }}}}\n"
    layered_file(shop.root, json.dumps(layers), outputs=OUTPUTS, options=OPTIONS, body=body)
    (shop.root / "documents").mkdir()
    (shop.root / "documents" / "cod.md").write_text("# Cod\n\nThe cod swims near the harbour of Bergen.\n")
    made = {"store": MemoryStore(), "lexical": MemoryLexicalIndex(), "embedder": HashingEmbedder()}
    async with ragstone.AsyncRag(**made, model=shop.model, prompt=shop.root / "test.prompty") as rag:
        await rag.ingest(shop.root / "documents")
        async with counting(shop.raw) as counted:
            found = await asyncio.gather(*(rag.ask(f"Where does cod number {number} swim?") for number in range(6)))
    assert counted.samples == sum(answer.completion.calls for answer in found)
    assert counted.written == sum(answer.completion.usage.output_tokens for answer in found)
    for answer in found:
        assert answer.completion.calls <= answer.prompt.worst_case_calls
        assert answer.parsed["kind"] in ("cod", "eel", "tuna")
        assert {verdict.check: verdict.passed for verdict in answer.verdicts}["output"]


# ── Cut short ───────────────────────────────────────────────────────────────────────────────────────────────────────

LONG = "{temperature: 1.0, maxOutputTokens: 4000}"
RUNNING = "vllm:num_requests_running"


async def test_a_tree_that_nobody_waits_for_any_more_leaves_nothing_running(shop: Shop) -> None:
    tree = json.dumps({"tree_of_thoughts": {"breadth": 5, "depth": 3, "propose": 5, "max_calls": 60}})
    file = layered_file(shop.root, tree, options=LONG)
    base, contexts = await built(file, shop.model), [Context() for _ in range(4)]
    async with counting(shop.raw) as counted:
        tasks = [
            asyncio.ensure_future(solved(file, shop.model, f"How many? {number}", context=context))
            for number, context in enumerate(contexts)
        ]
        while sum(step.name == "generate" for context in contexts for step in context.trace.steps) < 6:
            await until(shop.raw, RUNNING, least=1)
        for task in tasks:
            task.cancel()
        assert all(
            isinstance(each, asyncio.CancelledError) for each in await asyncio.gather(*tasks, return_exceptions=True)
        )
    assert counted.samples <= 4 * base.worst_case_calls
    assert not asyncio.all_tasks() - {asyncio.current_task()}
    assert await metric(shop.raw, RUNNING) == 0


async def test_layers_end_at_the_deadline_with_all_that_they_have_begun(shop: Shop) -> None:
    votes = json.dumps({"self_consistency": {"n": 16, "stop": "none"}, "cot": {"on": True}})
    file = layered_file(shop.root, votes, options=LONG)
    async with counting(shop.raw) as counted:
        with pytest.raises(ModelTimeout, match="the time for this call was over"):
            await solved(file, shop.model, context=Context().within(1))
    assert counted.written < 16 * 4000
