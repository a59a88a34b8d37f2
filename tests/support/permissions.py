"""What nobody may get out of an index: random documents, rights, settings and callers, and all that a caller can see.

Each document has marks that no other has: one in its uri, one in its text that questions may hold, one that they never
do. A mark, an id or a uri of a document that a caller may not see must stand nowhere in what the caller is shown.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

from hypothesis import strategies as st

from ragstone.assembly import LooseParts
from ragstone.errors import RagstoneError
from ragstone.ingestion.parse import document_id
from ragstone.ingestion.splitters.parent_child import ParentChildSplitter
from ragstone.ingestion.splitters.tokens import TokenSplitter
from ragstone.pipelines.answer import AnswerPipeline
from ragstone.pipelines.spec import RetrieveSpec
from ragstone.protocols import NO_VERSIONS, LexicalIndex, Reranker, Source, VectorStore, Versions
from ragstone.rag import AsyncRag
from ragstone.retrieval.where import allowed
from ragstone.testing import HashingEmbedder, MemoryLexicalIndex, MemoryStore, ScriptedModel
from ragstone.testing.suites.samples import chunk
from ragstone.types import Context, Item, Record

Backend = Callable[[str], tuple[VectorStore, LexicalIndex]]
"""A store and an index for the collection of that name."""

WORDS = ("river", "halibut", "budget", "ship", "red", "pension", "north", "plan", "may", "salary", "turbot", "lead")
POOL = (  # bodies that several documents may have, so that one is a duplicate of another
    "The halibut project ships in May and nobody knows why the budget of the north is so red this year.",
    "The pension plan of the river office was changed by the lead of the turbot project last spring again.",
)
PEOPLE = ("user:ana", "group:hr", "group:it")
ACLS = (("public",), (), ("group:hr",), ("group:it",), ("user:ana", "group:hr"), ("public", "group:it"))
SOURCE, TENANT, OTHER = "documents", "default", "other"
ELSEWHERE = "elsewhere7k"  # stands in each text of the other tenant


@dataclass(frozen=True)
class Text:
    """A document: its body, who may see it when it is ingested, and who from then on, before any index knows."""

    number: int
    body: str
    acl: tuple[str, ...]
    later: tuple[str, ...] | None

    @property
    def uri(self) -> str:
        return f"u7x{self.number}.md"

    @property
    def id(self) -> str:
        return document_id(TENANT, SOURCE, self.uri)

    def seen_by(self, principals: Sequence[str]) -> bool:
        """Whether it may be shown."""
        return not {"public", *principals}.isdisjoint(self.acl if self.later is None else self.later)

    def found_by(self, principals: Sequence[str]) -> bool:
        """Whether it must be found: a permission that was given counts once the indexes know of it."""
        return self.seen_by(principals) and not {"public", *principals}.isdisjoint(self.acl)


@dataclass(frozen=True)
class Ask:
    """One question of one caller."""

    words: str
    principals: tuple[str, ...]
    k: int
    spec: RetrieveSpec
    reranked: bool


@dataclass(frozen=True)
class World:
    """What is ingested, how it is cut, and what is asked."""

    texts: tuple[Text, ...]
    parents: bool
    size: int
    asks: tuple[Ask, ...]


# ── Random ones ─────────────────────────────────────────────────────────────────────────────────────────────────────


@st.composite
def bodies(draw: st.DrawFn, number: int) -> str:
    """Some paragraphs; now and then those of another document."""
    if draw(st.integers(0, 2)) == 0:
        return draw(st.sampled_from(POOL))
    made: list[str] = []
    for _ in range(draw(st.integers(1, 4))):
        words = " ".join(draw(st.lists(st.sampled_from(WORDS), min_size=4, max_size=10)))
        made.append(f"The {words} ask7x{number} secret7x{number}. It says {draw(st.sampled_from(WORDS))}.")
    return "\n\n".join(made)


@st.composite
def specs(draw: st.DrawFn) -> dict[str, Any]:
    """Settings of `retrieve`."""
    return {
        "mode": draw(st.sampled_from(["hybrid", "hybrid", "dense", "lexical"])),
        "fusion": draw(st.sampled_from(["convex", "rrf"])),
        "candidates": draw(st.sampled_from([3, 100])),
        "rerank": draw(st.sampled_from([None, {}, {"top": 2}, {"limit": 1}, {"by": "other", "weight": 1.0}])),
        "smooth": draw(st.sampled_from([0.0, 0.35, 1.0])),
        "diversify": {
            "duplicates": draw(st.sampled_from([None, 0.3, 0.9])),
            "mmr": draw(st.sampled_from([0.0, 0.5, 1.0])),
            "per_document": draw(st.sampled_from([None, 1, 2])),
        },
        "expand": {"neighbours": draw(st.sampled_from([0, 0, 1, 3])), "merge": draw(st.booleans())},
        "trim": draw(st.sampled_from([0.0, 0.68])),
        "pack": {
            "tokens": draw(st.sampled_from([None, 30])),
            "order": draw(st.sampled_from(["rank", "edges", "source"])),
        },
        "lexical_only": draw(st.booleans()),
    }


@st.composite
def asks(draw: st.DrawFn, count: int) -> Ask:
    """A question, that may name what it must not get."""
    spec = RetrieveSpec.model_validate(draw(specs()))
    words = draw(st.lists(st.sampled_from([*WORDS, *(f"ask7x{n}" for n in range(count))]), min_size=1, max_size=6))
    principals = draw(st.lists(st.sampled_from([*PEOPLE, "public", "", "group:none"]), max_size=3, unique=True))
    reranked = spec.rerank is not None and spec.rerank.by == "other"
    return Ask(" ".join(words), tuple(principals), draw(st.sampled_from([1, 2, 8, 1000])), spec, reranked)


@st.composite
def worlds(draw: st.DrawFn, *, revoked: bool = True) -> World:
    """Documents, splitter and questions."""
    count = draw(st.integers(1, 8))
    changes = st.one_of(st.none(), st.none(), st.sampled_from(ACLS)) if revoked else st.none()
    texts = tuple(Text(n, draw(bodies(n)), draw(st.sampled_from(ACLS)), draw(changes)) for n in range(count))
    asked = tuple(draw(st.lists(asks(count), min_size=1, max_size=4)))
    return World(texts, draw(st.booleans()), draw(st.sampled_from([12, 40])), asked)


# ── An index of one ─────────────────────────────────────────────────────────────────────────────────────────────────


class Texts(Source):
    """Lists the documents of a world, each with its own rights."""

    name, protected = SOURCE, True

    def __init__(self, texts: Sequence[Text]) -> None:
        self.texts, self.ending = texts, ""

    async def items(self, *, context: Context, known: Versions = NO_VERSIONS) -> AsyncIterator[Item]:
        for text in self.texts:
            data = f"{text.body}{self.ending}".encode()
            yield Item(
                uri=text.uri,
                version=f"{len(data)}",
                size=len(data),
                read=lambda data=data: data,
                acl=text.acl,
                metadata={"number": text.number},
            )


class Letters(Reranker):
    """Prefers what shares more letters with the question."""

    async def scores(self, question: str, texts: Sequence[str], *, context: Context) -> Sequence[float]:
        return [len(set(question) & set(text)) / len(text) for text in texts]


class Parts(LooseParts):
    """Default parts with stores of a backend, one for each tenant, and with the settings of the next question."""

    spec, reranked = RetrieveSpec(), False

    def __init__(self, backend: Backend, **parts: Any) -> None:
        self.backend = backend
        self.made: dict[str, tuple[VectorStore, LexicalIndex]] = {}
        super().__init__(**parts)

    def _default(self, kind: str, type_name: str, tenant: str, protocol: type[Any]) -> Any:
        if tenant not in self.made:
            self.made[tenant] = self.backend(tenant)
        return self.made[tenant][kind == "lexical"]

    def answer(self, *, tenant: str, pipeline: str = "answer") -> AnswerPipeline:
        made = super().answer(tenant=tenant, pipeline=pipeline)
        file = made._prompt_file  # pyright: ignore[reportPrivateUsage]
        reranker = Letters() if self.reranked else None
        return AnswerPipeline(
            made.index, made.router, prompt=made.prompt, prompt_file=file, retrieve=self.spec, reranker=reranker
        )


def in_memory(collection: str) -> tuple[VectorStore, LexicalIndex]:
    """The fakes of `ragstone.testing`."""
    return MemoryStore(), MemoryLexicalIndex()


@asynccontextmanager
async def ingested(world: World, backend: Backend, *, tenants: Sequence[str] = (TENANT,)) -> AsyncGenerator[AsyncRag]:
    """A Rag with the world's documents in it, and `Parts` underneath. What is revoked only the state knows."""
    embedder, source = HashingEmbedder(dimensions=64), Texts(world.texts)
    splitter = (
        ParentChildSplitter(embedder=embedder, size=world.size, parent_size=3 * world.size)
        if world.parents
        else TokenSplitter(embedder=embedder, size=world.size)
    )
    model = ScriptedModel(lambda prompt: "It ships [1]. It does not [2][3].")
    rag = AsyncRag.__new__(AsyncRag)
    parts = Parts(backend, embedder=embedder, splitter=splitter, sources=[source], model=model)
    rag._parts = parts  # pyright: ignore[reportPrivateUsage]
    try:
        for tenant in tenants:
            source.ending = "" if tenant == TENANT else f" {ELSEWHERE}."
            assert (await rag.ingest(tenant=tenant)).added == len(world.texts)
        index = parts.index(tenant=TENANT)
        for text in world.texts:
            if text.later is not None:
                index.state.relabel(index.key, text.id, text.later)
        yield rag
    finally:
        for store, lexical in parts.made.values():
            await store.drop(context=Context())
            await lexical.drop(context=Context())
        await rag.close()


