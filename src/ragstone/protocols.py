"""The whole extension surface, on one page.

A connector is a class with a constructor: the constructor's keyword parameters are its keys in YAML, checked by their
annotations, and a parameter annotated with a protocol names another connector. So this is a complete embedder:

    class Hashing(Embedder):
        fingerprint, dimensions, window = "hashing-1", 256, 8192

        async def embed(self, texts, *, context, ids=None):
            return np.stack([hash_words(text) for text in texts])

Register it under the entry point `ragstone.embedder`, and `type: hashing` finds it. Parser and Splitter are plain
functions, all else is asynchronous. `ragstone.testing` has a suite for each kind.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias

from ragstone.capabilities import FILTERS as FILTERS
from ragstone.capabilities import SETTINGS as SETTINGS
from ragstone.capabilities import Capabilities as Capabilities
from ragstone.errors import EmbedderError
from ragstone.replies import Load as Load
from ragstone.replies import Observation as Observation
from ragstone.replies import Reply as Reply
from ragstone.samples import all_of, numbered
from ragstone.spending import Claim, Spent
from ragstone.stored import Found, Lease, Stats, Stored
from ragstone.tables import Execute, T
from ragstone.trace import StoredTrace
from ragstone.types import (
    Completion,
    Context,
    Delta,
    Document,
    Entry,
    Filter,
    Item,
    Parsed,
    Piece,
    Prompt,
    Record,
    Scored,
    Trust,
)
from ragstone.usage import Usage
from ragstone.verdicts import Finding, OnFail, Stage, Subject

if TYPE_CHECKING:
    from ragstone.compact import Compact, Projection
    from ragstone.inbox import Inbox
    from ragstone.types import Matrix, Vector


class Connector(ABC):  # noqa: B024 - each kind below has its own abstract methods
    """What all connectors share: a name (that of its file), capabilities, a start and an end."""

    name: str = ""
    runs_code: ClassVar[bool] = False  # whether its file names code to run: then the project must allow plugins
    capabilities: ClassVar[Capabilities] | Capabilities = Capabilities()

    async def load(self) -> None:  # noqa: B027 - most connectors start at once
        """Starts what is slow to start, so that several parts can start side by side. Calling it is optional."""

    async def flush(self) -> None:  # noqa: B027 - most connectors write at once
        """Comes after the last write of a run: on return, other processes see all of it."""

    async def close(self) -> None:  # noqa: B027 - most connectors hold nothing
        """Gives back what the connector holds. Closing twice is harmless."""


Versions: TypeAlias = Mapping[str, str]
NO_VERSIONS: Versions = MappingProxyType({})


class Source(Connector):
    """Where documents come from."""

    protected: bool = False  # whether any of its items may be other than public
    trust: Trust = "retrieved"  # how far its words are; every document is labelled so, whatever it says of itself
    inbox: Inbox | None = None  # where files can be put, if anywhere

    @abstractmethod
    def items(self, *, context: Context, known: Versions = NO_VERSIONS) -> AsyncIterator[Item]:
        """Lists every item, reading none. Raises SourceUnavailable when the place itself cannot be reached.

        `known` are the versions of what was ingested before, by uri: a place that tells changes by itself is asked so.
        """


class Parser(Connector):
    """Makes text of bytes. It keeps no state and touches nothing but its argument; it runs in a worker process."""

    media_types: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def parse(self, data: bytes, *, uri: str) -> Parsed:
        """The text and its spans. Raises ParseError when nothing can be read, saying why."""


class Ocr(Connector):
    """Reads the words on an image. It runs in the worker that parses. `fingerprint` covers engine and languages."""

    fingerprint: str

    @abstractmethod
    def read(self, image: bytes) -> str:
        """The text on a PNG, JPEG or TIFF image, "" where there is none. Raises ParseError when it cannot be read."""


class Splitter(Connector):
    """Cuts a document into ranges, in order. `fingerprint` changes whenever the cuts may."""

    fingerprint: str
    tokenising: float = 0.0  # seconds that it has spent in a tokenizer so far

    @abstractmethod
    def split(self, document: Document) -> Sequence[Piece]:
        """The pieces; none is blank, and none is longer than the embedder's window."""


