from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from ragstone.connectors.extractive import ExtractiveModel
from ragstone.connectors.extractive.calibration import load
from ragstone.connectors.extractive.vectors import MOST_WINDOWS
from ragstone.connectors.openvino import OpenVINOEmbedder
from ragstone.errors import ConfigError
from ragstone.testing import HashingEmbedder
from ragstone.testing.suites.model import ModelSuite
from ragstone.types import Completion, Context, Hit, Prompt

HALIBUT = "# Halibut\n\nThe halibut project ships on 3 May 2031. Its lead is Ana Ruiz.\n"
TRAVEL = (
    "# Travel\n\n- First class is allowed on journeys of more than eight hours.\n- Meals are refunded up to 45 euros.\n"
)
CONTEXT = Context()

MakeHit = Callable[..., Hit]
MakePrompt = Callable[..., Prompt]


def quotes(completion: Completion) -> list[tuple[str, int]]:
    """The sentences of an answer, each with the number of its passage."""
    lines = [re.fullmatch(r"(.+) \[(\d+)\]", line, re.DOTALL) for line in completion.text.split("\n")]
    return [(line[1], int(line[2])) for line in lines if line]


class TestSuite(ModelSuite):
    def make(self, tmp_path: Path) -> ExtractiveModel:
        return ExtractiveModel(HashingEmbedder())


@pytest.fixture
def model(minilm: OpenVINOEmbedder) -> ExtractiveModel:
    return ExtractiveModel(minilm)


async def test_the_sentence_that_answers_comes_first(model: ExtractiveModel, hit: MakeHit, prompt: MakePrompt) -> None:
    completion = await model.generate(prompt("When does the halibut project ship?", hit(HALIBUT)), context=CONTEXT)
    assert completion.text == "The halibut project ships on 3 May 2031. [1]\nIts lead is Ana Ruiz. [1]"
    assert (completion.abstained, completion.finish_reason, completion.model) == (False, "stop", "extractive")


@pytest.mark.parametrize(
    ("question", "first"),
    [
        ("Who leads it?", "Its lead is Ana Ruiz."),
        ("who is the project lead", "Its lead is Ana Ruiz."),
        ("What is the ship date of the halibut project?", "The halibut project ships on 3 May 2031."),
        ("When is first class allowed?", "First class is allowed on journeys of more than eight hours."),
        ("How much is refunded for meals?", "Meals are refunded up to 45 euros."),
    ],
)
async def test_everyday_questions_are_answered(
    question: str, first: str, model: ExtractiveModel, hit: MakeHit, prompt: MakePrompt
) -> None:
    completion = await model.generate(prompt(question, hit(HALIBUT), hit(TRAVEL)), context=CONTEXT)
    assert quotes(completion)[0][0] == first


@pytest.mark.parametrize(
    "question",
    [
        "What is the capital of France?",
        "How many moons does Jupiter have?",
        "How do I bake bread?",
        "Who is the prime minister of Canada?",
        "What is the dress code?",
        "Where is the office?",
    ],
)
async def test_what_the_documents_do_not_hold_is_not_answered(
    question: str, model: ExtractiveModel, hit: MakeHit, prompt: MakePrompt
) -> None:
    completion = await model.generate(prompt(question, hit(HALIBUT), hit(TRAVEL)), context=CONTEXT)
    assert (completion.abstained, completion.finish_reason) == (True, "abstain")
    assert completion.text == "The documents hold no answer to this question."


async def test_the_prompt_may_have_its_own_words_for_no_answer(
    model: ExtractiveModel, hit: MakeHit, prompt: MakePrompt
) -> None:
    asked = prompt("What is the capital of France?", hit(HALIBUT), abstain="Not in here.")
    assert (await model.generate(asked, context=CONTEXT)).text == "Not in here."


