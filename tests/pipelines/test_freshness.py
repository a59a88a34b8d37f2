"""What is kept follows the data: whatever an answer rests on is changed, and the next question is answered afresh."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import ragstone
from mock_upstream import Upstream
from ragstone.cli.init import Default, write
from ragstone.protocols import Cache
from ragstone.types import Answer, Context

pytestmark = pytest.mark.long

HALIBUT = "# Halibut\n\nThe halibut project ships on 3 May 2031.\n"
PENSION = "# Pensions\n\nPensions are paid on the last day of each month.\n"
SHIPS, PAID = "When does the halibut project ship?", "When are pensions paid?"
ANSWER = """\
index: ingest
prompt: answer
retrieve: {mode: lexical, k: 1, rerank: null, trim: 0, smooth: 0}
route: {models: [local]}
cache: true
"""
EXAMPLES = "    layers:\n      few_shot: {file: examples/answer.jsonl, k: 1}\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write(tmp_path, model=Default.local)
    (tmp_path / "documents" / "halibut.md").write_text(HALIBUT)
    (tmp_path / "documents" / "pension.md").write_text(PENSION)
    (tmp_path / "pipelines" / "answer.yaml").write_text(ANSWER)
    return tmp_path


def cache_of(rag: ragstone.AsyncRag) -> Cache:
    (cache,) = rag._parts.caches.of_answers()  # pyright: ignore[reportPrivateUsage]
    return cache


async def calls(rag: ragstone.AsyncRag) -> int:
    return (await cache_of(rag).stats(context=Context())).entries.get("calls", 0)


async def settled(rag: ragstone.AsyncRag) -> None:
    """Waits for what is forgotten in the background."""
    await rag._parts._now.builder.caches.settled()  # pyright: ignore


async def both(rag: ragstone.AsyncRag, **who: object) -> tuple[Answer, Answer]:
    return await rag.ask(SHIPS, **who), await rag.ask(PAID, **who)  # type: ignore[arg-type]


# ── Documents ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_edited_document_is_answered_from_afresh_and_another_one_from_memory(
    project: Path, upstream: Upstream
):
    async with ragstone.aopen(project) as rag:
        await rag.ingest()
        await both(rag)
        assert [one.cached for one in await both(rag)] == [True, True]
        (project / "documents" / "halibut.md").write_text(HALIBUT.replace("3 May", "9 June"))
        await rag.ingest()
        assert await calls(rag) == 1
        assert [one.cached for one in await both(rag)] == [False, True]
    assert upstream.asked == 3


async def test_an_ingestion_that_changes_nothing_forgets_nothing(project: Path, upstream: Upstream):
    async with ragstone.aopen(project) as rag:
        await rag.ingest()
        await both(rag)
        (project / "documents" / "new.md").write_text("# New\n\nThe turbot is a flatfish.")
        (project / "documents" / "halibut.md").touch()
        await rag.ingest()
        await rag.ingest(rebuild=True)
        assert await calls(rag) == 2
        assert [one.cached for one in await both(rag)] == [True, True]


async def test_what_is_removed_goes_from_the_cache_too(project: Path, upstream: Upstream):
    async with ragstone.aopen(project) as rag:
        await rag.ingest()
        await both(rag)
        (project / "documents" / "halibut.md").unlink()
        await rag.ingest()
        assert await calls(rag) == 1
        assert (await rag.ask(PAID)).cached


async def test_what_is_forgotten_goes_from_the_cache_too(project: Path, upstream: Upstream):
    async with ragstone.aopen(project) as rag:
        await rag.ingest()
        await both(rag)
        await rag.index().forget("documents/halibut.md")
        assert await calls(rag) == 1


async def test_a_rebuild_forgets_what_it_has_made_otherwise(project: Path, upstream: Upstream):
    async with ragstone.aopen(project) as rag:
        await rag.ingest()
        await both(rag)
        (project / "documents" / "pension.md").write_text(PENSION.replace("last", "first"))
        await rag.ingest(rebuild=True)
        assert await calls(rag) == 1
        assert [one.cached for one in await both(rag)] == [True, False]


SIDECAR = "path: documents\nacl: {from: sidecar}"


async def test_permissions_that_change_are_heeded_at_once_and_what_was_kept_is_gone(project: Path, upstream: Upstream):
    source = project / "connectors" / "documents.yaml"
    source.write_text(f"kind: source\ntype: files\n{SIDECAR}\n")
    rule = project / "documents" / "halibut.md.acl.yaml"
    rule.write_text("allow: [group:hr]")
    (project / "documents" / "pension.md.acl.yaml").write_text("allow: [public]")
    hr = {"principals": ["group:hr"]}
    async with ragstone.aopen(project) as rag:
        await rag.ingest()
        told = await rag.ask(SHIPS, **hr)
        assert (await rag.ask(SHIPS, **hr)).cached
        stranger = await rag.ask(SHIPS)
        assert not stranger.cached
        assert [hit.chunk.uri for hit in told.hits] == ["documents/halibut.md"]
        assert "documents/halibut.md" not in {hit.chunk.uri for hit in stranger.hits}
        kept = await calls(rag)
        rule.write_text("allow: [group:it]")
        await rag.ingest()
        assert await calls(rag) < kept
        assert "documents/halibut.md" not in {hit.chunk.uri for hit in (await rag.ask(SHIPS, **hr)).hits}
        it = await rag.ask(SHIPS, principals=["group:it"])
        assert not it.cached
        assert [hit.chunk.uri for hit in it.hits] == ["documents/halibut.md"]


async def test_front_matter_counts_as_permissions_do(project: Path, upstream: Upstream):
    (project / "connectors" / "documents.yaml").write_text(
        "kind: source\ntype: files\npath: documents\nacl: {from: front-matter}\n"
    )
    path = project / "documents" / "halibut.md"
    path.write_text(f"---\nallow: [group:hr]\n---\n{HALIBUT}")
    async with ragstone.aopen(project) as rag:
        await rag.ingest()
        await rag.ask(SHIPS, principals=["group:hr"])
        assert await calls(rag) == 1
        path.write_text(f"---\nallow: [group:it]\n---\n{HALIBUT}")
        await rag.ingest()
        assert await calls(rag) == 0
        assert not (await rag.ask(SHIPS, principals=["group:hr"])).hits


async def test_a_cache_that_is_down_fails_no_ingestion_and_is_told_with_the_next_one(
    project: Path, upstream: Upstream, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    async with ragstone.aopen(project) as rag:
        await rag.ingest()
        await both(rag)
        cache = cache_of(rag)
        (project / "documents" / "halibut.md").write_text(HALIBUT.replace("3 May", "9 June"))
        with monkeypatch.context() as broken:
            broken.setattr(cache, "forget", None)  # whatever is called there fails
            assert (await rag.ingest()).changed == 1
        assert "stays in the cache until the next ingestion" in caplog.text
        assert await calls(rag) == 2
        await rag.ingest()
        assert await calls(rag) == 1


async def test_without_kept_answers_nothing_waits_to_be_forgotten(project: Path, upstream: Upstream):
    (project / "pipelines" / "answer.yaml").write_text(ANSWER.replace("cache: true", ""))
    async with ragstone.aopen(project) as rag:
        await rag.ingest()
        (project / "documents" / "halibut.md").unlink()
        await rag.ingest()
        state = rag._parts.index(tenant="default").state  # pyright: ignore[reportPrivateUsage]
        assert state.stale(tenant="default", most=10) == []


# ── Prompts and models ──────────────────────────────────────────────────────────────────────────────────────────────


async def asked_before_and_after(project: Path, change: dict[Path, tuple[str, str]]) -> list[int]:
    """Asks two questions, changes files, asks one of them: the entries before, and after that."""
    async with ragstone.aopen(project) as rag:
        await rag.ingest()
        await both(rag)
        await settled(rag)
        counts = [await calls(rag)]
        for path, (old, new) in change.items():
            text = path.read_text()
            assert old in text
            path.write_text(text.replace(old, new))
        assert not (await rag.ask(SHIPS)).cached
        await settled(rag)
        return [*counts, await calls(rag)]


async def test_an_edited_prompt_file_leaves_no_answer_behind(project: Path, upstream: Upstream):
    path = project / "prompts" / "answer.prompty"
    assert await asked_before_and_after(project, {path: ("The reader will check", "The reader checks")}) == [2, 1]


async def test_an_edited_include_leaves_no_answer_behind(project: Path, upstream: Upstream):
    path = project / "prompts" / "parts" / "citations.md"
    assert await asked_before_and_after(project, {path: ("\n", "\n\n")}) == [2, 1]


async def test_an_edited_example_file_leaves_no_answer_behind(project: Path, upstream: Upstream):
    prompt = project / "prompts" / "answer.prompty"
    text = prompt.read_text()
    prompt.write_text(text.replace("    tests: tests/answer.yaml\n", EXAMPLES))
    rows = project / "prompts" / "examples" / "answer.jsonl"
    rows.parent.mkdir()
    row = {"inputs": {"question": "Who mends the nets?"}, "output": "Nobody."}
    rows.write_text(json.dumps(row) + "\n")
    assert await asked_before_and_after(project, {rows: ("Nobody", "Somebody")}) == [2, 1]


async def test_a_models_option_that_changes_leaves_no_answer_behind(project: Path, upstream: Upstream):
    async with ragstone.aopen(project) as rag:
        await rag.ingest()
        await both(rag)
    path = project / "connectors" / "local.yaml"
    path.write_text(path.read_text() + "omits: [seed]\n")
    async with ragstone.aopen(project) as rag:
        assert await calls(rag) == 2
        assert not (await rag.ask(SHIPS)).cached
        await settled(rag)
        assert await calls(rag) == 1


async def test_another_process_learns_which_version_counts(project: Path, upstream: Upstream):
    prompt = project / "prompts" / "answer.prompty"
    async with ragstone.aopen(project) as rag:
        await rag.ingest()
        await both(rag)
    prompt.write_text(prompt.read_text().replace("The reader will check", "The reader checks"))
    async with ragstone.aopen(project) as rag:
        await rag.ask(SHIPS)
    async with ragstone.aopen(project) as rag:
        assert await calls(rag) == 1
        assert (await rag.ask(SHIPS)).cached


async def test_two_versions_in_use_leave_each_other_alone(project: Path, upstream: Upstream):
    """As two processes with other settings have them; the first time, one of them loses what it had."""
    prompt = project / "prompts" / "answer.prompty"
    one = prompt.read_text()
    other = one.replace("The reader will check", "The reader checks")
    async with ragstone.aopen(project) as rag:
        await rag.ingest()
    for text in (one, other, one, other, one):
        prompt.write_text(text)
        async with ragstone.aopen(project) as rag:
            last = await rag.ask(SHIPS)
            entries = await calls(rag)
    assert (last.cached, entries) == (True, 2)
