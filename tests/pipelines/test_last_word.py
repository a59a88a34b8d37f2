"""A reranker or a prompt has the last word on two questions, where a pipeline names one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ragstone.config import template
from ragstone.errors import PromptError, RagstoneError
from ragstone.inference.router import Router
from ragstone.pipelines.last_word import Both, Judging, Reranking, judges
from ragstone.pipelines.runner import PromptRunner
from ragstone.prompts.file import load
from ragstone.testing import OverlapReranker, ScriptedModel
from ragstone.types import Context
from remembering import SHIPS, SHIPS_TOO, RememberingParts, WordJudge, opened

CONTEXT = Context()
FAR = "Which fonts are allowed?"


def judging(*said: Any) -> Judging:
    model = ScriptedModel(said)
    prompts = template() / "prompts"
    runner = PromptRunner(Router({"m": model}), lambda name: load(prompts / f"{name}.prompty"), models=())
    return Judging(runner, "same_question", timeout=10)


async def test_a_reranker_measures_between_the_same_words_and_something_else() -> None:
    word = Reranking(OverlapReranker())
    assert await word.same(SHIPS, SHIPS_TOO, [FAR], context=CONTEXT)
    assert not await word.same(SHIPS, "When does the turbot sail?", [FAR], context=CONTEXT)
    assert not await word.same(SHIPS, SHIPS_TOO, [], context=CONTEXT)
    assert not await word.same(SHIPS, SHIPS_TOO, [SHIPS], context=CONTEXT)


@pytest.mark.parametrize(("said", "same"), [("Yes.", True), ("no", False), ("", False), ("Not yes", False)])
async def test_a_prompt_says_yes_or_means_no(said: str, same: bool) -> None:
    word = judging(said)
    assert await word.same(SHIPS, SHIPS_TOO, [], context=CONTEXT) is same


async def test_both_must_agree_and_the_second_is_asked_only_where_the_first_does() -> None:
    both = Both(Reranking(OverlapReranker()), judging("yes"))
    assert not await both.same(SHIPS, FAR, [FAR], context=CONTEXT)
    assert await both.same(SHIPS, SHIPS_TOO, [FAR], context=CONTEXT)


async def test_who_has_the_last_word_refuses_a_hit_and_the_trace_says_so() -> None:
    parts = RememberingParts(last=judging("no"), judge=WordJudge())
    async with opened(parts) as rag:
        await rag.ingest()
        await rag.ask(SHIPS)
        answer = await rag.ask(SHIPS_TOO)
        trace = await rag.trace(answer.trace_id)
    assert not answer.cached
    assert trace is not None
    (step,) = [step for step in trace.steps if step.name == "semantic"]
    assert (step.facts["outcome"], step.facts["check"]) == ("refused", "judge")


async def test_one_that_fails_is_no_hit_and_no_failure() -> None:
    parts = RememberingParts(last=judging(RuntimeError("it is broken")), judge=WordJudge())
    async with opened(parts) as rag:
        await rag.ingest()
        await rag.ask(SHIPS)
        assert not (await rag.ask(SHIPS_TOO)).cached


@pytest.mark.parametrize(
    ("inputs", "fault"),
    [
        ("{name: question, required: true}, {name: earlier, required: true}", ""),
        ("{name: question, required: true}", "compares no questions"),
        ("{name: question}, {name: earlier}, {name: tone, required: true}", "compares no questions"),
    ],
)
def test_a_prompt_that_compares_takes_two_questions(tmp_path: Path, inputs: str, fault: str) -> None:
    file = tmp_path / "own.prompty"
    names = [one for one in ("question", "earlier", "tone") if one in inputs]
    body = " ".join(f"{{{{ {name} }}}}" for name in names)
    file.write_text(f"---\ninputs: [{inputs}]\n---\nuser:\n{body}\n")
    if not fault:
        judges("own", lambda _: load(file))
        return
    with pytest.raises(RagstoneError, match=fault):
        judges("own", lambda _: load(file))


def test_a_prompt_that_is_not_there_is_said() -> None:
    def missing(name: str) -> Any:
        raise PromptError(f"there is no prompt {name!r}", expected="one of answer")

    with pytest.raises(PromptError, match="there is no prompt 'own'"):
        judges("own", missing)
