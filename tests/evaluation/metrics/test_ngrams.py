"""BLEU and ROUGE, held against the packages that define them."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu import corpus_bleu, sentence_bleu

from outcomes import NoTools, answered, case
from ragstone.evaluation.metrics.known import metric

said = st.lists(
    st.sampled_from(["the", "cod", "eel", "ships", "on", "3.5", "may", ",", "isn't", "A-1"]), max_size=12
).map(" ".join)
pairs = st.lists(st.tuples(said, st.lists(said.filter(str.strip), min_size=1, max_size=3)), min_size=1, max_size=6)
SLOW = settings(max_examples=60)


async def row(name: str, text: str, expected: list[str]) -> tuple[float, ...]:
    found = await metric(name).row(answered(text, case(expected=tuple(expected))), NoTools())
    assert found is not None
    return found


def of_corpus(texts: list[str], expected: list[list[str]]) -> float:
    """sacrebleu's figure; it wants as many right answers for each text, and takes None for one that is missing."""
    most = max(len(one) for one in expected)
    streams = [[one[at] if at < len(one) else None for one in expected] for at in range(most)]
    return corpus_bleu(texts, streams).score / 100


@SLOW
@given(pairs, st.randoms())
async def test_bleu_of_drawn_rows_is_that_of_the_drawn_texts(given: list[tuple[str, list[str]]], chance):
    bleu, rows = metric("bleu"), [await row("bleu", text, expected) for text, expected in given]
    drawn = [chance.randrange(len(given)) for _ in range(2 * len(given))]
    figure = bleu.figure(np.array([rows[at] for at in drawn]))
    assert 0 <= figure <= 1
    assert figure == pytest.approx(of_corpus([given[at][0] for at in drawn], [given[at][1] for at in drawn]))
    chance.shuffle(drawn)
    assert bleu.figure(np.array([rows[at] for at in drawn])) == pytest.approx(figure)


@SLOW
@given(said, st.lists(said.filter(str.strip), min_size=1, max_size=3))
async def test_the_score_of_one_answer_is_the_bleu_of_a_sentence(text: str, expected: list[str]):
    found = metric("bleu").score(await row("bleu", text, expected))
    assert found == pytest.approx(sentence_bleu(text, expected).score / 100)


@SLOW
@given(said, st.lists(said.filter(str.strip), min_size=1, max_size=3))
async def test_rouge_is_that_of_its_package_for_the_best_right_answer(text: str, expected: list[str]):
    theirs = RougeScorer(["rouge1", "rouge2", "rougeL"])
    for name in ("rouge1", "rouge2", "rougeL"):
        best = max(theirs.score(right, text)[name].fmeasure for right in expected)
        assert await row(name, text, expected) == (pytest.approx(best),)
        assert await row(name, text, expected[::-1]) == (pytest.approx(best),)


@pytest.mark.parametrize("name", ["bleu", "rouge1", "rouge2", "rougeL"])
@pytest.mark.parametrize(
    ("right", "near", "far"),
    [
        ("the eel ships on 3 May to Oslo", "the eel ships on 3 May to Rome", "nobody has ever said so"),
        ("der Aal wird über Nacht nach Köln geliefert", "der Aal wird über Nacht nach Bonn geliefert", "niemand weiß"),
        ("比目鱼将于五月三日发往奥斯陆", "比目鱼将于五月三日发往罗马", "没有人这样说过"),
        ("угорь отправят ночью в город Осло", "угорь отправят ночью в город Рим", "никто так не говорил"),
        ("ปลาไหลจะถูกส่งไปออสโล", "ปลาไหลจะถูกส่งไปโรม", "ไม่มีใครพูด"),
    ],
)
async def test_words_are_found_in_any_script(name: str, right: str, near: str, far: str):
    found = metric(name)
    scores = [found.score(await row(name, text, [right])) for text in (right, near, far)]
    assert scores[0] == pytest.approx(1)
    assert 1 > scores[1] > 2 * scores[2]


async def test_an_abstention_shortens_the_corpus_and_shares_nothing():
    nothing = await row("bleu", "", ["the eel ships"])
    assert nothing == (0, 3, 0, 0, 0, 0, 0, 0, 0, 0)
    assert metric("bleu").score(nothing) == 0
    whole = await row("bleu", "the eel ships on 3 May", ["the eel ships on 3 May"])
    assert metric("bleu").figure(np.array([whole, nothing])) == pytest.approx(np.exp(1 - 9 / 6))


def test_a_package_that_is_missing_is_named_with_the_command_that_brings_it():
    script = """
import sys
sys.modules["sacrebleu"] = sys.modules["rouge_score"] = None
from ragstone.errors import MissingExtra
from ragstone.evaluation.metrics.known import metric
for name in ("bleu", "rougeL"):
    try:
        metric(name)
    except MissingExtra as error:
        print(error)
metric("f1")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    hint = "Run: pip install 'ragstone[eval]'"
    assert done.stdout.splitlines() == [
        f"the metric 'bleu' needs the package 'sacrebleu'. {hint}",
        f"the metric 'rougeL' needs the package 'rouge_score'. {hint}",
    ]