@pytest.mark.parametrize("asked", [Prompt(name="p", version="1", messages=()), None])
async def test_without_passages_it_abstains(asked: Prompt | None, model: ExtractiveModel, prompt: MakePrompt) -> None:
    completion = await model.generate(asked or prompt("When does it ship?"), context=CONTEXT)
    assert completion.abstained


async def test_it_says_that_no_generative_model_is_set(
    model: ExtractiveModel, hit: MakeHit, prompt: MakePrompt
) -> None:
    completion = await model.generate(prompt("Who leads it?", hit(HALIBUT)), context=CONTEXT)
    assert completion.notice is not None
    assert "No generative model answered" in completion.notice
    assert "pipelines/answer.yaml" in completion.notice
    assert not model.capabilities.generative


@pytest.mark.parametrize(
    ("language", "text", "question", "first"),
    [
        (
            "zh",
            "# 比目鱼项目\n\n比目鱼项目将于2031年5月3日发布。项目负责人是安娜·鲁伊斯。\n",
            "项目负责人是谁？",
            "项目负责人是安娜·鲁伊斯。",
        ),
        (
            "de",
            "Das Projekt Heilbutt wird am 3. Mai 2031 ausgeliefert. Die Leiterin ist Ana Ruiz.",
            "Wann wird das Projekt Heilbutt ausgeliefert?",
            "Das Projekt Heilbutt wird am 3. Mai 2031 ausgeliefert.",
        ),
    ],
)
async def test_other_languages_are_answered_by_their_words(
    language: str,
    text: str,
    question: str,
    first: str,
    model: ExtractiveModel,
    hit: MakeHit,
    prompt: MakePrompt,
) -> None:
    completion = await model.generate(prompt(question, hit(text, language=language)), context=CONTEXT)
    assert quotes(completion)[0] == (first, 1)
    elsewhere = await model.generate(prompt("木星有多少颗卫星？", hit(text, language=language)), context=CONTEXT)
    assert elsewhere.abstained


async def test_markers_are_the_places_of_the_passages(model: ExtractiveModel, hit: MakeHit, prompt: MakePrompt) -> None:
    for number in (1, 2, 3):
        hits = [hit(TRAVEL), hit("The canteen serves soup on Mondays.")]
        hits.insert(number - 1, hit(HALIBUT))
        completion = await model.generate(prompt("When does the halibut project ship?", *hits), context=CONTEXT)
        assert quotes(completion)[0] == ("The halibut project ships on 3 May 2031.", number)
        for sentence, found in quotes(completion):
            assert sentence in hits[found - 1].chunk.text


async def test_quotes_keep_line_breaks_and_markup_within(
    model: ExtractiveModel, hit: MakeHit, prompt: MakePrompt
) -> None:
    text = "The halibut project\nships on **3 May\n2031**, says the plan."
    completion = await model.generate(prompt("When does the halibut project ship?", hit(text)), context=CONTEXT)
    assert completion.text == f"{text} [1]"


async def test_the_same_question_gets_the_same_answer(model: ExtractiveModel, hit: MakeHit, prompt: MakePrompt) -> None:
    asked = prompt("When does the halibut project ship?", hit(TRAVEL), hit(HALIBUT))
    first, second = [replace(await model.generate(asked, context=CONTEXT), seconds=0) for _ in range(2)]
    assert first == second


async def test_more_passages_change_neither_the_answer_nor_the_refusal(
    model: ExtractiveModel, hit: MakeHit, prompt: MakePrompt
) -> None:
    others = [hit(f"Room {number} is on floor {number}. It has a window.") for number in range(1, 8)]
    question = "When does the halibut project ship?"
    alone = await model.generate(prompt(question, hit(HALIBUT)), context=CONTEXT)
    among = await model.generate(prompt(question, hit(HALIBUT), *others), context=CONTEXT)
    assert quotes(alone)[0] == quotes(among)[0]
    assert (await model.generate(prompt(question, *others), context=CONTEXT)).abstained


