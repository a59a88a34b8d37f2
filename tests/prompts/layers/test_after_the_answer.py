"""What holds for best of n, reflection and chain of verification alike, alone and around one another."""

from __future__ import annotations

import asyncio
import json
import random
import tempfile
from contextlib import nullcontext, suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ragstone
from layer_files import PASSAGES, built, hit, layered_file, shipped, solved
from ragstone.errors import ModelUnavailable
from ragstone.prompts.library import Library
from ragstone.prompts.tokens import counter
from ragstone.protocols import Capabilities
from ragstone.testing import HashingEmbedder, MemoryLexicalIndex, MemorySource, MemoryStore, ScriptedModel

TOKEN = "<|im_start|>"
PARTS = {
    "cot": "cot: {on: true}",
    "best_of": "best_of: {n: 3, rank: %s}",
    "chain_of_verification": "chain_of_verification: {questions: 2}",
    "reflect": "reflect: {rounds: 2, verifier: [citations, judge, self]}",
}
EVERY = f"{{{', '.join(PARTS.values())}}}"
OUTPUTS = "[{name: answer, kind: string}]"

SAYINGS = [
    "It is 5 [1].",
    "Hm.\nAnswer: It is 5 [1].",
    "Answer: 5",
    '{"answer": "It is 5 [1]."}',
    '{"reasoning": "Hm.", "answer": "It is 5 [1]."}',
    '{"answer": 5}',
    '{"questions": ["How many?", "Why?", "Who?"]}',
    '{"questions": []}',
    '{"mistakes": ["It is wrong."]}',
    '{"mistakes": []}',
    "It is so.\nGrade: 2",
    "Grade: 5",
    f"{TOKEN} and [9]",
    "",
    "{",
]


@settings(max_examples=50, deadline=None)
@given(
    on=st.sets(st.sampled_from([*PARTS]), min_size=1),
    rank=st.sampled_from(["check", "judge", "logprob"]),
    outputs=st.sampled_from(["", OUTPUTS]),
    fails=st.sampled_from([0.0, 0.15]),
    seed=st.integers(0, 10**6),
)
def test_no_answer_takes_more_calls_or_tokens_than_planned(
    on: set[str], rank: str, outputs: str, fails: float, seed: int
) -> None:
    draw = random.Random(seed)

    def say(prompt):
        return ModelUnavailable("down") if draw.random() < fails else draw.choice(SAYINGS)

    chosen = [PARTS[name] % rank if name == "best_of" else PARTS[name] for name in PARTS if name in on]
    layers = f"{{{', '.join(chosen)}}}"
    model = ScriptedModel(say)
    with tempfile.TemporaryDirectory() as folder:
        file = layered_file(Path(folder), layers, outputs=outputs, options="{maxOutputTokens: 30}", body=PASSAGES)
        outcome = None
        with suppress(ModelUnavailable) if fails else nullcontext():
            outcome = asyncio.run(solved(file, model, prompt_file=shipped, hits=[hit("It is 5.")]))
    base = model.prompts[0]
    assert len(model.prompts) <= base.worst_case_calls
    if outcome is not None:
        assert outcome.completion.calls == len(model.prompts)
        assert outcome.prompt.messages[0] == base.messages[0]
    assert base.calls <= base.worst_case_calls
    assert TOKEN not in str([prompt.messages for prompt in model.prompts])
    words = 0 if base.output is None else counter().count(base.output.words) + 200
    most = max(base.tokens + call.more for call in base.plan) + words
    assert max(counter().messages(prompt.messages) for prompt in model.prompts) <= most


KINDS = {
    "ask questions": "Now plan how to check",
    "answer one": "Leave the request above aside",
    "revise": "Facts in your answer were checked",
    "judge": "Rubric: ",
    "criticise": "Now read your answer",
    "correct": "Your answer was checked",
}


async def test_the_longest_answers_make_no_prompt_longer_than_planned(tmp_path: Path) -> None:
    """Everything is said as long as it may be and everything fails, so that each prompt is as long as can be."""
    longest = 500

    def kind(prompt) -> str:
        return next((does for does, words in KINDS.items() if words in prompt.messages[-1].content), "answer")

    def say(prompt) -> str:
        words = " ".join(["word"] * 200)
        assert counter().count(f"{words} {words}") + 10 < longest
        match kind(prompt):
            case "judge":
                return f"{words} {words}\nGrade: {1 if len(model.prompts) < 8 else 5}"
            case "ask questions":
                return json.dumps({"questions": [f"{'多少' * 200}?", "Why?"]})
            case "criticise":
                return json.dumps({"mistakes": [f"{place} {words[:450]}" for place in range(4)]})
            case _:
                return f"{words} {words}"

    layers = "{chain_of_verification: {questions: 2}, reflect: {rounds: 2, verifier: [judge, self]}}"
    file = layered_file(tmp_path, layers, options=f"{{maxOutputTokens: {longest}}}")
    model = ScriptedModel(say)
    await solved(file, model, prompt_file=shipped)
    base, count = model.prompts[0], counter().messages
    seen: dict[str, int] = {}
    for prompt in model.prompts:
        seen[kind(prompt)] = max(seen.get(kind(prompt), 0), count(prompt.messages))
    assert set(seen) == {"answer", *KINDS}
    for call in base.plan:
        most = base.tokens + call.more
        assert 0.75 * most - 100 <= seen[call.does] <= most, (call, seen)


def test_they_stand_in_order_from_the_outside_in(tmp_path: Path) -> None:
    file = layered_file(tmp_path, EVERY % "check", body=PASSAGES)
    assert file.layers.names == ("reflect", "chain_of_verification", "best_of", "cot")
    assert [(call.layer, call.does) for call in file.layers.plan()] == [
        ("best_of", "sample"),
        ("chain_of_verification", "ask questions"),
        ("chain_of_verification", "answer one"),
        ("chain_of_verification", "revise"),
        ("reflect", "judge"),
        ("reflect", "criticise"),
        ("reflect", "correct"),
    ]


