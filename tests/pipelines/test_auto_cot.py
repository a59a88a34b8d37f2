"""Examples with their reasoning, built from questions by a model that says what it is told to."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ragstone.errors import EmbedderError, ModelRejected, ModelTimeout, ModelUnavailable, PromptError, UsageError
from ragstone.inference.router import Router
from ragstone.pipelines.auto_cot import AutoCot, Made
from ragstone.prompts.builder import build
from ragstone.prompts.file import PromptFile, load
from ragstone.prompts.questions import Asked, read_questions
from ragstone.testing import HashingEmbedder, ScriptedModel
from ragstone.types import Completion, Context, Prompt

ASKING = Path(__file__).parents[2] / "prompts" / "auto_cot.prompty"
DATA = Path(os.environ.get("RAGSTONE_DATA", Path(__file__).parents[3] / "shared/data"))
GSM8K = DATA / "reasoning" / "gsm8k_train.jsonl"

FRONT = "inputs: [{name: question, required: true}]\ndescription: Solves sums."
COT = "cot: {on: true, style: exemplars}"
LAYER = "metadata: {ragstone: {layers: {few_shot: {file: examples/sums.auto.jsonl, k: %d%s}, %s}}}"

KINDS = ("apples pears plums cherries", "trains buses trams ferries", "euros dollars crowns francs")
"""Words by which the questions of three groups are told apart."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "prompts").mkdir()
    return tmp_path / "prompts"


def prompt(root: Path, front: str = FRONT, body: str = "user:\n{{ question }}") -> PromptFile:
    path = root / "sums.prompty"
    path.write_text(f"---\n{front}\n---\n{body}", encoding="utf-8")
    return load(path, root=root)


def kinds(each: int = 4) -> list[Asked]:
    """Questions of three kinds, mixed."""
    texts = [f"How many {word} are {words.replace(' ', ' or ')}?" for words in KINDS for word in words.split()[:each]]
    texts = [texts[group * each + place] for place in range(each) for group in range(3)]
    return [Asked(line=line, text=text, inputs={"question": text}) for line, text in enumerate(texts, 1)]


def kind(row: dict[str, Any]) -> str:
    return next(words for words in KINDS if words.split()[0] in row["inputs"]["question"])


