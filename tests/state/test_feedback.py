"""What people have said of answers, kept."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone.errors import StateError, UsageError
from ragstone.state.feedback import Answered, Feedback, FeedbackFile, Said

ANSWERED = Answered(
    trace="a1",
    question="When does it ship?",
    answer="In June [1].",
    citations=("a.md", "b.md"),
    prompt="answer@1f",
    model="m",
    principals=("group:hr",),
)


@pytest.fixture(params=["file", "memory"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FeedbackFile]:
    made = FeedbackFile(tmp_path / "deep" / "feedback.db" if request.param == "file" else None, clock=lambda: 7.0)
    yield made
    made.close()


def test_it_comes_back_as_it_was_said(file: FeedbackFile):
    kept = file.keep(ANSWERED, Said(correction="In May.", comment="p. 3", by="ana"), tenant="acme")
    assert file.newest(tenant="acme") == [kept]
    assert kept == Feedback(
        trace="a1",
        question="When does it ship?",
        answer="In June [1].",
        citations=("a.md", "b.md"),
        prompt="answer@1f",
        model="m",
        principals=("group:hr",),
        tenant="acme",
        given=7.0,
        good=False,
        correction="In May.",
        comment="p. 3",
        by="ana",
    )
    assert file.newest(tenant="default") == []


@pytest.mark.parametrize(
    ("said", "good", "correction", "comment"),
    [
        ([Said(good=True), Said(good=False)], False, "", ""),
        ([Said(good=False), Said(correction="May.")], False, "May.", ""),
        ([Said(correction="May."), Said(good=False)], False, "May.", ""),
        ([Said(correction="May."), Said(good=True)], True, "", ""),
        ([Said(correction="May."), Said(correction="July.")], False, "July.", ""),
        ([Said(good=True, comment="Nice."), Said(comment="Very.")], True, "", "Very."),
        ([Said(good=True), Said(correction="In May, that is.", good=True)], True, "In May, that is.", ""),
    ],
)
def test_a_later_word_of_the_same_person_replaces_the_earlier_one(
    file: FeedbackFile, said: list[Said], good: bool, correction: str, comment: str
):
    for one in said:
        file.keep(ANSWERED, one, tenant="default")
    (kept,) = file.newest(tenant="default")
    assert (kept.good, kept.correction, kept.comment) == (good, correction, comment)


def test_what_others_say_stays(file: FeedbackFile):
    for by in ("ana", "bo", "ana"):
        file.keep(ANSWERED, Said(good=True, by=by), tenant="default")
    file.keep(ANSWERED, Said(good=False, by="ana"), tenant="acme")
    assert sorted((one.by, one.good) for one in file.newest(tenant="default")) == [("ana", True), ("bo", True)]
    assert len(file.newest(1, tenant="default")) == 1


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"correction": " \n"},
        {"correction": "x" * 20_001},
        {"comment": "x" * 20_001},
        {"good": True, "by": "x" * 201},
        {"comment": "\ud800"},
        {"good": "yes"},
        {"comment": 5},
    ],
)
def test_nothing_too_much_or_no_text_is_refused(said: dict[str, Any]):
    with pytest.raises(UsageError):
        Said(**said)


def test_with_a_document_goes_what_is_said_of_answers_that_cite_it(file: FeedbackFile):
    file.keep(ANSWERED, Said(good=True), tenant="default")
    file.keep(ANSWERED, Said(good=True), tenant="acme")
    file.forget(".md", tenant="default")
    assert file.newest(tenant="default")
    file.forget("b.md", tenant="default")
    assert file.newest(tenant="default") == []
    assert file.newest(tenant="acme")


def test_who_only_reads_makes_no_file(tmp_path: Path):
    file = FeedbackFile(tmp_path / "feedback.db")
    assert file.newest(tenant="default") == []
    file.forget("a.md", tenant="default")
    assert not file.path or not file.path.exists()


def test_many_threads_lose_nothing(tmp_path: Path):
    files = [FeedbackFile(tmp_path / "feedback.db") for _ in range(2)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: files[n % 2].keep(ANSWERED, Said(good=True, by=str(n)), tenant="t"), range(40)))
    assert len(files[0].newest(tenant="t")) == 40
    for file in files:
        file.close()


def test_another_version_and_damage_are_said_and_nothing_is_deleted(tmp_path: Path):
    path = tmp_path / "feedback.db"
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 9")
    db.close()
    file = FeedbackFile(path)
    with pytest.raises(StateError, match=r"another version.*move it away"):
        file.newest(tenant="default")
    path.write_bytes(b"no database" * 1_000)
    with pytest.raises(StateError, match="put a copy in its place"):
        file.keep(ANSWERED, Said(good=True), tenant="default")
    assert path.read_bytes().startswith(b"no database")
    file.close()


WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


@given(said=st.builds(Said, good=st.booleans(), correction=WORDS, comment=WORDS, by=WORDS), question=WORDS)
def test_any_words_come_back(said: Said, question: str):
    file = FeedbackFile(None)
    kept = file.keep(Answered(trace="t", question=question, answer=question), said, tenant="default")
    assert file.newest(tenant="default") == [kept]
    assert (kept.question, kept.by) == (question, said.by)
    if said.correction.strip():
        assert kept.correction == said.correction
    file.close()