class Embedder(Connector):
    """Makes vectors of length 1. `fingerprint` covers weights, tokenizer, pooling and window: equal is comparable."""

    fingerprint: str
    dimensions: int
    window: int  # tokens, special ones included
    languages: frozenset[str] | None = None  # those that it reads well, as ISO 639-1 codes; None where it reads any
    price: float = 0.0  # USD per million tokens

    @abstractmethod
    async def embed(
        self, texts: Sequence[str], *, context: Context, ids: Sequence[Sequence[int]] | None = None
    ) -> Matrix:
        """Vectors of passages, shape (len(texts), dimensions). `ids` are the texts' own token ids, where known.

        Raises EmbedderError when a text is longer than the window: nothing is cut silently.
        """

    async def known(self, texts: Sequence[str], *, context: Context) -> Sequence[bool]:
        """For each text whether its vector is kept, so that embedding it costs nothing."""
        return [False] * len(texts)

    async def forget(self, texts: Sequence[str]) -> None:
        """Removes what is kept of these texts."""

    async def embed_query(self, text: str, *, context: Context) -> Vector:
        """The vector of one question, shape (dimensions,)."""
        return (await self.embed([text], context=context))[0]

    async def embed_queries(self, texts: Sequence[str], *, context: Context) -> Sequence[Vector]:
        """The vectors of several questions, as from `embed_query`."""
        return [await self.embed_query(text, context=context) for text in texts]

    async def embed_once(self, texts: Sequence[str], *, context: Context) -> Matrix:
        """Vectors as from `embed`, of texts of which nothing is kept."""
        return await self.embed(texts, context=context)

    async def embed_tokens(self, texts: Sequence[str], *, context: Context) -> Sequence[Matrix]:
        """For each text the vectors of its tokens, special ones left out, each of length 1: (tokens, dimensions)."""
        raise EmbedderError(f"{self.name or type(self).__name__} gives no token vectors")

    async def projection(self) -> Projection:
        """Fits how its token vectors are made compact. Raises EmbedderError when it gives none."""
        raise EmbedderError(f"{self.name or type(self).__name__} gives no token vectors")

    async def embed_compact(
        self, texts: Sequence[str], *, by: Projection, context: Context, ids: Sequence[Sequence[int]] | None = None
    ) -> tuple[Matrix, Sequence[Compact]]:
        """What `embed` gives, and the compact rows of the texts' tokens, special ones left out, in one pass."""
        rows = [by.rows(vectors) for vectors in await self.embed_tokens(texts, context=context)]
        return await self.embed(texts, context=context, ids=ids), rows

    async def embed_query_compact(self, text: str, *, by: Projection, context: Context) -> tuple[Vector, Compact]:
        """What `embed_query` gives, and the compact rows of as many of the question's tokens as `tokens` finds."""
        (vectors,) = await self.embed_tokens([text], context=context)
        return await self.embed_query(text, context=context), by.rows(vectors)

    def tokens(self, text: str) -> tuple[Sequence[int], Sequence[tuple[int, int]]]:
        """Token ids and their character ranges, special tokens left out. Raises when the embedder has no tokenizer."""
        raise EmbedderError(f"{self.name or type(self).__name__} has no tokenizer", hint="Split by characters instead.")

    def all_tokens(self, texts: Sequence[str]) -> Sequence[tuple[Sequence[int], Sequence[tuple[int, int]]]]:
        """What `tokens` gives of each text."""
        return [self.tokens(text) for text in texts]


