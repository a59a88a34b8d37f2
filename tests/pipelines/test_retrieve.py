"""From a question to what is read: each stage, and all of them together."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, cast

import pytest

from ragstone.caching.tokens import TokenKeeper
from ragstone.config import template
from ragstone.errors import StoreUnavailable
from ragstone.inference.router import Router
from ragstone.ingestion.splitters.parent_child import ParentChildSplitter
from ragstone.ingestion.splitters.tokens import TokenSplitter
from ragstone.ingestion.workers import Here
from ragstone.pipelines import parts
from ragstone.pipelines.answer import AnswerPipeline
from ragstone.pipelines.index import Index
from ragstone.pipelines.ingest import IngestPipeline
from ragstone.pipelines.spec import RetrieveSpec
from ragstone.pipelines.upkeep import forget
from ragstone.prompts.file import load
from ragstone.protocols import Embedder, Reranker, Splitter
from ragstone.retrieval import fuse
from ragstone.state.sqlite import ProjectState
from ragstone.testing import HashingEmbedder, MemoryCache, MemoryLexicalIndex, MemorySource, MemoryStore, ScriptedModel
from ragstone.text.analyzer import query_terms
from ragstone.text.sentences import sentences
from ragstone.trace import Step
from ragstone.types import Context, Document, Hit, Piece

FISH = ("Cod", "Eel", "Halibut", "Turbot", "Plaice", "Sole")
ABOUT = (
    "{0} swims in the cold north. Its colour is grey. Nobody sells {0} before May.",
    "The price of {0} is nine euros. It rose twice. The market closes at noon.",
    "Boats for {0} leave from Vigo. They stay out for a week. The crew has six people.",
)
FILES = {
    f"{name.lower()}.md": f"# {name}\n\n"
    + "\n\n".join(f"## {at}\n\n{text.format(name)}" for at, text in enumerate(ABOUT))
    for name in FISH
}
QUESTION = "Where do boats for halibut leave from?"
PLAIN: dict[str, Any] = {"rerank": None, "smooth": 0, "trim": 0, "diversify": {"duplicates": None}}


class Sea:
    """An index of files, and ways to ask it."""

    def __init__(
        self,
        files: Mapping[str, str] = FILES,
        *,
        splitter: Splitter | None = None,
        store: MemoryStore | None = None,
        languages: frozenset[str] | None = None,
        tokens: bool = True,
        **options: Any,
    ) -> None:
        inner = HashingEmbedder(dimensions=96)
        inner.languages = languages
        keeper = TokenKeeper(inner, MemoryCache()) if tokens else None
        self.embedder: Embedder = keeper or inner
        self.source = MemorySource(files, name="sea", **options)
        self.index = Index(
            name="ingest",
            tenant="default",
            state=ProjectState(None),
            splitter=splitter or TokenSplitter(embedder=inner, size=24),
            embedder=self.embedder,
            store=store or MemoryStore(),
            lexical=MemoryLexicalIndex(),
            reader=Here(),
            tokens=keeper,
        )
        self.steps: list[Step] = []

    async def ingested(self) -> Sea:
        report = await IngestPipeline(self.index, [self.source]).run(context=Context())
        assert not report.failed
        return self

    def pipeline(self, reranker: Reranker | None = None, **spec: Any) -> AnswerPipeline:
        folder = template() / "prompts"
        return AnswerPipeline(
            self.index,
            Router({"m": ScriptedModel(["Yes."])}),
            prompt="answer",
            prompt_file=lambda name: load(folder / f"{name}.prompty", root=folder),
            retrieve=RetrieveSpec.model_validate(spec),
            reranker=reranker,
        )

    async def search(
        self, question: str = QUESTION, *, k: int | None = None, reranker: Reranker | None = None, **spec: Any
    ) -> list[Hit]:
        context = Context()
        found = await self.pipeline(reranker, **spec).search(question, k=k, context=context)
        self.steps = context.trace.steps
        return found

    def step(self, name: str) -> Step | None:
        """The step of the last search."""
        return next((step for step in self.steps if step.name == f"retrieve.{name}"), None)

    def facts(self, name: str) -> dict[str, Any]:
        step = self.step(name)
        assert step is not None, [each.name for each in self.steps]
        return step.facts

    async def documents(self) -> dict[str, Document]:
        """The documents by uri."""
        state = self.index.state
        rows = [state.named("ingest", uri, tenant="default") for uri in state.all_uris("ingest", tenant="default")]
        found = [state.document("ingest", row.id, tenant="default") for named in rows for row in named]
        return {one.uri: one for one in found if one}


@pytest.fixture(scope="module")
def sea() -> Sea:
    """The usual files, ingested once."""
    return asyncio.run(Sea().ingested())


def texts(hits: Sequence[Hit]) -> list[str]:
    return [hit.chunk.text for hit in hits]


def order(hits: Sequence[Hit]) -> list[str]:
    return [hit.chunk.id for hit in hits]


# ── All stages ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_each_stage_is_in_the_trace_with_its_best_scores_inside_the_whole(sea: Sea):
    hits = await sea.search(k=3, expand={"merge": True})
    names = [step.name for step in sea.steps]
    searched = ["embed", "dense", "lexical", "read", "dense.seen", "lexical.seen", "fuse"]
    stages = [*searched, "rerank", "smooth", "diversify", "expand", "trim", "pack"]
    assert sorted(names) == sorted(["retrieve", *(f"retrieve.{stage}" for stage in stages)])
    for stage in ("fuse", "rerank", "smooth", "diversify"):
        facts = sea.facts(stage)
        assert facts["found"] == 18, stage
        best = [score for _, score in facts["best"]]
        assert len(best) == 10
        assert best == sorted(best, reverse=True)
    whole = sea.steps[0]
    assert whole.name == "retrieve"
    assert whole.facts == {"mode": "hybrid", "k": 3, "found": len(hits)}
    assert all(0 <= step.seconds <= whole.seconds for step in sea.steps)
    assert all(step.start + step.seconds <= whole.start + whole.seconds for step in sea.steps)
    assert sea.facts("diversify")["best"][0][0] == hits[0].chunk.id
    assert sea.facts("trim")["kept"] == sum(map(len, texts(hits))) < sea.facts("trim")["characters"]


async def test_the_best_sentence_of_the_right_passage_is_found(sea: Sea):
    hits = await sea.search(k=2)
    assert texts(hits)[0] == "Boats for Halibut leave from Vigo."
    assert (hits[0].chunk.uri, hits[0].chunk.line, hits[0].chunk.heading) == ("halibut.md", 13, ("Halibut", "2"))


async def test_without_stages_the_order_is_the_fused_one(sea: Sea):
    hits = await sea.search(k=10, **PLAIN)
    vector = await sea.embedder.embed_query(QUESTION, context=Context())
    lists = {
        "dense": await sea.index.store.search(vector, k=100, context=Context()),
        "lexical": await sea.index.lexical.search(query_terms(QUESTION, languages=["en"]), k=100, context=Context()),
    }
    expected = fuse.convex(lists, weights={"dense": 0.5, "lexical": 0.5})[:10]
    assert order(hits) == [id_ for id_, _ in expected]
    assert [hit.scores["final"] for hit in hits] == [scores["fused"] for _, scores in expected]
    assert [hit.rank for hit in hits] == list(range(1, 11))
    assert not {"retrieve.rerank", "retrieve.smooth", "retrieve.expand", "retrieve.trim"} & {s.name for s in sea.steps}
    ranks = fuse.reciprocal_rank(lists)[:10]
    assert order(await sea.search(k=10, **PLAIN, fusion="rrf")) == [id_ for id_, _ in ranks]


@pytest.mark.parametrize(
    ("mode", "names"), [("dense", {"dense"}), ("lexical", {"lexical"}), ("hybrid", {"dense", "lexical"})]
)
async def test_every_score_is_kept_by_its_name(sea: Sea, mode: str, names: set[str]):
    hits = await sea.search("halibut boats", k=3, mode=mode)
    assert set(hits[0].scores) == names | {"fused", "rerank", "final"}
    finals = [hit.scores["final"] for hit in hits]
    assert finals == sorted(finals, reverse=True)
    plain = await sea.search("halibut boats", k=3, mode=mode, **PLAIN)
    assert set(plain[0].scores) == names | {"fused", "final"}
    assert (sea.step("embed") is None) == (mode == "lexical")


@pytest.mark.parametrize("spec", [{}, PLAIN, {"diversify": {"mmr": 0.4}}, {"fusion": "rrf"}])
async def test_an_order_depends_on_the_documents_alone(spec: dict[str, Any]):
    twins = {**FILES, **{f"twin-{uri}": text for uri, text in FILES.items()}}
    sea = await Sea(twins).ingested()
    back = await Sea(dict(reversed(twins.items()))).ingested()
    spec = {**spec, "diversify": {**spec.get("diversify", {}), "duplicates": None}}
    first = order(await sea.search(k=12, **spec))
    assert first == order(await sea.search(k=12, **spec)) == order(await back.search(k=12, **spec))


async def test_what_is_ranked_is_as_it_was_stored(sea: Sea):
    stored = set(await sea.index.store.ids(context=Context()))
    hits = await sea.pipeline(expand={"neighbours": 2}, pack={"tokens": 5}).rank(QUESTION, k=7, context=Context())
    assert len(hits) == 7
    kept = await sea.index.chunks(order(hits))
    assert [hit.chunk for hit in hits] == [kept[id_] for id_ in order(hits)]
    assert stored >= set(order(hits))


# ── Rerank and smooth ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_in_a_large_index_there_is_no_interaction_and_the_trace_says_so(sea: Sea):
    hits = await sea.search(k=3, rerank={"limit": 17})
    assert sea.facts("rerank")["note"] == "more than 17 chunks: no late interaction"
    assert all("rerank" not in hit.scores for hit in hits)
    hits = await sea.search(k=3, rerank={"limit": 18})
    assert "note" not in sea.facts("rerank")
    assert all("rerank" in hit.scores for hit in hits)


async def test_for_a_language_that_the_embedder_does_not_read_only_fusion_orders():
    files = {**FILES, "zh.md": "# 比目鱼\n\n比目鱼的船从维戈出发。价格是九欧元。市场中午关门。"}
    sea = await Sea(files, languages=frozenset({"en"})).ingested()
    hits = await sea.search("比目鱼的船从哪里出发？", k=3)
    assert hits[0].chunk.uri == "zh.md"
    assert not {"retrieve.rerank", "retrieve.smooth", "retrieve.trim"} & {step.name for step in sea.steps}
    assert sea.facts("fuse")["dense_weight"] == 0.2
    await sea.search(k=3)
    assert {"retrieve.rerank", "retrieve.smooth", "retrieve.trim"} <= {step.name for step in sea.steps}


async def test_without_token_vectors_there_is_neither_interaction_nor_trimming():
    sea = await Sea(tokens=False).ingested()
    hits = await sea.search(k=3)
    assert not {"retrieve.rerank", "retrieve.trim"} & {step.name for step in sea.steps}
    assert len(texts(hits)[0]) > len("Boats for Halibut leave from Vigo.")


class Backwards(Reranker):
    """Likes best what came last, and notes what it read."""

    def __init__(self) -> None:
        self.read: list[str] = []

    async def scores(self, question: str, texts: Sequence[str], *, context: Context) -> Sequence[float]:
        self.read = list(texts)
        return [10.0 * place for place in range(len(texts))]


async def test_a_reranker_of_ones_own_reads_the_first_and_has_its_weight(sea: Sea):
    reranker = Backwards()
    before = await sea.search(k=18, **PLAIN)
    spec = {**PLAIN, "rerank": {"by": "mine", "top": 5, "weight": 1.0, "limit": 0}}
    after = await sea.search(k=18, reranker=reranker, **spec)
    assert reranker.read == [hit.chunk.embedded for hit in before[:5]]
    assert order(after)[:4] == order(before)[4:0:-1]  # the first one got the least, as those that were not read
    assert [hit.scores.get("rerank") for hit in after[:4]] == [40.0, 30.0, 20.0, 10.0]
    assert sum("rerank" in hit.scores for hit in after) == 5
    assert sea.facts("rerank")["by"] == "mine"
    assert order(await sea.search(k=18, reranker=reranker, **{**spec, "rerank": {"by": "x", "weight": 0}})) == order(
        before
    )


class Undecided(Reranker):
    """Likes everything alike."""

    async def scores(self, question: str, texts: Sequence[str], *, context: Context) -> Sequence[float]:
        return [0.5] * len(texts)


async def test_equal_scores_stay_as_the_search_had_them(sea: Sea):
    hits = await sea.search(k=18, reranker=Undecided(), **{**PLAIN, "rerank": {"by": "mine", "weight": 1.0}})
    assert {hit.scores["final"] for hit in hits} == {1.0}
    assert hits == sorted(hits, key=lambda hit: (-hit.scores["fused"], hit.chunk.id))


class Lost(MemoryStore):
    """Has lost its vectors since they were searched."""

    async def vectors(self, ids: Sequence[str], *, context: Context) -> Any:
        return {}


async def test_what_was_not_smoothed_overtakes_nothing_that_was():
    sea = await Sea(store=Lost()).ingested()
    spec = {**PLAIN, "candidates": 6}
    before = order(await sea.search(k=12, **spec))
    hits = await sea.pipeline(**{**spec, "smooth": 0.9}).rank(QUESTION, k=12, context=Context())
    assert sorted(order(hits)[:5]) == sorted(before[:5])  # the worst of six may be level with the others
    top, *_ = (hit.scores for hit in hits)
    assert top["final"] == pytest.approx(0.1 * top["fused"])  # without a vector nothing is near


class Down(MemoryStore):
    """Takes what is written, and cannot be reached by a question."""

    async def search(self, vector: Any, *, k: int, where: Any = None, context: Context) -> Any:
        raise StoreUnavailable("cannot be reached")

    async def vectors(self, ids: Sequence[str], *, context: Context) -> Any:
        raise StoreUnavailable("cannot be reached")


@pytest.mark.parametrize(
    "spec", [{}, {"rerank": None}, {"rerank": {"top": 2}}, {"rerank": None, "diversify": {"mmr": 0.3}}]
)
async def test_while_the_store_is_down_words_are_searched_where_that_is_allowed(spec: dict[str, Any]):
    sea = await Sea(store=Down()).ingested()
    with pytest.raises(StoreUnavailable):
        await sea.search(**spec)
    hits = await sea.search(**spec, lexical_only=True)
    assert hits[0].chunk.uri == "halibut.md"
    assert set(hits[0].scores) - {"rerank"} == {"lexical", "fused", "final"}
    assert "only words were searched" in sea.facts("fallback")["note"]


# ── Diversify ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_says_the_same_is_found_once_however_often_it_stands_there():
    copies = {f"copy-{at}.md": FILES["halibut.md"] for at in range(12)}
    sea = await Sea({**FILES, **copies}).ingested()
    for k in (2, 4, 8):
        hits = await sea.search(k=k, trim=0)
        assert len(hits) == len({hit.chunk.text for hit in hits}) == k
    assert sea.facts("diversify")["dropped"] >= 12
    everything = await sea.search(k=8, trim=0, diversify={"duplicates": None})
    assert len({hit.chunk.text for hit in everything}) == 1


async def test_at_most_so_many_hits_are_of_one_document(sea: Sea):
    hits = await sea.search("halibut", k=6, diversify={"per_document": 1})
    assert len({hit.chunk.uri for hit in hits}) == 6
    assert [hit.chunk.uri for hit in await sea.search("halibut", k=3)] == ["halibut.md"] * 3


async def test_likeness_to_a_better_hit_can_count_against_one(sea: Sea):
    plain = await sea.search("boats", k=6, trim=0)
    spread = await sea.search("boats", k=6, trim=0, diversify={"mmr": 0.8})
    assert order(plain)[0] == order(spread)[0]
    assert sum("Boats" in text for text in texts(plain)) > sum("Boats" in text for text in texts(spread))


# ── What is read ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_parents_are_read_whole_and_once():
    embedder = HashingEmbedder(dimensions=96)
    files = {"halibut.md": FILES["halibut.md"]}
    sea = await Sea(files, splitter=ParentChildSplitter(embedder=embedder, size=12, parent_size=60)).ingested()
    question = "halibut swims in the cold north, its colour is grey, nobody sells it before May"
    found = await sea.pipeline().rank(question, k=2, context=Context())
    assert len({hit.chunk.parent for hit in found}) == 1  # the best two are of one parent
    hits = await sea.search(question, k=2)
    documents = await sea.documents()
    assert texts(hits)[0].endswith("Its colour is grey. Nobody sells Halibut before May.")
    assert len({(hit.chunk.uri, hit.chunk.start) for hit in hits}) == len(hits) == 2
    for hit in hits:
        assert hit.chunk.text == documents[hit.chunk.uri].text[hit.chunk.start : hit.chunk.end]
    assert sea.facts("trim")["kept"] == sea.facts("trim")["characters"]


async def test_neighbours_are_read_whole(sea: Sea):
    hits = await sea.search(k=2, expand={"neighbours": 1})
    alone = await sea.search(k=2, trim=0)
    chunks = sea.index.state.chunks_of("ingest", hits[0].chunk.document_id, tenant="default")
    at = [(chunk.start, chunk.end) for chunk in chunks].index((alone[0].chunk.start, alone[0].chunk.end))
    near = chunks[max(0, at - 1) : at + 2]
    assert (hits[0].chunk.start, hits[0].chunk.end) == (near[0].start, near[-1].end)
    documents = await sea.documents()
    assert all(hit.chunk.text == documents[hit.chunk.uri].text[hit.chunk.start : hit.chunk.end] for hit in hits)


async def test_hits_that_touch_become_one(sea: Sea):
    apart = await sea.search("halibut", k=3, trim=0)
    (whole,) = await sea.search("halibut", k=3, trim=0, expand={"merge": True})
    assert {hit.chunk.uri for hit in apart} == {"halibut.md"}
    assert whole.chunk.start == min(hit.chunk.start for hit in apart)
    assert whole.chunk.end == max(hit.chunk.end for hit in apart)
    assert whole.chunk.id == apart[0].chunk.id


async def test_a_trimmed_hit_is_a_range_of_its_document_with_what_was_said_before_it():
    class Told(TokenSplitter):
        """Says before each piece what it is about."""

        def split(self, document: Document) -> Sequence[Piece]:
            pieces = super().split(document)
            return [Piece(piece.start, piece.end, context="Prices of fish. In euros.") for piece in pieces]

    sea = await Sea(splitter=Told(embedder=HashingEmbedder(dimensions=96), size=24)).ingested()
    hits = await sea.search("How often did the price of sole rise?", k=4)
    documents = await sea.documents()
    for hit in hits:
        document = documents[hit.chunk.uri]
        assert hit.chunk.text == document.text[hit.chunk.start : hit.chunk.end]
        assert hit.chunk.line == document.text.count("\n", 0, hit.chunk.start) + 1
        assert hit.chunk.context == "Prices of fish. In euros."
    assert hits[0].chunk.uri == "sole.md"
    assert texts(hits)[0].startswith("The price of Sole is nine euros.")
    assert "market" not in texts(hits)[0]


async def test_a_hit_that_was_cut_before_is_cut_the_same_way_and_nothing_is_split_again(
    monkeypatch: pytest.MonkeyPatch,
):
    parts.forget()
    sea = await Sea().ingested()
    first = await sea.search()
    monkeypatch.setattr(parts, "sentences", lambda text: pytest.fail("it was split before"))
    assert texts(await sea.search()) == texts(first)
    monkeypatch.undo()
    assert await forget(sea.index, sea.index.state.all_uris("ingest", tenant="default")[0], context=Context()) == 1
    split: list[str] = []
    monkeypatch.setattr(parts, "sentences", lambda text: split.append(text) or sentences(text))
    await sea.search()
    assert split, "what was forgotten is kept nowhere"


async def test_who_writes_into_the_metadata_of_a_hit_changes_no_other_hit(sea: Sea):
    for spec in ({"trim": 0}, {}):
        first, *_ = await sea.search(**spec)
        cast("dict[str, Any]", first.chunk.metadata)["seen"] = True
        again, *_ = await sea.search(**spec)
        assert again.chunk.id == first.chunk.id
        assert "seen" not in again.chunk.metadata


async def test_a_table_is_read_whole():
    table = "| fish | euros |\n| --- | --- |\n| Ling | 4 |\n| Hake | 6 |\n"
    sea = await Sea({**FILES, "table.md": f"# Ling\n\n{table}"}).ingested()
    hits = await sea.search("How many euros is ling?", k=4)
    assert table.strip() in texts(hits)
    shorter = await sea.search("How many euros is ling?", k=4, trim=0)
    assert sum(map(len, texts(hits))) < sum(map(len, texts(shorter)))


async def test_the_higher_the_threshold_the_less_is_read(sea: Sea):
    lengths = [sum(map(len, texts(await sea.search(k=5, trim=trim)))) for trim in (0, 0.3, 0.6, 0.95)]
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[0] > lengths[-1] > 0


async def test_hits_fill_the_room_that_there_is(sea: Sea):
    hits = await sea.search(k=8, trim=0, pack={"tokens": 60, "order": "edges"})
    counts = [len(sea.embedder.tokens(hit.chunk.embedded)[0]) for hit in hits]
    assert 40 < sum(counts) <= 60
    ranks = [hit.rank for hit in hits]
    assert ranks[0] == 1
    assert ranks[-1] == 2
    assert sorted(ranks) == list(range(1, len(hits) + 1))
    (one,) = await sea.search(k=8, pack={"tokens": 1})
    assert one.chunk.uri == "halibut.md"


async def test_an_empty_index_gives_nothing():
    sea = Sea({})
    assert await sea.search() == []
    assert sea.steps[0].facts["note"] == "the index is empty"