# ── What a caller sees ──────────────────────────────────────────────────────────────────────────────────────────────


async def shown(rag: AsyncRag, ask: Ask, texts: Sequence[Text]) -> str:
    """All that one caller can get out of a Rag with one question, as one text."""
    parts: Any = rag._parts  # pyright: ignore[reportPrivateUsage]
    parts.spec, parts.reranked = ask.spec, ask.reranked
    seen: list[Any] = []
    asked: dict[str, Any] = {"k": ask.k, "principals": ask.principals}
    seen += [asdict(hit) for hit in await rag.search(ask.words, **asked)]
    seen += [asdict(hit) for hit in await rag.search(ask.words, where={"number": {"$gte": 0}}, **asked)]
    answer = await rag.ask(ask.words, **asked)
    seen += [asdict(answer), answer.as_dict(), asdict(await rag.explain(ask.words, **asked))]
    seen.append(asdict(await rag.chat(principals=ask.principals).ask(ask.words)))
    for wrong in ({"where": {"acl": "group:hr"}}, {"where": {"number": "u7x"}}, {"k": 0}, {"prompt": "u7x"}):
        try:
            seen.append(asdict(await rag.explain(ask.words, **{**asked, **wrong})))
        except RagstoneError as error:
            seen.append(str(error))
    for text in texts:
        document = await rag.document(text.id, principals=ask.principals)
        assert (document is not None) == text.seen_by(ask.principals)
        seen.append(asdict(document) if document else None)
    trace = await rag.trace(answer.trace_id, principals=ask.principals)
    assert trace is not None
    seen += [asdict(one) for one in (trace, *await rag.traces(principals=ask.principals, limit=100))]
    return json.dumps(seen, default=str)