class VectorStore(Connector):
    """Keeps vectors and finds the nearest. A filter runs inside its query, or raises UnsupportedFilter."""

    async def prepare(self, dimensions: int) -> None:
        """Comes while a run reads its first documents: makes what an empty store needs for vectors of that length."""

    @abstractmethod
    async def upsert(self, records: Sequence[Record], *, context: Context) -> None:
        """Writes or replaces, by chunk id. On return the records are on disk."""

    @abstractmethod
    async def delete(self, ids: Sequence[str], *, context: Context) -> None:
        """Removes; an unknown id is no error."""

    @abstractmethod
    async def search(
        self, vector: Vector, *, k: int, where: Filter | None = None, context: Context
    ) -> Sequence[Scored]:
        """At most k chunks, by cosine similarity in [-1, 1], best first."""

    def joins(self, index: LexicalIndex) -> bool:
        """Whether `search_both` asks that index in the same call: both live in one database."""
        return False

    async def search_both(
        self,
        vector: Vector,
        terms: Sequence[str],
        *,
        index: LexicalIndex,
        k: int,
        where: Filter | None = None,
        context: Context,
    ) -> tuple[Sequence[Scored], Sequence[Scored]]:
        """What `search` and the `search` of an index that it joins find, each at most k chunks."""
        near = await self.search(vector, k=k, where=where, context=context)
        return near, await index.search(terms, k=k, where=where, context=context)

    @abstractmethod
    async def ids(self, *, context: Context) -> Sequence[str]:
        """The ids of every record that it keeps, in any order."""

    @abstractmethod
    async def vectors(self, ids: Sequence[str], *, context: Context) -> Mapping[str, Vector]:
        """The vectors of those ids that it keeps."""

    @abstractmethod
    async def drop(self, *, context: Context) -> None:
        """Removes the whole collection, also one that can no longer be read; the next upsert begins a new one."""

    async def count(self, *, context: Context) -> int:
        """How many records it keeps."""
        return len(await self.ids(context=context))


class LexicalIndex(Connector):
    """Keeps analysed terms and ranks by BM25. Terms come from our one analyzer; the index does not touch them."""

    @abstractmethod
    async def upsert(self, entries: Sequence[Entry], *, context: Context) -> None:
        """Writes or replaces, by chunk id. On return the entries are on disk and can be found."""

    @abstractmethod
    async def delete(self, ids: Sequence[str], *, context: Context) -> None:
        """Removes; an unknown id is no error."""

    @abstractmethod
    async def search(
        self, terms: Sequence[str], *, k: int, where: Filter | None = None, context: Context
    ) -> Sequence[Scored]:
        """At most k chunks that hold any of the terms, by BM25, best first."""

    async def frequencies(self, terms: Sequence[str], *, context: Context) -> Mapping[str, int]:
        """In how many entries each of the terms stands; one that is left out is not known."""
        return {}

    @abstractmethod
    async def ids(self, *, context: Context) -> Sequence[str]:
        """The ids of every entry that it keeps, in any order."""

    @abstractmethod
    async def drop(self, *, context: Context) -> None:
        """Removes the whole index, also one that can no longer be read; the next upsert begins a new one."""

    async def count(self, *, context: Context) -> int:
        """How many entries it keeps."""
        return len(await self.ids(context=context))


class Reranker(Connector):
    """Reads a question and a passage together, and says how well the one answers the other."""

    @abstractmethod
    async def scores(self, question: str, texts: Sequence[str], *, context: Context) -> Sequence[float]:
        """One score for each text, higher is better; comparable within one call only."""


class Lookup(Connector):
    """Fetches what an outside system knows, for a slot of a prompt. It reads, and changes nothing there.

    `fingerprint` changes with whatever may change a reply: the address, the headers, the account. `keep` are the
    seconds for which a reply may be used again by the same tenant.
    """

    fingerprint: str
    keep: float = 0.0

    @abstractmethod
    def allow(self, path: str) -> None:
        """Raises ConfigError for a path, with `{places}`, that it does not ask for; it names those that it does."""

    @abstractmethod
    async def fetch(self, path: str, *, context: Context) -> Reply:
        """What stands at a path whose values are in place. Raises LookupFailed, also for a path it does not allow."""


