"""Grades that a file does not hold are had by asking, once each."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ragstone.assembly import LooseParts
from ragstone.errors import ModelDenied, ModelUnavailable, NotConfigured, UsageError
from ragstone.evaluation.graded import GradeFile, grade, read_graded
from ragstone.evaluation.grading import SHARE, Grading
from ragstone.inference.router import Router
from ragstone.pipelines.answer import AnswerPipeline
from ragstone.pipelines.routes import confidential
from ragstone.pipelines.spec import RouteSpec
from ragstone.protocols import Capabilities, Model
from ragstone.testing import HashingEmbedder, MemoryLexicalIndex, MemorySource, MemoryStore, ScriptedModel
from ragstone.trace import Trace
from ragstone.types import Context, Prompt
from ragstone.usage import Price

FILES = {"a.md": "# Halibut\n\nThe halibut project ships on 3 May 2031. Its lead is Ana Ruiz, who owns 1,250 boats."}
ROWS = (
    {"question": "Who leads the halibut project?", "answer": ["Ana Ruiz", "Ruiz"]},
    {"question": "How many boats does the lead own?", "answer": 1250},
    {"question": "When does the halibut project ship?", "grades": {"small": 0.5}, "answer": "3 May 2031"},
)
RIGHT = "Ana Ruiz, who owns 1,250 boats; it ships on 3 May 2031 [1]."


def model(say: Callable[[Prompt], Any], **able: Any) -> ScriptedModel:
    return ScriptedModel(say, capabilities=Capabilities(**able))


@asynccontextmanager
async def pipeline(models: dict[str, Model | NotConfigured], data: Any = "any") -> AsyncGenerator[AnswerPipeline]:
    source = MemorySource(FILES, acl={"a.md": ("group:hr",)})
    parts = LooseParts(
        store=MemoryStore(), lexical=MemoryLexicalIndex(), embedder=HashingEmbedder(), model=model(lambda _: "")
    )
    parts._sources.append(source)  # pyright: ignore[reportPrivateUsage]
    try:
        await parts.ingest(tenant="default").run(context=Context())
        found = parts.answer(tenant="default")
        found.confidential = confidential(RouteSpec(models=[*models], data=data))
        yield found.using(router=Router(models))
    finally:
        await parts.close()


def written(folder: Path, rows: Any = ROWS) -> Path:
    path = folder / "graded.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def grading(found: AnswerPipeline, path: Path) -> Grading:
    rows = read_graded(path, models=found.router.listed)
    kept = GradeFile(path.with_suffix(".grades.jsonl"))
    return Grading(
        found, rows, kept=kept, context=lambda: Context(principals=frozenset({"group:hr"}), trace=Trace("calibrate"))
    )


@pytest.mark.parametrize(
    ("said", "right", "value"),
    [
        ("It ships on 3 May 2031 [1].", ["3 May 2031"], 1.0),
        ("It ships on 4 May 2031.", ["3 May 2031"], 0.0),
        ("She owns 1,250 boats in May 2031 [2].", ["1250"], 1.0),
        ("She owns 1,251 boats.", ["1250"], 0.0),
        ("1,250", ["1250"], 1.0),
        ("Ruiz [1]", ["Ana Ruiz", "Ruiz"], 1.0),
        ("", ["Ruiz"], 0.0),
    ],
)
def test_an_answer_is_right_where_a_right_one_stands_in_it(said: str, right: list[str], value: float):
    assert grade(said, right) == value


async def test_what_is_missing_is_asked_once_and_kept(tmp_path: Path):
    small = model(lambda _: "The documents do not answer this question.", local=True)
    large = model(lambda _: RIGHT, price=Price(input=1, output=10))
    path = written(tmp_path)
    async with pipeline({"small": small, "large": large}) as found:
        first = grading(found, path)
        await first.search()
        assert (len(first.missing), first.calls) == (5, 5)
        assert first.cost == pytest.approx(sum(1e-6 * 400 + 800 * 1e-5 for _ in range(3)), rel=0.1)
        assert not small.prompts
        await first.ask()
        assert (len(small.prompts), len(large.prompts)) == (2, 3)
        examples = first.examples()
        assert [dict(one.grades) for one in examples.examples] == [
            {"small": 0.0, "large": 1.0},
            {"small": 0.0, "large": 1.0},
            {"small": 0.5, "large": 1.0},
        ]
        assert examples.unit == "USD"
        assert examples.examples[0].costs["small"] == 0.0 < examples.examples[0].costs["large"]
        again = grading(found, path)
        await again.search()
        assert again.missing == []
        assert again.examples() == examples
        assert len(large.prompts) == 3


async def test_a_run_that_was_cut_short_goes_on_where_it_was(tmp_path: Path):
    lines = iter([RIGHT, RIGHT, ModelDenied("the key was refused")])
    path = written(tmp_path)
    models: dict[str, Model | NotConfigured] = {"small": model(lambda _: "no"), "large": model(lambda _: next(lines))}
    async with pipeline(models) as found:
        first = grading(found, path)
        await first.search()
        with pytest.raises(ModelDenied):
            await first.ask()
    kept = path.with_suffix(".grades.jsonl")
    done = len(kept.read_text().splitlines())
    assert done >= 2, "what was under way beside the refusal is paid for, and kept"
    kept.write_text(kept.read_text() + '{"question": "half a li')
    async with pipeline({"small": model(lambda _: "no"), "large": model(lambda _: RIGHT)}) as found:
        again = grading(found, path)
        await again.search()
        assert len(again.missing) == 5 - done
        await again.ask()
        assert len(again.examples().examples) == 3
        assert again.examples().unit == SHARE
    assert len(kept.read_text().splitlines()) == 5


async def test_questions_that_a_model_may_not_have_or_fails_at_are_left_out_and_counted(tmp_path: Path):
    stranger = model(lambda _: RIGHT)
    async with pipeline({"small": model(lambda _: "no", local=True), "large": stranger}, data="public") as found:
        one = grading(found, written(tmp_path))
        await one.search()
        await one.ask()
        assert one.examples().examples == ()
        assert one.examples().left_out[0].startswith("3 questions left out: large may not have them (it is none of")
    assert not stranger.prompts


async def test_where_every_request_fails_it_stops(tmp_path: Path):
    down = model(lambda _: ModelUnavailable("refused"))
    rows = [{"question": f"Who leads number {number}?", "answer": "Ana"} for number in range(80)]
    async with pipeline({"small": down, "large": model(lambda _: ModelUnavailable("refused"))}) as found:
        one = grading(found, written(tmp_path, rows))
        await one.search()
        with pytest.raises(ModelUnavailable):
            await one.ask()
        assert len(down.prompts) < 60


async def test_a_model_that_is_not_configured_cannot_be_graded_and_one_that_helps_out_need_not_be(tmp_path: Path):
    quotes = model(lambda _: RIGHT, generative=False, local=True)
    missing = NotConfigured("X is not set", hint="Run: export X=…")
    models: dict[str, Model | NotConfigured] = {"small": model(lambda _: "no"), "large": missing, "quotes": quotes}
    async with pipeline(models) as found:
        one = grading(found, written(tmp_path))
        assert one.models == ("small", "large")
        await one.search()
        with pytest.raises(NotConfigured, match="large: X is not set"):
            await one.ask()
        alone = grading(found.using(router=Router({"quotes": quotes, "small": models["small"]})), written(tmp_path))
        assert alone.models == ("quotes", "small")
        with pytest.raises(UsageError, match="nothing to choose between: expected two models or more, found small"):
            grading(found.using(router=Router({"small": models["small"], "quotes": quotes})), written(tmp_path))
