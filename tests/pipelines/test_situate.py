"""A sentence before each chunk, by a model."""

from __future__ import annotations

from pathlib import Path

import pytest

import ragstone
from ragstone.config import template
from ragstone.errors import ModelUnavailable
from ragstone.inference.router import Router
from ragstone.ingestion.splitters.tokens import TokenSplitter
from ragstone.ingestion.workers import Here
from ragstone.pipelines import upkeep
from ragstone.pipelines.admission import Admission
from ragstone.pipelines.index import Index
from ragstone.pipelines.ingest import IngestPipeline
from ragstone.pipelines.runner import PromptRunner
from ragstone.pipelines.situate import Situator
from ragstone.project import Project
from ragstone.prompts.file import PromptFile, load
from ragstone.protocols import Capabilities, Check
from ragstone.state.sqlite import ProjectState
from ragstone.testing import HashingEmbedder, MemoryCache, MemoryLexicalIndex, MemorySource, MemoryStore, ScriptedModel
from ragstone.types import Context
from ragstone.validation.policy import Guard, Policy
from ragstone.verdicts import Finding, Subject

TEXT = "# Halibut\n\nIt ships in May.\n\n# Turbot\n\nIt has no date."


def prompt(name: str) -> PromptFile:
    folder = template() / "prompts"
    return load(folder / f"{name}.prompty", root=folder)


def index(model: ScriptedModel, kept: MemoryCache) -> Index:
    embedder = HashingEmbedder(window=40)
    runner = PromptRunner(Router({"m": model}), prompt, models=("m",))
    return Index(
        name="ingest",
        tenant="default",
        state=ProjectState(None),
        splitter=TokenSplitter(embedder=embedder, size=12),
        embedder=embedder,
        store=MemoryStore(),
        lexical=MemoryLexicalIndex(),
        reader=Here(),
        situator=Situator(runner, embedder, kept),
    )


async def ingest(found: Index):
    return await IngestPipeline(found, [MemorySource({"a.md": TEXT}, name="docs")]).run(context=Context())


async def test_each_chunk_is_found_by_its_sentence_which_is_no_part_of_its_text():
    model, kept = ScriptedModel(lambda prompt: "About the flounder family."), MemoryCache()
    found = index(model, kept)
    assert (await ingest(found)).added == 1
    document = found.state.all_uris("ingest", tenant="default")
    (one,) = found.state.named("ingest", document[0], tenant="default")
    chunks = found.state.chunks_of("ingest", one.id, tenant="default")
    assert [chunk.context for chunk in chunks] == ["About the flounder family."] * 2
    assert [chunk.text for chunk in chunks] == [TEXT[chunk.start : chunk.end] for chunk in chunks]
    hits = await found.lexical.search(["flounder"], k=9, context=Context())
    assert len(hits) == 2
    asked = len(model.prompts)
    assert asked == 2
    assert "It ships in May." in model.prompts[0].messages[-1].content
    await ingest(index(model, kept))
    assert len(model.prompts) == asked, "what was said once is kept"


async def test_what_was_said_of_a_document_is_forgotten_with_it():
    kept = MemoryCache()
    found = index(ScriptedModel(lambda prompt: "About the flounder family."), kept)
    await ingest(found)
    assert (await kept.stats(context=Context())).entries == {"sentences": 2}
    assert await upkeep.forget(found, "a.md", context=Context()) == 1
    assert (await kept.stats(context=Context())).entries == {}


async def test_a_token_of_a_model_is_broken_up_for_it_and_whole_in_what_it_says():
    model = ScriptedModel(["About <| im_end|> and ~~ turn~~."])
    model.capabilities = Capabilities(special_tokens=frozenset({"~~turn~~"}))
    runner = PromptRunner(Router({"m": model}), prompt, models=("m",))
    inputs = {"title": "~~turn~~", "document": "<|im_end|>", "passage": "<|im_end|>"}
    completion = await runner.run("context", inputs, context=Context())
    assert "Title: ~~ turn~~\n" in model.prompts[0].messages[-1].content
    assert completion.text == "About <|im_end|> and ~~turn~~."


async def test_a_sentence_that_does_not_fit_the_window_is_cut():
    found = index(ScriptedModel(lambda prompt: "word " * 60), MemoryCache())
    await ingest(found)
    (one,) = found.state.named("ingest", "a.md", tenant="default")
    for chunk in found.state.chunks_of("ingest", one.id, tenant="default"):
        assert len(found.embedder.tokens(chunk.embedded)[0]) <= 38
        assert chunk.context


async def test_a_model_that_is_away_fails_the_document_and_not_the_run():
    report = await ingest(index(ScriptedModel(lambda prompt: ModelUnavailable("cannot be reached")), MemoryCache()))
    assert [one.uri for one in report.failed] == ["a.md"]
    assert "cannot be reached" in report.failed[0].reason


def test_a_project_says_what_the_context_needs(tmp_path: Path):
    from ragstone.cli.init import Default, write

    write(tmp_path, model=Default.extractive)
    path = tmp_path / "pipelines" / "ingest.yaml"
    plain = path.read_text()
    path.write_text(plain + "context: true\n")
    assert "name it, as in `route: {models: [local]}`" in str(next(iter(Project(tmp_path).faults())))
    path.write_text(plain + "context: true\nroute: {models: [extractive]}\n")
    with ragstone.open(tmp_path) as rag, pytest.raises(ragstone.errors.ConfigError, match="only quotes"):
        rag.ingest()


async def test_what_a_check_keeps_out_is_not_read_by_the_model_that_writes_the_sentence():
    class Words(Check):
        stages = ("passage",)

        async def check(self, subject: Subject, *, context: Context) -> Finding:
            return Finding(passed="ships" not in subject.text, reason="a word")

    model = ScriptedModel(lambda prompt: "About the flounder family.")
    found = index(model, MemoryCache())
    guard = Guard(name="words", check=Words(), policy=Policy(on_fail="drop"), stages=("passage",))
    found.admission = Admission([guard], fingerprint="+")
    assert len((await ingest(found)).flagged) == 1
    (asked,) = model.prompts
    said = "\n".join(message.content for message in asked.messages)
    assert "It has no date." in said
    assert "ships" not in said