class Tool(Connector):
    """What a model may use on its way to an answer. It reads, and changes nothing outside."""

    description: str  # one line for the model: what it does, and what it is given

    @abstractmethod
    async def use(self, given: str, *, context: Context) -> Observation:
        """What it finds for a text that a model wrote. Raises ToolFailed, whose message the model is told."""


class Model(Connector):
    """Answers a prompt. It retries nothing and counts nothing: who asks wraps it for that (`ragstone.inference`).

    `fingerprint` changes with whatever of the model may change an answer: its server, its name, its own settings. That
    of a connector's file is made where it is read; answers of a model without one are not kept.
    """

    fingerprint: str = ""

    @abstractmethod
    async def generate(self, prompt: Prompt, *, context: Context) -> Completion:
        """The whole completion. Raises a ModelError; what was not configured raised NotConfigured before."""

    async def sample(self, prompt: Prompt, *, n: int, context: Context) -> Sequence[Completion]:
        """So many completions, whose usage adds up to that of all: one request, where the model `samples`.

        Elsewhere it asks for each by itself, a few at a time. A seed counts on from sample to sample: who asks for more
        gives a higher one. The first failure ends all, unless a model keeps the rest: then notices say how many lack.
        """
        return await all_of(n, lambda number: self.generate(numbered(prompt, number), context=context))

    async def stream(self, prompt: Prompt, *, context: Context) -> AsyncGenerator[Delta]:
        """The completion piece by piece; the last delta carries the whole of it."""
        completion = await self.generate(prompt, context=context)
        yield Delta(completion.text, completion)

    async def probe(self, *, context: Context) -> Usage:
        """Finds out once what its server can do, so that `capabilities` say it, and returns what that took.

        What is known is not asked again. Calling it is optional: what a prompt needs to know is found out with the
        first that needs it. It never raises for a server that does not answer: it is asked again next time.
        """
        return Usage()

    async def busy(self, *, context: Context) -> Load | None:
        """How busy its server is now; None where it does not tell."""
        return None


class Ledger(Connector):
    """Counts tokens and money, and holds budgets and limits: what many ask for at once is never given out twice.

    A claim takes the worst case of a call off every budget and limit that it names, in one step, before the call; it is
    settled with what was used, or released where nothing was. All three are counted once, however often they are sent,
    and in whatever order they come: what was reported wins over an estimate, and what was used over a release. A settle
    whose claim is not known counts like any other. A claim that is EXPIRE seconds old is settled as an estimate.
    """

    @abstractmethod
    async def reserve(self, claim: Claim, *, context: Context) -> None:
        """Takes it, or nothing of it. Raises OverBudget or RateLimited, which say of what there is too little."""

    @abstractmethod
    async def settle(self, claim: Claim, usage: Usage, *, nano: int, reported: bool, context: Context) -> None:
        """What the call has used, and cost, in place of the claim; `reported` by the server, or estimated by us."""

    @abstractmethod
    async def release(self, claim: Claim, *, context: Context) -> None:
        """Gives it back: the call used nothing."""

    @abstractmethod
    async def spent(self, *, since: str, until: str, context: Context) -> Sequence[Spent]:
        """What was settled from one day to another (`2026-11-21`), both included: a row for each account and day."""

    @abstractmethod
    async def open(self, *, estimated: bool = False, context: Context) -> Sequence[Claim]:
        """The claims that were neither settled nor released: calls under way, and those of processes that died.

        With `estimated` also those of late that were settled by our own estimate: all that a server's log may correct.
        """


