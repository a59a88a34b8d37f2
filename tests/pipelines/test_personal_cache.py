"""What holds personal data is kept by no cache, unless the pipeline says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from cached_project import QUESTION, CachedProject
from ragstone.cli.init import Default, write
from ragstone.errors import ConfigError
from ragstone.project import Project

ASKED = "When does the halibut project of jane.doe@example.com ship?"


async def calls(made: CachedProject, question: str) -> int:
    """How often models are asked for two requests that are equal."""
    async with made.opened() as rag:
        await rag.ingest()
        first = await rag.ask(question)
        second = await rag.ask(question)
        assert first.text == second.text
    return len(made.asked)


def project(folder: Path, monkeypatch: pytest.MonkeyPatch, *, route: str, cache: str) -> CachedProject:
    made = CachedProject(folder, monkeypatch)
    made.write("pipelines/answer.yaml", f"index: ingest\nprompt: answer\nroute: {route}\ncache: {cache}\n")
    return made


PRIVATE, PLAIN = "{models: [one], personal: true}", "{models: [one]}"


@pytest.mark.parametrize(
    ("route", "cache", "asked"),
    [
        (PLAIN, "true", 2),
        (PRIVATE, "true", 2),
        (PLAIN, "{personal: true}", 1),
        (PRIVATE, "{personal: true}", 1),
    ],
)
async def test_a_question_with_personal_data_is_kept_where_the_pipeline_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, route: str, cache: str, asked: int
):
    made = project(tmp_path, monkeypatch, route=route, cache=cache)
    assert await calls(made, ASKED) == asked


async def test_a_question_without_is_kept_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    assert await calls(project(tmp_path, monkeypatch, route=PRIVATE, cache="true"), QUESTION) == 1


async def test_an_answer_with_personal_data_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    made = project(tmp_path, monkeypatch, route=PRIVATE, cache="true")
    made.say = lambda _, __: "Ask ana.ruiz@example.com [1]."
    assert await calls(made, QUESTION) == 2


@pytest.mark.parametrize(
    ("route", "said"),
    [
        ("{models: [one], personal: {send: names}}", "send"),
        ("{models: [one], personal: {fields: {pasages: masks}}}", "pasages"),
        ("{models: [one], personal: {by: persnal}}", "personal"),
        ("{models: [one], personal: {types: [EMAIL]}}", "EMAIL_ADDRESS"),
    ],
)
async def test_what_is_amiss_is_said_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, route: str, said: str
):
    made = project(tmp_path, monkeypatch, route=route, cache="false")
    with pytest.raises(ConfigError, match=said) as raised:
        await calls(made, QUESTION)
    assert "answer.yaml" in str(raised.value)


@pytest.mark.parametrize(
    ("personal", "fault"),
    [
        ("true", ""),
        ("{by: personal, types: all, send: masks, fields: {question: nothing}}", ""),
        ("{by: persnal}", "there is no check of type 'persnal'"),
        ("{types: [EMAIL]}", "unknown type 'EMAIL'"),
        ("null", "route.personal: should be true, false, or keys and values: found nothing"),
        ("{types: null}", "route.personal.types: should be identifying, all, or a list of one type or more"),
        ("{types: []}", "route.personal.types: should be identifying, all, or a list of one type or more"),
        ("{by: egress}", "the check 'egress' finds no personal data: expected `personal`, `presidio`"),
    ],
)
def test_a_project_is_checked_before_anything_is_asked(tmp_path: Path, personal: str, fault: str):
    write(tmp_path, model=Default.extractive)
    route = f"index: ingest\nprompt: answer\nroute:\n  models: [extractive]\n  personal: {personal}\n"
    (tmp_path / "pipelines" / "answer.yaml").write_text(route)
    found = [str(one) for one in Project(tmp_path).faults()]
    assert len(found) == bool(fault)
    assert all(fault in one and "pipelines/answer.yaml:" in one for one in found)
