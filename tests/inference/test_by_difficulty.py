"""What a prompt tells of its difficulty, the file of a calibration, and where prompts go by it."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from ragstone.errors import ConfigError, ModelUnavailable, NotConfigured
from ragstone.inference.by_difficulty import ByDifficulty
from ragstone.inference.choosing import Route
from ragstone.inference.difficulty import Calibrated, Difficulty, Pair, read_difficulty
from ragstone.inference.features import FEATURES, features
from ragstone.inference.router import Router
from ragstone.output import Output
from ragstone.protocols import Capabilities, Model
from ragstone.testing import ScriptedModel
from ragstone.types import Chunk, Context, Hit, Message, Prompt, Slot

EASY, HARD = "When does the halibut project ship?", "Why is cod not better than 3 turbots and 2 haddocks of May 2031?"


def hit(text: str, rank: int, **scores: float) -> Hit:
    chunk = Chunk(id=f"c{rank}", document_id="d", uri="a.md", title="", text=text, start=0, end=len(text), line=1)
    return Hit(chunk=chunk, rank=rank, scores=scores)


HITS = (
    hit("The halibut project ships in May. Its lead is Ana Ruiz.", 1, final=0.9, dense=0.8, lexical=7.0, rerank=0.5),
    hit("Turbots are flat.", 2, final=0.5, dense=0.3, lexical=1.0),
)


def prompt(question: str = EASY, hits: tuple[Hit, ...] = HITS, **given: Any) -> Prompt:
    slots = (
        Slot(name="question", trust="user", text=question),
        Slot(name="passages", trust="retrieved", text="…", hits=hits),
        *given.pop("slots", ()),
    )
    return Prompt(name="p", version="1", messages=(Message("user", question),), slots=slots, **given)


def read(asked: Prompt) -> dict[str, float]:
    return dict(zip(FEATURES, features(asked), strict=True))


# ── Features ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_the_search_found_is_read_off_the_hits():
    found = read(prompt())
    assert found["score"] == 0.9
    assert found["gap"] == pytest.approx(0.4)
    assert found["spread"] == pytest.approx(0.2)
    assert (found["dense"], found["rerank"]) == (0.8, 0.5)
    assert found["lexical"] == pytest.approx(math.log(8))
    assert found["found"] == pytest.approx(math.log(3))
    assert (found["covered"], found["covered_first"], found["covered_sentence"]) == (1.0, 1.0, 1.0)


def test_words_of_the_question_that_no_passage_has_are_missed():
    found = read(prompt("Which halibut office employs Turbots?"))
    assert found["covered"] == pytest.approx(2 / 4)
    assert found["covered_first"] == pytest.approx(1 / 4)


def test_what_is_asked_is_read_off_the_question():
    easy, hard = read(prompt(EASY)), read(prompt(HARD))
    assert easy["asks_fact"] == 1.0
    assert (easy["negated"], easy["compares"], easy["numbers"]) == (0.0, 0.0, 0.0)
    for name in ("negated", "compares", "numbers", "dates", "words"):
        assert hard[name] > easy[name], name
    assert read(prompt("Who leads it? And where?"))["sentences"] > 0
    assert read(prompt("What is a halibut?"))["asks_meaning"] == 1.0


def test_what_the_prompt_asks_for_counts():
    turns = (Slot(name="history", trust="user", text="Who?"), Slot(name="history", trust="user", text="Ana."))
    output = Output(name="o", schema={}, strict={}, words="")
    plain, rich = read(prompt()), read(prompt(tokens=2000, output=output, slots=turns))
    assert (plain["form"], rich["form"]) == (0.0, 1.0)
    assert rich["tokens"] > plain["tokens"]
    assert rich["history"] == pytest.approx(math.log(3))
    assert rich["words"] == plain["words"]  # earlier turns are no part of the question


def test_a_prompt_without_question_or_passages_has_features_too():
    found = features(Prompt(name="p", version="1", messages=(Message("user", "Hello"),)))
    assert len(found) == len(FEATURES)
    assert all(map(math.isfinite, found))
    assert all(map(math.isfinite, features(prompt("", hits=()))))


# ── The file ────────────────────────────────────────────────────────────────────────────────────────────────────────


def difficulty(models: tuple[str, ...] = ("small", "large"), threshold: float = 0.2) -> Difficulty:
    """By comparisons alone: without one the gain is -0.46, with one it is far above the threshold."""
    weights = tuple(8.0 if name == "compares" else 0.0 for name in FEATURES)
    pairs = [(one, other) for at, one in enumerate(models) for other in models[at + 1 :]]
    return Difficulty(
        models=models,
        features=tuple(FEATURES),
        mean=(0.0,) * len(FEATURES),
        scale=(1.0,) * len(FEATURES),
        pairs=tuple(Pair(small=small, large=large, bias=-1.0, weights=weights) for small, large in pairs),
        threshold=threshold,
        calibrated=Calibrated(
            examples=100, seed=0, aim="quality 0.95", quality=0.9, cost=0.1, unit="USD", gain=(0.01, 0.03, 0.05)
        ),
    )


def test_the_file_is_read_as_it_was_written(tmp_path: Path):
    path = tmp_path / "answer.difficulty.json"
    path.write_text(difficulty().dump())
    assert read_difficulty(path, models=["small", "large", "extractive"]) == difficulty()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 2}, "has another format: expected 1, found 2"),
        ({"features": ["length"]}, "was calibrated on other features: found length"),
        ({"features": [*FEATURES][::-1]}, "was calibrated on other features: found another order"),
        ({"features": [*FEATURES][1:]}, "was calibrated on other features: found score"),
        ({"threshold": "high"}, "threshold is not as it was written"),
        ({"surplus": 1}, "surplus is not as it was written"),
        ({"mean": [0.0]}, "its parts do not belong together"),
        ({"pairs": []}, "its parts do not belong together"),
        ({"models": ["large", "small"]}, "its parts do not belong together"),
        ({"scale": [0.0] * len(FEATURES)}, "its parts do not belong together"),
    ],
    ids=str,
)
def test_another_file_is_refused_with_the_command_to_run(tmp_path: Path, change: dict[str, Any], message: str):
    path = tmp_path / "d.json"
    path.write_text(json.dumps(json.loads(difficulty().dump()) | change))
    with pytest.raises(ConfigError) as raised:
        read_difficulty(path, models=["small", "large"])
    assert message in str(raised.value)
    assert str(raised.value).endswith("Run: ragstone model calibrate graded.jsonl")


@pytest.mark.parametrize("text", ["", "[]", "null", "{", '{"format": 1}', "[" * 100_000])
def test_a_file_that_is_none_is_refused_too(tmp_path: Path, text: str):
    path = tmp_path / "d.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match="Run: ragstone model calibrate"):
        read_difficulty(path, models=["small", "large"])


@pytest.mark.parametrize("models", [["large", "small"], ["small", "other"], ["other", "another"]])
def test_a_file_of_other_models_is_refused(tmp_path: Path, models: list[str]):
    path = tmp_path / "d.json"
    path.write_text(difficulty().dump())
    with pytest.raises(ConfigError, match=f"for other models: expected {', '.join(models)}, found small, large"):
        read_difficulty(path, models=models)


# ── The strategy ────────────────────────────────────────────────────────────────────────────────────────────────────


async def order(models: list[str], asked: Prompt, found: Difficulty | None = None) -> list[str]:
    given: dict[str, Model] = {name: ScriptedModel([]) for name in models}
    strategy = ByDifficulty(found or difficulty())
    return [choice.name for choice in await strategy.order(given, asked, context=Context())]


async def test_easy_prompts_go_to_the_small_model_and_hard_ones_up():
    assert await order(["small", "large"], prompt(EASY)) == ["small", "large"]
    assert await order(["small", "large"], prompt(HARD)) == ["large", "small"]


async def test_the_reason_names_the_gain_the_threshold_and_what_weighed():
    models: dict[str, Model] = {"small": ScriptedModel([]), "large": ScriptedModel([])}
    (choice, _) = await ByDifficulty(difficulty()).order(models, prompt(EASY), context=Context())
    assert choice.why.startswith("easy enough: large would gain -0.46, the threshold is +0.20 (")
    assert choice.figures["gain"] == pytest.approx(-0.4621, abs=1e-3)
    (_, choice) = await ByDifficulty(difficulty()).order(models, prompt(HARD), context=Context())
    assert "too hard for it" in choice.why
    assert "comparisons in the question" in choice.why
    assert next(iter(choice.figures["weighed"])) == "compares"


async def test_of_three_the_first_that_no_later_one_beats_answers_and_the_larger_ones_follow():
    three = difficulty(("small", "middle", "large"))
    names = ["small", "middle", "large"]
    assert await order(names, prompt(EASY), three) == names
    assert await order(names, prompt(HARD), three) == ["large", "middle", "small"]
    middling = three.model_copy(
        update={
            "pairs": tuple(
                pair.model_copy(update={"bias": 3.0 if pair.small == "small" else -3.0}) for pair in three.pairs
            )
        }
    )
    assert await order(names, prompt(EASY), middling) == ["middle", "large", "small"]


async def test_models_that_were_not_calibrated_come_last_and_one_that_may_not_answer_is_done_without():
    assert await order(["small", "large", "spare"], prompt(EASY)) == ["small", "large", "spare"]
    assert await order(["small", "spare"], prompt(HARD)) == ["small", "spare"]
    assert await order(["spare"], prompt(HARD)) == ["spare"]


async def test_where_the_needed_one_fails_the_next_answers_and_a_model_that_only_quotes_may_be_the_small_one():
    quotes = ScriptedModel(["quoted"], capabilities=Capabilities(generative=False, local=True))
    down = ScriptedModel(lambda _: ModelUnavailable("down"))
    models: dict[str, Model | NotConfigured] = {"small": quotes, "large": down}
    router = Router(models, route=Route(strategy=ByDifficulty(difficulty())))
    completion = await router.generate(prompt(HARD), context=Context())
    assert completion.text == "quoted"
    assert [attempt.model for attempt in completion.attempts] == ["large", "small"]


def test_a_feature_far_from_all_examples_counts_as_the_farthest():
    values = [1e6] * len(FEATURES)
    assert set(difficulty().standard(values)) == {4.0}