class Cache(Connector):
    """Keeps bytes by key, in rooms of their own, while there is room. Whoever loses one makes it again.

    A room is a short word (`calls`, `vectors`), a key at most 64 bytes. What was used last stays longest. Raises
    CacheUnavailable where it cannot be asked; `SparedCache` makes a miss of that, for nothing may wait for a cache.
    """

    @abstractmethod
    async def get(self, room: str, keys: Sequence[bytes], *, context: Context) -> Mapping[bytes, Found]:
        """Those that are there and whose time is not over, in one round trip. Each counts as used now."""

    @abstractmethod
    async def put(
        self, room: str, entries: Mapping[bytes, Stored], *, lease: Lease | None = None, context: Context
    ) -> None:
        """Keeps or replaces entries, all or none. With a lease that another one has followed, nothing is kept."""

    @abstractmethod
    async def remove(self, room: str, keys: Sequence[bytes], *, context: Context) -> None:
        """Removes entries; an unknown key is no error."""

    @abstractmethod
    async def forget(self, tags: Sequence[str], *, context: Context) -> int:
        """Removes from every room whatever has one of these tags, and says how many entries that were."""

    @abstractmethod
    async def tagged(self, room: str, tag: str, *, context: Context) -> Sequence[bytes]:
        """The keys of a room's entries that have a tag, the oldest first."""

    @abstractmethod
    async def clear(self, rooms: Sequence[str] = (), *, context: Context) -> int:
        """Removes everything from these rooms, or from all, and says how many entries that were."""

    @abstractmethod
    async def claim(self, key: bytes, *, owner: str, seconds: float, context: Context) -> Lease | None:
        """Takes a key for so many seconds, or holds it longer; None while another owner has it.

        A lease that was not held longer ends by itself, so that someone else takes over from an owner who died.
        """

    @abstractmethod
    async def release(self, lease: Lease, *, context: Context) -> None:
        """Gives a key back, unless another one has followed."""

    @abstractmethod
    async def count(self, figures: Mapping[str, int], *, context: Context) -> None:
        """Adds to figures by name, for all processes together."""

    @abstractmethod
    async def stats(self, *, context: Context) -> Stats:
        """What it holds, and what was counted."""


class Check(Connector):
    """Says what is wrong with a text. What is done about it is a matter of the policy of whoever asks.

    `stages` are where it makes sense, the first one where it is asked if nobody says otherwise. `whole`: it needs the
    whole answer, so that a stream starts late where it may change or stop one; else it is asked segment by segment.
    `fixes`: it can say how the text would pass. `cumulative`: its score is of all that it has seen of a text, so that
    the last one counts, and not the worst. `cost` orders checks: rules are asked before vectors and models. One that is
    `last` is asked after all others, once more where one of them has changed the whole answer, and of the values of an
    object that are no words. `on_fail` is what is done where nobody says otherwise. `personal`: what it finds is
    personal data, and its flaws say where, so that a route may go by it.
    """

    stages: ClassVar[tuple[Stage, ...]] = ("output",)
    whole: bool = True
    fixes: bool = False
    cumulative: bool = False
    last: bool = False
    personal: bool = False
    cost: Literal["rules", "vectors", "model"] = "rules"
    on_fail: OnFail = "flag"

    def begin(self, subject: Subject) -> Check:
        """Comes once before the pieces of one text: who must remember something of it returns a check that does.

        Of an object, that check is asked for the one for its next text.
        """
        return self

    @abstractmethod
    async def check(self, subject: Subject, *, context: Context) -> Finding:
        """Whether the text passes, and else why and where."""


class Database(Connector):
    """A SQL database that keeps tables of ours. `tables` makes those that are missing; it may be run again."""

    @abstractmethod
    async def run(self, act: Callable[[Execute], T], *, tables: str, writing: bool = False, context: Context) -> T:
        """What `act` makes of them in one transaction. Tried again, it must do the same again. Raises StateError."""


class TraceSink(Connector):
    """Sends finished traces on. What it cannot send in time it drops, and says so: no answer waits for it."""

    @abstractmethod
    def take(self, trace: StoredTrace, *, tenant: str) -> None:
        """Takes a finished trace to be sent, and returns at once."""
