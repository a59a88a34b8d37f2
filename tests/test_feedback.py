"""Thumbs and corrections, given to a Rag by the trace of an answer."""

from __future__ import annotations

from pathlib import Path

import pytest

import ragstone
from ragstone.cli.init import Default, write
from ragstone.errors import UsageError

SHIPS = "When does the halibut project ship?"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write(tmp_path, model=Default.extractive)
    (tmp_path / "documents" / "halibut.md").write_text("# Halibut\n\nThe halibut project ships on 3 May 2031.\n")
    return tmp_path


async def test_feedback_holds_what_the_trace_holds_and_outlives_it(project: Path):
    async with ragstone.aopen(project) as rag:
        await rag.ingest()
        answer = await rag.ask(SHIPS)
        kept = await rag.feedback(answer, good=True, by="ana")
        assert (kept.trace, kept.question, kept.answer, kept.good) == (answer.trace_id, SHIPS, answer.text, True)
        assert kept.citations == ("documents/halibut.md",)
        assert kept.prompt == f"answer@{answer.prompt.version}"
        assert kept.model == answer.completion.model
    (project / ".ragstone" / "traces.db").unlink()
    async with ragstone.aopen(project) as rag:
        assert await rag.feedbacks() == [kept]
        with pytest.raises(UsageError, match="there is no trace"):
            await rag.feedback(answer, good=False)


async def test_an_answer_that_another_process_has_just_given_is_found(project: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("ragstone.tracing.store.MOMENT", 0.5)  # for so long it is not written
    monkeypatch.setattr("ragstone.records.LATE", (0.1, 2.0))
    async with ragstone.aopen(project) as one, ragstone.aopen(project) as other:
        await one.ingest()
        assert await other.traces() == []  # its file is there, and open
        answer = await one.ask(SHIPS)
        assert (await other.feedback(answer.trace_id, good=True)).answer == answer.text


def test_the_blocking_face_takes_the_beginning_of_a_trace(project: Path):
    with ragstone.open(project) as rag:
        rag.ingest()
        answer = rag.ask(SHIPS)
        assert rag.feedback(answer.trace_id[:8], correction="On 4 May.").correction == "On 4 May."
        (kept,) = rag.feedbacks(limit=5)
        assert kept.good is False


def test_nobody_says_anything_of_an_answer_that_they_may_not_see(project: Path):
    with ragstone.open(project) as rag:
        rag.ingest()
        answer = rag.ask(SHIPS, principals=["group:hr"])
        for who in ((), ("group:it",)):
            with pytest.raises(UsageError, match="there is no trace"):
                rag.feedback(answer, good=True, principals=who)
        with pytest.raises(UsageError, match="there is no trace"):
            rag.feedback(answer, good=True, principals=None, tenant="acme")
        assert rag.feedback(answer, good=True, principals=["group:hr", "group:it"]).principals == ("group:hr",)
        assert rag.feedback(answer, good=False, principals=None).good is False
        assert len(rag.feedbacks()) == 1


def test_a_request_without_an_answer_has_none_to_speak_of(project: Path):
    with ragstone.open(project) as rag:
        rag.ingest()
        rag.search(SHIPS)
        searched, ingested = rag.traces(principals=None)
        for trace in (searched, ingested):
            with pytest.raises(UsageError, match="holds no answer"):
                rag.feedback(trace.id, good=True, principals=None)


def test_a_question_of_a_conversation_says_so(project: Path):
    with ragstone.open(project) as rag:
        rag.ingest()
        assert rag.feedback(rag.chat().ask(SHIPS), good=True).request == "chat"


def test_forgetting_a_document_forgets_what_was_said_of_answers_from_it(project: Path):
    with ragstone.open(project) as rag:
        rag.ingest()
        rag.feedback(rag.ask(SHIPS), good=True)
        rag.index().forget("documents/halibut.md")
        assert rag.feedbacks() == []