def asked(prompt: Prompt) -> str:
    found = re.search(r"^Question: (.*?)\n\nLet's", prompt.messages[-1].content, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


async def built(
    file: PromptFile, questions: list[Asked], say: Callable[[Prompt], str | Exception], *, k: int = 3, **more: Any
) -> tuple[Made, ScriptedModel]:
    model = ScriptedModel(say)
    build = AutoCot(file, Router({"scripted": model}), asking=load(ASKING), **more)
    groups = await build.groups(questions, embedder=HashingEmbedder(), k=k)
    return await build.examples(groups), model


async def test_each_group_gives_the_question_nearest_to_its_centre(root: Path) -> None:
    file = prompt(root)
    made, model = await built(file, kinds(), lambda prompt: "Count them.\nAnswer: so")
    assert len(made.rows) == 3
    assert {next(kind for kind in KINDS if kind.split()[0] in row["inputs"]["question"]) for row in made.rows} == {
        *KINDS
    }
    assert len(model.prompts) == 3
    assert all("The task: Solves sums." in prompt.messages[-1].content for prompt in model.prompts)
    for outcome in made.outcomes:
        assert outcome.chosen == outcome.group.questions[0]
        assert list(outcome.group.distances) == sorted(outcome.group.distances)
    assert made.rows[0] == {
        "inputs": {"question": made.outcomes[0].group.questions[0].text},
        "rationale": "Count them.",
        "output": "so",
        "gold": False,
        "about": {
            "by": "auto-cot",
            "model": "scripted",
            "line": made.outcomes[0].group.questions[0].line,
            "row": {},
            "group": 1,
            "size": 4,
            "distance": made.outcomes[0].group.distances[0],
            "tried": 1,
            "refused": [],
        },
        "id": "auto-cot-1",
    }


async def test_what_is_written_is_what_a_prompt_file_reads(root: Path) -> None:
    made, _ = await built(prompt(root), kinds(), lambda prompt: "Zähle.\nAnswer: 三")
    (root / "examples").mkdir()
    (root / "examples" / "sums.auto.jsonl").write_bytes(made.data)
    file = prompt(root, f"{FRONT}\n{LAYER % (3, '', COT)}")
    assert file.few_shot is not None
    assert [(one.gold, one.rationale, one.output) for one in file.few_shot.examples] == [(False, "Zähle.", "三")] * 3
    shown = build(file, {"question": "How many?"}, hits=[])
    assert [message.role for message in shown.messages] == ["user", "assistant"] * 3 + ["user"]
    assert shown.messages[1].content == "Zähle.\nAnswer: 三"
    assert "auto-cot" not in "".join(message.content for message in shown.messages), "nothing of `about` is shown"


@pytest.mark.parametrize("select", ["similar", "mmr"])
async def test_no_selector_takes_them_by_similarity_before_a_person_has_verified_them(root: Path, select: str) -> None:
    made, _ = await built(prompt(root), kinds(), lambda prompt: "Count.\nAnswer: so")
    (root / "examples").mkdir()
    rows = root / "examples" / "sums.auto.jsonl"
    rows.write_bytes(made.data)
    front = f"{FRONT}\n{LAYER % (3, f', select: {select}', COT)}"
    with pytest.raises(PromptError, match="that nobody has verified"):
        prompt(root, front)
    rows.write_bytes(made.data.replace(b'"gold": false', b'"gold": true'))
    assert prompt(root, front).few_shot is not None


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        ("I cannot say.", "its last line is no 'Answer:'"),
        ("", "its last line is no 'Answer:'"),
        ("Count.\nAnswer: 3\nI hope this helps!", "its last line is no 'Answer:'"),
        ("Count.\nAnswer:", "its answer is empty"),
        ("Count.\n**Answer:** **", "its answer is empty"),
        ("Answer: 3", "it has no steps"),
        ("1\n2\n3\n4\n5\n6\nAnswer: 6", "it has 6 steps, more than 5"),
        ("1 + 2 = 3\nSo it is that.\nAnswer: 3", "its last step does not end at its answer, '3'"),
        (ModelRejected("too rude"), "the model gave no answer: too rude"),
        (ModelTimeout("the deadline passed"), "the model gave no answer: the deadline passed"),
    ],
)
async def test_a_question_that_makes_no_example_is_followed_by_the_next_nearest(
    root: Path, reply: str | Exception, why: str
) -> None:
    first: set[str] = set()

    def say(prompt: Prompt) -> str | Exception:
        kind = next(kind for kind in KINDS if kind.split()[0] in asked(prompt))
        if kind not in first:
            first.add(kind)
            return reply
        return "12 / 4 = 3 each, 1,200 in all.\nAnswer: 1200"

    made, _ = await built(prompt(root), kinds(), say)
    assert len(made.rows) == 3
    for outcome in made.outcomes:
        assert [one.why for one in outcome.refused] == [why]
        assert outcome.refused[0].question == outcome.group.questions[0]
        assert outcome.chosen == outcome.group.questions[1]
        assert outcome.row is not None
        assert outcome.row["about"]["tried"] == 2
        assert outcome.row["about"]["refused"] == [{"line": outcome.group.questions[0].line, "why": why}]


@pytest.mark.parametrize(
    "reply", ["**Answer**: 42", "answer: 42", "> Answer： 42", "_Answer:_ 42", "  ANSWER :  42  ", "**Answer: 42**"]
)
async def test_the_mark_of_the_answer_may_be_dressed_up(root: Path, reply: str) -> None:
    made, _ = await built(prompt(root), kinds(), lambda prompt: f"6 × 7 = 42.\n\n{reply}\n")
    assert {(row["rationale"], row["output"]) for row in made.rows} == {("6 × 7 = 42.", "42")}


async def test_a_long_question_is_never_asked(root: Path) -> None:
    long = " ".join(["How"] + ["many"] * 60) + "?"
    chinese = "多" * 61
    exact = " ".join(["Why"] * 60)
    questions = [
        Asked(line=line, text=text, inputs={"question": text}) for line, text in enumerate([long, chinese, exact], 1)
    ]
    made, model = await built(prompt(root), questions, lambda prompt: "Think.\nAnswer: so")
    assert [asked(prompt) for prompt in model.prompts] == [exact]
    refused = [one for outcome in made.outcomes for one in outcome.refused]
    assert sorted(one.question.text for one in refused) == sorted([long, chinese])
    assert {one.why for one in refused} == {"it has more than 60 words"}


async def test_nonsense_each_time_ends_within_the_calls_that_were_promised(root: Path) -> None:
    build = AutoCot(prompt(root), Router({"m": ScriptedModel(lambda _: "Hm.")}), asking=load(ASKING), tries=2)
    groups = await build.groups(kinds(), embedder=HashingEmbedder(), k=3)
    assert build.most_calls(groups) == 6
    made = await build.examples(groups)
    assert made.rows == []
    assert [outcome.calls for outcome in made.outcomes] == [2, 2, 2]
    assert len(made.completions) == 6
    assert made.tokens > 0


async def test_what_was_cut_off_is_no_example(root: Path) -> None:
    class Short(ScriptedModel):
        async def generate(self, prompt: Prompt, *, context: Context) -> Completion:
            return Completion(text="It is 4.\nAnswer: 4", model="short", finish_reason="length")

        stream = ScriptedModel.stream

    build = AutoCot(prompt(root), Router({"short": Short([])}), asking=load(ASKING), tries=1)
    made = await build.examples(await build.groups(kinds(), embedder=HashingEmbedder(), k=1))
    assert made.outcomes[0].refused[0].why == "what the model wrote was cut off before its end"


