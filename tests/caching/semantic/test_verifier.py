"""A verifier is symmetric, never refuses a question its own words, and needs no token vectors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone.caching.semantic.calibration import shipped
from ragstone.caching.semantic.questions import Asked
from ragstone.caching.semantic.verifier import CHECKS, Verifier

DIMENSIONS = 384
VERIFIER = Verifier(shipped())
SAID = ("how do I", "sell", "not", "5", "6", "Python", "Java", "from", "to", "Rome", "Oslo", "kg", "lb", "best", "why")
TEXTS = st.one_of(st.text(min_size=1, max_size=60), st.lists(st.sampled_from(SAID)).map(" ".join))


def asked(text: str, seed: int = 0, *, near: float = 1.0, tokens: bool = False) -> Asked:
    """A question whose vector has that cosine to the one of seed 0."""
    lot = np.random.default_rng(0)
    one, other = lot.normal(size=(2, DIMENSIONS))
    one /= np.linalg.norm(one)
    other -= (other @ one) * one
    other /= np.linalg.norm(other)
    vector = (near * one + np.sqrt(1 - near**2) * other).astype(np.float32)
    if not tokens:
        return Asked(text, vector)
    rows = np.random.default_rng(seed).normal(size=(4, DIMENSIONS))
    return Asked(text, vector, (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32))


@given(TEXTS, st.booleans())
def test_a_question_is_itself(text: str, tokens: bool) -> None:
    one = asked(text, tokens=tokens)
    assert VERIFIER.judge(one, one).same


@given(TEXTS, TEXTS, st.floats(0.8, 1.0))
def test_the_order_of_two_questions_makes_no_difference(first: str, second: str, near: float) -> None:
    one, other = asked(first), asked(second, near=near)
    assert VERIFIER.judge(one, other) == VERIFIER.judge(other, one)


@given(TEXTS.filter(lambda text: text.strip() != ""), st.integers(2, 9_999))
def test_a_number_that_is_appended_refuses(text: str, number: int) -> None:
    found = VERIFIER.judge(asked(text), asked(f"{text} : {number}"))
    assert not found.same
    assert found.check in ("numbers", "dates")


@given(TEXTS, TEXTS, st.floats(-1, 1))
def test_a_judgement_says_who_refused(first: str, second: str, near: float) -> None:
    found = VERIFIER.judge(asked(first), asked(second, near=near))
    assert found.same == (found.check == "")
    assert found.check in ("", *CHECKS)
    assert 0 <= found.score <= 1


def test_what_is_far_is_refused_before_its_words_are_read() -> None:
    found = VERIFIER.judge(asked("Is it warm?"), asked("Is it hot?", near=VERIFIER.near - 0.01))
    assert (found.same, found.score, found.check) == (False, 0.0, "near")


def test_case_and_the_last_sign_are_no_difference() -> None:
    assert VERIFIER.judge(asked("Who is Ana?"), asked("who is ana", near=0.0)).same


@pytest.mark.parametrize("near", [0.95, 1.0])
def test_a_veto_outweighs_any_nearness(near: float) -> None:
    found = VERIFIER.judge(asked("Should I sell it?"), asked("Should I not sell it?", near=near))
    assert (found.same, found.check) == (False, "negation")


def test_the_model_decides_where_no_veto_does() -> None:
    one = asked("Which tea is good?")
    assert VERIFIER.judge(one, asked("Which tea is good then?", near=0.99)).same
    assert VERIFIER.judge(one, asked("Which tea is good then?", near=VERIFIER.near + 0.001)).check == "model"
    strict = shipped().model_copy(
        update={"without_tokens": shipped().without_tokens.model_copy(update={"threshold": 1.0})}
    )
    assert Verifier(strict).judge(one, asked("Which tea is good then?", near=0.99)).check == "model"


def test_a_question_without_token_vectors_is_judged_without() -> None:
    one = asked("Which tea is good?", tokens=True)
    assert VERIFIER.judge(one, replace(asked("Which tea is good then?", near=0.99), tokens=None)).same