async def test_nothing_is_said_twice(model: ExtractiveModel, hit: MakeHit, prompt: MakePrompt) -> None:
    again = "The halibut project ships on 3 May 2031. Posters are printed in April."
    asked = prompt("When does the halibut project ship?", hit(HALIBUT), hit(again), hit(HALIBUT))
    said = [sentence for sentence, _ in quotes(await model.generate(asked, context=CONTEXT))]
    assert len(said) == len(set(said))


@pytest.mark.parametrize("most", [1, 2, 5])
async def test_it_quotes_no_more_sentences_than_it_may(
    most: int, minilm: OpenVINOEmbedder, hit: MakeHit, prompt: MakePrompt
) -> None:
    text = " ".join(f"The halibut project ships part {part} on {part} May." for part in range(1, 9))
    asked = prompt("When does the halibut project ship?", hit(text))
    completion = await ExtractiveModel(minilm, sentences=most).generate(asked, context=CONTEXT)
    assert len(quotes(completion)) == most


async def test_a_threshold_of_ones_own_counts(minilm: OpenVINOEmbedder, hit: MakeHit, prompt: MakePrompt) -> None:
    known, unknown = "When does the halibut project ship?", "Where is the office?"
    strict, loose = ExtractiveModel(minilm, threshold=0.9999), ExtractiveModel(minilm, threshold=1e-9)
    assert (await strict.generate(prompt(known, hit(HALIBUT)), context=CONTEXT)).abstained
    assert not (await loose.generate(prompt(unknown, hit(HALIBUT)), context=CONTEXT)).abstained


@pytest.mark.parametrize("settings", [{"sentences": 0}, {"threshold": 0.0}, {"threshold": 1.0}, {"threshold": -3}])
def test_settings_out_of_range_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="out of range: expected"):
        ExtractiveModel(HashingEmbedder(), **settings)  # pyright: ignore[reportArgumentType]


# ── How much is run ──────────────────────────────────────────────────────────────────────────────────────────────────


class Watched(HashingEmbedder):
    """Notes what it is given. With the calibrated fingerprint it stands for the default embedder."""

    def __init__(self, fingerprint: str) -> None:
        super().__init__()
        self.fingerprint = fingerprint
        self.texts: list[str] = []

    async def embed_tokens(self, texts: Sequence[str], *, context: Context):
        self.texts += texts
        assert all(len(self.tokens(text)[0]) <= self.window for text in texts)
        return await super().embed_tokens(texts, context=context)


@pytest.mark.parametrize("length", [1, 50, 5_000])
async def test_five_thousand_sentences_are_read_within_bounds(length: int, hit: MakeHit, prompt: MakePrompt) -> None:
    sentences = [f"Room {number} is on floor {number % 9}." for number in range(5_000)]
    texts = [" ".join(sentences[start : start + length]) for start in range(0, 5_000, length)]
    watched = Watched(load().embedder)
    asked = prompt("When does the halibut project ship?", hit(HALIBUT), *map(hit, texts))
    completion = await ExtractiveModel(watched, threshold=1e-9).generate(asked, context=CONTEXT)
    assert len(watched.texts) <= MOST_WINDOWS + 1
    assert quotes(completion)[0] == ("The halibut project ships on 3 May 2031.", 1)


async def test_a_question_of_many_pages_asks_by_its_beginning(hit: MakeHit, prompt: MakePrompt) -> None:
    watched = Watched(load().embedder)
    asked = prompt("When does the halibut project ship? " * 500, hit(HALIBUT))
    assert not (await ExtractiveModel(watched).generate(asked, context=CONTEXT)).abstained


async def test_another_embedder_is_not_asked(hit: MakeHit, prompt: MakePrompt) -> None:
    watched = Watched("another")
    asked = prompt("When does the halibut project ship?", hit(HALIBUT))
    completion = await ExtractiveModel(watched).generate(asked, context=CONTEXT)
    assert quotes(completion)[0][0] == "The halibut project ships on 3 May 2031."
    assert watched.texts == []