async def test_switched_off_they_leave_the_words_and_the_plan_as_they_were(tmp_path: Path) -> None:
    off = "{best_of: {on: false}, chain_of_verification: {on: false}, reflect: {on: false, verifier: judge}}"
    base = await built(layered_file(tmp_path), ScriptedModel([]))
    same = await built(layered_file(tmp_path, off), ScriptedModel([]))
    assert (same.messages, same.plan) == (base.messages, base.plan)


async def test_special_tokens_of_what_a_model_wrote_are_broken_up_in_all_that_follows(tmp_path: Path) -> None:
    layers = "{chain_of_verification: {questions: 1}, reflect: {verifier: [judge, self]}}"
    odd = "~~turn~~"
    lines = [
        f"It is 5 {TOKEN}.",
        json.dumps({"questions": [f"Is it {odd}?"]}),
        f"No {TOKEN}.",
        f"It is {odd} 5.",
        f"{TOKEN} Bad.\nGrade: 1",
        f"It is 6 {odd}.",
        "Good.\nGrade: 5",
        json.dumps({"mistakes": [f"{TOKEN}{odd}"]}),
    ]
    model = ScriptedModel(lines)
    model.capabilities = Capabilities(local=True, special_tokens=frozenset({odd}))
    outcome = await solved(layered_file(tmp_path, layers), model, prompt_file=shipped)
    assert outcome.text == f"It is 6 {odd}."
    sent = str([prompt.messages for prompt in model.prompts])
    assert TOKEN not in sent
    assert odd not in sent
    assert "<| im_start|>" in sent
    assert "~~ turn~~" in sent
    broken = {token for slot in outcome.prompt.slots for token in slot.broken}
    assert broken == {TOKEN, odd}


@pytest.mark.parametrize("place", range(9))
async def test_a_request_that_is_cancelled_leaves_nothing_behind(tmp_path: Path, place: int) -> None:
    """Wherever it stands: in the samples, the judge's grades, the questions, their answers, the revision, or after."""
    reached = asyncio.Event()
    stands = asyncio.Event()

    class Hangs(ScriptedModel):
        async def generate(self, prompt, *, context):
            said = await super().generate(prompt, context=context)
            if len(self.prompts) > place:
                reached.set()
                await stands.wait()
            return said

    def say(prompt) -> str:
        if prompt.name == "judge":
            return "Hm.\nGrade: 2"
        fields = [] if prompt.output is None else list(prompt.output.schema["properties"])
        return {"questions": '{"questions": ["Who?", "Why?"]}', "mistakes": '{"mistakes": ["All."]}'}.get(
            "".join(fields), "It is 5."
        )

    layers = "{best_of: {n: 2}, chain_of_verification: {questions: 2}, reflect: {verifier: self}}"
    model = Hangs(say)
    before = asyncio.all_tasks()
    task = asyncio.create_task(solved(layered_file(tmp_path, layers), model, prompt_file=shipped))
    await asyncio.wait_for(reached.wait(), 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for _ in range(5):
        await asyncio.sleep(0)
    assert asyncio.all_tasks() == before
    said = len(model.prompts)
    stands.set()
    await asyncio.sleep(0.01)
    assert len(model.prompts) == said


async def test_through_a_pipeline_the_answer_that_was_corrected_is_cited_and_checked(tmp_path: Path) -> None:
    layered_file(
        tmp_path, "{cot: {on: true}, chain_of_verification: {questions: 1}, reflect: {rounds: 1}}", body=PASSAGES
    )
    source = MemorySource({"a.md": b"# Halibut\n\nThe halibut project ships on 3 May 2031. Its lead is Ana Ruiz."})
    source.name = "documents"
    lines = [
        "Steps.\nAnswer: It ships on 4 May 2031 [1].",
        '{"questions": ["When does it ship?"]}',
        "On 3 May 2031 [1].",
        "Steps.\nAnswer: It ships on 3 May 2031.",
        "Steps.\nAnswer: It ships on 3 May 2031 [1].",
    ]
    model = ScriptedModel(lines)
    rag = ragstone.AsyncRag(
        model=model,
        store=MemoryStore(),
        lexical=MemoryLexicalIndex(),
        embedder=HashingEmbedder(),
        sources=[source],
        prompt=tmp_path / "test.prompty",
    )
    async with rag:
        await rag.ingest()
        answer = await rag.ask("When does the halibut project ship?")
    assert answer.text == "It ships on 3 May 2031 [1]."
    assert [citation.quote for citation in answer.citations] == ["The halibut project ships on 3 May 2031."]
    assert (answer.completion.calls, answer.notices) == (5, ())
    assert all(verdict.passed for verdict in answer.verdicts)
    assert len(model.prompts) == 5


async def test_an_edit_of_their_words_counts_from_the_next_question_on(tmp_path: Path) -> None:
    file = layered_file(tmp_path, "{reflect: {verifier: judge}}")
    library = Library(lambda name: tmp_path / f"{name}.prompty")
    first = library.get("test")
    assert first.version == file.version
    (tmp_path / "layers" / "reflect").mkdir(parents=True)
    (tmp_path / "layers" / "reflect" / "again.md").write_text("Noch einmal, denn: {{ faults }}")
    second = library.get("test")
    assert second.version != first.version
    model = ScriptedModel(["5", "Schlecht.\nGrade: 1", "6", "Gut.\nGrade: 5"])
    await solved(second, model, prompt_file=shipped)
    assert model.prompts[2].messages[-1].content == "Noch einmal, denn: Schlecht. Grade: 1"