async def test_a_model_that_cannot_be_reached_ends_all_of_it(root: Path) -> None:
    with pytest.raises(ModelUnavailable, match="overloaded"):
        await built(prompt(root), kinds(), lambda prompt: ModelUnavailable("overloaded"))


async def test_a_build_that_is_cancelled_asks_nothing_more(root: Path) -> None:
    class Slow(ScriptedModel):
        async def generate(self, prompt: Prompt, *, context: Context) -> Completion:
            self.prompts.append(prompt)
            begun.set()
            await asyncio.Event().wait()
            raise AssertionError("nobody waits for it")

    begun = asyncio.Event()
    model = Slow([])
    build = AutoCot(prompt(root), Router({"slow": model}), asking=load(ASKING))
    groups = await build.groups(kinds(), embedder=HashingEmbedder(), k=6)
    task = asyncio.create_task(build.examples(groups))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert len(model.prompts) <= 4


@pytest.mark.parametrize(("k", "why"), [(0, "k is out of range"), (-1, "out of range"), (101, "out of range")])
async def test_a_k_that_is_out_of_range_is_told(root: Path, k: int, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        await built(prompt(root), kinds(), lambda _: "", k=k)


async def test_the_same_question_counts_once(root: Path) -> None:
    texts = ["How many apples?", "how  many APPLES?", "How many trains?"]
    questions = [Asked(line=line, text=text, inputs={"question": text}) for line, text in enumerate(texts, 1)]
    with pytest.raises(UsageError, match="at least k, which is 3, found 2 that differ"):
        await built(prompt(root), questions, lambda _: "", k=3)
    _, model = await built(prompt(root), questions, lambda _: "Count.\nAnswer: so", k=2)
    assert sorted(asked(prompt) for prompt in model.prompts) == ["How many apples?", "How many trains?"]


async def test_an_embedder_that_fails_or_gives_no_number_is_told(root: Path) -> None:
    class Failing(HashingEmbedder):
        async def embed(self, texts: Any, **more: Any) -> Any:
            raise EmbedderError("the weights are gone")

    class Empty(HashingEmbedder):
        async def embed(self, texts: Any, **more: Any) -> Any:
            return (await super().embed(texts, **more)) * float("nan")

    build = AutoCot(prompt(root), Router({"m": ScriptedModel([])}), asking=load(ASKING))
    with pytest.raises(EmbedderError, match="weights are gone"):
        await build.groups(kinds(), embedder=Failing(), k=2)
    with pytest.raises(EmbedderError, match="no vector for some questions"):
        await build.groups(kinds(), embedder=Empty(), k=2)


async def test_a_question_longer_than_the_embedder_s_window_is_compared_by_its_beginning(root: Path) -> None:
    long = "How many apples " + "and pears " * 400 + "?"
    questions = [*kinds(), Asked(line=99, text=long, inputs={"question": long})]
    made, _ = await built(prompt(root), questions, lambda _: "Count.\nAnswer: so")
    assert len(made.rows) == 3


# ── Answers that have a form ────────────────────────────────────────────────────────────────────────────────────────

STEPS = "  - {name: reasoning, kind: %s}\n"
OUTPUTS = "\noutputs:\n%s  - {name: total, kind: %s%s}\n  - {name: note, kind: string, required: false}"


@pytest.mark.parametrize(
    ("steps", "kind", "more", "answer", "expected"),
    [
        ("", "integer", "", "1,200 euros", {"total": 1200}),
        ("", "integer", "", "-1200", {"total": -1200}),
        ("", "float", "", "1200", {"total": 1200}),
        ("", "integer", "", "so", None),
        ("", "boolean", "", "Yes.", {"total": True}),
        ("", "boolean", "", "perhaps", None),
        ("", "string", ", enumValues: [many, few]", "many", {"total": "many"}),
        ("", "string", ", enumValues: [many, few]", "some", None),
        (STEPS % "string", "string", "", "so", {"reasoning": "So 1200.", "total": "so"}),
        (STEPS % "array, items: {kind: string}", "string", "", "so", {"reasoning": ["So 1200."], "total": "so"}),
    ],
)
async def test_an_answer_that_has_a_form_is_put_into_it_or_refused(
    root: Path, steps: str, kind: str, more: str, answer: str, expected: object
) -> None:
    outputs = OUTPUTS % (steps, kind, more)
    front = FRONT + outputs
    made, _ = await built(prompt(root, front), kinds(), lambda _: f"So 1200.\nAnswer: {answer}", k=1, tries=1)
    if expected is None:
        assert made.rows == []
        return
    (row,) = made.rows
    assert row["output"] == expected
    assert row.get("rationale") == (None if steps else "So 1200.")
    (root / "examples").mkdir()
    (root / "examples" / "sums.auto.jsonl").write_bytes(made.data)
    assert prompt(root, f"{front}\n{LAYER % (1, '', '' if 'reasoning' in outputs else COT)}").few_shot is not None


@pytest.mark.parametrize(
    ("outputs", "why"),
    [
        ("[{name: total, kind: integer}, {name: unit, kind: string}]", "no one answer"),
        ("[{name: reasoning, kind: string}]", "no one answer"),
        ("[{name: steps, kind: string}, {name: a, kind: string}, {name: b, kind: string}]", "no one answer"),
    ],
)
async def test_a_form_with_several_answers_is_told_before_anything_is_asked(root: Path, outputs: str, why: str) -> None:
    with pytest.raises(PromptError, match=why):
        await built(prompt(root, f"{FRONT}\noutputs: {outputs}"), kinds(), lambda _: "")


async def test_the_question_is_solved_from_its_passages(root: Path, tmp_path: Path) -> None:
    file = prompt(root, "inputs: [{name: question, required: true}]", "user:\n{{ passages }}\n{{ question }}")
    rows = [
        {"question": f"How many {word}?", "passages": [{"uri": "a.md", "text": f"There are six {word}."}], "id": word}
        for word in KINDS[0].split()
    ]
    path = tmp_path / "questions.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    made, model = await built(file, read_questions(path, file, name="question"), lambda _: "Six.\nAnswer: six", k=1)
    chosen = made.rows[0]["id"]
    assert f"Text:\n\nThere are six {chosen}.\n\nQuestion:" in model.prompts[0].messages[-1].content
    assert made.rows[0]["passages"] == [{"uri": "a.md", "text": f"There are six {chosen}."}]


# ── Real questions ──────────────────────────────────────────────────────────────────────────────────────────────────


def own_rationales(rows: list[dict[str, str]]) -> Callable[[Prompt], str]:
    """A model that solves each question as its data set does."""
    known = {row["question"].strip(): row for row in rows}

    def say(prompt: Prompt) -> str:
        row = known[asked(prompt)]
        steps = re.sub(r"<<.*?>>", "", row["answer"]).split("\n####")[0]
        return f"{steps}\nAnswer: {row['final']}"

    return say


@pytest.mark.skipif(not GSM8K.exists(), reason="RAGSTONE_DATA is not there")
async def test_gsm8k_gives_eight_examples_of_eight_groups_that_a_prompt_can_show(root: Path, tmp_path: Path) -> None:
    lines = GSM8K.read_text(encoding="utf-8").split("\n")[:400]
    path = tmp_path / "gsm8k.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    rows = [json.loads(line) for line in lines]
    file = prompt(root)
    questions = read_questions(path, file, name="question")
    made, model = await built(file, questions, own_rationales(rows), k=8)
    assert [row["about"]["group"] for row in made.rows] == [1, 2, 3, 4, 5, 6, 7, 8], "every group is represented"
    assert sum(row["about"]["size"] for row in made.rows) == 400
    assert len(model.prompts) == sum(outcome.calls for outcome in made.outcomes) >= 8
    by_id = {row["id"]: row for row in rows}
    for row in made.rows:
        assert 1 <= len(row["rationale"].split("\n")) <= 5
        assert len(row["inputs"]["question"].split()) <= 60
        assert row["output"] == by_id[row["id"]]["final"]
        assert row["about"]["row"]["final"] == by_id[row["id"]]["final"], "for whoever reviews it"
        assert by_id[row["id"]]["question"] == row["inputs"]["question"] == questions[row["about"]["line"] - 1].text
    (root / "examples").mkdir()
    (root / "examples" / "sums.auto.jsonl").write_bytes(made.data)
    shown = build(prompt(root, f"{FRONT}\n{LAYER % (8, '', COT)}"), {"question": "How many?"}, hits=[])
    assert len(shown.messages) == 17


@pytest.mark.skipif(not GSM8K.exists(), reason="RAGSTONE_DATA is not there")
async def test_the_order_of_a_file_and_another_run_give_the_same_examples(root: Path, tmp_path: Path) -> None:
    lines = GSM8K.read_text(encoding="utf-8").split("\n")[:200]
    say = own_rationales([json.loads(line) for line in lines])
    file = prompt(root)
    found: list[set[str]] = []
    for number, given in enumerate((lines, lines, lines[::-1])):
        path = tmp_path / f"{number}.jsonl"
        path.write_text("\n".join(given), encoding="utf-8")
        made, _ = await built(file, read_questions(path, file, name="question"), say, k=5)
        found.append({row["id"] for row in made.rows})
    assert found[0] == found[1] == found[2]
