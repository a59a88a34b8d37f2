"""A project whose passages a reranker of its own puts in order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import ragstone
from openai_server import closed_port
from ragstone.cli.init import Default, write
from ragstone.errors import ModelUnavailable, NotConfigured
from ragstone.pipelines.spec import RerankSpec, RetrieveSpec
from ragstone.project import Project
from ragstone.trace import Step
from ragstone.types import Hit
from rerank_server import Server, serving

QUESTION = "When does the halibut project ship?"
FILES = {
    "halibut": "The halibut project ships on 3 May 2031.",
    "turbot": "The turbot project ships some day.",
    "zander": "A zander lives in lakes and rivers.",
}
ANSWER = """index: ingest
retrieve: {{mode: hybrid, k: 8, rerank: {rerank}}}
prompt: answer
route: {{models: [extractive]}}
"""
CROSS = "kind: reranker\ntype: rerank\nmodel: m\nretries: 0\nbase_url: {url}\n"


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as started:
        yield started


def made(folder: Path, url: str, rerank: str = "{by: cross}", files: dict[str, str] = FILES) -> Path:
    write(folder, model=Default.extractive)
    for name, text in files.items():
        (folder / "documents" / f"{name}.md").write_text(f"# {name}\n\n{text}\n")
    with (folder / "pipelines" / "ingest.yaml").open("a") as ingest:
        ingest.write("tokens: false\n")  # no late interaction, which takes a while to get ready
    (folder / "connectors" / "cross.yaml").write_text(CROSS.format(url=url))
    (folder / "pipelines" / "answer.yaml").write_text(ANSWER.format(rerank=rerank))
    return folder


async def found(folder: Path, *, k: int = 8) -> tuple[list[str], list[Hit], Step]:
    """Names in their order, the hits, and the step of the trace in which they were reranked."""
    async with ragstone.aopen(folder) as rag:
        await rag.ingest()
        hits = await rag.search(QUESTION, k=k)
        (trace,) = await rag.traces(limit=1)
    step = next((step for step in trace.steps if step.name == "retrieve.rerank"), Step("nothing", 0))
    return [hit.chunk.title for hit in hits], hits, step


async def test_the_reranker_changes_the_order_and_its_scores_stand_beside_the_others(tmp_path: Path, server: Server):
    names, _, _ = await found(made(tmp_path / "without", server.url, "null"))
    assert names[0] == "halibut"
    server.score = lambda query, text: -0.5 + text.casefold().count("zander")
    names, hits, step = await found(made(tmp_path / "with", server.url, "{by: cross}, smooth: 0"))
    assert names[0] == "zander"
    assert names[1:] == ["halibut", "turbot"], "what it holds for equal stays as the search had it"
    assert [hit.scores["rerank"] for hit in hits] == [1.5, -0.5, -0.5]
    assert hits[0].scores["fused"] < hits[1].scores["fused"]
    assert step.facts["by"] == "cross"
    assert [score for _, score in step.facts["rerank"]] == [1.5, -0.5, -0.5]
    assert step.facts["rerank"][0][0] == step.facts["best"][0][0] == hits[0].chunk.id
    ((query, texts),) = [(body["query"], body["documents"]) for body in server.requests]
    assert query == QUESTION
    assert "# halibut\n\nThe halibut project ships on 3 May 2031." in texts


async def test_it_reads_fifty_and_the_others_follow_as_they_were(tmp_path: Path, server: Server):
    files = {f"note-{number:02}": f"Note {number} on halibut {'and ships ' * (number % 9)}" for number in range(60)}
    project = made(tmp_path, server.url, "{by: cross}, smooth: 0", files)
    _, hits, _ = await found(project, k=60)
    assert sum(len(body["documents"]) for body in server.requests) == 50
    read = [hit for hit in hits if "rerank" in hit.scores]
    assert hits[: len(read)] == read
    scores = [hit.scores["rerank"] for hit in read]
    assert scores == sorted(scores, reverse=True)
    fused = [hit.scores["fused"] for hit in hits[len(read) :]]
    assert len(fused) > 5
    assert fused == sorted(fused, reverse=True)


async def test_a_reranker_that_is_down_is_said_clearly(tmp_path: Path):
    project = made(tmp_path, f"http://127.0.0.1:{closed_port()}/v1")
    with pytest.raises(ModelUnavailable, match=r"cross \(http://127.*cannot be reached.*Is the server running"):
        await found(project)


async def test_an_optional_one_is_done_without_and_the_trace_says_so(tmp_path: Path):
    names, hits, step = await found(
        made(tmp_path, f"http://127.0.0.1:{closed_port()}/v1", "{by: cross, optional: true}")
    )
    assert names[0] == "halibut"
    assert not any("rerank" in hit.scores for hit in hits)
    assert "not reranked: cross" in step.facts["note"]


async def test_one_without_an_address_is_not_configured_optional_or_not(tmp_path: Path):
    project = made(tmp_path, "${env:RAGSTONE_RERANK_URL:}", "{by: cross, optional: true}")
    with pytest.raises(NotConfigured, match="RAGSTONE_RERANK_URL is not set"):
        await found(project)
    assert any("cross.yaml" in str(one) for one in Project(project).waiting()), "ragstone check says so"
    assert not list(Project(project).faults())


def test_check_names_the_faults_of_a_rerankers_file(tmp_path: Path):
    project = made(tmp_path, "localhost\nbatsch: 3", "{by: cros}")
    said = [str(fault) for fault in Project(project).faults()]
    assert any("cross.yaml:6" in one and "unknown key 'batsch'" in one and "'batch'" in one for one in said)
    assert any("answer.yaml:2" in one and "Did you mean 'cross'?" in one for one in said)
    made(tmp_path / "again", "localhost", "{by: cross, top: 0}")
    said = [str(fault) for fault in Project(tmp_path / "again").faults()]
    assert any("cross.yaml:5:1: base_url is no address" in one for one in said)
    assert any("retrieve.rerank.top" in one for one in said)
    assert not list(Project(made(tmp_path / "fine", "http://localhost/v1")).faults())


def test_a_model_of_its_own_weighs_more_than_late_interaction():
    late, own = RerankSpec(), RerankSpec(by="cross")
    assert (late.weight, late.top) == (0.4, 50)
    assert (own.weight, own.top, own.optional) == (1.0, 50, False)
    assert (RerankSpec(by="cross", weight=0.3).weight, RerankSpec(by="cross", top=7).top) == (0.3, 7)
    nested = RetrieveSpec.model_validate({"rerank": {"by": "cross", "top": 20}}).rerank
    assert nested == RerankSpec(by="cross", top=20)
    assert RetrieveSpec.model_validate({"rerank": {"by": "interaction"}}).rerank == late