async def require_secrecy(world: World, backend: Backend, *, tenants: Sequence[str] = (TENANT, OTHER)) -> None:
    """Asks every question; nobody is shown a mark, an id or a uri of what is not for them, or another tenant's."""
    async with ingested(world, backend, tenants=tenants) as rag:
        parts: Any = rag._parts  # pyright: ignore[reportPrivateUsage]
        index = parts.index(tenant=TENANT)
        ids = {
            text.id: [chunk.id for chunk in index.state.chunks_of(index.key, text.id, tenant=TENANT)]
            for text in world.texts
        }
        for ask in world.asks:
            seen = await shown(rag, ask, world.texts)
            assert ELSEWHERE not in seen
            for text in world.texts:
                if not text.seen_by(ask.principals):
                    marks = [text.uri, text.id, f"secret7x{text.number}.", *ids[text.id]]
                    assert [mark for mark in marks if mark in seen] == []
        await _require_all(rag, world)


async def _require_all(rag: AsyncRag, world: World) -> None:
    """Whoever may see a document finds it: secrecy by showing nothing would be none."""
    parts: Any = rag._parts  # pyright: ignore[reportPrivateUsage]
    for principals in {(), *(ask.principals for ask in world.asks)}:
        must = {text.uri for text in world.texts if text.found_by(principals)}
        may = {text.uri for text in world.texts if text.seen_by(principals)}
        for mode in ("dense", "hybrid"):
            settings = {"mode": mode, "candidates": 1000, "diversify": {"duplicates": None}}
            parts.spec, parts.reranked = RetrieveSpec.model_validate(settings), False
            found = await rag.search(" ".join(WORDS), k=1000, principals=principals)
            assert must <= {hit.chunk.uri for hit in found} <= may
        if must and all(text.later is None for text in world.texts):
            parts.spec = RetrieveSpec(mode="dense", candidates=1)  # what is forbidden takes no place in the store
            assert len(await rag.search(" ".join(WORDS), k=1, principals=principals)) == 1


async def require_indifference(world: World) -> None:
    """What a caller may not see changes nothing: the same hits with the same scores as where it was never ingested.

    That holds for vectors. By words it cannot: how rare a word is, is counted over the whole index (BM25). The store is
    one that computes each score by itself: the last digit of the others' depends on what they compute beside it.
    """
    for ask in world.asks:
        given = {"mode": "dense", "rerank": ask.spec.rerank if ask.reranked else None, "trim": 0.0}
        ask = replace(ask, spec=ask.spec.model_copy(update=given))
        less = replace(world, texts=tuple(text for text in world.texts if text.seen_by(ask.principals)))
        found: list[list[tuple[str, float, str]]] = []
        for part in (world, less):
            async with ingested(part, in_memory) as rag:
                parts: Any = rag._parts  # pyright: ignore[reportPrivateUsage]
                parts.spec, parts.reranked = ask.spec, ask.reranked
                hits = await rag.search(ask.words, k=ask.k, principals=ask.principals)
            found.append([(hit.chunk.id, round(hit.scores["final"], 4), hit.chunk.text) for hit in hits])
        assert found[0] == found[1]


async def require_no_rights_left(make: Callable[[str], VectorStore]) -> None:
    """What takes the place of a dropped collection, in the same store or in another, has none of its rights."""
    context, vector = Context(), HashingEmbedder(dimensions=8)
    (row,) = await vector.embed(["halibut"], context=context)
    kept = make("kept")
    await kept.upsert(
        [Record(chunk("kept", acl=("public",)), row)], context=context
    )  # memory goes with its last client
    dropped, after = make("dropped"), make("after")
    for store in (dropped, after):
        await dropped.upsert([Record(chunk(f"a{n}", acl=("public",)), row) for n in range(9)], context=context)
        await dropped.drop(context=context)
        await store.upsert([Record(chunk(f"b{n}", acl=()), row) for n in range(9)], context=context)
        assert await store.search(row, k=9, where=allowed(frozenset()), context=context) == []
        await store.drop(context=context)
    for store in (kept, dropped, after):
        await store.close()
